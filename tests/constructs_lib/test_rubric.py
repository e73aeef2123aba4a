"""The rubric is a setting, checked where the construct is made."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk.assertions import Template

from callscribe.judgement.quality import InvalidRubric
from tests.constructs_lib.live_parts import new_streamer
from tests.constructs_lib.parts import environment, new_stack, new_workflow

OUTGOING = "clinic-call-outgoing-v1"


def test_calls_are_rated_by_the_rubric_that_is_set() -> None:
    stack = new_stack()
    workflow = new_workflow(stack, rubric=OUTGOING)
    template = Template.from_stack(stack)
    for function in (workflow.score_function, workflow.store_function):
        assert environment(template, function)["RUBRIC"] == OUTGOING


@pytest.mark.parametrize("make", [new_workflow, new_streamer])
def test_a_rubric_that_is_not_there_is_refused(make: Callable[..., Any]) -> None:
    with pytest.raises(InvalidRubric, match="unheard-of"):
        make(new_stack(), rubric="unheard-of")
