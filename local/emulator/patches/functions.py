"""Lambda: functions in Python run as they do on AWS, in their own processes and with their own environment.

* MiniStack runs Python code in its own interpreter and reports every error as ``Runtime.HandlerError``. AWS runs its
  runtime interface client (``awslambdaric``), which reports the exception's own name, the one that ``Retry`` and
  ``Catch`` look for.
* MiniStack hands its whole environment to a function. AWS gives a function its own variables and Lambda's, nothing
  of the machine around it.
* MiniStack starts a process for every concurrent event. A laptop has no thousand of them, so invocations queue.
* The runtime API, from which a process fetches its events, has a port of its own on the loopback address. On AWS nobody
  else can reach it; here the guard keeps web pages from it.
"""

import collections
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from local.access.guard import refusal
from local.emulator.patches.identity import execution_credentials

_INITIALISATION_SECONDS = 60.0  # AWS allows 10 s; a laptop that starts ten functions at once on two cores needs longer
_FORBIDDEN_KEYS = frozenset(lambda_runtime._RESERVED_RUNTIME_ENV_VARS)
_PASSED_ON = ("HOME", "PATH", "TMPDIR")

Config = dict[str, Any]


def apply(runtime_python: Path, workers_per_function: int, workers_of: Mapping[str, int]) -> None:
    """Run Python functions on AWS's runtime client, with at most so many invocations of one function at once."""
    _run_on_runtime_client(runtime_python)
    _guard_runtime_api()
    _bound_concurrency(workers_per_function, workers_of)
    lambda_svc._provided_worker_env = worker_environment
    lambda_runtime._PROVIDED_INIT_TIMEOUT = _INITIALISATION_SECONDS


def workers() -> list[dict[str, Any]]:
    """The running worker processes: name of the function, process id, and whether it holds an event."""
    return [
        {"function": worker.func_name, "pid": worker._proc.pid, "busy": worker._current_request_id is not None}
        for worker in _running()
        if isinstance(worker, lambda_runtime.ProvidedWorker)
    ]


def stop_workers() -> None:
    """End every worker process at once."""
    processes = [worker._proc for worker in _running()]
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()


def _running() -> list[Any]:
    with lambda_runtime._lock:
        pool = [worker for entries in lambda_runtime._workers.values() for worker in entries]
    return [worker for worker in pool if worker._proc is not None and worker._proc.poll() is None]


def worker_environment(config: Config, code_dir: str, port: int) -> dict[str, str]:
    """The environment of a worker process.

    It holds what the Lambda developer guide lists ("Defined runtime environment variables"), the function's own
    variables, and where the emulator is. Tracing is off because nothing here collects traces.
    """
    logging = config.get("LoggingConfig") or {}
    own = {
        name: value
        for name, value in ((config.get("Environment") or {}).get("Variables") or {}).items()
        if name not in _FORBIDDEN_KEYS
    }
    _, region = lambda_runtime._account_region_from_function_config(config)
    return {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        **own,
        "_HANDLER": config["Handler"],
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
        "AWS_LAMBDA_FUNCTION_NAME": config["FunctionName"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": logging.get("LogGroup") or f"/aws/lambda/{config['FunctionName']}",
        "AWS_LAMBDA_LOG_FORMAT": logging.get("LogFormat", "Text"),
        "AWS_LAMBDA_LOG_LEVEL": logging.get("ApplicationLogLevel", "INFO"),
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "LAMBDA_TASK_ROOT": code_dir,
        "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
        "POWERTOOLS_TRACE_DISABLED": "1",
        **execution_credentials(config),
    }


def _run_on_runtime_client(runtime_python: Path) -> None:
    unpack = lambda_svc._provided_runtime_code_dir
    run_on_ministack = lambda_svc._execute_function_warm
    class_of_ministack = lambda_runtime._worker_class_for
    script = f'#!/bin/sh\nexec "{runtime_python}" -m awslambdaric "$_HANDLER"\n'

    def unpack_with_bootstrap(code_zip: bytes) -> str:
        directory: str = unpack(code_zip)
        with lambda_svc._provided_code_lock:
            bootstrap = Path(directory, "bootstrap")
            if not bootstrap.exists():
                bootstrap.write_text(script)
                bootstrap.chmod(0o755)
        return directory

    def worker_class(config: Config) -> Any:
        return lambda_runtime.ProvidedWorker if _is_python(config) else class_of_ministack(config)

    def execute(function: Config, event: Any, request_id: str) -> Any:
        config = function.get("config") or function
        run = lambda_svc._execute_function_provided_warm if _is_python(config) else run_on_ministack
        return run(function, event, request_id)

    lambda_svc._provided_runtime_code_dir = unpack_with_bootstrap
    lambda_svc._execute_function_warm = execute
    lambda_runtime._worker_class_for = worker_class


def _guard_runtime_api() -> None:
    make = lambda_runtime.ProvidedWorker._build_handler_class

    def make_guarded(worker: Any, *arguments: Any) -> type:
        handler: Any = make(worker, *arguments)

        class Guarded(handler):  # type: ignore[misc] # made anew by MiniStack for each process
            def parse_request(self) -> bool:
                if not super().parse_request():
                    return False
                reason = refusal(self.headers.items(), scheme="http")
                if reason is not None:
                    self.send_error(403, explain=reason)
                return reason is None

        return Guarded

    lambda_runtime.ProvidedWorker._build_handler_class = make_guarded


def _bound_concurrency(workers_per_function: int, workers_of: Mapping[str, int]) -> None:
    run = lambda_svc._execute_function_warm
    gates: dict[str, threading.BoundedSemaphore] = collections.defaultdict(
        lambda: threading.BoundedSemaphore(workers_per_function),
        {function: threading.BoundedSemaphore(number) for function, number in workers_of.items()},
    )

    def execute(function: Config, event: Any, request_id: str) -> Any:
        config = function.get("config") or function
        if _is_fed_by_queue(config):  # the poller has bounded it already
            return run(function, event, request_id)
        with gates[config["FunctionName"]]:
            return run(function, event, request_id)

    lambda_svc._execute_function_warm = execute


def _is_python(config: Config) -> bool:
    return str(config.get("Runtime", "")).startswith("python")


def _is_fed_by_queue(config: Config) -> bool:
    return any(mapping["FunctionName"] == config["FunctionName"] for _, _, mapping in lambda_svc._iter_all_esms())
