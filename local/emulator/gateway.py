"""What stands in front of MiniStack: only requests that a key of this session has signed get through.

MiniStack takes the key ``test``, any account's number and an unsigned request for the account's owner, and does not
look at their signatures. So a web page could run code on this machine, by one image whose address creates a stack with
a custom resource. Here every request and every WebSocket is refused that is not signed, with the session's own key
(:mod:`local.access.keys`) or with one that the emulated account has given out since. What such a key may do is
MiniStack's to judge, by the policies of its role. Five things need no signature:

* ``GET /_ministack/health``, which tells that the emulator runs;
* the answer of a custom resource's function, at an address with a random part that only the function is told;
* a task's credentials, for which ECS gives a task a token of its own;
* a WebSocket to the live feed with a user's token, which is checked before the WebSocket is accepted;
* what is for every browser on AWS, too: HTTP APIs, whose routes have authorizers, and the pages to sign in on.

What tests, the streamers and the Kinesis Video simulator of this machine need is below ``/_local/``, for the session's
own key, as are MiniStack's own ``/_ministack/`` and its like:

===================================== =================================================================================
``GET /_local/workers``               The Lambda worker processes, so that a test can kill one.
``GET /_local/task-credentials/ROLE`` The credentials of a task that runs in this role, as ECS's agent hands them out:
                                      for the token of :func:`task_token`.
``POST /_local/authorisations``       Whether a request that another server got may pass (:class:`Authorisation`);
                                      null, or the ``code`` and ``message`` of the error.
``POST /_local/events``               Puts an event of an AWS service on the default bus, which no client of AWS can do.
``PUT /_local/stalls/OPERATION``      From now on requests of this operation (``X-Amz-Target``, such as
                                      ``AWSStepFunctions.SendTaskSuccess``) arrive and are neither heard nor answered.
``GET /_local/stalls/OPERATION``      How many do.
``DELETE /_local/stalls/OPERATION``   They are dropped, and the next ones are served again.
===================================== =================================================================================
"""

import asyncio
import hmac
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.access.guard import guarded, refuse
from local.access.keys import AccessKey
from local.access.signatures import Claim, Refused, SignedRequest, check

log = logging.getLogger(__name__)

WORKERS_PATH = "/_local/workers"
STALLS_PATH = "/_local/stalls/"
TASK_CREDENTIALS_PATH = "/_local/task-credentials/"
AUTHORISATIONS_PATH = "/_local/authorisations"
EVENTS_PATH = "/_local/events"
HEALTH_PATH = "/_ministack/health"

_OWNERS_PATHS = ("/_local/", "/_ministack/", "/_localstack/")

Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True, kw_only=True)
class Authorisation:
    """A request that another server got, and what it would do.

    Attributes:
        request: The request.
        action: As policies name it, such as ``kinesisvideo:GetMedia``.
        resource: ARN of what it is done to.
    """

    request: SignedRequest
    action: str
    resource: str


class Account(Protocol):
    """What the gateway asks of the emulated account."""

    def secret_of(self, claim: Claim) -> str:
        """The secret half of the session's own key, or of one that the account has given out; raises `Refused`."""

    def refusal(self, request: SignedRequest, refused: Refused) -> Answer:
        """The answer to a request that is refused, in the protocol of its service."""

    def judge(self, access_key_id: str, action: str, resource: str) -> None:
        """Ask the policies of whoever has this key; raises `Refused`."""

    def handshake(self, scope: Scope) -> SignedRequest | None:
        """What is signed where a WebSocket is opened; None where a token of a user is told, which the feed checks."""

    def awaits(self, scope: Scope) -> bool:
        """Whether a request is the answer that a custom resource waits for."""

    def public(self, scope: Scope) -> Scope | None:
        """A request that is for everybody, with what it needs; None for any other."""

    def task_credentials(self, role_name: str) -> Mapping[str, str] | None:
        """The credentials of a role's tasks, if the role has tasks."""

    def workers(self) -> list[dict[str, Any]]:
        """The Lambda worker processes."""

    def send_event(self, event: dict[str, Any]) -> None:
        """Put an event of an AWS service on the default bus."""


def task_token(secret_access_key: str, role_name: str) -> str:
    """The token for which a task gets the credentials of its role, and nothing else.

    Args:
        secret_access_key: Of the session's own key.
        role_name: Name of the role.
    """
    return hmac.new(secret_access_key.encode(), f"task {role_name}".encode(), "sha256").hexdigest()


def gateway(application: ASGIApp, *, key: AccessKey, account: Account) -> ASGIApp:
    """Put the gateway in front of MiniStack.

    Args:
        application: What answers requests that are let through.
        key: The session's own key.
        account: The emulated account.
    """
    return guarded(_Gateway(application, key, account))


class _Gateway:
    def __init__(self, application: ASGIApp, key: AccessKey, account: Account) -> None:
        self._application = application
        self._key = key
        self._account = account
        self._stalls = _Stalls()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._open(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            signed = self._account.handshake(scope)
            if signed is not None:
                check(signed, self._account.secret_of)
        except Refused as refused:
            log.warning("refused WebSocket %s: %s", scope["path"], refused.code)
            await refuse(scope, send, refused.message)
        else:
            await self._application(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if (scope["method"] == "GET" and path == HEALTH_PATH) or self._account.awaits(scope):
            await self._application(scope, receive, send)
            return
        if (public := self._account.public(scope)) is not None:
            await self._application(public, receive, _unshared(send))
            return
        head = SignedRequest.of(scope)
        if path.startswith(TASK_CREDENTIALS_PATH):
            await self._hand_out(path.removeprefix(TASK_CREDENTIALS_PATH), head, scope, send)
            return
        try:
            self._account.secret_of(Claim.of(head))  # before a byte of the body is read
            body = await _body(receive)
            claim = check(SignedRequest.of(scope, body), self._account.secret_of)
            if path.startswith(_OWNERS_PATHS) and claim.access_key_id != self._key.access_key_id:
                raise Refused("AccessDenied", "This is for the session's own key.")
        except Refused as refused:
            log.warning("refused %s %s: %s", scope["method"], path, refused.code)
            await _send(send, *self._account.refusal(head, refused))
            return
        if path.startswith("/_local/"):
            await self._steer(scope, body, send)
        elif await self._stalls.wait(head.headers.get("x-amz-target", "")):
            await _send_json(send, 503, {"message": "the request stalled"})
        else:
            await self._application(scope, _again(body, receive), send)

    async def _hand_out(self, role: str, head: SignedRequest, scope: Scope, send: Send) -> None:
        token = task_token(self._key.secret_access_key, role)
        if not hmac.compare_digest(head.headers.get("authorization", "").encode(), token.encode()):
            await refuse(scope, send, "credentials of a task are for the task's token")
            return
        credentials = self._account.task_credentials(role)
        await _send_json(send, 200 if credentials else 404, credentials)

    async def _steer(self, scope: Scope, body: bytes, send: Send) -> None:
        path = scope["path"]
        if path == WORKERS_PATH:
            await _send_json(send, 200, self._account.workers())
        elif path == EVENTS_PATH:
            self._account.send_event(json.loads(body))
            await _send_json(send, 200, None)
        elif path == AUTHORISATIONS_PATH:
            await _send_json(send, 200, self._authorise(json.loads(body)))
        elif path.startswith(STALLS_PATH):
            await _send_json(send, 200, self._stalls.change(scope["method"], path.removeprefix(STALLS_PATH)))
        else:
            await _send_json(send, 404, {"message": "there is nothing here"})

    def _authorise(self, asked: dict[str, Any]) -> dict[str, str] | None:
        wanted = Authorisation(**{**asked, "request": SignedRequest(**asked["request"])})
        try:
            claim = check(wanted.request, self._account.secret_of)
            self._account.judge(claim.access_key_id, wanted.action, wanted.resource)
        except Refused as refused:
            return {"code": refused.code, "message": refused.message}
        return None


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


async def _body(receive: Receive) -> bytes:
    """The whole body; what there is of it when the client leaves, which then matches no signature."""
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Receive a body that has been read already, and then what follows it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


def _unshared(send: Send) -> Send:
    """Send without the headers by which MiniStack lets pages of every other site read its answers."""

    async def send_unshared(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message["headers"] if not pair[0].lower().startswith(b"access-control-")]
            message = {**message, "headers": kept}
        await send(message)

    return send_unshared


async def _send(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    sized = {**{name.lower(): value for name, value in headers.items()}, "content-length": str(len(body))}
    raw = [(name.encode(), value.encode()) for name, value in sized.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _send_json(send: Send, status: int, body: Any) -> None:
    await _send(send, status, {"content-type": "application/json"}, json.dumps(body).encode())
