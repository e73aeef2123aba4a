"""The deployed local environment as the end-to-end tests see it: upload, wait, look, steer the servers."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterable, Iterator
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import soundfile

from local.calls import Call, own_key
from local.server_process import ROOT
from local.session import LocalSession
from operations.call_store import CallStore
from tests.patience import PATIENCE_SECONDS, eventually

DAY = date(2026, 11, 20)
CLINIC = "demo-clinic"
_ENDED = ("completed", "failed", "rejected", "superseded", "kept", "covered", "duplicate")


def recording(*, seconds: float = 1.0, channels: int = 2, encoding: str = "WAV/PCM_16") -> bytes:
    """A recording at 8 kHz, unlike any other; the scripted engine makes up its words."""
    container, _, subtype = encoding.partition("/")
    noise = np.random.default_rng().uniform(-0.3, 0.3, (int(8000 * seconds), channels)).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, noise, 8000, format=container, subtype=subtype or None)
    return file.getvalue()


def new_call(name: str = "call", *, suffix: str = ".wav") -> Call:
    """A call of its own."""
    call_id = f"{name}-{uuid.uuid4().hex[:12]}"
    return Call(call_id=call_id, key=own_key(CLINIC, DAY, call_id, suffix))


class Deployment:
    """The environment, deployed once for all end-to-end tests.

    Args:
        session: The running session.
        announcements: URL of a queue that gets every event of the bus.
    """

    def __init__(self, session: LocalSession, announcements: str) -> None:
        self.session = session
        self.environment = session.environment
        self._announcements = announcements
        self._announced: list[dict[str, Any]] = []
        self._calls = CallStore(table=self.environment.table(), s3=self.environment.s3())

    # Uploads and executions

    def put(self, call: Call, content: bytes) -> dict[str, Any]:
        """Upload a recording; returns S3's answer."""
        bucket = self.environment.output("RecordingBucketName")
        return dict(self.environment.s3().put_object(Bucket=bucket, Key=call.key, Body=content))

    def event(self, call: Call, *, etag: str, version_id: str, size: int) -> dict[str, Any]:
        """The event by which EventBridge announces an object."""
        bucket = {"name": self.environment.output("RecordingBucketName")}
        announced = {"key": call.key, "size": size, "etag": etag.strip('"'), "version-id": version_id, "sequencer": "1"}
        return {"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": bucket, "object": announced}}

    def start(self, event: dict[str, Any]) -> str:
        """Start the state machine on an event, as the rule does; returns the execution's ARN."""
        started = self.environment.step_functions().start_execution(
            stateMachineArn=self.environment.output("StateMachineArn"), input=json.dumps(event)
        )
        return started["executionArn"]

    def executions(self) -> list[dict[str, Any]]:
        """Every execution so far, described."""
        states = self.environment.step_functions()
        pages = states.get_paginator("list_executions").paginate(
            stateMachineArn=self.environment.output("StateMachineArn")
        )
        return [
            dict(states.describe_execution(executionArn=execution["executionArn"]))
            for page in pages
            for execution in page["executions"]
        ]

    # What became of a call

    def claims(self, call: Call) -> list[dict[str, Any]]:
        """The claims on the call's recordings, oldest first."""
        items = (item for item in self._calls.of_call(call.call_id) if item["type"] == "claim")
        return sorted(items, key=lambda item: str(item["created_at"]))

    def transcripts(self, call: Call) -> list[dict[str, Any]]:
        """The call's transcripts."""
        return [item for item in self._calls.of_call(call.call_id) if item["type"] == "transcript"]

    def transcript(self, call: Call) -> dict[str, Any]:
        """The call's one transcript."""
        (item,) = self.transcripts(call)
        return item

    def ended(self, call: Call, *, claims: int = 1, seconds: float = PATIENCE_SECONDS) -> list[dict[str, Any]]:
        """Wait until so many recordings of the call have come to their end; returns the claims."""

        def at_end() -> list[dict[str, Any]] | None:
            found = self.claims(call)
            return found if len(found) >= claims and all(claim["status"] in _ENDED for claim in found) else None

        found: list[dict[str, Any]] = eventually(at_end, seconds=seconds)
        return found

    def transcribed(self, call: Call, *, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """Wait for the call's transcript."""
        (claim,) = self.ended(call, seconds=seconds)
        assert claim["status"] == "completed", (claim["status"], claim.get("error_code"), claim.get("error_message"))
        return self.transcript(call)

    def failed(self, call: Call, *, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """Wait until the call has failed and is in the failed-calls queue; returns that message."""
        (claim,) = self.ended(call, seconds=seconds)
        assert claim["status"] in ("failed", "rejected"), claim["status"]
        message: dict[str, Any] = eventually(
            lambda: next((body for body in self.failed_calls() if body.get("call_id") == call.call_id), None)
        )
        return message

    def repeated(self, call: Call) -> None:
        """Wait until a call that had failed is transcribed."""
        eventually(lambda: self.claims(call)[0]["status"] == "completed")

    # Queues and events

    @contextlib.contextmanager
    def redelivery_after(self, *, seconds: int) -> Iterator[None]:
        """Have SQS give work that is taken meanwhile to another worker so soon, when the first has not finished."""
        sqs, url = self.environment.sqs(), self.environment.output("WorkQueueUrl")
        usual = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})
        try:
            yield
        finally:
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": usual["VisibilityTimeout"]})

    def failed_calls(self) -> list[dict[str, Any]]:
        """The bodies in the failed-calls queue, which stay there."""
        return [json.loads(body) for body in self.peek(self.environment.output("FailedCallsQueueUrl"))]

    def failure_of(self, key: str) -> dict[str, Any] | None:
        """The message in the failed-calls queue about the object, if there is one."""
        found = (body for body in self.failed_calls() if body.get("event"))
        return next((body for body in found if body["event"]["detail"]["object"]["key"] == key), None)

    def peek(self, queue_url: str) -> list[str]:
        """The bodies in a queue, which stay there."""
        sqs = self.environment.sqs()
        bodies: dict[str, str] = {}
        handles: list[str] = []
        receive = partial(sqs.receive_message, QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        while messages := receive().get("Messages", []):
            bodies |= {message["MessageId"]: message["Body"] for message in messages}
            handles += [message["ReceiptHandle"] for message in messages]
        for handle in handles:
            sqs.change_message_visibility(QueueUrl=queue_url, ReceiptHandle=handle, VisibilityTimeout=0)
        return list(bodies.values())

    def announced(self) -> list[dict[str, Any]]:
        """Every event of the bus so far."""
        sqs = self.environment.sqs()
        while messages := sqs.receive_message(QueueUrl=self._announcements, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                self._announced.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self._announcements, ReceiptHandle=message["ReceiptHandle"])
        return self._announced

    def redrive(self) -> str:
        """Repeat every failed call with the operators' command; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "callscribe", "redrive", "--environment", "Local"],
            cwd=ROOT,
            env={**os.environ, "CALLSCRIBE_EMULATOR_PORT": str(self.session.emulator.port), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    # The speech server

    def fail(self, calls: Call | str, *then: dict[str, Any]) -> None:
        """Have the speech server answer the next requests so, and as usual after that.

        Args:
            calls: A call, or the name of many.
            then: How, in order (`local.speech.faults`).
        """
        match = calls if isinstance(calls, str) else calls.call_id
        self._speech("/_local/faults", {"match": match, "then": list(then)})

    def heard(self) -> dict[str, Any]:
        """What the speech server was asked."""
        report: dict[str, Any] = self._speech("/_local/requests")
        return report

    def requests(self, call: Call) -> list[dict[str, Any]]:
        """The requests that the speech server got for a call."""
        return [request for request in self.heard()["requests"] if call.call_id in (request["audio"] or "")]

    def forget_requests(self) -> None:
        """Empty the speech server's journal."""
        self._speech("/_local/requests", method="DELETE")

    def _speech(self, path: str, body: Any = None, *, method: str | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Token {self.session.key}"}
        request = urllib.request.Request(self.session.speech.url + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
            answer = response.read()
        return json.loads(answer) if answer else None

    # The emulator

    def transcribers(self) -> Iterator[int]:
        """Process ids of the workers of the transcribing function."""
        return (worker["pid"] for worker in self.session.emulator.workers() if "Transcribe" in worker["function"])

    def restart_transcribers(self) -> None:
        """End the workers of the transcribing function: the next ones read the secret anew."""
        for pid in self.transcribers():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not list(self.transcribers()))

    def logs(self) -> Iterable[str]:
        """Every line that a function has logged."""
        logs = self.environment.session.client("logs", endpoint_url=self.environment.endpoint_url)
        for groups in logs.get_paginator("describe_log_groups").paginate():
            for group in groups["logGroups"]:
                pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
                yield from (event["message"] for page in pages for event in page["events"])
