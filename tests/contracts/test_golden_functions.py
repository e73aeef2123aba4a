"""The functions read what every version wrote."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest

from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.conversation.role_correction import newest_of
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.transcription import DeepgramTranscriptions
from callscribe.documents import from_document
from callscribe.recordings.recording import AdmittedRecording, RecordingObject
from callscribe.transcript import Role
from lambdas.admit_recording.contents import Contents, Held
from lambdas.admit_recording.objects import StoredObject
from lambdas.common.archive import Archive
from lambdas.common.claims import Claims, Duplicate, Taken
from lambdas.common.clinics import Clinics
from lambdas.common.corrections import corrections_at
from lambdas.common.transcript_builder import TranscriptBuilder, document_key
from lambdas.score_quality import handler as score
from lambdas.start_live_call import handler as start
from lambdas.store_live_transcript import handler as store_live
from lambdas.store_transcript import handler as store
from lambdas.transcribe_call.work import Work
from tests.contracts.golden import Golden, golden
from tests.fakes.contact_flow import contact_flow_event
from tests.lambdas.cloud import LEASE, NOW, REGION, Cloud, Context

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tests.lambdas.store_live_transcript.test_handler import Bus

CONTEXT = cast("LambdaContext", Context())


def fill(cloud: Cloud, *files: Golden) -> None:
    for file in files:
        cloud.table.put_item(Item=file.item())


def put(cloud: Cloud, key: str, file: Golden, **metadata: str) -> None:
    cloud.s3.put_object(Bucket="archive", Key=key, Body=gzip.compress(file.text.encode()), Metadata=metadata)


def recording_in(message: Golden) -> AdmittedRecording:
    return Work.from_body(message.text).recording


@pytest.mark.parametrize("file", golden("work-message"), ids=str)
def test_a_work_message_is_read_now_and_by_the_code_of_a_version_to_come(file: Golden) -> None:
    work = Work.from_body(file.text)
    assert work.recording.call.call_id == file.json()["recording"]["call_id"]
    newer = file.json() | {"schema_version": SCHEMA_VERSION + 1, "priority": "high"}
    newer["recording"] |= {"checksum": "xyz", "audio": newer["recording"]["audio"] | {"loudness": -23.0}}
    assert Work.from_body(json.dumps(newer)) == work


@pytest.mark.parametrize("file", golden("work-message"), ids=str)
@pytest.mark.usefixtures("function_environment")
def test_a_call_under_way_is_stored_and_scored_after_an_update(cloud: Cloud, file: Golden) -> None:
    """Admitted and transcribed by the code of then, stored by that of now, over an item of then."""
    recording = recording_in(file)
    key = f"replies/{recording.recording_id}.json.gz"
    put(cloud, key, file.beside("reply"), **file.beside("reply-metadata").json())
    fill(cloud, file.beside("transcript-item"))
    claim = {**file.beside("claim-item").item(), "status": "transcribed"}
    cloud.table.put_item(Item=claim)
    payload = {"recording": file.json()["recording"]}
    reply = {"reply": {"bucket": "archive", "key": key}, "deepgram_requests": 1, "request_id": "r"}
    stored = store.handle(payload | reply, CONTEXT)
    assert stored["superseded"] is False
    place = {"PK": stored["transcript"]["pk"], "SK": stored["transcript"]["sk"]}
    assert place == {name: file.beside("transcript-item").item()[name] for name in ("PK", "SK")}
    score.handle(payload | {"transcript": stored["transcript"]}, CONTEXT)
    item: Any = cloud.table.get_item(Key=place)["Item"]
    assert item["schema_version"] == SCHEMA_VERSION
    assert item["full_transcript"] == file.beside("transcript-item").item()["full_transcript"]
    assert "quality" in item


@pytest.mark.parametrize("file", golden("document"), ids=str)
@pytest.mark.usefixtures("function_environment")
def test_a_document_of_any_version_is_scored(cloud: Cloud, file: Golden) -> None:
    item = file.beside("transcript-item").item()
    put(cloud, item["transcript_key"], file)
    cloud.table.put_item(Item={name: value for name, value in item.items() if name != "quality"})
    result = score.handle(
        {
            "recording": {"call_id": item["call_id"], "recording_id": item["recording_id"]},
            "transcript": {"pk": item["PK"], "sk": item["SK"], "bucket": "archive", "key": item["transcript_key"]},
        },
        CONTEXT,
    )
    assert "quality" in cloud.table.get_item(Key={"PK": item["PK"], "SK": item["SK"]})["Item"]
    assert result["rubric"] == "clinic-call-v1"


@pytest.mark.parametrize("file", golden("reply-metadata"), ids=str)
def test_a_stored_reply_of_any_version_becomes_a_transcript(cloud: Cloud, file: Golden) -> None:
    recording = recording_in(file.beside("work-message"))
    put(cloud, "replies/r.json.gz", file.beside("reply"), **file.json())
    archived = Archive(s3=cloud.s3, bucket="archive").read("replies/r.json.gz")
    assert archived is not None
    builder = TranscriptBuilder(
        bucket="archive",
        transcriptions=DeepgramTranscriptions(options=TranscriptionOptions()),
        channel_roles={0: Role.CUSTOMER, 1: Role.AGENT},
    )
    built = builder.build(
        call=recording.call,
        audio=recording.audio,
        provenance=recording.provenance,
        reply=archived,
        reply_key="replies/r.json.gz",
        requests=1,
    )
    before = from_document(file.beside("document").text)
    assert built.transcript.full_transcript == before.full_transcript
    document = document_key(recording.call, recording.recording_id)
    assert document == file.beside("transcript-item").item()["transcript_key"]


@pytest.mark.parametrize("file", golden("*claim-item"), ids=str)
def test_a_claim_of_any_version_still_counts(cloud: Cloud, file: Golden) -> None:
    fill(cloud, file)
    claim = file.item()
    announced = RecordingObject(
        recording_id=claim["recording_id"],
        bucket=claim["bucket"],
        key=claim["s3_key"],
        version_id=claim.get("version_id"),
        etag=claim["etag"],
        sequencer="",
    )
    later = NOW + timedelta(days=9)
    taken = Claims(table=cloud.table).take(announced, call=None, execution="another", now=later, lease=LEASE)
    expected = Taken() if claim["status"] == "failed" else Duplicate(reason="already-transcribed")
    assert taken == expected


@pytest.mark.parametrize("file", golden("live-call-transcribed-event"), ids=str)
def test_the_end_of_a_live_call_of_any_version_is_stored(cloud: Cloud, bus: Bus, file: Golden) -> None:
    state = file.beside("live-call-item-completed").item()
    said = file.beside("live-utterance-item-1").item()
    # The words of the version, as often as its state counts them.
    for seq in range(1, int(state["next_seq"])):
        cloud.table.put_item(Item={**said, "seq": seq, "SK": f"UTTERANCE#{seq:08d}"})
    fill(cloud, file.beside("live-call-item-completed"), file.beside("live-transcript-item"))
    assert store_live.handle(file.json(), CONTEXT)["outcome"] == "stored"
    (event,) = bus.announced()
    assert event["detail"]["schema_version"] == SCHEMA_VERSION


@pytest.mark.parametrize("file", golden("clinic-decision-item"), ids=str)
def test_whose_call_it_is_stays_decided(cloud: Cloud, file: Golden) -> None:
    fill(cloud, file)
    known = Clinics(table=cloud.table, retention=None).known(file.item()["call_id"])
    assert known.decision is not None
    assert known.decision.clinic_id == file.item()["clinic_id"]


@pytest.mark.parametrize("file", golden("content-item"), ids=str)
def test_the_same_content_has_its_holder(cloud: Cloud, file: Golden) -> None:
    claim = {**file.beside("claim-item").item(), "recording_id": file.item()["recording_id"]}
    cloud.table.put_item(Item={**claim, "PK": f"RECORDING#{claim['recording_id']}"})
    fill(cloud, file)
    checksum, size = file.item()["SK"].rsplit("#", 1)
    recording = recording_in(file.beside("work-message"))
    contents = Contents(table=cloud.table, claims=Claims(table=cloud.table), s3=cloud.s3)
    other = StoredObject(
        provenance=replace(recording.provenance, recording_id="f" * 64),
        size_bytes=int(size),
        digest=checksum,
        metadata={},
        replaced=False,
    )
    assert contents.take(other, recording.call, execution="another", now=NOW) == Held(
        recording_id=claim["recording_id"], in_progress=False, covered=False
    )


@pytest.mark.parametrize("file", golden("disconnection-item"), ids=str)
def test_a_call_that_was_over_before_it_was_noted_is_noted_as_over(
    cloud: Cloud, function_environment: pytest.MonkeyPatch, file: Golden
) -> None:
    fill(cloud, file)
    queue = boto3.client("sqs", region_name=REGION).create_queue(QueueName="calls")["QueueUrl"]
    function_environment.setenv("CALLS_QUEUE_URL", queue)
    start._announcer.cache_clear()
    call_id = file.item()["PK"].removeprefix("CALL#")
    start.handle(contact_flow_event(ContactId=call_id), CONTEXT)
    state = cloud.table.get_item(Key={"PK": f"CALL#{call_id}", "SK": "LIVE"})["Item"]
    assert state["disconnected_at"] == file.item()["disconnected_at"]
    start._announcer.cache_clear()


@pytest.mark.parametrize("file", golden("correction-item"), ids=str)
def test_a_correction_that_was_kept_is_found_and_holds(cloud: Cloud, file: Golden) -> None:
    fill(cloud, file)
    item = file.item()
    [found] = corrections_at(cloud.table, *(item[name] for name in ("clinic_id", "day", "call_id", "kind")))
    assert newest_of([found], recording_id=item["recording_id"], request_id=item["request_id"]) == found
    assert {name: role.value for name, role in found.speakers.items()} == item["speakers"]
    assert [turn.role.value for turn in found.turns] == [turn["role"] for turn in item["turns"]]
