"""What a person reads of a transcript says what is known, and what is not."""

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType

from callscribe.conversation.flags import flag_names
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.documents import ArchivePointers, quality_attribute, to_item
from callscribe.judgement.quality import load_rubric, score
from operations.rendering import calls_table, claims_table, live_calls_table, live_status, transcript_view
from tests.callscribe.replies import AGENT, APPOINTMENT, CUSTOMER, mono, stereo, talk, transcript_of

SHOWN = {
    "call_id": "c",
    "clinic_id": "main",
    "started_at": "2026-11-20T14:05:00",
    "kind": "agent",
    "source": "batch",
    "duration_seconds": 66,
    "word_count": 0,
    "model": "nova-3",
    "roles": {"method": "channel"},
    "summary": "-",
    "s3_key": "k",
    "utterances": [],
    "cost": {"total_usd": 0.0359, "price_list": "list", "plan": "plan", "requests": 1},
}


def printed(shown: RenderableType) -> str:
    written = StringIO()
    Console(width=200, file=written).print(shown)
    return "".join(f"{line.rstrip()}\n" for line in written.getvalue().splitlines())


@pytest.mark.parametrize(
    ("requests", "refused", "cost", "said"),
    [
        (1, None, "$", ""),
        (3, 2, "$", "; asked 3 times, 2 of them refused"),
        (3, 1, "at least $", "; asked 3 times, 1 of them refused, 1 more may have been billed"),
        (2, 0, "at least $", "; asked 2 times, 1 more may have been billed"),
        (4, None, "at least $", "; asked 4 times, 3 more may have been billed"),
    ],
)
def test_the_cost_says_how_often_deepgram_was_asked(requests: int, refused: int | None, cost: str, said: str) -> None:
    figures = {"total_usd": 0.0359, "price_list": "list", "plan": "plan", "requests": requests, "refused": refused}
    item = {**SHOWN, "cost": figures}
    assert f"{cost}0.0359 by list (plan){said}\n" in printed(transcript_view(item))
    assert ("at least $0.0359" in printed(calls_table([item]))) is cost.startswith("at least")


def test_an_unknown_confidence_is_said_to_be_unknown() -> None:
    assert "confidence unknown" in printed(transcript_view(SHOWN))
    assert "confidence 0.91" in printed(transcript_view({**SHOWN, "confidence": 0.91, "word_count": 9}))
    assert "confidence unknown" in printed(transcript_view({**SHOWN, "confidence": 0.0, "word_count": 0}))


POINTERS = ArchivePointers(bucket="archive", transcript_key="transcripts/t", reply_key="replies/r")


def item_of(options: TranscriptionOptions | None = None, **cost: Any) -> dict[str, Any]:
    item = to_item(transcript_of(stereo(APPOINTMENT), options=options), archive=POINTERS)
    item["cost"] |= cost
    return item


def test_a_known_cost_is_shown_with_its_price_list_and_plan() -> None:
    item = item_of()
    total = f"${item['cost']['total_usd']:.4f}"
    assert total in printed(calls_table([item]))
    assert f"{total} by deepgram-2026-08 (pay-as-you-go)" in printed(transcript_view(item))


def test_a_cost_with_an_unpriced_part_is_at_least_the_rest_and_never_zero() -> None:
    item = item_of(TranscriptionOptions(model="nova-2"))
    shown = printed(transcript_view(item))
    assert "unknown" in printed(calls_table([item]))
    assert "which has no price for transcription nova-2" in shown
    assert "$0.0000" not in shown


def test_a_cost_written_before_is_at_least_its_total_where_something_was_unpriced() -> None:
    item = item_of(unpriced=["keyterm"], total_usd=Decimal("0.0357"))
    del item["cost"]["at_least_usd"]
    assert "at least $0.0357" in printed(calls_table([item]))


@pytest.mark.parametrize(("refused", "said"), [({}, " 3 "), ({"deepgram_refused": 2}, "3 (2 refused)")])
def test_a_claim_says_how_often_deepgram_was_asked(refused: dict[str, int], said: str) -> None:
    claim = {"status": "failed", "attempts": 1, "deepgram_requests": 3, "updated_at": "2026-11-20T14:12", **refused}
    assert said in printed(claims_table([claim]))


NO_FLAGS = dict.fromkeys(flag_names(), False)
DOUBT = {"level": "doubtful", "reasons": ["low-confidence", "short"]}
SCORED = {"score": 84, "rubric": "clinic-call-v1", "criteria": []}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (NO_FLAGS, "Flags none"),
        ({**NO_FLAGS, "complaint": True}, "Flags complaint"),
        ({}, "Flags unknown"),
        ({"complaint": False, "callback_requested": True}, "Flags callback requested; unknown: "),
        ({"complaint": False}, "Flags none; unknown: appointment requested, "),
    ],
)
def test_a_flag_that_nobody_looked_for_is_unknown_and_not_none(flags: dict[str, bool], said: str) -> None:
    shown = " ".join(printed(transcript_view({**SHOWN, **flags})).split())
    assert said in shown
    assert (said in shown.replace(";", "")) is ("unknown:" not in said)
    assert said.removeprefix("Flags ").split(";")[0] in printed(calls_table([{**SHOWN, **flags}]))


def test_no_score_is_shown_without_how_far_it_carries() -> None:
    doubtful = {**SHOWN, "reliability": DOUBT, "quality": SCORED}
    shown = " ".join(printed(transcript_view(doubtful)).split())
    assert "Reliability doubtful: low-confidence, short" in shown
    assert "Quality 84 of 100 (clinic-call-v1), reliability doubtful" in shown
    # The list has the score with its reliability, and no attribute of the item's.
    listed = {**SHOWN, "quality": {**SCORED, "reliability": DOUBT}}
    assert "doubtful" in printed(calls_table([listed]))
    for before in (transcript_view({**SHOWN, "quality": SCORED}), calls_table([{**SHOWN, "quality": SCORED}])):
        assert "unknown" in printed(before)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"status": "streaming", "reliability": DOUBT}, "doubtful so far: low-confidence, short"),
        ({"status": "streaming", "reliability": {"level": "high", "reasons": []}}, "high so far"),
        ({"status": "completed", "reliability": DOUBT}, "doubtful: low-confidence, short"),
        ({"status": "streaming"}, "unknown"),
        ({"status": "failed"}, "unknown"),
    ],
)
def test_a_live_call_is_listed_with_how_far_it_can_be_relied_on(known: dict[str, Any], said: str) -> None:
    shown = printed(live_calls_table([{"call_id": "c", "started_at_ms": 1_795_165_200_000, **known}]))
    assert f" {said} " in shown
    assert ("so far" in shown) is ("so far" in said)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"status": "announced"}, "waiting for a streamer"),
        ({"status": "streaming", "lease_until": 99}, "waiting for a streamer"),
        ({"status": "streaming", "lease_until": 101}, "streaming"),
        ({"status": "streaming"}, "streaming"),
        ({"status": "released"}, "being handed over"),
        ({"status": "completed", "lease_until": 99}, "completed"),
    ],
)
def test_a_live_call_whose_streamer_died_waits_for_another(known: dict[str, Any], said: str) -> None:
    assert live_status(known, now=100) == said


def test_what_somebody_was_told_of_a_live_call_is_listed() -> None:
    item = {"call_id": "c", "started_at_ms": 1_795_165_200_000, "status": "streaming", "alerted": ["urgent"]}
    assert " urgent" in printed(live_calls_table([item]))


def test_a_call_that_cannot_be_judged_says_why() -> None:
    transcript = transcript_of(mono(talk((0, "Is anybody there? I will call again tomorrow then."))))
    item = to_item(transcript, archive=POINTERS) | {"quality": quality_attribute(score(transcript, load_rubric()))}
    shown = " ".join(printed(transcript_view(item)).split())
    assert "Reliability unusable: one-voice-in-a-dialogue, short Flags unknown" in shown
    assert "Quality - (clinic-call-v1), reliability unusable" in shown


def test_a_call_is_shown_by_turns() -> None:
    lines = talk((AGENT, "Good morning,"), (AGENT, "how can I help?"), (CUSTOMER, "My glasses broke."), pause=0.9)
    item = to_item(transcript_of(stereo(lines)), archive=POINTERS)
    assert len(item["utterances"]) == 3
    assert "Good morning, how can I help?" in printed(transcript_view(item))
    del item["turns"]
    assert "how can I help?" in printed(transcript_view(item))
    assert "Good morning, how can I help?" not in printed(transcript_view(item))


ANALYSED = {
    "status": "succeeded",
    "source": "bedrock",
    "model": "m-v1",
    "summary": "She asks for drops.",
    "urgency": "routine",
    "flags": {"prescription_refill": True, "complaint": False},
    "score": Decimal(80),
    "dropped": Decimal(1),
}


def test_what_a_language_model_says_stands_beside_the_rules() -> None:
    shown = printed(transcript_view({**SHOWN, "analysis": ANALYSED}))
    assert "She asks for drops. urgency routine; flags prescription refill; score 80 of 100; 1 answers dropped" in shown
    unknown = {name: value for name, value in ANALYSED.items() if name not in ("summary", "urgency", "flags", "score")}
    shown = printed(transcript_view({**SHOWN, "analysis": unknown}))
    assert "No summary. urgency unknown; flags unknown; score unknown; 1 answers dropped (bedrock, m-v1)" in shown


def test_a_language_model_that_failed_is_said_to_have() -> None:
    failed = {"status": "failed", "reason": "Bedrock.Refused", "source": "bedrock", "model": "m-v1"}
    assert "failed: Bedrock.Refused (bedrock, m-v1)" in printed(transcript_view({**SHOWN, "analysis": failed}))
    assert "Analyst" not in printed(transcript_view(SHOWN))
