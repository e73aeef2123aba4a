"""Why a session ends before its call does."""

from callscribe.failures import SafeError


class DeepgramRefused(SafeError):
    """Deepgram will not transcribe this call, however often it is asked."""


class DeepgramUnavailable(SafeError):
    """Deepgram could not be used for longer than a call can wait; a later attempt may succeed."""
