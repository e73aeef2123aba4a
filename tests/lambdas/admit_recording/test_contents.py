"""Which recordings have the same content, and which of them is transcribed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from callscribe.recordings.recording import AdmittedRecording, recording_id
from lambdas.admit_recording.objects import digest_in
from lambdas.common.claims import Claims
from tests.fakes.together import together
from tests.lambdas.admit_recording.test_admission import Door, outcome
from tests.lambdas.cloud import EXECUTION, KEY, NOW, OTHER_EXECUTION, AtomicTable, Cloud, wav

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

    from lambdas.admit_recording.decision import Decision

THIRD_EXECUTION = f"{EXECUTION}-three"
CONNECT_KEY = "connect/harbour/CallRecordings/2026/11/20/3f2b9e64-0c7d_20261120T09:30_UTC.wav"
CRC = {"ChecksumCRC64NVME": "8SVSqC6K2Ps=", "ChecksumType": "FULL_OBJECT"}
KMS = {"ServerSideEncryption": "aws:kms"}
MD5 = "5d41402abc4b2a76b9719d911017c592"


class TestTheDigest:
    @pytest.mark.parametrize(
        ("head", "digest"),
        [
            (CRC, "CRC64NVME:8SVSqC6K2Ps="),
            ({**CRC, **KMS, "ETag": f'"{MD5}"'}, "CRC64NVME:8SVSqC6K2Ps="),
            ({"ChecksumSHA256": "LPJNul+w=", "ChecksumType": "FULL_OBJECT"}, "SHA256:LPJNul+w="),
            ({"ChecksumCRC32": "y/Q5Jg==", "ChecksumType": "FULL_OBJECT"}, "CRC32:y/Q5Jg=="),
            ({"ChecksumCRC32": "y/Q5Jg=="}, "CRC32:y/Q5Jg=="),
            ({"ETag": f'"{MD5}"', "ServerSideEncryption": "AES256"}, f"MD5:{MD5}"),
            ({"ETag": f'"{MD5}"'}, f"MD5:{MD5}"),
        ],
    )
    def test_is_a_checksum_of_the_whole(self, head: dict[str, Any], digest: str) -> None:
        assert digest_in(head) == digest

    @pytest.mark.parametrize(
        "head",
        [
            {},
            {"ETag": f'"{MD5}"', **KMS},
            {"ETag": f'"{MD5}"', "ServerSideEncryption": "aws:kms:dsse"},
            {"ETag": f'"{MD5}"', "SSECustomerAlgorithm": "AES256"},
            {"ETag": f'"{MD5}-7"'},
            {"ETag": f'"{MD5}-7"', "ChecksumSHA256": "LPJNul+w=-7", "ChecksumType": "COMPOSITE"},
            {"ETag": f'"{MD5}-7"', "ChecksumCRC32": "y/Q5Jg==-7"},
            {"ETag": f'"{MD5}-7"', "ChecksumCRC32": "y/Q5Jg==", "ChecksumType": "COMPOSITE"},
        ],
    )
    def test_is_unknown_where_s3_keeps_none(self, head: dict[str, Any]) -> None:
        assert digest_in(head) is None


@pytest.fixture
def door(cloud: Cloud) -> Door:
    return Door(cloud)


def identity(event: dict[str, Any]) -> str:
    announced = event["detail"]["object"]
    return recording_id(
        event["detail"]["bucket"]["name"], announced["key"], announced.get("version-id"), announced["etag"]
    )


def finish(cloud: Cloud, event: dict[str, Any], *, status: str = "completed") -> None:
    """Let the work on a recording come to its end."""
    cloud.table.update_item(
        Key={"PK": f"RECORDING#{identity(event)}", "SK": "CLAIM"},
        UpdateExpression="SET #status = :status",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":status": status},
    )


def show(cloud: Cloud, event: dict[str, Any]) -> None:
    """Let the call's transcript be that of a recording."""
    key = {"PK": "CLINIC#harbour", "SK": "TRANSCRIPT#2026-11-20#call-7"}
    cloud.table.put_item(Item={**key, "type": "transcript", "recording_id": identity(event)})


def shown(cloud: Cloud) -> dict[str, Any]:
    return cloud.table.get_item(Key={"PK": "CLINIC#harbour", "SK": "TRANSCRIPT#2026-11-20#call-7"})["Item"]


def second(door: Door, event: dict[str, Any], execution: str = OTHER_EXECUTION) -> Decision:
    return door.decide(event, execution, started_at=NOW)


class TestTheSameBytesOfACall:
    @pytest.mark.parametrize("bucket", ["recordings", "unversioned"])
    def test_are_linked_once_they_are_transcribed(self, cloud: Cloud, door: Door, bucket: str) -> None:
        first = cloud.upload(bucket=bucket)
        door.decide(first)
        finish(cloud, first)
        show(cloud, first)
        again = cloud.upload(bucket=bucket, key=KEY.replace(".wav", ".WAV"))
        assert outcome(second(door, again)) == ("duplicate", "same-content")
        claim = cloud.claim(identity(again))
        assert (claim["status"], claim["same_content_as"]) == ("duplicate", identity(first))
        assert claim["deepgram_requests"] == 0

    def test_are_noted_on_the_transcript_as_put_again(self, cloud: Cloud, door: Door) -> None:
        first, again = cloud.upload(), cloud.upload()
        door.decide(first)
        finish(cloud, first)
        show(cloud, first)
        second(door, again)
        item = shown(cloud)
        assert item["recording_id"] == identity(first)
        assert item["same_content_sequencer"] == again["detail"]["object"]["sequencer"]
        assert datetime.fromisoformat(item["same_content_last_modified"]).tzinfo is not None
        assert outcome(second(door, again)) == ("duplicate", "same-content")
        assert shown(cloud) == item

    def test_whose_transcript_is_shown_already_go_on_in_their_own_name(self, cloud: Cloud, door: Door) -> None:
        first, again = cloud.upload(), cloud.upload()
        door.decide(first)
        finish(cloud, first, status="failed")
        second(door, again)
        finish(cloud, again, status="failed")  # behind the storing of it
        show(cloud, again)
        door.decide({**first, "redrive_of": EXECUTION}, THIRD_EXECUTION, started_at=NOW)
        finish(cloud, first, status="superseded")
        decision = second(door, {**again, "redrive_of": OTHER_EXECUTION}, f"{EXECUTION}-four")
        assert decision.verdict == "claimed"
        assert AdmittedRecording.from_payload(decision.recording).same_content_as == identity(first)

    def test_are_told_although_the_etag_is_another(self, cloud: Cloud, door: Door) -> None:
        first = cloud.upload()
        door.decide(first)
        finish(cloud, first)
        again = cloud.upload()
        again["detail"]["object"]["etag"] = "0" * 32  # as KMS makes it: one for each version
        assert outcome(second(door, again)) == ("duplicate", "same-content")

    def test_wait_while_they_are_transcribed(self, cloud: Cloud, door: Door) -> None:
        first, again = cloud.upload(), cloud.upload()
        door.decide(first)
        decision = second(door, again)
        assert outcome(decision) == ("wait", "same-content-in-progress")
        assert decision.wait_seconds == 30
        finish(cloud, first, status="stored")
        assert outcome(second(door, again)) == ("wait", "same-content-in-progress")
        finish(cloud, first)
        assert outcome(second(door, again)) == ("duplicate", "same-content")

    @pytest.mark.parametrize("status", ["failed", "rejected"])
    def test_are_transcribed_in_place_of_those_that_failed(self, cloud: Cloud, door: Door, status: str) -> None:
        first, again = cloud.upload(), cloud.upload()
        door.decide(first)
        assert second(door, again).verdict == "wait"
        finish(cloud, first, status=status)
        decision = second(door, again)
        assert decision.verdict == "claimed"
        # Its reply may have been paid for.
        assert AdmittedRecording.from_payload(decision.recording).same_content_as == identity(first)
        assert second(door, again) == decision

    def test_take_what_the_last_of_those_that_failed_was_paid_for(self, cloud: Cloud, door: Door) -> None:
        def paid(event: dict[str, Any]) -> None:
            cloud.table.update_item(
                Key={"PK": f"RECORDING#{identity(event)}", "SK": "CLAIM"},
                UpdateExpression="SET deepgram_requests = :one",
                ExpressionAttributeValues={":one": 1},
            )

        def decided(event: dict[str, Any], execution: str, **more: str) -> str | None:
            decision = second(door, {**event, **more}, execution)
            assert decision.verdict == "claimed"
            assert second(door, {**event, **more}, execution) == decision
            finish(cloud, event, status="failed")
            return AdmittedRecording.from_payload(decision.recording).same_content_as

        first, unpaid, third, fourth = (cloud.upload() for _ in range(4))
        assert decided(first, EXECUTION) is None
        paid(first)
        assert decided(unpaid, OTHER_EXECUTION) == identity(first)
        assert decided(third, THIRD_EXECUTION) == identity(first)
        paid(third)
        assert decided(fourth, f"{EXECUTION}-four") == identity(third)
        assert decided(third, f"{EXECUTION}-five", redrive_of=THIRD_EXECUTION) is None

    def test_wait_the_other_way_round_when_those_that_failed_are_repeated(self, cloud: Cloud, door: Door) -> None:
        first, again = cloud.upload(), cloud.upload()
        door.decide(first)
        finish(cloud, first, status="failed")
        assert second(door, again).verdict == "claimed"
        repeated = {**first, "redrive_of": EXECUTION}
        assert outcome(second(door, repeated, THIRD_EXECUTION)) == ("wait", "same-content-in-progress")
        finish(cloud, again)
        assert outcome(second(door, repeated, THIRD_EXECUTION)) == ("duplicate", "same-content")

    def test_are_transcribed_when_the_lease_of_the_first_has_run_out(self, cloud: Cloud, door: Door) -> None:
        first, again = cloud.upload(), cloud.upload()
        door.decide(first)
        cloud.table.update_item(
            Key={"PK": f"RECORDING#{identity(first)}", "SK": "CLAIM"},
            UpdateExpression="SET lease_until = :past",
            ExpressionAttributeValues={":past": int((NOW - timedelta(hours=1)).timestamp())},
        )
        assert second(door, again).verdict == "claimed"

    def test_are_transcribed_when_the_first_was_forgotten(self, cloud: Cloud, door: Door) -> None:
        first, again = cloud.upload(), cloud.upload()
        door.decide(first)
        cloud.table.delete_item(Key={"PK": f"RECORDING#{identity(first)}", "SK": "CLAIM"})
        assert second(door, again).verdict == "claimed"

    def test_are_linked_where_a_live_transcript_stands_for_them(self, cloud: Cloud, door: Door) -> None:
        first, again = cloud.upload(), cloud.upload()
        door.decide(first)
        finish(cloud, first, status="covered")
        assert outcome(second(door, again)) == ("duplicate", "same-content")

    def test_are_transcribed_although_a_live_transcript_stands_for_them_where_they_are_wanted(
        self, cloud: Cloud, door: Door
    ) -> None:
        first, again = cloud.upload(), cloud.upload()
        door.decide(first)
        finish(cloud, first, status="covered")
        assert outcome(second(door, again)) == ("duplicate", "same-content")
        wanted = {**again, "redrive_of": OTHER_EXECUTION}
        assert second(door, wanted, THIRD_EXECUTION).verdict == "claimed"

    def test_are_linked_at_once_by_an_execution_that_cannot_wait(self, cloud: Cloud, door: Door) -> None:
        first, again = cloud.upload(), cloud.upload()
        door.decide(first)
        assert outcome(door.decide(again, OTHER_EXECUTION)) == ("duplicate", "same-content")

    def test_are_the_same_under_another_day(self, cloud: Cloud, door: Door) -> None:
        first = cloud.upload()
        door.decide(first)
        finish(cloud, first)
        assert outcome(second(door, cloud.upload(key=KEY.replace("-20/", "-21/")))) == ("duplicate", "same-content")

    def test_that_come_many_times_at_once_are_claimed_once(self, cloud: Cloud) -> None:
        events = [cloud.upload() for _ in range(5)]
        door = Door(cloud, table=cast("Table", AtomicTable(cloud.table)))

        def announce(number: int) -> str:
            return second(door, events[number], f"{EXECUTION}-{number}").verdict

        verdicts = together(announce)
        assert sorted(verdicts) == ["claimed", "wait", "wait", "wait", "wait"]


class TestOtherRecordings:
    @pytest.mark.parametrize(
        "key",
        [
            KEY.replace("call-7", "call-8"),
            KEY.replace("harbour", "lakeside"),  # a call id that is no contact's is of its clinic only
        ],
    )
    def test_of_other_calls_have_contents_of_their_own(self, cloud: Cloud, door: Door, key: str) -> None:
        first = cloud.upload()
        door.decide(first)
        finish(cloud, first)
        assert outcome(second(door, cloud.upload(key=key))) == ("claimed", "new")

    def test_of_the_automated_part_have_contents_of_their_own(self, cloud: Cloud, door: Door) -> None:
        agent = cloud.upload(key=CONNECT_KEY)
        door.decide(agent)
        finish(cloud, agent)
        ivr = cloud.upload(key=CONNECT_KEY.replace("CallRecordings/", "CallRecordings/ivr/"))
        assert second(door, ivr).verdict == "claimed"

    def test_with_other_bytes_of_the_same_length_are_other_contents(self, cloud: Cloud, door: Door) -> None:
        first = cloud.upload(wav(seconds=2))
        door.decide(first)
        finish(cloud, first)
        other = bytearray(wav(seconds=2))
        other[-1] ^= 1
        assert outcome(second(door, cloud.upload(bytes(other)))) == ("claimed", "new")

    def test_of_which_s3_keeps_no_checksum_are_told_by_their_version_alone(
        self, cloud: Cloud, door: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("lambdas.admit_recording.objects.digest_in", lambda _: None)
        first, again = cloud.upload(), cloud.upload()
        door.decide(first)
        finish(cloud, first)
        assert outcome(second(door, again)) == ("claimed", "new")
        assert [item for item in cloud.items() if item["type"] == "content"] == []

    def test_that_came_between_are_superseded_by_the_earlier_content_unpaid(self, cloud: Cloud, door: Door) -> None:
        first, other, back = cloud.upload(), cloud.upload(wav(seconds=3)), cloud.upload()
        door.decide(first)
        finish(cloud, first)
        assert second(door, other).verdict == "claimed"
        finish(cloud, other)
        show(cloud, other)
        decision = second(door, back, THIRD_EXECUTION)
        assert decision.verdict == "claimed"
        assert AdmittedRecording.from_payload(decision.recording).same_content_as == identity(first)
        finish(cloud, back)
        show(cloud, back)
        once_more = cloud.upload()
        assert outcome(second(door, once_more, f"{EXECUTION}-four")) == ("duplicate", "same-content")

    def test_are_kept_out_where_the_policy_keeps_the_first(self, cloud: Cloud) -> None:
        door = Door(cloud, on_new_version="keep")
        first = cloud.upload()
        door.decide(first)
        finish(cloud, first)
        show(cloud, first)
        assert outcome(second(door, cloud.upload())) == ("duplicate", "kept-earlier-version")

    def test_are_nobodys_to_repeat_any_more_once_another_recording_is_to_be_kept(self, cloud: Cloud) -> None:
        door = Door(cloud, on_new_version="keep")
        first = cloud.upload()
        door.decide(first)
        finish(cloud, first, status="failed")
        other = cloud.upload(wav(seconds=2))
        assert second(door, other).verdict == "claimed"
        finish(cloud, other)
        show(cloud, other)
        repeated = door.decide({**first, "redrive_of": EXECUTION}, THIRD_EXECUTION, started_at=NOW)
        assert outcome(repeated) == ("duplicate", "kept-earlier-version")
        assert cloud.claim(identity(first))["status"] == "kept"


class TestWhatWasClaimedBefore:
    """By code that knew nothing of contents."""

    @pytest.fixture
    def earlier(self, cloud: Cloud, door: Door) -> dict[str, Any]:
        event = cloud.upload()
        door.decide(event)
        finish(cloud, event)
        cloud.table.update_item(
            Key={"PK": f"RECORDING#{identity(event)}", "SK": "CLAIM"}, UpdateExpression="REMOVE digest"
        )
        for item in cloud.items():
            if item["type"] == "content":
                cloud.table.delete_item(Key={"PK": item["PK"], "SK": item["SK"]})
        return event

    def test_is_recognised_by_its_object(self, cloud: Cloud, door: Door, earlier: dict[str, Any]) -> None:
        again = cloud.upload()
        assert outcome(second(door, again)) == ("duplicate", "same-content")
        assert cloud.claim(identity(again))["same_content_as"] == identity(earlier)

    def test_is_not_recognised_when_its_object_is_gone(self, cloud: Cloud, door: Door, earlier: dict[str, Any]) -> None:
        cloud.s3.delete_object(Bucket="recordings", Key=KEY, VersionId=earlier["detail"]["object"]["version-id"])
        assert outcome(second(door, cloud.upload())) == ("claimed", "new")

    def test_is_no_obstacle_to_another_content(self, cloud: Cloud, door: Door, earlier: dict[str, Any]) -> None:
        assert outcome(second(door, cloud.upload(wav(seconds=3)))) == ("claimed", "new")

    def test_keeps_its_identity(self, cloud: Cloud, door: Door, earlier: dict[str, Any]) -> None:
        assert outcome(second(door, earlier)) == ("duplicate", "already-transcribed")


class TestAnEventWithoutAVersion:
    @staticmethod
    def without_version(event: dict[str, Any]) -> dict[str, Any]:
        announced = {name: value for name, value in event["detail"]["object"].items() if name != "version-id"}
        return {**event, "detail": {**event["detail"], "object": announced}}

    def test_is_about_the_version_that_is_there(self, cloud: Cloud, door: Door) -> None:
        event = cloud.upload()
        decision = door.decide(self.without_version(event))
        assert decision.verdict == "claimed"
        admitted = AdmittedRecording.from_payload(decision.recording)
        assert admitted.provenance.version_id == event["detail"]["object"]["version-id"]
        assert outcome(second(door, event)) == ("duplicate", "in-progress")

    def test_is_a_duplicate_of_the_event_with_it(self, cloud: Cloud, door: Door) -> None:
        event = cloud.upload()
        door.decide(event)
        finish(cloud, event)
        assert outcome(second(door, self.without_version(event))) == ("duplicate", "already-transcribed")

    def test_finds_the_claim_that_was_made_by_the_etag(self, cloud: Cloud, door: Door) -> None:
        event = self.without_version(cloud.upload())
        by_etag = identity(event)
        candidate = door.decide(event).recording
        claims = Claims(table=cloud.table)
        claim = claims.get(candidate["recording_id"])
        assert claim is not None
        cloud.table.put_item(
            Item={**claim, "PK": f"RECORDING#{by_etag}", "recording_id": by_etag, "status": "completed"}
        )
        assert outcome(second(door, event)) == ("duplicate", "already-transcribed")

    def test_is_about_nothing_once_the_content_was_replaced(self, cloud: Cloud, door: Door) -> None:
        event = self.without_version(cloud.upload())
        cloud.upload(wav(seconds=3))
        assert outcome(door.decide(event)) == ("ignored", "replaced")
