"""Memory, timeout, reserved concurrency and log group of single functions."""

from __future__ import annotations

import json

import pytest
from aws_cdk import App, Duration, Environment, Stack
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Template

from constructs_lib import DeepgramOptions, FunctionSettings, FunctionSize
from constructs_lib._nag import flat
from constructs_lib.policies import Report, enforce
from tests.conftest import REGION, new_app
from tests.constructs_lib.live_parts import new_streamer
from tests.constructs_lib.parts import logical_id, new_workflow, permissions, properties


def test_one_function_is_sized_and_the_others_stay(stack: Stack) -> None:
    size = FunctionSize(memory_mib=3072, timeout=Duration.minutes(10), reserved_concurrency=5)
    workflow = new_workflow(stack, functions=FunctionSettings(sizes={"admit_recording": size}))
    template = Template.from_stack(stack)
    found = properties(template, workflow.admit_function)
    assert (found["MemorySize"], found["Timeout"], found["ReservedConcurrentExecutions"]) == (3072, 600, 5)
    other = properties(template, workflow.store_function)
    assert (other["MemorySize"], other["Timeout"]) == (1024, 120)
    assert "ReservedConcurrentExecutions" not in other


def test_the_workflow_waits_for_as_long_as_the_function_may_run(stack: Stack) -> None:
    longest = Duration.minutes(15)
    new_workflow(stack, functions=FunctionSettings(sizes={"admit_recording": FunctionSize(timeout=longest)}))
    [machine] = Template.from_stack(stack).find_resources("AWS::StepFunctions::StateMachine").values()
    definition = flat(machine["Properties"]["DefinitionString"])
    waits = json.loads(definition)["States"]["Admit"]["TimeoutSeconds"]
    assert waits > longest.to_seconds()


def test_both_halves_are_sized_by_the_same_settings(stack: Stack) -> None:
    sizes = {"start_live_call": FunctionSize(memory_mib=768), "admit_recording": FunctionSize(memory_mib=3072)}
    streamer = new_streamer(stack, functions=FunctionSettings(sizes=sizes))
    assert properties(Template.from_stack(stack), streamer.start_function)["MemorySize"] == 768


def test_as_many_runs_are_reserved_as_deepgram_takes_recordings(stack: Stack) -> None:
    options = DeepgramOptions(max_parallel_requests=20)
    functions = FunctionSettings(sizes={"transcribe_call": FunctionSize(reserved_concurrency=20)})
    workflow = new_workflow(stack, options=options, functions=functions)
    found = properties(Template.from_stack(stack), workflow.transcription.function)
    assert found["ReservedConcurrentExecutions"] == 20


def test_fails_where_fewer_are_reserved_than_deepgram_takes(stack: Stack) -> None:
    options = DeepgramOptions(max_parallel_requests=20)
    functions = FunctionSettings(sizes={"transcribe_call": FunctionSize(reserved_concurrency=19)})
    with pytest.raises(ValueError, match=r"reserved_concurrency of 19 for transcribe_call .* reserve that many"):
        new_workflow(stack, options=options, functions=functions)


def test_all_functions_write_to_a_log_group_of_ones_own(stack: Stack) -> None:
    group = logs.LogGroup(stack, "Ours")
    workflow = new_workflow(stack, functions=FunctionSettings(log_group=group))
    template = Template.from_stack(stack)
    for function in (workflow.admit_function, workflow.transcription.function, workflow.store_function):
        assert properties(template, function)["LoggingConfig"]["LogGroup"] == {"Ref": logical_id(group)}
        assert function.role
        allowed = permissions(template, function.role)
        assert any({"logs:PutLogEvents", "logs:CreateLogStream"} <= one.actions for one in allowed)
    template.resource_count_is("AWS::Logs::LogGroup", 2)  # that one, and the state machine's


def test_no_finding_is_acknowledged_that_reserved_concurrency_answers() -> None:
    app: App = new_app()
    stack = Stack(app, "Test", env=Environment(region=REGION))
    sizes = {"admit_recording": FunctionSize(reserved_concurrency=5)}
    new_workflow(stack, functions=FunctionSettings(sizes=sizes))
    enforce(app)
    report = Report.of(app)
    assert (report.open, report.stale) == ([], [])
