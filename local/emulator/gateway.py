"""What stands in front of MiniStack: nobody but this machine's own programs gets through.

MiniStack checks no caller and answers every browser (CORS ``*``), so a web page could run code on the machine by
creating a Lambda function. Requests from another site's page (``Origin``) or through another site's name (``Host``,
DNS rebinding) are refused here.
"""

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

WORKERS_PATH = "/_local/workers"

_LOCAL_HOST = re.compile(r"^(?:localhost|127\.0\.0\.1|\[::1\]|[a-z0-9.-]+\.localhost)(?::\d+)?$")
_LOCAL_ORIGIN = re.compile(r"^https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$")


def is_local(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a request names this machine as its host and, if it comes from a page, as the page's origin."""
    values = {name.lower(): value.decode("latin-1") for name, value in headers}
    origin = values.get(b"origin")
    return bool(_LOCAL_HOST.match(values.get(b"host", ""))) and (origin is None or bool(_LOCAL_ORIGIN.match(origin)))


def gateway(application: Application, workers: Callable[[], list[dict[str, Any]]]) -> Application:
    """Wrap an ASGI application.

    Args:
        application: What answers requests that are let through.
        workers: Describes the Lambda worker processes; answered at ``/_local/workers`` so that a test can kill one.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not is_local(scope["headers"]):
            await _refuse(scope, send)
        elif scope["type"] == "http" and scope["path"] == WORKERS_PATH:
            await _answer(send, 200, json.dumps(workers()).encode(), b"application/json")
        else:
            await application(scope, receive, send)

    return guarded


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4403})
    else:
        await _answer(send, 403, b"this emulator answers programs on this machine only\n", b"text/plain")


async def _answer(send: Send, status: int, body: bytes, content_type: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", content_type)]})
    await send({"type": "http.response.body", "body": body})
