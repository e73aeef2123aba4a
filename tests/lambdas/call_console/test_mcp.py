"""`callscribe mcp` over the console's own function: what a model may read, as whom, and that it changes nothing."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit, urlunsplit

import httpx
import jsonschema
import pytest
from mcp import ClientSession, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client

from callscribe.console.access import PROGRAM_REDIRECTS
from callscribe.console.listing import _Asked
from operations.command_line import main
from operations.mcp import TOOLS, Console, Server
from operations.sign_in import SignIn
from tests.conftest import ROOT
from tests.fakes.deepgram import transcription
from tests.lambdas.call_console.conftest import Console as Deployed
from tests.lambdas.call_console.site import Site
from tests.lambdas.cloud import Context
from tests.patience import PATIENCE_SECONDS

SignsIn = Callable[..., tuple[SignIn, Server]]

VOUCHER = (
    (1, 0.4, "Thank you for calling Lakeside Vision, this is Marla.", 0.6),
    (0, 4.0, "It is about the voucher.", 0.1),
)


class Model:
    """A client of the protocol, signed in as somebody of some groups.

    Attributes:
        asked: Methods and paths of what the console was asked.
    """

    def __init__(self, deployed: Deployed, groups: str = "[harbour]") -> None:
        self.asked: list[str] = []

        def send(request: httpx.Request) -> httpx.Response:
            self.asked.append(f"{request.method} {request.url.path}")
            if request.headers["authorization"] != "Bearer good":
                return httpx.Response(401, json={"message": "Unauthorized"})
            answer = deployed.ask(
                request.url.path,
                groups=groups,
                method=request.method,
                query=dict(request.url.params) or None,
                body=json.loads(request.content) if request.content else None,
            )
            return httpx.Response(int(answer.status), text=answer.text)

        self.token = "good"
        client = httpx.Client(base_url="https://console.example.com/", transport=httpx.MockTransport(send))
        self._server = Server(Console(client, lambda: self.token))

    def send(self, *messages: Any) -> list[Any]:
        lines = "".join(one if isinstance(one, str) else f"{json.dumps(one)}\n" for one in messages)
        return [json.loads(answer) for answer in self._server.answers(io.StringIO(lines))]

    def call(self, tool: str, **arguments: Any) -> tuple[bool, Any]:
        """Call a tool: whether it failed, and what it told."""
        request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        [answer] = self.send(request)
        result = answer["result"]
        [content] = result["content"]
        return result["isError"], content["text"] if result["isError"] else json.loads(content["text"])


@pytest.fixture
def deployed(console: Deployed) -> Deployed:
    console.store(heard=transcription(VOUCHER))
    console.follow()
    return console


def test_a_client_is_introduced_and_told_of_tools_that_only_read(deployed: Deployed) -> None:
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    first, pong, tools = Model(deployed).send(
        {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": "a", "method": "ping"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    )
    assert first["result"]["protocolVersion"] == "2025-06-18"
    assert first["result"]["capabilities"] == {"tools": {}}
    assert pong == {"jsonrpc": "2.0", "id": "a", "result": {}}
    listed = {tool["name"]: tool for tool in tools["result"]["tools"]}
    assert listed.keys() == TOOLS.keys()
    assert all(tool["annotations"]["readOnlyHint"] for tool in listed.values())
    assert listed["read_call"]["inputSchema"]["required"] == ["clinic", "day", "call_id"]


def test_calls_are_found_listed_counted_and_read_with_evidence_and_reliability(deployed: Deployed) -> None:
    model = Model(deployed)
    failed, clinics = model.call("list_clinics")
    assert ([one["id"] for one in clinics["clinics"]], clinics["search"], failed) == (["harbour"], True, False)
    _, found = model.call("search_calls", clinic="harbour", query="voucher", said_by="customer", limit=5)
    [hit] = found["calls"]
    assert hit["snippets"][0]["match"] == "voucher"
    _, listed = model.call("list_calls", clinic="harbour", source="batch")
    assert [call["call_id"] for call in listed["calls"]] == ["call-7"]
    for name in ("agent", "queue"):
        _, filtered = model.call("list_calls", clinic="harbour", **{name: "of-nobody"})
        assert filtered["calls"] == [], name
    _, call = model.call("read_call", clinic="harbour", day=hit["call"]["day"], call_id="call-7")
    assert call["turns"][1]["text"] == "It is about the voucher."
    assert call["reliability"]["level"] in ("high", "doubtful", "unusable")
    assert {flag["name"] for flag in call["summary"]["flags"]} >= {"urgent"}
    assert call["quality"]["criteria"]
    _, overview = model.call("overview", clinic="harbour", zone="Europe/Berlin")
    assert overview["calls"] == 1


@pytest.mark.parametrize("groups", ["[lakeside]", "[admin]", "[]"])
def test_another_clinics_calls_are_not_there(deployed: Deployed, groups: str) -> None:
    for tool, arguments in {
        "list_calls": {},
        "search_calls": {"query": "voucher"},
        "read_call": {"day": "2026-11-20", "call_id": "call-7"},
        "overview": {},
    }.items():
        told = Model(deployed, groups).call(tool, clinic="harbour", **arguments)
        assert told == Model(deployed, groups).call(tool, clinic="nobodys", **arguments)
        assert told == (True, "there is no such thing in your clinics"), tool


def test_a_model_can_filter_as_the_list_does() -> None:
    [listed] = [tool for name, tool in TOOLS.items() if name == "list_calls"]
    assert {*listed.properties} - {"clinic"} == set(_Asked.__struct_encode_fields__)


def test_nothing_is_asked_that_changes_anything(deployed: Deployed) -> None:
    model, before = Model(deployed, "[harbour qa admin]"), deployed.cloud.items()
    for name, tool in TOOLS.items():
        given = {"clinic": "harbour", "day": "2026-11-20", "call_id": "call-7", "query": "voucher"}
        model.call(name, **{argument: given[argument] for argument in tool.required})
    assert {request for request in model.asked if not request.startswith("GET ")} == {
        "POST /api/clinics/harbour/search"
    }
    assert deployed.cloud.items() == before


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("read_call", {"clinic": "harbour"}, "missing: day, call_id"),
        ("list_calls", {"clinic": "harbour", "colour": "red"}, "unknown argument"),
        ("list_calls", {"clinic": {"id": "harbour"}}, "no text"),
        ("list_calls", {"clinic": "harbour", "from": "soon"}, "from is no day"),
        ("list_calls", {"clinic": ".."}, "no such thing"),
        ("read_call", {"clinic": "harbour", "day": "../../session", "call_id": "x"}, "no such thing"),
        ("search_calls", {"clinic": "harbour", "query": "a"}, "at least one word"),
    ],
)
def test_what_cannot_be_answered_is_told(deployed: Deployed, tool: str, arguments: dict[str, Any], told: str) -> None:
    failed, text = Model(deployed).call(tool, **arguments)
    assert failed
    assert told in text


def test_a_token_that_has_ended_is_told_and_a_new_one_taken(deployed: Deployed) -> None:
    model = Model(deployed)
    model.token = "old"
    assert model.call("list_clinics")[1].startswith("the token is no longer good")
    model.token = "good"
    assert not model.call("list_clinics")[0]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("no json\n", -32700),
        ("[" * 100_000 + "\n", -32700),
        ("[]\n", -32600),
        ('{"id": 1, "method": "tools/write"}\n', -32601),
        ('{"id": 1, "method": "tools/call", "params": {"name": "erase"}}\n', -32602),
        ('{"id": 1, "method": "tools/call", "params": [1]}\n', -32602),
    ],
)
def test_what_is_no_request_is_refused_and_the_next_one_answered(deployed: Deployed, line: str, code: int) -> None:
    first, second = Model(deployed).send(line, {"jsonrpc": "2.0", "id": 2, "method": "ping"})
    assert first["error"]["code"] == code
    assert second["result"] == {}


def test_answers_to_nothing_are_passed_over(deployed: Deployed) -> None:
    assert Model(deployed).send({"jsonrpc": "2.0", "id": 5, "result": {}}) == []


@pytest.mark.parametrize("url", ["http://console.example.com/", "ftp://127.0.0.1/", "console"])
def test_a_token_goes_nowhere_in_the_clear(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLSCRIBE_CONSOLE_TOKEN", "t")
    with pytest.raises(SystemExit):
        main(["mcp", "--console", url])


@contextmanager
def served() -> Iterator[Site]:
    """The console's function, as somebody's browser and programs reach it; `ann` is of the clinic."""
    from lambdas.call_console import handler

    context = cast("Any", Context())
    site = Site(invoke=lambda event: handler.handle(event, context), groups={"ann": "[harbour qa admin]"})
    site.tokens["secret-token"] = "ann"
    with site.served() as served:
        yield served


def test_the_command_speaks_over_its_standard_streams_and_writes_no_words_elsewhere(
    deployed: Deployed, tmp_path: Path, output: Callable[[], str]
) -> None:
    token = tmp_path / "token"
    token.write_text("secret-token\n")
    arguments = {"clinic": "harbour", "query": "voucher"}
    params = {"name": "search_calls", "arguments": arguments}
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    output()
    with served() as site:
        done = subprocess.run(
            [sys.executable, "-m", "callscribe", "mcp", "--console", site.url, "--token-file", str(token)],
            cwd=ROOT,
            input=f"{json.dumps(request)}\n",
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    assert done.returncode == 0
    [answer] = done.stdout.splitlines()
    assert json.loads(json.loads(answer)["result"]["content"][0]["text"])["calls"][0]["call"]["call_id"] == "call-7"
    assert done.stderr == ""
    logged = output()
    assert '"user":"ann"' in logged
    assert "vouch" not in logged
    assert "secret-token" not in logged


@pytest.mark.usefixtures("deployed")
def test_the_protocols_own_client_understands_the_command() -> None:
    """By the official SDK, which checks each answer against the specification's schema."""

    async def use(url: str) -> None:
        server = StdioServerParameters(
            command=sys.executable,
            args=["-m", "callscribe", "mcp", "--console", url],
            env={**os.environ, "CALLSCRIBE_CONSOLE_TOKEN": "secret-token"},
            cwd=ROOT,
        )
        async with stdio_client(server) as (read, write), ClientSession(read, write, PATIENCE_SECONDS) as session:
            assert (await session.initialize()).server_info.name == "callscribe"
            await session.send_ping()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            assert tools.keys() == TOOLS.keys()
            for tool in tools.values():
                jsonschema.Draft202012Validator.check_schema(tool.input_schema)
                assert tool.annotations is not None
                assert tool.annotations.read_only_hint
            found = await session.call_tool("search_calls", {"clinic": "harbour", "query": "voucher"})
            assert not found.is_error
            assert "call-7" in str(found.content)
            refused = await session.call_tool("read_call", {"clinic": "nobodys", "day": "2026-11-20", "call_id": "x"})
            assert refused.is_error
            with pytest.raises(MCPError):
                await session.call_tool("erase", {})

    with served() as site:
        asyncio.run(use(site.url))


class Person:
    """Somebody's browser, which is told an address and signs `ann` in there.

    Attributes:
        opened: The addresses.
        after: What the browser does once it has the answer to a sign-in: by default it goes where that leads.
    """

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.after: Callable[[str], object] = lambda place: httpx.get(place).raise_for_status()

    def browse(self, url: str) -> bool:
        self.opened.append(url)
        form = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', httpx.get(url).text))
        back = httpx.post(urljoin(url, "/login"), data={**form, "username": "ann"})
        self.after(back.headers["location"])
        return True


@pytest.fixture
def redirects(monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Where sign-ins lead back to: on ports that are free, where the usual ones may be another test's."""
    from lambdas.call_console import handler

    with ExitStack() as stack:
        free = [stack.enter_context(closing(socket.create_server(("127.0.0.1", 0)))) for _ in PROGRAM_REDIRECTS]
        ports = [one.getsockname()[1] for one in free]
    redirects = tuple(
        urlunsplit(urlsplit(usual)._replace(netloc=f"127.0.0.1:{port}"))
        for usual, port in zip(PROGRAM_REDIRECTS, ports, strict=True)
    )
    monkeypatch.setattr(handler, "PROGRAM_REDIRECTS", redirects)
    return redirects


@pytest.fixture
def site(
    deployed: Deployed,
    redirects: tuple[str, ...],
    function_environment: pytest.MonkeyPatch,
) -> Iterator[Site]:
    function_environment.setenv("SIGN_IN_URL", "")
    with served() as site:
        yield site


@pytest.fixture
def person() -> Person:
    return Person()


@pytest.fixture
def signed_in(site: Site, person: Person) -> Iterator[Callable[..., tuple[SignIn, Server]]]:
    """Makes a server whose person signs in where it is asked for."""
    with ExitStack() as stack:

        def server(**options: Any) -> tuple[SignIn, Server]:
            client = stack.enter_context(httpx.Client(base_url=site.url))
            sign_in = stack.enter_context(closing(SignIn(client, browse=person.browse, **options)))
            return sign_in, Server(Console(client, sign_in.token, rejected=sign_in.rejected))

        yield server


def clinics_of(server: Server) -> tuple[bool, str]:
    params = {"name": "list_clinics", "arguments": {}}
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    [answer] = server.answers(io.StringIO(f"{json.dumps(request)}\n"))
    result = json.loads(answer)["result"]
    return result["isError"], result["content"][0]["text"]


def test_somebody_signs_in_once_and_is_renewed(
    site: Site, person: Person, signed_in: SignsIn, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    _, server = signed_in(clock=lambda: now[0])
    for later in (0.0, 100.0, 400.0, 401.0):
        now[0] = later
        failed, told = clinics_of(server)
        assert (failed, "harbour" in told) == (False, True)
    assert len(person.opened) == 1
    assert len(site.tokens) == 3  # the one that is there, that of the sign-in, and the renewed one
    asked = parse_qs(urlsplit(person.opened[0]).query)
    assert (asked["scope"], asked["code_challenge_method"]) == (["openid"], ["S256"])
    told = capsys.readouterr().err
    assert not any(token in told for token in site.tokens)


def test_a_token_that_is_not_taken_any_more_is_renewed(site: Site, person: Person, signed_in: SignsIn) -> None:
    sign_in, server = signed_in()
    site.refused.add(sign_in.token())
    assert clinics_of(server)[1].startswith("the token is no longer good")
    assert not clinics_of(server)[0]
    assert len(person.opened) == 1


def test_who_has_not_signed_in_yet_is_told_where_and_has_time(person: Person, signed_in: SignsIn) -> None:
    kept: list[str] = []
    person.after = kept.append
    _, server = signed_in(wait_seconds=0.01)
    for _ in range(2):
        failed, told = clinics_of(server)
        assert failed
        assert person.opened[0] in told
    [place] = kept
    httpx.get(place).raise_for_status()
    assert not clinics_of(server)[0]
    assert len(person.opened) == 1


def test_a_code_that_nobody_asked_for_signs_nobody_in(person: Person, signed_in: SignsIn) -> None:
    answers: list[httpx.Response] = []

    def forged(place: str) -> None:
        other = f"{urljoin(place, urlsplit(place).path)}?{urlencode({'code': 'stolen', 'state': 'guessed'})}"
        answers.extend(map(httpx.get, (other, urljoin(place, "/favicon.ico"))))

    person.after = forged
    _, server = signed_in(wait_seconds=0.01)
    assert "nobody has signed in yet" in clinics_of(server)[1]
    assert [answer.status_code for answer in answers] == [400, 400]


def test_a_sign_in_that_is_refused_can_be_begun_anew(person: Person, signed_in: SignsIn) -> None:
    def refused(place: str) -> None:
        state = parse_qs(urlsplit(place).query)["state"][0]
        httpx.get(f"{urljoin(place, urlsplit(place).path)}?{urlencode({'error': 'access_denied', 'state': state})}")

    usual, person.after = person.after, refused
    _, server = signed_in()
    assert clinics_of(server)[1].startswith("the sign-in was refused (access_denied)")
    person.after = usual
    assert not clinics_of(server)[0]


def test_another_program_may_have_a_port(person: Person, signed_in: SignsIn, redirects: tuple[str, ...]) -> None:
    with closing(socket.create_server(("127.0.0.1", urlsplit(redirects[0]).port or 0))):
        _, server = signed_in()
        assert not clinics_of(server)[0]
    assert parse_qs(urlsplit(person.opened[0]).query)["redirect_uri"] == [redirects[1]]


def test_a_console_that_lets_no_program_in_says_what_to_do(
    signed_in: SignsIn, function_environment: pytest.MonkeyPatch
) -> None:
    function_environment.delenv("PROGRAM_CLIENT_ID")
    _, server = signed_in()
    assert "program_access=True" in clinics_of(server)[1]


def test_a_program_changes_nothing_whoever_has_signed_in_there(deployed: Deployed) -> None:
    before = deployed.cloud.items()
    for method, path in (
        ("PUT", "calls/2026-11-20/call-7/roles"),
        ("PUT", "calls/2026-11-20/call-7/review"),
        ("POST", "calls/2026-11-20/call-7/waveform"),
        ("POST", "failed/x/redrive"),
        ("POST", "live/call-7/redrive"),
    ):
        place = f"/api/clinics/harbour/{path}"
        answer = deployed.ask(place, groups="[harbour qa admin]", method=method, body={}, client="program")
        assert (answer.status, answer.json["error"]["code"]) == (403, "Forbidden"), path
    assert deployed.cloud.items() == before


def test_the_log_tells_a_program_from_a_page(deployed: Deployed, output: Callable[[], str]) -> None:
    for client in ("client", "program"):
        output()
        deployed.ask("/api/clinics/harbour/calls/2026-11-20/call-7", client=client)
        assert f'"by_program":{str(client == "program").lower()}' in output()
