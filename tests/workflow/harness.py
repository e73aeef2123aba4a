"""The synthesised workflow, run in this process: the real state machine, the real functions, moto for AWS.

`Workflow` plays the two parts of AWS that moto leaves out without Docker: the rule that starts an execution for an S3
event, and the event source mapping that carries messages from the queue to a function. Both do what their resources in
the template say. No time passes: what a message or a retry should wait for is noted and then comes at once.
"""

from __future__ import annotations

import gzip
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
from moto.core.exceptions import JsonRESTError
from moto.events.models import EventPattern
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from operations.environment import Environment
from operations.rebuild import Rebuild
from operations.redrive import redrive, redrive_claims
from tests.fakes.s3_event import object_created
from tests.patience import PATIENCE_SECONDS
from tests.workflow import engine
from tests.workflow.cloudformation import ACCOUNT, REGION, Deployed, Resource
from tests.workflow.functions import Function, InlineFunction, LayeredEnvironment, running_step

if TYPE_CHECKING:
    import pytest
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_POLL_SECONDS = 0.01
_MACHINE = "state machine"


class KilledError(BaseException):
    """The process of a function ends here: nothing in it can catch this."""


@dataclass
class Fault:
    """A call to AWS that goes wrong.

    Args:
        operation: The call, such as `dynamodb.UpdateItem`.
        by: Who makes it: the step of a function, such as `store_transcript`, or `state machine`.
        error: AWS's error code. None: the process is killed instead of making the call.
        mentioning: Text that the request must hold to be meant.
        times: How often it goes wrong.
        spare: How often it goes well before.
    """

    operation: str
    by: str
    error: str | None = "InternalServerError"
    mentioning: str = ""
    times: int = 10**6
    spare: int = 0
    hits: int = 0


class Calls:
    """The calls to AWS of every client of one boto3 session: some go wrong, one kind is noted.

    Attributes:
        hidden_for: How long functions asked the queue to hide messages, in seconds.
    """

    def __init__(self, session: boto3.Session) -> None:
        self.hidden_for: list[int] = []
        self._faults: list[Fault] = []
        session.events.register("before-call", self._strike)
        session.events.register("provide-client-params.sqs.ChangeMessageVisibility", self._note)

    def add(self, fault: Fault) -> Fault:
        """Make a call go wrong from now on."""
        self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Let the call go through again."""
        self._faults.remove(fault)

    def forget(self) -> None:
        """Drop everything of an earlier test."""
        self._faults.clear()
        self.hidden_for.clear()

    def _note(self, params: Mapping[str, Any], **_: Any) -> None:
        if running_step() is not None:
            self.hidden_for.append(params["VisibilityTimeout"])

    def _strike(self, event_name: str, params: Mapping[str, Any], **_: Any) -> Any:
        operation = event_name.removeprefix("before-call.")
        for fault in self._faults:
            if (
                fault.operation == operation
                and fault.by == (running_step() or _MACHINE)
                and fault.mentioning in _text(params.get("body"))
                and fault.hits < fault.times
            ):
                if fault.spare:
                    fault.spare -= 1
                    continue
                fault.hits += 1
                if fault.error is None:
                    raise KilledError
                return SimpleNamespace(status_code=_status(fault.error)), _refusal(fault.error)
        return None


def _text(body: object) -> str:
    return body.decode() if isinstance(body, bytes) else str(body)


def _status(code: str) -> int:
    """The status by which AWS refuses with a code."""
    faults = {"InternalServerError": 500, "InternalError": 500, "ServiceUnavailable": 503, "SlowDown": 503}
    if code.isdigit():  # of HEAD, whose answer has no body
        return int(code)
    return faults.get(code, 403 if "AccessDenied" in code else 400)


def _refusal(code: str) -> dict[str, Any]:
    metadata = {"HTTPStatusCode": _status(code), "RequestId": "fault", "HTTPHeaders": {}}
    return {"Error": {"Code": code, "Message": "a fault of the test"}, "ResponseMetadata": metadata}


@dataclass(frozen=True)
class Execution:
    """An execution, described once it is over."""

    arn: str
    status: str
    input: Any
    output: Any
    error: str | None
    cause: str | None
    history: list[dict[str, Any]]

    @property
    def states(self) -> list[str]:
        """The states it entered, in order."""
        return [
            event["stateEnteredEventDetails"]["name"] for event in self.history if "stateEnteredEventDetails" in event
        ]

    def text(self) -> str:
        """Everything that Step Functions keeps of it."""
        return json.dumps([self.input, self.output, self.error, self.cause, self.history], default=str)


@dataclass(frozen=True)
class Source:
    """An event source mapping of the template, as far as this pump plays it."""

    queue_url: str
    queue_arn: str
    function: Function
    batch_size: int
    partial: bool


class Workflow:
    """The deployed templates.

    Args:
        templates: The synthesised templates by name of their stack.
        session: The session that everything here uses.
        calls: The calls of that session.
        monkeypatch: Undoes what this replaces.

    Attributes:
        retry_waits: How long the state machine would have waited between tries, in seconds.
        pauses: How long it would have waited in states that wait, in seconds.
        meanwhile: Called during each of these pauses.
    """

    def __init__(
        self, templates: Mapping[str, Any], *, session: boto3.Session, calls: Calls, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._session = session
        self.calls = calls
        self.retry_waits: list[float] = []
        self.pauses: list[float] = []
        self.meanwhile: Callable[[], None] | None = None
        self._throttled: dict[str, int] = {}
        monkeypatch.setattr(os, "environ", LayeredEnvironment(os.environ))
        monkeypatch.setattr("operations.redrive._RECEIVE_WAIT_SECONDS", 0)
        engine.install(monkeypatch, invoke=self._invoke, waits=self.retry_waits, pause=self._pause)
        self.deployed = Deployed(templates)
        self.functions = {
            function.step: function for function in map(self._function, self.deployed.all("AWS::Lambda::Function"))
        }
        self.step_functions = boto3.client("stepfunctions")
        self._sqs = boto3.client("sqs")
        self.s3: S3Client = boto3.client("s3")
        self.rule = next(
            rule
            for rule in self.deployed.all("AWS::Events::Rule")
            if rule.properties.get("EventPattern", {}).get("source") == ["aws.s3"]
        )
        self.source = self._source(*self.deployed.all("AWS::Lambda::EventSourceMapping"))
        self.failed_calls = self._queue_url(self.rule.properties["Targets"][0]["DeadLetterConfig"]["Arn"])
        self.end_rule = next(
            rule
            for rule in self.deployed.all("AWS::Events::Rule")
            if rule.properties.get("EventPattern", {}).get("source") == ["aws.states"]
        )
        self.stranded_calls = self._queue_url(self.end_rule.properties["Targets"][0]["DeadLetterConfig"]["Arn"])
        self.table: Table = boto3.resource("dynamodb").Table(self._environment("admit_recording", "TABLE_NAME"))
        self.recordings = self.rule.properties["EventPattern"]["detail"]["bucket"]["name"][0]
        self.archive = self._environment("store_transcript", "ARCHIVE_BUCKET")
        self.secret = self._environment("transcribe_call", "DEEPGRAM_SECRET_ARN")
        self._announcements = self._subscribe()

    # What AWS does

    def announce(self, event: Mapping[str, Any]) -> str:
        """Do what the rule does with an event; return the execution.

        Raises:
            LookupError: The rule does not take the event.
        """
        pattern: Any = EventPattern.load(json.dumps(self.rule.properties["EventPattern"]))
        if not pattern.matches_event(event):
            raise LookupError("the rule does not take this event")
        (target,) = self.rule.properties["Targets"]
        # moto gives no name to an execution that has none.
        return self.step_functions.start_execution(
            stateMachineArn=target["Arn"], name=str(uuid4()), input=json.dumps(event)
        )["executionArn"]

    def tell_end(self, execution: Execution, *, delivered: bool = True) -> bool:
        """Do what the rule on the ends of executions does with this one; return whether it takes it.

        Args:
            execution: The execution.
            delivered: Whether its target can be reached.
        """
        machine = self.rule.properties["Targets"][0]["Arn"]
        # AWS Step Functions Developer Guide, "Automating Step Functions event delivery with EventBridge".
        event = {
            "version": "0",
            "id": str(uuid4()),
            "detail-type": "Step Functions Execution Status Change",
            "source": "aws.states",
            "account": ACCOUNT,
            "time": "2026-11-20T09:31:00Z",
            "region": REGION,
            "resources": [execution.arn],
            "detail": {
                "executionArn": execution.arn,
                "stateMachineArn": machine,
                "name": execution.arn.rpartition(":")[2],
                "status": execution.status,
                "input": json.dumps(execution.input),
                "error": execution.error,
                "cause": execution.cause,
            },
        }
        pattern: Any = EventPattern.load(json.dumps(self.end_rule.properties["EventPattern"]))
        if not pattern.matches_event(event):
            return False
        (target,) = self.end_rule.properties["Targets"]
        queue = self._queue_url(target["Arn"]) if delivered else self.stranded_calls
        self._sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(event))
        return True

    def pump(self) -> int:
        """Carry what waits in the queue to the function, once; return how many messages came."""
        messages = self._receive()
        if messages:
            self.deliver(messages)
        return len(messages)

    def receive(self) -> list[MessageTypeDef]:
        """Wait for messages and take them from the queue, where they are hidden until they are settled."""
        messages: list[MessageTypeDef] = []

        def received() -> bool:
            messages.extend(self._receive())
            return bool(messages)

        self.wait_until(received)
        return messages

    def receive_and_show(self) -> None:
        """Wait for a message, and leave it where it is."""
        self.show_again(self.receive())

    def _receive(self) -> list[MessageTypeDef]:
        # Asked every few milliseconds: a call of the API costs more than all that a test is about.
        if not sqs_backends[ACCOUNT][REGION].queues[self.source.queue_url.rpartition("/")[2]].messages:
            return []
        return self._sqs.receive_message(
            QueueUrl=self.source.queue_url, MaxNumberOfMessages=self.source.batch_size, AttributeNames=["All"]
        ).get("Messages", [])

    def show_again(self, messages: list[MessageTypeDef]) -> None:
        """Let the visibility timeout of messages run out."""
        for message in messages:
            self._sqs.change_message_visibility(
                QueueUrl=self.source.queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )

    def deliver(self, messages: list[MessageTypeDef]) -> None:
        """Invoke the function with messages and settle them by its answer."""
        event = {"Records": [_record(message, self.source.queue_arn) for message in messages]}
        try:
            answer = self.source.function(event)
        except (Exception, KilledError):  # noqa: BLE001 - whatever a function raises, Lambda survives
            failed = {message["MessageId"] for message in messages}
        else:
            failures = answer["batchItemFailures"] if self.source.partial else []
            failed = {failure["itemIdentifier"] for failure in failures}
        self.show_again([message for message in messages if message["MessageId"] in failed])
        for message in messages:
            if message["MessageId"] not in failed:
                self._sqs.delete_message(QueueUrl=self.source.queue_url, ReceiptHandle=message["ReceiptHandle"])

    # What a test does

    def upload(self, key: str, content: bytes, *, bucket: str | None = None) -> dict[str, Any]:
        """Put an object; return the event by which S3 announces it on EventBridge."""
        bucket = bucket or self.recordings
        stored = self.s3.put_object(Bucket=bucket, Key=key, Body=content)
        sequencer = f"{time.monotonic_ns():016X}"
        return object_created(bucket=bucket, key=key, size=len(content), stored=stored, sequencer=sequencer)

    def age(self, event: Mapping[str, Any]) -> None:
        """Make an announced version an hour older than it is."""
        announced = event["detail"]["object"]
        stored = s3_backends[ACCOUNT]["aws"].get_object(
            event["detail"]["bucket"]["name"], announced["key"], announced["version-id"]
        )
        if stored is None:
            raise LookupError("there is no such version")
        stored.last_modified -= timedelta(hours=1)

    def send_work(self, body: str) -> None:
        """Put a message into the work queue."""
        self._sqs.send_message(QueueUrl=self.source.queue_url, MessageBody=body)

    def set_key(self, value: str) -> None:
        """Put a value into the secret."""
        boto3.client("secretsmanager").put_secret_value(SecretId=self.secret, SecretString=value)

    def run(self, event: Mapping[str, Any]) -> Execution:
        """Announce an event and carry messages until its execution is over."""
        return self.finish(self.announce(event))

    def finish(self, execution: str) -> Execution:
        """Carry messages until an execution is over."""
        self.wait_until(lambda: self.status(execution) != "RUNNING", pumping=True)
        return self.describe(execution)

    def wait_until(self, condition: Callable[[], bool], *, pumping: bool = False) -> None:
        """Wait for a condition, for as long as patience lasts.

        Raises:
            TimeoutError: It did not come about.
        """
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError("this should have happened by now")
            if not (pumping and self.pump()):
                time.sleep(_POLL_SECONDS)

    def status(self, execution: str) -> str:
        # As `_receive`: not through the API.
        return str(stepfunctions_parser_backends[ACCOUNT][REGION].describe_execution(execution).status)

    def describe(self, execution: str) -> Execution:
        """Describe an execution that is over."""
        described: Mapping[str, Any] = self.step_functions.describe_execution(executionArn=execution)
        history: list[Any] = self.step_functions.get_execution_history(executionArn=execution)["events"]
        return Execution(
            arn=execution,
            status=described["status"],
            input=json.loads(described["input"]),
            output=json.loads(described["output"]) if "output" in described else None,
            error=described.get("error"),
            cause=described.get("cause"),
            history=history,
        )

    def executions(self) -> set[str]:
        machine = self.rule.properties["Targets"][0]["Arn"]
        listed = self.step_functions.list_executions(stateMachineArn=machine)["executions"]
        return {execution["executionArn"] for execution in listed}

    def redrive(self, *, by_claims: bool = False) -> list[Execution]:
        """Repeat the failed calls as an operator does; return the executions that this started, once they are over.

        Args:
            by_claims: Find them in the table instead of the queue.
        """
        outputs = {
            "FailedCallsQueueUrl": self.failed_calls,
            "StrandedCallsQueueUrl": self.stranded_calls,
            "WorkQueueUrl": self.source.queue_url,
            "StateMachineArn": self.rule.properties["Targets"][0]["Arn"],
            "TableName": self.table.name,
        }
        before = self.executions()
        target = Environment(name="Test", outputs=outputs, session=self._session)
        outcomes = redrive_claims(target) if by_claims else redrive(target)
        if any(outcome.left_in_place for outcome in outcomes):
            raise RuntimeError(f"a message was left in place: {outcomes}")
        return [self.finish(execution) for execution in self.executions() - before]

    def lose_messages(self) -> None:
        """Let the messages in the failed-calls queue come of age and vanish."""
        self._sqs.purge_queue(QueueUrl=self.failed_calls)

    def rebuild(self) -> dict[str, int]:
        """Have older documents written anew as an operator does; return how many ended in which way."""
        outputs = {"ArchiveBucketName": self.archive, "StoreFunctionName": self.functions["store_transcript"].name}
        target = Environment(name="Test", outputs=outputs, session=self._session)
        return dict(Counter(result.outcome for result in Rebuild(target, dry_run=False).run(["transcripts/"])))

    def throttle(self, step: str, times: int) -> None:
        """Refuse the next invocations of a function, as Lambda does above its concurrency."""
        self._throttled[step] = times

    @contextmanager
    def fault(self, operation: str, *, by: str, **details: Any) -> Iterator[Fault]:
        """Make a call to AWS go wrong inside the block; see `Fault`."""
        fault = self.calls.add(Fault(operation, by, **details))
        try:
            yield fault
        finally:
            self.calls.remove(fault)

    def lapse(self, lease: str) -> None:
        """Let a lease of the only claim run out: `lease_until` or `request_lease_until`."""
        claim = self.claim()
        self.table.update_item(
            Key={"PK": claim["PK"], "SK": claim["SK"]},
            UpdateExpression="SET #lease = :past",
            ConditionExpression="attribute_exists(#lease)",
            ExpressionAttributeNames={"#lease": lease},
            ExpressionAttributeValues={":past": 1},
        )

    def forget_execution(self) -> None:
        """Let the execution that has the only claim be over for so long that Step Functions does not know it."""
        claim = self.claim()
        self.table.update_item(
            Key={"PK": claim["PK"], "SK": claim["SK"]},
            UpdateExpression="SET execution = :forgotten",
            ExpressionAttributeValues={":forgotten": f"{claim['execution'].rpartition(':')[0]}:forgotten"},
        )

    # What a test looks at

    def claims(self) -> list[dict[str, Any]]:
        return [item for item in self.items() if item["SK"] == "CLAIM"]

    def claim(self) -> dict[str, Any]:
        """The only claim."""
        (claim,) = self.claims()
        return claim

    def transcripts(self) -> list[dict[str, Any]]:
        return [item for item in self.items() if item["SK"].startswith("TRANSCRIPT#")]

    def items(self) -> list[dict[str, Any]]:
        return self.table.scan(ConsistentRead=True)["Items"]

    def document(self, key: str) -> Any:
        """A document of the archive."""
        return json.loads(gzip.decompress(self.s3.get_object(Bucket=self.archive, Key=key)["Body"].read()))

    def archived(self, prefix: str) -> list[str]:
        """The keys of the archive under a prefix."""
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=self.archive, Prefix=prefix).get("Contents", [])]

    def failures(self) -> list[dict[str, Any]]:
        """The messages in the failed-calls queue."""
        return [json.loads(message["Body"]) for message in self._messages(self.failed_calls)]

    def failed_bodies(self) -> list[str]:
        """The messages in the failed-calls queue as they are."""
        return [message["Body"] for message in self._messages(self.failed_calls)]

    def bodies(self, logical_id: str) -> list[dict[str, Any]]:
        """The messages in the queue whose logical id begins so."""
        (queue,) = (queue for queue in self.deployed.all("AWS::SQS::Queue") if queue.logical_id.startswith(logical_id))
        return [json.loads(message["Body"]) for message in self._messages(queue.made.ref)]

    def announced(self) -> list[dict[str, Any]]:
        """The events on the bus, taken off."""
        messages = self._messages(self._announcements, keep=False)
        return [json.loads(message["Body"]) for message in messages]

    def _messages(self, queue: str, *, keep: bool = True) -> list[MessageTypeDef]:
        found: list[MessageTypeDef] = []
        while batch := self._sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            found += batch
        for message in found:
            handle = {"QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"]}
            if keep:
                self._sqs.change_message_visibility(**handle, VisibilityTimeout=0)
            else:
                self._sqs.delete_message(**handle)
        return found

    # What it is made of

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        time.sleep(_POLL_SECONDS)  # lest an execution that waits keeps the others from the processor
        if self.meanwhile is not None:
            self.meanwhile()

    def _function(self, resource: Resource) -> Function:
        properties = resource.properties
        arguments: dict[str, Any] = {
            "name": resource.made.ref,
            "handler": properties["Handler"],
            "environment": {
                **properties["Environment"]["Variables"],
                "AWS_LAMBDA_FUNCTION_NAME": resource.made.ref,
                "AWS_REGION": REGION,
            },
            "timeout_seconds": float(properties["Timeout"]),
        }
        source = properties["Code"].get("ZipFile")
        return Function(**arguments) if source is None else InlineFunction(**arguments, source=source)

    def _environment(self, step: str, name: str) -> str:
        return self.functions[step].environment[name]

    def _queue_url(self, arn: str) -> str:
        queues = {queue.made.attributes["Arn"]: queue.made.ref for queue in self.deployed.all("AWS::SQS::Queue")}
        return queues[arn]

    def _source(self, mapping: Resource) -> Source:
        properties = mapping.properties
        (function,) = (
            function for function in self.functions.values() if function.name in str(properties["FunctionName"])
        )
        return Source(
            queue_url=self._queue_url(properties["EventSourceArn"]),
            queue_arn=properties["EventSourceArn"],
            function=function,
            batch_size=properties["BatchSize"],
            partial="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
        )

    def _subscribe(self) -> str:
        """Listen to the bus that the template makes."""
        (bus,) = self.deployed.all("AWS::Events::EventBus")
        queue = self._sqs.create_queue(QueueName="announcements")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events = boto3.client("events")
        everything = json.dumps({"account": [{"exists": True}]})
        events.put_rule(Name="everything", EventBusName=bus.made.ref, EventPattern=everything)
        events.put_targets(Rule="everything", EventBusName=bus.made.ref, Targets=[{"Id": "queue", "Arn": arn}])
        return queue

    def _invoke(self, name: str, body: str | bytes, response_headers: dict[str, Any]) -> bytes:
        """Answer `lambda:invoke` as Lambda does."""
        (function,) = (function for function in self.functions.values() if function.name == name.split(":")[-1])
        if self._throttled.get(function.step, 0) > 0:
            self._throttled[function.step] -= 1
            raise JsonRESTError("TooManyRequestsException", "Rate Exceeded.")
        try:
            return json.dumps(function(json.loads(body))).encode()
        except Exception as error:  # noqa: BLE001 - becomes the payload of an error
            response_headers["x-amz-function-error"] = "Unhandled"
            return json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)}).encode()
        except KilledError:
            response_headers["x-amz-function-error"] = "Unhandled"
            exited = {
                "errorType": "Runtime.ExitError",
                "errorMessage": "Error: Runtime exited with error: exit status 1",
            }
            return json.dumps(exited).encode()


def _record(message: MessageTypeDef, queue_arn: str) -> dict[str, Any]:
    """Write a message as Lambda hands it to a function (Lambda Developer Guide, "Using Lambda with Amazon SQS")."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }
