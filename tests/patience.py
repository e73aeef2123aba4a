"""How long a test waits for what is to happen: longer than any machine takes, since only a test that fails waits so."""

import time
from collections.abc import Callable
from typing import Any, Final

PATIENCE_SECONDS: Final = 180.0


def eventually(probe: Callable[[], Any], *, seconds: float = PATIENCE_SECONDS) -> Any:
    """The first truthy answer of the probe, which is asked less often the longer it takes."""
    deadline = time.monotonic() + seconds
    pause = 0.02
    while not (answer := probe()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(pause)
        pause = min(1.2 * pause, 0.3)
    return answer
