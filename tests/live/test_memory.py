"""A call of an hour takes no more memory at its end than at its beginning."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from callscribe.deepgram.options import TranscriptionOptions
from callscribe.live.call import LiveCall, LiveUtterance
from callscribe.live.coverage import Streaming
from local.speech.app import SERVER_OPTIONS, create_frames_app
from local.speech.engines.frames import FRAME_BYTES, FramesEngine
from local.speech.live.service import LiveService
from operations.verification.fragments import AGENT_TRACK, CUSTOMER_TRACK, Contact, Source, fragment_number
from streamer.calls.call import CallRun, Outcome, Services
from streamer.calls.ending import EndLimits
from streamer.calls.state import CallState, Checkpoint, Completion, EndHints, Lease
from streamer.calls.store import Taken
from streamer.deepgram.service import DeepgramStreams
from streamer.kinesis_video import FromTime, FromToken
from streamer.metrics import Metrics
from tests.fakes.serving import serving
from tests.live.calls import speech
from tests.simulation.clock import simulate
from tests.streamer.calls.bodies import Pulled

MINUTES = 60
FRAGMENT_SECONDS = 1.024
BODY_FRAGMENTS = 700
FRAMES_PER_WORD = 4  # twelve words a second, three times as many as the fastest speaker says
FROM_MINUTE, TO_MINUTE = 10, 59
# A fifth of the words that come in between: one small object that is kept of each is found.
MAX_OBJECTS = 10_000
# What comes in between is ten times as much.
MAX_GROWTH = (TO_MINUTE - FROM_MINUTE) * 60 * 32_000 // 10
START_MS = 1_800_000_000_000


def again_and_again(channel: int) -> Source:
    """The speech of a channel, over and over until the hour is full, with silence between its words."""
    said, end = speech(channel), MINUTES * 60 * 8_000
    # Numbers without a hole between them, of which the recogniser remembers no more than the first and the last.
    frames = (said[at : at + FRAME_BYTES] for at in range(0, len(said) // FRAMES_PER_WORD, FRAME_BYTES))
    pcm = b"".join(frame + bytes((FRAMES_PER_WORD - 1) * FRAME_BYTES) for frame in frames)
    twice = pcm + pcm

    def source(start: int, samples: int) -> bytes:
        samples = max(0, min(samples, end - start))
        begin = start * 2 % len(pcm)
        return twice[begin : begin + samples * 2]

    return source


class Stream:
    """A stream whose bodies end now and then, and which measures on its way.

    Attributes:
        used: Bytes of memory that the process has, by minute of the call, at the two that are compared.
        objects: Python's blocks of memory in use, by the same minutes: what it has, not what its allocator keeps.
    """

    def __init__(self) -> None:
        self.used: dict[int, int] = {}
        self.objects: dict[int, int] = {}
        sources = {CUSTOMER_TRACK: again_and_again(0), AGENT_TRACK: again_and_again(1)}
        self._contact = Contact(contact_id="call-7", sources=sources, start_ms=START_MS)
        self._next = 0

    @asynccontextmanager
    async def media(self, _: str, start: FromTime | FromToken) -> AsyncIterator[Pulled]:
        if isinstance(start, FromToken):
            assert start.token == fragment_number(self._next)
        yield Pulled(self._body())

    async def _body(self) -> AsyncIterator[bytes]:
        for _ in range(BODY_FRAGMENTS):
            fragment = self._contact.fragment(self._next)
            if fragment is None:
                return
            await asyncio.sleep(FRAGMENT_SECONDS)
            self._next += 1
            minute, rest = divmod(self._next * FRAGMENT_SECONDS, 60)
            if rest < FRAGMENT_SECONDS and minute in (FROM_MINUTE, TO_MINUTE):
                gc.collect()  # takes a second where a whole test run has left its objects
                self.used[int(minute)] = _resident_bytes()
                self.objects[int(minute)] = sys.getallocatedblocks()
            yield fragment.write(number=fragment_number(self._next))


class Table:
    """Says yes and forgets."""

    def __init__(self) -> None:
        self.words = 0

    async def commit(self, _: Lease, utterances: Sequence[LiveUtterance], __: Checkpoint) -> None:
        self.words += sum(utterance.word_count for utterance in utterances)

    async def complete(self, _: Lease, __: Checkpoint, completion: Completion) -> dict[str, Any]:
        return {"complete": completion.complete, "duration_seconds": completion.duration_seconds}

    async def hints(self, _: str) -> EndHints:
        streaming = Streaming(starts_ms=(START_MS,), disconnected_at_ms=START_MS + MINUTES * 60_000)
        return EndHints(disconnected=True, streaming=streaming)


class Others:
    """Key, vocabulary and feed."""

    async def read(self, *, refresh: bool = False) -> str:
        return "key"

    async def terms(self, _: str) -> tuple[str, ...]:
        return ()

    async def publish(self, channel: str, events: list[str]) -> None:
        pass


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def follow_for_an_hour(stream: Stream, table: Table) -> dict[str, Any]:
    others: Any = Others()
    doubles: dict[str, Any] = {"store": table, "streams": stream}
    call = LiveCall(
        call_id="call-7",
        clinic_id="harbour",
        stream_arn="arn:aws:kinesisvideo:eu-central-1:000000000000:stream/one/1",
        start_fragment="",
        started_at_ms=START_MS,
    )
    taken = Taken(
        lease=Lease(call_id=call.call_id, clinic_id=call.clinic_id, owner="streamer", epoch=1),
        state=CallState(
            clinic_id=call.clinic_id,
            day="2027-01-15",
            stream_arn=call.stream_arn,
            first_stream_arn=call.stream_arn,
            began_at_ms=START_MS,
            checkpoint=Checkpoint(),
            hints=EndHints(),
        ),
    )
    async with serving(create_frames_app(LiveService(engine=FramesEngine(), key="key")), **SERVER_OPTIONS) as url:
        services = Services(
            **doubles,
            speech=DeepgramStreams(url=url.replace("http", "ws", 1), key=others, options=TranscriptionOptions()),
            vocabulary=others,
            publisher=others,
            metrics=Metrics(service="live", slots=1, stream=io.StringIO()),
            end_limits=EndLimits(),
        )
        result = await CallRun(call=call, taken=taken, services=services).run()
    assert result.outcome is Outcome.COMPLETED
    return dict(result.item or {})


def test_an_hour_keeps_memory_flat() -> None:
    stream, table = Stream(), Table()
    item = simulate(follow_for_an_hour(stream, table))
    assert item == {"complete": True, "duration_seconds": MINUTES * 60.0}
    assert table.words > 50_000
    assert stream.objects[TO_MINUTE] - stream.objects[FROM_MINUTE] < MAX_OBJECTS
    assert stream.used[TO_MINUTE] - stream.used[FROM_MINUTE] < MAX_GROWTH
