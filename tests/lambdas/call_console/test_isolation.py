"""Who gets what: each route, for somebody of the clinic, of another one, of none; and with what it is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.client import BaseClient

from lambdas.call_console.sessions import session_policy
from tests.lambdas.call_console.conftest import Console
from tests.lambdas.call_console.failed_calls import Executions, Streamers, fail_live, reject
from tests.lambdas.call_console.live_items import put_live_call
from tests.lambdas.cloud import AUDIO_ROLE, READER_ROLE

ROUTES = (
    "/api/clinics/harbour/calls",
    "/api/clinics/harbour/calls/2026-11-20/call-7",
    "/api/clinics/harbour/calls/2026-11-20/call-7/audio",
    "/api/clinics/harbour/calls/2026-11-20/call-7/waveform",
    "/api/clinics/harbour/live",
    "/api/clinics/harbour/live/live-1",
    "/api/clinics/harbour/calibration",
    "/api/clinics/harbour/failed",
    "/api/clinics/harbour/overview",
)
SEARCH: tuple[str, dict[str, Any]] = (
    "/api/clinics/harbour/search",
    {"method": "POST", "body": {"query": "doctor"}},
)
NOBODYS = tuple(route.replace("harbour", "nobodys") for route in ROUTES)


@pytest.fixture
def console(console: Console) -> Console:
    """A clinic that has a call to be looked at, and one that runs."""
    put_live_call(console.cloud.table)
    return console


@pytest.mark.parametrize("groups", ["[harbour]", "[harbour qa]", "[lakeside harbour admin]"])
def test_a_clinics_people_see_its_calls(console: Console, groups: str) -> None:
    console.store()
    assert [console.ask(route, groups=groups).status for route in ROUTES] == [200] * len(ROUTES)


@pytest.mark.parametrize(
    "groups", ["[lakeside]", "[lakeside admin qa]", "[admin]", "[HARBOUR]", "[harbour-2]", "[]", None]
)
def test_nobody_else_learns_whether_there_is_such_a_clinic_or_call(console: Console, groups: str | None) -> None:
    console.store()
    for route, nobodys in zip(ROUTES, NOBODYS, strict=True):
        refused, absent = console.ask(route, groups=groups), console.ask(nobodys, groups=groups)
        assert refused.status == 404, route
        assert (refused.text, refused.headers) == (absent.text, absent.headers), route


def requests_of_every_route(recording: str, failed: str) -> list[tuple[str, dict[str, Any]]]:
    """A path and what is sent there for each route of a clinic, as it is answered to whoever may."""
    said = {"version": recording, "replaces": 0}
    call = ROUTES[1]
    return [
        *((route, {}) for route in ROUTES),
        SEARCH,
        (f"{call}/waveform", {"method": "POST"}),
        (f"{call}/comparison", {"query": {"before": recording, "after": recording}}),
        (f"{call}/roles", {"method": "PUT", "body": {**said, "speakers": {"channel-0": "customer"}}}),
        (f"{call}/review", {"method": "PUT", "body": {**said, "scores": {}}}),
        (f"/api/clinics/harbour/failed/{failed}/redrive", {"method": "POST"}),
        ("/api/clinics/harbour/live/live-9/redrive", {"method": "POST"}),
    ]


def test_whoever_has_left_a_clinic_gets_nothing_of_it_by_any_route(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clinic's session is open already: it is the token of the request that counts."""
    executions, streamers = Executions.of(monkeypatch), Streamers.of(monkeypatch)
    fail_live(console, call_id="live-9")
    asked = requests_of_every_route(console.store(), reject(console, "call-9"))
    for path, request in asked:
        assert console.ask(path, groups="[harbour qa admin]", **request).status in (200, 202), path
    done = len(console.cloud.items()), len(executions.started), len(streamers.sent)
    for path, request in asked:
        for groups in ("[lakeside qa admin]", "[qa admin]", None):
            refused = console.ask(path, groups=groups, **request)
            absent = console.ask(path.replace("harbour", "nobodys"), groups=groups, **request)
            assert refused.status == 404, (path, groups)
            assert (refused.text, refused.headers) == (absent.text, absent.headers), (path, groups)
    assert (len(console.cloud.items()), len(executions.started), len(streamers.sent)) == done


def test_no_route_of_a_clinic_is_left_out_here() -> None:
    from lambdas.call_console.handler import app

    asked = [(request.get("method", "GET"), path) for path, request in requests_of_every_route("r", "f")]
    for route in app._dynamic_routes:
        if "clinics" in route.path:
            assert any(route.method == method and route.rule.match(path) for method, path in asked), route.path


def test_a_token_that_names_nobody_gets_nothing(console: Console) -> None:
    console.store()
    assert [console.ask(route, user="").status for route in ROUTES] == [401] * len(ROUTES)


def test_a_call_of_the_same_id_in_another_clinic_is_another_call(console: Console) -> None:
    console.store(clinic="lakeside")
    for route in ROUTES[1:4]:
        assert console.ask(route).status == 404


def test_a_cursor_of_another_clinics_list_leads_nowhere_in_it(console: Console) -> None:
    console.store()
    console.store(clinic="lakeside")
    console.list_calls(3, clinic="lakeside")
    theirs = console.ask("/api/clinics/lakeside/calls", groups="[lakeside]", query={"limit": "1"}).json["cursor"]
    rows = console.ask(ROUTES[0], query={"cursor": theirs}).json["calls"]
    assert {row["call_id"] for row in rows} <= {"call-7"}


@pytest.mark.parametrize("route", ROUTES)
def test_every_call_is_read_in_a_session_that_names_its_clinic(
    console: Console, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    console.store()
    asked: list[tuple[str, str, Any]] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(client: Any, operation: str, arguments: Any) -> Any:
        key = client._request_signer._credentials.access_key
        asked.append((f"{client.meta.service_model.service_name}.{operation}", key, arguments))
        return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    console.ask(route)
    assumed = [arguments for operation, _, arguments in asked if operation == "sts.AssumeRole"]
    reads = [(operation, key) for operation, key, _ in asked if not operation.startswith("sts.")]
    assert reads
    assert all(key != "testing" for _, key in reads), "read with the function's own role"
    assert assumed[0]["RoleArn"] == READER_ROLE
    assert "CLINIC#harbour" in assumed[0]["Policy"]
    assert {session["RoleArn"] for session in assumed} <= {READER_ROLE, AUDIO_ROLE}
    assert all("lakeside" not in session["Policy"] and session["Policy"] for session in assumed)


def test_a_session_is_opened_once_for_many_requests(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    console.store()
    console.store(clinic="lakeside")
    opened: list[str] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(client: Any, operation: str, arguments: Any) -> Any:
        if operation == "AssumeRole":
            opened.append(arguments["RoleSessionName"])
        return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    for clinic in ("harbour", "lakeside", "harbour", "harbour"):
        console.ask(f"/api/clinics/{clinic}/calls", groups="[harbour lakeside]")
    assert opened == ["clinic-harbour", "clinic-lakeside"]


def test_a_policy_admits_one_clinics_partition_and_folder() -> None:
    policy = json.loads(session_policy("harbour", ("CLINIC#harbour",), partition="aws", archive_bucket="archive"))
    items, objects, listing, decrypt = policy["Statement"]
    assert items["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["CLINIC#harbour"]}}
    assert objects["Resource"] == "arn:aws:s3:::archive/transcripts/harbour/*"
    assert listing["Condition"] == {"StringLike": {"s3:prefix": "transcripts/harbour/*"}}
    assert decrypt["Action"] == "kms:Decrypt"
    assert all(statement["Effect"] == "Allow" for statement in policy["Statement"])
