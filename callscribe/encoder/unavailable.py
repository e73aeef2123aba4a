"""What is said where the encoder cannot be used."""


class EncoderUnavailable(RuntimeError):
    """The encoder cannot be used; the message says what is missing and how to get it."""
