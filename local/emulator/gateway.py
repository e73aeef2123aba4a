"""What stands in front of MiniStack: nobody but this machine's own programs gets through.

MiniStack checks no caller and answers every browser (CORS ``*``), so a web page could run code on the machine by
creating a Lambda function. Requests from another site's page (``Origin``) or through another site's name (``Host``,
DNS rebinding) are refused here.

What tests and the streamers of this machine need of it is below ``/_local/``:

===================================== =================================================================================
``GET /_local/workers``               The Lambda worker processes, so that a test can kill one.
``GET /_local/task-credentials/ROLE`` The credentials of a task that runs in this role, as ECS's agent hands them out.
``POST /_local/events``               Puts an event of an AWS service on the default bus, which no client of AWS can do.
``PUT /_local/stalls/OPERATION``      From now on requests of this operation (``X-Amz-Target``, such as
                                      ``AWSStepFunctions.SendTaskSuccess``) arrive and are neither heard nor answered.
``GET /_local/stalls/OPERATION``      How many do.
``DELETE /_local/stalls/OPERATION``   They are dropped, and the next ones are served again.
===================================== =================================================================================
"""

import asyncio
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
STALLS_PATH = "/_local/stalls/"
TASK_CREDENTIALS_PATH = "/_local/task-credentials/"
EVENTS_PATH = "/_local/events"

_LOCAL_HOST = re.compile(r"^(?:localhost|127\.0\.0\.1|\[::1\]|[a-z0-9.-]+\.localhost)(?::\d+)?$")
_LOCAL_ORIGIN = re.compile(r"^https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$")


def gateway(
    application: Application,
    *,
    workers: Callable[[], list[dict[str, Any]]],
    task_credentials: Callable[[str], dict[str, str] | None],
    send_event: Callable[[dict[str, Any]], None],
) -> Application:
    """Wrap an ASGI application.

    Args:
        application: What answers requests that are let through.
        workers: Describes the Lambda worker processes.
        task_credentials: Gives the credentials of a role's tasks, if the role has tasks.
        send_event: Puts an event of an AWS service on the default bus.
    """
    stalls = _Stalls()

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await application(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        path = scope["path"]
        if not _is_local(headers):
            await _refuse(scope, send)
        elif path == WORKERS_PATH:
            await _answer(send, 200, workers())
        elif path.startswith(TASK_CREDENTIALS_PATH):
            credentials = task_credentials(path.removeprefix(TASK_CREDENTIALS_PATH))
            await _answer(send, 200 if credentials else 404, credentials)
        elif path == EVENTS_PATH:
            send_event(json.loads(await _body(receive)))
            await _answer(send, 200, None)
        elif path.startswith(STALLS_PATH):
            await _answer(send, 200, stalls.change(scope["method"], path.removeprefix(STALLS_PATH)))
        elif await stalls.wait(headers.get(b"x-amz-target", "")):
            await _answer(send, 503, {"message": "the request stalled"})
        else:
            await application(scope, receive, send)

    return guarded


class _Stalls:
    """Operations whose requests wait until they are dropped."""

    def __init__(self) -> None:
        self._dropped: dict[str, asyncio.Event] = {}
        self._waiting: dict[str, int] = {}

    def change(self, method: str, operation: str) -> int:
        """Begin or end the stall of an operation; returns how many of its requests wait."""
        if method == "PUT":
            self._dropped[operation] = asyncio.Event()
        elif method == "DELETE" and operation in self._dropped:
            self._dropped.pop(operation).set()
        return self._waiting.get(operation, 0)

    async def wait(self, target: str) -> bool:
        """Wait out the stall of an operation; returns whether there was one."""
        dropped = self._dropped.get(target)
        if dropped is None:
            return False
        self._waiting[target] = self._waiting.get(target, 0) + 1
        await dropped.wait()
        self._waiting[target] -= 1
        return True


def _is_local(headers: dict[bytes, str]) -> bool:
    """Whether a request names this machine as its host and, if it comes from a page, as the page's origin."""
    origin = headers.get(b"origin")
    return bool(_LOCAL_HOST.match(headers.get(b"host", ""))) and (origin is None or bool(_LOCAL_ORIGIN.match(origin)))


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4403})
    else:
        await _answer(send, 403, "this emulator answers programs on this machine only")


async def _answer(send: Send, status: int, body: Any) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
