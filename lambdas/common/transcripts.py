"""What is told of a stored transcript: where it is and its figures, never its words."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from callscribe.contract.events import (
    MOST_EVIDENCE,
    AlertEvidence,
    ReliabilityFigure,
    TranscriptFigures,
    TranscriptPlace,
)

if TYPE_CHECKING:
    from collections.abc import Collection
    from decimal import Decimal

    from callscribe.contract.table_keys import ItemKey
    from callscribe.documents import ArchivePointers
    from callscribe.transcript import Transcript


def place_of(key: ItemKey, pointers: ArchivePointers) -> TranscriptPlace:
    """Return where a transcript is in the table and in the archive."""
    return TranscriptPlace(pk=key.pk, sk=key.sk, bucket=pointers.bucket, key=pointers.transcript_key)


def figures_of(transcript: Transcript) -> TranscriptFigures:
    """Return the figures of a transcript."""
    cost, reliability = transcript.cost, transcript.reliability
    return TranscriptFigures(
        duration_seconds=transcript.duration_seconds,
        word_count=transcript.word_count,
        confidence=transcript.confidence,
        cost_usd=_number(cost.total_usd),
        cost_at_least_usd=_number(cost.at_least_usd),
        reliability=None
        if reliability is None
        else ReliabilityFigure(level=reliability.level, reasons=reliability.reasons),
    )


def alert_evidence_of(transcript: Transcript, flags: Collection[str]) -> tuple[AlertEvidence, ...]:
    """Return where it was said that raises some flags; the first places of all of them."""
    places = (
        AlertEvidence(
            flag=flag.name,
            turn=None if one.quote is None else one.quote.turn,
            utterance=one.turn,
            start=None if one.quote is None else one.quote.start,
            end=None if one.quote is None else one.quote.end,
            certainty=one.certainty,
        )
        for flag in transcript.summary.flags
        if flag.name in flags
        for one in flag.evidence
    )
    return tuple(islice(places, MOST_EVIDENCE))


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
