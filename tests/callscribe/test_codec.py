"""What is written today is read tomorrow, and what tomorrow writes is read today."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from callscribe.codec import OpenEnum, Undecodable, decode, encode


@dataclass(frozen=True, kw_only=True)
class Inner:
    name: str
    numerals: bool = False


@dataclass(frozen=True, kw_only=True)
class Outer:
    inner: Inner
    parts: tuple[Inner, ...] = ()
    note: str | None = None


def test_a_field_that_came_later_has_its_default() -> None:
    assert decode(Outer, {"inner": {"name": "a"}}, "outer") == Outer(inner=Inner(name="a"))


def test_a_field_of_a_newer_writer_is_passed_over() -> None:
    written = encode(Outer(inner=Inner(name="a"))) | {"unheard_of": 1}
    assert decode(Outer, written, "outer") == Outer(inner=Inner(name="a"))


def test_values_other_than_the_defaults_survive() -> None:
    value = Outer(inner=Inner(name="a", numerals=True), parts=(Inner(name="b", numerals=True),), note="c")
    assert decode(Outer, encode(value), "outer") == value


@dataclass(frozen=True, kw_only=True)
class Shapes:
    pair: tuple[int, str] = (1, "a")
    record: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    count: int = 0


def test_pairs_and_records_survive() -> None:
    value = Shapes(pair=(2, "b"), record={"a": [1, None, {"b": True}]}, figures={"c": 0.5}, count=3)
    assert decode(Shapes, json.loads(json.dumps(encode(value))), "shapes") == value


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ({"pair": [1]}, "shapes.pair has not 2 parts"),
        ({"pair": [1, "a", "xyzzy"]}, "shapes.pair has not 2 parts"),
        ({"pair": ["xyzzy", "a"]}, r"shapes.pair\[0\] is of another type"),
        ({"record": "xyzzy"}, "shapes.record is not an object"),
        ({"figures": {"c": "xyzzy"}}, "shapes.figures.c is of another type"),
        ({"count": 1.5}, "shapes.count is of another type"),
        ({"count": float("inf")}, "shapes.count has no value of its kind"),
        ({"count": float("nan")}, "shapes.count has no value of its kind"),
    ],
)
def test_another_shape_is_refused_by_place(written: dict[str, Any], place: str) -> None:
    with pytest.raises(Undecodable, match=place) as error:
        decode(Shapes, written, "shapes")
    assert "xyzzy" not in str(error.value)


def test_a_whole_number_is_one_however_it_is_written() -> None:
    assert decode(Shapes, {"count": 3.0}, "shapes").count == 3


class Row(NamedTuple):
    name: str
    weight: float
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    rows: tuple[Row, ...] | None = None


def test_what_there_is_much_of_is_written_in_rows() -> None:
    value = Table(rows=(Row("pear", 0.5, "ripe"), Row("fig", 1.0)))
    written = json.loads(json.dumps(encode(value)))
    assert written == {"rows": [["pear", 0.5, "ripe"], ["fig", 1.0, None]]}
    assert decode(Table, written, "table") == value


def test_a_row_of_another_version_is_read() -> None:
    read = decode(Table, {"rows": [["pear", 1], ["fig", 0.5, None, "of tomorrow"]]}, "table")
    assert read.rows == (Row("pear", 1.0), Row("fig", 0.5))


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        ([["xyzzy"]], r"table.rows\[0\] has too few parts"),
        ([["xyzzy", "xyzzy"]], r"table.rows\[0\]\[weight\] is of another type"),
        (["xyzzy"], r"table.rows\[0\] is not a list"),
    ],
)
def test_a_row_that_is_none_is_refused_by_place(rows: Any, place: str) -> None:
    with pytest.raises(Undecodable, match=place) as error:
        decode(Table, {"rows": rows}, "table")
    assert "xyzzy" not in str(error.value)


class Fruit(OpenEnum):
    PEAR = "pear"


def test_a_name_that_came_later_is_kept_and_is_no_other() -> None:
    quince = Fruit("quince")
    assert (quince, f"{quince}", encode(quince), quince.name) == ("quince", "quince", "quince", "quince")
    assert quince == Fruit("quince")
    assert quince not in Fruit.__members__.values()
    assert Fruit("pear") is Fruit.PEAR


@pytest.mark.parametrize("value", ["", "My name is Miller", "+1 555 010 7788", "x" * 65, 5, None])
def test_what_is_no_name_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="is not a valid Fruit"):
        Fruit(value)


def test_a_field_without_default_is_required() -> None:
    with pytest.raises(Undecodable, match=r"outer\.parts\[0\] has no name"):
        decode(Outer, {"inner": {"name": "a"}, "parts": [{}]}, "outer")
