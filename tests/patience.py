"""How long a test waits for what is to happen: longer than any machine takes, since only a test that fails waits so."""

import time
from collections.abc import Callable
from typing import Any, Final

PATIENCE_SECONDS: Final = 180.0


def eventually(probe: Callable[[], Any], *, seconds: float = PATIENCE_SECONDS) -> Any:
    """The first truthy answer of the probe."""
    deadline = time.monotonic() + seconds
    while not (answer := probe()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)
    return answer
