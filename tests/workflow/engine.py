"""moto's Step Functions, made to run our definition in this process.

moto carries an interpreter of the Amazon States Language. What is put in here, each time at a private seam of one
version of moto:

* a JSONata evaluator, which moto ships without: that of the simulation, which gets variables as values instead of text
  before the expression (moto's text leaves quotes and backslashes unescaped) and so parses each expression once;
* our own functions behind `lambda:invoke`, where moto would echo the payload;
* task tokens as on AWS (API reference, SendTaskSuccess and SendTaskHeartbeat): a token whose task is over is
  `TaskTimedOut`, a text that never was a token is `InvalidToken`, a heartbeat is taken whether or not the state has a
  `HeartbeatSeconds`, and the cause of a failure, which moto drops, arrives;
* errors of `events:putEvents` under a name that `States.TaskFailed` matches, where moto says `States.Runtime`;
* a definition that is parsed once, because that takes longer than executing it;
* waits between retries and in states of type Wait, which are noted instead of slept through;
* single writes to DynamoDB, which moto lets two threads interleave.
"""

from __future__ import annotations

import json
import threading
import time
from functools import cache, wraps
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import moto
from botocore.exceptions import ClientError
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.core.responses import EmptyResult
from moto.dynamodb.models import DynamoDBBackend
from moto.stepfunctions.parser.api import HistoryEventType, InvalidToken, TaskTimedOut
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_events import (
    StateTaskServiceEvents,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackOutcomeFailure, CallbackOutcomeSuccess
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

from tests.simulation.batch.expressions import QueryFailed, evaluated

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

SUPPORTED_MOTO = "5.2.5"

_DYNAMODB_WRITES = ("put_item", "update_item", "delete_item", "transact_write_items")


def install(
    monkeypatch: pytest.MonkeyPatch,
    *,
    invoke: Callable[[str, str, dict[str, Any]], bytes],
    waits: list[float],
    pause: Callable[[float], None],
) -> None:
    """Put everything in place, until *monkeypatch* undoes it.

    Args:
        monkeypatch: Undoes it.
        invoke: Called with a function's name, the payload and the response headers to fill in.
        waits: Gets the length of every wait between two tries of a state, in seconds.
        pause: Called in place of every wait of a state of type Wait, with its length in seconds.

    Raises:
        RuntimeError: Another version of moto is installed.
    """
    if moto.__version__ != SUPPORTED_MOTO:
        raise RuntimeError(
            f"tests/workflow reaches into moto {SUPPORTED_MOTO}, but {moto.__version__} is installed: go through the "
            "list at the top of tests/workflow/engine.py, then change SUPPORTED_MOTO"
        )
    monkeypatch.setattr(AmazonStateLanguageParser, "parse", staticmethod(_parse))
    monkeypatch.setattr(StringJSONata, "_eval_body", _evaluate)
    monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=waits.append))
    monkeypatch.setattr(WaitFunction, "_wait_interval", lambda _self, env, wait_seconds: pause(wait_seconds))  # noqa: ARG005
    monkeypatch.setattr(
        LambdaSimpleBackend,
        "invoke",
        lambda _self, function_name, _qualifier, body, _headers, response_headers: invoke(
            function_name, body, response_headers
        ),
    )
    monkeypatch.setattr(StepFunctionResponse, "send_task_success", _success)
    monkeypatch.setattr(StepFunctionResponse, "send_task_failure", _failure)
    monkeypatch.setattr(StepFunctionResponse, "send_task_heartbeat", _heartbeat)
    monkeypatch.setattr(StateTaskServiceEvents, "_from_error", _events_error(StateTaskServiceEvents._from_error))
    lock = threading.RLock()
    for name in _DYNAMODB_WRITES:
        monkeypatch.setattr(DynamoDBBackend, name, _one_at_a_time(getattr(DynamoDBBackend, name), lock))


# A parsed definition keeps nothing of the executions it is used for.
_parse = cache(AmazonStateLanguageParser.parse)


_evaluating = threading.Lock()  # expressions that are parsed once are shared by the executions, which are threads


def _evaluate(self: StringJSONata, env: Environment) -> None:
    store = env.variable_store
    named = {**store._outer_scope, **store._inner_scope, "states": env.states._states_data}
    variables = json.loads(json.dumps(named, default=str))  # moto has times as such, expressions have texts
    try:
        with _evaluating:
            value = evaluated(f"{{% {self.expression} %}}", variables, epoch=time.time)
    except QueryFailed as failed:
        name = StatesErrorName(StatesErrorNameType.StatesQueryEvaluationError)
        details: Any = {"evaluationFailedEventDetails": {"error": name.error_name, "cause": str(failed)}}
        raise FailureEventException(FailureEvent(env, name, HistoryEventType.EvaluationFailed, details)) from failed
    env.stack.append(value)


def _waiting(response: StepFunctionResponse) -> Any:
    """The place where a task waits for the answer to the token of this request."""
    token, backend = response._get_param("taskToken"), response.stepfunction_backend
    if not isinstance(backend, StepFunctionsParserBackend):
        raise TypeError("moto was started without execute_state_machine")
    for execution in backend._get_executions():
        # An execution that has just been started has no environment yet.
        environment = execution.exec_worker.env
        endpoint = None if environment is None else environment.callback_pool_manager.get(token)
        if endpoint is not None:
            # Set by an answer, and by moto when the task ended in another way.
            if endpoint._notify_event.is_set() or execution.status != "RUNNING":
                raise TaskTimedOut("Task Timed Out: 'Provided task does not exist anymore'", "TaskTimedOut", 400)
            return endpoint
    raise InvalidToken


def _success(self: StepFunctionResponse) -> EmptyResult:
    endpoint = _waiting(self)
    endpoint.notify(CallbackOutcomeSuccess(callback_id=endpoint.callback_id, output=self._get_param("output")))
    return EmptyResult()


def _failure(self: StepFunctionResponse) -> EmptyResult:
    endpoint = _waiting(self)
    error, cause = self._get_param("error"), self._get_param("cause")
    endpoint.notify(CallbackOutcomeFailure(callback_id=endpoint.callback_id, error=error, cause=cause))
    return EmptyResult()


def _heartbeat(self: StepFunctionResponse) -> EmptyResult:
    _waiting(self)
    return EmptyResult()


def _events_error(usual: Callable[..., FailureEvent]) -> Callable[..., FailureEvent]:
    def from_error(self: StateTaskServiceEvents, env: Environment, ex: Exception) -> FailureEvent:
        if not isinstance(ex, ClientError):
            return usual(self, env, ex)
        name = f"EventBridge.{ex.response['Error']['Code']}"
        failed = {"error": name, "cause": str(ex), "resource": "putEvents", "resourceType": "events"}
        details: Any = {"taskFailedEventDetails": failed}
        return FailureEvent(env, CustomErrorName(name), HistoryEventType.TaskFailed, details)

    return from_error


def _one_at_a_time(write: Callable[..., Any], lock: threading.RLock) -> Callable[..., Any]:
    @wraps(write)
    def locked(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return write(*args, **kwargs)

    return locked
