"""The states as they are written. What they do is shown by the tests that run them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_cdk import Duration
from aws_cdk.assertions import Template
from hypothesis import given
from hypothesis import strategies as st
from jsonata.jsonata import Jsonata

from callscribe.contract.table_keys import failed_admission_key
from constructs_lib import RecordingLimits, RecordingPolicy
from constructs_lib._nag import flat
from constructs_lib._state_machine.failures import UNREACHABLE
from lambdas.admit_recording.object_created import ObjectCreated
from lambdas.admit_recording.waiting import pause_seconds
from lambdas.common.errors import TransientError
from tests.constructs_lib.parts import environment, new_stack, new_workflow, properties

STEPS_AFTER_THE_CLAIM = ("Transcribe", "Store", "Alert", "Score", "Announce", "Complete")
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
    # What ends the waiting, and spaces the looks: the admission knows for how long it has lasted.
    assert "$states.input.wait_seconds" in states[wait]["Seconds"]
    assert states["Admit"]["Arguments"]["Payload"]["started_at"] == "{% $states.context.Execution.StartTime %}"


def test_every_task_is_repeated_a_limited_number_of_times_with_full_jitter(tasks: dict[str, Any]) -> None:
    for task in tasks.values():
        retries = [retry for retry in task["Retry"] if retry["MaxAttempts"] > 0]
        assert retries
        for retry in retries:
            assert retry["MaxAttempts"] <= 15
            assert retry["MaxDelaySeconds"] == 60
            assert retry["JitterStrategy"] == "FULL"


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        (("Admit", "Store", "Score"), "Lambda.TooManyRequestsException"),
        (("Admit", "Store", "Score"), "TransientError"),
        (("Admit", "Store", "Score"), "Lambda.ServiceException"),
        (("Transcribe",), "SQS.KmsThrottledException"),
        (("Alert", "Announce", "SendToFailedCalls"), "States.TaskFailed"),
        (("Complete", "RecordFailure", "RecordFailedAdmission"), "States.TaskFailed"),
    ],
)
def test_trouble_that_passes_is_borne_for_minutes(tasks: dict[str, Any], steps: tuple[str, ...], error: str) -> None:
    for step in steps:
        [retry] = [retry for retry in tasks[step]["Retry"] if error in retry["ErrorEquals"]]
        longest_delays = [min(60, 2**attempt) for attempt in range(retry["MaxAttempts"])]
        assert sum(longest_delays) / 2 >= 300  # full jitter takes half of each on average


def test_the_error_that_functions_raise_when_trouble_passes_is_known_by_its_name(tasks: dict[str, Any]) -> None:
    for step in ("Admit", "Store", "Score"):
        assert any(TransientError.__name__ in retry["ErrorEquals"] for retry in tasks[step]["Retry"])
    # Step Functions does not know a subclass for what it is.
    assert TransientError.__subclasses__() == []


def test_whatever_else_a_function_raises_fails_at_once(tasks: dict[str, Any]) -> None:
    for step in ("Admit", "Store", "Score"):
        repeated = {error for retry in tasks[step]["Retry"] for error in retry["ErrorEquals"]}
        assert not repeated & {"States.ALL", "States.TaskFailed", "UnexpectedError", "SafeError"}


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


def test_a_call_that_cannot_be_put_with_the_failed_ones_ends_in_an_error_of_its_own(states: dict[str, Any]) -> None:
    [catch] = states["SendToFailedCalls"]["Catch"]
    assert catch["ErrorEquals"] == ["States.ALL"]
    assert (states[catch["Next"]]["Type"], states[catch["Next"]]["Error"]) == ("Fail", UNREACHABLE)


def test_an_admission_that_breaks_down_is_noted_and_among_the_failed_calls_too(tasks: dict[str, Any]) -> None:
    [catch] = tasks["Admit"]["Catch"]
    assert catch["Next"] == "RecordFailedAdmission"
    assert catch["Assign"]["recording"] == {}
    assert tasks["RecordFailedAdmission"]["Next"] == "SendToFailedCalls"
    assert tasks["RecordFailedAdmission"]["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "SendToFailedCalls"}]


def test_only_the_execution_that_holds_the_claim_changes_it(tasks: dict[str, Any]) -> None:
    for step in ("RecordFailure", "Complete"):
        arguments = tasks[step]["Arguments"]
        assert arguments["ConditionExpression"].split(" AND ")[0] == "#execution = :execution"
        assert arguments["ExpressionAttributeValues"][":execution"] == {"S": "{% $states.context.Execution.Id %}"}
        at_once = tasks[step]["Retry"][0]
        assert at_once["MaxAttempts"] == 0
        assert "DynamoDB.ConditionalCheckFailedException" in at_once["ErrorEquals"]


def test_a_call_whose_completion_was_heard_though_its_answer_is_lost_is_not_noted_as_failed(
    tasks: dict[str, Any],
) -> None:
    arguments = tasks["RecordFailure"]["Arguments"]
    assert arguments["ConditionExpression"] == "#execution = :execution AND #status <> :unless"
    assert arguments["ExpressionAttributeValues"][":unless"] == {"S": "completed"}


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


class TestBounds:
    """What an execution can take at most follows from its retries, however long it may wait."""

    @staticmethod
    def tries(state: dict[str, Any]) -> int:
        return 1 + sum(int(retry["MaxAttempts"]) for retry in state.get("Retry", []))

    def events(self, state: dict[str, Any]) -> int:
        """Most events that a state leaves in the history: entered, exited, and of each try scheduled, started, ended.

        A task that waits for its token is submitted as well.
        """
        return 2 + 4 * self.tries(state) if state["Type"] == "Task" else 2

    def seconds(self, state: dict[str, Any], *, timeout: float) -> float:
        """The longest that a task can take with all its tries."""
        pauses: list[float] = [
            min(retry["MaxDelaySeconds"], retry["IntervalSeconds"] * retry["BackoffRate"] ** attempt)
            for retry in state["Retry"]
            for attempt in range(retry["MaxAttempts"])
        ]
        return self.tries(state) * timeout + sum(pauses)

    @given(st.integers(1, 15 * 24 * 60), st.booleans())
    def test_the_history_stays_within_its_limit(self, states: dict[str, Any], minutes: int, bounded: bool) -> None:
        # AWS Step Functions Developer Guide, "Service quotas". The longest that is waited are the 13 days of max_wait
        # and what the steps take beside them.
        begin = now = datetime(2026, 11, 20, tzinfo=UTC)
        end = begin + timedelta(minutes=minutes)
        looks = 1
        while now < end:
            now += timedelta(seconds=pause_seconds(since=begin, now=now, until=end if bounded else None))
            looks += 1
        round_trip = sum(self.events(states[name]) for name in ("Admit", "Decision", "AwaitLive"))
        assert looks * round_trip + sum(map(self.events, states.values())) < 25_000

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"limits": RecordingLimits(max_wait=Duration.minutes(1))},
            {
                "limits": RecordingLimits(max_wait=Duration.days(13)),
                "policy": RecordingPolicy(live_transcripts="never", live_patience=Duration.days(1)),
            },
        ],
    )
    def test_an_execution_has_time_for_every_try_and_its_claim_outlives_it(self, options: dict[str, Any]) -> None:
        stack = new_stack()
        workflow = new_workflow(stack, **options)
        template = Template.from_stack(stack)
        machine = json.loads(flat(properties(template, workflow.state_machine)["DefinitionString"]))
        tasks = {name: state for name, state in machine["States"].items() if state["Type"] == "Task"}
        wait = tasks["Transcribe"]["TimeoutSeconds"]
        timeouts = {name: task["TimeoutSeconds"] for name, task in tasks.items()} | {"Transcribe": 30}
        patience = options["policy"].live_patience.to_seconds() if "policy" in options else 0
        steps = sum(self.seconds(task, timeout=timeouts[name]) for name, task in tasks.items())
        assert machine["TimeoutSeconds"] >= wait + steps + patience
        lease = int(environment(template, workflow.admit_function)["CLAIM_LEASE_SECONDS"])
        assert machine["TimeoutSeconds"] < lease <= machine["TimeoutSeconds"] + 600


@pytest.mark.parametrize(
    ("announced", "content"),
    [
        ({"key": "a/b c.wav", "version-id": "v1", "etag": "e1"}, "v1"),
        ({"key": "a.wav", "version-id": "", "etag": "e1"}, "e1"),
        ({"key": "ä/+.wav", "etag": "e1"}, "e1"),
    ],
)
def test_a_failed_admission_is_found_where_it_is_noted(
    states: dict[str, Any], announced: dict[str, str], content: str
) -> None:
    key = states["RecordFailedAdmission"]["Arguments"]["Key"]
    event = {"detail": {"bucket": {"name": "recordings"}, "object": announced}}
    expression = key["PK"]["S"].removeprefix("{%").removesuffix("%}").replace("$states", "states")
    written = Jsonata(expression).evaluate({"states": {"context": {"Execution": {"Input": event}}}})
    found = failed_admission_key("recordings", announced["key"], content)
    assert (found.pk, found.sk) == (written, key["SK"]["S"])
    assert ObjectCreated.model_validate(event | {"redrive_of": "arn"}).content == content


def test_of_a_call_that_cannot_wait_somebody_is_told_before_it_is_judged(
    states: dict[str, Any], tasks: dict[str, Any]
) -> None:
    [urgent] = states["Urgent?"]["Choices"]
    assert urgent["Condition"] == "{% $exists($stored.alerts) and $count($stored.alerts) > 0 %}"
    assert (urgent["Next"], states["Urgent?"]["Default"], tasks["Alert"]["Next"]) == ("Alert", "Score", "Score")
    [entry] = tasks["Alert"]["Arguments"]["Entries"]
    assert (entry["Source"], entry["DetailType"]) == ("callscribe", "Urgent Call")
    facts = {"schema_version", "call_id", "clinic_id", "day", "source", "transcript"}
    assert entry["Detail"].keys() == {*facts, "flags", "reliability", "evidence"}


def test_what_a_function_of_before_has_not_told_of_an_urgent_call_is_unknown(tasks: dict[str, Any]) -> None:
    [entry] = tasks["Alert"]["Arguments"]["Entries"]
    before = {"alerts": ["urgent"], "figures": {"duration_seconds": 1.5}}
    told = {
        name: Jsonata(entry["Detail"][name][2:-2].replace("$stored", "stored")).evaluate({"stored": before})
        for name in ("flags", "reliability", "evidence")
    }
    assert told == {"flags": ["urgent"], "reliability": None, "evidence": []}
