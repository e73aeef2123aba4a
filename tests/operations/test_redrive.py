import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.admit_recording.object_created import ObjectCreated
from operations import redrive
from operations.command_line import main
from operations.environment import Environment
from tests.operations.conftest import Deployed, announcement
from tests.operations.recorded_calls import store_claim


def failure(name: str, *, error: str = "Deepgram.HTTP402", version: str = "v1") -> dict[str, Any]:
    return {"event": announcement(name, version=version), "error": error, "step": "Transcribe", "call_id": name}


WORK = {"task_token": "token-1", "recording": {"call_id": "call-9"}, "execution": "arn"}


def test_a_failed_call_is_started_again_and_its_message_deleted(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.fail(failure("call-1"))
    assert main(["redrive", *deployed.arguments]) == 0
    assert deployed.started() == [announcement("call-1")]
    assert deployed.messages(deployed.failed_calls) == []
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("call-1", "Deepgram.HTTP402", "Transcribe", "0 min", "started again"))


def test_a_work_message_is_sent_back_to_the_work_queue(deployed: Deployed) -> None:
    deployed.fail(WORK)
    assert main(["redrive", *deployed.arguments]) == 0
    assert [json.loads(body) for body in deployed.messages(deployed.work)] == [WORK]
    assert deployed.messages(deployed.failed_calls) == []
    assert deployed.started() == []


def test_a_recording_in_several_messages_is_started_once(deployed: Deployed) -> None:
    for body in (failure("call-1"), announcement("call-1"), failure("call-1", version="v2")):
        deployed.fail(body)
    assert main(["redrive", *deployed.arguments]) == 0
    versions = sorted(event["detail"]["object"]["version-id"] for event in deployed.started())
    assert versions == ["v1", "v2"]
    assert deployed.messages(deployed.failed_calls) == []


def test_the_message_that_names_the_failed_execution_is_the_one_repeated(deployed: Deployed) -> None:
    deployed.fail({**failure("call-1"), "execution": "arn:failed"})
    deployed.fail(announcement("call-1"))
    assert main(["redrive", *deployed.arguments]) == 0
    assert [event.get("redrive_of") for event in deployed.started()] == ["arn:failed"]


def test_one_start_names_each_execution_that_failed_on_the_recording(deployed: Deployed) -> None:
    # Which of them has the recording's claim, no message tells.
    for execution in ("arn:first", "arn:second", "arn:third"):
        deployed.fail({**failure("call-1"), "execution": execution})
    assert main(["redrive", *deployed.arguments]) == 0
    (started,) = deployed.started()
    assert {started["redrive_of"], *started["redrives_before"]} == {"arn:first", "arn:second", "arn:third"}


def test_calls_that_could_not_be_put_with_the_failed_ones_are_repeated_too(deployed: Deployed) -> None:
    stranded = deployed.strand(failure("call-1"))
    deployed.fail({**failure("call-2"), "execution": "arn:failed"})
    deployed.strand(announcement("call-2"))
    assert main(["redrive", *deployed.arguments]) == 0
    started = {event["detail"]["object"]["key"]: event.get("redrive_of") for event in deployed.started()}
    assert list(started.values()).count("arn:failed") == 1
    assert len(started) == 2
    assert deployed.messages(stranded) == deployed.messages(deployed.failed_calls) == []


def test_a_message_not_understood_stays_and_is_reported(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    deployed.fail("what the customer said")
    deployed.fail(failure("call-1"))
    assert main(["redrive", *deployed.arguments]) == 1
    assert deployed.messages(deployed.failed_calls) == ["what the customer said"]
    assert len(deployed.started()) == 1
    shown = capsys.readouterr().out
    assert "left in place: the body is not JSON" in shown
    assert "customer" not in shown


def test_a_call_that_cannot_be_started_keeps_its_message(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.step_functions.delete_state_machine(stateMachineArn=deployed.state_machine_arn)
    deployed.outputs["StateMachineArn"] = deployed.state_machine_arn + "-gone"
    deployed.write_outputs()
    deployed.fail(failure("call-1"))
    deployed.fail(announcement("call-1"))
    assert main(["redrive", *deployed.arguments]) == 1
    assert len(deployed.messages(deployed.failed_calls)) == 2
    assert capsys.readouterr().out.count("left in place: StateMachineDoesNotExist") == 2


def test_a_failure_caused_meanwhile_waits_for_the_next_run(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed.fail(failure("call-1"))
    repeat = redrive._BatchRepeater.repeat

    def fail_again(self: Any, *arguments: Any) -> None:
        repeat(self, *arguments)
        deployed.fail(failure("call-1", error="again"))

    monkeypatch.setattr(redrive._BatchRepeater, "repeat", fail_again)
    assert main(["redrive", *deployed.arguments]) == 0
    assert [json.loads(body)["error"] for body in deployed.messages(deployed.failed_calls)] == ["again"]
    assert len(deployed.started()) == 1


def test_a_run_that_died_before_the_delete_does_not_start_the_call_twice(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.fail(failure("call-1"))
    with monkeypatch.context() as patch:
        patch.setattr(redrive._Queue, "delete", redrive._Queue.release)
        main(["redrive", *deployed.arguments])
    assert main(["redrive", *deployed.arguments]) == 0
    assert len(deployed.started()) == 1
    assert deployed.messages(deployed.failed_calls) == []


def test_a_message_already_repeated_by_a_closed_execution_is_deleted(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.fail(failure("call-1"))
    client = deployed.step_functions

    def exists(**_: Any) -> Any:
        raise client.exceptions.ExecutionAlreadyExists({"Error": {"Code": "ExecutionAlreadyExists"}}, "StartExecution")

    monkeypatch.setattr(client, "start_execution", exists)
    monkeypatch.setattr(Environment, "step_functions", lambda _: client)
    assert main(["redrive", *deployed.arguments]) == 0
    assert deployed.messages(deployed.failed_calls) == []


def test_a_message_that_cannot_be_deleted_is_reported(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.fail(failure("call-1"))

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "DeleteMessage")

    monkeypatch.setattr(deployed.sqs, "delete_message", refuse)
    monkeypatch.setattr(Environment, "sqs", lambda _: deployed.sqs)
    assert main(["redrive", *deployed.arguments]) == 1
    assert "started again, message not deleted: AccessDenied" in capsys.readouterr().out


def test_a_dry_run_changes_nothing(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    deployed.fail(failure("call-1"))
    deployed.fail(WORK)
    assert main(["redrive", *deployed.arguments, "--dry-run"]) == 0
    assert len(deployed.messages(deployed.failed_calls)) == 2
    assert deployed.messages(deployed.work) == []
    assert deployed.started() == []
    shown = capsys.readouterr().out
    assert "would be started again" in shown
    assert "would be sent back to the work queue" in shown


def test_no_more_than_max_messages_are_taken(deployed: Deployed) -> None:
    for number in range(12):
        deployed.fail(failure(f"call-{number}"))
    assert main(["redrive", *deployed.arguments, "--max", "11"]) == 0
    assert len(deployed.started()) == 11
    assert len(deployed.messages(deployed.failed_calls)) == 1


def test_messages_older_than_since_are_left_alone(deployed: Deployed) -> None:
    deployed.fail(failure("call-1"))
    later = datetime.now(UTC) + timedelta(hours=1)
    assert main(["redrive", *deployed.arguments, "--since", later.isoformat()]) == 0
    assert deployed.started() == []
    assert len(deployed.messages(deployed.failed_calls)) == 1
    assert main(["redrive", *deployed.arguments, "--since", "2026-01-01"]) == 0
    assert len(deployed.started()) == 1


def test_an_empty_queue_says_so(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["redrive", *deployed.arguments]) == 0
    assert capsys.readouterr().out == "Nothing to repeat.\n"


def test_an_environment_without_the_queue_ends_with_3(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    del deployed.outputs["FailedCallsQueueUrl"]
    deployed.write_outputs()
    assert main(["redrive", *deployed.arguments]) == 3
    assert "no output FailedCallsQueueUrl" in capsys.readouterr().err


def cover(deployed: Deployed, **more: Any) -> None:
    store_claim(
        deployed,
        "r" * 64,
        call_id="call-1",
        status="covered",
        bucket="recordings",
        s3_key="recordings/clinic-7/2026-11-20/call-1.wav",
        etag="e",
        execution="arn:covered",
        covered_reason="live-complete",
        **more,
    )


@pytest.mark.parametrize("version", [{"version_id": "v1"}, {}])
def test_a_covered_recording_is_started_as_a_repetition(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], version: dict[str, str]
) -> None:
    cover(deployed, **version)
    store_claim(deployed, "s" * 64, call_id="call-1", status="completed")
    assert main(["redrive", *deployed.arguments, "--covered", "call-1", "--dry-run"]) == 0
    assert deployed.started() == []
    assert main(["redrive", *deployed.arguments, "--covered", "call-1"]) == 0
    [started] = deployed.started()
    assert started["redrive_of"] == "arn:covered"
    recording = ObjectCreated.model_validate(started).recording
    assert recording.version_id == version.get("version_id")
    assert (recording.bucket, recording.etag) == ("recordings", "e")
    assert "live-complete" in capsys.readouterr().out


def test_a_copy_of_a_covered_recording_is_started_too(deployed: Deployed) -> None:
    cover(deployed)
    for digit, of in (("s", "r"), ("t", "s")):
        store_claim(
            deployed,
            digit * 64,
            call_id="call-1",
            status="duplicate",
            bucket="recordings",
            s3_key="recordings/clinic-7/2026-11-20/call-1.wav",
            etag=digit,
            execution=f"arn:copy-{digit}",
            same_content_as=of * 64,
        )
    assert main(["redrive", *deployed.arguments, "--covered", "call-1"]) == 0
    assert {event["redrive_of"] for event in deployed.started()} == {"arn:covered", "arn:copy-s"}


def test_a_call_that_is_not_covered_is_not_started(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    store_claim(deployed, "s" * 64, call_id="call-1", status="completed")
    assert main(["redrive", *deployed.arguments, "--covered", "call-1"]) == 0
    assert deployed.started() == []
    assert capsys.readouterr().out == "Nothing to repeat.\n"


@pytest.mark.parametrize("argument", [["--max", "0"], ["--max", "2001"], ["--since", "yesterday"]])
def test_impossible_arguments_end_with_2(deployed: Deployed, argument: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["redrive", *deployed.arguments, *argument])
    assert stop.value.code == 2


@pytest.mark.parametrize(
    ("age", "shown"),
    [
        (timedelta(seconds=-5), "0 min"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=3, minutes=12), "3 h 12 min"),
        (timedelta(days=2, hours=5), "2 d 5 h"),
    ],
)
def test_an_age_is_readable(age: timedelta, shown: str) -> None:
    assert redrive._age(age) == shown
