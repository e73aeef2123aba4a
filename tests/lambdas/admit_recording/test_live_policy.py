"""A recording whose call was followed live."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.contract.call_kind import CallKind
from callscribe.contract.table_keys import transcript_key
from callscribe.environments.functions import LiveTranscripts
from callscribe.live.coverage import TOLERANCE_MS
from callscribe.live.recorded_time import possible_time
from callscribe.live.state import LiveState
from callscribe.recordings.calls import START_METADATA
from callscribe.recordings.clinics import ClinicDecision
from callscribe.recordings.keys import parse_key
from lambdas.admit_recording.live_policy import LiveEvidence, LivePolicy
from tests.callscribe.live_calls import intervals, live_item, moment
from tests.lambdas.admit_recording.test_admission import CONNECT_KEY, Door, outcome
from tests.lambdas.cloud import EXECUTION, NOW, OTHER_EXECUTION, Cloud, wav

if TYPE_CHECKING:
    from lambdas.admit_recording.decision import Decision

KEY = "connect/harbour/CallRecordings/2026/11/20/call-7_20261120T09:00_UTC.wav"
PATIENCE = timedelta(minutes=15)
FRESH: dict[str, Any] = {"updated_at": (NOW - timedelta(minutes=1)).isoformat()}
RUNNING: dict[str, Any] = {"status": "streaming", "complete": None, "end_reason": None, **FRESH}
INCOMPLETE: dict[str, Any] = {"complete": False, "incomplete_reasons": ["end-not-proven"], "end_reason": "idle"}
FAILED: dict[str, Any] = {"status": "failed", "complete": None, "error_code": "Deepgram.HTTP402"}


def policy(transcripts: LiveTranscripts) -> LivePolicy:
    return LivePolicy(transcripts=transcripts, patience=PATIENCE)


class Reception:
    """A deployment that gets the recording, 14 seconds long unless said otherwise, of a call followed live."""

    def __init__(self, cloud: Cloud, transcripts: LiveTranscripts) -> None:
        self.cloud = cloud
        self.door = Door(cloud, live_policy=policy(transcripts))

    def follow(self, *, transcribed: bool = True, **changes: Any) -> None:
        """Leave a live call and, once it is completed, its transcript."""
        item = live_item(**{"call_id": "call-7", **changes})
        self.cloud.table.put_item(Item=item)
        if transcribed and item["status"] == "completed":
            key = transcript_key(item["clinic_id"], item["day"], item["call_id"], CallKind.AGENT)
            self.cloud.table.put_item(Item={**key.attributes(), "source": "live"})

    def arrive(
        self, *, seconds: float = 14, minute: str = "09:00", waited: timedelta = timedelta(), **more: Any
    ) -> Decision:
        key = KEY.replace("09:00", minute)
        return self.decide({**self.cloud.upload(wav(seconds=seconds), key=key), **more}, waited=waited)

    def decide(self, event: dict[str, Any], *, execution: str = EXECUTION, waited: timedelta = timedelta()) -> Decision:
        return self.door.decide(event, execution, started_at=NOW - waited)


@pytest.mark.parametrize("live", [{}, RUNNING])
def test_a_live_transcript_that_a_recording_has_replaced_stands_for_no_newer_one(
    cloud: Cloud, live: dict[str, Any]
) -> None:
    reception = Reception(cloud, "when-incomplete")
    reception.follow(**live)
    key = transcript_key("harbour", "2026-11-20", "call-7", CallKind.AGENT)
    cloud.table.put_item(Item={**key.attributes(), "source": "batch", "recording_id": "0" * 64})
    reason = "live-unfinished" if live else "live-replaced"
    assert outcome(reception.arrive()) == ("claimed", reason)


@pytest.mark.parametrize(
    ("transcripts", "live", "decision"),
    [
        ("always", {}, ("claimed", "live-complete")),
        ("always", RUNNING, ("claimed", "live-unfinished")),
        ("always", FAILED, ("claimed", "live-failed")),
        ("when-incomplete", {}, ("covered", "live-complete")),
        ("when-incomplete", INCOMPLETE, ("claimed", "live-incomplete")),
        ("when-incomplete", FAILED, ("claimed", "live-failed")),
        ("when-incomplete", RUNNING, ("wait", "live-pending")),
        ("when-incomplete", {**RUNNING, "status": "announced", "next_seq": None}, ("wait", "live-pending")),
        ("when-incomplete", {**RUNNING, "status": "released"}, ("wait", "live-pending")),
        ("never", {}, ("covered", "live-complete")),
        ("never", INCOMPLETE, ("covered", "live-incomplete")),
        ("never", FAILED, ("covered", "live-failed")),
        ("never", RUNNING, ("wait", "live-pending")),
    ],
)
def test_the_setting_decides_about_the_recording_of_a_live_call(
    cloud: Cloud, transcripts: LiveTranscripts, live: dict[str, Any], decision: tuple[str, str]
) -> None:
    reception = Reception(cloud, transcripts)
    reception.follow(**live)
    assert outcome(reception.arrive()) == decision


@pytest.mark.parametrize("transcripts", get_args(LiveTranscripts))
def test_a_call_that_was_not_followed_is_transcribed(cloud: Cloud, transcripts: LiveTranscripts) -> None:
    assert outcome(Reception(cloud, transcripts).arrive()) == ("claimed", "new")


@pytest.mark.parametrize(
    ("transcripts", "decision"),
    [("when-incomplete", ("claimed", "live-unfinished")), ("never", ("covered", "live-unfinished"))],
)
def test_patience_with_a_live_call_ends(cloud: Cloud, transcripts: LiveTranscripts, decision: tuple[str, str]) -> None:
    reception = Reception(cloud, transcripts)
    reception.follow(**RUNNING)
    assert outcome(reception.arrive(waited=PATIENCE - timedelta(seconds=1))) == ("wait", "live-pending")
    assert outcome(reception.arrive(waited=PATIENCE)) == decision


def test_a_complete_live_call_counts_once_its_transcript_is_stored(cloud: Cloud) -> None:
    reception = Reception(cloud, "when-incomplete")
    reception.follow(transcribed=False, **FRESH)
    event = cloud.upload(wav(seconds=14), key=KEY)
    assert outcome(reception.decide(event)) == ("wait", "live-pending")
    reception.follow(**FRESH)
    assert outcome(reception.decide(event)) == ("covered", "live-complete")


def test_a_live_call_whose_transcript_never_comes_is_transcribed_from_its_recording(cloud: Cloud) -> None:
    reception = Reception(cloud, "when-incomplete")
    reception.follow(transcribed=False, **FRESH)
    assert outcome(reception.arrive(waited=PATIENCE)) == ("claimed", "live-not-stored")


def test_a_live_call_that_nobody_works_on_is_not_waited_for(cloud: Cloud) -> None:
    reception = Reception(cloud, "when-incomplete")
    reception.follow(**{**RUNNING, "updated_at": (NOW - PATIENCE - timedelta(seconds=1)).isoformat()})
    assert outcome(reception.arrive()) == ("claimed", "live-unfinished")


def test_an_execution_that_cannot_wait_does_not(cloud: Cloud) -> None:
    reception = Reception(cloud, "when-incomplete")
    reception.follow(**RUNNING)
    assert outcome(reception.door.decide(cloud.upload(key=KEY), EXECUTION)) == ("claimed", "live-unfinished")


def test_a_recording_waits_under_its_claim_and_ends_as_the_live_call_does(cloud: Cloud) -> None:
    reception = Reception(cloud, "when-incomplete")
    reception.follow(**RUNNING)
    event = cloud.upload(wav(seconds=14), key=KEY)
    waiting = reception.decide(event)
    assert waiting.recording["call_id"] == "call-7"
    assert outcome(reception.decide(event, execution=OTHER_EXECUTION)) == ("duplicate", "in-progress")
    reception.follow()
    assert outcome(reception.decide(event)) == ("covered", "live-complete")


def test_a_covered_recording_is_listed_with_its_call_and_names_the_live_transcript(cloud: Cloud) -> None:
    reception = Reception(cloud, "when-incomplete")
    reception.follow()
    claim = cloud.claim(reception.arrive().recording["recording_id"])
    assert (claim["status"], claim["covered_reason"]) == ("covered", "live-complete")
    assert claim["live_transcript"] == {"pk": "CLINIC#harbour", "sk": "TRANSCRIPT#2026-11-20#call-7"}
    assert (claim["GSI1PK"], claim["deepgram_requests"]) == ("CALL#call-7", 0)


def test_a_live_transcript_notes_the_newest_recording_that_it_covers(cloud: Cloud) -> None:
    reception = Reception(cloud, "when-incomplete")
    reception.follow()
    key = transcript_key("harbour", "2026-11-20", "call-7", CallKind.AGENT).primary()
    events = [cloud.upload(wav(seconds=seconds), key=KEY) for seconds in (14, 13)]
    for event in events:
        assert outcome(reception.decide(event)) == ("covered", "live-complete")
        noted = cloud.table.get_item(Key=key)["Item"]
        assert noted["same_content_sequencer"] == event["detail"]["object"]["sequencer"]
    cloud.table.update_item(
        Key=key,
        UpdateExpression="SET same_content_last_modified = :later",
        ExpressionAttributeValues={":later": "2999-01-01T00:00:00Z"},
    )
    assert outcome(reception.decide(events[1], execution=EXECUTION)) == ("covered", "live-complete")
    assert cloud.table.get_item(Key=key)["Item"]["same_content_last_modified"] == "2999-01-01T00:00:00Z"


def test_a_covered_recording_stays_covered_for_every_announcement(cloud: Cloud) -> None:
    reception = Reception(cloud, "when-incomplete")
    reception.follow()
    event = cloud.upload(wav(seconds=14), key=KEY)
    first = reception.decide(event)
    assert reception.decide(event) == first
    assert outcome(reception.decide(event, execution=OTHER_EXECUTION)) == ("duplicate", "covered-by-live-transcript")


@pytest.mark.parametrize("transcripts", get_args(LiveTranscripts))
@pytest.mark.parametrize("live", [{}, RUNNING, FAILED])
def test_a_repeated_recording_is_transcribed_whatever_the_setting(
    cloud: Cloud, transcripts: LiveTranscripts, live: dict[str, Any]
) -> None:
    reception = Reception(cloud, transcripts)
    reception.follow(**live)
    event = cloud.upload(wav(seconds=14), key=KEY)
    reception.decide(event, waited=PATIENCE)
    redriven = reception.decide({**event, "redrive_of": EXECUTION}, execution=OTHER_EXECUTION)
    assert outcome(redriven) == ("claimed", "new")
    claim = cloud.claim(redriven.recording["recording_id"])
    assert claim["status"] == "claimed"
    assert "covered_reason" not in claim


def streamed(
    *pieces: tuple[float, float], joined: float | None = None, over: float | None = None, **changes: Any
) -> dict[str, Any]:
    """Attributes of a call of which these pieces were heard, in seconds since it was started at 09:00:00."""
    return {
        "intervals": intervals(*pieces),
        "duration_seconds": Decimal(str(pieces[-1][1] - pieces[0][0])),
        "agent_joined_at": None if joined is None else moment(joined),
        "disconnected_at": None if over is None else moment(over),
        **changes,
    }


@pytest.mark.parametrize(
    ("live", "minute", "seconds"),
    [
        pytest.param(streamed((0.1, 400), joined=92, over=400), "09:01", 308, id="to the end, after a minute of flow"),
        pytest.param(streamed((0.1, 400), over=400), "09:01", 308, id="without a word about the agent"),
        pytest.param(streamed((20, 400), joined=35, over=400), "09:00", 365, id="an agent in the minute of the start"),
        pytest.param(streamed((0.1, 398.1), joined=92, over=400), "09:01", 308, id="audio that ends seconds early"),
        pytest.param(
            streamed((0.1, 400), joined=92, over=400), "09:01", 309.9, id="a recording that ends seconds late"
        ),
        pytest.param(streamed((36.9, 400), joined=35, over=400), "09:00", 365, id="an agent seconds before the start"),
        pytest.param(streamed((0.1, 400), joined=118.9, over=400), "09:02", 281.5, id="a minute that begins early"),
        pytest.param(streamed((0.1, 400), joined=60, over=400), "09:01", 340, id="forty seconds of hold first"),
        pytest.param(streamed((0.1, 1708), joined=92, over=1708), "09:01", 460, id="passed on to somebody outside"),
        pytest.param(streamed((0.1, 30), (90, 400), joined=92, over=400), "09:01", 308, id="a pause in the flow"),
        pytest.param(streamed((0.1, 400), (500, 600), joined=92), "09:01", 200, id="a pause long after it"),
    ],
)
def test_a_recording_of_what_was_streamed_is_spared(live: dict[str, Any], minute: str, seconds: float) -> None:
    assert judged(live, minute, seconds) == "live-complete"


@pytest.mark.parametrize(
    ("live", "minute", "seconds"),
    [
        pytest.param(
            streamed((0.1, 360), joined=300, over=600), "09:05", 300, id="five minutes of queue, one of agent"
        ),
        pytest.param(streamed((0.1, 360), joined=300), "09:05", 300, id="and no word about the end"),
        pytest.param(streamed((0.1, 200), joined=92, over=700), "09:01", 608, id="stopped and never started again"),
        pytest.param(
            streamed((0.1, 200), (260, 700), joined=92, over=700), "09:01", 608, id="stopped for a minute in the middle"
        ),
        pytest.param(
            streamed((0.1, 150), (155, 250), (255, 700), joined=92, over=700), "09:01", 608, id="stopped twice"
        ),
        pytest.param(streamed((95, 400), joined=70, over=400), "09:01", 330, id="streamed too late"),
        pytest.param(streamed((95, 400), over=400), "09:01", 300, id="perhaps streamed too late"),
        pytest.param(streamed((0.1, 400), joined=92, over=400), "09:01", 312, id="longer than agent and contact"),
        pytest.param(
            streamed((0.1, 30), (35, 40), joined=31, over=40), "09:00", 3.5, id="short, and perhaps in a pause"
        ),
    ],
)
def test_a_recording_of_what_may_not_have_been_streamed_is_transcribed(
    live: dict[str, Any], minute: str, seconds: float
) -> None:
    assert judged(live, minute, seconds) == "live-covers-not-all"


def judged(live: dict[str, Any], minute: str, seconds: float) -> str:
    """The reason by which a recording of this minute and length is spared or not."""
    state = LiveState.from_item(live_item(**live))
    recorded = possible_time(
        parse_key(KEY.replace("09:00", minute)).of(ClinicDecision(clinic_id="harbour", source=None)),
        seconds=seconds,
        written_at=NOW,
        agent_joined_at=state.agent_joined_at,
        disconnected_at=state.disconnected_at,
    )
    evidence = LiveEvidence(state=state, transcribed=True)
    judgement = policy("when-incomplete").judge(evidence, recorded=recorded)
    assert judgement.covered is (judgement.reason == "live-complete")
    assert policy("never").judge(evidence, recorded=recorded).covered
    assert not policy("always").judge(evidence, recorded=recorded).covered
    return judgement.reason


@given(
    pieces=st.lists(st.tuples(st.integers(0, 900), st.integers(1, 900)), min_size=1, max_size=3),
    joined=st.integers(0, 600),
    late=st.integers(0, 30),
    seconds=st.integers(30, 600),
    went_on=st.integers(0, 300) | st.none(),
    tells_agent=st.booleans(),
)
def test_every_sample_of_a_spared_recording_lies_in_a_transcribed_interval(
    pieces: list[tuple[int, int]],
    joined: int,
    late: int,
    seconds: int,
    went_on: int | None,
    tells_agent: bool,
) -> None:
    began = joined + late
    if began // 60 != joined // 60:
        began = joined
    heard = [(float(start), float(start + length)) for start, length in pieces]
    over = None if went_on is None else began + seconds + went_on
    live = streamed(*heard, joined=joined if tells_agent else None, over=over)
    if judged(live, f"09:{began // 60:02}", seconds) == "live-complete":
        tolerance = TOLERANCE_MS / 1000
        assert any(start <= began + tolerance and began + seconds - tolerance <= end for start, end in heard)


def test_a_recording_whose_time_nobody_knows_is_transcribed(cloud: Cloud) -> None:
    reception = Reception(cloud, "when-incomplete")
    reception.follow()
    assert outcome(reception.decide(cloud.upload(wav(seconds=14)))) == ("claimed", "recorded-at-unknown-time")


@pytest.mark.parametrize(
    ("started_at", "decision"),
    [(moment(0), ("covered", "live-complete")), (moment(-5), ("claimed", "live-covers-not-all"))],
)
def test_a_recording_of_whoever_is_held_against_the_time_that_it_tells(
    cloud: Cloud, started_at: str, decision: tuple[str, str]
) -> None:
    reception = Reception(cloud, "when-incomplete")
    reception.follow()
    event = cloud.upload(wav(seconds=14), metadata={START_METADATA: started_at})
    assert outcome(reception.decide(event)) == decision


def test_a_call_that_an_earlier_version_called_complete_spares_no_recording(cloud: Cloud) -> None:
    reception = Reception(cloud, "when-incomplete")
    reception.follow(intervals=None, beginning=None, end=None, agent_joined_at=None)
    assert outcome(reception.arrive()) == ("claimed", "live-incomplete")


def test_a_recording_is_held_against_its_own_minute_whatever_day_it_is_filed_under(cloud: Cloud) -> None:
    reception = Reception(cloud, "when-incomplete")
    reception.follow(day="2026-11-19")
    assert outcome(reception.arrive()) == ("covered", "live-complete")
    assert outcome(reception.arrive(minute="09:01", seconds=15)) == ("claimed", "live-covers-not-all")


def test_the_automated_part_of_a_call_is_always_transcribed(cloud: Cloud) -> None:
    reception = Reception(cloud, "never")
    reception.follow(call_id="3f2b9e64-0c7d", **streamed((0.1, 1900), over=1900))
    ivr = cloud.upload(wav(seconds=14), key=CONNECT_KEY.replace("CallRecordings/", "CallRecordings/ivr/"))
    assert outcome(reception.decide(ivr)) == ("claimed", "new")
    agent = cloud.upload(wav(seconds=14), key=CONNECT_KEY)
    assert outcome(reception.decide(agent, execution=OTHER_EXECUTION)) == ("covered", "live-complete")


def test_a_recording_finds_its_live_call_whatever_clinic_its_prefix_leads_to(cloud: Cloud) -> None:
    reception = Reception(cloud, "when-incomplete")
    reception.follow(clinic_id="lakeside")
    decision = reception.arrive()
    assert (*outcome(decision), decision.recording["clinic_id"]) == ("covered", "live-complete", "lakeside")


def test_a_file_of_another_clinic_that_is_named_like_a_live_call_is_another_call(cloud: Cloud) -> None:
    reception = Reception(cloud, "never")
    reception.follow(clinic_id="lakeside")
    decision = reception.decide(cloud.upload(key="recordings/harbour/2026-11-20/call-7.wav"))
    assert (*outcome(decision), decision.recording["clinic_id"]) == ("claimed", "new", "harbour")


def test_a_recording_that_cannot_be_read_is_rejected_all_the_same(cloud: Cloud) -> None:
    reception = Reception(cloud, "when-incomplete")
    reception.follow()
    assert outcome(reception.decide(cloud.upload(b"no audio", key=KEY))) == ("rejected", "NotAudio")


def test_a_call_followed_since_before_midnight_is_filed_under_that_day(cloud: Cloud) -> None:
    reception = Reception(cloud, "always")
    started_at = datetime.fromisoformat("2026-11-19T23:50:00+00:00")
    reception.follow(day="2026-11-19", started_at_ms=Decimal(int(started_at.timestamp() * 1000)))
    decision = reception.arrive()
    assert (decision.recording["day"], decision.recording["started_at"]) == ("2026-11-19", started_at.isoformat())


def test_a_live_call_that_cannot_be_read_keeps_no_recording_from_being_transcribed(cloud: Cloud) -> None:
    reception = Reception(cloud, "never")
    reception.follow(status="unheard-of")
    assert outcome(reception.arrive()) == ("claimed", "new")


def test_a_live_transcript_is_no_earlier_version(cloud: Cloud) -> None:
    cloud.table.put_item(Item={"PK": "CLINIC#harbour", "SK": "TRANSCRIPT#2026-11-20#call-7", "source": "live"})
    door = Door(cloud, on_new_version="keep")
    assert outcome(door.decide(cloud.upload())) == ("claimed", "new")
