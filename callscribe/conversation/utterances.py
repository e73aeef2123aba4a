"""The utterances of a call, as the speech service cut them: who said what, when and in which mood."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from callscribe.recognition import Sentiment
from callscribe.serialization import OpenEnum


class Role(OpenEnum):
    """The part a speaker plays in the call; an announcement is played, and nobody speaks."""

    AGENT = "agent"
    CUSTOMER = "customer"
    ANNOUNCEMENT = "announcement"
    UNKNOWN = "unknown"


class TimedWord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One word and when it was said; in a document a list, `["Tuesday", 12.34, 12.71, 0.98]`.

    Attributes:
        text: the word as it stands in a text, with its punctuation.
        start: seconds from the beginning of the recording, or of the call.
        end: seconds from the same.
        confidence: 0 to 1, how sure the service is of it; None where it did not say.
    """

    text: str
    start: float
    end: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceText:
    """What was said without a pause, as the speech service cut it.

    Attributes:
        speaker: `channel-0` for a speaker known by channel, `speaker-0` for one found by diarization. Words of another
            speaker can be in it; turns tell them apart.
        channel: audio channel, counted from 0.
        role: the part the speaker plays.
        role_confidence: 0 to 1, how sure the role is; 0 for an unknown role.
        text: the words as the service formatted them.
        start: seconds from the beginning of the recording.
        end: seconds from the beginning of the recording.
        confidence: 0 to 1, how sure the service is of the words; None where it did not say.
        word_count: number of words in the text.
        sentiment: None where the service gave none for these words.
    """

    speaker: str
    channel: int
    role: Role
    role_confidence: float
    text: str
    start: float
    end: float
    confidence: float | None
    word_count: int
    sentiment: Sentiment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance(UtteranceText):
    """What was said without a pause, with its single words.

    Attributes:
        words: each word with its times, in order; None where they are not known.
    """

    words: tuple[TimedWord, ...] | None = None


def mean_confidence(parts: Iterable[tuple[float | None, int]]) -> float | None:
    """Return the mean over words, given as confidence and number of words; None where none is known."""
    known = [(confidence, words) for confidence, words in parts if confidence is not None and words]
    total = sum(words for _, words in known)
    return round(sum(confidence * words for confidence, words in known) / total, 4) if total else None
