"""When an execution that waits for another's work looks again.

Each pause is a tenth of the time waited so far: soon at first, and after days still less than a hundred looks, since an
execution's history holds 25,000 events (AWS Step Functions Developer Guide, "Service quotas").
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

SHORTEST: Final = timedelta(seconds=30)
_SHARE: Final = 10


def pause_seconds(*, since: datetime, now: datetime, until: datetime | None = None) -> int:
    """Return the seconds to the next look.

    Args:
        since: Since when it is waited.
        now: The time.
        until: When waiting ends in any case; the last look is then. `None` if it is known only by looking.
    """
    pause = max(SHORTEST, (now - since) / _SHARE)
    if until is not None:
        pause = min(pause, until - now)
    return max(1, math.ceil(pause.total_seconds()))
