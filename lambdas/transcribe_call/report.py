"""Answer the task of the state machine that waits for a call."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.common.errors import SafeError, error_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_stepfunctions import SFNClient

# AWS Step Functions API reference, "SendTaskHeartbeat".
_STALE = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


class StaleTask(Exception):
    """Nobody waits for the task any more: it timed out, was answered already, or its execution ended."""


class Report:
    """Reports to waiting tasks.

    Every method raises `StaleTask` when nobody waits.

    Args:
        step_functions: Client that may answer the tasks.
    """

    def __init__(self, *, step_functions: SFNClient) -> None:
        self._step_functions = step_functions

    def heartbeat(self, task_token: str) -> None:
        """Say that the work goes on, and learn whether anybody waits for it."""
        with _stale_tasks_told_apart():
            self._step_functions.send_task_heartbeat(taskToken=task_token)

    def success(self, task_token: str, result: Mapping[str, Any]) -> None:
        """End the task with a result."""
        with _stale_tasks_told_apart():
            self._step_functions.send_task_success(taskToken=task_token, output=json.dumps(result))

    def failure(self, task_token: str, failure: SafeError) -> None:
        """End the task with an error."""
        with _stale_tasks_told_apart():
            self._step_functions.send_task_failure(taskToken=task_token, error=failure.code, cause=failure.message)


@contextmanager
def _stale_tasks_told_apart() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error_code(error) in _STALE:
            raise StaleTask from None
        raise
