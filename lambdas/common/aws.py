"""AWS clients, made once per container, with a timeout and a retry limit on every call.

boto3 itself would wait 60 seconds for a connection and 60 for each read: longer than these functions live.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, cast

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_connect import ConnectClient
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kinesisvideo import KinesisVideoClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient

# "standard" retries throttling and transient errors with exponential backoff and jitter.
CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
# For functions that somebody waits for, above all a contact flow (8 seconds). Standard retries pause up to a second
# before the second attempt, so that a call that hangs ends within 4. A function that makes several calls which are all
# late is ended by its own timeout, which the flow takes as any other failure.
PROMPT_CONFIG = CONFIG.merge(
    Config(connect_timeout=0.5, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})
)
# For what a call can do without: half a minute at most, of which a limit of requests per second takes most.
BRIEF_CONFIG = CONFIG.merge(
    Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 5})
)
# For presigned URLs: KMS-encrypted objects and newer regions take signature version 4 only, and without "virtual" a URL
# names S3's global host, which redirects, or refuses, requests for buckets of other regions than us-east-1.
S3_CONFIG = CONFIG.merge(
    Config(signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"})
)


class Converse(Protocol):
    """The one operation of `bedrock-runtime` that is used."""

    def converse(self, **request: Any) -> Mapping[str, Any]:
        """Ask a model and wait for its whole answer."""


@cache
def s3() -> S3Client:
    """Return the S3 client."""
    return boto3.client("s3", config=S3_CONFIG)


@cache
def secrets_manager() -> SecretsManagerClient:
    """Return the client of Secrets Manager; Powertools would make a session of its own for it, in 40 ms of CPU."""
    return boto3.client("secretsmanager", config=CONFIG)


@cache
def parameter_store() -> SSMClient:
    """Return the client of Systems Manager, whose parameters Powertools reads."""
    return boto3.client("ssm", config=CONFIG)


@cache
def connect(config: Config = CONFIG) -> ConnectClient:
    """Return the client of Amazon Connect."""
    return boto3.client("connect", config=config)


@cache
def kinesis_video() -> KinesisVideoClient:
    """Return the client of Kinesis Video Streams."""
    return boto3.client("kinesisvideo", config=CONFIG)


@cache
def sts() -> STSClient:
    """Return the STS client."""
    return boto3.client("sts", config=CONFIG)


@cache
def sqs(config: Config = CONFIG) -> SQSClient:
    """Return the SQS client."""
    return boto3.client("sqs", config=config)


def bedrock(*, endpoint: str | None, read_timeout: float) -> Converse:
    """Return a client of Amazon Bedrock that sends each request once.

    Args:
        endpoint: Base URL; `None` for the region's.
        read_timeout: Longest wait for an answer, in seconds.
    """
    once = CONFIG.merge(Config(read_timeout=read_timeout, retries={"mode": "standard", "total_max_attempts": 1}))
    client: Converse = cast("Any", boto3).client("bedrock-runtime", endpoint_url=endpoint, config=once)
    return client


@cache
def events() -> EventBridgeClient:
    """Return the EventBridge client."""
    return boto3.client("events", config=CONFIG)


@cache
def functions(*, read_timeout: float) -> LambdaClient:
    """Return a client of Lambda that invokes a function once and waits so many seconds for its answer."""
    once = CONFIG.merge(Config(read_timeout=read_timeout, retries={"mode": "standard", "total_max_attempts": 1}))
    return boto3.client("lambda", config=once)


@cache
def step_functions() -> SFNClient:
    """Return the Step Functions client."""
    return boto3.client("stepfunctions", config=CONFIG)


@cache
def table(name: str, config: Config = CONFIG) -> Table:
    """Return the table of transcripts, claims and live calls."""
    return boto3.resource("dynamodb", config=config).Table(name)
