"""What is written today is read tomorrow, and what tomorrow writes is read today."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.serialization import InvalidData, OpenEnum, decode, decode_json, encode, encode_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    name: str
    numerals: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    inner: Inner
    parts: tuple[Inner, ...] = ()
    note: str | None = None


def test_a_field_that_came_later_has_its_default() -> None:
    assert decode(Outer, {"inner": {"name": "a"}}, "outer") == Outer(inner=Inner(name="a"))


def test_a_field_of_a_newer_writer_is_ignored() -> None:
    written = encode(Outer(inner=Inner(name="a"))) | {"unheard_of": 1}
    assert decode(Outer, written, "outer") == Outer(inner=Inner(name="a"))


def test_values_other_than_the_defaults_survive() -> None:
    value = Outer(inner=Inner(name="a", numerals=True), parts=(Inner(name="b", numerals=True),), note="c")
    assert decode(Outer, encode(value), "outer") == value
    assert decode_json(Outer, encode_json(value), "outer") == value


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    pair: tuple[int, str] = (1, "a")
    record: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    count: int = 0


def test_pairs_and_records_survive() -> None:
    value = Shapes(pair=(2, "b"), record={"a": [1, None, {"b": True}]}, figures={"c": 0.5}, count=3)
    assert decode(Shapes, json.loads(json.dumps(encode(value))), "shapes") == value


def test_times_are_written_as_they_always_were() -> None:
    """DynamoDB compares them as texts, with those that earlier versions wrote."""
    assert encode(datetime(2026, 3, 2, 9, 5, tzinfo=UTC)) == "2026-03-02T09:05:00+00:00"


def test_amounts_are_written_as_numbers() -> None:
    assert encode_json([Decimal("0.10")]) == b"[0.1]"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_json_cannot_write_is_not_written(number: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        encode_json({"share": number})


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ({"pair": [1]}, "shapes.pair has no value of its kind"),
        ({"pair": [1, "a", "xyzzy"]}, "shapes.pair has no value of its kind"),
        ({"pair": ["xyzzy", "a"]}, r"shapes.pair\[0\] is of another type"),
        ({"record": "xyzzy"}, "shapes.record is of another type"),
        ({"figures": {"c": "xyzzy"}}, r"shapes.figures\[...\] is of another type"),
        ({"count": 1.5}, "shapes.count is of another type"),
        ({"count": "3"}, "shapes.count is of another type"),
        ({"count": True}, "shapes.count is of another type"),
        ({"count": float("inf")}, "shapes.count is of another type"),
        ({"count": float("nan")}, "shapes.count is of another type"),
        (["xyzzy"], "shapes is of another type"),
    ],
)
def test_another_shape_is_refused_by_place(written: Any, place: str) -> None:
    with pytest.raises(InvalidData, match=f"^{place}") as error:
        decode(Shapes, written, "shapes")
    assert "xyzzy" not in str(error.value)


class Row(msgspec.Struct, frozen=True, array_like=True):
    name: str
    weight: float
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
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
        ([["xyzzy"]], r"table.rows\[0\] has no value of its kind"),
        ([["xyzzy", "xyzzy"]], r"table.rows\[0\]\[1\] is of another type"),
        (["xyzzy"], r"table.rows\[0\] is of another type"),
    ],
)
def test_a_row_that_is_none_is_refused_by_place(rows: Any, place: str) -> None:
    with pytest.raises(InvalidData, match=place) as error:
        decode(Table, {"rows": rows}, "table")
    assert "xyzzy" not in str(error.value)


class Fruit(OpenEnum):
    PEAR = "pear"


def test_a_name_that_came_later_is_kept_and_is_no_other() -> None:
    quince = decode(Fruit, "quince", "fruit")
    assert (quince, f"{quince}", encode(quince), quince.name) == ("quince", "quince", "quince", "quince")
    assert quince == Fruit("quince") == decode_json(Fruit, '"quince"', "fruit")
    assert quince not in Fruit.__members__.values()
    assert decode(Fruit, "pear", "fruit") is Fruit("pear") is Fruit.PEAR


@pytest.mark.parametrize("value", ["", "My name is Miller", "+1 555 010 7788", "x" * 65, 5, None])
def test_what_is_no_name_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="is not a valid Fruit"):
        Fruit(value)
    with pytest.raises(InvalidData, match=r"^fruit (has no value of its kind|is of another type)$"):
        decode(Fruit, value, "fruit")


def test_a_field_without_default_is_required() -> None:
    with pytest.raises(InvalidData, match=r"^outer\.parts\[0\] has no name$"):
        decode(Outer, {"inner": {"name": "a"}, "parts": [{}]}, "outer")


class Refused(ValueError):
    """What the class below says of itself."""


@dataclass(frozen=True, slots=True)
class Particular:
    name: str

    def __post_init__(self) -> None:
        if self.name != "right":
            raise Refused("the name is wrong")


def test_what_a_class_says_of_its_own_values_is_kept() -> None:
    with pytest.raises(Refused, match=r"^the name is wrong$"):
        decode_json(Particular, '{"name": "left"}', "particular")


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    """A field of each kind that msgspec speaks of in a way of its own."""

    text: Annotated[str, msgspec.Meta(max_length=2)]
    pattern: Annotated[str, msgspec.Meta(pattern="^a$")]
    number: Annotated[int, msgspec.Meta(ge=0)]
    share: float
    amount: Decimal
    moment: datetime
    flag: bool
    fruit: Fruit
    row: Row
    rows: tuple[Row, ...]
    pair: tuple[int, str]
    record: Mapping[str, int]
    inner: Inner
    optional: Inner | None


WHOLE: dict[str, Any] = {
    "text": "ab",
    "pattern": "a",
    "number": 1,
    "share": 0.5,
    "amount": 1.5,
    "moment": "2026-03-02T09:05:00+00:00",
    "flag": True,
    "fruit": "pear",
    "row": ["a", 1],
    "rows": [["a", 1]],
    "pair": [1, "a"],
    "record": {"a": 1},
    "inner": {"name": "a"},
    "optional": None,
}
SECRET = "xyzzy"
# Also such as imitate a message.
SECRETS = st.sampled_from(
    [
        SECRET,
        f"My name is {SECRET}",
        f"x' - at `$.{SECRET}`",
        f"Object missing required field `{SECRET}`",
        f"Object missing required field `{SECRET}` - at `$.{SECRET}`",
        f"{SECRET}\ud800",
    ]
)
ODD = st.recursive(
    SECRETS | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SECRETS, inner, max_size=3),
    max_leaves=5,
)


def test_the_whole_of_it_is_read() -> None:
    assert encode(decode(Everything, WHOLE, "all")) == WHOLE | {
        "row": ["a", 1.0, None],
        "rows": [["a", 1.0, None]],
        "inner": {"name": "a", "numerals": False},
    }


@given(st.sampled_from([*WHOLE]), ODD)
def test_no_message_says_what_was_read(name: str, value: Any) -> None:
    message = WHOLE | {name: value}
    for read in (
        lambda: decode(Everything, message, "all"),
        lambda: decode_json(Everything, json.dumps(message), "all"),
        lambda: decode(Everything, value, "all"),
        lambda: decode(Fruit, value, "fruit"),
    ):
        refusal = refused(read)
        assert SECRET not in str(refusal)
        assert refusal is None or (refusal.__cause__ is None and refusal.__suppress_context__)


def refused(read: Callable[[], object]) -> InvalidData | None:
    try:
        read()
    except InvalidData as error:
        return error
    return None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=20,
)


@given(JSON, st.booleans())
def test_what_was_written_is_read(value: Any, escaped: bool) -> None:
    text = json.dumps({"a": value}, ensure_ascii=escaped)
    assert decode_json(dict[str, Any], text, "it") == decode_json(dict[str, Any], text.encode(), "it") == {"a": value}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "not JSON", id="nothing"),
        pytest.param("xyzzy", "not JSON", id="words"),
        pytest.param('{"a": 1} xyzzy', "not JSON", id="more behind it"),
        pytest.param('{"a":' * 100_000, "nested too deeply", id="braces"),
        pytest.param('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply", id="closed brackets"),
        pytest.param('{"a": NaN}', "not JSON", id="NaN"),
        pytest.param('{"a": [-Infinity]}', "not JSON", id="infinity"),
        pytest.param('{"a": 1e999}', "no value of its kind", id="beyond a float"),
        pytest.param('{"a": -' + "9" * 10_000 + "}", "no value of its kind", id="10,000 digits"),
        pytest.param(r'{"a": "xyzzy \ud83d"}', "not JSON", id="half a pair"),
        pytest.param(r'{"\uDC00": 1}', "not JSON", id="half a pair as a name"),
        pytest.param('{"a": "\ud83d"}', "not JSON", id="half a pair, unescaped"),
        pytest.param(b'{"a": "\xff\xfe"}', "not JSON", id="other bytes"),
        pytest.param('{"a": 1}'.encode("utf-16"), "not JSON", id="utf-16"),
        pytest.param("[]", "is of another type", id="a list"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_not_quoted(text: str | bytes, problem: str) -> None:
    with pytest.raises(InvalidData, match=problem) as error:
        decode_json(dict[str, Any], text, "it")
    assert "xyzzy" not in str(error.value)
    assert error.value.__cause__ is None


def test_a_whole_pair_is_a_character() -> None:
    assert decode_json(dict[str, Any], r'{"a": "\ud83d\ude00"}', "it") == {"a": "😀"}


@given(st.text(alphabet='[]{}",:0123456789.eE-\\udc ') | st.binary())
def test_whatever_is_sent_is_read_or_refused(sent: str | bytes) -> None:
    with suppress(InvalidData):
        json.dumps(decode_json(dict[str, Any], sent, "it"), allow_nan=False).encode()
