"""What goes wrong in a history, and when."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Final

from tests.simulation.batch.scheduler import Task

KILL: Final = "kill"
"""The process dies instead of making the call."""
KILL_AFTER: Final = "kill-after"
"""The process dies after its call was heard, before the answer."""
LOSE: Final = "lose"
"""The call is heard, and its answer gets lost."""
CUT: Final = "cut"
"""The call is not heard."""
REFUSE: Final = "refuse"
"""AWS answers with an error."""
SLOW: Final = "slow"
"""The answer takes long."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Calls that go wrong.

    Attributes:
        kind: In which way.
        by: Role of those who make them; "*" for all.
        of: The calls, such as `dynamodb.UpdateItem` or `s3.`; "" for all.
        about: Text that the request must hold to be meant.
        begin: From when, in seconds since the begin.
        seconds: For how long.
        share: How many of them.
        at_call: Which call of a process; None for any.
        times: How often at most.
        code: The error of a refusal.
        delay: What a slow answer takes, in seconds.
    """

    kind: str
    by: str
    of: str = ""
    about: str = ""
    begin: float = 0.0
    seconds: float = 0.0
    share: float = 1.0
    at_call: int | None = None
    times: int = 10**6
    code: str = ""
    delay: float = 0.0

    @property
    def end(self) -> float:
        """When it is over."""
        return self.begin + self.seconds


@dataclass(frozen=True, kw_only=True)
class Outage:
    """Requests to the speech service, or to the language model, that go wrong.

    Attributes:
        kind: An HTTP status, `cut` (not heard), `lost` (done and billed, the answer gets lost), `slow` (the same, later
            than anybody waits), `garbage` (an answer that holds no transcription); of the model, one of
            `analyst.USELESS`.
        begin: From when, in seconds since the begin.
        seconds: For how long.
        share: How many of them.
    """

    kind: str
    begin: float
    seconds: float
    share: float = 1.0

    @property
    def end(self) -> float:
        """When it is over."""
        return self.begin + self.seconds


class Faults:
    """The faults of one history, as they strike.

    Args:
        faults: The faults.
        chance: Draws which calls are struck.
    """

    def __init__(self, faults: tuple[Fault, ...], chance: random.Random) -> None:
        self._faults = faults
        self._chance = chance
        self._struck: Counter[int] = Counter()
        self.hits: Counter[str] = Counter()

    def strike(self, task: Task, operation: str, *, now: float, about: str) -> Fault | None:
        """Return what befalls a call."""
        for number, fault in enumerate(self._faults):
            if (
                fault.begin <= now < fault.end
                and fault.by in ("*", task.role)
                and operation.startswith(fault.of)
                and (fault.at_call is None or fault.at_call == task.calls)
                and self._struck[number] < fault.times
                and fault.about in about
                and (fault.share >= 1 or self._chance.random() < fault.share)
            ):
                self._struck[number] += 1
                self.hits[fault.kind] += 1
                return fault
        return None
