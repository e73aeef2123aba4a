"""What Deepgram sends and takes on a stream: the messages, and of each only the fields used.

Deepgram docs, API reference "Live Audio" (`/v1/listen`), and the pages "Finalize", "Audio Keep Alive" and
"Close Stream".
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

KEEP_ALIVE: Final = '{"type":"KeepAlive"}'
FINALIZE: Final = '{"type":"Finalize"}'
CLOSE_STREAM: Final = '{"type":"CloseStream"}'


# So far from any call that sums and products of them are still numbers.
Seconds = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]


class MalformedMessage(ValueError):
    """No JSON, or a message whose fields have other types than documented: it may have held results."""


# None of these can be part of a cycle.
class Word(msgspec.Struct, gc=False):
    """One word; seconds since the connection's first audio."""

    word: str
    start: Seconds
    end: Seconds
    punctuated_word: str | None = None

    @property
    def written(self) -> str:
        """The word as it is written in a text."""
        return self.punctuated_word or self.word


class Alternative(msgspec.Struct, gc=False):
    """One reading of what was said; the first of a message is the best."""

    transcript: str
    confidence: float = 0.0
    words: list[Word] = []


class Channel(msgspec.Struct, gc=False):
    """What was said on one channel."""

    alternatives: list[Alternative]


class Results(msgspec.Struct, tag="Results", gc=False):
    """Words of one channel, interim or final; `start` and `duration` in seconds of this connection's audio."""

    channel_index: list[int]
    start: Seconds
    duration: Seconds
    channel: Channel
    is_final: bool = False
    speech_final: bool = False
    metadata: msgspec.Raw = msgspec.Raw(b"{}")

    @property
    def model(self) -> str:
        """Name of the model that heard this; "" where the message does not tell. Read apart: words matter more."""
        try:
            return _about.decode(self.metadata).model_info.name
        except msgspec.DecodeError:
            return ""


class ModelInfo(msgspec.Struct, frozen=True, gc=False):
    """The model in use."""

    name: str = ""


class About(msgspec.Struct, gc=False):
    """What a message of results tells of itself."""

    model_info: ModelInfo = ModelInfo()


class Metadata(msgspec.Struct, tag="Metadata", gc=False):
    """The last message of a stream; `duration` is what Deepgram received, in seconds."""

    duration: Seconds | None = None


class Error(msgspec.Struct, tag="Error", gc=False):
    """Something sent was not understood; its texts may repeat what was sent, so they are not read."""

    code: str | None = None
    variant: str | None = None

    @property
    def name(self) -> str:
        """Deepgram's name of the mistake, such as `SchemaError`; "" for what is no name."""
        return next((name for name in (self.code, self.variant) if name and name.isidentifier()), "")


class UtteranceEnd(msgspec.Struct, tag="UtteranceEnd", gc=False):
    """A pause; nothing that the final results do not say."""


class SpeechStarted(msgspec.Struct, tag="SpeechStarted", gc=False):
    """Somebody began to speak; nothing that the results do not say."""


class ConfigureSuccess(msgspec.Struct, tag="ConfigureSuccess", gc=False):
    """Answer to a message that is never sent."""


class ConfigureFailure(msgspec.Struct, tag="ConfigureFailure", gc=False):
    """Answer to a message that is never sent."""


class Unknown(msgspec.Struct, gc=False):
    """A message of a type that came after this was written."""

    type: str


Message = (
    Results | Metadata | Error | UtteranceEnd | SpeechStarted | ConfigureSuccess | ConfigureFailure
)  # by its field `type`

_KNOWN: Final = frozenset(
    {"Results", "Metadata", "Error", "UtteranceEnd", "SpeechStarted", "ConfigureSuccess", "ConfigureFailure"}
)
_message: Final[msgspec.json.Decoder[Message]] = msgspec.json.Decoder(Message)
_type: Final = msgspec.json.Decoder(Unknown)
_about: Final = msgspec.json.Decoder(About)


def decode(data: bytes) -> Message | Unknown:
    """Read one message.

    Raises:
        MalformedMessage: it cannot be told what the message says.
    """
    try:
        return _message.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _of_unknown_type(data)


def _of_unknown_type(data: bytes) -> Unknown:
    try:
        message = _type.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedMessage("a message is no JSON object with a type") from None
    if message.type in _KNOWN:
        raise MalformedMessage(f"a message of type {message.type} has fields of other types")
    return message
