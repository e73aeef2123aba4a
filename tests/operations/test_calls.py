import json
import re
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer

from callscribe.contract.table_keys import clinic_key
from callscribe.conversation.flags import flag_names
from operations import call_store
from operations.call_store import CallStore
from operations.command_line import main
from operations.rendering import calls_table
from tests.callscribe.live_calls import CALL_ID, intervals
from tests.conftest import ROOT
from tests.operations.conftest import Deployed
from tests.operations.recorded_calls import TURNS, follow_live, store_claim, store_transcript
from tests.operations.test_rendering import printed

CONTACT = "connect/acme/CallRecordings/2026/11/20/contact-1_20261120T14:05_UTC.wav"
CONTACT_IVR = "connect/acme/CallRecordings/ivr/2026/11/20/contact-1_20261120T14:05_UTC.wav"


def own(call_id: str, day: str = "2026-11-20", clinic: str = "clinic-7") -> str:
    return f"recordings/{clinic}/{day}/{call_id}.wav"


def listed(deployed: Deployed, capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    main(["calls", *deployed.arguments, *arguments, "--json"])
    return json.loads(capsys.readouterr().out)["items"]


def test_within_a_day_the_newest_call_comes_first_whatever_its_id(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    for call_id, minute in (("zz", "08:00"), ("aa", "17:30"), ("mm", "12:15")):
        store_transcript(deployed, f"connect/acme/CallRecordings/2026/11/20/{call_id}_20261120T{minute}_UTC.wav")
    assert [item["call_id"] for item in listed(deployed, capsys, "--clinic", "clinic-7")] == ["aa", "mm", "zz"]
    assert [item["call_id"] for item in listed(deployed, capsys, "--clinic", "clinic-7", "--max", "1")] == ["aa"]


def test_the_calls_of_a_clinic_come_newest_day_first(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    for key in (own("a", "2026-11-19"), own("b", "2026-11-21"), own("c", "2026-11-20"), own("d", clinic="other")):
        store_transcript(deployed, key)
    assert [item["call_id"] for item in listed(deployed, capsys, "--clinic", "clinic-7")] == ["b", "c", "a"]
    of_day = listed(deployed, capsys, "--clinic", "clinic-7", "--day", "2026-11-20")
    assert [item["call_id"] for item in of_day] == ["c"]
    assert [item["call_id"] for item in listed(deployed, capsys, "--clinic", "clinic-7", "--max", "1")] == ["b"]


def test_a_list_of_calls_shows_figures_and_flags_but_no_words(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    store_transcript(deployed, CONTACT)
    store_transcript(deployed, own("b"), scored=False)
    assert main(["calls", *deployed.arguments, "--clinic", "clinic-7"]) == 0
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("contact-1", "2026-11-20 14:05", "1:06", "appointment requested", "of 100"))
    assert "Lakeside" not in shown
    assert "utterances" not in listed(deployed, capsys, "--clinic", "clinic-7")[0]


def flag(deployed: Deployed, call_id: str, **flags: Any) -> None:
    """Set attributes of a stored call, and remove those that are None."""
    (item,) = [item for item in deployed.table.scan()["Items"] if item.get("call_id") == call_id]
    changed = {name: value for name, value in (item | flags).items() if value is not None}
    deployed.table.put_item(Item=changed)


def test_the_list_has_the_flags_that_its_index_has_no_room_for(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    for call_id in ("urgent", "own", "before", "unusable"):
        store_transcript(deployed, own(call_id))
    flag(deployed, "urgent", flags=None, urgent=True, prescription_refill=False)
    flag(deployed, "own", flags={"late_arrival": True, "complaint": False})
    flag(deployed, "before", flags=None, urgent=None, prescription_refill=None)
    flag(deployed, "unusable", **dict.fromkeys((*flag_names(), "flags")))
    assert main(["calls", *deployed.arguments, "--clinic", "clinic-7"]) == 0
    store = CallStore(table=deployed.table, s3=deployed.s3)
    listed = store.with_flags(store.of_clinic("clinic-7", day=None, limit=10))
    shown = {item["call_id"]: printed(calls_table([item])) for item in listed}
    assert "appointment requested, urgent" in shown["urgent"]
    assert "late arrival" in shown["own"]
    assert "appointment requested; unknown: urgent, prescription refill" in shown["before"]
    assert " unknown " in shown["unusable"]
    assert not [call_id for call_id, line in shown.items() if " none" in line]


def test_what_dynamodb_has_not_read_at_once_is_read_again(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    for call_id in ("a", "b"):
        store_transcript(deployed, own(call_id))
        flag(deployed, call_id, urgent=True)
    monkeypatch.setattr(call_store, "_BASE_DELAY_SECONDS", 0.0)
    client = deployed.table.meta.client
    read: Any = client.batch_get_item

    def half(*, RequestItems: Any) -> Any:  # noqa: N803
        ((table, wanted),) = RequestItems.items()
        first, rest = wanted["Keys"][:1], wanted["Keys"][1:]
        answer: Any = read(RequestItems={table: {**wanted, "Keys": first}})
        return {**answer, "UnprocessedKeys": {table: {**wanted, "Keys": rest}} if rest else {}}

    monkeypatch.setattr(client, "batch_get_item", half)
    store = CallStore(table=deployed.table, s3=deployed.s3)
    listed = store.with_flags(store.of_clinic("clinic-7", day=None, limit=10))
    assert [item["urgent"] for item in listed] == [True, True]

    def none(*, RequestItems: Any) -> Any:  # noqa: N803
        return {"Responses": {}, "UnprocessedKeys": RequestItems}

    monkeypatch.setattr(client, "batch_get_item", none)
    store = CallStore(table=deployed.table, s3=deployed.s3)
    listed = store.with_flags(store.of_clinic("clinic-7", day=None, limit=10))
    assert ["urgent" in item for item in listed] == [False, False]


def test_a_call_is_printed_by_role_with_its_score(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    store_transcript(deployed, CONTACT)
    store_claim(deployed, "r" * 64, call_id="contact-1", status="completed")
    assert main(["calls", *deployed.arguments, "--call", "contact-1"]) == 0
    shown = capsys.readouterr().out
    # The summary before the turns quotes the call, too, and so does the score after them.
    said, _, score = shown.partition("Quality")
    first, second, third = ([line for line in said.splitlines() if text in line][-1] for _, _, text in TURNS)
    assert "agent" in first
    assert "customer" in second
    assert "1:02" in third
    assert "Greets" in score
    assert "completed" in shown


def test_live_calls_that_failed_are_counted_beside_recordings(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = deployed.sqs.create_queue(QueueName="failed-live")["QueueUrl"]
    deployed.outputs["FailedLiveCallsQueueUrl"] = queue
    deployed.write_outputs()
    main(["calls", *deployed.arguments, "--failed"])
    assert "live" not in capsys.readouterr().err
    for _ in range(2):
        deployed.sqs.send_message(QueueUrl=queue, MessageBody="{}")

    main(["calls", *deployed.arguments, "--failed", "--json"])

    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"schema_version": 1, "items": []}
    assert "about 2 live calls failed" in printed.err
    assert "callscribe redrive --environment Dev --live --dry-run" in printed.err


def test_live_calls_that_cannot_be_counted_are_not_none(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    deployed.outputs["FailedLiveCallsQueueUrl"] = f"{deployed.failed_calls}-gone"
    deployed.write_outputs()

    main(["calls", *deployed.arguments, "--failed"])

    assert "could not be counted" in capsys.readouterr().err


def test_a_rejected_recording_is_shown_with_its_key(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    store_claim(deployed, "1", call_id="a", status="rejected", error_code="NotAudio", s3_key="recordings/main/x/a.wav")
    main(["calls", *deployed.arguments, "--failed"])
    assert "recordings/main/x/a.wav" in capsys.readouterr().out


def test_the_words_of_a_call_are_not_read_as_markup(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    store_transcript(deployed, CONTACT)
    main(["calls", *deployed.arguments, "--call", "contact-1"])
    assert "[bold]Really[/bold]" in capsys.readouterr().out


def test_both_parts_of_a_contact_are_found(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    store_transcript(deployed, CONTACT)
    store_transcript(deployed, CONTACT_IVR)
    assert [item["kind"] for item in listed(deployed, capsys, "--call", "contact-1")] == ["agent", "ivr"]


def test_a_call_too_large_for_its_item_is_completed_from_the_archive(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    store_transcript(deployed, CONTACT, max_bytes=10)
    (item,) = listed(deployed, capsys, "--call", "contact-1")
    assert [turn["text"] for turn in item["utterances"]] == [text for _, _, text in TURNS]
    assert main(["calls", *deployed.arguments, "--call", "contact-1"]) == 0
    assert TURNS[2][2] in capsys.readouterr().out


def test_failed_and_rejected_recordings_are_listed(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    store_claim(deployed, "1", call_id="a", status="failed", error_code="Deepgram.HTTP402", failed_step="Transcribe")
    store_claim(deployed, "2", call_id=None, status="rejected", error_code="UnknownLayout", error_message="no layout")
    store_claim(deployed, "3", call_id="b", status="completed")
    assert {item["recording_id"] for item in listed(deployed, capsys, "--failed")} == {"1", "2"}
    assert main(["calls", *deployed.arguments, "--failed"]) == 0
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("Deepgram.HTTP402", "Transcribe", "UnknownLayout", "no layout"))


def test_a_recording_whose_call_is_unknown_is_listed_by_its_object(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    store_claim(deployed, "1", call_id=None, status="rejected", bucket="calls", s3_key="x/y.wav")
    assert main(["calls", *deployed.arguments, "--failed"]) == 0
    assert "s3://calls/x/y.wav" in re.sub(r"\s", "", capsys.readouterr().out)


def decide(deployed: Deployed, call_id: str, *conflicts: str, day: str = "2026-11-20") -> None:
    """Leave a decision whose call it is, with what spoke against it on a day."""
    deployed.table.put_item(
        Item={
            **clinic_key(call_id, disputed_on=day if conflicts else None).attributes(),
            "type": "clinic-decision",
            "call_id": call_id,
            "clinic_id": "clinic-7",
            "clinic_source": "attribute",
            "decided_at": "2026-11-20T14:05:03+00:00",
            "conflicts": dict.fromkeys(conflicts, "2026-11-20T14:12:00+00:00"),
        }
    )


def test_a_call_says_whose_it_is_by_what_and_what_spoke_against_it(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    store_transcript(deployed, CONTACT)
    store_claim(deployed, "r" * 64, call_id="contact-1", status="completed", clinic_source="prefix")
    decide(deployed, "contact-1", "prefix#harbour", "queue#hilltop")
    assert main(["calls", *deployed.arguments, "--call", "contact-1"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Clinic clinic-7 (by prefix)" in shown
    assert "clinic-7 (by attribute) 2026-11-20 14:05 harbour by prefix, hilltop by queue" in shown


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("correction", "roles ann 2026-11-28 09:54"),
        ("correction", "channel-0 is agent, channel-1 is customer, channel-0 at 0:12 is announcement"),
        ("review", "reliability"),
        ("content", "to tell copies from new ones: 1"),
    ],
)
def test_what_there_is_of_a_call_beside_its_transcript_is_shown_even_alone(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], name: str, told: str
) -> None:
    """As it was stored, whichever of a call's items is left."""
    stored = json.loads((ROOT / "tests" / "golden" / "v3" / f"{name}-item.json").read_text())
    item = {key: TypeDeserializer().deserialize(value) for key, value in stored.items()}
    deployed.table.put_item(Item=item)
    assert main(["calls", *deployed.arguments, "--call", item["GSI1PK"].removeprefix("CALL#")]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert told in shown


def test_disputed_calls_are_listed_by_day(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    decide(deployed, "a", "prefix#harbour")
    decide(deployed, "b", "prefix#harbour", day="2026-11-21")
    decide(deployed, "c")
    found = listed(deployed, capsys, "--disputed", "--day", "2026-11-20")
    assert [(item["call_id"], list(item["conflicts"])) for item in found] == [("a", ["prefix#harbour"])]
    assert main(["calls", *deployed.arguments, "--disputed"]) == 0


def test_a_call_that_is_not_there_is_told_from_a_list_that_is_empty(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calls", *deployed.arguments, "--call", "nobody"]) == 4
    assert capsys.readouterr() == ("", "there is no such call\n")
    assert main(["calls", *deployed.arguments, "--failed"]) == 0
    assert capsys.readouterr().out == "Nothing found.\n"
    assert main(["calls", *deployed.arguments, "--failed", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"schema_version": 1, "items": []}


def test_a_missing_table_ends_with_3(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    deployed.outputs["TableName"] = "absent"
    deployed.write_outputs()
    assert main(["calls", *deployed.arguments, "--failed"]) == 3
    assert "ResourceNotFoundException" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["--failed", "--call", "a"], ["--failed", "--day", "2026-11-20"], ["--clinic", "c", "--day", "x"]]
)
def test_impossible_arguments_end_with_2(deployed: Deployed, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["calls", *deployed.arguments, *arguments])
    assert stop.value.code == 2


def test_every_page_of_an_answer_is_read() -> None:
    pages = [
        {"Items": [{"type": "claim", "n": 1}], "LastEvaluatedKey": {"PK": "1"}},
        {"Items": [], "LastEvaluatedKey": {"PK": "2"}},
        {"Items": [{"type": "claim", "n": 2}, {"type": "claim", "n": 3}]},
    ]
    asked: list[Any] = []

    class Table:
        def query(self, **arguments: Any) -> Any:
            asked.append(arguments.get("ExclusiveStartKey"))
            return pages[len(asked) - 1]

    store = CallStore(table=Table(), s3=None)  # type: ignore[arg-type]
    assert [item["n"] for item in store.of_clinic("c", day=None, limit=2)] == [1, 2]
    assert asked == [None, {"PK": "1"}, {"PK": "2"}]


# Live calls

GAP = {"start": Decimal(8000), "end": Decimal(20000), "reason": "missing"}


def test_a_live_call_is_shown_with_its_words_and_what_became_of_it(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = ["gap-missing", "end-not-proven"]
    pieces = intervals((0.12, 1.12), (2.62, 14.12))
    follow_live(
        deployed,
        complete=False,
        incomplete_reasons=missing,
        gaps=[GAP],
        intervals=pieces,
        end={"missing": None},
        handovers=Decimal(2),
        reconnects=1,
    )
    store_claim(deployed, "r" * 64, call_id=CALL_ID, status="covered", covered_reason="live-incomplete")
    assert main(["calls", *deployed.arguments, "--call", CALL_ID]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "live, incomplete: gap-missing, end-not-proven; at least 0:12" in shown
    assert "I would like an appointment with the doctor." in shown
    assert all(text in shown for text in ("completed", "1 (1.5 s)", "2 hand-overs, 1 reconnect", "live-incomplete"))


@pytest.mark.parametrize(
    ("changes", "shown", "noted"),
    [
        ({}, "live, complete", "complete"),
        (
            {"end": {"source": "disconnect-timestamp", "heard_at_ms": 8_600, "told_at_ms": 9_000, "missing": False}},
            "live, complete but for at most 1.4 s at its end",
            "complete but for at most 1.4 s at its end",
        ),
        (
            {"end": {"source": "stop-timestamp", "missing": False}},
            "live, complete until streaming was stopped",
            "complete",
        ),
        # As an earlier version left it: nobody had asked for the ends.
        (
            {"intervals": None, "beginning": None, "end": None},
            "live, incomplete: beginning-not-proven, end-not-proven; at least 0:14",
            "at least 0:14, beginning-not-proven, end-not-proven",
        ),
        (
            {"complete": False, "incomplete_reasons": ["end-missing"], "end": {"missing": True}},
            "live, incomplete: end-missing; at least 0:14",
            "at least 0:14, end-missing",
        ),
    ],
)
def test_a_live_call_is_complete_only_with_evidence(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], shown: str, noted: str
) -> None:
    follow_live(deployed, clinic_id="clinic-7", **changes)
    main(["calls", *deployed.arguments, "--call", CALL_ID])
    assert f"{shown} " in " ".join(capsys.readouterr().out.split())
    main(["calls", *deployed.arguments, "--clinic", "clinic-7", "--live", "--day", "2026-11-20"])
    listed = capsys.readouterr().out.replace("\n", " ")
    assert all(word in listed for word in noted.split())


def test_a_live_call_that_failed_says_why(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    follow_live(deployed, transcribed=False, status="failed", complete=None, error_code="Deepgram.HTTP402")
    assert main(["calls", *deployed.arguments, "--call", CALL_ID]) == 0
    assert "Deepgram.HTTP402" in capsys.readouterr().out


def test_a_recorded_call_says_what_it_was_transcribed_from(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    store_transcript(deployed, own("b"))
    main(["calls", *deployed.arguments, "--call", "b"])
    assert "recording recordings/clinic-7/2026-11-20/b.wav (version v1)" in capsys.readouterr().out


def followed_and_recorded(deployed: Deployed, **quality: Any) -> None:
    """Leave a call whose live transcript has given its place to that of the recording."""
    followed = follow_live(deployed, clinic_id="clinic-7")
    coverage = {name: followed[name] for name in ("complete", "incomplete_reasons", "duration_seconds", "gaps")}
    store_transcript(deployed, own(CALL_ID), live={**coverage, "utterances": 5})
    (item,) = [one for one in deployed.table.scan()["Items"] if one["type"] == "transcript"]
    scored: Any = item["quality"]
    deployed.table.put_item(Item={**item, "quality": {**scored, **quality}})


def test_the_score_of_a_recording_says_where_it_differs_from_that_of_the_live_transcript_and_why(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    followed_and_recorded(deployed)

    [recorded] = [one for one in listed(deployed, capsys, "--call", CALL_ID) if one["type"] == "transcript"]
    live = recorded["live_quality"]
    assert (live["rubric"], live["version"]) == (recorded["quality"]["rubric"], recorded["quality"]["version"])
    assert live["score"] != recorded["quality"]["score"]

    main(["calls", *deployed.arguments, "--call", CALL_ID])
    shown = " ".join(capsys.readouterr().out.split())
    assert (
        f"place this one has taken, has {live['score']} of 100, and the recording {recorded['quality']['score']}"
        in (shown)
    )
    _, _, differing = shown.partition("Why, live")
    differing, _, _ = differing.partition("Live call")
    assert re.search(r"what happens next 0 of 15 15 of 15 gave an answer turn 3, 0:09: “Would Tuesday work", differing)
    assert re.search(r"long pauses 0 of 5 - no long pause", differing)
    assert "Greets" not in differing  # in both


@pytest.mark.parametrize("unknown", [{"rubric": "of-our-own"}, {"version": Decimal(99)}])
def test_a_live_transcript_is_not_compared_by_a_rubric_that_is_not_here(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], unknown: dict[str, Any]
) -> None:
    followed_and_recorded(deployed, **unknown)
    main(["calls", *deployed.arguments, "--call", CALL_ID])
    shown = capsys.readouterr().out
    assert "It may differ from the score of the live transcript" in " ".join(shown.split())
    assert "Why, live" not in shown


def test_a_live_transcript_that_is_gone_is_not_compared(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    followed_and_recorded(deployed)
    deployed.s3.delete_object(Bucket="archive", Key=f"transcripts/clinic-7/2026-11-20/{CALL_ID}/live.json.gz")
    assert main(["calls", *deployed.arguments, "--call", CALL_ID]) == 0
    assert "It may differ from the score of the live transcript" in " ".join(capsys.readouterr().out.split())


def test_the_live_calls_of_a_clinic_and_day_are_listed(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    follow_live(deployed, clinic_id="clinic-7")
    for call_id, clinic_id, day in (
        ("b", "clinic-7", "2026-11-20"),
        ("c", "clinic-7", "2026-11-21"),
        ("d", "x", "2026-11-20"),
    ):
        follow_live(
            deployed,
            transcribed=False,
            call_id=call_id,
            clinic_id=clinic_id,
            day=day,
            status="streaming",
            lease_until=4_102_444_800,
            complete=None,
            duration_seconds=None,
        )
    listing = ("--clinic", "clinic-7", "--live", "--day", "2026-11-20")
    assert {item["call_id"] for item in listed(deployed, capsys, *listing)} == {CALL_ID, "b"}
    assert main(["calls", *deployed.arguments, *listing]) == 0
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("2026-11-20 09:00", "completed", "streaming", "0:14"))
    assert "appointment" not in shown
    assert main(["calls", *deployed.arguments, "--clinic", "clinic-7", "--live"]) == 0


def test_a_list_of_calls_says_which_transcripts_are_live(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    follow_live(deployed, clinic_id="clinic-7", call_id="b", complete=False, incomplete_reasons=["gap-missing"])
    follow_live(deployed, clinic_id="clinic-7", call_id="c")
    store_transcript(deployed, own("d"))
    main(["calls", *deployed.arguments, "--clinic", "clinic-7"])
    shown = capsys.readouterr().out
    assert "b (live, incomplete)" in shown
    assert "c (live)" in shown
    assert shown.count("live") == 2


def test_live_calls_are_listed_by_clinic(deployed: Deployed) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["calls", *deployed.arguments, "--live", "--failed"])
