"""``python -m benchmarks.live.audio_path``: the way of the audio alone.

The streamer's own reading, demuxing, alignment, sending and understanding of results; the table is one that says yes
and forgets, and nobody watches. What is left away is measured by the whole streamer (`streamer.__main__`).
"""

from __future__ import annotations

import argparse
import asyncio
import io
import time
from datetime import timedelta
from typing import Any

import uvloop
from aiobotocore.session import AioSession

from callscribe.deepgram.options import TranscriptionOptions
from callscribe.live.call import LiveCall, LiveUtterance
from streamer.__main__ import settle_garbage_collector
from streamer.aws import Signer
from streamer.calls.call import CallRun, Services
from streamer.calls.ending import EndLimits
from streamer.calls.state import CallState, Checkpoint, EndHints, Lease
from streamer.calls.store import Taken
from streamer.deepgram.service import DeepgramStreams
from streamer.kinesis_video import KinesisVideo
from streamer.metrics import Metrics

_CLINIC = "benchmark"
_REGION = "us-east-1"
_DAY = timedelta(days=1).total_seconds()


class _Table:
    async def commit(self, lease: Lease, utterances: list[LiveUtterance], checkpoint: Checkpoint) -> None:
        """Take everything."""

    async def hints(self, _: str) -> EndHints:
        return EndHints()


class _Key:
    async def read(self, *, refresh: bool = False) -> str:  # noqa: ARG002 - a protocol's name
        return "benchmark"


class _Vocabulary:
    async def terms(self, _: str) -> tuple[str, ...]:
        return ()


async def _serve(speech: str, calls: int) -> None:
    session: Any = AioSession()  # type: ignore[no-untyped-call]
    async with KinesisVideo(session=session, region=_REGION, signer=Signer(session, region=_REGION)) as streams:
        stubs: dict[str, Any] = {"store": _Table(), "vocabulary": _Vocabulary()}
        services = Services(
            **stubs,
            streams=streams,
            speech=DeepgramStreams(url=f"wss://{speech}", key=_Key(), options=TranscriptionOptions()),
            publisher=None,
            metrics=Metrics(service="benchmark", slots=calls, stream=io.StringIO()),
            end_limits=EndLimits(idle=_DAY, start_wait=_DAY, call=_DAY),
        )
        async with asyncio.TaskGroup() as running:
            for number in range(1, calls + 1):
                running.create_task(_run(services, number).run())
            settle_garbage_collector()


def _run(services: Services, number: int) -> CallRun:
    call_id, now_ms = f"{number:012d}", int(time.time() * 1000)
    call = LiveCall(
        call_id=call_id,
        clinic_id=_CLINIC,
        stream_arn=f"arn:aws:kinesisvideo:{_REGION}:000000000000:stream/{number}/1",
        start_fragment="",
        started_at_ms=now_ms,
    )
    state = CallState(
        clinic_id=_CLINIC,
        day="2026-01-01",
        stream_arn=call.stream_arn,
        first_stream_arn=call.stream_arn,
        began_at_ms=now_ms,
        checkpoint=Checkpoint(),
        hints=EndHints(),
    )
    lease = Lease(call_id=call_id, clinic_id=_CLINIC, owner="benchmark", epoch=1)
    return CallRun(call=call, taken=Taken(lease=lease, state=state), services=services)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live.audio_path", description=__doc__)
    parser.add_argument("--services", required=True, help="host and port of the services")
    parser.add_argument("--speech", required=True, help="host and port of Deepgram")
    parser.add_argument("--calls", type=int, required=True)
    options = parser.parse_args()
    uvloop.run(_serve(options.speech, options.calls))


if __name__ == "__main__":
    main()
