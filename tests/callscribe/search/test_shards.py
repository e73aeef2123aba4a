"""The parts of shards: what they are made of, and how they are divided."""

from __future__ import annotations

import msgspec
import pytest

from callscribe.contract.call_kind import CallKind
from callscribe.contract.table_keys import transcript_key
from callscribe.search.shards import CallKey, Entry, Part, days_of, part_of, read_part, written_part


def entry(day: int, number: int, text: str = "Hello.") -> Entry:
    key = CallKey(day=f"2026-11-{day:02}", call_id=f"call-{number}")
    return Entry(
        key=key, listed=f"{key.day}T10:00:00Z#{key.call_id}", version="v", figures=msgspec.Raw(b"{}"), text=text
    )


def part(*entries: Entry) -> Part:
    return Part().changed({one.key: one for one in entries}, now=0)


@pytest.mark.parametrize("kind", list(CallKind))
@pytest.mark.parametrize("call_id", ["call-7", "a#b", "2026-11-20"])
def test_a_call_is_known_by_the_key_of_its_item(call_id: str, kind: CallKind) -> None:
    key = CallKey.of_sort_key(transcript_key("harbour", "2026-11-20", call_id, kind).sk)
    assert key == CallKey(day="2026-11-20", call_id=call_id, kind=kind)


@pytest.mark.parametrize(
    "sort_key", ["CLAIM", "TRANSCRIPT#", "TRANSCRIPT#2026-11-20", "TRANSCRIPT#today#x", "REVIEW#2026"]
)
def test_other_items_are_no_calls(sort_key: str) -> None:
    assert CallKey.of_sort_key(sort_key) is None


def test_a_part_is_divided_between_days_where_that_is_possible() -> None:
    divided = part(*(entry(day, number) for day in (3, 4, 5, 6) for number in range(10))).divided()
    assert divided.until == "05"
    assert {one.key.day for one in divided.entries} == {"2026-11-03", "2026-11-04"}
    assert len(divided.moving) == 20


def test_a_day_is_divided_where_there_is_no_other_way() -> None:
    whole = part(*(entry(3, number) for number in range(10)))
    divided = whole.divided()
    assert (len(divided.entries), len(divided.moving)) == (5, 5)
    assert all(one.key.place < str(divided.until) for one in divided.entries)
    assert all(one.key.place >= str(divided.until) for one in divided.moving)
    assert divided.split_off() == Part(entries=divided.moving)
    assert divided.let_go().changed({one.key: one for one in divided.moving}, now=0).entries == whole.entries


def test_a_divided_part_ends_where_the_new_one_begins_and_that_where_the_former_ended() -> None:
    first = part(*(entry(day, number) for day in (3, 4) for number in range(4))).divided()
    again = first.let_go().divided()
    assert again.moving_until == first.until == "04"
    assert again.split_off().until == "04"


def test_days_are_never_in_two_groups() -> None:
    assert days_of(["01", "05", "05-ab", "05-cd", "09"]) == [["01"], ["05", "05-ab", "05-cd"], ["09"]]
    assert days_of(["01", "03-ab"]) == [["01", "03-ab"]]


def test_a_call_is_in_the_last_part_that_begins_before_it() -> None:
    key = entry(5, 1).key
    assert part_of(["01", "05", "09"], key) == "05"
    assert part_of(["01", "05-ffffffffffffffff"], key) == "01"
    assert part_of([], key) == "01"


def test_a_part_is_read_as_it_was_written() -> None:
    divided = part(*(entry(day, 1, "Grüß Gott.\nHello.") for day in (3, 4))).divided()
    assert written_part(read_part(written_part(divided))) == written_part(divided)
