"""No web page gets through: whoever asks names this machine, and no browser says that another site is behind it.

A browser is made to reach a server on the loopback address by any page that is open in it. Three headers give it away,
which no page can change (Fetch standard, "Forbidden request-header"):

* ``Host`` is the name in the address. Where a page's own name leads to this machine (DNS rebinding), it is that name.
* ``Origin`` comes with everything but a plain ``GET`` of another site's page, and with every WebSocket.
* ``Sec-Fetch-Site`` comes with everything, from browsers that know it (Fetch Metadata Request Headers).

None of them comes from an AWS client, nor, with ``GET``, from an old browser. That is why this is not all that stands
in the way.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger(__name__)

_AUTHORITY: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?")
_LAST_PORT: Final = 65_535
_OWN_SITE: Final = frozenset({"none", "same-origin"})
_HTTP_OF: Final = {"ws": "http", "wss": "https"}


def guarded(application: ASGIApp) -> ASGIApp:
    """Put the guard in front of an ASGI application; it answers 403 to what it refuses, WebSockets included."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        reason = _refusal_of(scope) if scope["type"] in ("http", "websocket") else None
        if reason is None:
            await application(scope, receive, send)
        else:
            log.warning("refused %s %s: %s", scope.get("method", "WebSocket"), scope["path"], reason)
            await refuse(scope, send, f"this server answers programs on this machine only: {reason}")

    return answer


def refusal(headers: Iterable[tuple[str, str]], *, scheme: str) -> str | None:
    """Why a request is refused; None if it is not.

    Args:
        headers: Names in any case, and values.
        scheme: Of the server, ``http`` or ``https``.
    """
    sent = [(name.lower(), value.strip()) for name, value in headers]
    hosts = [value.lower() for name, value in sent if name == "host"]
    if len(hosts) != 1 or not _is_loopback(hosts[0]):
        return f"Host is {_shown(hosts)}"
    origins = [value.lower() for name, value in sent if name == "origin"]
    if any(origin != f"{scheme}://{hosts[0]}" for origin in origins):
        return f"Origin is {_shown(origins)}"
    sites = [value.lower() for name, value in sent if name == "sec-fetch-site"]
    if not _OWN_SITE.issuperset(sites):
        return f"Sec-Fetch-Site is {_shown(sites)}"
    return None


async def refuse(scope: Scope, send: Send, message: str) -> None:
    """Answer 403; a WebSocket that is not accepted is answered so, too."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    body = json.dumps({"message": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _refusal_of(scope: Scope) -> str | None:
    # The name could also be in the request line, which is how a proxy is asked.
    if not scope["path"].startswith("/"):
        return "the request is one to a proxy"
    headers = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    return refusal(headers, scheme=_HTTP_OF.get(scope["scheme"]) or scope["scheme"])


def _is_loopback(host: str) -> bool:
    """Whether a Host, in lower case, is ``localhost``, a name below it, ``[::1]`` or in 127.0.0.0/8."""
    found = _AUTHORITY.fullmatch(host)
    if found is None or int(found["port"] or 0) > _LAST_PORT:
        return False
    try:
        if found["name"].startswith("["):
            return IPv6Address(found["name"][1:-1]) == IPv6Address("::1")
        labels = found["name"].removesuffix(".").split(".")  # a name may end in the dot of DNS's root
        # Names below localhost never leave this machine (RFC 6761, 6.3). Clients of S3 put the bucket there.
        if labels[-1] == "localhost":
            return all(labels)
        return IPv4Address(".".join(labels)).is_loopback
    except AddressValueError:
        return False


def _shown(values: list[str]) -> str:
    return " and ".join(repr(value[:80]) for value in values) or "missing"
