"""What the doubles of live calls promise: scenarios for them, and for what they stand for.

The client is the streamer's own each time. Each scenario says what is so by the service's own pages; "[reported]" marks
what is known only from captures and from what integrators report. Where double and server disagree, the page decides.
Times are seconds on the loop's clock, which may be simulated: servers on loopback answer in it too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


def now() -> float:
    """Seconds of simulated time."""
    return asyncio.get_running_loop().time()


async def comes_to_pass(condition: Callable[[], bool]) -> None:
    """Wait until the other end has noticed something."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.05)
