"""Repeating calls by what the table says, when no message tells of them."""

import json
from typing import Any

import pytest

from callscribe.contract.table_keys import failed_admission_key, failed_listing
from callscribe.recordings.recording import recording_id
from lambdas.admit_recording.object_created import ObjectCreated
from operations.command_line import main
from tests.operations.conftest import Deployed, announcement
from tests.operations.recorded_calls import CHANGED_AT, store_claim

GONE = "arn:aws:states:eu-central-1:123456789012:execution:workflow:gone"


def claim(deployed: Deployed, name: str, *, status: str, execution: str = GONE, **more: Any) -> str:
    """Leave the claim on a recording whose announcement is that of this name; return its id."""
    announced = announcement(name)["detail"]["object"]
    identity = recording_id("recordings", announced["key"], announced["version-id"], announced["etag"])
    store_claim(
        deployed,
        identity,
        call_id=name,
        status=status,
        bucket="recordings",
        s3_key=announced["key"],
        etag=announced["etag"],
        version_id=announced["version-id"],
        execution=execution,
        **more,
    )
    return identity


def fail_admission(deployed: Deployed, name: str, *, status: str = "failed", execution: str = GONE) -> None:
    """Leave what the state machine notes of an admission that failed."""
    event = announcement(name)
    announced = event["detail"]["object"]
    deployed.table.put_item(
        Item={
            **failed_admission_key("recordings", announced["key"], announced["version-id"]).primary(),
            "type": "failed-admission",
            "status": status,
            "bucket": "recordings",
            "s3_key": announced["key"],
            "event": json.dumps(event),
            "execution": execution,
            "error_code": "TransientError",
            "error_message": "{}",
            "failed_step": "Admit",
            "updated_at": "2026-11-20T14:12:00.000Z",
            **(failed_listing(announced["key"], CHANGED_AT) if status == "failed" else {}),
        }
    )


def run(deployed: Deployed, seconds: int = 600) -> str:
    """Start an execution that runs for a while."""
    waiting = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": seconds, "End": True}}}
    machine = deployed.step_functions.create_state_machine(
        name="waits", definition=json.dumps(waiting), roleArn="arn:aws:iam::123456789012:role/workflow"
    )["stateMachineArn"]
    return deployed.step_functions.start_execution(stateMachineArn=machine)["executionArn"]


def repeated(deployed: Deployed) -> dict[str, str]:
    """By the name of its recording, the execution that each started one repeats."""
    for event in deployed.started():
        ObjectCreated.model_validate(event)
    return {
        event["detail"]["object"]["key"].rpartition("/")[2].removesuffix(".wav"): event["redrive_of"]
        for event in deployed.started()
    }


@pytest.mark.parametrize("status", ["failed", "rejected", "claimed", "transcribed", "stored"])
def test_a_call_whose_message_is_lost_is_started_again(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], status: str
) -> None:
    claim(deployed, "call-1", status=status)
    claim(deployed, "call-2", status="completed")
    assert main(["redrive", *deployed.arguments, "--claims", "--dry-run"]) == 0
    assert deployed.started() == []
    assert main(["redrive", *deployed.arguments, "--claims"]) == 0
    assert repeated(deployed) == {"call-1": GONE}
    assert "call-1" in capsys.readouterr().out


def test_a_call_that_an_execution_works_on_is_left_alone(deployed: Deployed) -> None:
    claim(deployed, "call-1", status="claimed", execution=run(deployed))
    assert main(["redrive", *deployed.arguments, "--claims"]) == 0
    assert deployed.started() == []


def test_an_admission_that_failed_before_there_was_a_claim_is_started_again_with_its_event(deployed: Deployed) -> None:
    fail_admission(deployed, "call-1")
    fail_admission(deployed, "call-2", status="repeated")
    assert main(["redrive", *deployed.arguments, "--claims"]) == 0
    assert deployed.started() == [announcement("call-1") | {"redrive_of": GONE}]


def test_a_recording_is_started_once_for_its_claim_and_its_failed_admission(deployed: Deployed) -> None:
    claim(deployed, "call-1", status="failed", execution=f"{GONE}-first")
    fail_admission(deployed, "call-1")
    assert main(["redrive", *deployed.arguments, "--claims"]) == 0
    assert len(deployed.started()) == 1


def test_what_to_look_for_can_be_chosen(deployed: Deployed) -> None:
    claim(deployed, "call-1", status="failed")
    claim(deployed, "call-2", status="rejected")
    claim(deployed, "call-3", status="stored")
    assert main(["redrive", *deployed.arguments, "--claims", "failed", "stuck"]) == 0
    assert repeated(deployed).keys() == {"call-1", "call-3"}


def test_a_repetition_keeps_the_place_of_its_recording_among_the_events_of_the_key(deployed: Deployed) -> None:
    claim(deployed, "call-1", status="failed", sequencer="0055AED6DCD90281E5")
    assert main(["redrive", *deployed.arguments, "--claims"]) == 0
    assert [event["detail"]["object"]["sequencer"] for event in deployed.started()] == ["0055AED6DCD90281E5"]


def test_a_recording_that_is_claimed_again_can_be_repeated_again(deployed: Deployed) -> None:
    identity = claim(deployed, "call-1", status="failed")
    main(["redrive", *deployed.arguments, "--claims"])
    main(["redrive", *deployed.arguments, "--claims"])
    assert len(deployed.started()) == 1
    deployed.table.update_item(
        Key={"PK": f"RECORDING#{identity}", "SK": "CLAIM"},
        UpdateExpression="SET attempts = :three",
        ExpressionAttributeValues={":three": 3},
    )
    main(["redrive", *deployed.arguments, "--claims"])
    assert len(deployed.started()) == 2


def test_a_repetition_that_ended_before_it_claimed_the_recording_can_be_repeated(deployed: Deployed) -> None:
    claim(deployed, "call-1", status="claimed")
    for started in (1, 2, 3):
        main(["redrive", *deployed.arguments, "--claims"])
        main(["redrive", *deployed.arguments, "--claims"])
        assert [event["redrive_of"] for event in deployed.started()] == [GONE] * started
        executions = deployed.step_functions.list_executions(stateMachineArn=deployed.state_machine_arn)["executions"]
        for execution in executions:
            if execution["status"] == "RUNNING":
                deployed.step_functions.stop_execution(executionArn=execution["executionArn"])


def test_what_is_older_than_wanted_is_left_alone(deployed: Deployed) -> None:
    claim(deployed, "call-1", status="failed")
    assert main(["redrive", *deployed.arguments, "--claims", "--since", "2026-11-21"]) == 0
    assert deployed.started() == []


def test_a_failed_admission_is_listed_with_its_object(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    fail_admission(deployed, "call-1")
    fail_admission(deployed, "call-2", status="repeated")
    assert main(["calls", *deployed.arguments, "--failed"]) == 0
    shown = "".join(capsys.readouterr().out.split())
    assert "s3://recordings/recordings/clinic-7/2026-11-20/call-1.wav" in shown
    assert "TransientError" in shown
    assert "call-2" not in shown


@pytest.mark.parametrize("arguments", [["--claims", "lost"], ["--claims", "--live"]])
def test_impossible_arguments_end_with_2(deployed: Deployed, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["redrive", *deployed.arguments, *arguments])
    assert stop.value.code == 2
