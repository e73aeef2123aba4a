"""Alarms can be left out, and go off at other values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk.assertions import Template

from constructs_lib import AlarmSettings, CallTranscription, LiveCalls, LiveStreamer, TranscriptionWorkflow
from tests.constructs_lib.live_parts import new_streamer
from tests.constructs_lib.parts import new_stack, new_workflow, properties

Half = Callable[..., TranscriptionWorkflow | LiveStreamer]
HALVES = pytest.mark.parametrize("half", [new_workflow, new_streamer], ids=["recordings", "live"])


@HALVES
def test_there_can_be_no_alarm_at_all(half: Half) -> None:
    stack = new_stack()
    assert half(stack, alarms=AlarmSettings(enabled=False)).alarms == {}
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::CloudWatch::Alarm", 0)
    template.resource_count_is("AWS::CloudWatch::Dashboard", 1)


@HALVES
def test_one_is_left_out_and_another_goes_off_later(half: Half) -> None:
    stack = new_stack()
    all_others = set(half(new_stack()).alarms) - {"RateLimited"}
    settings = AlarmSettings(without=["RateLimited"], thresholds={"FailedCalls": 2.5})
    alarms = half(stack, alarms=settings).alarms
    assert set(alarms) == all_others
    template = Template.from_stack(stack)
    assert properties(template, alarms["FailedCalls"])["Threshold"] == 2.5
    assert properties(template, alarms["ClinicConflicts"])["Threshold"] == 0


def test_an_alarm_may_be_left_out_that_there_would_be_with_other_options() -> None:
    assert "FailedAnalyses" not in new_workflow(new_stack(), alarms=AlarmSettings(without=["FailedAnalyses"])).alarms


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"without": ["FailedCall"]}, "alarm 'FailedCall' is unknown: choose one of 'StartErrors', 'FailedCalls'"),
        ({"thresholds": {"StrandedCalls": 1}}, "alarm 'StrandedCalls' is unknown"),
        ({"thresholds": {"NoStreamer": 1}}, "'NoStreamer' .* has no threshold"),
    ],
)
def test_fails_where_the_construct_has_no_such_alarm(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new_streamer(new_stack(), alarms=AlarmSettings(**settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"enabled": "false"}, "enabled of alarms of 'false' is not a bool"),
        ({"without": "Gaps"}, r"pass \['Gaps'\]"),
        ({"thresholds": ["Gaps"]}, "not a mapping"),
        ({"thresholds": {"Gaps": "1"}}, "threshold '1' of alarm 'Gaps'"),
        ({"thresholds": {"Gaps": True}}, "pass a number"),
        ({"thresholds": {"Gaps": float("nan")}}, "pass a number"),
        ({"thresholds": {"Gaps": -1}}, "0 or more"),
        ({"without": ["Gaps"], "thresholds": {"Gaps": 1}}, "drop one of them"),
    ],
)
def test_fails_where_settings_cannot_be_meant(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AlarmSettings(**settings)


@pytest.mark.parametrize(
    ("alarms", "live", "expected"),
    [
        (AlarmSettings(enabled=False), None, (False, False)),
        (AlarmSettings(enabled=False), AlarmSettings(), (False, True)),
        (AlarmSettings(without=["RateLimited"]), None, (True, True)),
        (None, AlarmSettings(enabled=False), (True, False)),
    ],
)
def test_both_halves_of_one_statement_have_alarms_or_none_unless_told_apart(
    stack: Stack, alarms: AlarmSettings | None, live: AlarmSettings | None, expected: tuple[bool, bool]
) -> None:
    calls = CallTranscription(stack, "Calls", alarms=alarms, live=LiveCalls(alarms=live))
    assert calls.streamer
    assert (bool(calls.workflow.alarms), bool(calls.streamer.alarms)) == expected
