"""Gaps of a live call put in order: each piece once, whichever of its streamers came upon which part of it."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Final

from callscribe.live.call import CHANNEL_ROLES, SAMPLE_RATE, Gap

MOST_GAPS: Final = 500
"""Gaps that a call is told to have at most; each is in every write of its state, which may have 400 kB (Amazon DynamoDB
Developer Guide, "Quotas")."""

_SLIVER: Final = SAMPLE_RATE // 2
"""Samples below which what one channel lacks more than the other, before or after what both lack, is not told apart."""


def merged(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """Return gaps by their start, none of which touches another of its reason and channel.

    What both channels lack for the same reason is one gap of both. More than `MOST_GAPS` are joined to fewer, over what
    was heard between those that are closest to each other.
    """
    found = list(gaps)
    pieces = [
        piece
        for reason in dict.fromkeys(gap.reason for gap in found)
        for piece in _of_one_reason([gap for gap in found if gap.reason is reason])
    ]
    return tuple(sorted(_fewer(pieces), key=lambda gap: (gap.start, gap.end, gap.reason)))


def _of_one_reason(gaps: list[Gap]) -> list[Gap]:
    if not any(gap.channel is not None for gap in gaps):
        return _joined(gaps)
    alone = [
        _joined([replace(gap, channel=channel) for gap in gaps if gap.channel in (None, channel)])
        for channel in range(len(CHANNEL_ROLES))
    ]
    both = [
        replace(one, start=max(one.start, other.start), end=min(one.end, other.end), channel=None)
        for one in alone[0]
        for other in alone[1]
        if one.start < other.end and other.start < one.end
    ]
    both = _joined(both)
    rest = [piece for channel in alone for gap in channel for piece in _without(gap, both)]
    slivers = [
        piece
        for piece in rest
        if piece.end - piece.start < _SLIVER and any(piece.start <= gap.end and gap.start <= piece.end for gap in both)
    ]
    whole = _joined([*both, *(replace(sliver, channel=None) for sliver in slivers)])
    return [*whole, *(piece for piece in rest if piece not in slivers)]


def _joined(gaps: list[Gap], *, over: int = 0) -> list[Gap]:
    """Return gaps of one reason and channel in order, joined where they touch or lie close enough."""
    found: list[Gap] = []
    for gap in sorted(gaps, key=lambda gap: (gap.start, gap.end)):
        if found and gap.start <= found[-1].end + over:
            found[-1] = replace(found[-1], end=max(found[-1].end, gap.end))
        else:
            found.append(gap)
    return found


def _without(gap: Gap, others: list[Gap]) -> list[Gap]:
    """Return what is left of a gap beside others, which are in order and do not touch."""
    edges = [gap.start]
    for other in others:
        if other.start < gap.end and gap.start < other.end:
            edges += [max(other.start, gap.start), min(other.end, gap.end)]
    edges.append(gap.end)
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [replace(gap, start=start, end=end) for start, end in pairs if start < end]


def _fewer(gaps: list[Gap]) -> list[Gap]:
    if len(gaps) <= MOST_GAPS:
        return gaps
    kinds: dict[tuple[str, int | None], list[Gap]] = {}
    for gap in gaps:
        kinds.setdefault((gap.reason, gap.channel), []).append(gap)
    between = sorted(later.start - earlier.end for kind in kinds.values() for earlier, later in pairwise(_joined(kind)))
    over = between[len(gaps) - MOST_GAPS - 1]
    return [gap for kind in kinds.values() for gap in _joined(kind, over=over)]
