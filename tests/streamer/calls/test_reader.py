import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from callscribe.live.call import EndReason
from operations.verification.fragments import error_document, fragment_number
from streamer.calls.ending import EndLimits
from streamer.calls.reader import StreamNeverStarted, StreamReader
from streamer.calls.state import EndHints
from streamer.kinesis_video import FromTime, FromToken, StreamNotFound, StreamRefused, StreamUnavailable, TokenRefused
from streamer.media.call_media import CallMedia
from streamer.media.stereo import StereoAudio
from tests.streamer.calls.audio import contact, speech
from tests.streamer.calls.bodies import Pulled

CALL = "call-7"
START_MS = 1_795_000_000_000
FRAGMENTS = [
    fragment.write(number=fragment_number(number))
    for number, fragment in enumerate(contact(CALL, speech(0, 4, pause=0), start_ms=START_MS).fragments(), 1)
]
LENGTH = 4 * 8_000
OVER = EndHints(disconnected=True)

Body = list[bytes] | Exception


@dataclass
class Streams:
    """Bodies in the order in which they are asked for; then silent ones."""

    bodies: Iterator[Body]
    starts: list[FromTime | FromToken] = field(default_factory=list)

    @asynccontextmanager
    async def media(self, stream_arn: str, start: FromTime | FromToken) -> AsyncIterator[Pulled]:
        self.starts.append(start)
        body = next(self.bodies, [])
        if isinstance(body, Exception):
            raise body
        yield Pulled(_arriving(body))


async def _arriving(body: list[bytes]) -> AsyncIterator[bytes]:
    for data in body:
        yield data


@dataclass
class Reading:
    """A reader, what it takes and what it is told."""

    streams: Streams
    audio: list[StereoAudio] = field(default_factory=list)
    hints: EndHints = EndHints()  # noqa: RUF009 - frozen
    asked: int = 0
    behind: list[int] = field(default_factory=list)

    def reader(self, *, media: CallMedia | None = None, token: str | None = None, **limits: float) -> StreamReader:
        return StreamReader(
            streams=self.streams,
            stream_arn="arn",
            media=media or CallMedia(call_id=CALL),
            began_at_ms=START_MS,
            resume_token=token,
            hints=self._hints,
            take=self._take,
            room=self._room,
            behind=self.behind.append,
            limits=EndLimits(**{"settle": 0.0, "idle": 0.0, "start_wait": 30.0, **limits}),
            outage_seconds=30.0,
            jitter=lambda: 0.0,
        )

    def _take(self, audio: StereoAudio) -> bool:
        self.audio.append(audio)
        return True

    async def _room(self) -> None:
        raise AssertionError("there is room")

    async def _hints(self) -> EndHints:
        self.asked += 1
        return self.hints

    @property
    def length(self) -> int:
        position = 0
        for piece in self.audio:
            assert piece.start == position
            position = piece.end
        return position


def reading(*bodies: Body, **told: Any) -> Reading:
    return Reading(Streams(iter(bodies)), **told)


async def test_a_body_that_ends_proves_nothing() -> None:
    call = reading(FRAGMENTS[:2], FRAGMENTS[2:], hints=OVER)
    assert await call.reader().read() is EndReason.DISCONNECTED
    assert call.length == LENGTH
    assert call.streams.starts == [
        FromTime(START_MS - 2_000),
        FromToken(fragment_number(2)),
        FromToken(fragment_number(4)),
    ]


async def test_connect_is_not_asked_while_the_stream_brings_audio() -> None:
    call = reading(FRAGMENTS)
    await call.reader(call=2.0).read()
    assert call.asked == 0


async def test_a_body_that_was_silent_before_connect_told_of_the_end_proves_nothing() -> None:
    class Told(Reading):
        async def _hints(self) -> EndHints:
            return OVER if len(self.streams.starts) > 1 else EndHints()

    call = Told(Streams(iter([FRAGMENTS[:2], [], [], FRAGMENTS[2:]])))
    assert await call.reader(idle=60.0).read() is EndReason.DISCONNECTED
    assert call.length == LENGTH


async def test_time_since_the_stream_was_last_read_is_no_silence() -> None:
    class Waiting(Reading):
        async def _hints(self) -> EndHints:
            if len(self.streams.starts) == 1:
                return EndHints()
            later = asyncio.get_running_loop().time() + 600  # the table has not answered for that long
            reader._clock = lambda: later
            return self.hints

    call = Waiting(
        Streams(iter([FRAGMENTS[:2], [], [], FRAGMENTS[2:]])), hints=EndHints(stop_fragment=fragment_number(4))
    )
    reader = call.reader(idle=120.0)
    assert await reader.read() is EndReason.STOP_FRAGMENT
    assert call.length == LENGTH


async def test_a_silent_stream_ends_the_call_at_the_idle_limit_only() -> None:
    call = reading(FRAGMENTS)
    assert await call.reader().read() is EndReason.IDLE


@pytest.mark.parametrize(
    "failure",
    [
        StreamUnavailable("KinesisVideo.ConnectionLimitExceededException", ""),
        StreamNotFound("StreamNotFound", ""),
        [error_document("INTERNAL_ERROR", "5000")],
        [FRAGMENTS[2][:500], b"\0" * 500],
    ],
    ids=["unavailable", "not found", "error document", "damage"],
)
async def test_a_passing_failure_costs_nothing(failure: Body) -> None:
    call = reading(FRAGMENTS[:2], failure, FRAGMENTS[2:], hints=OVER)
    await call.reader().read()
    assert call.length == LENGTH


@pytest.mark.parametrize(
    "refusal",
    [TokenRefused("KinesisVideo.InvalidArgumentException", ""), [error_document("FRAGMENT_NOT_FOUND", "3000")]],
)
async def test_a_refused_token_is_replaced_by_a_time(refusal: Body) -> None:
    call = reading(FRAGMENTS[:2], refusal, FRAGMENTS, hints=OVER)
    await call.reader().read()
    assert call.length == LENGTH
    end_ms = START_MS + 2 * 1_024
    assert call.streams.starts[2] == FromTime(end_ms - 2_000)


async def test_another_streamers_token_is_read_on() -> None:
    call = reading(FRAGMENTS[2:], hints=OVER)
    media = CallMedia(call_id=CALL, origin_ms=START_MS, position=2 * 8_192)
    await call.reader(media=media, token=fragment_number(2)).read()
    assert call.streams.starts[0] == FromToken(fragment_number(2))
    assert [call.audio[0].start, call.audio[-1].end] == [2 * 8_192, LENGTH]


async def test_streaming_that_was_started_again_is_read_from_its_beginning() -> None:
    call = reading(FRAGMENTS[2:], hints=OVER)
    media = CallMedia(call_id=CALL, origin_ms=START_MS - 20_000, position=8_000)
    await call.reader(media=media, token=fragment_number(1)).read()
    assert call.streams.starts[0] == FromTime(START_MS - 2_000)


async def test_a_stop_fragment_that_connect_tells_late_ends_the_call() -> None:
    call = reading(FRAGMENTS, hints=EndHints(stop_fragment=fragment_number(4)))
    assert await call.reader(idle=30.0).read() is EndReason.STOP_FRAGMENT


async def test_a_stream_that_brings_other_contacts_only_has_never_started() -> None:
    other = [
        fragment.write(number=fragment_number(number))
        for number, fragment in enumerate(contact("call-8", speech(0, 1), start_ms=START_MS).fragments(), 1)
    ]
    with pytest.raises(StreamNeverStarted):
        await reading(other).reader(start_wait=0.0).read()


@pytest.mark.parametrize("error", [StreamNotFound("StreamNotFound", ""), StreamRefused("KinesisVideo.Denied", "")])
async def test_a_stream_that_cannot_be_read_fails_the_call(error: Exception) -> None:
    with pytest.raises(type(error)):
        await reading(error).reader(start_wait=0.0).read()


async def test_a_call_over_the_limit_is_ended_in_the_middle_of_a_body() -> None:
    call = reading(FRAGMENTS)
    assert await call.reader(call=2.0).read() is EndReason.LIMIT
    assert 2 * 8_000 <= call.length < LENGTH


async def test_a_call_that_waits_for_its_words_falls_behind() -> None:
    taking, heard = asyncio.Event(), asyncio.Event()

    class Waiting(Reading):
        def _take(self, audio: StereoAudio) -> bool:
            return heard.is_set()

        async def _room(self) -> None:
            taking.set()
            await heard.wait()

    call = Waiting(Streams(iter([FRAGMENTS])), hints=OVER)
    reader = call.reader()
    reader.report_lag()
    assert call.behind == []
    reading = asyncio.create_task(reader.read())
    await taking.wait()
    now = asyncio.get_running_loop().time()
    reader._clock = lambda: now + 30
    reader.report_lag()
    assert call.behind.pop() == pytest.approx(30_000, abs=5_000)
    heard.set()
    await reading
    call.behind.clear()
    reader.report_lag()
    assert call.behind == []
