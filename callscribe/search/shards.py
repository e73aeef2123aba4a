"""The shards that are searched: the words of a clinic's calls of a month, in parts of a bounded size.

A part has the calls from a bound on, which is its name, to the name of the next part. It knows where it ends, so that
whoever has listed the parts sees when a part was divided since. A part that has grown too large is divided in two
steps, each of which can be repeated: it says where it ends from now on and keeps what goes to the new part beside it;
once the new part is written, it lets go of that.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from callscribe.console.listing import UNLISTED, CallRow, row_of
from callscribe.contract.call_kind import CallKind
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.contract.table_keys import EXPIRY, LISTED_ATTRIBUTES, has_expired, transcript_listing, transcript_range
from callscribe.serialization import decode_json, encode_json
from callscribe.transcript import Transcript

MOST_BYTES: Final = 4 * 1024 * 1024
"""Size from which on a part is divided, before it is packed. A part of one call may be larger."""
FIRST: Final = "01"
"""Name of a month's first part."""

_DAY: Final = len("yyyy-mm-dd")
_MONTH: Final = len("yyyy-mm")
_QUALITY: Final = ("score", "reliability", "direction")
_COST: Final = ("total_usd", "at_least_usd", "unpriced")

FIGURES: Final = frozenset({"SK", *LISTED_ATTRIBUTES, *UNLISTED}) - {"s3_key", "live"}
"""Attributes of an item that its row is made of."""
IDENTITY: Final = frozenset({"GSI2SK", "transcript_key", "schema_version", "role_correction", EXPIRY})
"""Attributes of an item that tell which words it shows, until when, and where it is listed."""


class CallKey(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Which call of a clinic.

    Attributes:
        day: Its date, UTC, as yyyy-mm-dd.
        call_id: The call.
        kind: The agent's conversation, or the automated part before it.
    """

    day: str
    call_id: str
    kind: CallKind = CallKind.AGENT

    @classmethod
    def of_sort_key(cls, sort_key: str) -> CallKey | None:
        """Read the SK of a transcript's item (`transcript_key`); None for any other."""
        if not sort_key.startswith(transcript_range()):
            return None
        day, _, call = sort_key.removeprefix(transcript_range()).partition("#")
        call_id = call.removesuffix("#IVR")
        kind = CallKind.AGENT if call_id == call else CallKind.IVR
        return cls(day=day, call_id=call_id, kind=kind) if len(day) == _DAY and call_id else None

    @property
    def month(self) -> str:
        """Its month, as yyyy-mm."""
        return self.day[:_MONTH]

    @property
    def place(self) -> str:
        """Where it stands among those of its month: the bounds of parts are of this kind."""
        digest = hashlib.sha256(f"{self.call_id}\0{self.kind}".encode()).hexdigest()[:16]
        return f"{self.day[_MONTH + 1 :]}-{digest}"


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call as it is searched.

    Attributes:
        key: The call.
        listed: Its place in the list of calls: the begin, and the call.
        version: Which stored words these are (`version_of`).
        figures: What its row is made of, attributes of its item.
        text: What was said, a line for each turn; None where the document is not there or cannot be read.
        starts: When each turn begins, in seconds.
        roles: Who says each.
        expires_at: When its words are to be gone, in seconds since 1970, as its item has it; None where they are kept
            for ever, and in parts of earlier versions.
    """

    key: CallKey
    listed: str
    version: str
    figures: msgspec.Raw
    text: str | None = None
    starts: tuple[float, ...] = ()
    roles: tuple[str, ...] = ()
    expires_at: int | None = None

    def row(self) -> CallRow:
        """The call's row in the list."""
        return row_of(decode_json(dict[str, Any], bytes(self.figures), "the figures of an entry"))


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a shard.

    Attributes:
        schema_version: Version of the code that wrote it.
        until: Where it ends, which is the name of the next part; None for the last one.
        entries: Its calls.
        moving: What the part named `until` begins with, until that is written.
        moving_until: Where that part will end; None where it will be the last one.
    """

    schema_version: int = SCHEMA_VERSION
    until: str | None = None
    entries: tuple[Entry, ...] = ()
    moving: tuple[Entry, ...] = ()
    moving_until: str | None = None

    def has(self, key: CallKey) -> bool:
        """Whether a call whose place is not before the part belongs to it."""
        return self.until is None or key.place < self.until

    def changed(self, changes: Mapping[CallKey, Entry | None], *, now: float) -> Part:
        """The part with some of its calls as they are now, and without those whose words are to be gone by now.

        Args:
            changes: The calls; None for those that are gone.
            now: The time, in seconds since 1970.
        """
        kept = {
            entry.key: entry
            for entry in self.entries
            if entry.key not in changes and not has_expired(entry.expires_at, now=now)
        }
        kept |= {key: entry for key, entry in changes.items() if entry is not None}
        entries = sorted(kept.values(), key=lambda entry: entry.key.place)
        return msgspec.structs.replace(self, schema_version=SCHEMA_VERSION, entries=tuple(entries))

    def divided(self) -> Part:
        """The part with its second half set apart; between days where that is possible."""
        places = [entry.key.place for entry in self.entries]
        middle = len(places) // 2
        days = sorted({place[: len(FIRST)] for place in places})[1:]
        bound = min(days, key=lambda day: abs(bisect_left(places, day) - middle), default=places[middle])
        stays = self.entries[: bisect_left(places, bound)]
        goes = self.entries[len(stays) :]
        return msgspec.structs.replace(self, until=bound, entries=stays, moving=goes, moving_until=self.until)

    def split_off(self) -> Part:
        """The new part, of what moves."""
        return Part(until=self.moving_until, entries=self.moving)

    def let_go(self) -> Part:
        """The part without what moves."""
        return msgspec.structs.replace(self, moving=(), moving_until=None)


class SearchState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of all shards together.

    Attributes:
        schema_version: Version of the code that wrote it.
        since: Since when changes have been followed (ISO 8601, UTC).
        whole: Whether what was stored before has been taken, too.
    """

    schema_version: int = SCHEMA_VERSION
    since: str
    whole: bool = False


def read_part(content: bytes) -> Part:
    """Read a part of this version, an earlier or a later one.

    Raises:
        InvalidData: It is none.
    """
    return decode_json(Part, content, "the part of a shard")


def written_part(part: Part) -> bytes:
    """Write a part; the same part always gives the same bytes."""
    return msgspec.json.encode(part)


def part_of(names: Sequence[str], key: CallKey) -> str:
    """Name of the part of a month in which a call is.

    Args:
        names: Those of all parts, sorted.
        key: The call.
    """
    return max((name for name in names if name <= key.place), default=FIRST)


def entry_of(key: CallKey, item: Mapping[str, Any], transcript: Transcript | None) -> Entry:
    """Return a call as it is searched.

    Args:
        key: The call.
        item: Its item, in the types of JSON.
        transcript: The transcript that the item shows; None where that cannot be read.
    """
    version, listed = version_of(item), _listed(key, item)
    figures = msgspec.Raw(encode_json(_figures(item)))
    expires_at = None if item.get(EXPIRY) is None else int(item[EXPIRY])
    if transcript is None:
        return Entry(key=key, listed=listed, version=version, figures=figures, expires_at=expires_at)
    turns = transcript.utterances if transcript.turns is None else transcript.turns
    return Entry(
        key=key,
        listed=listed,
        version=version,
        figures=figures,
        text="\n".join(" ".join(turn.text.split()) for turn in turns),
        starts=tuple(turn.start for turn in turns),
        roles=tuple(turn.role.value for turn in turns),
        expires_at=expires_at,
    )


def version_of(item: Mapping[str, Any]) -> str:
    """Which stored words an item shows: of which document, by which version of the code, after which correction."""
    correction = (item.get("role_correction") or {}).get("number", 0)
    return f"{item['transcript_key']}#{int(item['schema_version'])}#{int(correction)}"


def _listed(key: CallKey, item: Mapping[str, Any]) -> str:
    """The place in the list of an item that may have been stored before there was one."""
    begin = datetime.fromisoformat(item["started_at"])
    listing = transcript_listing(item["clinic_id"], begin, key.call_id, key.kind)
    return str(item.get("GSI2SK") or listing["GSI2SK"])


def _figures(item: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: item[name] for name in sorted(FIGURES) if item.get(name) is not None}
    for name, parts in (("quality", _QUALITY), ("cost", _COST)):
        if name in known:
            known[name] = {part: known[name][part] for part in parts if part in known[name]}
    return known


def days_of(names: Iterable[str]) -> list[list[str]]:
    """Group the parts of a month, sorted, so that no day is in two groups."""
    groups: list[list[str]] = []
    for name in names:
        if len(name) > len(FIRST) and groups:
            groups[-1].append(name)
        else:
            groups.append([name])
    return groups
