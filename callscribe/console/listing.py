"""The list of a clinic's calls: its rows, what they are picked by, and where to go on."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, NamedTuple, Self

import msgspec

from callscribe.contract.table_keys import (
    LISTED_ATTRIBUTES,
    ROW_ATTRIBUTES,
    clinic_partition,
    listed_moment,
    transcript_range,
)
from callscribe.conversation.flags import flag_names
from callscribe.conversation.reliability import Reliability, ReliabilityLevel
from callscribe.recordings.calls import CallDirection
from callscribe.serialization import InvalidData, decode, decode_json, decode_texts, encode_json

_OF_ITEMS: Final = {"flags", "reliability", "direction", "agent_id", "queue_id", *flag_names()}
UNLISTED: Final = tuple(sorted(_OF_ITEMS - {*LISTED_ATTRIBUTES}))
"""Attributes of a row that `LISTING_INDEX`, and items without `flags`, have not: they stand on the items."""

_WITHIN: Final = {
    "quality": ("score", "reliability", "direction"),
    "cost": ("total_usd", "at_least_usd", "unpriced"),
}
ROW_PATHS: Final = (
    *("PK", "SK", "GSI2SK"),
    *(name for name in ROW_ATTRIBUTES if name not in _WITHIN),
    *(f"{name}.{within}" for name, parts in _WITHIN.items() for within in parts),
)
"""What a row takes of an item: a score's evidence is most of what the list has, and takes most of the time to read."""

MOST_ROWS: Final = 100
"""Most rows of an answer, and most items that DynamoDB reads at once (API Reference, "BatchGetItem")."""

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LONGEST_CURSOR: Final = 2048


class InvalidQuery(ValueError):
    """What was asked for cannot be read; the message names the parameter, never its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCost:
    """What a call cost.

    Attributes:
        total_usd: All of it; None where something has no known price.
        at_least_usd: What is known of it; None where nothing is.
    """

    total_usd: float | None
    at_least_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """A call in the list. What is None is not known.

    Attributes:
        call_id: The call.
        kind: `agent`, or `ivr` for the automated part before.
        day: Its date, UTC, as yyyy-mm-dd: part of the address of the call.
        started_at: Its begin.
        started_at_source: Where that is known from.
        duration_seconds: Length of the audio.
        direction: `incoming` or `outgoing`, as known or as it is said.
        agent_id: Connect's id of the agent.
        queue_id: Connect's id of the queue.
        source: `batch` or `live`.
        reliability: How far flags and score can be relied on.
        flags: Whether each flag is raised.
        urgent: The flag `urgent`.
        score: 0 to 100.
        confidence: Mean confidence of the words, 0 to 1; None without words.
        word_count: Words.
        cost: What it cost.
    """

    call_id: str
    kind: str
    day: str
    started_at: str
    started_at_source: str | None
    duration_seconds: float
    direction: CallDirection | None
    agent_id: str | None
    queue_id: str | None
    source: str
    reliability: Reliability | None
    flags: Mapping[str, bool] | None
    urgent: bool | None
    score: int | None
    confidence: float | None
    word_count: int
    cost: RowCost


def row_of(item: Mapping[str, Any]) -> CallRow:
    """Return the row of a transcript's item, or of what the list has of one.

    Args:
        item: The attributes, in the types of JSON.
    """
    quality = item.get("quality") or {}
    flags = item.get("flags") or {name: item[name] for name in flag_names() if item.get(name) is not None} or None
    reliability = item.get("reliability") or quality.get("reliability")
    direction = item.get("direction") or quality.get("direction")
    return CallRow(
        call_id=item["call_id"],
        kind=item["kind"],
        day=item["SK"].removeprefix(transcript_range())[: len("yyyy-mm-dd")],
        started_at=item["started_at"],
        started_at_source=item.get("started_at_source"),
        duration_seconds=item["duration_seconds"],
        direction=None if direction is None else CallDirection(direction),
        agent_id=item.get("agent_id"),
        queue_id=item.get("queue_id"),
        source=item["source"],
        reliability=None if reliability is None else decode(Reliability, reliability, "reliability"),
        flags=flags,
        urgent=None if flags is None else flags.get("urgent"),
        score=quality.get("score"),
        confidence=item.get("confidence") if item["word_count"] else None,
        word_count=item["word_count"],
        cost=_cost(item.get("cost") or {}),
    )


def _cost(cost: Mapping[str, Any]) -> RowCost:
    # Before a sum was kept apart from the whole, a total left out what had no price.
    total, unpriced = cost.get("total_usd"), bool(cost.get("unpriced"))
    return RowCost(total_usd=None if unpriced else total, at_least_usd=cost.get("at_least_usd", total))


class Position(NamedTuple):
    """A place in the list: the sort keys of an item in its index and in the table."""

    listed: str
    stored: str

    def start_key(self, clinic_id: str) -> dict[str, str]:
        """The `ExclusiveStartKey` behind it; whose list it is, is not the cursor's to say."""
        partition = clinic_partition(clinic_id)
        return {"GSI2PK": partition, "GSI2SK": self.listed, "PK": partition, "SK": self.stored}

    def cursor(self) -> str:
        """The place as text for an address."""
        return base64.urlsafe_b64encode(encode_json(list(self))).decode().rstrip("=")

    @classmethod
    def of_cursor(cls, cursor: str) -> Self:
        """Read the place from a cursor.

        Raises:
            InvalidQuery: It is none.
        """
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            place = cls(
                *decode_json(tuple[str, str], base64.b64decode(padded, altchars=b"-_", validate=True), "cursor")
            )
        except (ValueError, binascii.Error):
            raise InvalidQuery("cursor is none of ours: leave it out to begin anew") from None
        if not place.stored.startswith(transcript_range()):
            raise InvalidQuery("cursor is none of ours: leave it out to begin anew")
        return place


class _Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    from_: str | None = None
    to: str | None = None
    flag: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    score_below: Annotated[int, msgspec.Meta(ge=0, le=101)] | None = None
    reliability: str | None = None
    direction: str | None = None
    agent: Annotated[str, msgspec.Meta(min_length=1, max_length=256)] | None = None
    queue: Annotated[str, msgspec.Meta(min_length=1, max_length=256)] | None = None
    source: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS)] = 50
    cursor: Annotated[str, msgspec.Meta(max_length=_LONGEST_CURSOR)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Which calls of a clinic are wanted.

    Attributes:
        begins_at: First begin of a call, as the index writes times; None for any.
        ends_before: Begin of a call from which on it is not wanted any more; None for any.
        flag: A flag that is raised.
        score_below: What the score is below of.
        reliability: The level.
        direction: Who called whom.
        agent: Connect's id of the agent.
        queue: Connect's id of the queue.
        source: `batch` or `live`.
        limit: Most rows.
        after: Where to go on; None at the newest call.
    """

    begins_at: str | None = None
    ends_before: str | None = None
    flag: str | None = None
    score_below: int | None = None
    reliability: ReliabilityLevel | None = None
    direction: CallDirection | None = None
    agent: str | None = None
    queue: str | None = None
    source: str | None = None
    limit: int = 50
    after: Position | None = None

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Self:
        """Read the parameters of an address.

        Raises:
            InvalidQuery: One is unknown, or has no value of its kind.
        """
        try:
            asked = decode_texts(_Asked, parameters, "the query")
        except InvalidData as error:
            raise InvalidQuery(str(error)) from None
        return cls(
            begins_at=_moment("from", asked.from_),
            ends_before=_moment("to", asked.to),
            flag=asked.flag,
            score_below=asked.score_below,
            reliability=_one_of("reliability", asked.reliability, ReliabilityLevel),
            direction=_one_of("direction", asked.direction, CallDirection),
            agent=asked.agent,
            queue=asked.queue,
            source=_one_of("source", asked.source, _SOURCES),
            limit=asked.limit,
            after=None if asked.cursor is None else Position.of_cursor(asked.cursor),
        )

    @property
    def picks(self) -> bool:
        """Whether some calls are left out."""
        picked = (self.flag, self.reliability, self.direction, self.agent, self.queue, self.source)
        return any(picked) or self.score_below is not None

    def admits_figures(self, row: CallRow) -> bool:
        """Whether a call is wanted, as far as the index tells."""
        return (
            (self.score_below is None or (row.score is not None and row.score < self.score_below))
            and (self.direction is None or row.direction is None or row.direction is self.direction)
            and (self.source is None or row.source == self.source)
        )

    def admits(self, row: CallRow) -> bool:
        """Whether a call is wanted, all of it being known."""
        level = None if row.reliability is None else row.reliability.level
        return (
            self.admits_figures(row)
            and (self.direction is None or row.direction is self.direction)
            and (self.agent is None or row.agent_id == self.agent)
            and (self.queue is None or row.queue_id == self.queue)
            and (self.reliability is None or level is self.reliability)
            and (self.flag is None or bool((row.flags or {}).get(self.flag)))
        )


_SOURCES: Final = {"batch": "batch", "live": "live"}


def is_day(text: str) -> bool:
    """Whether a text is a day, as yyyy-mm-dd."""
    try:
        return _DAY.fullmatch(text) is not None and date.fromisoformat(text) is not None
    except ValueError:
        return False


def _one_of(name: str, value: str | None, known: Any) -> Any:
    values = known if isinstance(known, Mapping) else {one.value: one for one in known}
    if value is None or value in values:
        return None if value is None else values[value]
    raise InvalidQuery(f"{name} is none of {', '.join(values)}")


def _moment(name: str, text: str | None) -> str | None:
    """Read a day, whose midnight it is in UTC, or a time with an offset."""
    if text is None:
        return None
    try:
        if _DAY.fullmatch(text):
            day = date.fromisoformat(text)
            return listed_moment(datetime(day.year, day.month, day.day, tzinfo=UTC))
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return listed_moment(moment)
    except (ValueError, OverflowError):
        pass
    raise InvalidQuery(f"{name} is no day (yyyy-mm-dd) and no time of ISO 8601 with an offset")
