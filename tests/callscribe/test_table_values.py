from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from callscribe.table_values import attribute, plain

LEAVES = st.text() | st.booleans() | st.integers(-(10**12), 10**12) | st.decimals(-9999, 9999, places=4).map(float)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1), inner))


@given(VALUES)
def test_a_value_comes_back_from_the_table_as_it_went(value: Any) -> None:
    stored = TypeDeserializer().deserialize(TypeSerializer().serialize(attribute(value)))
    assert plain(stored) == value


def test_fractions_have_six_decimals_and_nothing_is_left_out() -> None:
    assert attribute({"share": 1 / 3, "none": None, "flag": True}) == {"share": Decimal("0.333333"), "flag": True}
