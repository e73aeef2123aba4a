import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.foreign import MAX_NAME, bounded_text, finite, share, valid_text

ANY_TEXT = st.text(st.characters(exclude_categories=[]))
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
)


@given(ANY_TEXT)
def test_any_text_can_be_written_afterwards_and_valid_ones_stay_as_they_are(text: str) -> None:
    written = valid_text(text).encode()
    assert len(valid_text(text)) == len(text)
    try:
        assert text.encode() == written
    except UnicodeEncodeError:
        assert "�" in valid_text(text)


def test_a_pair_of_surrogates_is_one_character_and_stays() -> None:
    assert valid_text(json.loads(r'"\ud83d\ude00 \ud83d \\ud800"')) == "😀 � \\ud800"


@given(ANY_TEXT, st.integers(1, 50))
def test_a_text_that_is_too_long_says_that_it_was_cut(text: str, most: int) -> None:
    bounded = bounded_text(text, most)
    assert len(bounded) <= most
    assert (bounded == valid_text(text)) == (len(text) <= most)
    assert bounded.endswith("…") or len(text) <= most or bounded == valid_text(text)


def test_a_name_of_300_kilobytes_becomes_a_name() -> None:
    assert len(bounded_text("m" * 300_000)) == MAX_NAME


@given(ANY_JSON)
def test_a_number_is_finite_and_within_its_bound_or_unknown(value: Any) -> None:
    number = finite(value, most=1e7)
    assert number is None or (math.isfinite(number) and abs(number) <= 1e7)
    found = share(value)
    assert found is None or 0.0 <= found <= 1.0


@pytest.mark.parametrize(
    ("value", "confidence"), [(0.98765, 0.9877), (1, 1.0), (1.0000001, 1.0), (-1e-9, 0.0), (-0.0, 0.0)]
)
def test_a_confidence_is_a_share(value: float, confidence: float) -> None:
    assert share(value) == confidence


@pytest.mark.parametrize("value", [None, True, "0.9", 1e200, -1e130, 10**400, math.inf, math.nan, [0.9], {}])
def test_a_confidence_that_is_no_share_is_unknown(value: Any) -> None:
    assert share(value) is None
