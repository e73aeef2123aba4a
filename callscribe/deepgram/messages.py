"""What Deepgram sends and takes on a stream: the messages, and of each only the fields used.

Whose words they are, when they were said and whether they are final must be there as documented, or the message is
malformed. Everything else costs only itself where it is odd: such a message is read again, slowly, and marked
`Repaired`. What comes out can be stored: no lone surrogates, no number that is none, no word longer than a word.

Deepgram docs, API reference "Live Audio" (`/v1/listen`), and the pages "Finalize", "Audio Keep Alive" and
"Close Stream".
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Final

import msgspec

from callscribe.foreign import bounded_text, finite, valid_text

KEEP_ALIVE: Final = '{"type":"KeepAlive"}'
FINALIZE: Final = '{"type":"Finalize"}'
FINALIZE_CHANNEL: Final = ('{"type":"Finalize","channel":0}', '{"type":"Finalize","channel":1}')
CLOSE_STREAM: Final = '{"type":"CloseStream"}'

MAX_WORD: Final = 256
"""Characters of a word; a longer one is read as several."""

_LANGUAGE: Final = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$"
_MAX_SECONDS: Final = 1e6
_MAX_ERROR: Final = 64

# So far from any call that sums and products of them are still numbers.
Seconds = Annotated[float, msgspec.Meta(ge=-_MAX_SECONDS, le=_MAX_SECONDS)]
Confidence = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Language = Annotated[str, msgspec.Meta(pattern=_LANGUAGE)]
Writing = Annotated[str, msgspec.Meta(max_length=MAX_WORD)]


class MalformedMessage(ValueError):
    """No JSON, or no telling what was said when, or whether it is final: it may have held words."""


class Repaired:
    """A message of which something was odd, and was passed over."""

    __slots__ = ()


# None of these can be part of a cycle.
class Word(msgspec.Struct, gc=False):
    """One word; seconds since the connection's first audio; `confidence` is None where it is not known."""

    word: Writing
    start: Seconds
    end: Seconds
    punctuated_word: Writing | None = None
    confidence: Confidence | None = None

    @property
    def written(self) -> str:
        """The word as it is written in a text."""
        return self.punctuated_word or self.word


class Alternative(msgspec.Struct, gc=False):
    """One reading of what was said; the first of a message is the best. `confidence` is None where it is not known."""

    transcript: str = ""
    confidence: Confidence | None = None
    words: list[Word] = []
    languages: list[Language] = []


class Channel(msgspec.Struct, gc=False):
    """What was said on one channel."""

    alternatives: list[Alternative] = []


class Results(msgspec.Struct, tag="Results", gc=False):
    """Words of one channel, interim or final; `start` and `duration` in seconds of this connection's audio."""

    channel_index: list[int]
    start: Seconds
    duration: Seconds
    channel: Channel = msgspec.field(default_factory=Channel)
    is_final: bool = False
    speech_final: bool = False
    metadata: msgspec.Raw = msgspec.Raw(b"{}")

    @property
    def model(self) -> str:
        """Name of the model that heard this; "" where the message does not tell. Read apart: words matter more."""
        try:
            return bounded_text(_about.decode(self.metadata).model_info.name)
        except msgspec.DecodeError:
            return ""


class RepairedResults(Repaired, Results, tag="Results", gc=False):
    """Results with something odd beside the words."""


class ModelInfo(msgspec.Struct, frozen=True, gc=False):
    """The model in use."""

    name: str = ""


class About(msgspec.Struct, gc=False):
    """What a message of results tells of itself."""

    model_info: ModelInfo = ModelInfo()


class Metadata(msgspec.Struct, tag="Metadata", gc=False):
    """The last message of a stream; `duration` is what Deepgram received, in seconds."""

    duration: Seconds | None = None


class RepairedMetadata(Repaired, Metadata, tag="Metadata", gc=False):
    """Metadata without a usable duration."""


class Error(msgspec.Struct, tag="Error", gc=False):
    """Something sent was not understood; its texts may repeat what was sent, so they are not read."""

    code: str | None = None
    variant: str | None = None

    @property
    def name(self) -> str:
        """Deepgram's name of the mistake, such as `SchemaError`; "" for what is no name."""
        names = (name for name in (self.code, self.variant) if name and len(name) <= _MAX_ERROR and name.isidentifier())
        return next(names, "")


class RepairedError(Repaired, Error, tag="Error", gc=False):
    """An error without a usable name."""


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

_OTHERS: Final[dict[str, type[UtteranceEnd | SpeechStarted | ConfigureSuccess | ConfigureFailure]]] = {
    "UtteranceEnd": UtteranceEnd,
    "SpeechStarted": SpeechStarted,
    "ConfigureSuccess": ConfigureSuccess,
    "ConfigureFailure": ConfigureFailure,
}
_message: Final[msgspec.json.Decoder[Message]] = msgspec.json.Decoder(Message)
_about: Final = msgspec.json.Decoder(About)


def decode(data: bytes) -> Message | Unknown:
    """Read one message.

    Raises:
        MalformedMessage: it cannot be told what the message says.
    """
    try:
        return _message.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _repaired(data)


def _repaired(data: bytes) -> Message | Unknown:
    """Read a message that is not as documented; twenty times slower."""
    try:
        # Unlike msgspec's reader this one takes NaN, lone surrogates and numbers of any size.
        message = json.loads(data)
    except (ValueError, RecursionError):
        raise MalformedMessage("a message is no JSON") from None
    kind = message.get("type") if isinstance(message, dict) else None
    if not isinstance(kind, str):
        raise MalformedMessage("a message is no JSON object with a type")
    match kind:
        case "Results":
            return _results(message)
        case "Metadata":
            return RepairedMetadata(duration=finite(message.get("duration"), most=_MAX_SECONDS))
        case "Error":
            return RepairedError(code=_text(message.get("code")), variant=_text(message.get("variant")))
        case _:
            other = _OTHERS.get(kind)
            return Unknown(kind) if other is None else other()


def _results(message: dict[str, Any]) -> RepairedResults:
    index = _list(message, "channel_index")
    if not index or type(index[0]) is not int:
        raise MalformedMessage("a result does not say of which channel it is")
    is_final = message.get("is_final", False)
    if not isinstance(is_final, bool):
        raise MalformedMessage("a result does not say whether it is final")
    metadata = message.get("metadata")
    about = metadata.get("model_info") if isinstance(metadata, dict) else None
    model = _text(about.get("name")) if isinstance(about, dict) else None
    return RepairedResults(
        channel_index=[index[0]],
        start=_seconds(message, "start"),
        duration=_seconds(message, "duration"),
        channel=Channel([_alternative(best) for best in _list(_object(message, "channel"), "alternatives")[:1]]),
        is_final=is_final,
        speech_final=message.get("speech_final") is True,
        metadata=msgspec.Raw(msgspec.json.encode({"model_info": {"name": model or ""}})),
    )


def _alternative(value: Any) -> Alternative:
    if value is None:
        return Alternative()
    if not isinstance(value, dict):
        raise MalformedMessage("an alternative is no object")
    transcript = value.get("transcript")
    if not isinstance(transcript, str | None):
        raise MalformedMessage("a transcript is no text")
    return Alternative(
        transcript=_text(transcript) or "",
        confidence=_confidence(value),
        words=[part for word in _list(value, "words") for part in _words(word)],
        languages=_languages(value.get("languages")),
    )


def _languages(value: Any) -> list[str]:
    names = value if isinstance(value, list) else []
    return [name for name in names if isinstance(name, str) and re.fullmatch(_LANGUAGE, name)]


def _words(value: Any) -> list[Word]:
    """Read one word; several where it is longer than a word can be."""
    word = _text(value.get("word")) if isinstance(value, dict) else None
    if word is None:
        raise MalformedMessage("a word is no word")
    written = _text(value.get("punctuated_word")) or word
    start, end, confidence = _time(value, "start"), _time(value, "end"), _confidence(value)
    if len(written) <= MAX_WORD:
        return [Word(word[:MAX_WORD], start, end, written, confidence)]
    parts = [written[at : at + MAX_WORD] for at in range(0, len(written), MAX_WORD)]
    return [Word(part, start, end, None, confidence) for part in parts]


def _object(message: dict[str, Any], name: str) -> dict[str, Any]:
    """Return an object; an empty one where there is none."""
    value = message.get(name)
    if not isinstance(value, dict | None):
        raise MalformedMessage(f"{name} is no object")
    return value or {}


def _list(message: dict[str, Any], name: str) -> list[Any]:
    """Return a list; an empty one where there is none."""
    value = message.get(name)
    if not isinstance(value, list | None):
        raise MalformedMessage(f"{name} is no list")
    return value or []


def _seconds(message: dict[str, Any], name: str) -> float:
    seconds = finite(message.get(name), most=_MAX_SECONDS)
    if seconds is None:
        raise MalformedMessage(f"{name} is no time")
    return seconds


def _time(word: dict[str, Any], name: str) -> float:
    """Return when a word begins or ends; a time beyond any call is as far away as a time can be."""
    value = word.get(name)
    if isinstance(value, int | float) and abs(value) > _MAX_SECONDS:
        return _MAX_SECONDS if value > 0 else -_MAX_SECONDS
    return _seconds(word, name)


def _confidence(message: dict[str, Any]) -> float | None:
    confidence = finite(message.get("confidence"), most=1.0)
    return None if confidence is None or confidence < 0 else confidence


def _text(value: Any) -> str | None:
    """Return a text that can be written as UTF-8; `None` for what is no text."""
    return valid_text(value) if isinstance(value, str) else None
