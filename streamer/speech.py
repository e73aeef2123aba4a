"""What a call asks of a speech service: to take its audio and to hand on words on its clock, each final one once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from callscribe.conversation.utterances import TimedWord
from callscribe.live.call import Gap
from callscribe.recognition import OptionsRecord
from streamer.media.stereo import StereoAudio


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalResult:
    """A piece of one channel that the service will not change any more.

    The final results of a channel come in order and without overlap, and its watermark is the largest `end`. Only one
    that comes late may lie before others: its stretch had been passed over.

    Attributes:
        channel: 0 the customer, 1 the agent.
        start: first sample of the piece, on the call's clock.
        end: first sample after it.
        text: what is said in it; "" where nothing is, and then only the watermark moves.
        words_start: seconds from the call's origin to the first word; to the piece where it has none.
        words_end: seconds from the call's origin to the end of the last word; of the piece where it has none.
        confidence: 0 to 1, how sure the service is of the words; None where it does not say.
        word_count: number of words.
        speech_final: whether the speaker paused here.
        words: each word, seconds from the call's origin; None where their times are not known.
        languages: of the words, the one of most words first; empty where the service does not say.
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
    """What the service takes the words for at the moment; the next result of the channel replaces it.

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


class SessionOver(Exception):
    """Audio was sent to a session that has been handed over or stopped."""


@dataclass(slots=True)
class Counts:
    """What went wrong so far.

    Attributes:
        reconnects: connections that broke before everything sent had its final words.
        rate_limited: handshakes refused with status 429.
        stalls: connections given up because nothing came back, or nothing of one channel.
        unknown_messages: messages of types that are not documented.
        malformed_messages: messages that could not be read.
        odd_messages: messages of which something beside the words was odd, and was passed over.
    """

    reconnects: int = 0
    rate_limited: int = 0
    stalls: int = 0
    unknown_messages: int = 0
    malformed_messages: int = 0
    odd_messages: int = 0


class Sink(Protocol):
    """Where a session's results go."""

    def interim(self, result: InterimResult) -> None:
        """Take an interim result; it must not block."""

    async def commit(self, finals: Sequence[FinalResult], gaps: Sequence[Gap]) -> None:
        """Store results for good.

        Calls come one at a time and in order. Retries are the sink's; an error it raises ends the session.

        Args:
            finals: final results in the order in which they came, at least one.
            gaps: pieces that stay without words although the stream had audio, at the place of those finals.
        """


class SpeechSession(Protocol):
    """Takes a call's audio and hands each final word on once, whatever happens to connections meanwhile.

    `run` must run as a task of its own while the other methods are used.
    """

    @property
    def counts(self) -> Counts:
        """What went wrong so far."""

    @property
    def model(self) -> str:
        """Name of the model that answers; "" before it is known."""

    async def run(self) -> None:
        """Transcribe until `finish` or `abandon` is through.

        Raises:
            SafeError: The service will not, or for too long could not, transcribe the call.
            Exception: What the sink's `commit` raised.
        """

    def send(self, audio: StereoAudio) -> bool:
        """Take the next audio, and return whether there is room for more; what is sent all the same is kept too.

        Raises:
            SessionOver: The session has been abandoned or cancelled.
            Exception: What ended `run`.
        """

    async def room(self) -> None:
        """Wait until there is room: as much audio as may wait for its final words does not any more.

        Raises:
            SessionOver: The session has been abandoned or cancelled.
            Exception: What ended `run`.
        """

    async def finish(self, *, cut: bool = False) -> None:
        """Return when everything sent has its final words, and they are stored; no audio may follow.

        Args:
            cut: Whether the audio breaks off though the call goes on. A word that is cut in two there is left to
                whoever reads on: no watermark moves beyond its beginning.

        Raises:
            Exception: What ended `run`.
        """

    async def abandon(self) -> None:
        """Stop at once, and store what is final already; whoever takes the call over sends the rest again."""


class SpeechStream(Protocol):
    """One call's stream, ready to be opened."""

    @property
    def options(self) -> OptionsRecord:
        """What is asked, to be noted with the call."""

    @property
    def vocabulary_terms(self) -> int:
        """How many terms the service is told to expect."""

    def open(self, *, sink: Sink, watermarks: tuple[int, int]) -> SpeechSession:
        """Begin a session.

        Args:
            sink: Where results go.
            watermarks: Position of each channel before which its final words are stored already.
        """


class SpeechService(Protocol):
    """Transcribes calls while they run."""

    def prepare(self, *, vocabulary: Sequence[str]) -> SpeechStream:
        """Make a call's stream, without sending anything to the service.

        Args:
            vocabulary: Terms to expect.

        Raises:
            SafeError: The options do not allow a stream.
        """
