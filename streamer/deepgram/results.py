"""What a session hands on: words, on the call's clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from callscribe.conversation.utterances import TimedWord
from callscribe.live.call import Gap


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalResult:
    """A piece of one channel that Deepgram will not change any more.

    The final results of a channel come in order and without overlap, and its watermark is the largest `end`. Only one
    that Deepgram sends late may lie before others: its stretch had been passed over.

    Attributes:
        channel: 0 the customer, 1 the agent.
        start: first sample of the piece, on the call's clock.
        end: first sample after it.
        text: what is said in it; "" where nothing is, and then only the watermark moves.
        words_start: seconds from the call's origin to the first word; to the piece where it has none.
        words_end: seconds from the call's origin to the end of the last word; of the piece where it has none.
        confidence: 0 to 1, how sure Deepgram is of the words; None where it does not say.
        word_count: number of words.
        speech_final: whether the speaker paused here.
        words: each word, seconds from the call's origin; None where their times are not known.
        languages: of the words, the one of most words first; empty where Deepgram does not say.
    """

    channel: int
    start: int
    end: int
    text: str
    words_start: float
    words_end: float
    confidence: float | None
    word_count: int
    speech_final: bool
    words: tuple[TimedWord, ...] | None = None
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InterimResult:
    """What Deepgram takes the words for at the moment; the next result of the channel replaces it.

    Attributes:
        channel: 0 the customer, 1 the agent.
        text: the words; never empty.
        start: seconds from the call's origin to the first word.
        end: seconds from the call's origin to the end of the last word.
    """

    channel: int
    text: str
    start: float
    end: float


class Sink(Protocol):
    """Where a session's results go."""

    def interim(self, result: InterimResult) -> None:
        """Take a passing result; it must not block."""

    async def commit(self, finals: Sequence[FinalResult], gaps: Sequence[Gap]) -> None:
        """Store results for good.

        Calls come one at a time and in order. Retries are the sink's; an error it raises ends the session.

        Args:
            finals: final results in the order in which they came, at least one.
            gaps: pieces that stay without words although the stream had audio, at the place of those finals.
        """
