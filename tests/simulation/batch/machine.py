"""The synthesised state machine in simulated time.

An interpreter of what of the Amazon States Language the definition uses, all of it JSONata; what it does not know it
refuses when it is made. A state's work is a step of the scheduler, no thread, so that hundreds of executions cost what
their expressions cost. `test_contracts.py` has it and moto's interpreter run the same definition.

Sources: https://states-language.net ("Errors", "Retrying after error", "Fallback states"), AWS Step Functions Developer
Guide, "Discover service integration patterns", and API reference, SendTaskSuccess and SendTaskHeartbeat.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol

from tests.simulation.batch.expressions import QueryFailed, evaluated
from tests.simulation.batch.scheduler import Scheduler, Timer
from tests.simulation.table import refused

_STATES: Final = frozenset({"Task", "Choice", "Wait", "Pass", "Succeed", "Fail"})
_TOKEN: Final = ".waitForTaskToken"
_MOST_EVENTS: Final = 25_000  # AWS Step Functions Developer Guide, "Service quotas"


@dataclass(frozen=True)
class Result:
    """What came of a task: a value, or an error."""

    value: Any = None
    error: str | None = None
    cause: str = ""


class Services(Protocol):
    """What a task may call."""

    def start(self, resource: str, arguments: Any, done: Callable[[Result], None]) -> None:
        """Call a service; *done* is called once, at any later time, unless the answer gets lost."""


@dataclass
class Execution:
    """One execution.

    Attributes:
        arn: Its ARN.
        input: Its input.
        status: As Step Functions has it.
        states: The states it entered.
        told: Everything that Step Functions keeps of it.
    """

    arn: str
    input: Any
    started_at: str
    status: str = "RUNNING"
    output: Any = None
    error: str | None = None
    cause: str | None = None
    states: list[str] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)
    ended_at: float | None = None
    variables: dict[str, Any] = field(default_factory=dict)


class Machine:
    """The state machine.

    Args:
        definition: Its definition.
        arn: Its ARN.
        scheduler: The time.
        services: What its tasks call.
        chance: Draws the jitter between tries.
        ended: Called with every execution that has ended.

    Raises:
        NotImplementedError: The definition has something that is not known here.
    """

    def __init__(
        self,
        definition: Mapping[str, Any],
        *,
        arn: str,
        scheduler: Scheduler,
        services: Services,
        chance: random.Random,
        ended: Callable[[Execution], None],
    ) -> None:
        unknown = [state["Type"] for state in definition["States"].values() if state["Type"] not in _STATES]
        if unknown or definition.get("QueryLanguage") != "JSONata":
            raise NotImplementedError(f"states of type {unknown}, or not in JSONata")
        self.arn = arn
        self.executions: dict[str, Execution] = {}
        self._definition = definition
        self._scheduler = scheduler
        self._services = services
        self._chance = chance
        self._ended = ended
        self._runs: dict[str, _Run] = {}
        self._tokens: dict[str, _Run] = {}

    def start(self, name: str, text: str) -> str:
        """Start an execution; return its ARN.

        Raises:
            ClientError: There is one of this name with another input, or one that has ended.
        """
        arn = f"{self.arn.replace(':stateMachine:', ':execution:')}:{name}"
        if (known := self.executions.get(arn)) is not None:
            # API reference, "StartExecution": idempotent while it runs, with the same input.
            if known.status == "RUNNING" and known.input == json.loads(text):
                return arn
            raise refused("ExecutionAlreadyExists", "Request")
        execution = Execution(arn=arn, input=json.loads(text), started_at=written(self._scheduler.time()))
        self.executions[arn] = execution
        self._runs[arn] = _Run(self, execution)
        self._scheduler.after(0, self._runs[arn].begin)
        return arn

    def stop(self, arn: str) -> None:
        """Stop an execution, as an operator does."""
        if self.executions[arn].status == "RUNNING":
            self._runs[arn].end("ABORTED")

    @property
    def waiting_tokens(self) -> int:
        """How many tasks wait for an answer."""
        return len(self._tokens)

    def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request.

        Raises:
            ClientError: Step Functions refuses it.
        """
        match operation:
            case "StartExecution":
                return {"executionArn": self.start(request["name"], request["input"])}
            case "DescribeExecution":
                if request["executionArn"] not in self.executions:
                    raise refused("ExecutionDoesNotExist", "Request")
                return {"status": self.executions[request["executionArn"]].status}
            case _:
                return self._answer(operation, request)

    def _answer(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        run = self._tokens.get(request["taskToken"])
        if run is None:
            raise refused("TaskTimedOut", "Request")
        if operation == "SendTaskSuccess":
            run.answered(request["taskToken"], Result(json.loads(request["output"])))
        elif operation == "SendTaskFailure":
            run.answered(request["taskToken"], Result(error=request["error"], cause=request["cause"]))
        elif operation != "SendTaskHeartbeat":
            raise NotImplementedError(operation)
        return {}


class _Run:
    """What one execution does."""

    def __init__(self, machine: Machine, execution: Execution) -> None:
        self._machine = machine
        self._scheduler = machine._scheduler
        self._execution = execution
        self._name = ""
        self._input: Any = None
        self._entered = ""
        self._tries: dict[int, int] = {}
        self._try = 0
        self._token: str | None = None
        self._timer: Timer | None = None
        self._limit: Timer | None = None

    def begin(self) -> None:
        seconds = self._machine._definition.get("TimeoutSeconds")
        if seconds is not None:
            self._limit = self._scheduler.after(seconds, lambda: self.end("TIMED_OUT", error="States.Timeout"))
        self._enter(self._machine._definition["StartAt"], self._execution.input)

    def end(self, status: str, *, output: Any = None, error: str | None = None, cause: str | None = None) -> None:
        execution = self._execution
        if execution.status != "RUNNING":
            return
        self._leave_try()
        if self._limit is not None:
            self._limit.cancel()
        execution.status, execution.output, execution.error, execution.cause = status, output, error, cause
        execution.ended_at = self._scheduler.now
        execution.told.append([output, error, cause])
        self._machine._ended(execution)

    def answered(self, token: str, result: Result) -> None:
        """Take the answer to the token of the task that waits."""
        self._machine._tokens.pop(token, None)
        if token == self._token:
            self._done(self._try, result)

    # States

    def _enter(self, name: str, given: Any) -> None:
        execution = self._execution
        if execution.status != "RUNNING":
            return
        if 10 * len(execution.states) > _MOST_EVENTS:
            self.end("FAILED", error="States.Runtime", cause="the history is too long")
            return
        execution.states.append(name)
        execution.told.append(given)
        self._name, self._input, self._entered = name, given, written(self._scheduler.time())
        self._tries = {}
        state = self._state
        try:
            match state["Type"]:
                case "Task":
                    self._begin_task()
                case "Choice":
                    self._choose(state)
                case "Wait":
                    seconds = self._evaluated(state["Seconds"])
                    self._scheduler.after(seconds, lambda: self._go_on(state, given))
                case "Pass":
                    self._go_on(state, self._assigned(state, self._evaluated(state.get("Output", given))))
                case "Succeed":
                    self.end("SUCCEEDED", output=self._evaluated(state.get("Output", given)))
                case _:
                    self._fail(state)
        except QueryFailed as failed:
            self._failed("States.QueryEvaluationError", str(failed))

    @property
    def _state(self) -> Mapping[str, Any]:
        state: Mapping[str, Any] = self._machine._definition["States"][self._name]
        return state

    def _choose(self, state: Mapping[str, Any]) -> None:
        for choice in state["Choices"]:
            if self._evaluated(choice["Condition"]) is True:
                self._enter(choice["Next"], self._input)
                return
        self._enter(state["Default"], self._input)

    def _fail(self, state: Mapping[str, Any]) -> None:
        error, cause = self._evaluated(state.get("Error", "")), self._evaluated(state.get("Cause", ""))
        self.end("FAILED", error=error, cause=cause)

    def _go_on(self, state: Mapping[str, Any], output: Any) -> None:
        if state.get("End"):
            self.end("SUCCEEDED", output=output)
        else:
            # A step of its own, so that others may come between two states.
            self._scheduler.after(0.01, lambda: self._enter(state["Next"], output))

    def _assigned(self, state: Mapping[str, Any], output: Any, **states: Any) -> Any:
        """Set the variables that a state assigns, all by what was there before; return *output*."""
        if "Assign" in state:
            values = self._evaluated(state["Assign"], **states)
            self._execution.variables.update(values)
            self._execution.told.append(values)
        return output

    def _evaluated(self, template: Any, **states: Any) -> Any:
        execution = self._execution
        context = {
            "Execution": {"Id": execution.arn, "Input": execution.input, "StartTime": execution.started_at},
            "State": {"Name": self._name, "EnteredTime": self._entered},
            "Task": {"Token": self._token},
        }
        told = {"input": self._input, "context": context, **states}
        return evaluated(template, {**execution.variables, "states": told}, epoch=self._scheduler.epoch)

    # Tasks

    def _begin_task(self) -> None:
        state = self._state
        self._try += 1
        number, resource = self._try, str(state["Resource"])
        waits = resource.endswith(_TOKEN)
        if waits:
            self._token = f"token-{self._execution.arn}-{number}"
            self._machine._tokens[self._token] = self
        try:
            arguments = self._evaluated(state["Arguments"])
        except QueryFailed as failed:
            self._done(number, Result(error="States.QueryEvaluationError", cause=str(failed)))
            return
        self._execution.told.append(arguments)
        if "TimeoutSeconds" in state:
            timeout = Result(error="States.Timeout")
            self._timer = self._scheduler.after(state["TimeoutSeconds"], lambda: self._done(number, timeout))

        def called(result: Result) -> None:
            # With a token, the answer to the call is only that the message was sent.
            if result.error is not None or not waits:
                self._done(number, result)

        self._machine._services.start(resource.removesuffix(_TOKEN).partition(":states:::")[2], arguments, called)

    def _leave_try(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._token is not None:
            self._machine._tokens.pop(self._token, None)
        self._timer = self._token = None
        self._try += 1

    def _done(self, number: int, result: Result) -> None:
        if number != self._try or self._execution.status != "RUNNING":
            return  # of a try that is over
        self._leave_try()
        if result.error is not None:
            self._failed(result.error, result.cause)
            return
        state, value = self._state, result.value
        self._execution.told.append(value)
        try:
            output = self._evaluated(state.get("Output", value), result=value)
            self._assigned(state, None, result=value)
        except QueryFailed as failed:
            self._failed("States.QueryEvaluationError", str(failed))
            return
        self._go_on(state, output)

    def _failed(self, error: str, cause: str) -> None:
        state = self._state
        self._execution.told.append([error, cause])
        for number, retry in enumerate(state.get("Retry", [])):
            if not _matches(error, retry["ErrorEquals"]):
                continue
            tries = self._tries.get(number, 0)
            if tries < retry.get("MaxAttempts", 3):
                self._tries[number] = tries + 1
                pause = retry.get("IntervalSeconds", 1) * retry.get("BackoffRate", 2.0) ** tries
                pause = min(pause, retry.get("MaxDelaySeconds", pause))
                if retry.get("JitterStrategy") == "FULL":
                    pause *= self._machine._chance.random()
                self._scheduler.after(pause, partial(self._again, self._try))
                return
            break
        for catch in state.get("Catch", []):
            if _matches(error, catch["ErrorEquals"]):
                told = {"Error": error, "Cause": cause}
                try:
                    output = self._assigned(
                        catch, self._evaluated(catch.get("Output", told), errorOutput=told), errorOutput=told
                    )
                except QueryFailed as failed:
                    self.end("FAILED", error="States.QueryEvaluationError", cause=str(failed))
                    return
                self._go_on(catch, output)
                return
        self.end("FAILED", error=error, cause=cause)

    def _again(self, number: int) -> None:
        if number == self._try and self._execution.status == "RUNNING":
            self._begin_task()


def _matches(error: str, names: list[str]) -> bool:
    return (
        error in names
        or "States.ALL" in names
        # All that a task can fail with but its timeout (Developer Guide, "Handling errors in workflows").
        or ("States.TaskFailed" in names and error != "States.Timeout")
    )


def written(moment: datetime) -> str:
    """Write a time as the context object does."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
