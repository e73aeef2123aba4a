"""What a person reads of a transcript says what is known, and what is not."""

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType

from callscribe.deepgram.options import TranscriptionOptions
from callscribe.documents import ArchivePointers, to_item
from operations.rendering import calls_table, claims_table, transcript_view
from tests.callscribe.replies import APPOINTMENT, stereo, transcript_of

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
    assert "confidence 0.91" in printed(transcript_view({**SHOWN, "confidence": 0.91}))


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
