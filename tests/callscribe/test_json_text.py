import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.json_text import UnreadableJson, read_json

LARGEST = 10**38 - 1
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST, LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_what_was_written_is_read(value: Any, escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped)
    assert read_json(text) == read_json(text.encode()) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "not JSON", id="nothing"),
        pytest.param("xyzzy", "not JSON", id="words"),
        pytest.param('{"a": 1} xyzzy', "not JSON", id="more behind it"),
        pytest.param("[" * 100_000, "nested too deeply", id="brackets"),
        pytest.param('{"a":' * 100_000, "nested too deeply", id="braces"),
        pytest.param("[" * 100_000 + "]" * 100_000, "nested too deeply", id="closed brackets"),
        pytest.param("NaN", "not a number", id="NaN"),
        pytest.param('{"a": [-Infinity]}', "not a number", id="infinity"),
        pytest.param("1e999", "too large", id="beyond a float"),
        pytest.param("1" * 39, "too large", id="39 digits"),
        pytest.param("-" + "9" * 10_000, "too large", id="10,000 digits"),
        pytest.param(r'"xyzzy \ud83d"', "not Unicode", id="half a pair"),
        pytest.param(r'{"\uDC00": 1}', "not Unicode", id="half a pair as a name"),
        pytest.param('"\ud83d"', "not Unicode", id="half a pair, unescaped"),
        pytest.param(b'"\xff\xfe"', "not Unicode", id="other bytes"),
        pytest.param('"a"'.encode("utf-16"), "not Unicode", id="utf-16"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_not_quoted(text: str | bytes, problem: str) -> None:
    with pytest.raises(UnreadableJson, match=problem) as error:
        read_json(text)
    assert "xyzzy" not in str(error.value)
    assert error.value.__cause__ is None


def test_a_whole_pair_is_a_character() -> None:
    assert read_json(r'"\ud83d\ude00"') == "😀"


@given(st.text(alphabet='[]{}",:0123456789.eE-\\udc ') | st.binary())
def test_whatever_is_sent_is_read_or_refused(sent: str | bytes) -> None:
    with suppress(UnreadableJson):
        json.dumps(read_json(sent), allow_nan=False).encode()
