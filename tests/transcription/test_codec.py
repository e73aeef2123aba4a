"""What is written today is read tomorrow, and what tomorrow writes is read today."""

from dataclasses import dataclass

import pytest

from transcription.codec import Undecodable, decode, encode


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


def test_a_field_without_default_is_required() -> None:
    with pytest.raises(Undecodable, match=r"outer\.parts\[0\] has no name"):
        decode(Outer, {"inner": {"name": "a"}, "parts": [{}]}, "outer")
