"""Tell somebody of a call that runs and in which something cannot wait."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from callscribe.live.alerts import AlertWatch
from streamer.logs import failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from callscribe.conversation.flags import FlagSet
    from callscribe.conversation.reliability import Reliability
    from callscribe.live.alerts import Alert
    from callscribe.live.call import LiveUtterance
    from callscribe.live_reliability import RunningReliability
    from streamer.announcer import Announcer

_RETRY_SECONDS: Final = 5.0
_TRY_SECONDS: Final = 10.0

_log = logging.getLogger(__name__)


class CallAlerts:
    """Tells of each flag once: again only where it is not known whether EventBridge took the event.

    Args:
        announcer: Puts the events.
        flag_set: The flags.
        call_id: The call.
        clinic_id: Clinic that took it.
        day: Day on which it began.
        told: Names of flags of which somebody has been told.
    """

    def __init__(
        self,
        *,
        announcer: Announcer,
        flag_set: FlagSet,
        call_id: str,
        clinic_id: str,
        day: str,
        told: Iterable[str] = (),
    ) -> None:
        self._announcer = announcer
        self._call_id, self._clinic_id, self._day = call_id, clinic_id, day
        self._watch = AlertWatch(flag_set, told=told)
        self._told = list(told)
        self._waiting: list[tuple[Alert, Reliability]] = []
        self._raised = asyncio.Event()
        self._closed = False

    @property
    def told(self) -> tuple[str, ...]:
        """Names of the flags of which somebody has been told."""
        return tuple(self._told)

    def heard(self, finals: Sequence[LiveUtterance], reliability: RunningReliability) -> None:
        """Take final results that are stored.

        Of a call from which nothing can be concluded so far nobody is told, until it turns out that something can.

        Args:
            finals: The results.
            reliability: Whether anything can be concluded from the call; has heard the results.
        """
        alerts = self._watch.heard(finals)
        if alerts and (judged := reliability.now()).usable:
            self._watch.told(alert.flag for alert in alerts)
            self._waiting.extend((alert, judged) for alert in alerts)
            self._raised.set()

    def close(self) -> None:
        """Tell of what is raised, and then end."""
        self._closed = True
        self._raised.set()

    async def run(self) -> None:
        """Tell of what is raised until the call is over."""
        while not (self._closed and not self._waiting):
            await self._raised.wait()
            self._raised.clear()
            while self._waiting:
                waiting = tuple(self._waiting)
                try:
                    async with asyncio.timeout(_TRY_SECONDS):
                        await self._announcer.alert(
                            call_id=self._call_id,
                            clinic_id=self._clinic_id,
                            day=self._day,
                            alerts=tuple(alert for alert, _ in waiting),
                            reliability=waiting[-1][1],
                        )
                except Exception as error:  # noqa: BLE001 - telling never fails a call, and is tried again
                    _log.warning("nobody could be told of an urgent call", extra=failure(error))
                    await asyncio.sleep(_RETRY_SECONDS)
                    continue
                self._told.extend(alert.flag for alert, _ in waiting)
                del self._waiting[: len(waiting)]
