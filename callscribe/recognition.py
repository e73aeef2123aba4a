"""What a speech service heard: the words with their places, and what the service made of them.

Nothing here is of one vendor's making. A vendor's own replies and messages are read into these types by its package,
such as `callscribe.deepgram`; who speaks, how the call went and what is stored are concluded from them alone.

Times are seconds from the beginning of the audio, confidences lie between 0 and 1, and None stands for what the service
did not say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

import msgspec

from callscribe.cost import Cost

LABEL_THRESHOLD: Final = 0.3333
"""Scores above this are positive, below its negative are negative (Deepgram docs, page "Sentiment Analysis")."""

UTTERANCE_GAP_SECONDS: Final = 0.8
"""Pause that ends an utterance; Deepgram's own default (docs, page "Utterance Split")."""

OptionsRecord: TypeAlias = Mapping[str, Any]
"""What was asked for one transcript, as noted then: the options by name, in the types of JSON, and `vocabulary_terms`,
the number of terms that the service was told to expect.

It is never checked, for it tells of the past. An option that is not in it is unknown; one that this code does not know
is kept.
"""


class InvalidReply(Exception):
    """A service's reply is no transcription. The message names the place, never the words.

    Attributes:
        code: What is wrong with it, such as `EmptyReply`, `MalformedJson`, `ErrorReply`, `AcceptedOnly`, `NoResults`,
            `NoChannels`, `IncompleteReply` or `UnexpectedShape`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SentimentLabel(StrEnum):
    """The three labels of a mood."""

    POSITIVE = "positive"
    NEUTRAL = "neutral"
    NEGATIVE = "negative"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentiment:
    """A mood.

    Attributes:
        label: Positive, neutral or negative.
        score: -1 (negative) to 1 (positive).
    """

    label: SentimentLabel
    score: float

    @classmethod
    def of(cls, score: float) -> "Sentiment":
        """Label a score; it is kept to four decimals."""
        if score > LABEL_THRESHOLD:
            label = SentimentLabel.POSITIVE
        elif score < -LABEL_THRESHOLD:
            label = SentimentLabel.NEGATIVE
        else:
            label = SentimentLabel.NEUTRAL
        return cls(label=label, score=round(score, 4))


class Word(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One word.

    Attributes:
        text: The word as it stands in a text, with its punctuation.
        start: Where it begins, in seconds.
        end: Where it ends, in seconds.
        confidence: How sure the service is of it.
        speaker: Number of the voice, where voices were told apart.
        sentiment_score: Mood of the word, -1 to 1.
    """

    text: str
    start: float
    end: float
    confidence: float | None = None
    speaker: int | None = None
    sentiment_score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognisedUtterance:
    """What one voice says without a pause.

    Attributes:
        channel: Audio channel, counted from 0.
        speaker: Number of the voice, where voices were told apart.
        text: The words as the service formatted them.
        start: Where it begins, in seconds.
        end: Where it ends, in seconds.
        confidence: How sure the service is of the words.
        words: The single words in order; empty where they are not known.
        sentiment: Mood of the utterance.
    """

    channel: int
    speaker: int | None = None
    text: str
    start: float
    end: float
    confidence: float | None = None
    words: tuple[Word, ...] = ()
    sentiment: Sentiment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """Something named in the call.

    Attributes:
        label: Kind of the thing.
        value: What was said.
        confidence: How sure the service is of it.
        channel: Audio channel, counted from 0.
        start_word: Index of its first word within the channel.
        end_word: Index after its last word.
    """

    label: str
    value: str
    confidence: float | None
    channel: int
    start_word: int
    end_word: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A topic or intent found in a piece of the call.

    Attributes:
        label: The topic or intent.
        confidence: How sure the service is of it.
        text: The piece of the call.
        start_word: Index of its first word; see `Recognition.words`.
        end_word: Index of its last word, inclusive.
    """

    label: str
    confidence: float | None
    text: str
    start_word: int
    end_word: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SentimentSegment:
    """The mood of a piece of the call.

    Attributes:
        sentiment: The mood.
        text: The piece of the call.
        start_word: Index of its first word; see `Recognition.words`.
        end_word: Index of its last word, inclusive.
    """

    sentiment: Sentiment
    text: str
    start_word: int
    end_word: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSummary:
    """The summary that the service wrote.

    Attributes:
        service: Name of the service in small letters, such as `deepgram`.
        succeeded: Whether it wrote one; otherwise the text may say why not.
        text: The summary.
    """

    service: str
    succeeded: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """Tokens that are billed for one feature.

    Attributes:
        feature: `summary`, `sentiment`, `topics` or `intents`.
        input_tokens: Tokens read.
        output_tokens: Tokens written.
    """

    feature: str
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """What a speech service heard in one recording or call.

    Attributes:
        request_id: The service's name of the request; "" where there is none, or more than one.
        duration_seconds: Audio that the service heard; None where it does not say.
        channel_count: Channels that it transcribed, each by itself.
        model: Name of the model that answered; "" where it is not told.
        language: Language that the service detected; None unless detection was asked for.
        languages: Languages that it heard, the one of most words first; empty unless it was asked for several.
        utterances: In order of time over all channels; empty where nobody spoke.
        words: Words of the only channel in order of time, which the indexes of topics, intents and sentiments count;
            empty for several channels, where nothing is known about what they count.
        entities: What was named, in all channels.
        topics: Topics, each with its piece of the call.
        intents: Intents, each with its piece of the call.
        sentiments: Moods, each with its piece of the call.
        average_sentiment: Mood of the whole call.
        summary: None unless a summary was asked for.
        usage: Tokens that are billed, by feature.
        warnings: The service's own warnings, and what of its answer could not be read, each named once.
    """

    request_id: str = ""
    duration_seconds: float | None
    channel_count: int
    model: str = ""
    language: str | None = None
    languages: tuple[str, ...] = ()
    utterances: tuple[RecognisedUtterance, ...]
    words: tuple[Word, ...] = ()
    entities: tuple[Entity, ...] = ()
    topics: tuple[Mention, ...] = ()
    intents: tuple[Mention, ...] = ()
    sentiments: tuple[SentimentSegment, ...] = ()
    average_sentiment: Sentiment | None = None
    summary: ServiceSummary | None = None
    usage: tuple[TokenUsage, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked of a speech service for one transcript.

    Attributes:
        options: What is noted with the transcript.
        model: Name of the model asked for.
        language: Language asked for, as the service names it.
        separate_channels: Whether each channel was to be transcribed by itself.
    """

    options: OptionsRecord
    model: str
    language: str
    separate_channels: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcription:
    """One use of a speech service: what was asked, what was heard and what it costs."""

    request: Request
    recognition: Recognition
    cost: Cost
