"""Deepgram's reply to a pre-recorded request, checked, put in order and read as what was recognised.

A reply is paid for. What is needed of it are the words, with their times and channels: they are read strictly, and a
reply without them is refused, never read as silence. Everything else costs only itself when it is missing or odd.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from callscribe.deepgram import loose_json
from callscribe.deepgram.loose_json import AmbiguousObject
from callscribe.foreign import bounded_text, finite, share
from callscribe.recognition import (
    UTTERANCE_GAP_SECONDS,
    Entity,
    InvalidReply,
    Mention,
    RecognisedUtterance,
    Recognition,
    Sentiment,
    SentimentSegment,
    ServiceSummary,
    TokenUsage,
    Word,
)

SERVICE: Final = "deepgram"
"""`ServiceSummary.service` of what Deepgram wrote."""

MAX_PARTS: Final = 10_000
"""Most segments of one feature of text intelligence that are read, and most labels in all of them: a day of talk has
fewer."""

MAX_DEEPGRAM_WARNINGS: Final = 20
"""Most of Deepgram's own warnings that are kept; they come once for each option it could not use."""

_ERROR_CODE: Final = re.compile(r"[A-Za-z][A-Za-z_ -]{0,60}")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_MAX_LANGUAGES: Final = 20
_MAX_NUMBER: Final = 1e7
_MAX_SPEAKER: Final = 9_999
_NAMED_CHANNELS: Final = 8

_Extra = TypeVar("_Extra")


def parse_reply(raw: bytes) -> Recognition:
    """Read a reply to a pre-recorded request.

    The words are read strictly: a shape that is not Deepgram's is refused, never read as silence. A channel's words
    come from where the reply has all of them: Deepgram's utterances, else its words, else its paragraphs, else the bare
    transcript. That nobody spoke is believed only where the reply says how much audio was heard and speaks of no words
    anywhere.

    Everything else (confidences, speakers, moods, topics, intents, summary, entities, token counts, names) is read as
    far as it can be, and noted in `warnings` where it cannot. Every text of the result is valid Unicode and every
    number finite.

    Raises:
        InvalidReply: the body is no transcription.
    """
    notes = _Notes()
    body = _load(raw, notes)
    _refuse_other_answers(body)
    results = _object(body["results"], "results", needs=("channels", "utterances"))
    metadata = notes.object(body.get("metadata"), "metadata")
    if not isinstance(results.get("channels"), list):
        raise InvalidReply("NoChannels", "the reply has no results.channels")
    channels = [_channel(value, index, notes) for index, value in enumerate(results["channels"])]
    if (notes.number(metadata.get("channels"), "metadata.channels", most=_MAX_NUMBER) or 0) > len(channels):
        notes.odd("channels: fewer than the reply counts")
    duration = notes.number(metadata.get("duration"), "duration", most=_MAX_NUMBER)
    heard = None if duration is None else round(max(0.0, duration), 3)
    utterances = _utterances(results, channels, heard or 0.0, notes)
    extras = _Extras(notes)
    topics, intents = extras.mentions(results, "topics", "topic"), extras.mentions(results, "intents", "intent")
    sentiments, summary = extras.sentiments(results), extras.summary(results)
    if not utterances:
        if "metadata" in notes.unread or "duration" in notes.unread:
            raise InvalidReply("UnexpectedShape", "the reply has no words, and its metadata.duration is unreadable")
        texts = [piece.text for piece in (*topics, *intents)] + [piece.text for piece in sentiments]
        if not heard or any(texts) or (summary is not None and summary.succeeded):
            raise InvalidReply("IncompleteReply", "the reply has no words, and does not say that nobody spoke")
    return Recognition(
        request_id=notes.request_id(metadata.get("request_id")),
        duration_seconds=heard,
        channel_count=len(channels),
        model=notes.name(_model_name(metadata), "model") or "",
        language=next((channel.language for channel in channels if channel.language), None),
        utterances=tuple(utterances),
        words=channels[0].words if len(channels) == 1 else (),
        entities=tuple(entity for channel in channels for entity in extras.entities(channel)),
        topics=topics,
        intents=intents,
        sentiments=sentiments,
        average_sentiment=extras.average_sentiment(results),
        summary=summary,
        usage=extras.usage(metadata),
        warnings=(*_deepgram_warnings(metadata), *notes.warnings()),
        languages=_most_spoken(channels),
    )


class _Notes:
    """Reads what is not needed, and notes what could not be read, each thing once."""

    def __init__(self) -> None:
        # As a set that keeps its order.
        self.unread: dict[str, None] = {}
        self._odd: dict[str, None] = {}

    def warnings(self) -> tuple[str, ...]:
        return (*(f"{what}: unreadable" for what in self.unread), *self._odd)

    def unreadable(self, what: str) -> None:
        self.unread[what] = None

    def odd(self, what: str) -> None:
        self._odd[what] = None

    def object(self, value: Any, what: str) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        if value is not None:
            self.unreadable(what)
        return {}

    def number(self, value: Any, what: str, *, most: float) -> float | None:
        number = finite(value, most=most)
        if number is None and value is not None:
            self.unreadable(what)
        return number

    def confidence(self, fields: Mapping[str, Any], name: str = "confidence") -> float | None:
        found = share(fields.get(name))
        if found is None and name in fields:
            self.unreadable("confidence")
        return found

    def mood(self, fields: Mapping[str, Any]) -> float | None:
        return self.number(fields.get("sentiment_score"), "sentiment_score", most=1.0)

    def speaker(self, value: Any) -> int | None:
        """Read the number of a voice; a number written as a text is noted, but still tells voices apart."""
        number = _count_or_none(value, most=_MAX_SPEAKER)
        if number is None and value is not None:
            self.unreadable("speaker")
            if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 4:
                return int(value)
        return number

    def name(self, value: Any, what: str) -> str | None:
        if isinstance(value, str):
            return bounded_text(value)
        if value is not None:
            self.unreadable(what)
        return None

    def request_id(self, value: Any) -> str:
        # It is told in logs and to the state machine, so nothing else may pass for one.
        if isinstance(value, str) and _REQUEST_ID.fullmatch(value):
            return value
        if value is not None:
            self.unreadable("request_id")
        return ""


@dataclass(frozen=True, slots=True)
class _Channel:
    index: int
    transcript: str
    confidence: float | None
    words: tuple[Word, ...]
    paragraphs: Any
    entities: Any
    language: str | None
    languages: Counter[str]


def _load(raw: bytes, notes: _Notes) -> dict[str, Any]:
    if not raw.strip():
        raise InvalidReply("EmptyReply", "the reply is empty")
    try:
        body, oddities = loose_json.read(raw)
    except (ValueError, RecursionError):
        # Not chained: the parser's error quotes the document.
        raise InvalidReply("MalformedJson", "the reply is not JSON") from None
    if not isinstance(body, dict):
        raise InvalidReply("UnexpectedShape", "the reply is not an object")
    if not body:
        raise InvalidReply("EmptyReply", "the reply is an empty object")
    for oddity in oddities:
        notes.odd(f"reply: {oddity}")
    return _object(body, "the reply", needs=("results",))


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


def _channel(value: Any, index: int, notes: _Notes) -> _Channel:
    place = f"results.channels[{index}]"
    channel = _object(value, place, needs=("alternatives",))
    alternatives = _list(channel.get("alternatives", []), f"{place}.alternatives")
    place = f"{place}.alternatives[0]"
    if alternatives:
        best = _object(alternatives[0], place, needs=("transcript", "words"))
        if "transcript" not in best and "words" not in best:
            raise InvalidReply("UnexpectedShape", f"{place} has neither transcript nor words")
    else:
        notes.odd(f"channel {index}: nothing told" if index < _NAMED_CHANNELS else "channels: nothing told of some")
        best = {}
    words = _words(best.get("words"), f"{place}.words", notes)
    transcript = best.get("transcript")
    if transcript is None and words:
        notes.unreadable("transcript")
    return _Channel(
        index=index,
        transcript=_text("" if transcript is None and words else best.get("transcript", ""), f"{place}.transcript"),
        confidence=notes.confidence(best),
        words=words,
        paragraphs=best.get("paragraphs"),
        entities=best.get("entities"),
        language=notes.name(channel.get("detected_language"), "detected_language"),
        languages=_languages(best, notes),
    )


def _languages(best: Mapping[str, Any], notes: _Notes) -> Counter[str]:
    """Count the words of each language (docs, page "Multilingual Codeswitching"); one that is only named has none."""
    words: Counter[str] = Counter()
    named = best.get("languages")
    if named is not None and not isinstance(named, list):
        notes.unreadable("languages")
    for name in named if isinstance(named, list) else ():
        if isinstance(name, str) and _LANGUAGE.fullmatch(name):
            words[name] += 0
        else:
            notes.unreadable("languages")
    for word in best.get("words") or ():
        name = word.get("language")
        if isinstance(name, str) and _LANGUAGE.fullmatch(name):
            words[name] += 1
    return words


def _most_spoken(channels: Iterable[_Channel]) -> tuple[str, ...]:
    """The languages of all channels by their words; those named first come first where nobody counts."""
    words: Counter[str] = Counter()
    for channel in channels:
        words.update(channel.languages)
    return tuple(name for name, _ in words.most_common(_MAX_LANGUAGES))


def _words(values: Any, place: str, notes: _Notes) -> tuple[Word, ...]:
    if values is None:
        return ()
    words = [_word(value, f"{place}[{index}]", notes) for index, value in enumerate(_list(values, place))]
    words.sort(key=lambda word: word.start)
    return tuple(words)


def _word(value: Any, place: str, notes: _Notes) -> Word:
    fields = _object(value, place, needs=("word", "punctuated_word", "start", "end"))
    start, end = _span(fields, place)
    punctuated = fields.get("punctuated_word")
    if punctuated is not None and not isinstance(punctuated, str):
        notes.unreadable("punctuated_word")
        punctuated = None
    return Word(
        text=_text(punctuated or fields.get("word"), f"{place}.word"),
        start=start,
        end=end,
        confidence=notes.confidence(fields),
        speaker=notes.speaker(fields.get("speaker")),
        sentiment_score=notes.mood(fields),
    )


def _utterances(
    results: dict[str, Any], channels: Sequence[_Channel], duration: float, notes: _Notes
) -> list[RecognisedUtterance]:
    """Take each channel's words from where all of them are, and order them by time."""
    values = _list(results.get("utterances") or [], "results.utterances")
    told: dict[int, list[RecognisedUtterance]] = {channel.index: [] for channel in channels}
    for index, value in enumerate(values):
        utterance = _utterance(value, f"results.utterances[{index}]", notes)
        told.setdefault(utterance.channel, []).append(utterance)
    for channel in channels:
        told[channel.index] = _fullest(channel, told[channel.index], duration, notes)
    # Deepgram orders by channel first (docs, page "Utterances").
    utterances = [utterance for said in told.values() for utterance in said if utterance.text]
    utterances.sort(key=lambda utterance: (utterance.start, utterance.end, utterance.channel))
    return utterances


def _utterance(value: Any, place: str, notes: _Notes) -> RecognisedUtterance:
    utterance = _object(value, place, needs=("channel", "start", "end", "transcript", "words"))
    start, end = _span(utterance, place)
    words = _words(utterance.get("words"), f"{place}.words", notes)
    mood = notes.mood(utterance)
    return RecognisedUtterance(
        channel=_count(utterance.get("channel", 0), f"{place}.channel"),
        speaker=notes.speaker(utterance.get("speaker")),
        text=_text(utterance.get("transcript"), f"{place}.transcript"),
        start=start,
        end=end,
        confidence=_first_known(notes.confidence(utterance), _mean_confidence(words)),
        words=words,
        sentiment=None if mood is None else Sentiment.of(mood),
    )


def _fullest(
    channel: _Channel, told: list[RecognisedUtterance], duration: float, notes: _Notes
) -> list[RecognisedUtterance]:
    """Choose the form of a channel's words: the one that says most of them by itself, of those that lack none."""
    whole = max(_letters([channel.transcript]), _letters(word.text for word in channel.words))
    if told and _letters(utterance.text for utterance in told) >= whole:
        return told
    if told:
        notes.odd("utterances: fewer words than the transcript")
    if channel.words and _letters(word.text for word in channel.words) == whole:
        return [_joined(channel, words) for words in _breaths(channel.words)]
    if channel.words:
        notes.odd("words: fewer than in the transcript")
    sentences = _sentences(channel, notes)
    if sentences and _letters(sentence.text for sentence in sentences) >= whole:
        return sentences
    if not channel.transcript:
        return []
    return [
        RecognisedUtterance(
            channel=channel.index,
            speaker=None,
            text=channel.transcript,
            start=0.0,
            end=max([duration, *(word.end for word in channel.words)]),
            confidence=channel.confidence,
            words=(),
            sentiment=None,
        )
    ]


def _letters(texts: Iterable[str]) -> int:
    """Letters and digits: what every form of the same words has in common, however it is spaced and punctuated."""
    return sum(sum(map(str.isalnum, text)) for text in texts)


def _breaths(words: tuple[Word, ...]) -> list[list[Word]]:
    """Cut where the speaker changes or pauses; a word without a speaker goes with the one before it."""
    breaths: list[list[Word]] = []
    speaker: int | None = None
    for word in words:
        changes = None not in (speaker, word.speaker) and word.speaker != speaker
        if not breaths or changes or word.start - breaths[-1][-1].end >= UTTERANCE_GAP_SECONDS:
            breaths.append([word])
        else:
            breaths[-1].append(word)
        speaker = _first_known(word.speaker, speaker)
    return breaths


def _joined(channel: _Channel, words: list[Word]) -> RecognisedUtterance:
    return RecognisedUtterance(
        channel=channel.index,
        speaker=next((word.speaker for word in words if word.speaker is not None), None),
        text=" ".join(word.text for word in words).strip(),
        start=words[0].start,
        end=max(word.end for word in words),
        confidence=_first_known(_mean_confidence(words), channel.confidence),
        words=tuple(words),
        sentiment=None,
    )


def _mean_confidence(words: Sequence[Word]) -> float | None:
    known = [word.confidence for word in words if word.confidence is not None]
    return round(sum(known) / len(known), 4) if known else None


def _sentences(channel: _Channel, notes: _Notes) -> list[RecognisedUtterance]:
    """Read Deepgram's paragraphs; where they are not as they should be, the bare transcript is left."""
    if not isinstance(channel.paragraphs, dict):
        return []
    place = f"results.channels[{channel.index}].alternatives[0].paragraphs"
    try:
        return [
            _sentence(channel, paragraph, sentence, place, notes)
            for paragraph in _list(channel.paragraphs.get("paragraphs", []), place)
            for sentence in _list(_object(paragraph, place).get("sentences", []), place)
        ]
    except InvalidReply:
        if not channel.transcript:
            raise
        notes.unreadable("paragraphs")
        return []


def _sentence(
    channel: _Channel, paragraph: dict[str, Any], value: Any, place: str, notes: _Notes
) -> RecognisedUtterance:
    sentence = _object(value, place, needs=("text", "start", "end"))
    start, end = _span(sentence, place)
    mood = notes.mood(sentence)
    return RecognisedUtterance(
        channel=channel.index,
        speaker=notes.speaker(paragraph.get("speaker")),
        text=_text(sentence.get("text"), f"{place} text"),
        start=start,
        end=end,
        confidence=channel.confidence,
        words=(),
        sentiment=None if mood is None else Sentiment.of(mood),
    )


def _model_name(metadata: dict[str, Any]) -> Any:
    """Name of the first model that has one."""
    info = metadata.get("model_info")
    if not isinstance(info, dict):
        return info
    return next((model["name"] for model in info.values() if isinstance(model, dict) and "name" in model), None)


def _deepgram_warnings(metadata: dict[str, Any]) -> tuple[str, ...]:
    """Write each warning as `parameter: type`; a warning of another shape is named without its text."""
    values = metadata.get("warnings")
    found: dict[str, None] = {}
    for value in values if isinstance(values, list) else []:
        fields = value if isinstance(value, dict) else {}
        parameter, kind = fields.get("parameter"), fields.get("type")
        about = bounded_text(parameter) if isinstance(parameter, str) else "deepgram"
        found[f"{about}: {bounded_text(kind) if isinstance(kind, str) else 'warning'}"] = None
    kept = tuple(found)[:MAX_DEEPGRAM_WARNINGS]
    return kept if len(kept) == len(found) else (*kept, f"deepgram: {len(found) - len(kept)} more warnings")


class _Extras:
    """Reads what comes on top of the words, part by part; a part that cannot be read is left out and noted."""

    def __init__(self, notes: _Notes) -> None:
        self._notes = notes

    def entities(self, channel: _Channel) -> tuple[Entity, ...]:
        def read(value: Any) -> Entity:
            return Entity(
                label=_text(value["label"], "entity"),
                value=_text(value["value"], "entity"),
                confidence=self._notes.confidence(value),
                channel=channel.index,
                start_word=_count(value["start_word"], "entity"),
                end_word=_count(value["end_word"], "entity"),
            )

        return tuple(self._parts("entities", channel.entities, read))

    def mentions(self, results: dict[str, Any], feature: str, name: str) -> tuple[Mention, ...]:
        """Topics or intents, each with the piece of the call it was found in."""

        def read(segment: Any) -> list[Mention]:
            text = _text(segment.get("text", ""), feature)
            start, end = _count(segment["start_word"], feature), _count(segment["end_word"], feature)

            def mention(value: Any) -> Mention:
                return Mention(
                    label=_text(value[name], feature),
                    confidence=self._notes.confidence(value, "confidence_score"),
                    text=text,
                    start_word=start,
                    end_word=end,
                )

            return self._parts(feature, segment[feature], mention)

        found = self._parts(feature, self._segments(results, feature), read)
        return tuple(self._first(feature, [mention for part in found for mention in part]))

    def sentiments(self, results: dict[str, Any]) -> tuple[SentimentSegment, ...]:
        def read(segment: Any) -> SentimentSegment:
            return SentimentSegment(
                sentiment=Sentiment.of(_score(segment["sentiment_score"])),
                text=_text(segment.get("text", ""), "sentiments"),
                start_word=_count(segment["start_word"], "sentiments"),
                end_word=_count(segment["end_word"], "sentiments"),
            )

        return tuple(self._parts("sentiments", self._segments(results, "sentiments"), read))

    def average_sentiment(self, results: dict[str, Any]) -> Sentiment | None:
        def read() -> Sentiment | None:
            average = (results.get("sentiments") or {}).get("average")
            return None if average is None else Sentiment.of(_score(average["sentiment_score"]))

        return self._read("sentiments.average", read, None)

    def summary(self, results: dict[str, Any]) -> ServiceSummary | None:
        def read() -> ServiceSummary | None:
            value = results.get("summary")
            if value is None:
                return None
            text = _text(value.get("short", ""), "summary")
            return ServiceSummary(service=SERVICE, succeeded=value["result"] == "success" and bool(text), text=text)

        return self._read("summary", read, None)

    def usage(self, metadata: dict[str, Any]) -> tuple[TokenUsage, ...]:
        """Tokens of each feature. Some replies tell which model a feature used and no tokens: that is no oddity."""

        def read(feature: str) -> TokenUsage | None:
            told = metadata[f"{feature}_info"]
            if told is None or not {"input_tokens", "output_tokens"} & told.keys():
                return None
            return TokenUsage(
                feature=feature,
                input_tokens=_count(told["input_tokens"], feature),
                output_tokens=_count(told["output_tokens"], feature),
            )

        features = [name for name in ("summary", "sentiment", "topics", "intents") if f"{name}_info" in metadata]
        return tuple(used for used in self._parts("token usage", features, read) if used is not None)

    def _segments(self, results: dict[str, Any], feature: str) -> Any:
        """Find the segments of topics, intents or sentiments.

        Deepgram's API reference long showed them one level deeper, as `topics.results.topics.segments`.
        """

        def read() -> Any:
            found = results.get(feature) or {}
            nested = found.get("results", {}).get(feature)
            return (found if nested is None else nested).get("segments", [])

        return self._read(feature, read, None)

    def _parts(self, what: str, values: Any, read: Callable[[Any], _Extra]) -> list[_Extra]:
        if not isinstance(values, list):
            if values is not None:
                self._notes.unreadable(what)
            return []
        found: list[_Extra] = []
        for value in self._first(what, values):
            try:
                found.append(read(value))
            except _UNREADABLE:
                self._notes.unreadable(what)
        return found

    def _first(self, what: str, values: list[_Extra]) -> list[_Extra]:
        if len(values) > MAX_PARTS:
            self._notes.odd(f"{what}: only the first {MAX_PARTS} are read")
        return values[:MAX_PARTS]

    def _read(self, what: str, read: Callable[[], _Extra], nothing: _Extra) -> _Extra:
        try:
            return read()
        except _UNREADABLE:
            self._notes.unreadable(what)
            return nothing


# What reading an object's field raises where there is no object, no such field or no such value.
_UNREADABLE: Final = (AttributeError, InvalidReply, KeyError, TypeError)


def _object(value: Any, place: str, *, needs: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return an object, which must not say twice what is needed of it."""
    if not isinstance(value, dict):
        raise InvalidReply("UnexpectedShape", f"{place} is not an object")
    if isinstance(value, AmbiguousObject) and not value.ambiguous.isdisjoint(needs):
        raise InvalidReply("UnexpectedShape", f"{place} says something twice")
    return value


def _list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidReply("UnexpectedShape", f"{place} is not a list")
    return value


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise InvalidReply("UnexpectedShape", f"{place} is not a text")
    return value.strip()


def _number(value: Any, place: str) -> float:
    number = finite(value, most=_MAX_NUMBER)
    if number is None:
        raise InvalidReply("UnexpectedShape", f"{place} is not a number")
    return number


def _span(fields: Mapping[str, Any], place: str) -> tuple[float, float]:
    """Times in seconds to the millisecond; an end before its start is moved up to it."""
    begin = round(max(0.0, _number(fields.get("start"), f"{place}.start")), 3)
    return begin, max(begin, round(_number(fields.get("end"), f"{place}.end"), 3))


def _score(value: Any) -> float:
    number = finite(value, most=1.0)
    if number is None:
        raise InvalidReply("UnexpectedShape", "a score is not between -1 and 1")
    return number


def _count(value: Any, place: str) -> int:
    number = _count_or_none(value, most=_MAX_NUMBER)
    if number is None:
        raise InvalidReply("UnexpectedShape", f"{place} is not a count")
    return number


def _count_or_none(value: Any, *, most: float) -> int | None:
    number = finite(value, most=most)
    return None if number is None or number < 0 or number != int(number) else int(number)


def _first_known(first: _Extra | None, second: _Extra | None) -> _Extra | None:
    return second if first is None else first
