"""The parties of a call are called as the deployment says; what is stored keeps their roles."""

from typing import Any

import pytest

from operations.environment import Environment, UnusableEnvironment
from operations.rendering import transcript_view, utterance_line
from operations.role_names import OUTPUT, OWN, role_names
from tests.operations.test_rendering import SHOWN, printed

NOBODY: Any = None
SAID = {"start": 1, "end": 2, "text": "I need an appointment."}


def environment(**outputs: str) -> Environment:
    return Environment(name="Dev", outputs=outputs, session=NOBODY)


def test_without_a_setting_roles_have_their_own_names() -> None:
    assert role_names(environment()) is OWN
    assert "customer" in utterance_line({**SAID, "role": "customer"}).plain


def test_a_transcript_and_a_running_call_have_the_deployments_names() -> None:
    names = role_names(environment(**{OUTPUT: '{"customer": "patient"}'}))
    assert utterance_line({**SAID, "role": "customer"}, names=names).plain.split()[1] == "patient"
    assert utterance_line({**SAID, "role": "agent"}, names=names).plain.split()[1] == "agent"
    turns = [{**SAID, "role": "customer", "speaker": "0"}, {**SAID, "role": "unknown", "speaker": "Speaker 2"}]
    shown = printed(transcript_view({**SHOWN, "turns": turns}, names=names))
    assert "patient" in shown
    assert "Speaker 2" in shown
    assert "customer" not in shown.partition("Said")[2]


@pytest.mark.parametrize("written", ["no JSON", '{"customer": 1}', '["patient"]'])
def test_what_was_deployed_and_cannot_be_used_is_named_with_the_remedy(written: str) -> None:
    with pytest.raises(UnusableEnvironment, match="deploy role_names anew"):
        role_names(environment(**{OUTPUT: written}))
