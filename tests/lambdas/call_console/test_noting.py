"""Who may say something of a call, what becomes of it at once, and what of it stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.callscribe.live_calls import CALL_ID, CONVERSATION, live_item, utterance_item
from tests.fakes.deepgram import transcription
from tests.lambdas.call_console.conftest import Answer, Console, Functions
from tests.lambdas.cloud import NOW, REGION, wav

CALL = "/api/clinics/harbour/calls/2026-11-20/call-7"
QA = "[harbour qa]"
SWAPPED = {"channel-0": "agent", "channel-1": "customer"}
# The agent speaks on the customer's channel.
WRONG = (
    (0, 0.4, "Thank you for calling Lakeside Vision, this is Marla. How can I help you?", 0.1),
    (1, 6.0, "Hello. I would like to make an appointment with the doctor.", 0.1),
    (0, 12.0, "Of course. Can I have your last name and your date of birth, please?", 0.1),
    (1, 18.0, "My last name is Miller.", 0.1),
    (0, 22.0, "Thank you. We have an opening on Tuesday at nine. Would that work for you?", 0.1),
    (1, 28.0, "Yes, that works for me. Thank you. Goodbye.", 0.1),
)


@pytest.fixture
def version(console: Console) -> str:
    return console.store(heard=transcription(WRONG))


def correct(console: Console, version: str, *, groups: str | None = QA, call: str = CALL, **said: Any) -> Answer:
    body = {"version": version, "replaces": 0, "speakers": SWAPPED, **said}
    return console.ask(f"{call}/roles", method="PUT", groups=groups, body=body)


def review(console: Console, version: str, scores: dict[str, Any], *, user: str = "ann", replaces: int = 0) -> Answer:
    body = {"version": version, "replaces": replaces, "scores": scores}
    return console.ask(f"{CALL}/review", method="PUT", groups=QA, user=user, body=body)


def test_flags_score_summary_and_reliability_follow_a_correction_at_once(console: Console, version: str) -> None:
    before = console.ask(CALL).json
    assert "roles-look-swapped" in before["document"]["reliability"]["reasons"]
    after = correct(console, version)
    assert after.status == 200
    document = after.json["document"]
    assert [turn["role"] for turn in document["turns"]][:2] == ["agent", "customer"]
    assert after.json["call"]["flags"]["appointment_requested"] is True
    assert before["call"]["flags"]["appointment_requested"] is False
    assert after.json["quality"]["score"] > before["quality"]["score"]
    assert "roles-look-swapped" not in document["reliability"]["reasons"]
    assert document["summary"] != before["document"]["summary"]
    [said] = after.json["corrections"]
    assert (said["number"], said["author"], said["speakers"], said["recording_id"]) == (1, "ann", SWAPPED, version)
    assert document["role_correction"] == said
    assert console.ask(CALL).json["document"] == document


def test_a_correction_can_be_taken_back_and_both_stay_known(console: Console, version: str) -> None:
    before = console.ask(CALL).json
    correct(console, version)
    after = correct(console, version, replaces=1, speakers={})
    assert after.json["quality"] == before["quality"]
    assert after.json["document"]["turns"] == before["document"]["turns"]
    assert [(one["number"], one["speakers"]) for one in after.json["corrections"]] == [(2, {}), (1, SWAPPED)]


def test_single_turns_have_roles_of_their_own(console: Console, version: str) -> None:
    turns = [{"turn": 1, "role": "agent"}]
    after = correct(console, version, speakers={}, turns=turns).json
    assert after["document"]["turns"][1]["role"] == "agent"
    [named] = after["corrections"][0]["turns"]
    assert (named["speaker"], named["start"]) == ("channel-1", after["document"]["turns"][1]["start"])


def test_the_words_of_a_live_call_are_judged_by_a_correction(
    console: Console, function_environment: pytest.MonkeyPatch
) -> None:
    from lambdas.store_live_transcript import handler as live

    boto3.client("events", region_name=REGION).create_event_bus(Name="transcripts")
    queue = boto3.client("sqs", region_name=REGION).create_queue(QueueName="failed")["QueueUrl"]
    function_environment.setenv("EVENT_BUS_NAME", "transcripts")
    function_environment.setenv("FAILED_CALLS_QUEUE_URL", queue)
    live._environment.cache_clear()
    live._store.cache_clear()
    console.cloud.table.put_item(Item=live_item())
    for said in CONVERSATION:
        console.cloud.table.put_item(Item=utterance_item(said))
    stored = live._store().store(CALL_ID, created_at=NOW)
    assert stored is not None
    after = correct(console, "live", call=f"/api/clinics/harbour/calls/2026-11-20/{CALL_ID}")
    assert after.status == 200
    assert {(turn["speaker"], turn["role"]) for turn in after.json["document"]["turns"]} == {*SWAPPED.items()}
    assert after.json["corrections"][0]["recording_id"] is None


@pytest.mark.parametrize("route", ["roles", "review"])
@pytest.mark.parametrize(
    ("groups", "status"),
    [
        ("[harbour qa]", 400),  # and would have been read
        ("[harbour lakeside admin]", 400),
        ("[harbour]", 403),
        ("[lakeside qa]", 404),
        ("[qa admin]", 404),
        (None, 404),
    ],
)
def test_only_a_clinics_reviewers_may_say_something_of_its_calls(
    console: Console, version: str, route: str, groups: str | None, status: int
) -> None:
    asked = [f"/api/clinics/{clinic}/calls/2026-11-20/call-7/{route}" for clinic in ("harbour", "nobodys")]
    refused, absent = (console.ask(path, method="PUT", groups=groups, body={}) for path in asked)
    assert refused.status == status
    assert (refused.text == absent.text) is (status == 404)
    assert console.ask(asked[0], method="PUT", groups=groups, body={}, user="").status == 401
    assert console.ask(asked[0], method="GET", groups=groups).status == 404
    assert not [item for item in console.cloud.items() if item.get("type") in ("correction", "review")]


def test_what_is_written_is_written_in_a_session_that_names_the_clinic_and_nothing_else(
    console: Console, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.client import BaseClient

    asked: list[tuple[str, str, Any]] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(client: Any, operation: str, arguments: Any) -> Any:
        answer = call(client, operation, arguments)
        asked.append((operation, client._request_signer._credentials.access_key, (arguments, answer)))
        return answer

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    review(console, version, {})
    [written] = [key for operation, key, _ in asked if operation == "PutItem"]
    [policy] = [
        json.loads(arguments["Policy"])
        for operation, _, (arguments, answer) in asked
        if operation == "AssumeRole" and answer["Credentials"]["AccessKeyId"] == written
    ]
    items, key = policy["Statement"]
    assert items["Action"] == "dynamodb:PutItem"
    assert items["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["CLINIC#harbour"]}}
    assert all(action.startswith("kms:") for action in key["Action"])


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ({"speakers": {"channel-7": "agent"}}, "does not speak"),
        ({"speakers": {"channel-0": "<img onerror>"}}, "a role is one of"),
        ({"speakers": {}, "turns": [{"turn": 99, "role": "agent"}]}, "has 6 turns"),
        ({"speakers": {}, "turns": [{"turn": -1, "role": "agent"}]}, "turns"),
        ({"colour": "red"}, "unknown field"),
        ({"replaces": "one"}, "replaces"),
        ({"speakers": {f"channel-{number}": "agent" for number in range(100)}}, "speakers"),
    ],
)
def test_a_correction_that_cannot_be_is_refused_by_its_place(
    console: Console, version: str, said: dict[str, Any], part: str
) -> None:
    refused = correct(console, version, **said)
    assert refused.status == 400
    assert part in refused.json["error"]["message"]
    assert "img" not in refused.text


def test_of_two_who_correct_a_call_at_once_the_second_is_told(console: Console, version: str) -> None:
    correct(console, version)
    late = console.ask(
        f"{CALL}/roles",
        method="PUT",
        groups=QA,
        user="bob",
        body={"version": version, "replaces": 0, "speakers": {"channel-0": "unknown"}},
    )
    assert (late.status, late.json["error"]["code"]) == (409, "Conflict")
    assert len(console.ask(CALL).json["corrections"]) == 1


def test_a_transcript_that_came_since_is_not_corrected_by_what_was_said_of_another(
    console: Console, version: str
) -> None:
    console.store(content=wav(seconds=3), heard=transcription(WRONG))
    assert correct(console, version).status == 409
    assert review(console, version, {"greeting": {"points": 1}}).status == 409


def test_a_newer_recording_is_not_judged_by_the_correction_of_an_older_one(console: Console, version: str) -> None:
    correct(console, version)
    console.store(content=wav(seconds=3), heard=transcription(WRONG))
    after = console.ask(CALL).json
    assert after["document"]["role_correction"] is None
    assert len(after["corrections"]) == 1


def test_a_correction_that_cannot_be_judged_by_is_not_written_down(console: Console, version: str) -> None:
    console.cloud.s3.delete_object(Bucket="archive", Key=f"replies/{version}.json.gz")
    refused = correct(console, version)
    assert (refused.status, refused.json["error"]["code"]) == (409, "Impossible")
    assert "the reply is not in the archive any more" in refused.json["error"]["message"]
    assert console.ask(CALL).json["corrections"] == []


def test_a_correction_that_was_not_judged_by_yet_is_kept_and_saving_it_again_ends_that(
    console: Console, version: str, functions: Functions
) -> None:
    broken = ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")
    functions.answers = [{"outcome": "rebuilt"}, broken]
    refused = correct(console, version)
    assert (refused.status, refused.json["error"]["code"]) == (503, "Unavailable")
    assert "kept" in refused.json["error"]["message"]
    assert console.ask(CALL).json["document"]["role_correction"] is None
    again = correct(console, version)
    assert (again.status, len(again.json["corrections"])) == (200, 1)
    assert again.json["document"]["role_correction"]["number"] == 1


def test_somebody_who_writes_the_transcript_at_this_moment_is_waited_for_within_bounds(
    console: Console, version: str, functions: Functions
) -> None:
    functions.answers = [{"outcome": "rebuilt"}, {"outcome": "changed"}]
    assert correct(console, version).status == 200
    functions.answers = [{"outcome": "rebuilt"}, *[{"outcome": "changed"}] * 3]
    assert correct(console, version, replaces=1, speakers={}).status == 503
    assert functions.answers == []


def test_a_deployment_without_anybody_to_judge_says_so(
    console: Console, version: str, function_environment: pytest.MonkeyPatch
) -> None:
    from lambdas.call_console import handler

    assert console.ask("/api/session", groups=QA).json["correctable"] == ["batch", "live"]
    assert console.ask("/api/session").json["correctable"] == []
    function_environment.setenv("STORE_FUNCTION", "")
    handler._console.cache_clear()
    assert console.ask("/api/session", groups=QA).json["correctable"] == ["live"]
    assert correct(console, version).status == 409


def test_a_review_stands_beside_what_was_computed(console: Console, version: str) -> None:
    computed = console.ask(CALL).json["quality"]
    note = "<img src=x onerror=alert(1)> kind, but late"
    after = review(console, version, {"greeting": {"points": 3.5, "note": note}, "hold": {"points": None}})
    assert (after.status, after.json["quality"]) == (200, computed)
    [said] = after.json["reviews"]
    assert (said["author"], said["rubric"], said["recording_id"]) == ("ann", computed["rubric"], version)
    greeting, hold = said["scores"]
    assert (greeting["points"], greeting["note"], greeting["applicable"]) == (3.5, note, True)
    assert greeting["computed_points"] == computed["criteria"][0]["points"]
    assert (hold["points"], hold["applicable"]) == (None, False)


def test_everybody_has_one_review_of_a_call_and_what_they_said_before_stays_known(
    console: Console, version: str
) -> None:
    review(console, version, {"greeting": {"points": 1}})
    review(console, version, {"greeting": {"points": 2}}, user="carol")
    assert review(console, version, {"greeting": {"points": 5}}).status == 409
    after = review(console, version, {"greeting": {"points": 3}}, replaces=1)
    assert [(one["number"], one["author"]) for one in after.json["reviews"]] == [(3, "ann"), (2, "carol"), (1, "ann")]


@pytest.mark.parametrize(
    ("scores", "part"),
    [
        ({"kindness": {"points": 1}}, "none of this call's score"),
        ({"greeting": {"points": 10_000}}, "at most"),
        ({"greeting": {"points": -1}}, "scores"),
        ({"greeting": {"points": 1, "note": "x" * 2001}}, "scores"),
        ({"greeting": {"note": "no points"}}, "points"),
    ],
)
def test_a_review_that_cannot_be_is_refused_by_its_place(
    console: Console, version: str, scores: dict[str, Any], part: str
) -> None:
    refused = review(console, version, scores)
    assert refused.status == 400
    assert part in refused.json["error"]["message"]


def test_a_body_that_is_no_json_or_far_too_long_is_refused(console: Console, version: str) -> None:
    for body in ("no json", {"version": "x" * 300_000}):
        assert console.ask(f"{CALL}/roles", method="PUT", groups=QA, body=body).status == 400


def test_who_says_something_is_logged_and_no_word_of_it(
    console: Console, version: str, output: Callable[[], str]
) -> None:
    output()
    correct(console, version)
    review(console, version, {"greeting": {"points": 1, "note": "Marla was rude"}})
    written = output()
    lines = [json.loads(line) for line in written.splitlines()]
    said = [(line["message"], line["user"], line["call_id"]) for line in lines if "user" in line]
    assert said == [
        ("roles corrected", "ann", "call-7"),
        ("words viewed", "ann", "call-7"),
        ("call reviewed", "ann", "call-7"),
        ("words viewed", "ann", "call-7"),
    ]
    assert not [word for word in ("rude", "Marla", "Miller") if word in written]


def test_what_was_said_of_a_call_lasts_as_long_as_its_transcript(console: Console, version: str) -> None:
    [item] = [item for item in console.cloud.items() if item["SK"].startswith("TRANSCRIPT#")]
    console.cloud.table.put_item(Item={**item, "expires_at": 1_900_000_000})
    correct(console, version)
    review(console, version, {"greeting": {"points": 1}})
    noted = [item for item in console.cloud.items() if item.get("type") in ("correction", "review")]
    assert [(item["expires_at"], item["GSI1PK"]) for item in noted] == [(1_900_000_000, "CALL#call-7")] * 2


def test_calibration_says_how_well_people_agree_and_where_too_few_have_said_something(
    console: Console, version: str
) -> None:
    review(console, version, {"greeting": {"points": 1}})
    path = "/api/clinics/harbour/calibration"
    [greeting] = console.ask(path).json["criteria"]
    assert (greeting["criterion"], greeting["reviews"], greeting["enough"]) == ("greeting", 1, False)
    assert (greeting["agree"], greeting["mean_difference"]) == (None, None)
    for query, found in (
        ({"from": "2026-11-20", "to": "2026-11-20"}, 1),
        ({"from": "2026-11-21"}, 0),
        ({"to": "2026-11-19"}, 0),
    ):
        assert len(console.ask(path, query=query).json["criteria"]) == found
    assert console.ask(path, query={"from": "soon"}).status == 400
    assert console.ask(path, groups="[lakeside]").status == 404


def test_two_versions_are_compared_word_by_word(console: Console, version: str) -> None:
    other = tuple((channel, start, text.replace("Miller", "Muller"), mood) for channel, start, text, mood in WRONG)
    later = console.store(content=wav(seconds=3), heard=transcription(other))
    compared = console.ask(f"{CALL}/comparison", query={"before": version, "after": later}).json
    differing = [(one["before"], one["after"]) for one in compared["passages"] if not one["same"]]
    assert differing == [("Miller.", "Muller.")]
    assert compared["words_same"] == compared["words_before"] - 1
    assert console.ask(f"{CALL}/comparison", query={"before": version}).status == 400
    assert console.ask(f"{CALL}/comparison", groups="[lakeside]").status == 404
    assert console.ask(f"{CALL}/comparison", query={"before": version, "after": "live"}).status == 404
