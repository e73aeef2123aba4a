from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from lambdas.common.contact_flow import ContactFlowEvent, answer
from tests.fakes.contact_flow import CUSTOMER_NUMBER, audio, contact_flow_event


@pytest.mark.parametrize(
    "broken",
    [
        {"ContactId": [CUSTOMER_NUMBER]},
        {"MediaStreams": {"Customer": {"Audio": audio(StartTimestamp=CUSTOMER_NUMBER + "x")}}},
    ],
)
def test_an_error_does_not_quote_the_event(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        ContactFlowEvent.model_validate(contact_flow_event(**broken))
    assert "5550107788" not in str(raised.value)


def test_the_callers_number_is_not_even_kept() -> None:
    assert "5550107788" not in repr(ContactFlowEvent.model_validate(contact_flow_event()))


@pytest.mark.parametrize(
    ("parameters", "attributes", "value"),
    [
        ({"clinic_id": "a"}, {"clinic_id": "b"}, "a"),
        ({"clinic_id": ""}, {"clinic_id": "b"}, "b"),
        ({}, {}, None),
        (None, None, None),
    ],
)
def test_a_parameter_of_the_block_comes_before_an_attribute_of_the_contact(
    parameters: dict[str, str] | None, attributes: dict[str, str] | None, value: str | None
) -> None:
    event = contact_flow_event(Attributes=attributes)
    event["Details"]["Parameters"] = parameters
    assert ContactFlowEvent.model_validate(event).value("clinic_id") == value


def test_an_answer_is_a_flat_map_of_texts_that_a_flow_takes() -> None:
    answered = answer("refused", "no-media-stream")
    assert all(text.replace("-", "").replace("_", "").isalnum() for pair in answered.items() for text in pair)
