"""One deployment in simulated time: the state machine, the functions, the doubles, and who breaks them.

Every call of boto3 goes through :func:`opened`, whichever process makes it: there it takes its time, in which others
run, and meets its faults, and boto3's own repetitions. Calls of the state machine and of EventBridge's rules go the
same way without boto3.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol, cast
from unittest.mock import patch
from uuid import UUID

import boto3
import httpx
from boto3.dynamodb.types import TypeSerializer
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from callscribe.aws_refusals import is_transient
from callscribe.contract.object_keys import TRANSCRIPTS, is_document
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.transcription import DeepgramTranscriptions
from callscribe.judgement.quality import load_rubric
from lambdas.common.archive import Archive
from lambdas.store_live_transcript.store import LiveTranscriptStore
from operations import rebuild
from operations.environment import Environment
from operations.redrive import redrive, redrive_claims, redrive_covered
from tests.callscribe import live_calls
from tests.fakes.s3_event import object_created
from tests.simulation.batch import faults as f
from tests.simulation.batch.analyst import Model, Question
from tests.simulation.batch.containers import DOOR, Containers, Context
from tests.simulation.batch.contents import NOT_AUDIO, contents
from tests.simulation.batch.deployment import Plan, session
from tests.simulation.batch.faults import Fault, Faults
from tests.simulation.batch.histories import History, Live, Put
from tests.simulation.batch.machine import Execution, Machine, Result, written
from tests.simulation.batch.queues import Queues
from tests.simulation.batch.scheduler import Killed, Scheduler, Task
from tests.simulation.batch.storage import Storage, Version
from tests.simulation.batch.tables import Tables
from tests.simulation.batch.templates import ENRICH
from tests.simulation.batch.vendor import API_KEY, Asked, Vendor
from tests.simulation.table import refused
from tests.workflow.cloudformation import ACCOUNT, REGION

_serialize: Final = TypeSerializer().serialize

MOST_STEPS: Final = 60_000
"""Steps of the scheduler after which a history is taken not to end."""

# Of EventBridge's targets, as the templates set them: 24 hours, 185 tries.
_RULE_SECONDS: Final = 24 * 3600.0
_RULE_PAUSE_SECONDS: Final = 600.0
_FAULTS: Final = frozenset({"InternalServerError", "InternalError", "InternalFailure", "InternalServiceError"})
_UNAVAILABLE: Final = frozenset({"ServiceUnavailable", "SlowDown", "ServiceException"})
# The names that Step Functions gives errors of services: their own, and that of a call without an answer.
_SERVICES: Final = {"lambda": "Lambda", "dynamodb": "DynamoDB", "sqs": "SQS", "events": "EventBridge", "s3": "S3"}
_OPERATIONS: Final = {
    "lambda:invoke": "lambda.Invoke",
    "dynamodb:updateItem": "dynamodb.UpdateItem",
    "sqs:sendMessage": "sqs.SendMessage",
    "events:putEvents": "events.PutEvents",
    "aws-sdk:s3:deleteObject": "s3.DeleteObject",
}


@dataclass(frozen=True)
class Announced:
    """A recording that was put.

    Attributes:
        put: What the history says of it.
        key: Its key.
        version: Its version.
        content: Its bytes.
    """

    put: Put
    key: str
    version: Version
    content: bytes


class _Double(Protocol):
    """A service of AWS's."""

    def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request."""


class World:
    """One deployment and one history.

    Args:
        plan: What is deployed.
        containers: The functions' processes.
        history: What happens.
        before_request: Called with each request to the speech service that is heard, before it is answered.
        before_question: Called with each request to the language model that is heard, before it is answered.
        after_write: Called after each transaction.
    """

    def __init__(
        self,
        plan: Plan,
        containers: Containers,
        history: History,
        *,
        before_request: Callable[[World, Asked], None],
        before_question: Callable[[World, Question], None],
        after_write: Callable[[World], None],
    ) -> None:
        self.plan = plan
        self.history = history
        self.scheduler = Scheduler(most_steps=MOST_STEPS)
        self._containers = containers
        self._after_write = after_write
        self._chance = random.Random(f"times {history.seed}")
        self.faults = Faults(history.faults, random.Random(f"faults {history.seed}"))
        self.tables = Tables(clock=self.scheduler.epoch)
        self.table = self.tables.create(plan.table)
        self.queues = Queues(clock=self.scheduler.epoch)
        for url, arn, properties in plan.queues:
            self.queues.create(url, arn, properties)
        self.storage = Storage(clock=self.scheduler.time, name=lambda: self.uuid().hex)
        for bucket in (plan.recordings, plan.archive):
            self.storage.create(bucket)
        self.vendor = Vendor(
            scheduler=self.scheduler,
            storage=self.storage,
            replies={content.audio: content.reply for content in contents()},
            outages=history.outages,
            chance=random.Random(f"vendor {history.seed}"),
            before=partial(before_request, self),
        )
        self.model = Model(
            scheduler=self.scheduler,
            outages=history.analyst,
            chance=random.Random(f"model {history.seed}"),
            before=partial(before_question, self),
        )
        self.machine = Machine(
            plan.definition,
            arn=plan.machine,
            scheduler=self.scheduler,
            services=self,
            chance=self._chance,
            ended=self._ended,
        )
        self._doubles: Mapping[str, _Double] = {
            "dynamodb": self.tables,
            "s3": self.storage,
            "sqs": self.queues,
            "stepfunctions": self.machine,
            "bedrock-runtime": self.model,
        }
        self.announced: list[Announced] = []
        self.deleted: set[int] = set()
        self.events: list[dict[str, Any]] = []
        self.enriched: list[str] = []
        self.live_stored: dict[int, float] = {}
        self.rebuilt: list[rebuild.Result] = []
        self.logs: list[str] = []
        self.lost_sends = 0
        self._machine_task = Task("state machine", "machine")
        self._rule_task = Task("rule", "rule")
        self._invocations = 0
        self._busy = 0
        self._looks: Any = None
        self._trace = hashlib.sha256()
        self.lines: list[str] | None = None
        work = self.queues.queue(plan.work_queue)
        work.changed = self._look
        self._plan_history()

    # What a container gets

    def time(self) -> datetime:
        return self.scheduler.time()

    def monotonic(self) -> float:
        return self.scheduler.monotonic()

    def sleep(self, seconds: float) -> None:
        self.scheduler.sleep(seconds)

    def random(self) -> float:
        return self._chance.random()

    def uuid(self) -> UUID:
        return UUID(int=self._chance.getrandbits(128), version=4)

    def log(self, text: str) -> None:
        self.logs.append(text)

    # What happens

    @property
    def digest(self) -> str:
        """What tells two runs apart: every call, its time and its outcome."""
        return self._trace.hexdigest()

    def run(self, *, until: float = float("inf")) -> None:
        """Let happen what is due."""
        self.scheduler.run(until=until)

    def operate(self, *, claims: bool, covered: int | None = None) -> None:
        """Have an operator repeat what failed, or have the recordings transcribed that a live transcript stands for."""
        target = Environment(name="Test", outputs=self.plan.outputs, session=session())

        def work() -> None:
            try:
                if covered is not None:
                    redrive_covered(target, call_of(covered)[0])
                elif claims:
                    redrive_claims(target)
                else:
                    redrive(target)
            except (ClientError, EndpointConnectionError, ReadTimeoutError) as error:
                self._note(f"the operator was refused: {type(error).__name__}")

        self.scheduler.spawn("operator", "operator", work)

    def rebuild(self) -> None:
        """Have an operator write what is older anew, one document after the other."""
        target = Environment(name="Test", outputs=self.plan.outputs, session=session())

        def work() -> None:
            try:
                self.rebuilt = list(rebuild.Rebuild(target, dry_run=False).run([TRANSCRIPTS]))
            except (ClientError, EndpointConnectionError, ReadTimeoutError) as error:
                self._note(f"the operator was refused: {type(error).__name__}")

        self.scheduler.spawn("operator", "operator", work)

    def failed_messages(self) -> list[tuple[str, str]]:
        """The messages in the queues of failed and stranded calls: queue and body."""
        urls = (self.plan.failed_calls, self.plan.stranded_calls)
        return [(url, message.body) for url in urls for message in self.queues.queue(url).messages]

    def _plan_history(self) -> None:
        later, history = self.scheduler.after, self.history
        for put in history.puts:
            later(put.at, partial(self.put, put))
        for delete in history.deletes:
            later(delete.at, partial(self._delete, delete.call))
        for act in history.redrives:
            later(act.at, partial(self.operate, claims=act.claims, covered=act.covered))
        for stop in history.stops:
            later(stop.at, self._stop)
        for again in history.again:
            later(again.at, self._deliver_again)
        for live in history.lives:
            later(live.begins, partial(self._begin_live, live))
        for update in history.rebuilds:
            later(update.at, self._update)
        for idle in history.idle:
            later(idle.at + idle.seconds, self._look)

    def put(self, put: Put) -> None:
        """Put a recording, and have it announced."""
        content = NOT_AUDIO if put.content < 0 else contents()[put.content].audio
        key = key_of(put.call, put.key)
        version = self.storage.put(self.plan.recordings, key, content)
        self.announced.append(Announced(put, key, version, content))
        self.tell_again(put.told)

    def tell_again(self, told: tuple[float, ...]) -> None:
        """Have the recording that was put last announced after so many seconds each."""
        announced = self.announced[-1]
        version = announced.version
        event = object_created(
            bucket=self.plan.recordings,
            key=announced.key,
            size=len(announced.content),
            stored={"ETag": version.etag, "VersionId": version.version_id},
            sequencer=version.sequencer,
        )
        for seconds in told:
            self.scheduler.after(seconds, partial(self._announce, event, self.scheduler.now + seconds))

    def _delete(self, call: int) -> None:
        self.deleted.add(call)
        for key in (key_of(call, 0), key_of(call, 1)):
            if self.storage.current(self.plan.recordings, key):
                self.storage.delete(self.plan.recordings, key)

    def _stop(self) -> None:
        running = [execution for execution in self.machine.executions.values() if execution.status == "RUNNING"]
        if running:
            self.machine.stop(running[0].arn)

    def _deliver_again(self) -> None:
        queue = self.queues.queue(self.plan.work_queue)
        hidden = [message for message in queue.messages if message.visible_at > self.scheduler.epoch()]
        if hidden:
            hidden[0].visible_at = self.scheduler.epoch()
            self._look()

    def _begin_live(self, live: Live) -> None:
        self._note_live(live, status="streaming", complete=None, end_reason=None)
        if live.ends is not None:
            self.scheduler.after(live.ends - live.begins, partial(self._end_live, live))

    def _end_live(self, live: Live) -> None:
        match live.outcome:
            case "failed":
                self._note_live(live, status="failed", complete=None, end_reason=None, error_code="LiveCall.Failed")
                return
            case "incomplete":
                self._note_live(live, complete=False, incomplete_reasons=["gap-missing"])
            case "partial":
                self._note_live(live, intervals=live_calls.intervals((7.0, 14.12)))
            case _:
                self._note_live(live)

        def store() -> None:
            self.scheduler.spawn("live", "live", partial(self._store_live, live))

        self.scheduler.after(live.stored, store)

    def _note_live(self, live: Live, **changes: Any) -> None:
        call_id, clinic_id = call_of(live.call)
        item = live_calls.live_item(
            call_id=call_id, clinic_id=clinic_id, **{"updated_at": self.time().isoformat(), **changes}
        )
        said = [live_calls.utterance_item(one, call_id=call_id, clinic_id=clinic_id) for one in live_calls.CONVERSATION]
        for stored in (item, *said):
            self.table.put_item(Item={name: _serialize(value) for name, value in stored.items()})

    def _store_live(self, live: Live) -> None:
        """Store a live call's transcript as its function does, which is part of another stack."""
        LiveTranscriptStore(
            table=session().resource("dynamodb").Table(self.plan.table),
            archive=Archive(s3=session().client("s3"), bucket=self.plan.archive),
            transcriptions=DeepgramTranscriptions(options=TranscriptionOptions()),
            rubric=load_rubric(),
            retention=None,
        ).store(call_of(live.call)[0], created_at=self.time())
        self.live_stored[live.call] = self.scheduler.now

    def _update(self) -> None:
        """Let everything that is stored be as an earlier version has left it; an operator rebuilds it."""
        for key in filter(is_document, self.storage.keys(self.plan.archive, TRANSCRIPTS)):
            version = self.storage.current(self.plan.archive, key)
            assert version is not None
            document = json.loads(gzip.decompress(version.content or b""))
            document["schema_version"] = SCHEMA_VERSION - 1
            packed = gzip.compress(json.dumps(document).encode(), mtime=0)
            self.storage.put(self.plan.archive, key, packed, metadata=version.metadata)
        for item in list(self.table):
            if item["type"]["S"] == "transcript":
                self.table.put_item(Item={**item, "schema_version": {"N": str(SCHEMA_VERSION - 1)}})
        self.rebuild()

    # What EventBridge does

    def _announce(self, event: Mapping[str, Any], since: float, tries: int = 0) -> None:
        if not self.plan.announcements.matches_event(event):
            raise LookupError("the rule does not take this event")
        fault = self._strike(self._rule_task, "stepfunctions.StartExecution", "")
        if fault is None or fault.kind in (f.LOSE, f.SLOW):
            self.machine.start(str(self.uuid()), json.dumps(event))
        if fault is None or fault.kind == f.SLOW:
            return
        again = partial(self._announce, event, since, tries + 1)
        if not self._try_again(again, since, tries):
            attributes = {"ERROR_CODE": {"DataType": "String", "StringValue": "SDK_CLIENT_ERROR"}}
            self.queues.queue(self.plan.failed_calls).send(json.dumps(event), attributes)

    def _ended(self, execution: Execution) -> None:
        self._note(f"{execution.arn[-12:]} {execution.status} {execution.error}")
        # AWS Step Functions Developer Guide, "Automating Step Functions event delivery with EventBridge".
        event = {
            "version": "0",
            "id": str(self.uuid()),
            "detail-type": "Step Functions Execution Status Change",
            "source": "aws.states",
            "account": ACCOUNT,
            "time": written(self.scheduler.time()),
            "region": REGION,
            "resources": [execution.arn],
            "detail": {
                "executionArn": execution.arn,
                "stateMachineArn": self.plan.machine,
                "name": execution.arn.rpartition(":")[2],
                "status": execution.status,
                "input": json.dumps(execution.input),
                "error": execution.error,
                "cause": execution.cause,
            },
        }
        if self.plan.ends.matches_event(event):
            self._tell_end(json.dumps(event), self.scheduler.now)

    def _tell_end(self, body: str, since: float, tries: int = 0) -> None:
        fault = self._strike(self._rule_task, "sqs.SendMessage", body)
        if fault is None or fault.kind in (f.LOSE, f.SLOW):
            self.queues.queue(self.plan.failed_calls).send(body)
        if fault is None or fault.kind == f.SLOW:
            return
        self.lost_sends += fault.kind == f.LOSE
        if not self._try_again(partial(self._tell_end, body, since, tries + 1), since, tries):
            self.queues.queue(self.plan.stranded_calls).send(body)

    def _try_again(self, act: Callable[[], None], since: float, tries: int) -> bool:
        pause = min(_RULE_PAUSE_SECONDS, 2.0**tries)
        if self.scheduler.now + pause > since + _RULE_SECONDS:
            return False
        self.scheduler.after(pause, act)
        return True

    # What Lambda does

    def _look(self) -> None:
        """Have the queue looked at when its next message is seen."""
        visible = self.queues.queue(self.plan.work_queue).next_visible()
        if self._looks is not None:
            self._looks.cancel()
            self._looks = None
        if visible is not None and self._busy < self.plan.workers and not self._idle():
            self._looks = self.scheduler.after(visible - self.scheduler.epoch(), self._poll)

    def _idle(self) -> bool:
        return any(idle.at <= self.scheduler.now < idle.at + idle.seconds for idle in self.history.idle)

    def _poll(self) -> None:
        self._looks = None
        while self._busy < self.plan.workers and not self._idle():
            messages = self.queues.receive(self.plan.work_queue, 1)
            if not messages:
                break
            self._busy += 1
            record = _record(messages[0])
            handle = messages[0]["ReceiptHandle"]
            self._invoke("transcribe_call", {"Records": [record]}, partial(self._settle, handle))
        self._look()

    def _settle(self, handle: str, result: Result) -> None:
        self._busy -= 1
        if result.error is None and not result.value["batchItemFailures"]:
            self.queues.queue(self.plan.work_queue).delete(handle)
        self._look()

    def _invoke(self, step: str, event: Any, done: Callable[[Result], None]) -> None:
        self._invocations += 1
        plan = self.plan.functions[step]
        name, ends = f"{step}-{self._invocations}", self.scheduler.now + plan.timeout
        timed_out = False

        def work() -> None:
            try:
                if step == ENRICH:
                    self._enrich(event)
                    result = Result()
                else:
                    with self._containers.one(step) as container:
                        result = Result(container(event, Context(plan.name, name, ends)))
            except Killed:
                error = "Sandbox.Timedout" if timed_out else "Runtime.ExitError"
                result = Result(
                    error=error, cause=json.dumps({"errorType": error, "errorMessage": "the process ended"})
                )
            except Exception as error:  # noqa: BLE001 - whatever a function raises is its error
                told = {"errorType": type(error).__name__, "errorMessage": str(error)}
                result = Result(error=type(error).__name__, cause=json.dumps(told))
            limit.cancel()
            self._note(f"{name} {result.error}")
            self.scheduler.after(0.01, lambda: done(result))

        def end() -> None:
            nonlocal timed_out
            timed_out = True
            self.scheduler.kill(task)

        task = self.scheduler.spawn(name, step, work)
        if step == "analyse_call":
            self.model.documents[task] = event["transcript"]["key"]
        limit = self.scheduler.after(plan.timeout, end)

    def _enrich(self, detail: Mapping[str, Any]) -> None:
        """Do what an operator's own function does: look at the document."""
        place = detail["transcript"]
        session().client("s3").head_object(Bucket=place["bucket"], Key=place["key"])
        self.enriched.append(detail["recording_id"])

    # What the state machine does

    def start(self, resource: str, arguments: Any, done: Callable[[Result], None]) -> None:
        """Call a service for a task of the state machine."""
        self.scheduler.after(self._latency(), partial(self._serve, resource, arguments, done))

    def _serve(self, resource: str, arguments: Any, done: Callable[[Result], None]) -> None:
        operation = _OPERATIONS[resource]
        service, _, action = operation.partition(".")
        fault = self._strike(self._machine_task, operation, json.dumps(arguments))
        kind = "" if fault is None else fault.kind
        unanswered = Result(error=f"{_SERVICES[service]}.SdkClientException")
        if kind == f.CUT:
            done(unanswered)
            return
        if fault is not None and kind == f.REFUSE:
            done(Result(error=f"{_SERVICES[service]}.{fault.code}", cause="refused"))
            return
        if kind == f.LOSE:
            # The call is heard; what comes of it reaches nobody.
            self.scheduler.after(10.0, lambda: done(unanswered))
            self.lost_sends += service == "sqs"
        answered: Callable[[Result], None] = (lambda _result: None) if kind == f.LOSE else done
        if kind == f.SLOW and fault is not None:
            answered = partial(self._answer_late, fault.delay, done)
            self.lost_sends += service == "sqs" and fault.delay >= self._patience
        if service == "lambda":
            name = arguments["FunctionName"].rpartition(":")[2]
            step = next(step for step, plan in self.plan.functions.items() if plan.name == name)
            self._invoke(step, arguments["Payload"], lambda result: answered(_of_function(result)))
            return
        try:
            answered(Result(self._of_machine(service, action, arguments)))
        except ClientError as refusal:
            code = refusal.response["Error"]["Code"]
            answered(Result(error=f"{_SERVICES[service]}.{code}", cause=code))

    @property
    def _patience(self) -> float:
        """Seconds for which the state machine waits until a queue has taken a message; then it sends it again."""
        return float(self.plan.definition["States"]["SendToFailedCalls"]["TimeoutSeconds"])

    def _answer_late(self, seconds: float, done: Callable[[Result], None], result: Result) -> None:
        self.scheduler.after(seconds, lambda: done(result))

    def _of_machine(self, service: str, action: str, arguments: Any) -> dict[str, Any]:
        if service == "sqs":
            body = arguments["MessageBody"]
            text = body if isinstance(body, str) else json.dumps(body)
            return self.queues.call(action, {**arguments, "MessageBody": text})
        return self.answer(service, action, arguments)

    # AWS

    def call(self, client: Any, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Make a call of boto3's, with its repetitions."""
        task, service = self.scheduler.running, client.meta.service_model.service_name
        name, config = f"{service}.{operation}", client.meta.config
        task.calls += 1
        about = str(request) if any(fault.about for fault in self.history.faults) else ""
        tries = config.retries.get("total_max_attempts", 1)
        for attempt in range(1, tries + 1):
            fault = self._strike(task, name, about)
            kind = "" if fault is None else fault.kind
            self.scheduler.sleep(self._latency())
            if kind == f.KILL:
                self._die(task)
            error: Exception
            if kind == f.CUT:
                error = EndpointConnectionError(endpoint_url=service)
            elif kind == f.REFUSE and fault is not None:
                error = self._refusal(client, operation, fault.code)
            else:
                answer = self._answered(client, service, operation, request)
                if kind == f.KILL_AFTER:
                    self._die(task)
                if fault is None:
                    return answer
                self.lost_sends += service == "sqs"
                self.scheduler.sleep(min(fault.delay, config.read_timeout) if kind == f.SLOW else config.read_timeout)
                if kind == f.SLOW and fault.delay < config.read_timeout:
                    return answer
                error = ReadTimeoutError(endpoint_url=service)
            if attempt == tries or (isinstance(error, ClientError) and not is_transient(error.response)):
                raise error
            self.scheduler.sleep(self._chance.uniform(0, min(20.0, 2.0 ** (attempt - 1))))
        raise AssertionError

    def answer(self, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a call.

        Raises:
            ClientError: The service refuses it.
        """
        if service in self._doubles:
            return self._doubles[service].call(operation, request)
        match service:
            case "lambda":
                return self._invoked(request)
            case "sts":
                # Whoever asks, so that the client made of it is made once.
                credentials = {"AccessKeyId": "narrow", "SecretAccessKey": "narrow", "SessionToken": "narrow"}
                return {"Credentials": credentials}
            case "secretsmanager":
                return {"SecretString": API_KEY}
            case "ssm":
                raise refused("ParameterNotFound", operation)
            case "events":
                self.events += [entry | {"at": self.scheduler.now} for entry in request["Entries"]]
                return {"FailedEntryCount": 0, "Entries": [{"EventId": str(self.uuid())} for _ in request["Entries"]]}
            case _:
                raise NotImplementedError(f"{service}.{operation}")

    def _answered(self, client: Any, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            if operation == "ReceiveMessage":
                return self._received(request)
            answer = self.answer(service, operation, request)
            if operation == "TransactWriteItems":
                self._after_write(self)
        except ClientError as refusal:
            self._note(f"{self.scheduler.running.name} {operation} {refusal.response['Error']['Code']}")
            # As a class of the client's own, by which some tell it.
            made = client.exceptions.from_code(refusal.response["Error"]["Code"])
            raise made(refusal.response, operation) from None
        self._note(f"{self.scheduler.running.name} {operation}")
        return answer

    def _invoked(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Run a function for whoever invokes it and waits."""
        step = next(step for step, plan in self.plan.functions.items() if plan.name == request["FunctionName"])
        results: list[Result] = []
        self._invoke(step, json.loads(request["Payload"]), results.append)
        while not results:
            self.scheduler.sleep(0.05)
        (result,) = results
        payload = json.dumps(result.value) if result.error is None else result.cause
        answer = {"StatusCode": 200, "Payload": io.BytesIO(payload.encode())}
        return answer if result.error is None else answer | {"FunctionError": "Unhandled"}

    def _received(self, request: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.queues.call("ReceiveMessage", request)
        if not answer:
            self.scheduler.sleep(request.get("WaitTimeSeconds", 0))
            answer = self.queues.call("ReceiveMessage", request)
        return answer

    def _refusal(self, client: Any, operation: str, code: str) -> ClientError:
        status = 500 if code in _FAULTS else 503 if code in _UNAVAILABLE else 403 if code == "AccessDenied" else 400
        details: dict[str, Any] = {}
        if code == "TransactionCanceledException":
            reasons = self._chance.sample(("TransactionConflict", "None"), 2)
            details = {"CancellationReasons": [{"Code": reason} for reason in reasons]}
        # An answer to HEAD has no body that could carry a code.
        named = str(status) if operation.startswith("Head") else code
        refusal = refused(named, operation, status=status, **details)
        made: type[ClientError] = client.exceptions.from_code(named)
        return made(refusal.response, operation)

    def _strike(self, task: Task, operation: str, about: str) -> Fault | None:
        fault = self.faults.strike(task, operation, now=self.scheduler.now, about=about)
        if fault is not None:
            self._note(f"{task.name} {operation}: {fault.kind} {fault.code}")
        return fault

    def _die(self, task: Task) -> None:
        task.killed = True
        raise Killed

    def _latency(self) -> float:
        return self._chance.uniform(0.005, 0.06)

    def _note(self, what: str) -> None:
        line = f"{self.scheduler.now:.3f} {what}"
        self._trace.update(line.encode())
        if self.lines is not None:
            self.lines.append(line)


def key_of(call: int, variant: int) -> str:
    """The key of a call's recording: every other call is one of Connect's."""
    extension = ("wav", "WAV")[variant]
    if call % 2:
        contact = f"8e2d1f7c-0f9a-4c55-9d43-2f1a5b7c9e{call:02d}"
        return f"connect/lakeside/CallRecordings/2026/11/20/{contact}_20261120T09:00_UTC.{extension}"
    return f"recordings/clinic-7/2026-11-20/call-{call:04d}.{extension}"


def call_of(call: int) -> tuple[str, str]:
    """The id of a call, and its clinic."""
    name = key_of(call, 0).rpartition("/")[2].rpartition(".")[0]
    return name.partition("_")[0], "lakeside" if call % 2 else "clinic-7"


def _record(message: Mapping[str, Any]) -> dict[str, Any]:
    """Write a message as Lambda hands it to a function (Lambda Developer Guide, "Using Lambda with Amazon SQS")."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:work",
        "awsRegion": REGION,
    }


def _of_function(result: Result) -> Result:
    return result if result.error is not None else Result({"StatusCode": 200, "Payload": result.value})


class _OneByOne:
    """An executor whose work is done by whoever waits for it: threads of its own would have no baton."""

    def __init__(self, _workers: int) -> None:
        self.map = map

    def __enter__(self) -> _OneByOne:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to be done."""


@contextmanager
def opened() -> Iterator[None]:
    """Have every call to the outside go to the world of the history that runs."""

    def call(client: Any, operation: str, parameters: Any) -> Any:
        world = cast("World", DOOR.inside)
        model, context = client.meta.service_model.operation_model(operation), {"client_config": client.meta.config}
        request = client._emit_api_params(api_params=parameters, operation_model=model, context=context)
        answer = world.call(client, operation, request)
        if operation == "Converse":
            world.model.note_reached(world.scheduler.running)
        answer["ResponseMetadata"] = {"HTTPStatusCode": 200}
        service = client.meta.service_model.service_id.hyphenize()
        client.meta.events.emit(
            f"after-call.{service}.{operation}", http_response=None, parsed=answer, model=model, context=context
        )
        return answer

    def send(_transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        return cast("World", DOOR.inside).vendor.handle(request)

    with ExitStack() as stack:
        stack.enter_context(patch.object(BaseClient, "_make_api_call", call))
        stack.enter_context(patch.object(httpx.HTTPTransport, "handle_request", send))
        stack.enter_context(patch.object(boto3, "DEFAULT_SESSION", session()))
        # Handlers ask a session of their own for the region, and Powertools makes one for each of its clients.
        stack.enter_context(patch.object(boto3, "Session", session))
        stack.enter_context(patch.object(boto3.session, "Session", session))
        stack.enter_context(patch.object(rebuild, "ThreadPoolExecutor", _OneByOne))
        stack.enter_context(redirect_stdout(cast("Any", DOOR)))
        yield
