"""What cannot wait in a call that runs: flags of which somebody is told at once, raised by its final results."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from callscribe.contract.events import AlertEvidence
from callscribe.conversation.acts import Found
from callscribe.conversation.clauses import clauses
from callscribe.conversation.flags import FlagSet, alerts_of
from callscribe.conversation.utterances import Role
from callscribe.live.call import LiveUtterance

LINES: Final = 12
_PAUSE_SECONDS: Final = 2.0
_LONGEST_LINE: Final = 1_200  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A flag that is raised, and where.

    Attributes:
        flag: its name.
        evidence: results that raise it; without words.
    """

    flag: str
    evidence: tuple[AlertEvidence, ...]


@dataclass(slots=True)
class _Line:
    """What one speaker said in one go."""

    results: list[LiveUtterance]
    text: str

    @property
    def role(self) -> Role:
        return self.results[-1].role

    @property
    def end(self) -> float:
        return self.results[-1].end

    def result_of(self, word: int) -> LiveUtterance:
        """The result that a word stands in."""
        for result in self.results:
            word -= len(result.text.split())
            if word < 0:
                return result
        return self.results[-1]


class AlertWatch:
    """Listens to the last lines of a call, with each result that comes.

    Results of one speaker are one line across a short pause, since a service may end a result in mid-sentence. What is
    raised is held until somebody is told, however many lines follow it.

    Args:
        flag_set: the flags.
        told: names of flags of which somebody has been told.
    """

    def __init__(self, flag_set: FlagSet, *, told: Iterable[str] = ()) -> None:
        self._flag_set = flag_set
        self._told = set(told)
        self._lines: deque[_Line] = deque(maxlen=LINES)
        self._held: dict[str, Alert] = {}
        # All lines but the last are those of the result before. What is remembered of them goes with the call.
        self._clauses = lru_cache(LINES)(clauses)

    def heard(self, finals: Iterable[LiveUtterance]) -> tuple[Alert, ...]:
        """Take final results, and return the flags that are raised and of which nobody has been told.

        Each is returned again, also without results, until it is `told`; with what raised it last.
        """
        if self._told.issuperset(self._flag_set.alerting):
            return ()
        for final in finals:
            self._take(final)
            for name, found in alerts_of(self._lines, self._flag_set, cut=self._clauses).items():
                if name not in self._told:
                    self._held[name] = Alert(flag=name, evidence=tuple(self._evidence(name, found)))
        return tuple(self._held.values())

    def told(self, flags: Iterable[str]) -> None:
        """Note that somebody is told of flags."""
        for flag in flags:
            self._told.add(flag)
            self._held.pop(flag, None)

    def _evidence(self, flag: str, found: Sequence[Found]) -> Iterable[AlertEvidence]:
        results: dict[int, AlertEvidence] = {}
        for one in found:
            line = self._lines[one.turn]
            first, last = line.result_of(one.first_word), line.result_of(one.last_word)
            results.setdefault(
                first.seq,
                AlertEvidence(
                    flag=flag,
                    utterance=first.seq,
                    start=first.start,
                    end=last.end,
                    certainty=round(one.certainty * (1.0 if first.confidence is None else first.confidence), 2),
                ),
            )
        return results.values()

    def _take(self, final: LiveUtterance) -> None:
        last = self._lines[-1] if self._lines else None
        if (
            last is not None
            and last.role is final.role
            and final.start - last.end < _PAUSE_SECONDS
            and len(last.text) < _LONGEST_LINE
        ):
            last.results.append(final)
            last.text = f"{last.text} {final.text}"
        else:
            self._lines.append(_Line([final], final.text))
