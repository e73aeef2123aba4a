"""AppSync Events as the streamer publishes to it, with its failures."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_TOO_LATE = 8.0


@dataclass
class Feed:
    """A feed, and what it was told.

    Attributes:
        events: What was published, by channel, in order.
        delay: Seconds that each request takes.
        unanswered: How many requests with final words still have their effect, but an answer later than anybody waits.
        down: Whether requests are refused.
        refused: How many were.
    """

    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    delay: float = 0.0
    unanswered: int = 0
    down: bool = False
    refused: int = 0

    def app(self) -> Starlette:
        """Return it as an ASGI application."""
        return Starlette(routes=[Route("/event", self._serve, methods=["POST"])])

    def heard(self, channel: str) -> dict[int, dict[str, Any]]:
        """What a subscriber has who passes over numbers that it has: the final events by number."""
        found: dict[int, dict[str, Any]] = {}
        for event in self.events.get(channel, []):
            if event["type"] == "final":
                assert found.setdefault(event["seq"], event) == event
        return found

    def states(self, channel: str) -> list[str]:
        """The states that were told, in order."""
        return [event["status"] for event in self.events.get(channel, []) if event["type"] == "state"]

    async def publish(self, request: dict[str, Any]) -> tuple[int, Any]:
        """Answer a request: status and body."""
        assert len(request["events"]) <= 5
        await asyncio.sleep(self.delay)
        if self.down:
            self.refused += 1
            return 503, {"errors": [{"errorType": "ServiceUnavailable"}]}
        events = [json.loads(event) for event in request["events"]]
        self.events.setdefault(request["channel"], []).extend(events)
        if self.unanswered and any(event["type"] == "final" for event in events):
            self.unanswered -= 1
            await asyncio.sleep(_TOO_LATE)
        return 200, {"failed": [], "successful": [{"index": index} for index, _ in enumerate(events)]}

    async def _serve(self, request: Request) -> Response:
        assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")
        status, body = await self.publish(await request.json())
        return JSONResponse(body, status)
