"""Deepgram's reply to a pre-recorded request, checked and put in order."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Never, TypeVar

from transcription.conversation import Sentiment

UTTERANCE_GAP_SECONDS: Final = 0.8
"""Pause that ends an utterance: Deepgram's own default (docs, page "Utterance Split")."""

_ERROR_CODE: Final = re.compile(r"[A-Za-z][A-Za-z_ -]{0,60}")
_MAX_NUMBER: Final = 1e7

_Extra = TypeVar("_Extra")
_Default = TypeVar("_Default", str, None)


class InvalidReply(Exception):
    """The body is no transcription. The message names the place, never the words.

    Attributes:
        code: `EmptyReply`, `MalformedJson`, `ErrorReply`, `AcceptedOnly`, `NoResults`, `NoChannels`,
            `IncompleteReply` or `UnexpectedShape`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word; times in seconds, sentiment_score -1 to 1 where Deepgram gave one."""

    text: str
    start: float
    end: float
    confidence: float
    speaker: int | None
    sentiment_score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyUtterance:
    """One utterance as Deepgram cut it, or as it was put together from words or paragraphs."""

    channel: int
    speaker: int | None
    text: str
    start: float
    end: float
    confidence: float
    words: tuple[Word, ...]
    sentiment: Sentiment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """Something named in the call; the word indexes count within the channel, end_word is exclusive."""

    label: str
    value: str
    confidence: float
    channel: int
    start_word: int
    end_word: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A topic or intent found in a piece of the call; the word indexes are inclusive."""

    label: str
    confidence: float
    text: str
    start_word: int
    end_word: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SentimentSegment:
    """The mood of a piece of the call; the word indexes are inclusive."""

    sentiment: Sentiment
    text: str
    start_word: int
    end_word: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplySummary:
    """Deepgram's summary: `succeeded` False means text explains why there is none."""

    succeeded: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """Tokens one intelligence feature (`summary`, `sentiment`, `topics`, `intents`) used."""

    feature: str
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply of any shape, put in order.

    Attributes:
        request_id: Deepgram's name of the request; "" where the reply has none.
        duration_seconds: audio Deepgram heard; None where the reply does not say.
        channel_count: channels Deepgram transcribed.
        model: name of the model that answered; "" where the reply has none.
        language: language Deepgram detected; None unless detection was asked for.
        utterances: in order of time over all channels; empty where nobody spoke.
        words: words of the only channel in order of time, which the indexes of topics, intents and sentiments of a
            mono reply count; empty for several channels, where Deepgram does not document what they count.
        entities: entities of all channels.
        topics: topics as Deepgram segmented them.
        intents: intents as Deepgram segmented them.
        sentiments: moods as Deepgram segmented them.
        average_sentiment: mood of the whole call.
        summary: None unless a summary was asked for.
        usage: tokens, by intelligence feature.
        warnings: Deepgram's warnings, and parts of the reply that could not be read.
    """

    request_id: str
    duration_seconds: float | None
    channel_count: int
    model: str
    language: str | None
    utterances: tuple[ReplyUtterance, ...]
    words: tuple[Word, ...]
    entities: tuple[Entity, ...]
    topics: tuple[Mention, ...]
    intents: tuple[Mention, ...]
    sentiments: tuple[SentimentSegment, ...]
    average_sentiment: Sentiment | None
    summary: ReplySummary | None
    usage: tuple[TokenUsage, ...]
    warnings: tuple[str, ...]


def parse_reply(raw: bytes) -> Reply:
    """Read a reply to a pre-recorded request.

    The words are read strictly: a shape that is not Deepgram's is refused, never read as silence. An empty transcript
    is believed only where the reply says how much audio was heard. What comes on top (topics, intents, sentiments,
    summary, entities, token counts) is read as far as it can be, and noted in `warnings` where it cannot.

    Raises:
        InvalidReply: the body is no transcription.
    """
    body = _load(raw)
    _refuse_other_answers(body)
    results = _object(body["results"], "results")
    metadata = _object(body.get("metadata", {}), "metadata")
    if not isinstance(results.get("channels"), list):
        raise InvalidReply("NoChannels", "the reply has no results.channels")
    channels = [_channel(value, index) for index, value in enumerate(results["channels"])]
    duration = _optional_number(metadata.get("duration"), "metadata.duration")
    utterances = _utterances(results, channels, duration or 0.0)
    if not utterances and not duration:
        raise InvalidReply("IncompleteReply", "the reply has neither words nor a duration of the audio heard")
    extras = _Extras()
    return Reply(
        request_id=_text_or(metadata.get("request_id"), ""),
        duration_seconds=duration,
        channel_count=len(channels),
        model=_model_name(metadata),
        language=next((channel.language for channel in channels if channel.language), None),
        utterances=tuple(utterances),
        words=channels[0].words if len(channels) == 1 else (),
        entities=tuple(entity for channel in channels for entity in extras.entities(channel)),
        topics=extras.mentions(results, "topics", "topic"),
        intents=extras.mentions(results, "intents", "intent"),
        sentiments=extras.sentiments(results),
        average_sentiment=extras.average_sentiment(results),
        summary=extras.summary(results),
        usage=extras.usage(metadata),
        warnings=(*_deepgram_warnings(metadata), *extras.warnings),
    )


@dataclass(frozen=True, slots=True)
class _Channel:
    index: int
    transcript: str
    confidence: float
    words: tuple[Word, ...]
    paragraphs: Any
    entities: Any
    language: str | None


def _load(raw: bytes) -> dict[str, Any]:
    if not raw.strip():
        raise InvalidReply("EmptyReply", "the reply is empty")
    try:
        body = json.loads(raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        # Not chained: the parser's error quotes the document.
        raise InvalidReply("MalformedJson", "the reply is not JSON") from None
    if not isinstance(body, dict):
        raise InvalidReply("UnexpectedShape", "the reply is not an object")
    if not body:
        raise InvalidReply("EmptyReply", "the reply is an empty object")
    return body


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


def _refuse_other_answers(body: dict[str, Any]) -> None:
    """Errors and acknowledgements may arrive with status 200, as in callbacks."""
    if "results" in body:
        return
    code = body.get("err_code") or body.get("category")
    if code or "err_msg" in body:
        # Deepgram's codes are single words or "Bad Request"; anything else is not repeated.
        known = code if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else "unnamed"
        raise InvalidReply("ErrorReply", f"the reply is an error: {known}")
    if "request_id" in body:
        raise InvalidReply("AcceptedOnly", "the reply only says that the request was accepted")
    raise InvalidReply("NoResults", "the reply has no results")


def _channel(value: Any, index: int) -> _Channel:
    place = f"results.channels[{index}]"
    channel = _object(value, place)
    alternatives = _list(channel.get("alternatives", []), f"{place}.alternatives")
    best = _object(alternatives[0], f"{place}.alternatives[0]") if alternatives else {}
    place = f"{place}.alternatives[0]"
    words = _words(best.get("words") or [], f"{place}.words")
    return _Channel(
        index=index,
        transcript=_text(best.get("transcript", ""), f"{place}.transcript").strip(),
        confidence=_share(best.get("confidence", 0.0), f"{place}.confidence"),
        words=words,
        paragraphs=best.get("paragraphs"),
        entities=best.get("entities"),
        language=_text_or(channel.get("detected_language"), None),
    )


def _words(values: Any, place: str) -> tuple[Word, ...]:
    words = [_word(value, place, index) for index, value in enumerate(_list(values, place))]
    words.sort(key=lambda word: word.start)
    return tuple(words)


def _word(value: Any, place: str, index: int) -> Word:
    try:
        start, end = value["start"], value["end"]
        text = value.get("punctuated_word") or value["word"]
        confidence = value.get("confidence", 0.0)
        speaker = value.get("speaker")
        mood = value.get("sentiment_score")
    except (AttributeError, IndexError, KeyError, TypeError):
        raise InvalidReply("UnexpectedShape", f"{place}[{index}] is no word") from None
    place = f"{place}[{index}]"
    start, end = _span(start, end, place)
    return Word(
        text=_text(text, f"{place}.word"),
        start=start,
        end=end,
        confidence=_share(confidence, f"{place}.confidence"),
        speaker=_speaker(speaker, place),
        sentiment_score=None if mood is None else _number(mood, f"{place}.sentiment_score"),
    )


def _utterances(results: dict[str, Any], channels: list[_Channel], duration: float) -> list[ReplyUtterance]:
    """Take Deepgram's utterances, or put them together channel by channel, and order them by time."""
    values = _list(results.get("utterances") or [], "results.utterances")
    utterances = [_utterance(value, f"results.utterances[{index}]") for index, value in enumerate(values)]
    told = {utterance.channel for utterance in utterances}
    for channel in channels:
        if channel.index not in told:
            utterances.extend(_put_together(channel, duration))
    # Deepgram orders by channel first (docs, page "Utterances").
    utterances = [utterance for utterance in utterances if utterance.text]
    utterances.sort(key=lambda utterance: (utterance.start, utterance.end, utterance.channel))
    return utterances


def _utterance(value: Any, place: str) -> ReplyUtterance:
    utterance = _object(value, place)
    start, end = _span(utterance.get("start"), utterance.get("end"), place)
    words = _words(utterance.get("words") or [], f"{place}.words")
    return ReplyUtterance(
        channel=_count(utterance.get("channel", 0), f"{place}.channel"),
        speaker=_speaker(utterance.get("speaker"), place),
        text=_text(utterance.get("transcript"), f"{place}.transcript").strip(),
        start=start,
        end=end,
        confidence=_share(utterance.get("confidence", 0.0), f"{place}.confidence"),
        words=words,
        sentiment=_mood(utterance),
    )


def _put_together(channel: _Channel, duration: float) -> list[ReplyUtterance]:
    if channel.words:
        return [_joined(channel.index, words) for words in _breaths(channel.words)]
    sentences = _sentences(channel)
    if sentences:
        return sentences
    if not channel.transcript:
        return []
    return [
        ReplyUtterance(
            channel=channel.index,
            speaker=None,
            text=channel.transcript,
            start=0.0,
            end=duration,
            confidence=channel.confidence,
            words=(),
            sentiment=None,
        )
    ]


def _breaths(words: tuple[Word, ...]) -> list[list[Word]]:
    """Cut where the speaker changes or pauses."""
    breaths: list[list[Word]] = []
    for word in words:
        last = breaths[-1][-1] if breaths else None
        if last is None or word.speaker != last.speaker or word.start - last.end >= UTTERANCE_GAP_SECONDS:
            breaths.append([word])
        else:
            breaths[-1].append(word)
    return breaths


def _joined(channel: int, words: list[Word]) -> ReplyUtterance:
    return ReplyUtterance(
        channel=channel,
        speaker=words[0].speaker,
        text=" ".join(word.text for word in words).strip(),
        start=words[0].start,
        end=max(word.end for word in words),
        confidence=round(sum(word.confidence for word in words) / len(words), 4),
        words=tuple(words),
        sentiment=None,
    )


def _sentences(channel: _Channel) -> list[ReplyUtterance]:
    if not isinstance(channel.paragraphs, dict):
        return []
    found = []
    place = f"results.channels[{channel.index}].alternatives[0].paragraphs.paragraphs"
    for number, value in enumerate(_list(channel.paragraphs.get("paragraphs", []), place)):
        paragraph = _object(value, f"{place}[{number}]")
        for index, sentence in enumerate(_list(paragraph.get("sentences", []), f"{place}[{number}].sentences")):
            here = f"{place}[{number}].sentences[{index}]"
            fields = _object(sentence, here)
            start, end = _span(fields.get("start"), fields.get("end"), here)
            found.append(
                ReplyUtterance(
                    channel=channel.index,
                    speaker=_speaker(paragraph.get("speaker"), here),
                    text=_text(fields.get("text"), f"{here}.text").strip(),
                    start=start,
                    end=end,
                    confidence=channel.confidence,
                    words=(),
                    sentiment=_mood(fields),
                )
            )
    return found


def _model_name(metadata: dict[str, Any]) -> str:
    info = metadata.get("model_info")
    names = [model.get("name") for model in info.values() if isinstance(model, dict)] if isinstance(info, dict) else []
    return next((name for name in names if isinstance(name, str)), "")


def _deepgram_warnings(metadata: dict[str, Any]) -> Iterator[str]:
    """Write each warning as `parameter: type`; a warning of another shape is named without its text."""
    warnings = metadata.get("warnings")
    for warning in warnings if isinstance(warnings, list) else []:
        fields = warning if isinstance(warning, dict) else {}
        yield f"{_text_or(fields.get('parameter'), 'deepgram')}: {_text_or(fields.get('type'), 'warning')}"


class _Extras:
    """Reads what comes on top of the words; what cannot be read is left out and noted."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def entities(self, channel: _Channel) -> tuple[Entity, ...]:
        def read() -> tuple[Entity, ...]:
            return tuple(
                Entity(
                    label=_text(value["label"], "entity"),
                    value=_text(value["value"], "entity").strip(),
                    confidence=_share(value.get("confidence", 0.0), "entity"),
                    channel=channel.index,
                    start_word=_count(value["start_word"], "entity"),
                    end_word=_count(value["end_word"], "entity"),
                )
                for value in channel.entities or []
            )

        return self._read("entities", read, ())

    def mentions(self, results: dict[str, Any], feature: str, name: str) -> tuple[Mention, ...]:
        """Topics or intents, each with the piece of the call it was found in."""

        def read() -> tuple[Mention, ...]:
            return tuple(
                Mention(
                    label=_text(value[name], feature),
                    confidence=_share(value.get("confidence_score", 0.0), feature),
                    text=_text(segment.get("text", ""), feature),
                    start_word=_count(segment["start_word"], feature),
                    end_word=_count(segment["end_word"], feature),
                )
                for segment in _segments(results, feature)
                for value in segment[feature]
            )

        return self._read(feature, read, ())

    def sentiments(self, results: dict[str, Any]) -> tuple[SentimentSegment, ...]:
        def read() -> tuple[SentimentSegment, ...]:
            return tuple(
                SentimentSegment(
                    sentiment=Sentiment.of(_number(segment["sentiment_score"], "sentiments")),
                    text=_text(segment.get("text", ""), "sentiments"),
                    start_word=_count(segment["start_word"], "sentiments"),
                    end_word=_count(segment["end_word"], "sentiments"),
                )
                for segment in _segments(results, "sentiments")
            )

        return self._read("sentiments", read, ())

    def average_sentiment(self, results: dict[str, Any]) -> Sentiment | None:
        def read() -> Sentiment | None:
            average = (results.get("sentiments") or {}).get("average")
            return None if average is None else Sentiment.of(_number(average["sentiment_score"], "sentiments"))

        return self._read("sentiments.average", read, None)

    def summary(self, results: dict[str, Any]) -> ReplySummary | None:
        def read() -> ReplySummary | None:
            value = results.get("summary")
            if value is None:
                return None
            text = _text(value.get("short", ""), "summary").strip()
            return ReplySummary(succeeded=value["result"] == "success" and bool(text), text=text)

        return self._read("summary", read, None)

    def usage(self, metadata: dict[str, Any]) -> tuple[TokenUsage, ...]:
        def read() -> tuple[TokenUsage, ...]:
            return tuple(
                TokenUsage(
                    feature=feature,
                    input_tokens=_count(metadata[f"{feature}_info"]["input_tokens"], feature),
                    output_tokens=_count(metadata[f"{feature}_info"]["output_tokens"], feature),
                )
                for feature in ("summary", "sentiment", "topics", "intents")
                if f"{feature}_info" in metadata
            )

        return self._read("token usage", read, ())

    def _read(self, what: str, read: Callable[[], _Extra], nothing: _Extra) -> _Extra:
        try:
            return read()
        except (AttributeError, InvalidReply, KeyError, TypeError):
            self.warnings.append(f"{what}: unreadable")
            return nothing


def _segments(results: dict[str, Any], feature: str) -> list[Any]:
    """Find the segments of topics, intents or sentiments.

    Deepgram's API reference long showed them one level deeper, as `topics.results.topics.segments`.
    """
    found = results.get(feature) or {}
    nested = found.get("results", {}).get(feature)
    return list((found if nested is None else nested).get("segments", []))


def _mood(fields: dict[str, Any]) -> Sentiment | None:
    """Sentences and utterances carry a mood of their own in some replies."""
    score = fields.get("sentiment_score")
    return Sentiment.of(score) if isinstance(score, int | float) and -1 <= score <= 1 else None


def _object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidReply("UnexpectedShape", f"{place} is not an object")
    return value


def _list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidReply("UnexpectedShape", f"{place} is not a list")
    return value


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise InvalidReply("UnexpectedShape", f"{place} is not a text")
    return value


def _text_or(value: Any, default: _Default) -> str | _Default:
    return value if isinstance(value, str) else default


def _number(value: Any, place: str) -> float:
    # bool is an int in Python, not in JSON.
    if type(value) not in (int, float) or not abs(value) <= _MAX_NUMBER:
        raise InvalidReply("UnexpectedShape", f"{place} is not a number")
    return float(value)


def _optional_number(value: Any, place: str) -> float | None:
    return None if value is None else round(max(0.0, _number(value, place)), 3)


def _span(start: Any, end: Any, place: str) -> tuple[float, float]:
    """Times in seconds to the millisecond; an end before its start is moved up to it."""
    begin = round(max(0.0, _number(start, f"{place}.start")), 3)
    return begin, max(begin, round(_number(end, f"{place}.end"), 3))


def _share(value: Any, place: str) -> float:
    return round(min(1.0, max(0.0, _number(value, place))), 4)


def _count(value: Any, place: str) -> int:
    number = _number(value, place)
    if number < 0 or number != int(number):
        raise InvalidReply("UnexpectedShape", f"{place} is not a count")
    return int(number)


def _speaker(value: Any, place: str) -> int | None:
    return None if value is None else _count(value, f"{place}.speaker")
