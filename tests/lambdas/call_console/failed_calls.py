"""Calls that failed, and what repeats them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from callscribe.contract.call_kind import CallKind
from callscribe.recordings.calls import CallRecording, StartSource
from lambdas.common.claims import Claims
from lambdas.common.errors import SafeError
from tests.lambdas.call_console.conftest import BEGIN, Console
from tests.lambdas.call_console.live_items import put_live_call
from tests.lambdas.cloud import EXECUTION, recording, take_claim

STREAM = "arn:aws:kinesisvideo:eu-central-1:123456789012:stream/callscribe-1/1795000000000"


def reject(console: Console, call_id: str, *, clinic: str = "harbour") -> str:
    """Have a recording rejected; returns its id."""
    of = CallRecording(
        clinic_id=clinic,
        call_id=call_id,
        kind=CallKind.AGENT,
        started_at=BEGIN,
        layout="callscribe",
        started_at_source=StartSource.METADATA,
    )
    key = f"recordings/{clinic}/{of.day}/{call_id}.wav"
    admitted = recording(console.cloud.upload(f"{clinic} {call_id}".encode(), key=key), of=of)
    claims = Claims(table=console.cloud.table)
    take_claim(claims, admitted)
    why = SafeError("Audio.TooLong", "The recording is too long: raise max_duration.")
    claims.reject(admitted.recording_id, execution=EXECUTION, error=why, now=datetime.now(UTC))
    return admitted.recording_id


class Executions:
    """Step Functions, as far as a repetition goes.

    Attributes:
        started: Names and inputs of executions.
        status: That of all executions.
    """

    class _Exists(Exception):
        pass

    class exceptions:  # noqa: N801 - boto3's name
        ExecutionAlreadyExists: Any = None

    def __init__(self) -> None:
        self.started: dict[str, dict[str, Any]] = {}
        self.status = "RUNNING"
        self.exceptions.ExecutionAlreadyExists = self._Exists

    @classmethod
    def of(cls, monkeypatch: pytest.MonkeyPatch) -> Executions:
        """Have the functions start executions here."""
        from lambdas.common import aws

        fake = cls()
        monkeypatch.setattr(aws, "step_functions", lambda: fake)
        return fake

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> None:  # noqa: A002, N803
        if name in self.started:
            raise self._Exists
        self.started[name] = json.loads(input)

    def describe_execution(self, *, executionArn: str) -> dict[str, str]:  # noqa: N803
        assert executionArn.rpartition(":")[2] in self.started
        return {"status": self.status}


class Streamers:
    """The streamers' queue, and Kinesis Video Streams as far as it is asked what it keeps.

    Attributes:
        sent: Bodies of messages.
        hours: How long streams keep audio; None where there is no such stream.
    """

    class exceptions:  # noqa: N801 - boto3's name
        class ResourceNotFoundException(Exception):
            pass

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.hours: int | None = 24

    @classmethod
    def of(cls, monkeypatch: pytest.MonkeyPatch) -> Streamers:
        """Have the functions send calls here."""
        from lambdas.common import aws

        fake = cls()
        monkeypatch.setattr(aws, "sqs", lambda: fake)
        monkeypatch.setattr(aws, "kinesis_video", lambda: fake)
        return fake

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803
        assert QueueUrl.endswith("/live-calls")
        self.sent.append(MessageBody)

    def describe_stream(self, *, StreamARN: str) -> Any:  # noqa: N803
        assert StreamARN == STREAM
        if self.hours is None:
            raise self.exceptions.ResourceNotFoundException
        return {"StreamInfo": {"DataRetentionInHours": self.hours}}


def fail_live(console: Console, **more: Any) -> None:
    """Store a live call that could not be followed."""
    put_live_call(
        console.cloud.table,
        **{"status": "failed", "error_code": "Deepgram.HTTP402", "stream_arn": STREAM, "start_fragment": "7", **more},
    )
