"""Keep ECS from stopping this task while it has calls, for an hour at most.

Protection spares calls a hand-over when the service shrinks or is deployed. It must not block a deployment for as long
as somebody calls, so that it is renewed only after it has run out: in between ECS may stop the task, whose calls are
then handed over. Source: Amazon ECS Developer Guide, "Amazon ECS task scale-in protection endpoint".
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

import orjson

from streamer.http import HttpClient
from streamer.logs import failure

EXPIRES_MINUTES: Final = 60
RENEW_SECONDS: Final = 65.0 * 60
"""From one protection to the next; the minutes without any are ECS's chance."""

_RETRY_SECONDS: Final = 30.0
_SECONDS: Final = 5.0
"""Longest wait for an answer."""
_log = logging.getLogger(__name__)


class TaskProtection:
    """Protects the task that this process is.

    Args:
        agent_uri: `ECS_AGENT_URI`, the ECS agent's address; "" outside of ECS, where nothing is done.
        http: Sends the requests.
        renew_seconds: From one protection to the next.
        retry_seconds: After a request that failed.
    """

    def __init__(
        self,
        *,
        agent_uri: str,
        http: HttpClient,
        renew_seconds: float = RENEW_SECONDS,
        retry_seconds: float = _RETRY_SECONDS,
    ) -> None:
        self._url = f"{agent_uri}/task-protection/v1/state" if agent_uri else ""
        self._http = http
        self._renew_seconds = renew_seconds
        self._retry_seconds = retry_seconds
        self._busy = False
        self._changed = asyncio.Event()

    def set_busy(self, busy: bool) -> None:
        """Say whether there are calls."""
        if busy != self._busy:
            self._busy = busy
            self._changed.set()

    async def run(self) -> None:
        """Follow what `set_busy` says, until cancelled."""
        if not self._url:
            return
        protected = False
        while True:
            self._changed.clear()
            wait: float | None = None
            if self._busy or protected:
                wanted = self._busy
                if await self._put(protect=wanted):
                    protected, wait = wanted, self._renew_seconds if wanted else None
                else:
                    wait = self._retry_seconds
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _put(self, *, protect: bool) -> bool:
        state: dict[str, bool | int] = {"ProtectionEnabled": protect}
        if protect:
            state["ExpiresInMinutes"] = EXPIRES_MINUTES
        try:
            sent = await self._http.send(
                "PUT",
                self._url,
                headers={"Content-Type": "application/json"},
                body=orjson.dumps(state),
                seconds=_SECONDS,
            )
            answer = orjson.loads(sent.content)
        except (OSError, orjson.JSONDecodeError) as error:
            _log.warning("task protection is not set", extra=failure(error))
            return False
        if isinstance(answer, dict) and answer.get("protection") is not None:
            return True
        # Refused, as while a deployment is replacing this task: the calls are then handed over.
        _log.warning("task protection is refused", extra={"error_code": _reason(answer)})
        return False


def _reason(answer: Any) -> str:
    """Return why ECS refuses; whatever it answers, calls go on."""
    match answer:
        case {"failure": {"Reason": str(reason)}} | {"error": {"Code": str(reason)}}:
            return reason
    return "Unknown"
