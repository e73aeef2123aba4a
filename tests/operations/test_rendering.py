from io import StringIO

import pytest
from rich.console import Console, RenderableType

from operations.rendering import calls_table, transcript_view

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
    "cost": {"total_usd": 0.0359, "price_list": "list", "requests": 1},
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
    figures = {"total_usd": 0.0359, "price_list": "list", "requests": requests, "refused": refused}
    item = {**SHOWN, "cost": figures}
    assert f"{cost}0.0359 by list{said}\n" in printed(transcript_view(item))
    assert ("at least $0.0359" in printed(calls_table([item]))) is cost.startswith("at least")


def test_an_unknown_confidence_is_said_to_be_unknown() -> None:
    assert "confidence unknown" in printed(transcript_view(SHOWN))
    assert "confidence 0.91" in printed(transcript_view({**SHOWN, "confidence": 0.91}))
