"""Operators' commands read what every version wrote."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callscribe.live.audio_kept import left_at
from callscribe.table_values import plain
from lambdas.admit_recording.object_created import ObjectCreated
from operations.command_line import main
from operations.environment import Environment
from operations.failed_calls import SendBack, StartAgain, read_claim, read_failed_admission, read_message
from operations.failed_live_calls import FollowAgain, LiveRepeater, TellAgain, read_live_message
from operations.rendering import utterance_line
from tests.contracts.golden import Golden, golden
from tests.operations.conftest import SESSION, Deployed


def received(body: str, **attributes: Any) -> Any:
    """A message as SQS delivers it."""
    return {
        "MessageId": "m-1",
        "ReceiptHandle": "receipt",
        "Attributes": {"SentTimestamp": "1795165200000"},
        "Body": body,
        **attributes,
    }


@pytest.mark.parametrize("file", [*golden("failed-call-message"), *golden("failed-admission-call-message")], ids=str)
def test_a_failed_call_is_repeated(file: Golden) -> None:
    call = read_message(received(file.text))
    assert isinstance(call.repeat, StartAgain)
    assert call.repeat.input()["redrive_of"] == file.json()["execution"]
    assert call.call_id in (file.json()["call_id"], "call-0042")


@pytest.mark.parametrize("file", golden("failed-admission-item"), ids=str)
def test_an_admission_that_failed_is_repeated(file: Golden) -> None:
    call = read_failed_admission(file.item())
    assert isinstance(call.repeat, StartAgain)
    assert ObjectCreated.model_validate(call.repeat.input()).redrive_of
    assert call.error


@pytest.mark.parametrize("file", golden("work-message"), ids=str)
def test_a_work_message_that_came_back_too_often_is_sent_back(file: Golden) -> None:
    call = read_message(received(file.text))
    assert call.repeat == SendBack(body=file.text, subject=file.json()["task_token"])


@pytest.mark.parametrize("file", golden("failed-live-call-message"), ids=str)
def test_a_failed_live_call_is_followed_again(file: Golden) -> None:
    message = file.json()
    call = read_live_message(received(message["Body"], MessageAttributes=message["MessageAttributes"]))
    assert isinstance(call.repeat, FollowAgain)
    assert call.error


@pytest.mark.parametrize("file", golden("live-call-message"), ids=str)
def test_an_announced_call_that_nobody_kept_is_followed_again(file: Golden) -> None:
    assert isinstance(read_live_message(received(file.text)).repeat, FollowAgain)


@pytest.mark.parametrize("file", golden("live-call-transcribed-event"), ids=str)
def test_the_end_of_a_live_call_is_told_again(file: Golden) -> None:
    repeat = read_live_message(received(file.text)).repeat
    assert isinstance(repeat, TellAgain)
    assert json.loads(repeat.detail) == file.json()["detail"]


@pytest.mark.parametrize("file", golden("*-item*"), ids=str)
def test_an_item_is_shown(deployed: Deployed, capsys: pytest.CaptureFixture[str], file: Golden) -> None:
    item = file.item()
    deployed.table.put_item(Item=item)
    assert main(["backfill", *deployed.arguments]) == 0
    if item["type"] == "live-utterance":
        assert item["text"] in utterance_line(item).plain
        return
    if item["type"] in ("correction", "review"):  # of a call that is there; the console shows them
        assert main(["calls", *deployed.arguments, "--call", item["call_id"]]) == 0
        return
    if item["type"] in ("disconnection", "failed-admission", "content"):
        call_id = item["PK"].split("#")[2 if item["type"] == "content" else 1]
        shown = ["--failed"] if item["type"] == "failed-admission" else ["--call", call_id]
        # A call that is over before anything else is known of it is not known to operators.
        assert main(["calls", *deployed.arguments, *shown]) == (4 if item["type"] == "disconnection" else 0)
        return
    if item["type"] == "transcript":
        assert main(["calls", *deployed.arguments, "--clinic", item["clinic_id"], "--day", item["day"]]) == 0
    if item.get("status") in ("failed", "rejected") and item["type"] == "claim":
        assert main(["calls", *deployed.arguments, "--failed"]) == 0
    assert main(["calls", *deployed.arguments, "--call", item["call_id"]]) == 0
    assert item["call_id"] in capsys.readouterr().out


@pytest.mark.parametrize("file", golden("*transcript-item"), ids=str)
def test_what_an_item_had_no_room_for_is_shown(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], file: Golden
) -> None:
    item = file.item()
    live = item["source"] == "live"
    document = file.beside("live-document" if live else "document")
    deployed.s3.put_object(Bucket="archive", Key=item["transcript_key"], Body=gzip.compress(document.text.encode()))
    away = ("utterances", "full_transcript")
    small = {name: value for name, value in item.items() if name not in away}
    deployed.table.put_item(Item={**small, "only_in_s3": [*away], "utterances_in": "s3", "archive_bucket": "archive"})
    assert main(["calls", *deployed.arguments, "--call", item["call_id"]]) == 0
    assert "Thank you for calling" in capsys.readouterr().out


@pytest.mark.parametrize("file", golden("live-call-item-*"), ids=str)
def test_where_a_call_was_left_is_known(deployed: Deployed, file: Golden) -> None:
    item = file.item()
    deployed.table.put_item(Item=item)
    announced = {name: plain(item[name]) for name in ("call_id", "started_at_ms")}
    deployed.outputs |= {"LiveCallsQueueUrl": deployed.work, "EventBusName": "default"}
    message = file.beside("live-call-message").json() | announced
    repeat = read_live_message(received(json.dumps(message))).repeat
    assert isinstance(repeat, FollowAgain)
    repeater = LiveRepeater(Environment(name="Dev", outputs=deployed.outputs, session=SESSION), force=False)
    assert repeater.obstacle(repeat) == "its stream is gone"
    began = datetime.fromtimestamp(int(item["started_at_ms"]) / 1000, UTC)
    assert timedelta() <= left_at(item, started_at_ms=repeat.call.started_at_ms) - began < timedelta(minutes=1)


@pytest.mark.parametrize("file", golden("failed-call-message"), ids=str)
def test_a_redrive_starts_a_call_again_that_another_version_failed(deployed: Deployed, file: Golden) -> None:
    deployed.fail(file.text)
    assert main(["redrive", *deployed.arguments]) == 0
    (started,) = deployed.started()
    assert ObjectCreated.model_validate(started).redrive_of
    assert started["detail"] == file.json()["event"]["detail"]


@pytest.mark.parametrize("file", golden("*claim-item"), ids=str)
def test_a_claim_says_how_its_call_is_started_again(file: Golden) -> None:
    call = read_claim(file.item())
    assert isinstance(call.repeat, StartAgain)
    event = ObjectCreated.model_validate(call.repeat.input())
    assert (event.recording.bucket, event.recording.key) == (file.item()["bucket"], file.item()["s3_key"])
    assert call.call_id == file.item()["call_id"]
