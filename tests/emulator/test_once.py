"""Nothing twice: one recording is paid for once, whatever happens around it."""

import pytest

from tests.emulator.deployment import Deployment, new_call, recording
from tests.patience import eventually

pytestmark = pytest.mark.emulator


def test_an_object_announced_five_times_at_once_is_transcribed_once(deployment: Deployment) -> None:
    call, content = new_call(), recording()
    put = deployment.put(call, content)
    event = deployment.event(call, etag=put["ETag"], version_id=put["VersionId"], size=len(content))

    executions = [deployment.start(event) for _ in range(4)]
    deployment.transcribed(call)

    describe = deployment.environment.step_functions().describe_execution
    eventually(lambda: all(describe(executionArn=arn)["status"] == "SUCCEEDED" for arn in executions))
    assert len(deployment.requests(call)) == 1
    assert len(deployment.transcripts(call)) == 1


def test_a_finished_recording_that_is_announced_again_is_left_alone(deployment: Deployment) -> None:
    call, content = new_call(), recording()
    put = deployment.put(call, content)
    before = deployment.transcribed(call)

    execution = deployment.start(
        deployment.event(call, etag=put["ETag"], version_id=put["VersionId"], size=len(content))
    )

    describe = deployment.environment.step_functions().describe_execution
    eventually(lambda: describe(executionArn=execution)["status"] == "SUCCEEDED")
    assert deployment.transcript(call) == before
    assert len(deployment.requests(call)) == 1


def test_a_new_version_supersedes_the_old_one(deployment: Deployment) -> None:
    call = new_call()
    deployment.put(call, recording())
    old = deployment.transcribed(call)

    newer = deployment.put(call, recording())
    deployment.ended(call, claims=2)

    new = deployment.transcript(call)
    assert (old["version_id"] != newer["VersionId"], new["version_id"]) == (True, newer["VersionId"])
    assert new["full_transcript"] != old["full_transcript"]
    assert [claim["status"] for claim in deployment.claims(call)] == ["completed", "completed"]


def test_the_same_bytes_put_twice_are_transcribed_once(deployment: Deployment) -> None:
    call, content = new_call(), recording()
    first, again = deployment.put(call, content), deployment.put(call, content)
    assert first["VersionId"] != again["VersionId"]

    deployment.ended(call, claims=2)

    assert sorted(claim["status"] for claim in deployment.claims(call)) == ["completed", "duplicate"]
    assert len(deployment.requests(call)) == 1


def test_a_worker_killed_after_deepgram_answered_does_not_ask_again(deployment: Deployment) -> None:
    call = new_call()

    with deployment.session.emulator.stall("AWSStepFunctions.SendTaskSuccess") as waiting:
        with deployment.redelivery_after(seconds=2):
            deployment.put(call, recording())
            eventually(waiting)
        deployment.restart_transcribers()
    item = deployment.transcribed(call)

    assert len(deployment.requests(call)) == 1
    assert deployment.claims(call)[0]["deepgram_requests"] == 1
    assert item["cost"]["requests"] == 1


def test_a_reply_that_comes_after_its_execution_was_stopped_is_kept_all_the_same(deployment: Deployment) -> None:
    call, next_call = new_call(), new_call()
    deployment.fail(call, {"action": "answer", "parallel": 2})
    deployment.put(call, recording())
    eventually(lambda: deployment.requests(call))
    (claim,) = deployment.claims(call)

    deployment.environment.step_functions().stop_execution(executionArn=claim["execution"])
    deployment.put(next_call, recording())  # with whose request the first one is answered

    reply = f"replies/{claim['recording_id']}.json.gz"
    archive = deployment.environment.output("ArchiveBucketName")
    listing = deployment.environment.s3().list_objects_v2
    eventually(lambda: listing(Bucket=archive, Prefix=reply)["KeyCount"])
    assert not deployment.transcripts(call)
