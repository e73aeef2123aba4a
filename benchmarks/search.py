"""What a search over a year of a clinic takes: bytes, requests to S3 and processor time; and what keeps it up to date.

python -m benchmarks.search

The words are made up: their frequencies fall as those of a language do, so that they pack as speech does.
"""

from __future__ import annotations

import gzip
import random
import time
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from rich.console import Console

from benchmarks.report import Figures
from callscribe.contract.object_keys import SEARCH_STATE, shard_part_key
from callscribe.search.shards import MOST_BYTES, CallKey, Entry, Part, SearchState, written_part
from callscribe.serialization import encode_json
from lambdas.call_console.search import ClinicSearch, SearchAsked
from lambdas.common.archive import ArchivedObject

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS_A_MONTH: Final = 1_500
MONTHS: Final = 12
_TURNS: Final = 40
_WORDS_OF_A_TURN: Final = 24
_VOCABULARY: Final = 4_000
QUERIES: Final = {
    "a word that nobody says": "zeppelin",
    "a word that many calls have, never with another one": "w0300 zeppelin",
    "a phrase of frequent words that nobody says": '"w0001 w0002 w0003 w0001 w0002 w0003 w0001 w0002"',
}


@dataclass
class Bucket:
    """The shards, in memory, and what was asked of them."""

    bucket: str = "shards"
    packed: dict[str, bytes] = field(default_factory=dict)
    requests: int = 0
    bytes: int = 0

    def read(self, key: str) -> ArchivedObject | None:
        self.requests += 1
        content = self.packed[key]
        self.bytes += len(content)
        return ArchivedObject(content=gzip.decompress(content), metadata={}, last_modified=cast("Any", None))

    def get_paginator(self, _: str) -> Bucket:
        return self

    def paginate(self, *, Prefix: str, **_: Any) -> list[dict[str, Any]]:  # noqa: N803
        return [self.list_objects_v2(Prefix=Prefix)]

    def list_objects_v2(self, *, Prefix: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.requests += 1
        return {"Contents": [{"Key": key} for key in self.packed if key.startswith(Prefix)]}


def words(number: int, chance: random.Random) -> list[str]:
    """Words, some of which come often and most seldom."""
    vocabulary = [f"w{rank:04}" for rank in range(_VOCABULARY)]
    return chance.choices(vocabulary, [1 / (rank + 2) for rank in range(_VOCABULARY)], k=number)


def entries(month: date, chance: random.Random, calls: int = CALLS_A_MONTH) -> Iterator[Entry]:
    """The calls of a month."""
    figures = {
        "SK": "TRANSCRIPT#2026-11-20#0",
        "call_id": "0",
        "kind": "agent",
        "source": "batch",
        "started_at": "2026-11-20T10:00:00+00:00",
        "duration_seconds": 300.5,
        "word_count": 960,
        "confidence": 0.94,
        "flags": {"urgent": False, "complaint": False},
        "quality": {"score": 78},
        "reliability": {"level": "high", "reasons": [], "evidence": []},
        "cost": {"total_usd": 0.02},
    }
    for number in range(calls):
        day = (month + timedelta(days=number * 28 // calls)).isoformat()
        call_id = f"{chance.getrandbits(128):032x}"
        said = words(_TURNS * _WORDS_OF_A_TURN, chance)
        turns = [" ".join(said[first : first + _WORDS_OF_A_TURN]) for first in range(0, len(said), _WORDS_OF_A_TURN)]
        yield Entry(
            key=CallKey(day=day, call_id=call_id),
            listed=f"{day}T10:00:00Z#{call_id}",
            version="transcripts/x.json.gz#3#0",
            figures=msgspec.Raw(encode_json({**figures, "call_id": call_id})),
            text="\n".join(turns),
            starts=tuple(index * 7.5 for index in range(_TURNS)),
            roles=("agent", "customer") * (_TURNS // 2),
        )


def divided(part: Part) -> Iterator[tuple[str, Part]]:
    """A month's parts, as they are once they have been divided often enough."""
    name = "01"
    while len(written_part(part)) > MOST_BYTES:
        part = part.divided()
        rest = part.split_off()
        yield from divided_from(name, part.let_go())
        assert part.until is not None
        name, part = part.until, rest
    yield name, part


def divided_from(name: str, part: Part) -> Iterator[tuple[str, Part]]:
    """A part's parts."""
    for bound, one in divided(part):
        yield (name if bound == "01" else bound), one


@dataclass(frozen=True, kw_only=True)
class Searched:
    """What a search over all months took.

    Attributes:
        title: What was looked for.
        calls: Calls that were searched.
        requests: To S3.
        bytes: That were read, packed.
        seconds: Of a processor.
    """

    title: str
    calls: int
    requests: int
    bytes: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Year:
    """The months of a clinic, and what searching them took.

    Attributes:
        calls: Calls of all months.
        parts: Parts of the shards.
        bytes: Of all parts, packed.
        update_seconds: Of a processor, the most that writing a part took.
        searches: What was searched for.
    """

    calls: int
    parts: int
    bytes: int
    update_seconds: float
    searches: tuple[Searched, ...]


def measure(months: int = MONTHS, calls_a_month: int = CALLS_A_MONTH) -> Year:
    """Make up the months, and search them."""
    chance, bucket = random.Random(1), Bucket()
    update = 0.0
    for number in range(months):
        month = date(2026, number + 1, 1)
        part = Part().changed({entry.key: entry for entry in entries(month, chance, calls_a_month)}, now=0)
        for name, one in divided(part):
            began = time.process_time()
            packed = gzip.compress(written_part(one), compresslevel=6, mtime=0)
            update = max(update, time.process_time() - began)
            bucket.packed[shard_part_key("clinic", f"{month:%Y-%m}", name)] = packed
    size, parts = sum(map(len, bucket.packed.values())), len(bucket.packed)
    bucket.packed[SEARCH_STATE] = gzip.compress(encode_json(SearchState(since="2026-01-01", whole=True)))
    searches = tuple(_search(bucket, title, query) for title, query in QUERIES.items())
    return Year(calls=months * calls_a_month, parts=parts, bytes=size, update_seconds=update, searches=searches)


def _search(bucket: Bucket, title: str, query: str) -> Searched:
    session: Any = type("Session", (), {"clinic_id": "clinic", "table": None, "s3": bucket, "shards": bucket})
    bucket.requests = bucket.bytes = 0
    began, page, searched = time.process_time(), None, 0
    cursor = None
    while page is None or cursor is not None:
        page = ClinicSearch(session, session).page(SearchAsked(query=query, cursor=cursor))
        searched, cursor = searched + page.searched, page.cursor
    return Searched(
        title=title,
        calls=searched,
        requests=bucket.requests,
        bytes=bucket.bytes,
        seconds=time.process_time() - began,
    )


def figures(year: Year) -> Figures:
    """The searches as a table."""
    note = (
        f"{year.calls:,} calls lie in {year.parts} parts, {year.bytes / 1e6:.1f} MB packed; "
        f"writing a part anew takes {year.update_seconds:.2f} s of a processor."
    )
    return Figures(
        name="search",
        title="Searching all months of a clinic",
        columns=("looked for", "calls", "requests to S3", "MB read", "CPU s"),
        rows=tuple(
            (one.title, f"{one.calls:,}", f"{one.requests}", f"{one.bytes / 1e6:.1f}", f"{one.seconds:.2f}")
            for one in year.searches
        ),
        notes=(note,),
    )


if __name__ == "__main__":
    Console().print(figures(measure()).for_terminal())
