"""Search over the words of one clinic's calls."""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from callscribe.console.listing import CallRow, ListQuery, row_of
from callscribe.contract.object_keys import SEARCH_STATE, clinic_shards, shard_part_key, shard_part_of
from callscribe.contract.table_keys import EXPIRY, clinic_partition, has_expired, transcript_key
from callscribe.search.shards import (
    FIGURES,
    IDENTITY,
    Entry,
    Part,
    SearchState,
    days_of,
    read_part,
    version_of,
)
from callscribe.search.terms import InvalidTerms, Snippet, Terms, chosen, snippet
from callscribe.serialization import decode_json
from callscribe.table_values import plain
from lambdas.call_console.calls import read_items
from lambdas.call_console.errors import BadRequest, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lambdas.call_console.sessions import ClinicSession, SearchSession

_MOST_SNIPPETS: Final = 3
_READERS: Final = 8
# Half of what the API waits for: what was found by then is worth more than an error.
_SECONDS: Final = 12.0
_MOST_LISTINGS: Final = 3
_BOUND: Final = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z#.{1,600})?", re.DOTALL)
_DEFAULT_LIMIT: Final = "20"


class SearchAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody looks for.

    Attributes:
        query: Words, and phrases in quotes.
        said_by: By whom it must be said; None for anybody.
        filters: What the calls must be, as the parameters of the list.
        cursor: Where to go on.
    """

    query: Annotated[str, msgspec.Meta(max_length=1000)]
    said_by: Literal["agent", "customer", "announcement", "unknown"] | None = None
    filters: dict[str, str] = {}
    cursor: Annotated[str, msgspec.Meta(max_length=2048)] | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    """A call that has what is looked for.

    Attributes:
        call: Its row in the list.
        places: In how many places it has it.
        snippets: The first of them, at least one for each word and phrase that there is room for.
    """

    call: CallRow
    places: int
    snippets: tuple[Snippet, ...]


@dataclass(frozen=True, kw_only=True)
class SearchPage:
    """Some of the calls that have what is looked for.

    Attributes:
        calls: The calls, the newest first.
        searched: Calls that were looked at, from the newest on.
        without_words: Those of them that may have it: their words cannot be read.
        changed: Calls that had it, but have changed, or are gone, since they were looked at last.
        cursor: Where to go on; None where nothing is left.
        searched_from: The time, or the day (UTC), back to which all calls were looked at; None where nothing is left.
        since: Where calls that were stored before this time may be missing, the time (ISO 8601); else None.
    """

    calls: tuple[Found, ...]
    searched: int
    without_words: int
    changed: int
    cursor: str | None
    searched_from: str | None
    since: str | None


@dataclass(kw_only=True)
class _Progress:
    """What a request has found so far."""

    matches: list[tuple[Entry, int, tuple[Snippet, ...]]] = field(default_factory=list)
    searched: int = 0
    without_words: int = 0


class ClinicSearch:
    """Searches the words of one clinic.

    Args:
        session: What is the clinic's.
        search: With which its shards are read.
        clock: Tells seconds that go by.
        now: Tells the time, in seconds since 1970.
    """

    def __init__(
        self,
        session: ClinicSession,
        search: SearchSession,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._search = search
        self._clock = clock
        self._now = now

    def page(self, asked: SearchAsked) -> SearchPage:
        """Return some calls that have what is looked for.

        Raises:
            BadRequest: Nothing can be looked for, or the cursor is none.
            InvalidQuery: A filter cannot be read.
            Unavailable: The shards are being divided, or a service throttles.
        """
        try:
            terms = Terms.of(asked.query)
        except InvalidTerms as error:
            raise BadRequest(str(error)) from None
        if "cursor" in asked.filters:
            raise BadRequest("cursor is no filter: it stands beside them")
        query = ListQuery.of({"limit": _DEFAULT_LIMIT, **asked.filters})
        before = None if asked.cursor is None else _bound_of(asked.cursor)
        began, done, bound = self._clock(), _Progress(), before
        for day, entries in self._groups(query, before):
            for entry in sorted(entries, key=lambda entry: entry.listed, reverse=True):
                if before is not None and entry.listed >= before:
                    continue
                self._look_at(entry, terms, asked.said_by, query, done)
                if len(done.matches) == query.limit:
                    return self._page(done, query, entry.listed)
            bound = day
            if self._clock() - began >= _SECONDS:
                return self._page(done, query, bound)
        return self._page(done, query, None)

    def _look_at(self, entry: Entry, terms: Terms, said_by: str | None, query: ListQuery, done: _Progress) -> None:
        if (query.begins_at is not None and entry.listed < query.begins_at) or (
            query.ends_before is not None and entry.listed >= query.ends_before
        ):
            return
        if has_expired(entry.expires_at, now=self._now()):
            return
        done.searched += 1
        if entry.text is None:
            done.without_words += query.admits(entry.row())
            return
        if not terms.maybe_in(entry.text) or not query.admits(entry.row()):
            return
        lines = entry.text.split("\n")
        spoken = zip(lines, entry.roles, strict=True)
        turns = [line if said_by in (None, role) else None for line, role in spoken] if entry.roles else []
        places = terms.places(turns)
        if places:
            snippets = tuple(
                snippet(lines[place[0]], place, start=entry.starts[place[0]], role=entry.roles[place[0]])
                for place in chosen(places, _MOST_SNIPPETS)
            )
            done.matches.append((entry, len(places), snippets))

    def _page(self, done: _Progress, query: ListQuery, bound: str | None) -> SearchPage:
        """Answer with what is there still, and the same words: what is searched follows the table by seconds."""
        clinic = self._session.clinic_id
        keys = [
            (clinic_partition(clinic), transcript_key(clinic, entry.key.day, entry.key.call_id, entry.key.kind).sk)
            for entry, _, _ in done.matches
        ]
        items = read_items(self._session.table, keys, {*FIGURES, *IDENTITY})
        calls: list[Found] = []
        for key, (entry, places, snippets) in zip(keys, done.matches, strict=True):
            item = plain(items[key]) if key in items else None
            if item is None or version_of(item) != entry.version or has_expired(item.get(EXPIRY), now=self._now()):
                continue
            row = row_of(item)
            if query.admits(row):
                calls.append(Found(call=row, places=places, snippets=snippets))
        return SearchPage(
            calls=tuple(calls),
            searched=done.searched,
            without_words=done.without_words,
            changed=len(keys) - len(calls),
            cursor=None if bound is None else base64.urlsafe_b64encode(bound.encode()).decode().rstrip("="),
            searched_from=None if bound is None else bound.partition("#")[0],
            since=self._since(),
        )

    def _since(self) -> str | None:
        # Without the right to list everything, S3 refuses to read what is not there.
        listing = self._search.s3.list_objects_v2(Bucket=self._search.shards.bucket, Prefix=SEARCH_STATE)
        archived = self._search.shards.read(SEARCH_STATE) if listing.get("Contents") else None
        if archived is None:
            return datetime.now(UTC).isoformat()
        state = decode_json(SearchState, archived.content, "the state of the search")
        return None if state.whole else state.since

    def _groups(self, query: ListQuery, before: str | None) -> Iterator[tuple[str, list[Entry]]]:
        """The calls of whole days, the newest first, each with the first of its days."""
        first, last = query.begins_at or "", min(filter(None, (query.ends_before, before)), default="9")
        wanted: list[tuple[str, str, str | None, list[str]]] = []
        for month, names in sorted(self._listed().items(), reverse=True):
            end: str | None = None
            for start in reversed([group[0] for group in days_of(names)]):
                if f"{month}-{start}" < last and f"{month}-{end or '32'}" > first:
                    wanted.append((month, start, end, names))
                end = start
        readers = ThreadPoolExecutor(_READERS)
        try:
            coming = deque(readers.submit(self._read, *group) for group in wanted[:_READERS])
            for number, (month, start, *_) in enumerate(wanted):
                entries = coming.popleft().result()
                coming.extend(readers.submit(self._read, *group) for group in wanted[number + _READERS :][:1])
                yield f"{month}-{start}", entries
        finally:
            readers.shutdown(cancel_futures=True)

    def _listed(self) -> dict[str, list[str]]:
        """The parts of every month, in order."""
        pages = self._search.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._search.shards.bucket, Prefix=clinic_shards(self._search.clinic_id)
        )
        months: dict[str, list[str]] = {}
        for page in pages:
            for entry in page.get("Contents", []):
                month, name = shard_part_of(entry["Key"])
                months.setdefault(month, []).append(name)
        return {month: sorted(names) for month, names in months.items()}

    def _read(self, month: str, start: str, end: str | None, listed: Sequence[str]) -> list[Entry]:
        """The calls of the parts from one bound to another, none of them twice or left out.

        Raises:
            Unavailable: They are divided faster than they are read.
        """
        for _ in range(_MOST_LISTINGS):
            names = [name for name in listed if start <= name and (end is None or name < end)]
            archived = [self._search.shards.read(shard_part_key(self._search.clinic_id, month, name)) for name in names]
            parts = [Part(until="") if one is None else read_part(one.content) for one in archived]
            entries: list[Entry] = []
            for part, following in zip(parts, [*names[1:], end], strict=True):
                moves = part.until != following and part.moving
                if (part.moving_until if moves else part.until) != following:
                    break
                entries += [*part.entries, *(part.moving if moves else ())]
            else:
                return entries
            listed = self._listed()[month]
        raise Unavailable


def _bound_of(cursor: str) -> str:
    """Read a cursor: where what was looked at ends.

    Raises:
        BadRequest: It is none.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        bound = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        bound = ""
    if not _BOUND.fullmatch(bound):
        raise BadRequest("cursor is none of ours: leave it out to begin anew")
    return bound
