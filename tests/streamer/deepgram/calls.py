"""Calls to transcribe, what must come of them, and where it goes."""

import asyncio
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache

from callscribe.deepgram.options import StreamEncoding
from callscribe.live.call import Gap
from local.speech.engines.frames import FRAME_SAMPLES, encode_frame
from streamer.deepgram.session import DeepgramSession, SessionLimits
from streamer.media.stereo import StereoAudio
from streamer.redaction import ResultRedactor
from streamer.speech import FinalResult, InterimResult
from tests.streamer.deepgram.fake_deepgram import FakeDeepgram

KEY = "0123456789abcdef0123456789abcdef01234567"
FRAMES_PER_SECOND = 50


def speaks(channel: int, frame: int) -> bool:
    """Who speaks when: in turn, with pauses within a turn, and both at once now and then."""
    turn, at = divmod(frame, 230)
    if turn % 2 != channel:
        return at > 215  # comes in early
    return at % 90 < 70


def nobody(channel: int, frame: int) -> bool:
    return False


def the_agent_alone(channel: int, frame: int) -> bool:
    return channel == 1


def everybody(channel: int, frame: int) -> bool:
    return True


@dataclass(frozen=True)
class Call:
    """Audio whose frames carry the number of their 20 ms since the call's origin.

    Attributes:
        seconds: about its length: seven frames less, so that it ends in the middle of a group of words.
        spoken: whether a channel has a frame at a number, rather than silence.
        missing: numbers of the frames that the stream does not have.
        noise: magnitude of the noise where nobody speaks; 0 is digital silence.
    """

    seconds: int
    spoken: Callable[[int, int], bool] = speaks
    missing: range = range(0)
    noise: int = 0

    @property
    def length(self) -> int:
        """Its frames, the silent and the missing ones too."""
        return max(0, self.seconds * FRAMES_PER_SECOND - 7)

    def frames(self, channel: int) -> list[int]:
        return [n for n in range(self.length) if n not in self.missing and self.spoken(channel, n)]

    @property
    def end(self) -> int:
        return self.length * FRAME_SAMPLES

    def audio(self, *, piece: int = 512, start: int = 0) -> Iterator[StereoAudio]:
        """The audio in pieces of so many samples, from a position on."""
        runs = [range(self.missing.start), range(self.missing.stop, self.length)]
        for run in runs if self.missing else [range(self.length)]:
            pcm = self._pcm(run)
            first = run.start * FRAME_SAMPLES
            begin = max(0, start - first) * 4
            for at in range(begin, len(pcm), 4 * piece):
                yield StereoAudio(start=first + at // 4, pcm=pcm[at : at + 4 * piece])

    @lru_cache(maxsize=8)  # noqa: B019 - a few calls, which many tests play
    def _pcm(self, run: range) -> bytes:
        return b"".join(map(self._stereo, run))

    def _stereo(self, number: int) -> bytes:
        stereo = array("h", (self.noise, self.noise, -self.noise, -self.noise) * (FRAME_SAMPLES // 2))
        for channel in (0, 1):
            if self.spoken(channel, number):
                stereo[channel::2] = array("h", encode_frame(number))
        return stereo.tobytes()


@dataclass
class ListSink:
    """Keeps what is committed.

    Attributes:
        delay: how long each commit takes, seconds.
        fail_at: number of the commit that fails.
    """

    delay: float = 0.0
    fail_at: int | None = None
    finals: list[FinalResult] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    interims: list[InterimResult] = field(default_factory=list)
    commits: int = 0
    busy: bool = False

    def interim(self, result: InterimResult) -> None:
        self.interims.append(result)

    async def commit(self, finals: Sequence[FinalResult], gaps: Sequence[Gap]) -> None:
        assert finals
        assert not self.busy
        self.busy = True
        try:
            if self.commits == self.fail_at:
                raise StoreFailed
            self.commits += 1
            await asyncio.sleep(self.delay)
        finally:
            self.busy = False
        self.finals += finals
        self.gaps += gaps

    def of(self, channel: int) -> list[FinalResult]:
        return [final for final in self.finals if final.channel == channel]

    def words(self, channel: int) -> list[int]:
        return [int(word[1:]) for final in self.of(channel) for word in final.text.split()]

    def spoken(self) -> list[FinalResult]:
        """Results with words, by channel and time, as a transcript has them."""
        return sorted((final for final in self.finals if final.text), key=lambda final: (final.channel, final.start))


class StoreFailed(Exception):
    pass


@dataclass
class Keys:
    """Gives out one key after the other, the next at each refresh."""

    keys: list[str] = field(default_factory=lambda: [KEY])
    refreshed: int = 0

    async def read(self, *, refresh: bool = False) -> str:
        if refresh:
            self.refreshed += 1
        return self.keys[min(self.refreshed, len(self.keys) - 1)]


@dataclass
class Outcome:
    server: FakeDeepgram
    sink: ListSink
    session: DeepgramSession
    took: float


async def play(session: DeepgramSession, pieces: Iterable[StereoAudio], *, burst: float = 0.0) -> None:
    """Send audio when it would be there: each piece when it has been said, or all of a burst at its end."""
    loop = asyncio.get_running_loop()
    began, first = loop.time(), None
    for piece in pieces:
        first = piece.start if first is None else first
        said = (piece.end - first) / 8000
        due = began + (said if not burst else -(-said // burst) * burst)
        if due > loop.time():
            await asyncio.sleep(due - loop.time())
        await give(session, piece)


async def give(session: DeepgramSession, piece: StereoAudio) -> None:
    """Send audio when there is room for it."""
    await session.room()
    session.send(piece)


async def transcribe(
    call: Call,
    server: FakeDeepgram,
    *,
    sink: ListSink | None = None,
    keys: Keys | None = None,
    limits: SessionLimits | None = None,
    piece: int = 512,
    burst: float = 0.0,
    watermarks: tuple[int, int] = (0, 0),
    redactor: ResultRedactor | None = None,
    jitter: Callable[[], float] = lambda: 0.5,
    served: bool = False,
    encoding: StreamEncoding = "mulaw",
) -> Outcome:
    """Play a call to its end; raises what the session raises.

    It is heard in this process and in simulated time, or by a server on loopback.
    """
    sink = sink or ListSink()
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with server.served() if served else server.running():
        session = DeepgramSession(
            url=server.url.replace("=mulaw", f"={encoding}"),
            encoding=encoding,
            key=keys or Keys(),
            sink=sink,
            limits=limits,
            watermarks=watermarks,
            redactor=redactor,
            jitter=jitter,
        )
        running = asyncio.create_task(session.run())
        try:
            await play(session, call.audio(piece=piece, start=min(watermarks)), burst=burst)
            await session.finish()
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await running
        return Outcome(server, sink, session, loop.time() - began)


def assert_whole(outcome: Outcome, call: Call, *, watermarks: tuple[int, int] = (0, 0)) -> None:
    """Every frame of each channel once, in order and in its place, and every sample covered by one result."""
    for channel, begin in enumerate(watermarks):
        finals = outcome.sink.of(channel)
        expected = [number for number in call.frames(channel) if number * FRAME_SAMPLES >= begin]
        assert outcome.sink.words(channel) == expected
        at = begin
        for final in finals:
            assert final.start == at or at <= call.missing.start * FRAME_SAMPLES <= final.start
            assert final.end > final.start
            at = final.end
            numbers = [int(word[1:]) for word in final.text.split()]
            assert final.word_count == len(numbers)
            if numbers:
                assert abs(final.words_start - numbers[0] / FRAMES_PER_SECOND) < 1e-6
                assert abs(final.words_end - (numbers[-1] + 1) / FRAMES_PER_SECOND) < 1e-6
                assert final.start <= numbers[0] * FRAME_SAMPLES
                assert (numbers[-1] + 1) * FRAME_SAMPLES <= final.end
        assert at == call.end
    assert outcome.session.watermarks == (call.end, call.end)
    assert outcome.session.buffered_seconds == 0
    assert outcome.sink.gaps == []
