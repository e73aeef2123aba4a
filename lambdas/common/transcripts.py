"""What is told of a stored transcript: where it is and its figures, never its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    from callscribe.contract.table_keys import ItemKey
    from callscribe.documents import ArchivePointers
    from callscribe.transcript import Transcript


def place_of(key: ItemKey, pointers: ArchivePointers) -> dict[str, str]:
    """Return where a transcript is in the table and in the archive."""
    return {"pk": key.pk, "sk": key.sk, "bucket": pointers.bucket, "key": pointers.transcript_key}


def figures_of(transcript: Transcript) -> dict[str, float | None]:
    """Return the figures of a transcript; what is not known is null, and the cost then at least the other."""
    cost = transcript.cost
    return {
        "duration_seconds": transcript.duration_seconds,
        "word_count": transcript.word_count,
        "confidence": transcript.confidence,
        "cost_usd": _number(cost.total_usd),
        "cost_at_least_usd": _number(cost.at_least_usd),
    }


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
