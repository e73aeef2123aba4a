"""What the guard makes of headers, without a server."""

import pytest
from starlette.types import Message, Scope

from local.access.guard import guarded, refusal

HOST = "127.0.0.1:4566"


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:4566",
        "localhost.",
        "localhost.:80",
        "127.0.0.1",
        "127.255.3.9:1",
        "127.0.0.1.",
        "[::1]",
        "[::1]:65535",
        "[0:0:0:0:0:0:0:1]:4566",
        "recordings.localhost:4566",
        "a.b-c.s3.us-east-1.localhost",
        " 127.0.0.1:4566 ",
    ],
)
def test_every_name_of_this_machine_is_taken(host: str) -> None:
    assert refusal([("Host", host)], scheme="http") is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example.",
        "EVIL.EXAMPLE:4566",
        "127.0.0.1.evil.example",
        "localhost.evil.example:4566",
        "evillocalhost",
        "localhost.localdomain",
        "localhost..",
        ".localhost",
        "a..localhost",
        "user@localhost",
        "localhost:4566@evil.example",
        "localhost@evil.example",
        "localhost/evil.example",
        "localhost#.evil.example",
        "localhost, evil.example",
        "localhost evil.example",
        "localhost:",
        "localhost:65536",
        "localhost:x",
        "localhost:4566:80",
        "0.0.0.0:4566",
        "0",
        "127.1",
        "127.0.0.01",
        "0x7f.0.0.1",
        "2130706433",
        "128.0.0.1",
        "192.168.1.7:4566",
        "169.254.169.254",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::1%eth0]",
        "[::1",
        "::1",
        "[fe80::1]",
        "localhost\u0130",
        "xn--localhost-evil",
    ],
)
def test_no_other_name_is(host: str) -> None:
    reason = refusal([("host", host)], scheme="http")
    assert reason is not None
    assert "Host" in reason


def test_a_request_that_names_no_machine_or_two_is_refused() -> None:
    assert refusal([], scheme="http") == "Host is missing"
    assert refusal([("Host", HOST), ("Host", "evil.example")], scheme="http") is not None
    assert refusal([("Host", HOST), ("host", HOST)], scheme="http") is not None


@pytest.mark.parametrize(("scheme", "host"), [("http", HOST), ("https", "localhost:8443"), ("http", "[::1]:4566")])
def test_a_server_s_own_pages_are_taken(scheme: str, host: str) -> None:
    assert refusal([("Host", host), ("Origin", f"{scheme}://{host}".upper())], scheme=scheme) is None


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "http://localhost:3000",
        "http://localhost:4566",
        "http://127.0.0.1",
        "https://127.0.0.1:4566",
        "http://127.0.0.1:4566.evil.example",
        "http://127.0.0.1:4566/",
        "file://",
        "chrome-extension://abcdefghijklmnop",
    ],
)
def test_no_other_page_is(origin: str) -> None:
    assert refusal([("Host", HOST), ("Origin", origin)], scheme="http") is not None
    assert refusal([("Host", HOST), ("Origin", f"http://{HOST}"), ("Origin", origin)], scheme="http") is not None


@pytest.mark.parametrize("site", ["none", "same-origin", "None"])
def test_what_a_user_asks_for_is_taken(site: str) -> None:
    assert refusal([("Host", HOST), ("Sec-Fetch-Site", site)], scheme="http") is None


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site", "", "none, cross-site", "anything"])
def test_what_another_site_asks_for_is_refused(site: str) -> None:
    assert refusal([("Host", HOST), ("Sec-Fetch-Site", site)], scheme="http") is not None
    assert refusal([("Host", HOST), ("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", site)], scheme="http") is not None


def scope_of(kind: str, **changes: object) -> Scope:
    scheme = {"http": "http", "websocket": "ws"}.get(kind, "")
    headers = [(b"host", HOST.encode())]
    return {"type": kind, "scheme": scheme, "method": "GET", "path": "/", "headers": headers, **changes}


async def answered(scope: Scope) -> list[Message]:
    """What is sent; what the application itself sends is one message."""
    sent: list[Message] = []

    async def application(_scope: Scope, _receive: object, _send: object) -> None:
        sent.append({"type": "application"})

    async def receive() -> Message:
        raise AssertionError("a refused request is not read")

    async def send(message: Message) -> None:
        sent.append(message)

    await guarded(application)(scope, receive, send)
    return sent


@pytest.mark.parametrize("kind", ["http", "websocket", "lifespan"])
async def test_what_is_taken_comes_to_the_application(kind: str) -> None:
    assert await answered(scope_of(kind)) == [{"type": "application"}]


async def test_a_websocket_s_own_origin_is_that_of_the_page() -> None:
    headers = [(b"host", HOST.encode()), (b"origin", f"http://{HOST}".encode())]
    assert await answered(scope_of("websocket", headers=headers)) == [{"type": "application"}]
    assert await answered(scope_of("websocket", headers=headers, scheme="wss")) != [{"type": "application"}]


async def test_a_refused_request_is_answered_unread_and_says_why() -> None:
    start, body = await answered(scope_of("http", headers=[(b"Host", b"evil.example")]))
    assert start["status"] == 403
    assert b"evil.example" in body["body"]


async def test_a_refused_websocket_is_closed_before_it_opens() -> None:
    headers = [(b"host", HOST.encode()), (b"origin", b"https://evil.example")]
    assert [message["type"] for message in await answered(scope_of("websocket", headers=headers))] == [
        "websocket.close"
    ]


@pytest.mark.parametrize("path", ["http://evil.example/", "*", ""])
async def test_a_request_to_a_proxy_is_refused(path: str) -> None:
    start, _ = await answered(scope_of("http", path=path))
    assert start["status"] == 403
