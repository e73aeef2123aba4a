"""Why a recording cannot be transcribed."""


class UnusableAudio(Exception):
    """The recording cannot be transcribed; the message says what to do about it.

    Attributes:
        code: `EmptyObject`, `NotAudio`, `UnsupportedFormat`, `TruncatedAudio`, `HeaderMismatch`, `CorruptAudio`,
            `TooManyChannels`, `TooLong`, `TooShort` or `TooLarge`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def not_audio() -> UnusableAudio:
    """The object holds something else."""
    return UnusableAudio("NotAudio", "The object does not hold audio, whatever its name says.")


def unsupported(what: str) -> UnusableAudio:
    """The audio may be whole, but nothing here can read it: uploading it again would not help."""
    return UnusableAudio(
        "UnsupportedFormat", f"{what} cannot be read here. Convert the recording to WAV, FLAC, MP3 or Ogg."
    )


def truncated(announced: str, found: str) -> UnusableAudio:
    """Audio that was there is missing."""
    return UnusableAudio(
        "TruncatedAudio", f"The header announces {announced}, the object holds {found}. Upload the recording again."
    )


def header_mismatch(what: str) -> UnusableAudio:
    """The header says what cannot be."""
    return UnusableAudio(
        "HeaderMismatch", f"The header is wrong: {what}. Save the recording again with a correct header."
    )
