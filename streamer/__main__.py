"""Run the streamer of this container: `python -m streamer`."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from typing import Final

import uvloop

from callscribe.environments.streamer import StreamerEnvironment
from callscribe.environments.variables import InvalidEnvironment
from streamer import logs
from streamer.network import check_network
from streamer.service import Service

# Objects of a call live as long as the call: looking through them for rubbish all the time costs latency for nothing.
_GC_THRESHOLD: Final = (50_000, 20, 50)

_log = logging.getLogger("streamer")


def settle_garbage_collector() -> None:
    """Look through what has been loaded until now no more, as it stays, and through the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLD)


async def _serve(environment: StreamerEnvironment) -> None:
    # Set by ECS (Amazon ECS Developer Guide, "Task scale-in protection endpoint").
    service = Service(environment, ecs_agent_uri=os.environ.get("ECS_AGENT_URI", ""))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.drain)
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(service.run())
        ready = tasks.create_task(service.ready.wait())
        await asyncio.wait((serving, ready), return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            return
        settle_garbage_collector()
        _log.info("ready", extra={"slots": environment.slots})


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    try:
        environment = StreamerEnvironment.from_variables(os.environ)
        check_network(environment)
    except InvalidEnvironment as error:
        logs.configure(service=os.environ.get("SERVICE_NAME", ""), level="INFO")
        _log.critical("the environment is not usable: %s", error)
        return os.EX_CONFIG
    logs.configure(service=environment.service_name, level=environment.log_level)
    try:
        uvloop.run(_serve(environment))
    except Exception:  # noqa: BLE001 - told by its type and place; its own text may hold anything
        _log.exception("the streamer has failed")
        return os.EX_SOFTWARE
    _log.info("drained")
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
