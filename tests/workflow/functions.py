"""The functions of a template, run in this process.

Each container is what a Lambda container is: modules of its own, imported under the function's own environment, and one
event at a time. So a variable that the template forgets is missing here too, nothing is cached from one function or
test to the next, and events that arrive together are worked on together.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeAlias
from uuid import uuid4

from aws_lambda_powertools import Metrics

Handler: TypeAlias = Callable[[dict[str, Any], "Context"], Any]

_OWN_PACKAGE = "lambdas"
_imports = threading.RLock()

_running: ContextVar[Function | None] = ContextVar("running", default=None)


class LayeredEnvironment(MutableMapping[str, str]):
    """`os.environ` that shows each function its own variables.

    Args:
        process: The variables of this process.
    """

    def __init__(self, process: MutableMapping[str, str]) -> None:
        self._process = process

    def _layers(self) -> tuple[Mapping[str, str], ...]:
        function = _running.get()
        return (self._process,) if function is None else (function.environment, self._process)

    def __getitem__(self, name: str) -> str:
        for layer in self._layers():
            if name in layer:
                return layer[name]
        raise KeyError(name)

    def __setitem__(self, name: str, value: str) -> None:
        self._process[name] = value

    def __delitem__(self, name: str) -> None:
        del self._process[name]

    def __iter__(self) -> Iterator[str]:
        return iter({name for layer in self._layers() for name in layer})

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def copy(self) -> dict[str, str]:
        """Return the variables as they are now, as `os.environ.copy` does."""
        return dict(self)


@dataclass
class Context:
    """The context object of one invocation, as far as Powertools and the handlers read it."""

    function_name: str
    timeout_seconds: float
    memory_limit_in_mb: int = 512
    aws_request_id: str = field(default_factory=lambda: str(uuid4()))
    started: float = field(default_factory=time.monotonic)

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:us-east-1:123456789012:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * (self.timeout_seconds - (time.monotonic() - self.started)))


@dataclass
class Function:
    """One function.

    Args:
        name: Its name.
        handler: `package.module.function`, as in the template.
        environment: Its variables, as in the template.
        timeout_seconds: Its timeout, which the context tells the handler.
    """

    name: str
    handler: str
    environment: dict[str, str]
    timeout_seconds: float
    invocations: int = 0
    _idle: list[Handler] = field(default_factory=list)

    @property
    def step(self) -> str:
        """The folder below `lambdas` the handler lives in, such as `admit_recording`."""
        return self.handler.split(".")[1]

    def __call__(self, event: Any) -> Any:
        """Invoke the function: event and result pass through JSON, and an error arrives as it was raised."""
        outside = _running.set(self)
        try:
            with self._container() as handle:
                self.invocations += 1
                result = handle(json.loads(json.dumps(event)), Context(self.name, self.timeout_seconds))
                return json.loads(json.dumps(result))
        finally:
            _running.reset(outside)

    @contextmanager
    def _container(self) -> Iterator[Handler]:
        try:
            handle = self._idle.pop()
        except IndexError:
            handle = self._start()
        try:
            yield handle
        except Exception:
            self._idle.append(handle)
            raise
        # Anything else that is raised is the end of the process.
        self._idle.append(handle)

    def _start(self) -> Handler:
        module, _, function = self.handler.rpartition(".")
        with _imports:
            _forget_powertools_state(self.environment["POWERTOOLS_SERVICE_NAME"])
            others = _own_modules()
            _unload(others)
            try:
                handle: Handler = getattr(importlib.import_module(module), function)
            finally:
                _unload(_own_modules())
                sys.modules.update(others)
        return handle


@dataclass
class InlineFunction(Function):
    """A function whose code stands in the template."""

    source: str = ""

    @property
    def step(self) -> str:
        """The module that Lambda makes of the code: `index`."""
        return self.handler.partition(".")[0]

    def _start(self) -> Handler:
        names: dict[str, Any] = {}
        exec(compile(self.source, self.name, "exec"), names)
        handle: Handler = names[self.handler.partition(".")[2]]
        return handle


def _own_modules() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] == _OWN_PACKAGE}


def _unload(modules: Mapping[str, ModuleType]) -> None:
    for name in modules:
        del sys.modules[name]


def _forget_powertools_state(service: str) -> None:
    """Give the next `Logger()` and `Metrics()` a state of their own: Powertools keeps it for the whole process."""
    logging.Logger.manager.loggerDict.pop(service, None)
    for name in ("_metrics", "_dimensions", "_metadata", "_default_dimensions"):
        setattr(Metrics, name, {})


def running_step() -> str | None:
    """Return the step whose function runs in this thread; `None` outside of functions."""
    function = _running.get()
    return None if function is None else function.step


def own_environment() -> LayeredEnvironment:
    """Return this process's environment, layered."""
    return LayeredEnvironment(os.environ)
