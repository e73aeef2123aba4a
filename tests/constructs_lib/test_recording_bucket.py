import pytest
from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Match, Template

from constructs_lib import RecordingBucket
from tests.constructs_lib.parts import Permission, logical_id, permissions, properties, reader


def test_recordings_outlive_the_stack(stack: Stack) -> None:
    recordings = RecordingBucket(stack, "Recordings")
    template = Template.from_stack(stack).to_json()["Resources"]
    for kept in (recordings.bucket, recordings.key, recordings.access_logs):
        assert template[logical_id(kept)]["DeletionPolicy"] == "Retain"


def test_recordings_are_encrypted_versioned_logged_and_closed(stack: Stack) -> None:
    recordings = RecordingBucket(stack, "Recordings")
    bucket = properties(Template.from_stack(stack), recordings.bucket)
    rule = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == {
        "Fn::GetAtt": [logical_id(recordings.key), "Arn"]
    }
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["LoggingConfiguration"]["DestinationBucketName"] == {"Ref": logical_id(recordings.access_logs)}
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert "CorsConfiguration" not in bucket
    assert "BucketName" not in bucket


def test_only_tls_reaches_the_recordings(stack: Stack) -> None:
    recordings = RecordingBucket(stack, "Recordings")
    Template.from_stack(stack).has_resource_properties(
        "AWS::S3::BucketPolicy",
        {
            "Bucket": {"Ref": logical_id(recordings.bucket)},
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [Match.object_like({"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}})]
                )
            },
        },
    )


def test_new_recordings_are_announced_without_a_custom_resource(stack: Stack) -> None:
    recordings = RecordingBucket(stack, "Recordings")
    template = Template.from_stack(stack)
    assert properties(template, recordings.bucket)["NotificationConfiguration"] == {
        "EventBridgeConfiguration": {"EventBridgeEnabled": True}
    }
    template.resource_count_is("AWS::Lambda::Function", 0)


def test_recordings_are_kept_for_ever_unless_told_otherwise(stack: Stack) -> None:
    recordings = RecordingBucket(stack, "Recordings")
    [rule] = properties(Template.from_stack(stack), recordings.bucket)["LifecycleConfiguration"]["Rules"]
    assert "ExpirationInDays" not in rule
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_expire_after_deletes_old_recordings(stack: Stack) -> None:
    recordings = RecordingBucket(stack, "Recordings", expire_after=Duration.days(7))
    [rule] = properties(Template.from_stack(stack), recordings.bucket)["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == 7


def test_the_key_rotates(stack: Stack) -> None:
    RecordingBucket(stack, "Recordings")
    Template.from_stack(stack).has_resource_properties("AWS::KMS::Key", {"EnableKeyRotation": True})


def test_a_key_of_ones_own_is_used_and_none_made(stack: Stack) -> None:
    key = kms.Key.from_key_arn(stack, "Mine", "arn:aws:kms:eu-central-1:111122223333:key/mine")
    recordings = RecordingBucket(stack, "Recordings", key=key)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::KMS::Key", 0)
    assert recordings.key is key
    assert key.key_arn in str(properties(template, recordings.bucket))


def test_a_log_bucket_of_ones_own_is_used_and_none_made(stack: Stack) -> None:
    mine = s3.Bucket.from_bucket_name(stack, "Mine", "our-access-logs")
    recordings = RecordingBucket(stack, "Recordings", access_logs=mine)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::S3::Bucket", 1)
    assert properties(template, recordings.bucket)["LoggingConfiguration"] == {
        "DestinationBucketName": "our-access-logs",
        "LogFilePrefix": "Recordings/",
    }


def test_destroy_covers_everything_that_it_made(stack: Stack) -> None:
    RecordingBucket(stack, "Recordings", removal_policy=RemovalPolicy.DESTROY)
    resources = Template.from_stack(stack).to_json()["Resources"].values()
    assert {resource.get("DeletionPolicy", "Delete") for resource in resources} == {"Delete"}


@pytest.mark.parametrize("prefix", ["", "connect/"])
def test_grant_read_allows_reading_and_decrypting_only(stack: Stack, prefix: str) -> None:
    recordings, role = RecordingBucket(stack, "Recordings"), reader(stack)
    recordings.grant_read(role, prefix=prefix)
    bucket, key = logical_id(recordings.bucket), logical_id(recordings.key)
    assert permissions(Template.from_stack(stack), role) == {
        Permission(frozenset({"s3:GetObject", "s3:GetObjectVersion"}), frozenset({f"<{bucket}.Arn>/{prefix}*"})),
        Permission(
            frozenset({"kms:Decrypt"}),
            frozenset({f"<{key}.Arn>"}),
            '{"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}',
        ),
    }


def test_grant_put_allows_adding_but_not_reading(stack: Stack) -> None:
    recordings, role = RecordingBucket(stack, "Recordings"), reader(stack)
    recordings.grant_put(role, prefix="recordings/lakeside/")
    bucket, key = logical_id(recordings.bucket), logical_id(recordings.key)
    assert permissions(Template.from_stack(stack), role) == {
        Permission(frozenset({"s3:PutObject"}), frozenset({f"<{bucket}.Arn>/recordings/lakeside/*"})),
        Permission(
            frozenset({"kms:Decrypt", "kms:GenerateDataKey"}),
            frozenset({f"<{key}.Arn>"}),
            '{"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}',
        ),
    }


def test_on_recording_tells_the_target_of_new_recordings_only(stack: Stack) -> None:
    recordings = RecordingBucket(stack, "Recordings")
    recordings.on_recording("ToArchive", target=targets.SqsQueue(sqs.Queue(stack, "Queue")), suffix=".mp3")
    Template.from_stack(stack).has_resource_properties(
        "AWS::Events::Rule",
        {
            "EventPattern": {
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {
                    "bucket": {"name": [{"Ref": logical_id(recordings.bucket)}]},
                    "object": {"key": [{"suffix": ".mp3"}]},
                },
            }
        },
    )
