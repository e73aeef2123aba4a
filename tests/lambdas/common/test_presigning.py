from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from botocore.exceptions import ClientError

from lambdas.common.presigning import Presigner, RecordingUnavailable, session_policy
from tests.lambdas.cloud import KEY, PRESIGNER_ROLE, REGION, Cloud, recording, security_tokens, wav

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

CHINESE_ROLE = "arn:aws-cn:iam::123456789012:role/presigner"


class RecordingSts:
    """STS, with what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def assume_role(self, **arguments: Any) -> Any:
        self.asked.append(arguments)
        return security_tokens().assume_role(**arguments)


@pytest.fixture
def sts(cloud: Cloud) -> RecordingSts:
    return RecordingSts()


@pytest.fixture
def presigner(sts: RecordingSts) -> Presigner:
    return make(sts)


def make(sts: RecordingSts, *, seconds: int = 600) -> Presigner:
    return Presigner(
        sts=cast("STSClient", sts), role_arn=PRESIGNER_ROLE, region=REGION, lifetime=timedelta(seconds=seconds)
    )


def policy(key: str = KEY, version_id: str | None = "v1", partition: str = "aws") -> dict[str, Any]:
    announced = replace(recording().provenance, key=key, version_id=version_id)
    text = session_policy(announced, partition=partition, region=REGION)
    assert len(text) <= 2048
    document: dict[str, Any] = json.loads(text)
    return document


def test_the_url_is_signed_for_the_version_by_the_regional_host(cloud: Cloud, presigner: Presigner) -> None:
    event = cloud.upload()
    url = urlsplit(presigner.presign(recording(event).provenance))
    query = parse_qs(url.query)
    assert url.netloc == f"recordings.s3.{REGION}.amazonaws.com"
    assert unquote(url.path) == f"/{KEY}"
    assert query["versionId"] == [event["detail"]["object"]["version-id"]]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["600"]
    assert query["X-Amz-SignedHeaders"] == ["host"]


def test_a_recording_without_versions_is_signed_by_its_key(cloud: Cloud, presigner: Presigner) -> None:
    url = presigner.presign(recording(cloud.upload(bucket="unversioned")).provenance)
    assert "versionId" not in url


@pytest.mark.parametrize("key", ["recordings/a b/c+d%20e.wav", "診所/ü.wav", "x_20261120T09:30_UTC.wav"])
def test_unusual_keys_are_signed_as_they_are(cloud: Cloud, presigner: Presigner, key: str) -> None:
    assert unquote(urlsplit(presigner.presign(recording(cloud.upload(key=key)).provenance)).path) == f"/{key}"


@pytest.mark.parametrize(("lifetime", "session"), [(60, 900), (900, 900), (1800, 1800)])
def test_the_session_lasts_as_long_as_the_url(cloud: Cloud, sts: RecordingSts, lifetime: int, session: int) -> None:
    make(sts, seconds=lifetime).presign(recording(cloud.upload()).provenance)
    assert sts.asked[0]["DurationSeconds"] == session


def test_each_url_has_a_session_of_its_own(cloud: Cloud, sts: RecordingSts, presigner: Presigner) -> None:
    source = recording(cloud.upload()).provenance
    presigner.presign(source)
    presigner.presign(source)
    assert len(sts.asked) == 2
    assert sts.asked[0]["RoleArn"] == PRESIGNER_ROLE
    assert json.loads(sts.asked[0]["Policy"])["Statement"][0]["Resource"] == f"arn:aws:s3:::recordings/{KEY}"


def test_the_session_may_read_one_version_and_decrypt_through_s3() -> None:
    assert policy() == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "s3:GetObjectVersion",
                "Resource": f"arn:aws:s3:::recordings/{KEY}",
                "Condition": {"StringEquals": {"s3:VersionId": "v1"}},
            },
            {
                "Effect": "Allow",
                "Action": "kms:Decrypt",
                "Resource": "*",
                "Condition": {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}},
            },
        ],
    }


def test_without_versions_the_session_may_read_one_object() -> None:
    read = policy(version_id=None)["Statement"][0]
    assert (read["Action"], "Condition" in read) == ("s3:GetObject", False)


def test_wildcards_in_a_key_match_only_themselves() -> None:
    assert policy("a*b?c$d")["Statement"][0]["Resource"] == "arn:aws:s3:::recordings/a${*}b${?}c${$}d"


@pytest.mark.parametrize("key", ["診" * 341, "*" * 1024, "x" * 1024])
def test_the_longest_keys_still_fit_a_session_policy(key: str) -> None:
    resource = policy(key)["Statement"][0]["Resource"]
    assert resource.startswith(f"arn:aws:s3:::recordings/{'${*}' if key[0] == '*' else key[0]}")


def test_other_partitions_have_their_own_names() -> None:
    assert policy(partition="aws-cn")["Statement"][0]["Resource"].startswith("arn:aws-cn:s3:::")


def test_a_deleted_version_is_not_signed(cloud: Cloud, presigner: Presigner) -> None:
    event = cloud.upload()
    cloud.s3.delete_object(Bucket="recordings", Key=KEY, VersionId=event["detail"]["object"]["version-id"])
    with pytest.raises(RecordingUnavailable, match="RecordingMissing"):
        presigner.presign(recording(event).provenance)


def test_replaced_content_is_not_signed(cloud: Cloud, presigner: Presigner) -> None:
    event = cloud.upload(bucket="unversioned")
    cloud.upload(wav(seconds=9), bucket="unversioned")
    with pytest.raises(RecordingUnavailable, match="RecordingReplaced"):
        presigner.presign(recording(event).provenance)


def test_a_newer_version_does_not_matter(cloud: Cloud, presigner: Presigner) -> None:
    event = cloud.upload()
    cloud.upload(wav(seconds=9))
    assert event["detail"]["object"]["version-id"] in presigner.presign(recording(event).provenance)


def test_a_bucket_that_is_gone_is_an_error_and_no_verdict(cloud: Cloud, presigner: Presigner) -> None:
    event = cloud.upload()
    with pytest.raises((ClientError, RecordingUnavailable)):
        presigner.presign(replace(recording(event).provenance, bucket="gone"))
