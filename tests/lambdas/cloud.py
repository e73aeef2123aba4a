"""The AWS side of a deployment in moto, and what the functions are given there."""

from __future__ import annotations

import io
import json
import threading
import wave
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import ClientError
from moto.s3.models import s3_backends

from callscribe.audio_facts import AudioFacts
from callscribe.contract.call_kind import CallKind
from callscribe.recordings.calls import CallRecording
from callscribe.recordings.recording import AdmittedRecording, Provenance, RecordingObject, recording_id
from tests.fakes.s3_event import object_created
from tests.fakes.table import create_transcript_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient

    from lambdas.common.claims import Claims, Duplicate, Taken

REGION: Final = "eu-central-1"
ACCOUNT = "123456789012"
EXECUTION = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:workflow:one"
OTHER_EXECUTION = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:workflow:two"
PRESIGNER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/presigner"
READER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/reader"
WRITER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/writer"
AUDIO_ROLE = f"arn:aws:iam::{ACCOUNT}:role/audio"
KEY = "recordings/harbour/2026-11-20/call-7.wav"
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
LEASE = timedelta(hours=25)


def wav(*, seconds: float = 2.0, channels: int = 2) -> bytes:
    """Return a silent PCM recording as Amazon Connect writes them."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(round(seconds * 8000) * channels * 2))
    return buffer.getvalue()


class Cloud:
    """Buckets and table, as the stacks make them."""

    def __init__(self) -> None:
        self.s3 = _s3()
        # Not through the API: hundreds of tests would pay for four requests before they begin.
        buckets = s3_backends[ACCOUNT]["aws"]
        for bucket in ("recordings", "unversioned", "archive", "search"):
            buckets.create_bucket(bucket, REGION)
        buckets.put_bucket_versioning("recordings", "Enabled")
        self.table: Table = create_transcript_table(_dynamodb())

    def upload(
        self,
        content: bytes | None = None,
        *,
        key: str = KEY,
        bucket: str = "recordings",
        metadata: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Put a recording and return the event that says so."""
        content = wav() if content is None else content
        response = self.s3.put_object(Bucket=bucket, Key=key, Body=content, Metadata=metadata or {})
        return object_created(
            bucket=bucket, key=key, size=len(content), stored=response, sequencer="00617F08299329D189"
        )

    def claim(self, recording: str) -> dict[str, Any]:
        """Return the claim of a recording."""
        return self.table.get_item(Key={"PK": f"RECORDING#{recording}", "SK": "CLAIM"})["Item"]

    def items(self) -> list[dict[str, Any]]:
        """Return all items of the table."""
        return self.table.scan()["Items"]

    def archived(self, prefix: str) -> list[str]:
        """Return the keys in the archive below a prefix."""
        listing = self.s3.list_objects_v2(Bucket="archive", Prefix=prefix)
        return [entry["Key"] for entry in listing.get("Contents", [])]


# Making a client takes a tenth of a second; moto answers it in every test.
@cache
def _s3() -> S3Client:
    return boto3.client("s3", region_name=REGION)


@cache
def secrets_manager() -> SecretsManagerClient:
    return boto3.client("secretsmanager", region_name=REGION)


@cache
def parameter_store() -> SSMClient:
    return boto3.client("ssm", region_name=REGION)


@cache
def security_tokens() -> STSClient:
    return boto3.client("sts", region_name=REGION)


@cache
def _dynamodb() -> DynamoDBServiceResource:
    return boto3.resource("dynamodb", region_name=REGION)


class AtomicTable:
    """A table whose single calls exclude each other, as DynamoDB's do and moto's do not."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._table, name)
        if not callable(attribute):
            return attribute

        def locked(**arguments: Any) -> Any:
            with self._lock:
                return attribute(**arguments)

        return locked


class ForgetfulTable:
    """A table whose first answer to every write gets lost, so that boto3 sends the write again."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def put_item(self, **arguments: Any) -> Any:
        self._table.put_item(**arguments)
        return self._table.put_item(**arguments)

    def update_item(self, **arguments: Any) -> Any:
        self._table.update_item(**arguments)
        return self._table.update_item(**arguments)


@dataclass
class Tasks:
    """The task API of Step Functions: tokens are known until they are answered or time out.

    Attributes:
        waiting: Tokens of tasks that wait.
        results: Result of each task that ended well.
        failures: Error and cause of each task that failed.
    """

    waiting: set[str] = field(default_factory=lambda: {"token"})
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)

    def send_task_heartbeat(self, *, taskToken: str) -> None:  # noqa: N803
        self._check(taskToken, "SendTaskHeartbeat")

    def send_task_success(self, *, taskToken: str, output: str) -> None:  # noqa: N803
        self._check(taskToken, "SendTaskSuccess")
        self.waiting.remove(taskToken)
        self.results[taskToken] = json.loads(output)

    def send_task_failure(self, *, taskToken: str, error: str, cause: str) -> None:  # noqa: N803
        self._check(taskToken, "SendTaskFailure")
        self.waiting.remove(taskToken)
        self.failures[taskToken] = (error, cause)

    def _check(self, token: str, operation: str) -> None:
        if token not in self.waiting:
            raise ClientError({"Error": {"Code": "TaskTimedOut", "Message": "Task Timed Out"}}, operation)


def call(*, call_id: str = "call-7", kind: CallKind = CallKind.AGENT) -> CallRecording:
    """Return a call of the Lakeside clinic."""
    return CallRecording(
        clinic_id="harbour",
        call_id=call_id,
        kind=kind,
        started_at=datetime(2026, 11, 20, tzinfo=UTC),
        layout="callscribe",
    )


def announced(*, version_id: str | None = "v1") -> RecordingObject:
    """Return a recording of that call, as it is announced."""
    return RecordingObject(
        recording_id=recording_id("recordings", KEY, version_id, "e1"),
        bucket="recordings",
        key=KEY,
        version_id=version_id,
        etag="e1",
        sequencer="",
    )


def recording(
    announcement: dict[str, Any] | None = None,
    *,
    last_modified: datetime = NOW,
    sequencer: str = "0055AED6DCD90281E5",
    of: CallRecording | None = None,
    version_id: str | None = "v1",
) -> AdmittedRecording:
    """Return an admitted recording, of an announced object or of one that does not exist."""
    stored: dict[str, Any] = (
        {"key": KEY, "etag": "e1", "size": 64044} | ({} if version_id is None else {"version-id": version_id})
        if announcement is None
        else announcement["detail"]["object"]
    )
    bucket = "recordings" if announcement is None else announcement["detail"]["bucket"]["name"]
    version = stored.get("version-id")
    return AdmittedRecording(
        provenance=Provenance(
            recording_id=recording_id(bucket, stored["key"], version, stored["etag"]),
            bucket=bucket,
            key=stored["key"],
            version_id=version,
            etag=stored["etag"],
            last_modified=last_modified,
            sequencer=sequencer,
        ),
        size_bytes=stored["size"],
        call=of or call(),
        audio=AudioFacts(format="WAV", subtype="PCM_16", channels=2, sample_rate=8000, duration_seconds=31.0),
    )


def take_claim(
    claims: Claims, admitted: AdmittedRecording, *, execution: str = EXECUTION, now: datetime = NOW
) -> Taken | Duplicate:
    """Claim a recording as its admission has."""
    return claims.take(
        admitted.provenance,
        call=admitted.call,
        size_bytes=admitted.size_bytes,
        execution=execution,
        now=now,
        lease=LEASE,
    )


class Context:
    """Lambda's context, as far as it is read."""

    function_name = "function"
    function_version = "$LATEST"
    memory_limit_in_mb = 512
    invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:function"
    aws_request_id = "6f0c54f1-2b1d-4c7c-9a53-5f9f3a6f0d11"

    def get_remaining_time_in_millis(self) -> int:
        return 720_000
