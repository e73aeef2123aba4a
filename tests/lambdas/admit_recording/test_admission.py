from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from callscribe.contract.call_kind import CallKind
from callscribe.documents import ArchivePointers, to_item
from callscribe.environments.functions import OnNewVersion
from callscribe.recordings.clinics import ClinicRules
from callscribe.recordings.recording import AdmittedRecording
from lambdas.admit_recording.admission import Admission
from lambdas.admit_recording.calls import Calls
from lambdas.admit_recording.contacts import Contacts
from lambdas.admit_recording.contents import Contents
from lambdas.admit_recording.decision import Decision
from lambdas.admit_recording.live_policy import LivePolicy
from lambdas.admit_recording.object_created import ObjectCreated
from lambdas.admit_recording.objects import Objects
from lambdas.common.claims import Claims
from lambdas.common.clinics import Clinics
from tests.callscribe.replies import silent, transcript_of
from tests.fakes.together import together
from tests.lambdas.cloud import EXECUTION, KEY, LEASE, NOW, OTHER_EXECUTION, AtomicTable, Cloud, wav

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client

CONNECT_KEY = "connect/harbour/CallRecordings/2026/11/20/3f2b9e64-0c7d_20261120T09:30_UTC.wav"


class Door:
    """The admission of one deployment, opened by raw events."""

    def __init__(
        self,
        cloud: Cloud,
        *,
        on_new_version: OnNewVersion = "supersede",
        s3: S3Client | None = None,
        table: Table | None = None,
        max_duration_seconds: float = 3600,
        live_policy: LivePolicy | None = None,
        rules: ClinicRules | None = None,
        contacts: Contacts | None = None,
    ) -> None:
        s3, table = s3 or cloud.s3, table or cloud.table
        claims = Claims(table=table)
        self._admission = Admission(
            objects=Objects(s3=s3, max_duration_seconds=max_duration_seconds),
            calls=Calls(
                clinics=Clinics(table=table, retention=None),
                rules=rules or ClinicRules(clinic_by_prefix={"connect/harbour": "harbour"}),
                contacts=contacts,
            ),
            table=table,
            claims=claims,
            contents=Contents(table=table, claims=claims, s3=s3),
            claim_lease=LEASE,
            on_new_version=on_new_version,
            live_policy=live_policy or LivePolicy(),
            clock=lambda: NOW,
        )

    def decide(
        self, event: dict[str, Any], execution: str = EXECUTION, *, started_at: datetime | None = None
    ) -> Decision:
        return self._admission.decide(ObjectCreated.model_validate(event), execution=execution, started_at=started_at)


@pytest.fixture
def door(cloud: Cloud) -> Door:
    return Door(cloud)


def outcome(decision: Decision) -> tuple[str, str]:
    return decision.verdict.value, decision.reason


def test_a_recording_is_claimed_and_described(cloud: Cloud, door: Door) -> None:
    event = cloud.upload(wav(seconds=3))
    decision = door.decide(event)
    assert outcome(decision) == ("claimed", "new")
    admitted = AdmittedRecording.from_payload(decision.recording)
    announced = event["detail"]["object"]
    source = admitted.provenance
    assert (source.bucket, source.key, source.version_id) == ("recordings", KEY, announced["version-id"])
    assert (source.etag, admitted.size_bytes) == (announced["etag"], announced["size"])
    assert source.sequencer == announced["sequencer"]
    assert (admitted.call.clinic_id, admitted.call.day, admitted.call.call_id) == ("harbour", "2026-11-20", "call-7")
    assert (admitted.audio.channels, admitted.audio.duration_seconds) == (2, 3.0)
    assert cloud.claim(admitted.recording_id)["status"] == "claimed"


def test_a_connect_recording_has_the_time_and_clinic_of_its_key(cloud: Cloud, door: Door) -> None:
    admitted = AdmittedRecording.from_payload(door.decide(cloud.upload(key=CONNECT_KEY)).recording)
    assert admitted.call.started_at == datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    assert (admitted.call.clinic_id, admitted.call.kind) == ("harbour", CallKind.AGENT)


def test_a_recording_of_our_own_layout_begins_when_its_metadata_says(cloud: Cloud, door: Door) -> None:
    event = cloud.upload(metadata={"started-at": "2026-11-20T09:31:07Z"})
    admitted = AdmittedRecording.from_payload(door.decide(event).recording)
    assert admitted.call.started_at == datetime(2026, 11, 20, 9, 31, 7, tzinfo=UTC)
    assert admitted.call.started_at_source == "metadata"


@pytest.mark.parametrize(
    "key",
    [
        "recordings/lake side/2026-11-20/call 7.wav",
        "recordings/lake+side/2026-11-20/call+7.wav",
        "recordings/harbour/2026-11-20/call%207.wav",
        "recordings/Zürich-診所/2026-11-20/Anruf-ü.wav",
        CONNECT_KEY.replace(":", "%3A"),
    ],
)
@pytest.mark.parametrize("bucket", ["recordings", "unversioned"])
def test_unusual_keys_are_found_as_they_are(cloud: Cloud, door: Door, key: str, bucket: str) -> None:
    decision = door.decide(cloud.upload(key=key, bucket=bucket))
    assert outcome(decision) == ("claimed", "new")
    assert decision.recording["key"] == key


def test_the_same_object_announced_five_times_at_once_is_claimed_once(cloud: Cloud) -> None:
    event = cloud.upload()
    door = Door(cloud, table=cast("Table", AtomicTable(cloud.table)))

    def announce(number: int) -> tuple[str, str]:
        return outcome(door.decide(event, f"{EXECUTION}-{number}"))

    outcomes = together(announce)
    assert outcomes.count(("claimed", "new")) == 1
    assert outcomes.count(("duplicate", "in-progress")) == 4


def test_a_redrive_takes_over_from_the_execution_that_died_with_its_claim(cloud: Cloud, door: Door) -> None:
    event = cloud.upload()
    door.decide(event, EXECUTION)
    assert outcome(door.decide(event, OTHER_EXECUTION)) == ("duplicate", "in-progress")
    assert outcome(door.decide({**event, "redrive_of": EXECUTION}, OTHER_EXECUTION)) == ("claimed", "new")


def test_a_step_that_is_repeated_decides_the_same(cloud: Cloud, door: Door) -> None:
    event = cloud.upload()
    assert door.decide(event) == door.decide(event)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("recordings/harbour/2026-11-20/", "folder"),
        ("recordings/harbour/2026-11-20/notes.txt", "not-audio"),
        ("connect/harbour/Analysis/Voice/2026/11/20/x_analysis.json", "analysis-file"),
        ("connect/harbour/Analysis/Voice/Redacted/2026/11/20/x_redacted.wav", "redacted-copy"),
        ("connect/harbour/Attachments/chat/2026/11/20/voice-note.wav", "attachment"),
    ],
)
def test_what_is_no_call_is_ignored_without_a_trace(cloud: Cloud, door: Door, key: str, reason: str) -> None:
    assert outcome(door.decide(cloud.upload(key=key))) == ("ignored", reason)
    assert cloud.items() == []


def test_an_unknown_layout_is_rejected_and_kept(cloud: Cloud, door: Door) -> None:
    decision = door.decide(cloud.upload(key="somewhere/else/call.wav"))
    assert outcome(decision) == ("rejected", "UnknownLayout")
    assert decision.recording.keys() == {"recording_id", "bucket", "key"}
    claim = cloud.claim(decision.recording["recording_id"])
    assert (claim["status"], claim["error_code"]) == ("rejected", "UnknownLayout")
    assert "GSI1PK" not in claim


@pytest.mark.parametrize("extension", ["amr", "webm", "gsm"])
def test_a_recording_in_another_format_is_rejected_and_listed_with_its_call(
    cloud: Cloud, door: Door, extension: str
) -> None:
    decision = door.decide(cloud.upload(key=f"recordings/harbour/2026-11-20/call-9.{extension}"))
    assert outcome(decision) == ("rejected", "UnsupportedFormat")
    assert "onvert" in decision.message
    claim = cloud.claim(decision.recording["recording_id"])
    assert (claim["call_id"], claim["status"], claim["error_code"]) == ("call-9", "rejected", "UnsupportedFormat")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "EmptyObject"),
        (b"this is a text with the wrong name", "NotAudio"),
        (wav(seconds=5)[:-4000], "TruncatedAudio"),
        (wav(seconds=1, channels=3), "TooManyChannels"),
        (wav(seconds=61), "TooLong"),
    ],
)
def test_unusable_audio_is_rejected_with_its_reason(cloud: Cloud, content: bytes, reason: str) -> None:
    decision = Door(cloud, max_duration_seconds=60).decide(cloud.upload(content))
    assert outcome(decision) == ("rejected", reason)
    assert decision.message
    claim = cloud.claim(decision.recording["recording_id"])
    assert (claim["status"], claim["error_code"]) == ("rejected", reason)
    assert claim["error_message"] == decision.message


def test_a_rejected_recording_is_rejected_again_when_it_is_repeated(cloud: Cloud, door: Door) -> None:
    event = cloud.upload(b"no audio")
    first = door.decide(event)
    assert door.decide(event, OTHER_EXECUTION) == first
    assert cloud.claim(first.recording["recording_id"])["attempts"] == 2


@pytest.mark.parametrize("bucket", ["recordings", "unversioned"])
def test_a_recording_deleted_before_work_begins_is_rejected(cloud: Cloud, door: Door, bucket: str) -> None:
    event = cloud.upload(bucket=bucket)
    cloud.s3.delete_object(Bucket=bucket, Key=KEY)  # leaves a delete marker where versions are kept
    assert outcome(door.decide(event)) == ("rejected", "RecordingMissing")


def test_a_recording_deleted_behind_the_storing_of_its_transcript_goes_on(cloud: Cloud, door: Door) -> None:
    event = cloud.upload()
    admitted = AdmittedRecording.from_payload(door.decide(event).recording)
    transcript = replace(
        transcript_of(silent()), recording=admitted.call, audio=admitted.audio, provenance=admitted.provenance
    )
    pointers = ArchivePointers(bucket="archive", transcript_key="transcript", reply_key="reply")
    cloud.table.put_item(Item=to_item(transcript, archive=pointers))
    cloud.s3.delete_object(Bucket="recordings", Key=KEY)

    again = door.decide({**event, "redrive_of": EXECUTION}, OTHER_EXECUTION)

    assert outcome(again) == ("claimed", "already-stored")
    assert AdmittedRecording.from_payload(again.recording) == admitted
    claim = cloud.claim(admitted.recording_id)
    assert (claim["execution"], claim["size_bytes"]) == (OTHER_EXECUTION, admitted.size_bytes)


def test_a_version_deleted_for_good_is_rejected(cloud: Cloud, door: Door) -> None:
    event = cloud.upload()
    cloud.upload(wav(seconds=4))
    cloud.s3.delete_object(Bucket="recordings", Key=KEY, VersionId=event["detail"]["object"]["version-id"])
    assert outcome(door.decide(event)) == ("rejected", "RecordingMissing")


def test_content_replaced_in_a_bucket_without_versions_has_its_own_event(cloud: Cloud, door: Door) -> None:
    first = cloud.upload(wav(seconds=2), bucket="unversioned")
    second = cloud.upload(wav(seconds=3), bucket="unversioned")
    assert outcome(door.decide(first)) == ("ignored", "replaced")
    assert outcome(door.decide(second, OTHER_EXECUTION)) == ("claimed", "new")


def test_both_versions_of_a_replaced_recording_are_admitted_for_themselves(cloud: Cloud, door: Door) -> None:
    first, second = cloud.upload(wav(seconds=2)), cloud.upload(wav(seconds=3))
    decisions = [door.decide(second), door.decide(first, OTHER_EXECUTION)]
    assert [decision.recording["audio"]["duration_seconds"] for decision in decisions] == [3.0, 2.0]


def test_content_that_changes_while_it_is_probed_is_rejected(cloud: Cloud) -> None:
    event = cloud.upload(bucket="unversioned")
    s3 = Mock(wraps=cloud.s3)

    def replaced_first(**arguments: Any) -> Any:
        cloud.upload(wav(seconds=9), bucket="unversioned")
        return cloud.s3.get_object(**arguments)

    s3.get_object.side_effect = replaced_first
    assert outcome(Door(cloud, s3=s3).decide(event)) == ("rejected", "RecordingChanged")


def test_a_recording_that_may_not_be_read_is_an_error_and_no_rejection(cloud: Cloud) -> None:
    s3 = Mock(wraps=cloud.s3)
    s3.head_object.side_effect = ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")
    with pytest.raises(ClientError):
        Door(cloud, s3=s3).decide(cloud.upload())


def stored_transcript(cloud: Cloud, recording_id: str) -> None:
    key = {"PK": "CLINIC#harbour", "SK": "TRANSCRIPT#2026-11-20#call-7"}
    cloud.table.put_item(Item={**key, "recording_id": recording_id})


def test_a_new_version_of_a_transcribed_call_is_transcribed_by_default(cloud: Cloud, door: Door) -> None:
    stored_transcript(cloud, "of the earlier version")
    assert outcome(door.decide(cloud.upload())) == ("claimed", "new")


def test_a_new_version_is_left_alone_where_the_policy_keeps_the_earlier_one(cloud: Cloud) -> None:
    stored_transcript(cloud, "of the earlier version")
    door = Door(cloud, on_new_version="keep")
    event = cloud.upload()
    decision = door.decide(event)
    assert outcome(decision) == ("duplicate", "kept-earlier-version")
    assert cloud.claim(decision.recording["recording_id"])["status"] == "kept"
    assert outcome(door.decide(event, OTHER_EXECUTION)) == ("duplicate", "kept-earlier-version")


def test_the_first_version_of_a_call_is_transcribed_where_the_policy_keeps_it(cloud: Cloud) -> None:
    door = Door(cloud, on_new_version="keep")
    decision = door.decide(cloud.upload())
    assert outcome(decision) == ("claimed", "new")


def test_a_recording_does_not_compete_with_its_own_transcript(cloud: Cloud) -> None:
    door = Door(cloud, on_new_version="keep")
    event = cloud.upload()
    stored_transcript(cloud, door.decide(event).recording["recording_id"])
    assert outcome(door.decide(event)) == ("claimed", "new")


def test_the_ivr_part_of_a_contact_is_a_recording_of_its_own(cloud: Cloud, door: Door) -> None:
    agent = door.decide(cloud.upload(key=CONNECT_KEY))
    ivr = door.decide(cloud.upload(key=CONNECT_KEY.replace("CallRecordings/", "CallRecordings/ivr/")), OTHER_EXECUTION)
    assert outcome(agent) == outcome(ivr) == ("claimed", "new")
    assert (agent.recording["kind"], ivr.recording["kind"]) == ("agent", "ivr")
