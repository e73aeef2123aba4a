"""Search: what is found in the words of a clinic's calls, and what is not found any more."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callscribe.contract.call_kind import CallKind
from lambdas.call_console import sessions
from tests.fakes.deepgram import transcription
from tests.lambdas.call_console.conftest import BEGIN, Answer, Console
from tests.lambdas.cloud import Context, wav

DAY = "2026-11-20"
VOUCHER = (
    (1, 0.4, "Thank you for calling Lakeside Vision.", 0.6),
    (0, 4.0, "It is about the voucher, no thank you.", 0.1),
)


def found(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    return [one["call"]["call_id"] for one in answer.json["calls"]]


def store(console: Console, call_id: str, said: str, *, begin: datetime = BEGIN, **of: Any) -> str:
    return console.store(
        call_id, begin=begin, heard=transcription(((1, 0.4, "Hello there.", 0.6), (0, 4.0, said, 0.1))), **of
    )


def test_a_word_is_found_where_it_was_said_with_who_said_it_and_when(console: Console) -> None:
    console.store(heard=transcription(VOUCHER))
    store(console, "call-8", "I need new glasses.")
    console.follow()
    answer = console.search("vouch")
    assert found(answer) == ["call-7"]
    [one] = answer.json["calls"]
    assert one["places"] == 1
    assert one["snippets"] == [
        {
            "turn": 1,
            "start": 4.0,
            "role": "customer",
            "before": "It is about the ",
            "match": "voucher",
            "after": ", no thank you.",
        }
    ]
    assert (answer.json["searched"], answer.json["without_words"], answer.json["cursor"]) == (2, 0, None)
    assert answer.json["since"] is not None


def test_all_words_must_be_in_the_call_and_a_phrase_in_one_turn(console: Console) -> None:
    console.store(heard=transcription(VOUCHER))
    console.follow()
    assert found(console.search("vision voucher")) == ["call-7"]
    assert found(console.search("vision glasses")) == []
    assert found(console.search('"No, THANK you"')) == ["call-7"]
    assert found(console.search('"vision it is"')) == []


def test_it_can_be_asked_who_said_it(console: Console) -> None:
    console.store(heard=transcription(VOUCHER))
    console.follow()
    assert found(console.search("voucher", said_by="customer")) == ["call-7"]
    assert found(console.search("voucher", said_by="agent")) == []


def test_filters_are_those_of_the_list(console: Console) -> None:
    console.store(heard=transcription(VOUCHER))
    console.follow()
    score = console.search("voucher").json["calls"][0]["call"]["score"]
    level = console.search("voucher").json["calls"][0]["call"]["reliability"]["level"]
    fits = {"from": DAY, "to": "2026-11-21", "reliability": level, "source": "batch"}
    assert found(console.search("voucher", filters=fits)) == ["call-7"]
    for misses in ({"from": "2026-11-21"}, {"to": DAY}, {"source": "live"}, {"flag": "none-of-ours"}):
        assert found(console.search("voucher", filters=misses)) == [], misses
    assert score is None or found(console.search("voucher", filters={"score_below": str(score)})) == []


def test_calls_come_newest_first_over_months_and_go_on_where_a_page_ended(console: Console) -> None:
    for number in range(7):
        store(console, f"call-{number}", "It is about the voucher.", begin=BEGIN - timedelta(days=17 * number))
    console.follow()
    names, cursor = [], None
    for _ in range(10):
        page = console.search("voucher", filters={"limit": "2"}, cursor=cursor)
        names += found(page)
        cursor = page.json["cursor"]
        if cursor is None:
            break
        assert page.json["searched_from"] is not None
    assert names == [f"call-{number}" for number in range(7)]


def test_a_search_that_takes_long_says_how_far_it_came(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    from lambdas.call_console import search

    for number in range(3):
        store(console, f"call-{number}", "It is about the voucher.", begin=BEGIN - timedelta(days=40 * number))
    console.follow()
    monkeypatch.setattr(search, "_SECONDS", 0.0)
    pages = [console.search("glasses").json]
    while pages[-1]["cursor"] is not None:
        pages.append(console.search("glasses", cursor=pages[-1]["cursor"]).json)
    assert [page["searched"] for page in pages] == [1, 1, 1, 0]
    assert [page["searched_from"] for page in pages] == ["2026-11-01", "2026-10-01", "2026-09-01", None]


@pytest.mark.parametrize("change", ["superseded", "deleted"])
def test_words_that_were_replaced_or_deleted_leave_the_shards(console: Console, change: str) -> None:
    store(console, "call-7", "The number is four four two zero.")
    console.follow()
    assert found(console.search("four")) == ["call-7"]
    if change == "superseded":
        store(console, "call-7", "The number is not said.", content=wav(seconds=3))
        assert found(console.search("four")) == [], "not before what is searched has followed"
        assert console.search("four").json["changed"] == 1
        console.follow()
    else:
        key = {"PK": "CLINIC#harbour", "SK": f"TRANSCRIPT#{DAY}#call-7"}
        console.cloud.table.delete_item(Key=key)
        assert found(console.search("four")) == [], "not before what is searched has followed"
        console.follow(key["SK"])
    assert console.search("four").json["changed"] == 0
    assert "four" not in shards(console)


def shards(console: Console) -> str:
    """All that stands in the bucket."""
    listed = console.cloud.s3.list_objects_v2(Bucket="search").get("Contents", [])
    bodies = [console.cloud.s3.get_object(Bucket="search", Key=one["Key"])["Body"].read() for one in listed]
    return "\n".join(gzip.decompress(body).decode() for body in bodies)


def test_a_corrected_role_is_found_by_who_is_said_to_have_spoken(console: Console) -> None:
    recording = console.store(heard=transcription(VOUCHER))
    console.follow()
    said = {"version": recording, "replaces": 0, "speakers": {"channel-0": "agent", "channel-1": "customer"}}
    corrected = console.ask(
        f"/api/clinics/harbour/calls/{DAY}/call-7/roles", groups="[harbour qa]", method="PUT", body=said
    )
    assert corrected.status == 200, corrected.text
    console.follow()
    assert found(console.search("voucher", said_by="agent")) == ["call-7"]


def test_a_call_without_its_document_is_said_to_have_been_passed_over(console: Console) -> None:
    store(console, "call-7", "It is about the voucher.")
    [document] = console.cloud.archived("transcripts/")
    console.cloud.s3.delete_object(Bucket="archive", Key=document)
    assert console.follow()["without_words"] == 1
    answer = console.search("voucher")
    assert (found(answer), answer.json["searched"], answer.json["without_words"]) == ([], 1, 1)


def test_the_automated_part_is_a_call_of_its_own(console: Console) -> None:
    store(console, "call-7", "It is about the voucher.")
    store(console, "call-7", "It is about glasses.", kind=CallKind.IVR)
    console.follow()
    [one] = console.search("glasses").json["calls"]
    assert (one["call"]["call_id"], one["call"]["kind"]) == ("call-7", "ivr")


@pytest.mark.parametrize("query", ["", "a", '""', "of it", "w " * 101, " ".join(f"word{n}" for n in range(9))])
def test_what_cannot_be_looked_for_is_refused_without_a_word_of_it(
    console: Console, output: Callable[[], str], query: str
) -> None:
    answer = console.search(query)
    assert (answer.status, answer.json["error"]["code"]) == (400, "BadRequest")
    assert "word1" not in answer.text + output()


@pytest.mark.parametrize("asked", [{"cursor": "x"}, {"filters": {"cursor": "eA"}}, {"said_by": "mayor"}, {"colour": 1}])
def test_a_search_that_cannot_be_read_is_refused(console: Console, asked: dict[str, Any]) -> None:
    assert console.search("voucher", **asked).status == 400


def test_a_search_is_logged_with_the_user_and_the_calls_and_without_what_was_looked_for(
    console: Console, output: Callable[[], str]
) -> None:
    console.store(heard=transcription(VOUCHER))
    console.follow()
    output()
    assert found(console.search("voucher")) == ["call-7"]
    lines = [json.loads(line) for line in output().splitlines()]
    [line] = [line for line in lines if line.get("message") == "words searched"]
    assert (line["user"], line["clinic_id"], line["calls"]) == ("ann", "harbour", ["call-7"])
    assert "vouch" not in json.dumps(lines)


def test_words_of_another_clinic_are_not_found(console: Console) -> None:
    store(console, "call-9", "It is about the voucher.", clinic="lakeside")
    console.follow()
    assert found(console.search("voucher")) == []
    assert found(console.search("voucher", clinic="lakeside", groups="[lakeside]")) == ["call-9"]


def test_a_session_that_searches_names_the_clinic() -> None:
    policy = json.loads(sessions.search_policy("harbour", partition="aws", search_bucket="s"))
    objects, listing, _ = policy["Statement"]
    assert objects["Resource"] == ["arn:aws:s3:::s/search/harbour/*", "arn:aws:s3:::s/state.json.gz"]
    assert listing["Condition"] == {"StringEquals": {"s3:prefix": ["search/harbour/", "state.json.gz"]}}


def test_where_nothing_is_searched_there_is_no_search(
    console: Console, function_environment: pytest.MonkeyPatch
) -> None:
    function_environment.setenv("SEARCH_BUCKET", "")
    assert console.search("voucher").status == 404
    assert console.ask("/api/session").json["search"] is False


def test_what_was_stored_before_is_said_to_be_missing_until_all_of_it_was_taken(console: Console) -> None:
    from lambdas.update_search import handler

    store(console, "call-7", "It is about the voucher.")
    console.follow(f"TRANSCRIPT#{DAY}#another")
    assert datetime.fromisoformat(console.search("voucher").json["since"]) <= datetime.now(UTC)
    handler.handle({"whole": True}, Context())  # type: ignore[arg-type]
    assert console.search("voucher").json["since"] is None
