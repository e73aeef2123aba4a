"""The same done by several threads at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")


def together(act: Callable[[int], _T], *, times: int = 5) -> list[_T]:
    """Call a function with each number from 0 in a thread of its own, all at once; return what they returned."""
    everybody = threading.Barrier(times)

    def wait_and_act(number: int) -> _T:
        everybody.wait()
        return act(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(wait_and_act, range(times)))
