from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from lambdas.end_live_call.contact_event import ContactEvent
from tests.fakes.contact_flow import CUSTOMER_NUMBER, contact_event


@pytest.mark.parametrize("broken", [{"contactId": [CUSTOMER_NUMBER]}, {"disconnectTimestamp": f"at {CUSTOMER_NUMBER}"}])
def test_an_error_does_not_quote_the_event(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        ContactEvent.model_validate(contact_event(**broken))
    assert "5550107788" not in str(raised.value)


def test_the_callers_number_is_not_even_kept() -> None:
    assert "5550107788" not in repr(ContactEvent.model_validate(contact_event()))
