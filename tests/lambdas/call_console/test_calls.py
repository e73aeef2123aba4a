"""The list of calls, one call whole, and its recording."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from callscribe.contract.call_kind import CallKind
from tests.lambdas.call_console.conftest import BEGIN, Console
from tests.lambdas.cloud import wav

CALLS = "/api/clinics/harbour/calls"
CALL = f"{CALLS}/2026-11-20/call-7"


def test_a_list_has_the_figures_of_each_call(console: Console) -> None:
    console.store()
    answer = console.ask(CALLS)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    [row] = answer.json["calls"]
    assert (row["call_id"], row["kind"], row["day"]) == ("call-7", "agent", "2026-11-20")
    assert row["reliability"]["level"] in ("high", "doubtful", "unusable")
    assert row["cost"]["at_least_usd"] > 0
    assert (answer.json["cursor"], answer.json["examined"]) == (None, 1)


def test_pages_are_the_whole_list_once_newest_first(console: Console) -> None:
    console.store()
    console.list_calls(120)
    found: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(10):
        page = console.ask(CALLS, query={"limit": "50", **cursor}).json
        found += [row["started_at"] for row in page["calls"]]
        if page["cursor"] is None:
            break
        assert len(page["calls"]) == 50
        cursor = {"cursor": page["cursor"]}
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == len(found) == 121


def test_a_list_that_ends_with_a_page_says_so(console: Console) -> None:
    console.store()
    console.list_calls(49)
    assert console.ask(CALLS, query={"limit": "50"}).json["cursor"] is None


@pytest.mark.parametrize("stored_before", [False, True])
def test_without_the_index_of_rows_the_list_is_the_same(
    console: Console, monkeypatch: pytest.MonkeyPatch, stored_before: bool
) -> None:
    """On a table that is not deployed with it yet, or fills it; and with items that have their flags one by one."""
    from lambdas.call_console import calls

    console.store()
    if stored_before:
        [item] = [item for item in console.cloud.items() if item["SK"].startswith("TRANSCRIPT#")]
        console.cloud.table.put_item(Item={name: value for name, value in item.items() if name != "flags"})
    usual = console.ask("/api/clinics/harbour/calls").json
    monkeypatch.setattr(calls, "ROW_INDEX", "GSI9")
    assert console.ask("/api/clinics/harbour/calls").json == usual
    [row] = usual["calls"]
    assert row["urgent"] is not None
    assert row["reliability"] is not None


def test_a_call_that_has_expired_is_gone_before_it_is_deleted(console: Console) -> None:
    console.store()
    [item] = [item for item in console.cloud.items() if item["SK"].startswith("TRANSCRIPT#")]
    console.cloud.table.put_item(Item=item | {"expires_at": 1})
    assert console.ask("/api/clinics/harbour/calls").json["calls"] == []
    for route in ("", "/audio", "/waveform"):
        assert console.ask(f"/api/clinics/harbour/calls/{item['day']}/call-7{route}").status == 404


@pytest.mark.parametrize("gone", [True, False])
def test_without_the_index_of_rows_a_call_that_is_gone_or_has_expired_is_not_listed_either(
    console: Console, monkeypatch: pytest.MonkeyPatch, *, gone: bool
) -> None:
    from lambdas.call_console import calls

    monkeypatch.setattr(calls, "ROW_INDEX", "GSI9")
    console.store()
    if gone:
        # The index lists it still.
        monkeypatch.setattr(calls, "items_by_key", lambda *_: {})
    else:
        [item] = [item for item in console.cloud.items() if item["SK"].startswith("TRANSCRIPT#")]
        console.cloud.table.put_item(Item=item | {"expires_at": 1})
    assert console.ask("/api/clinics/harbour/calls").json["calls"] == []


def test_a_filter_goes_on_where_it_stopped(console: Console) -> None:
    console.store()
    console.list_calls(250)  # scores 0 to 99, twice, and 0 to 49
    found: list[int] = []
    cursor: dict[str, str] = {}
    for _ in range(20):
        page = console.ask(CALLS, query={"limit": "3", "score_below": "5", **cursor}).json
        found += [row["score"] for row in page["calls"]]
        if page["cursor"] is None:
            break
        cursor = {"cursor": page["cursor"]}
    assert sorted(found) == sorted([0, 1, 2, 3, 4] * 3)


def test_a_filter_that_finds_nothing_stops_early_and_says_where(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lambdas.call_console import calls

    monkeypatch.setattr(calls, "_MOST_EXAMINED", 100)
    console.store()
    console.list_calls(110, score=90)
    page = console.ask(CALLS, query={"score_below": "5"}).json
    assert (page["calls"], page["examined"]) == ([], 100)
    rest = console.ask(CALLS, query={"score_below": "5", "cursor": page["cursor"]}).json
    assert (rest["calls"], rest["examined"], rest["cursor"]) == ([], 11, None)


def test_a_list_can_begin_and_end_at_a_time(console: Console) -> None:
    console.store()
    console.list_calls(5)
    first = (BEGIN - timedelta(minutes=4)).isoformat()
    last = (BEGIN - timedelta(minutes=1)).isoformat()
    rows = console.ask(CALLS, query={"from": first, "to": last}).json["calls"]
    assert [row["call_id"] for row in rows] == ["copy-00001", "copy-00002", "copy-00003"]
    assert console.ask(CALLS, query={"from": last, "to": first}).json == {"calls": [], "examined": 0, "cursor": None}


@pytest.mark.parametrize("query", [{"limit": "many"}, {"cursor": "x"}, {"colour": "red"}, {"from": "soon"}])
def test_what_cannot_be_read_is_refused(console: Console, query: dict[str, str]) -> None:
    answer = console.ask(CALLS, query=query)
    assert (answer.status, answer.json["error"]["code"]) == (400, "BadRequest")


def test_a_call_has_its_document_as_it_is_stored(console: Console) -> None:
    recording_id = console.store()
    answer = console.ask(CALL, headers={"accept-encoding": "gzip, br"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json["document"]["utterances"][1]["text"] == "I need a doctor."
    assert answer.json["document"]["utterances"][1]["words"][3][0] == "doctor."
    assert answer.json["call"]["call_id"] == "call-7"
    assert {criterion["criterion"] for criterion in answer.json["quality"]["criteria"]} >= {"greeting"}
    assert (answer.json["analysis"], answer.json["audio"]) == (None, True)
    [version] = answer.json["versions"]
    assert (version["recording_id"], version["source"], version["shown"]) == (recording_id, "batch", True)


def test_an_earlier_version_is_shown_without_the_score_of_another(console: Console) -> None:
    earlier = console.store()
    later = console.store(content=wav(seconds=3))
    versions = console.ask(CALL).json["versions"]
    assert {(version["recording_id"], version["shown"]) for version in versions} == {(earlier, False), (later, True)}
    answer = console.ask(CALL, query={"version": earlier}).json
    assert answer["document"]["provenance"]["recording_id"] == earlier
    assert answer["quality"] is None


@pytest.mark.parametrize("version", ["0" * 64, "live", "../../lakeside/2026-11-20/call-7/x", ""])
def test_a_version_that_is_not_there_is_not_found(console: Console, version: str) -> None:
    console.store()
    assert console.ask(CALL, query={"version": version or " "}).status == 404


def test_the_automated_part_stands_beside_the_agents(console: Console) -> None:
    console.store()
    console.store(kind=CallKind.IVR)
    assert console.ask(CALL, query={"kind": "ivr"}).json["call"]["kind"] == "ivr"
    assert console.ask(CALL).json["call"]["kind"] == "agent"
    assert console.ask(CALL, query={"kind": "fax"}).status == 400


def test_the_words_of_a_call_are_looked_at_by_somebody(console: Console, output: Callable[[], str]) -> None:
    console.store()
    output()
    console.ask(CALL, user="ann")
    console.ask(f"{CALL}/audio", user="ann")
    written = output()
    lines = [json.loads(line) for line in written.splitlines()]
    views = [(line["message"], line["user"], line["call_id"]) for line in lines if "user" in line]
    assert views == [("words viewed", "ann", "call-7"), ("audio requested", "ann", "call-7")]
    assert "doctor" not in written
    assert "X-Amz" not in written


def test_a_recording_is_signed_for_minutes_and_for_one_object(console: Console) -> None:
    console.store()
    link = console.ask(f"{CALL}/audio").json
    signed = urlsplit(link["url"])
    query = parse_qs(signed.query)
    assert signed.path.endswith("recordings/harbour/2026-11-20/call-7.wav")
    assert query["X-Amz-Expires"] == ["300"]
    assert query["versionId"]
    left = datetime.fromisoformat(link["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=4) < left <= timedelta(minutes=5)


def test_a_recording_that_is_gone_is_not_found(console: Console) -> None:
    console.store()
    console.cloud.s3.delete_bucket_policy(Bucket="recordings")
    for version in console.cloud.s3.list_object_versions(Bucket="recordings")["Versions"]:
        console.cloud.s3.delete_object(Bucket="recordings", Key=version["Key"], VersionId=version["VersionId"])
    assert console.ask(f"{CALL}/audio").status == 404


def _make_live(console: Console) -> None:
    """Have the live transcript of the call stand for its recording."""
    [item] = [item for item in console.cloud.items() if item["SK"].startswith("TRANSCRIPT#")]
    for name in ("bucket", "s3_key", "version_id", "etag", "recording_id"):
        item.pop(name)
    console.cloud.table.put_item(Item={**item, "source": "live"})


@pytest.mark.parametrize(("status", "clinic", "found"), [("covered", "harbour", 200), ("covered", "lakeside", 404)])
def test_a_live_calls_recording_is_the_one_that_it_made_needless(
    console: Console, status: str, clinic: str, found: int
) -> None:
    recording_id = console.store()
    _make_live(console)
    claim = console.cloud.claim(recording_id)
    console.cloud.table.put_item(Item={**claim, "status": status, "clinic_id": clinic})
    assert console.ask(f"{CALL}/audio").status == found
    assert console.ask(CALL).json["audio"] is (found == 200)


def test_a_long_call_is_shown_packed_and_a_too_long_one_is_refused_by_name(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lambdas.call_console import handler

    console.store()
    monkeypatch.setattr(handler, "_MOST_ANSWER_BYTES", 600)
    refused = console.ask(CALL, headers={"accept-encoding": "gzip"})
    assert (refused.status, refused.json["error"]["code"]) == (413, "TooLarge")


def test_the_session_says_who_somebody_is(console: Console) -> None:
    session = console.ask("/api/session", groups="[lakeside harbour qa]").json
    assert session["user"] == "ann"
    assert session["clinics"] == [
        {"id": "harbour", "time_zone": "Europe/Berlin"},
        {"id": "lakeside", "time_zone": None},
    ]
    assert session["roles"] == ["qa"]
    assert session["role_names"] == {"customer": "patient"}
    assert {"name": "urgent", "title": "somebody has a sign that must be seen at once", "alerts": True}.keys() == (
        session["flags"][0].keys()
    )
    assert session["feed"]["realtime"] == "wss://feed.example.com/event/realtime"


def test_anybody_learns_how_to_sign_in_and_nothing_else(console: Console) -> None:
    config = console.ask("/config.json").json
    assert config["sign_in"]["authorize"] == "https://sign-in.example.com/oauth2/authorize"
    assert config["sign_in"]["client_id"] == "client"
    assert config["program"]["client_id"] == "program"
    assert config.keys() == {"sign_in", "program"}


def test_the_page_may_reach_the_sign_in_the_feed_and_the_recordings(console: Console) -> None:
    policy = console.ask("/").headers["content-security-policy"]
    assert "https://sign-in.example.com" in policy
    assert "wss://feed.example.com" in policy
    assert "https://recordings.s3.eu-central-1.amazonaws.com" in policy


def test_a_row_of_the_list_says_what_the_call_itself_says(console: Console) -> None:
    """The list is read in parts, the call whole."""
    console.store()
    for item in console.cloud.items():
        if item["SK"].startswith("TRANSCRIPT#"):
            known = {"cost": {"total_usd": Decimal("0.5"), "at_least_usd": Decimal("0.4"), "unpriced": ["topics"]}}
            reliability = {"level": "doubtful", "reasons": ["gaps"], "evidence": []}
            quality = item["quality"] | {"reliability": reliability, "direction": "outgoing"}
            of_later = {name: value for name, value in item.items() if name not in ("reliability", "direction")}
            console.cloud.table.put_item(Item=of_later | known | {"quality": quality})
    [row] = console.ask("/api/clinics/harbour/calls").json["calls"]
    assert row == console.ask(f"/api/clinics/harbour/calls/{BEGIN:%Y-%m-%d}/call-7").json["call"]
    assert (row["cost"], row["direction"]) == ({"total_usd": None, "at_least_usd": 0.4}, "outgoing")
    assert row["reliability"]["level"] == "doubtful"
    assert row["score"] is not None
