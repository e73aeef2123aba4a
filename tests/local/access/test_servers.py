"""No page gets anything from a server of this machine, whatever headers its browser sends, nor who has no key."""

from __future__ import annotations

import pytest

from tests.local.access.conftest import Server
from tests.local.access.raw import send

SERVERS = ("emulator", "kinesis_video", "speech")
METHODS = ("GET", "POST", "WebSocket")


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Server:
    found: Server = servers[request.param]
    return found


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST.", "bucket.localhost:{port}", "[::1]:9", "127.9.9.9"]
)
def test_whoever_has_the_key_is_answered_by_any_name_of_this_machine(server: Server, method: str, host: str) -> None:
    answer = server.ask(method, host=host.format(port=server.port))

    assert answer.status == server.asks[method].answers, answer.body


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "header",
    [("Origin", "http://{host}"), ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "none")],
)
def test_its_own_page_and_the_address_bar_are_answered(server: Server, method: str, header: tuple[str, str]) -> None:
    name, value = header

    answer = server.ask(method, more=[(name, value.format(host=server.host))])

    assert answer.status == server.asks[method].answers, answer.body


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "localhost.evil.example", "0.0.0.0:{port}",
     "10.0.0.7:{port}", "localhost:{port}@evil.example", "[::ffff:7f00:1]:{port}"],
)  # fmt: skip
def test_a_name_that_was_led_to_this_machine_is_refused_even_with_the_key(
    server: Server, method: str, host: str
) -> None:
    assert server.ask(method, host=host.format(port=server.port)).status == 403


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:3000", "http://127.0.0.1", "https://{host}"]
)
def test_another_site_s_page_is_refused_even_with_the_key(server: Server, method: str, origin: str) -> None:
    assert server.ask(method, more=[("Origin", origin.format(host=server.host))]).status == 403


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_site_embeds_is_refused_even_with_the_key(server: Server, method: str, site: str) -> None:
    """An image or a link: a plain GET without an Origin."""
    assert server.ask(method, more=[("Sec-Fetch-Site", site)]).status == 403


@pytest.mark.parametrize("method", METHODS)
def test_without_the_key_nothing_is_answered_whoever_asks(server: Server, method: str) -> None:
    """As an old browser asks, which says nothing of the page behind it."""
    assert server.ask(method, key=False).status in (401, 403)


def test_a_request_without_a_host_is_refused(server: Server) -> None:
    ask = server.asks["GET"]

    for version, status in (("HTTP/1.0", 403), ("HTTP/1.1", 400)):
        assert send(server.port, "GET", ask.target, ask.headers(server.host), version=version).status == status


@pytest.mark.parametrize("path", ["/health", "/_ministack/health", "/_localstack/health"])
@pytest.mark.parametrize("header", [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")])
def test_a_page_does_not_even_learn_that_a_server_runs(server: Server, path: str, header: tuple[str, str]) -> None:
    for headers in ([("Host", server.host), header], [("Host", "evil.example")]):
        answer = send(server.port, "GET", path, headers)

        assert answer.status == 403
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/_local/calls", "/v1/listen", "/getMedia", "/_ministack/reset"])
def test_no_page_is_allowed_to_ask_more(server: Server, path: str) -> None:
    """A preflight request, by which a browser asks whether the page may send what it would not send by itself."""
    asked = [("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "authorization,x-amz-target")]

    answer = send(server.port, "OPTIONS", path, [("Host", server.host), ("Origin", "https://evil.example"), *asked])

    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]
