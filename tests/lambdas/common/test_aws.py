from __future__ import annotations

from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from lambdas.common.aws import CONFIG, PROMPT_CONFIG, S3_CONFIG


@pytest.mark.parametrize(
    ("region", "endpoint", "start"),
    [
        ("us-east-1", None, "https://recordings.s3.us-east-1.amazonaws.com/k"),
        ("eu-central-1", None, "https://recordings.s3.eu-central-1.amazonaws.com/k"),
        ("cn-north-1", None, "https://recordings.s3.cn-north-1.amazonaws.com.cn/k"),
        ("us-east-1", "http://127.0.0.1:4566", "http://127.0.0.1:4566/recordings/k"),
    ],
)
def test_presigned_urls_name_the_regional_host_or_the_endpoint(region: str, endpoint: str | None, start: str) -> None:
    s3 = boto3.client("s3", region_name=region, endpoint_url=endpoint, config=S3_CONFIG)
    url = urlsplit(s3.generate_presigned_url("get_object", Params={"Bucket": "recordings", "Key": "k"}))
    assert f"{url.scheme}://{url.netloc}{url.path}" == start
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url.query


@pytest.mark.parametrize("config", [CONFIG, S3_CONFIG])
def test_every_call_to_aws_ends(config: Config) -> None:
    used = boto3.client("s3", region_name="eu-central-1", config=config).meta.config
    assert used.connect_timeout <= 5  # type: ignore[attr-defined]
    assert used.read_timeout <= 10  # type: ignore[attr-defined]
    assert used.retries == {"mode": "standard", "total_max_attempts": 4}  # type: ignore[attr-defined]


def test_a_function_that_a_caller_waits_for_gives_up_within_the_time_of_a_contact_flow() -> None:
    used = boto3.client("sqs", region_name="eu-central-1", config=PROMPT_CONFIG).meta.config
    attempts = used.retries["total_max_attempts"]  # type: ignore[attr-defined]
    backoff = attempts - 1  # "standard" pauses at most a second before the second attempt
    hanging = attempts * used.read_timeout + backoff  # type: ignore[attr-defined]
    unreachable = attempts * used.connect_timeout + backoff  # type: ignore[attr-defined]
    assert 2 * max(hanging, unreachable) <= 6
