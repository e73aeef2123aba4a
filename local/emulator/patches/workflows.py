"""Step Functions: task tokens, retries and error names as on AWS.

* Task tokens. MiniStack knows a token or not (``TaskDoesNotExist``) and takes an answer twice. AWS answers
  ``InvalidToken`` to a text that is no token, and ``TaskTimedOut`` to a token whose task is over: answered, timed out,
  or its execution ended (API reference of ``SendTaskSuccess``). Every attempt gets a token of its own.
* ``StopExecution``. MiniStack's waiting task sleeps on and its failure later overwrites ``ABORTED``. On AWS an ended
  execution stays as it ended.
* ``Retry``. MiniStack knows neither ``MaxDelaySeconds`` nor ``JitterStrategy`` (Amazon States Language, "Retrying
  after an error").
* ``States.ALL`` and ``States.TaskFailed``. On AWS they match neither ``States.Runtime`` nor
  ``States.DataLimitExceeded`` (developer guide, "Handling errors").
* ``EventBridge.FailedEntry``. AWS fails ``events:putEvents`` when an entry was refused.
* A throttled function is ``Lambda.TooManyRequestsException`` on AWS, ``Lambda.Unknown`` in MiniStack.
"""

import contextvars
import json
import random
from typing import Any

from ministack.core.responses import error_response_json, new_uuid
from ministack.services import stepfunctions

_NEVER_CAUGHT_BY_ALL = frozenset({"States.Runtime", "States.DataLimitExceeded"})

_running_execution: contextvars.ContextVar[str] = contextvars.ContextVar("running_execution")
_execution_of: dict[str, str] = {}  # by every task token ever given out

State = dict[str, Any]


def apply() -> None:
    """Apply what this module describes."""
    _end_executions_once()
    _answer_tokens_once()
    _retry_with_jitter()
    _name_errors()


def state_machine_of(token: str) -> str | None:
    """ARN of the state machine that gave out a task token, which is what IAM checks an answer against."""
    execution = stepfunctions._executions.get(_execution_of.get(token))
    return None if execution is None else str(execution["stateMachineArn"])


def _refusal(token: str) -> Any:
    """The error response AWS gives to this token, or None while its task waits for an answer."""
    waiting = stepfunctions._task_tokens.get(token)
    if waiting is not None and not waiting["event"].is_set():
        return None
    if token not in _execution_of:
        return error_response_json("InvalidToken", "Invalid Token: 'Invalid token'", 400)
    return error_response_json("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'", 400)


def _answer_tokens_once() -> None:
    evaluate = stepfunctions._apply_jsonata_arguments
    wait = stepfunctions._invoke_with_callback
    stop = stepfunctions._stop_execution

    def evaluate_with_fresh_token(state: State, state_input: Any, context: State) -> Any:
        if "Task" in context:
            context["Task"] = {"Token": new_uuid()}
        return evaluate(state, state_input, context)

    def wait_and_close(resource: str, arguments: Any, token: str, state: State) -> Any:
        _execution_of[token] = _running_execution.get()
        return wait(resource, arguments, token, state)

    def stop_and_wake(data: State) -> Any:
        response = stop(data)
        for token, execution in list(_execution_of.items()):
            waiting = stepfunctions._task_tokens.get(token)
            if execution == data.get("executionArn") and waiting is not None:
                waiting["error"] = {"Error": data.get("error", ""), "Cause": data.get("cause", "")}
                waiting["event"].set()
        return response

    stepfunctions._apply_jsonata_arguments = evaluate_with_fresh_token
    stepfunctions._invoke_with_callback = wait_and_close
    stepfunctions._stop_execution = stop_and_wake
    for name in ("_send_task_success", "_send_task_failure", "_send_task_heartbeat"):
        setattr(stepfunctions, name, _refusing(getattr(stepfunctions, name)))


def _refusing(answer: Any) -> Any:
    def refuse_or_answer(data: State) -> Any:
        refusal = _refusal(data.get("taskToken", ""))
        return answer(data) if refusal is None else refusal

    return refuse_or_answer


def _end_executions_once() -> None:
    run = stepfunctions._run_execution
    fail = stepfunctions._fail_execution

    def run_known(execution_arn: str) -> None:
        _running_execution.set(execution_arn)
        run(execution_arn)

    def fail_if_running(execution: State, error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            fail(execution, error, cause)

    stepfunctions._run_execution = run_known
    stepfunctions._fail_execution = fail_if_running


def _retry_with_jitter() -> None:
    find = stepfunctions._find_matching_retrier

    def find_and_draw(retriers: list[State], error: str, counts: dict[int, int]) -> tuple[State | None, int]:
        retrier, index = find(retriers, error, counts)
        if retrier is None:
            return None, index
        return {**retrier, "IntervalSeconds": retry_delay(retrier, counts.get(index, 0)), "BackoffRate": 1.0}, index

    stepfunctions._find_matching_retrier = find_and_draw


def retry_delay(retrier: State, retries: int) -> float:
    """Return how many seconds a state waits before it is tried again, after so many retries by the same retrier."""
    delay: float = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** retries
    delay = min(delay, retrier.get("MaxDelaySeconds", delay))
    return random.uniform(0, delay) if retrier.get("JitterStrategy") == "FULL" else delay  # noqa: S311


def _name_errors() -> None:
    matches = stepfunctions._error_matches
    call_lambda = stepfunctions._call_lambda
    put_events = stepfunctions._SERVICE_DISPATCH["arn:aws:states:::events:putEvents"]

    def matches_as_documented(names: list[str], error: str) -> bool:
        return error in names if error in _NEVER_CAUGHT_BY_ALL else bool(matches(names, error))

    def call_lambda_and_name_throttling(function: str, event: Any) -> Any:
        try:
            return call_lambda(function, event)
        except stepfunctions._ExecutionError as error:
            if error.error == "Lambda.Unknown" and json.loads(error.cause).get("__type") == "TooManyRequestsException":
                raise stepfunctions._ExecutionError("Lambda.TooManyRequestsException", error.cause) from error
            raise

    def put_events_or_fail(resource: str, arguments: Any) -> Any:
        result = put_events(resource, arguments)
        if result.get("FailedEntryCount"):
            raise stepfunctions._ExecutionError("EventBridge.FailedEntry", json.dumps(result))
        return result

    stepfunctions._error_matches = matches_as_documented
    stepfunctions._call_lambda = call_lambda_and_name_throttling
    stepfunctions._SERVICE_DISPATCH["arn:aws:states:::events:putEvents"] = put_events_or_fail
