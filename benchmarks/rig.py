"""The local environment with a speech server whose time is known, and what the benchmarks do to it."""

from __future__ import annotations

import json
import struct
import time
import urllib.request
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any

from botocore.config import Config

from local.ports import MEDIA_PORT, SPEECH_PORT
from local.session import DIRECTORY, LocalSession, speech_server
from local.speech.__main__ import SAMPLES
from operations.call_store import items_of
from operations.environment import EMULATOR_PORT

PARALLEL_LIMIT = 10
"""Requests the speech server takes at once: Deepgram's limit as soon as sentiment, topics, intents or a summary is
asked for (page "API Rate Limits")."""
_SAMPLE = SAMPLES / "call1_glaucoma_appointment.wav"
_SHORT_SECONDS = 5
_MARK = struct.Struct(">q")
_DAY = datetime(2026, 1, 5, tzinfo=UTC)
_CLINIC = "benchmark"
_POLL_SECONDS = 0.1
_IDLE_SECONDS = 60


class TookTooLong(RuntimeError):
    """What a benchmark waits for did not happen in time."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request that the speech server has answered: when, how, for which audio, and with which failure ordered."""

    status: int
    fault: str | None
    started: float
    finished: float
    audio: str | None

    @property
    def seconds(self) -> float:
        return self.finished - self.started


class Rig:
    """The deployed Local environment.

    Args:
        request_seconds: What the speech server takes for a request.
        emulator_arguments: Further arguments of ``python -m local.emulator``.
    """

    def __init__(self, *, request_seconds: float, emulator_arguments: Sequence[str]) -> None:
        self._scripts = DIRECTORY / "benchmark-calls"
        self.four_minutes = _write_long_call(self._scripts)
        self.session = LocalSession(
            emulator_port=EMULATOR_PORT.number(),
            speech_port=SPEECH_PORT.number(),
            media_port=MEDIA_PORT.number(),
            speech_arguments=self._speech_arguments(request_seconds),
            emulator_arguments=emulator_arguments,
        )

    def change_request_seconds(self, seconds: float) -> None:
        """Replace the speech server by one that takes so long for a request."""
        self.session.speech.stop()
        self.session.speech = speech_server(SPEECH_PORT.number(), self.session.key, *self._speech_arguments(seconds))
        self.session.speech.start()

    def _speech_arguments(self, request_seconds: float) -> list[str]:
        return [
            *("--engine", "scripted", "--scripts", str(self._scripts)),
            *("--delay", str(request_seconds), "--parallel-limit", str(PARALLEL_LIMIT)),
        ]

    def client(self, service: str, config: Config | None = None) -> Any:
        environment = self.session.environment
        connect: Any = environment.session.client  # its overloads want the service as a literal
        return connect(service, endpoint_url=environment.endpoint_url, config=config)

    def put(self, call_id: str, audio: bytes) -> dict[str, Any]:
        """Put a recording into the bucket; return the event that S3 sends for it."""
        environment = self.session.environment
        bucket, key = environment.output("RecordingBucketName"), f"recordings/{_CLINIC}/{_DAY:%Y-%m-%d}/{call_id}.wav"
        stored = environment.s3().put_object(Bucket=bucket, Key=key, Body=audio)
        about = {"key": key, "size": len(audio), "etag": stored["ETag"].strip('"'), "sequencer": "0"}
        about["version-id"] = stored["VersionId"]
        return {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "detail": {"bucket": {"name": bucket}, "object": about},
        }

    def transcript(self, call_id: str) -> bool:
        item = self.session.environment.table().get_item(
            Key={"PK": f"CLINIC#{_CLINIC}", "SK": f"TRANSCRIPT#{_DAY:%Y-%m-%d}#{call_id}"},
            ConsistentRead=True,
            ProjectionExpression="PK",
        )
        return "Item" in item

    def transcripts(self) -> set[str]:
        """The ids of all transcribed calls."""
        query = partial(
            self.session.environment.table().query,
            KeyConditionExpression="PK = :clinic",
            ExpressionAttributeValues={":clinic": f"CLINIC#{_CLINIC}"},
            ProjectionExpression="call_id",
        )
        return {str(item["call_id"]) for item in items_of(query)}

    def wait_until_idle(self, *, poll_seconds: float = _POLL_SECONDS) -> None:
        """Wait until no execution runs."""
        environment = self.session.environment

        def idle() -> bool:
            running = environment.step_functions().list_executions(
                stateMachineArn=environment.output("StateMachineArn"), statusFilter="RUNNING", maxResults=1
            )
            return not running["executions"]

        wait_for(idle, _IDLE_SECONDS, "the executions to end", poll_seconds)

    def retire_workers(self) -> None:
        """Make every function start anew: the emulator does that when a function's memory is set."""
        functions = self.client("lambda")
        for function in functions.list_functions()["Functions"]:
            functions.update_function_configuration(
                FunctionName=function["FunctionName"], MemorySize=function["MemorySize"]
            )

    def requests(self) -> list[Request]:
        """What the speech server has answered since the last reset."""
        with self._journal("GET") as response:
            entries = json.load(response)["requests"]
        return [
            Request(
                status=entry["status"],
                fault=entry["fault"],
                started=entry["started"],
                finished=entry["finished"],
                audio=entry["sha256"],
            )
            for entry in entries
            if entry["status"] is not None and entry["finished"] is not None
        ]

    def forget_requests(self) -> None:
        with self._journal("DELETE"):
            pass

    def order_faults(self, call_id: str, then: Sequence[dict[str, Any]]) -> None:
        """Have the speech server fail the next requests for a call so, and answer as usual after that."""
        order = {"match": f"{call_id}.wav", "then": [*then]}
        with self._speech("/_local/faults", "POST", json.dumps(order).encode()):
            pass

    def _journal(self, method: str) -> Any:
        return self._speech("/_local/requests", method)

    def _speech(self, path: str, method: str, body: bytes | None = None) -> Any:
        url, headers = f"{self.session.speech.url}{path}", {"Authorization": f"Token {self.session.key}"}
        request = urllib.request.Request(url, data=body, headers=headers, method=method)
        return urllib.request.urlopen(request, timeout=10)


def recording(index: int) -> bytes:
    """A call of a few seconds that no other index shares: its last samples hold the index.

    Short, because what moves and decodes the audio here is a laptop, and that time is nobody's property.
    """
    return _cut(_SAMPLE, _SHORT_SECONDS)[: -_MARK.size] + _MARK.pack(index)


def wait_for(
    condition: Callable[[], bool], timeout_seconds: float, what: str, poll_seconds: float = _POLL_SECONDS
) -> None:
    """Wait until *condition* holds.

    Raises:
        TookTooLong: It does not hold in time.
    """
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TookTooLong(f"waited {timeout_seconds:g} s for {what}")
        time.sleep(poll_seconds)


def _write_long_call(folder: Path, seconds: int = 240) -> bytes:
    """Write a call of four minutes, one sample call repeated, and its script where the scripted engine finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    turns = json.loads(_SAMPLE.with_suffix(".json").read_text("utf-8"))
    with wave.open(str(_SAMPLE)) as sample:
        length = sample.getnframes() / sample.getframerate()
    audio = _cut(_SAMPLE, seconds)
    (folder / "four_minutes.wav").write_bytes(audio)
    script = [
        {**turn, "start": turn["start"] + number * length, "end": turn["end"] + number * length}
        for number in range(int(seconds / length) + 1)
        for turn in turns
        if turn["end"] + number * length <= seconds
    ]
    (folder / "four_minutes.json").write_text(json.dumps(script), "utf-8")
    return audio


@cache
def _cut(sample: Path, seconds: int) -> bytes:
    """So many seconds of a recording, repeated as often as that takes."""
    with wave.open(str(sample)) as source:
        parameters, frames = source.getparams(), source.readframes(source.getnframes())
    size = seconds * parameters.framerate * parameters.nchannels * parameters.sampwidth
    audio = BytesIO()
    with wave.open(audio, "wb") as target:
        target.setparams(parameters)
        target.writeframes((frames * (size // len(frames) + 1))[:size])
    return audio.getvalue()
