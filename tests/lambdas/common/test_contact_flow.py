from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from callscribe.recordings.clinics import ContactFacts
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
    ("contact", "parameters", "facts"),
    [
        ({"Attributes": {"clinic_id": "b"}}, {"clinic_id": "a"}, {"parameter": "a", "attribute": "b"}),
        ({"Attributes": {"clinic_id": "b"}}, {"clinic_id": ""}, {"attribute": "b"}),
        ({"Attributes": {}}, {}, {}),
        ({"Attributes": None}, None, {}),
        ({"Queue": {"ARN": "arn:queue", "Name": "Lakeside"}}, {}, {"queue": "arn:queue"}),
        ({"Queue": {"Name": "Lakeside"}}, {}, {}),
        ({"SystemEndpoint": {"Address": "+4930", "Type": "TELEPHONE_NUMBER"}}, {}, {"dialled_number": "+4930"}),
        ({"SystemEndpoint": {"Address": "clinic@example.com", "Type": "EMAIL_ADDRESS"}}, {}, {}),
        # Whatever Connect may send there one day is no reason to refuse a call.
        ({"Queue": "Lakeside", "SystemEndpoint": ["+4930"]}, {}, {}),
    ],
)
def test_an_event_tells_whose_call_it_is(
    contact: dict[str, Any], parameters: dict[str, str] | None, facts: dict[str, str]
) -> None:
    event = contact_flow_event(**{"Attributes": None, "SystemEndpoint": None, **contact})
    event["Details"]["Parameters"] = parameters
    assert ContactFlowEvent.model_validate(event).facts == ContactFacts(**facts)


def test_an_answer_is_a_flat_map_of_texts_that_a_flow_takes() -> None:
    answered = answer("refused", "no-media-stream")
    assert all(text.replace("-", "").replace("_", "").isalnum() for pair in answered.items() for text in pair)
