"""The deployed functions in simulated time.

Each container has modules of its own, as on Lambda, and works on one event at a time. Time, chance and names reach it
by the parameters that its classes have for them, and where a handler reads the clock itself, in its module's place of
it; AWS, by boto3's one door (see `world`). Containers are kept from history to history, because loading one takes a
hundred times as long as a history's work in it, and begin each one cold.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import partial
from types import SimpleNamespace
from typing import Any, Final, Protocol
from unittest.mock import patch
from uuid import UUID

from tests.simulation.batch.deployment import FunctionPlan
from tests.workflow.functions import _forget_powertools_state, _own_modules, _unload

# What makes a handler's objects, by step: made anew for each process.
_MADE_BY: Final = {
    "admit_recording": "_admission",
    "transcribe_call": "_worker",
    "store_transcript": "_store",
    "score_quality": "_scoring",
    "analyse_call": "_analysing",
}


class Surroundings(Protocol):
    """What a container gets from the world."""

    def time(self) -> datetime:
        """Return the time (aware, UTC)."""

    def monotonic(self) -> float:
        """Return the time of the process."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""

    def random(self) -> float:
        """Return a number from 0 to 1."""

    def uuid(self) -> UUID:
        """Return a name that nothing else has."""

    def log(self, text: str) -> None:
        """Take what is logged."""


class _Door:
    """The surroundings of the history that runs, for what outlives histories."""

    inside: Surroundings

    def time(self) -> datetime:
        return self.inside.time()

    def monotonic(self) -> float:
        return self.inside.monotonic()

    def sleep(self, seconds: float) -> None:
        self.inside.sleep(seconds)

    def random(self) -> float:
        return self.inside.random()

    def uuid(self) -> UUID:
        return self.inside.uuid()

    def write(self, text: str) -> int:
        self.inside.log(text)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


DOOR: Final = _Door()


@dataclass
class Context:
    """The context object of one invocation, as far as Powertools and the handlers read it."""

    function_name: str
    aws_request_id: str
    ends: float
    memory_limit_in_mb: int = 512

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:us-east-1:123456789012:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * (self.ends - DOOR.monotonic()))


class Container:
    """A process of a function.

    Args:
        plan: The function.
    """

    def __init__(self, plan: FunctionPlan) -> None:
        self.plan = plan
        module, _, self._entry = plan.handler.rpartition(".")
        with patch.dict(os.environ, plan.environment):
            _forget_powertools_state(plan.environment["POWERTOOLS_SERVICE_NAME"])
            others = _own_modules()
            _unload(others)
            try:
                self._handler = importlib.import_module(module)
                self._modules = _own_modules()
            finally:
                _unload(_own_modules())
                sys.modules.update(others)
        self._inject()
        self._used = True

    def move(self, plan: FunctionPlan) -> None:
        """Become a process of the same function in another deployment."""
        if plan == self.plan:
            return
        self.plan = plan
        for made in vars(self._handler).values():
            # What the core has read, such as a flag set, is the same in each deployment.
            if hasattr(made, "cache_clear") and made.__module__ == self._handler.__name__:
                made.cache_clear()
        self._used = True

    def __call__(self, event: Any, context: Context) -> Any:
        """Handle an event; it and the result pass through JSON."""
        self._used = True
        return json.loads(json.dumps(getattr(self._handler, self._entry)(json.loads(json.dumps(event)), context)))

    def renew(self) -> None:
        """Become a process that has handled nothing yet."""
        if not self._used:
            return
        made_by = getattr(self._handler, _MADE_BY[self.plan.step])
        made_by.cache_clear()
        with patch.dict(os.environ, self.plan.environment):
            made_by()
        observability = self._modules["lambdas.common.observability"]
        observability.metrics.clear_metrics()
        if self.plan.step == "transcribe_call":
            processor = self._handler._processor
            self._handler._processor = type(processor)(  # type: ignore[attr-defined]
                processor.event_type, raise_on_entire_batch_failure=False
            )
        self._used = False

    def _inject(self) -> None:
        for handler in self._modules["lambdas.common.observability"].logger.handlers:
            handler.setStream(DOOR)
        if "lambdas.common.claims" in self._modules:
            self._modules["lambdas.common.claims"].uuid4 = DOOR.uuid  # type: ignore[attr-defined]
        self._put_in("Admission", clock=DOOR.time)
        self._put_in("Worker", clock=DOOR.time, process_clock=DOOR, jitter=DOOR.random)
        self._put_in("DeepgramApi", clock=DOOR.time)
        self._put_in("BedrockAnalyst", sleep=DOOR.sleep, jitter=DOOR.random)
        self._put_in("TranscriptStore", sleep=DOOR.sleep, jitter=DOOR.random)
        if hasattr(self._handler, "datetime"):
            self._handler.datetime = SimpleNamespace(now=_now)  # type: ignore[attr-defined]

    def _put_in(self, name: str, **parameters: Any) -> None:
        made: Callable[..., Any] | None = getattr(self._handler, name, None)
        if made is not None:
            setattr(self._handler, name, partial(made, **parameters))


def _now(_zone: tzinfo) -> datetime:
    return DOOR.time()


class Unloadable(BaseException):
    """A container cannot be made: a fault of the simulation, and no error of the function's."""


class Containers:
    """The containers of all functions, by step, as far as they are idle."""

    def __init__(self) -> None:
        self._plans: Mapping[str, FunctionPlan] = {}
        self._idle: dict[str, list[Container]] = {}

    @contextmanager
    def one(self, step: str) -> Iterator[Container]:
        """Have a container for one event; one whose process ended is another one afterwards."""
        idle = self._idle.setdefault(step, [])
        try:
            container = idle.pop() if idle else self._new(step)
        except Exception as error:
            raise Unloadable(step) from error
        try:
            yield container
        except Exception:
            idle.append(container)
            raise
        except BaseException:
            container.renew()
            idle.append(container)
            raise
        idle.append(container)

    def renew(self, plans: Mapping[str, FunctionPlan]) -> None:
        """Begin a history: every container is cold, and in the deployment of these functions."""
        self._plans = plans
        for step, idle in self._idle.items():
            for container in idle if step in plans else ():
                container.move(plans[step])
                container.renew()

    def _new(self, step: str) -> Container:
        container = Container(self._plans[step])
        container.renew()
        return container
