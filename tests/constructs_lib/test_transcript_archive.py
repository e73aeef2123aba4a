import pytest
from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Template

from constructs_lib import RecordingBucket, TranscriptArchive
from tests.constructs_lib.parts import Permission, logical_id, permissions, properties, reader


def test_transcripts_outlive_the_stack(stack: Stack) -> None:
    archive = TranscriptArchive(stack, "Archive")
    resources = Template.from_stack(stack).to_json()["Resources"]
    assert resources[logical_id(archive.bucket)]["DeletionPolicy"] == "Retain"


def test_transcripts_are_encrypted_with_a_key_of_their_own(stack: Stack) -> None:
    archive = TranscriptArchive(stack, "Archive")
    bucket = properties(Template.from_stack(stack), archive.bucket)
    assert {"Fn::GetAtt": [logical_id(archive.key), "Arn"]} in bucket["BucketEncryption"][
        "ServerSideEncryptionConfiguration"
    ][0]["ServerSideEncryptionByDefault"].values()
    assert "NotificationConfiguration" not in bucket


def test_a_key_and_a_log_bucket_can_be_shared(stack: Stack) -> None:
    recordings = RecordingBucket(stack, "Recordings")
    key = kms.Key(stack, "Mine")
    archive = TranscriptArchive(stack, "Archive", key=key, access_logs=recordings.access_logs)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::KMS::Key", 2)
    template.resource_count_is("AWS::S3::Bucket", 3)
    assert archive.key is key
    assert properties(template, archive.bucket)["LoggingConfiguration"]["LogFilePrefix"] == "Archive/"


def test_expire_after_deletes_old_objects(stack: Stack) -> None:
    archive = TranscriptArchive(stack, "Archive", expire_after=Duration.days(90))
    [rule] = properties(Template.from_stack(stack), archive.bucket)["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == 90


def test_replies_can_go_before_the_transcripts_do(stack: Stack) -> None:
    archive = TranscriptArchive(stack, "Archive", replies_expire_after=Duration.days(2))
    all_objects, replies = properties(Template.from_stack(stack), archive.bucket)["LifecycleConfiguration"]["Rules"]
    assert (replies["Prefix"], replies["ExpirationInDays"]) == ("replies/", 2)
    assert replies["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert "ExpirationInDays" not in all_objects


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (Duration.hours(30), "replies_expire_after of 1 day 6 hours is out of range: choose whole days"),
        (Duration.days(91), "replies_expire_after of 91 days is longer than expire_after of 90 days"),
    ],
)
def test_replies_go_after_whole_days_and_no_later_than_all(stack: Stack, age: Duration, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        TranscriptArchive(stack, "Archive", expire_after=Duration.days(90), replies_expire_after=age)


def test_destroy_leaves_nothing(stack: Stack) -> None:
    TranscriptArchive(stack, "Archive", removal_policy=RemovalPolicy.DESTROY)
    resources = Template.from_stack(stack).to_json()["Resources"].values()
    assert {resource.get("DeletionPolicy", "Delete") for resource in resources} == {"Delete"}


@pytest.mark.parametrize(("clinic_id", "prefix"), [(None, "transcripts/"), ("lakeside", "transcripts/lakeside/")])
def test_grant_read_transcripts_leaves_out_replies_and_other_clinics(
    stack: Stack, clinic_id: str | None, prefix: str
) -> None:
    archive, role = TranscriptArchive(stack, "Archive"), reader(stack)
    archive.grant_read_transcripts(role, clinic_id=clinic_id)
    bucket, key = logical_id(archive.bucket), logical_id(archive.key)
    assert permissions(Template.from_stack(stack), role) == {
        Permission(frozenset({"s3:GetObject"}), frozenset({f"<{bucket}.Arn>/{prefix}*"})),
        Permission(
            frozenset({"kms:Decrypt"}),
            frozenset({f"<{key}.Arn>"}),
            '{"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}',
        ),
    }


def test_fails_to_grant_a_clinic_that_cannot_be_part_of_a_key(stack: Stack) -> None:
    archive = TranscriptArchive(stack, "Archive")
    with pytest.raises(ValueError, match=r"clinic id 'a/b' cannot be part of a key: use 1 to 64 letters"):
        archive.grant_read_transcripts(reader(stack), clinic_id="a/b")
