"""The states as they are written. What they do is shown by the tests that run them."""

import json
from typing import Any

import pytest
from aws_cdk.assertions import Template

from constructs_lib._private import flat
from tests.constructs_lib.parts import new_stack, new_workflow, properties

STEPS_AFTER_THE_CLAIM = ("Transcribe", "Store", "Score", "Announce", "Complete")
CARRIED = {"recording", "reply", "deepgram_requests", "request_id", "transcript", "event", "execution", "started_at"}


@pytest.fixture(scope="module")
def machine() -> dict[str, Any]:
    stack = new_stack()
    workflow = new_workflow(stack)
    definition: dict[str, Any] = json.loads(
        flat(properties(Template.from_stack(stack), workflow.state_machine)["DefinitionString"])
    )
    return definition


@pytest.fixture(scope="module")
def states(machine: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = machine["States"]
    return found


@pytest.fixture(scope="module")
def tasks(states: dict[str, Any]) -> dict[str, Any]:
    return {name: state for name, state in states.items() if state["Type"] == "Task"}


def test_the_states_are_written_in_jsonata(machine: dict[str, Any]) -> None:
    assert machine["QueryLanguage"] == "JSONata"


def test_every_task_has_an_end(tasks: dict[str, Any]) -> None:
    assert all(task["TimeoutSeconds"] > 0 for task in tasks.values())


def test_waiting_for_the_transcription_ends_by_time_not_by_heartbeats(tasks: dict[str, Any]) -> None:
    assert tasks["Transcribe"]["TimeoutSeconds"] == 86400
    assert tasks["Transcribe"]["Resource"].endswith(":sqs:sendMessage.waitForTaskToken")
    assert not any("HeartbeatSeconds" in task for task in tasks.values())


def test_a_call_still_transcribed_live_is_looked_at_again_from_the_start(states: dict[str, Any]) -> None:
    [wait] = [name for name, state in states.items() if state["Type"] == "Wait"]
    assert any(choice["Next"] == wait for choice in states["Decision"]["Choices"])
    assert states[wait]["Next"] == "Admit"
    assert 10 <= states[wait]["Seconds"] <= 60
    # What ends the waiting: the admission knows for how long it has lasted.
    assert states["Admit"]["Arguments"]["Payload"]["started_at"] == "{% $states.context.Execution.StartTime %}"


def test_every_task_is_repeated_a_limited_number_of_times_with_full_jitter(tasks: dict[str, Any]) -> None:
    for task in tasks.values():
        retries = [retry for retry in task["Retry"] if retry["MaxAttempts"] > 0]
        assert retries
        for retry in retries:
            assert retry["MaxAttempts"] <= 15
            assert retry["MaxDelaySeconds"] == 60
            assert retry["JitterStrategy"] == "FULL"


def test_a_throttled_function_gets_minutes_for_its_turn(tasks: dict[str, Any]) -> None:
    for step in ("Admit", "Store", "Score"):
        retry = tasks[step]["Retry"][0]
        assert retry["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
        longest_delays = [min(60, 2**attempt) for attempt in range(retry["MaxAttempts"])]
        assert sum(longest_delays) / 2 >= 300  # full jitter takes half of each on average


def test_a_failed_transcription_is_not_sent_again(tasks: dict[str, Any]) -> None:
    repeated = {error for retry in tasks["Transcribe"]["Retry"] for error in retry["ErrorEquals"]}
    assert not repeated & {"States.ALL", "States.TaskFailed", "States.Timeout"}


@pytest.mark.parametrize("step", STEPS_AFTER_THE_CLAIM)
def test_any_error_after_the_claim_is_recorded_with_its_step(tasks: dict[str, Any], step: str) -> None:
    [catch] = tasks[step]["Catch"]
    assert catch["ErrorEquals"] == ["States.ALL"]
    assert catch["Next"] == "RecordFailure"
    assert catch["Assign"]["failure"]["step"] == step


def test_whatever_becomes_of_the_record_the_call_is_among_the_failed_ones(tasks: dict[str, Any]) -> None:
    assert tasks["RecordFailure"]["Next"] == "SendToFailedCalls"
    assert tasks["RecordFailure"]["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "SendToFailedCalls"}]
    assert tasks["SendToFailedCalls"]["Next"] == "Failed"


def test_an_admission_that_breaks_down_is_among_the_failed_calls_too(tasks: dict[str, Any]) -> None:
    [catch] = tasks["Admit"]["Catch"]
    assert catch["Next"] == "SendToFailedCalls"
    assert catch["Assign"]["recording"] == {}


def test_only_the_execution_that_holds_the_claim_changes_it(tasks: dict[str, Any]) -> None:
    for step in ("RecordFailure", "Complete"):
        arguments = tasks[step]["Arguments"]
        assert arguments["ConditionExpression"] == "#execution = :execution"
        assert arguments["ExpressionAttributeValues"][":execution"] == {"S": "{% $states.context.Execution.Id %}"}
        assert tasks[step]["Retry"][0] == {
            "ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"],
            "MaxAttempts": 0,
        }


def test_a_failed_call_carries_what_repeats_it(tasks: dict[str, Any]) -> None:
    body = tasks["SendToFailedCalls"]["Arguments"]["MessageBody"]
    assert body.keys() == {
        *("schema_version", "event", "execution", "error", "cause", "step", "recording_id", "call_id"),
    }
    assert body["event"] == "{% $states.context.Execution.Input %}"


def test_causes_are_cut(states: dict[str, Any]) -> None:
    causes = [
        place["Assign"]["failure"]["cause"]
        for state in states.values()
        for place in [state, *state.get("Catch", [])]
        if "failure" in place.get("Assign", {})
    ]
    assert len(causes) == len(STEPS_AFTER_THE_CLAIM) + 2
    assert all("$substring(" in cause and ", 0, 1000)" in cause for cause in causes)


def test_the_announcement_names_ids_and_figures_only(tasks: dict[str, Any]) -> None:
    [entry] = tasks["Announce"]["Arguments"]["Entries"]
    assert (entry["Source"], entry["DetailType"]) == ("callscribe", "Call Transcribed")
    assert entry["Detail"].keys() == {
        *("version", "schema_version", "call_id", "clinic_id", "kind", "day", "recording_id", "source"),
        *("transcript", "figures", "quality"),
    }
    assert entry["Detail"]["quality"].keys() == {"score", "rubric"}


def test_functions_get_names_and_figures_only(tasks: dict[str, Any]) -> None:
    for step in ("Admit", "Store", "Score"):
        assert tasks[step]["Arguments"]["Payload"].keys() <= CARRIED


def test_every_state_that_is_named_exists(states: dict[str, Any]) -> None:
    named = {
        place[name]
        for state in states.values()
        for place in [state, *state.get("Catch", []), *state.get("Choices", [])]
        for name in ("Next", "Default")
        if name in place
    }
    assert named <= states.keys()
