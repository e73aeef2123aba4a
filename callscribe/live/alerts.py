"""What cannot wait in a call that runs: flags of which somebody is told at once, raised by its final results."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from callscribe.conversation.flags import FlagSet, alerts_of
from callscribe.conversation.utterances import Role
from callscribe.live.call import LiveUtterance

_LINES: Final = 12
_PAUSE_SECONDS: Final = 2.0
_LONGEST_LINE: Final = 1_200  # characters


@dataclass(slots=True)
class _Line:
    role: Role
    text: str
    end: float


class AlertWatch:
    """Listens to the last lines of a call.

    Results of one speaker are one line across a short pause, since a service may end a result in mid-sentence.

    Args:
        flag_set: the flags.
        told: names of flags of which somebody has been told.
    """

    def __init__(self, flag_set: FlagSet, *, told: Iterable[str] = ()) -> None:
        self._flag_set = flag_set
        self._raised = set(told)
        self._lines: deque[_Line] = deque(maxlen=_LINES)

    def heard(self, finals: Iterable[LiveUtterance]) -> tuple[str, ...]:
        """Take final results, and name the flags that they are the first to raise."""
        if self._raised.issuperset(self._flag_set.alerting):
            return ()
        for final in finals:
            self._take(final)
        new = tuple(name for name in alerts_of(self._lines, self._flag_set) if name not in self._raised)
        self._raised.update(new)
        return new

    def _take(self, final: LiveUtterance) -> None:
        last = self._lines[-1] if self._lines else None
        if (
            last is not None
            and last.role is final.role
            and final.start - last.end < _PAUSE_SECONDS
            and len(last.text) < _LONGEST_LINE
        ):
            last.text, last.end = f"{last.text} {final.text}", final.end
        else:
            self._lines.append(_Line(final.role, final.text, final.end))
