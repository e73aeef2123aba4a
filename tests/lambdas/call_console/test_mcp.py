"""`callscribe mcp` over the console's own function: what a model may read, as whom, and that it changes nothing."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from operations.command_line import main
from operations.mcp import TOOLS, Console, Server
from tests.conftest import ROOT
from tests.fakes.deepgram import transcription
from tests.lambdas.call_console.conftest import Console as Deployed
from tests.lambdas.call_console.site import Site
from tests.lambdas.cloud import Context
from tests.patience import PATIENCE_SECONDS

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
        console = Console("https://console.example.com/", lambda: self.token, transport=httpx.MockTransport(send))
        self._server = Server(console)

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


def test_without_a_token_it_is_said_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CALLSCRIBE_CONSOLE_TOKEN", raising=False)
    assert main(["mcp", "--console", "https://console.example.com/"]) == 3
    assert "--token-file" in capsys.readouterr().err


def test_the_command_speaks_over_its_standard_streams_and_writes_no_words_elsewhere(
    deployed: Deployed, tmp_path: Path, output: Callable[[], str]
) -> None:
    from lambdas.call_console import handler

    context = cast("Any", Context())
    site = Site(invoke=lambda event: handler.handle(event, context), groups={"ann": "[harbour]"})
    site.tokens["secret-token"] = "ann"
    token = tmp_path / "token"
    token.write_text("secret-token\n")
    arguments = {"clinic": "harbour", "query": "voucher"}
    params = {"name": "search_calls", "arguments": arguments}
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    output()
    with site.served() as served:
        done = subprocess.run(
            [sys.executable, "-m", "callscribe", "mcp", "--console", served.url, "--token-file", str(token)],
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
