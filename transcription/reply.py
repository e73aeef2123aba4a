"""Deepgram's reply to a pre-recorded request, checked and put in order."""

from dataclasses import dataclass

from transcription.conversation import Sentiment


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

    Raises:
        InvalidReply: the body is no transcription.
    """
    raise NotImplementedError
