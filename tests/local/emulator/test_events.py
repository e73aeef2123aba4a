"""S3 announces objects to EventBridge, and rules pick them, as on AWS."""

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from local.access.signatures import signed
from tests.local.emulator.conftest import Account, unique
from tests.patience import PATIENCE_SECONDS

Watch = Callable[..., tuple[str, str]]


@pytest.fixture
def watched_bucket(account: Account) -> Watch:
    """Make a bucket whose events that match a key pattern go to a queue; returns bucket and queue."""

    def make(*, versioned: bool, keys: list[dict[str, str]]) -> tuple[str, str]:
        s3, events, bucket, queue = account.client("s3"), account.client("events"), unique("bucket"), account.queue()
        s3.create_bucket(Bucket=bucket)
        if versioned:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        pattern = {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [bucket]}, "object": {"key": keys}},
        }
        rule = unique("rule")
        events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": account.queue_arn(queue)}])
        return bucket, queue

    return make


def detail(account: Account, queue: str) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(account.receive(queue)["Body"])["detail"]
    return message


def test_the_event_of_a_versioned_object_names_version_size_tag_and_order(
    account: Account, watched_bucket: Watch
) -> None:
    bucket, queue = watched_bucket(versioned=True, keys=[{"suffix": ".wav"}])

    put = account.client("s3").put_object(Bucket=bucket, Key="a b+ü.wav", Body=b"12345")

    event = detail(account, queue)
    assert event["bucket"] == {"name": bucket}
    assert event["object"] == {
        "key": "a b+ü.wav",
        "size": 5,
        "etag": put["ETag"].strip('"'),
        "version-id": put["VersionId"],
        "sequencer": event["object"]["sequencer"],
    }
    assert int(event["object"]["sequencer"], 16) > 0
    assert event["reason"] == "PutObject"


def test_the_event_of_an_object_without_versions_has_no_version(account: Account, watched_bucket: Watch) -> None:
    bucket, queue = watched_bucket(versioned=False, keys=[{"suffix": ".wav"}])

    account.client("s3").put_object(Bucket=bucket, Key="call.wav", Body=b"1")

    assert "version-id" not in detail(account, queue)["object"]


def test_a_rule_takes_any_of_its_suffixes_and_nothing_else(account: Account, watched_bucket: Watch) -> None:
    bucket, queue = watched_bucket(versioned=True, keys=[{"suffix": ".wav"}, {"suffix": ".mp3"}])
    s3 = account.client("s3")

    for key in ("notes.txt", "one.mp3"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"1")

    assert detail(account, queue)["object"]["key"] == "one.mp3"
    assert not account.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages")


def test_a_service_s_own_event_reaches_the_rules_of_the_default_bus(account: Account) -> None:
    url, rule = account.queue(), unique("rule")
    events = account.client("events")
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": ["aws.connect"]}))
    events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": account.queue_arn(url)}])
    event = {"source": "aws.connect", "detail-type": "Amazon Connect Contact Event", "detail": {"contactId": "1"}}

    address = f"{account.endpoint_url}/_local/events"
    request = signed("POST", address, json.dumps(event).encode(), account.key.credentials)
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS):
        pass

    received = json.loads(account.receive(url)["Body"])
    assert {name: received[name] for name in event} == event
    refused = {"Source": "aws.connect", "DetailType": "Amazon Connect Contact Event", "Detail": "{}"}
    assert events.put_events(Entries=[refused])["FailedEntryCount"] == 1
