"""Repeat failed calls: ``callscribe redrive --environment Dev [--live]``.

With ``--live`` the calls are those that could not be followed while they ran. A streamer goes on where the call was
left, from the audio that Kinesis keeps for the stream's retention; what is older is left in place unless ``--force``.
``--covered CALL`` transcribes a recording that was not, because the call's live transcript stands for it. ``--claims``
finds the calls in the table instead of the queue: those whose messages are lost, and those that nobody works on any
more although they never failed.

One pass over the failed-calls queue: everything is received first and repeated afterwards, so a call that fails again
meanwhile waits for the next pass. A message is deleted only after its call was repeated. A call continues from its
last finished step: a reply that is there already is not asked for again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, count, islice
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from callscribe.contract.outputs import DeploymentOutput
from callscribe.recordings.redrive import execution_name

from . import environment
from .call_store import FAILED_ADMISSION, CallStore
from .environment import Environment
from .exit_status import ExitStatus
from .failed_calls import (
    FailedCall,
    Repeat,
    Repeatable,
    SendBack,
    StartAgain,
    read_claim,
    read_failed_admission,
    read_message,
)
from .failed_live_calls import LiveRepeat, LiveRepeater, read_live_message
from .rendering import cells, table_of
from .terminal import add_json_argument, complain, output, print_json, reports_errors

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

KINDS = ("failed", "rejected", "stuck")
"""What `redrive_claims` finds."""
_USED = (
    DeploymentOutput.TABLE,
    DeploymentOutput.STATE_MACHINE,
    DeploymentOutput.WORK_QUEUE,
    DeploymentOutput.FAILED_CALLS_QUEUE,
    DeploymentOutput.STRANDED_CALLS_QUEUE,
    DeploymentOutput.LIVE_CALLS_QUEUE,
    DeploymentOutput.FAILED_LIVE_CALLS_QUEUE,
    DeploymentOutput.EVENT_BUS,
)
_DEFAULT_MAX = 500
_LARGEST_MAX = 2000
_RECEIVE_WAIT_SECONDS = 2
# Long enough to repeat the largest batch; a run that dies gives its messages back after this.
_VISIBILITY_SECONDS = 900
_MESSAGES_PER_RECEIVE = 10  # SQS's own limit


R = TypeVar("R", bound=Repeatable)


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """What was done with one message."""

    call: FailedCall[R]
    action: str
    left_in_place: bool = False


class Repeater(Protocol[R]):
    """Puts calls back to work."""

    def obstacle(self, repeat: R) -> str:
        """Why repeating would be in vain; empty if it would not."""

    def repeat(self, call: FailedCall[R], repeat: R) -> None:
        """Put the call back to work; repeating it twice does no harm."""


def redrive(
    target: Environment, *, limit: int = _DEFAULT_MAX, since: datetime | None = None, dry_run: bool = False
) -> list[Outcome[Repeat]]:
    """Repeat the calls in the failed-calls queue of *target*, oldest first.

    Args:
        target: Environment to work on.
        limit: Most messages to receive.
        since: Leave messages sent earlier alone. Default: none is too old.
        dry_run: Only say what would be done.

    Raises:
        UnusableEnvironment: A queue or the state machine is not among the outputs of the stacks.
        ClientError: The queue cannot be received from.
    """
    sqs = target.sqs()
    repeater = _BatchRepeater(target, sqs)
    queues = [_Queue(sqs, target.output("FailedCallsQueueUrl"))]
    if stranded := target.outputs.get("StrandedCallsQueueUrl"):
        queues.append(_Queue(sqs, stranded))
    received = {queue: [*queue.receive(limit, read_message)] for queue in queues}
    of_call = {call.message_id: queue for queue, calls in received.items() for call in calls}
    repeated: set[str] = set()
    return [
        _handle_message(of_call[call.message_id], call, repeater, repeated, since=since, dry_run=dry_run)
        for call in _in_turn(chain.from_iterable(received.values()))
    ]


def redrive_live(
    target: Environment,
    *,
    limit: int = _DEFAULT_MAX,
    since: datetime | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> list[Outcome[LiveRepeat]]:
    """Repeat the calls in the queue of failed live calls of *target*, oldest first.

    Args:
        target: Environment to work on.
        limit: Most messages to receive.
        since: Leave messages sent earlier alone. Default: none is too old.
        force: Also send calls back whose audio Kinesis keeps no longer; what is left of them has a gap.
        dry_run: Only say what would be done.

    Raises:
        UnusableEnvironment: A queue or the bus is not among the outputs of the stacks.
        ClientError: The queue cannot be received from.
    """
    queue = _Queue(target.sqs(), target.output("FailedLiveCallsQueueUrl"))
    repeater = LiveRepeater(target, force=force)
    calls = sorted(queue.receive(limit, read_live_message), key=lambda call: call.sent_at)
    return _repeat_all(queue, calls, repeater, since=since, dry_run=dry_run)


def redrive_covered(target: Environment, call_id: str, *, dry_run: bool = False) -> list[Outcome[Repeat]]:
    """Transcribe the recordings of a call that its live transcript stands for, and those with the same content.

    Of one content one recording is transcribed; a newer one with it may be the one to be shown.

    Args:
        target: Environment to work on.
        call_id: The call.
        dry_run: Only say what would be done.

    Raises:
        UnusableEnvironment: The table or the state machine is not among the outputs of the stacks.
        ClientError: The table cannot be read.
    """
    repeater = _BatchRepeater(target, target.sqs())
    items = CallStore(table=target.table(), s3=target.s3()).of_call(call_id)
    claims = [item for item in items if item["type"] == "claim"]
    covered = {item["recording_id"]: item for item in claims if item["status"] == "covered"}
    copies = [item for item in claims if item["status"] == "duplicate" and item.get("same_content_as") in covered]
    repeated = (*covered.values(), *copies)
    return [_handle(read_claim(claim), repeater, set(), since=None, dry_run=dry_run) for claim in repeated]


def redrive_claims(
    target: Environment,
    *,
    kinds: Collection[str] = (),
    limit: int = _DEFAULT_MAX,
    since: datetime | None = None,
    dry_run: bool = False,
) -> list[Outcome[Repeat]]:
    """Repeat what failed, was rejected or got stuck by what the table says, whether or not a message tells of it.

    Stuck is a recording whose claim is in progress although the execution that has it is over.

    Args:
        target: Environment to work on.
        kinds: Of `KINDS`, which to repeat. Default: all.
        limit: Most calls to repeat.
        since: Leave what was changed earlier alone. Default: nothing is too old.
        dry_run: Only say what would be done.

    Raises:
        UnusableEnvironment: The table, a queue or the state machine is not among the outputs of the stacks.
        ClientError: The table cannot be read, or the executions cannot.
    """
    repeater = _BatchRepeater(target, target.sqs())
    items = CallStore(table=target.table(), s3=target.s3()).unfinished()
    found = (
        read_failed_admission(item) if item["type"] == FAILED_ADMISSION else read_claim(item)
        for item in items
        if repeater.kind(item) in (kinds or KINDS)
    )
    repeated: set[str] = set()
    return [_handle(call, repeater, repeated, since=since, dry_run=dry_run) for call in _in_turn(islice(found, limit))]


def _repeat_all(
    queue: _Queue,
    calls: Iterable[FailedCall[R]],
    repeater: Repeater[R],
    *,
    since: datetime | None,
    dry_run: bool,
) -> list[Outcome[R]]:
    repeated: set[str] = set()
    return [_handle_message(queue, call, repeater, repeated, since=since, dry_run=dry_run) for call in calls]


def _handle_message(
    queue: _Queue,
    call: FailedCall[R],
    repeater: Repeater[R],
    repeated: set[str],
    *,
    since: datetime | None,
    dry_run: bool,
) -> Outcome[R]:
    outcome = _handle(call, repeater, repeated, since=since, dry_run=dry_run)
    if dry_run or outcome.left_in_place or (since and call.sent_at < since):
        return queue.release(outcome)
    return queue.delete(outcome)


class _Queue:
    """The queue of failed calls."""

    def __init__(self, sqs: SQSClient, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def receive(self, limit: int, read: Callable[[MessageTypeDef], FailedCall[R]]) -> Iterable[FailedCall[R]]:
        """Receive until the queue is empty or *limit* is reached; a message delivered twice counts once."""
        calls: dict[str, FailedCall[R]] = {}
        while len(calls) < limit:
            messages = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(_MESSAGES_PER_RECEIVE, limit - len(calls)),
                WaitTimeSeconds=_RECEIVE_WAIT_SECONDS,
                VisibilityTimeout=_VISIBILITY_SECONDS,
                MessageSystemAttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            if not messages:
                break
            calls |= {message["MessageId"]: read(message) for message in messages}
        return calls.values()

    def delete(self, outcome: Outcome[R]) -> Outcome[R]:
        """Delete the message of a call that was repeated."""
        try:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=outcome.call.receipt)
        except (ClientError, BotoCoreError) as error:
            reason = f"{outcome.action}, message not deleted: {_reason(error)}"
            return Outcome(outcome.call, reason, left_in_place=True)
        return outcome

    def release(self, outcome: Outcome[R]) -> Outcome[R]:
        """Make the message visible to the next run at once."""
        try:
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=outcome.call.receipt, VisibilityTimeout=0
            )
        except (ClientError, BotoCoreError) as error:
            back = f"back in {_VISIBILITY_SECONDS // 60} minutes: {_reason(error)}"
            return Outcome(outcome.call, f"{outcome.action} ({back})", outcome.left_in_place)
        return outcome


def _in_turn(calls: Iterable[FailedCall[Repeat]]) -> list[FailedCall[Repeat]]:
    """Sort by age, but of several messages about one recording take one that knows who failed, and tell it of all."""
    by_age = sorted(calls, key=lambda call: call.sent_at)
    failed: dict[str, list[str]] = {}
    for call in by_age:
        if isinstance(call.repeat, StartAgain):
            failed.setdefault(call.repeat.subject, []).extend(call.repeat.executions)
    by_age = [_knowing(call, failed) for call in by_age]
    best: dict[str, FailedCall[Repeat]] = {}
    for call in by_age:
        if call.repeat is None:
            continue
        knows = isinstance(call.repeat, StartAgain) and call.repeat.ended_execution is not None
        if knows or call.repeat.subject not in best:
            best[call.repeat.subject] = call
    return sorted(by_age, key=lambda call: call.repeat is not None and best[call.repeat.subject] is not call)


def _knowing(call: FailedCall[Repeat], failed: Mapping[str, Sequence[str]]) -> FailedCall[Repeat]:
    """Return a message that knows of the others about its recording."""
    if not isinstance(call.repeat, StartAgain):
        return call
    own = call.repeat.executions
    others = tuple(dict.fromkeys(one for one in failed[call.repeat.subject] if one not in own))
    return replace(call, repeat=replace(call.repeat, others=others)) if others else call


class _BatchRepeater:
    """Puts recordings back to work."""

    def __init__(self, target: Environment, sqs: SQSClient) -> None:
        self._sqs = sqs
        self._step_functions = target.step_functions()
        self._work_queue_url = target.output("WorkQueueUrl")
        self._state_machine_arn = target.output("StateMachineArn")

    def obstacle(self, repeat: Repeat) -> str:  # noqa: ARG002
        return ""

    def kind(self, item: Mapping[str, Any]) -> str | None:
        """Of `KINDS`, what a claim or failed admission is; None if an execution works on it."""
        if item["status"] in KINDS:
            return str(item["status"])
        return "stuck" if self._over(item["execution"]) else None

    def _over(self, execution: str) -> bool:
        """Whether an execution has ended; none is known for more than 90 days."""
        try:
            described = self._step_functions.describe_execution(executionArn=execution)
        except self._step_functions.exceptions.ExecutionDoesNotExist:
            return True
        return described["status"] != "RUNNING"

    def repeat(self, call: FailedCall[Repeat], repeat: Repeat) -> None:
        if isinstance(repeat, SendBack):
            self._sqs.send_message(QueueUrl=self._work_queue_url, MessageBody=repeat.body)
            return
        # Named after the message: if an earlier run started it and died before the delete, it is not started twice.
        name = execution_name(call.message_id)
        if self._start(name, repeat) or call.receipt:
            return
        # Without a message nothing else tells of an earlier try that ended before it changed anything in the table.
        tries = (execution_name(call.message_id, number) for number in count(2))
        while self._over(f"{self._state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"):
            name = next(tries)
            if self._start(name, repeat):
                return

    def _start(self, name: str, repeat: StartAgain) -> bool:
        """Start an execution; False if there is, or was, one of that name already."""
        try:
            self._step_functions.start_execution(
                stateMachineArn=self._state_machine_arn, name=name, input=json.dumps(repeat.input())
            )
        except self._step_functions.exceptions.ExecutionAlreadyExists:
            return False
        return True


def _handle(
    call: FailedCall[R], repeater: Repeater[R], repeated: set[str], *, since: datetime | None, dry_run: bool
) -> Outcome[R]:
    if since and call.sent_at < since:
        return Outcome(call, "older than --since")
    if call.repeat is None:
        return Outcome(call, f"left in place: {call.problem}", left_in_place=True)
    if call.repeat.subject in repeated:
        return Outcome(call, "the same once more, once is enough")
    try:
        if obstacle := repeater.obstacle(call.repeat):
            return Outcome(call, f"left in place: {obstacle}", left_in_place=True)
        if not dry_run:
            repeater.repeat(call, call.repeat)
    except (ClientError, BotoCoreError) as error:
        return Outcome(call, f"left in place: {_reason(error)}", left_in_place=True)
    repeated.add(call.repeat.subject)
    return Outcome(call, f"would be {call.repeat.done}" if dry_run else call.repeat.done)


def _reason(error: ClientError | BotoCoreError) -> str:
    """The error code: a message of AWS can quote what it was sent."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


def _show(console: Console, outcomes: Sequence[Outcome[Any]], now: datetime) -> None:
    if not outcomes:
        console.print("Nothing to repeat.")
        return
    table = table_of("Call", "Error", "Step", "Age", "Action")
    for outcome in outcomes:
        call = outcome.call
        table.add_row(
            *cells(call.call_id or call.object_name, call.error, call.step, _age(now - call.sent_at), outcome.action)
        )
    console.print(table)
    left = sum(outcome.left_in_place for outcome in outcomes)
    console.print(f"{len(outcomes)} message{'' if len(outcomes) == 1 else 's'}, {left} left in place.")


def _record(outcome: Outcome[Any]) -> dict[str, Any]:
    call = outcome.call
    return {
        "call_id": call.call_id,
        "object": call.object_name,
        "error": call.error,
        "step": call.step,
        "sent_at": call.sent_at.isoformat(),
        "action": outcome.action,
        "left_in_place": outcome.left_in_place,
    }


def _age(age: timedelta) -> str:
    minutes = max(0, int(age.total_seconds() // 60))
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def _moment(text: str) -> datetime:
    """A date or date-time of ISO 8601; UTC unless it says otherwise."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _run(target: Environment, arguments: argparse.Namespace) -> list[Outcome[Any]]:
    if arguments.covered:
        return [*redrive_covered(target, arguments.covered, dry_run=arguments.dry_run)]
    if arguments.claims is not None:
        return [
            *redrive_claims(
                target,
                kinds=arguments.claims,
                limit=arguments.max,
                since=arguments.since,
                dry_run=arguments.dry_run,
            )
        ]
    limits = {"limit": arguments.max, "since": arguments.since, "dry_run": arguments.dry_run}
    if arguments.live:
        return [*redrive_live(target, force=arguments.force, **limits)]
    return [*redrive(target, **limits)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    environment.add_arguments(parser, *_USED)
    parser.add_argument(
        "--max",
        type=environment.count_up_to(_LARGEST_MAX),
        default=_DEFAULT_MAX,
        metavar="N",
        help="most messages in one run (default: %(default)s)",
    )
    parser.add_argument("--since", type=_moment, metavar="TIME", help="leave messages sent before this ISO 8601 time")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--live", action="store_true", help="repeat the live calls that could not be followed")
    which.add_argument(
        "--covered", metavar="CALL", help="transcribe the recording of this call, for which a live transcript stands"
    )
    which.add_argument(
        "--claims",
        nargs="*",
        choices=KINDS,
        metavar="KIND",
        help="repeat what failed, was rejected or got stuck by what the table says, also where its message is lost; "
        f"KIND of {', '.join(KINDS)} (default: all); reads the whole table",
    )
    parser.add_argument(
        "--force", action="store_true", help="with --live: also calls whose audio is no longer kept in full"
    )
    add_json_argument(parser)


@reports_errors
def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.force and not arguments.live:
        raise argparse.ArgumentError(None, "--force goes with --live")
    target = environment.connect(arguments)
    if arguments.covered and not CallStore(table=target.table(), s3=target.s3()).of_call(arguments.covered):
        complain("there is no such call")
        return ExitStatus.NOT_FOUND
    outcomes = _run(target, arguments)
    if arguments.json:
        print_json({"dry_run": arguments.dry_run, "messages": [_record(outcome) for outcome in outcomes]})
    else:
        _show(output(), outcomes, datetime.now(UTC))
    return ExitStatus.INCOMPLETE if any(outcome.left_in_place for outcome in outcomes) else ExitStatus.DONE
