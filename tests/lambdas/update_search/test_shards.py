"""The shards follow the table: whoever writes at the same time, wherever somebody dies, and however large they grow."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from callscribe.search.shards import CallKey
from callscribe.table_values import attribute
from lambdas.call_console.search import ClinicSearch, SearchAsked
from lambdas.call_console.sessions import ClinicSession, SearchSession
from lambdas.common.archive import Archive, ArchivedObject
from lambdas.common.errors import TransientError
from lambdas.update_search.shards import Shards
from tests.lambdas.call_console.conftest import Console, console, functions
from tests.lambdas.cloud import Cloud
from tests.lambdas.scenes import Killed

__all__ = ["console", "functions"]

SMALL = 3000


class Bucket(Archive):
    """The bucket of the shards, in which something happens at some writes.

    Attributes:
        before: Called before each write with its number.
        after: Called behind each.
    """

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(s3=cloud.s3, bucket="search")
        self.writes = 0
        self.before: Callable[[int], None] = lambda _: None
        self.after: Callable[[int], None] = lambda _: None

    def write_over(self, seen: ArchivedObject | None, key: str, content: bytes, **options: Any) -> bool:
        self.writes += 1
        number = self.writes
        self.before(number)
        written = super().write_over(seen, key, content, **options)
        self.after(number)
        return written


class Clinic:
    """A clinic with calls that have figures and words, and what is searched of them."""

    def __init__(self, cloud: Cloud, template: dict[str, Any]) -> None:
        self.cloud, self._template = cloud, template
        self.bucket = Bucket(cloud)
        [self._document] = [Archive(s3=cloud.s3, bucket="archive").read(key) for key in cloud.archived("transcripts/")]
        cloud.table.delete_item(Key={"PK": template["PK"], "SK": template["SK"]})

        self.now = 0.0

    def shards(self, bucket: Archive | None = None) -> Shards:
        return Shards(
            table=self.cloud.table,
            archive=Archive(s3=self.cloud.s3, bucket="archive"),
            shards=bucket or self.bucket,
            s3=self.cloud.s3,
            most_bytes=SMALL,
            pause=lambda _: None,
            clock=lambda: self.now,
        )

    def put(self, number: int, *, day: int | None = None, **more: Any) -> CallKey:
        """Store a call; returns its key."""
        day_name = f"2026-11-{day or number % 5 + 1:02}"
        key = CallKey(day=day_name, call_id=f"call-{number}")
        listed = f"{day_name}T10:{number:02}:00Z#{key.call_id}"
        own = {"SK": f"TRANSCRIPT#{day_name}#{key.call_id}", "GSI2SK": listed, "call_id": key.call_id}
        began = {"started_at": f"{day_name}T10:{number:02}:00+00:00", "day": day_name}
        self.cloud.table.put_item(Item=self._template | attribute(own | began | more))
        return key

    def delete(self, key: CallKey) -> CallKey:
        self.cloud.table.delete_item(Key={"PK": "CLINIC#harbour", "SK": f"TRANSCRIPT#{key.day}#{key.call_id}"})
        return key

    def found(self) -> list[str]:
        """All calls that are found, page by page."""
        session: Any = ClinicSession(clinic_id="harbour", table=self.cloud.table, s3=self.cloud.s3, archive=self.bucket)
        shards = SearchSession(clinic_id="harbour", s3=self.cloud.s3, shards=self.bucket)
        search = ClinicSearch(session, shards, now=lambda: self.now)
        names: list[str] = []
        cursor: str | None = None
        while True:
            page = search.page(SearchAsked(query="doctor", filters={"limit": "7"}, cursor=cursor))
            names += [one.call.call_id for one in page.calls]
            cursor = page.cursor
            if cursor is None:
                return names

    def parts(self) -> list[str]:
        listing = self.cloud.s3.list_objects_v2(Bucket="search", Prefix="search/").get("Contents", [])
        return [entry["Key"] for entry in listing]

    def expected(self) -> list[str]:
        """The calls of the table, the newest first."""
        items = [item for item in self.cloud.items() if item["SK"].startswith("TRANSCRIPT#")]
        return [item["call_id"] for item in sorted(items, key=lambda item: item["GSI2SK"], reverse=True)]


@pytest.fixture
def clinic(console: Console) -> Clinic:
    console.store()
    [item] = [item for item in console.cloud.items() if item["SK"].startswith("TRANSCRIPT#")]
    small = ("utterances", "turns", "full_transcript", "options", "audio", "roles", "cost", "flag_evidence", "quality")
    return Clinic(console.cloud, {name: value for name, value in item.items() if name not in small})


def test_a_shard_that_grows_is_divided_and_every_call_is_found_once(clinic: Clinic) -> None:
    shards = clinic.shards()
    keys = [clinic.put(number) for number in range(40)]
    random.Random(7).shuffle(keys)
    for first in range(0, len(keys), 9):
        shards.update("harbour", keys[first : first + 9])
    assert len(clinic.parts()) > 5
    assert clinic.found() == clinic.expected()


def test_calls_of_one_day_can_be_divided_too(clinic: Clinic) -> None:
    shards = clinic.shards()
    for number in range(20):
        shards.update("harbour", [clinic.put(number, day=9)])
    assert len(clinic.parts()) > 1
    assert clinic.found() == clinic.expected()


def test_what_is_up_to_date_is_not_written_again(clinic: Clinic) -> None:
    shards = clinic.shards()
    keys = [clinic.put(number) for number in range(3)]
    shards.update("harbour", keys)
    written = clinic.bucket.writes
    shards.update("harbour", keys)
    assert clinic.bucket.writes == written


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("death", range(1, 7))
def test_a_death_at_any_write_loses_nothing_once_the_change_is_sent_again(
    clinic: Clinic, death: int, after: bool
) -> None:
    keys = [clinic.put(number) for number in range(16)]
    clinic.shards().update("harbour", keys[:8])
    clinic.bucket.writes = 0

    def dies(number: int) -> None:
        if number == death:
            raise Killed

    setattr(clinic.bucket, "after" if after else "before", dies)
    for key in keys[8:]:
        try:
            clinic.shards().update("harbour", [key])
        except Killed:
            assert sorted(clinic.found()) == sorted({*clinic.found()}), "a call is found twice"
            assert {f"call-{number}" for number in range(8)} <= {*clinic.found()}, "an earlier call is lost"
            clinic.shards().update("harbour", [key])
    assert clinic.found() == clinic.expected()


@pytest.mark.parametrize("race", range(1, 6))
def test_a_change_that_comes_between_reading_and_writing_is_not_written_over(clinic: Clinic, race: int) -> None:
    keys = [clinic.put(number) for number in range(16)]
    other = clinic.shards(Archive(s3=clinic.cloud.s3, bucket="search"))
    other.update("harbour", keys[:6])

    def interferes(number: int) -> None:
        if number == race:
            other.update("harbour", [clinic.delete(keys[0]), *keys[6:9], clinic.put(40, day=2)])

    clinic.bucket.before = interferes
    for key in keys[9:]:
        clinic.shards().update("harbour", [key])
    assert clinic.found() == clinic.expected()


def test_words_that_are_deleted_while_a_part_is_divided_leave_all_parts(clinic: Clinic) -> None:
    keys = [clinic.put(number) for number in range(16)]
    shards = clinic.shards()

    def dies(_: int) -> None:
        if len(clinic.parts()) > 1:
            raise Killed

    clinic.bucket.after = dies
    with suppress(Killed):
        shards.update("harbour", keys)
    clinic.bucket.after = lambda _: None
    assert len(clinic.parts()) == 2
    for key in keys:
        clinic.delete(key)
        shards.update("harbour", [key])
    for part in clinic.parts():
        archived = clinic.bucket.read(part)
        assert archived is not None
        assert b"doctor" not in archived.content


def test_words_are_searched_no_longer_than_their_transcript_lasts(clinic: Clinic) -> None:
    """DynamoDB deletes what has expired days later, and until then its change does not come."""
    brief, long = clinic.put(1, day=1, expires_at=1000), clinic.put(2, day=1)
    clinic.shards().update("harbour", [brief, long])
    assert clinic.found() == ["call-2", "call-1"]
    clinic.now = 1000.0
    assert clinic.found() == ["call-2"]
    # Whatever is written to the part next takes its words out, and nothing brings them back.
    clinic.shards().update("harbour", [clinic.put(3, day=1), brief])
    clinic.now = 0.0
    assert clinic.found() == ["call-3", "call-2"]


def test_an_expiry_that_was_noted_since_counts_at_once(clinic: Clinic) -> None:
    clinic.shards().update("harbour", [clinic.put(1)])
    clinic.put(1, expires_at=1000)
    clinic.now = 1000.0
    assert clinic.found() == []


def test_a_part_that_others_keep_writing_is_given_up_in_the_end(clinic: Clinic) -> None:
    key = clinic.put(1)
    clinic.bucket.write_over = lambda *_, **__: False  # type: ignore[method-assign]
    with pytest.raises(TransientError, match="keep writing"):
        clinic.shards().update("harbour", [key])


def test_a_month_is_brought_to_what_the_table_has_some_calls_at_a_time(clinic: Clinic) -> None:
    keys = [clinic.put(number) for number in range(12)]
    clinic.shards().update("harbour", keys[:6])
    for key in keys[:3]:
        clinic.delete(key)
    after, rounds = None, 0
    while rounds == 0 or after is not None:
        _, after = clinic.shards().update_month("harbour", "2026-11", after=after, most=5)
        rounds += 1
    assert rounds == 3
    assert clinic.found() == clinic.expected() != []
    done, _ = clinic.shards().update_month("harbour", "2026-11", after=None, most=50)
    assert done.calls == 9, "what is gone is gone from the shard, too"


def test_a_reader_that_meets_a_division_lists_the_parts_again(clinic: Clinic) -> None:
    keys = [clinic.put(number) for number in range(12)]
    clinic.shards().update("harbour", keys[:1])
    read = clinic.bucket.read

    def divided_meanwhile(key: str) -> ArchivedObject | None:
        if key.startswith("search/"):
            clinic.bucket.read = read  # type: ignore[method-assign]
            clinic.shards().update("harbour", keys)
        return read(key)

    clinic.bucket.read = divided_meanwhile  # type: ignore[method-assign]
    assert clinic.found() == clinic.expected()
    assert len(clinic.parts()) > 1
