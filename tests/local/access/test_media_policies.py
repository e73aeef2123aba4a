"""What a role may do with a stream is what its policies say, at the stream's own endpoint, too."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.emulator.process import Emulator
from tests.local.access.conftest import Server

Clients = Callable[..., Any]
START = {"StartSelectorType": "EARLIEST"}


@pytest.fixture
def stream(emulator: Emulator, servers: dict[str, Server]) -> str:
    """ARN of a stream of its own."""
    name = f"connect-{uuid.uuid4()}"
    arn: str = client(emulator, servers, "kinesisvideo")().create_stream(StreamName=name)["StreamARN"]
    return arn


def client(emulator: Emulator, servers: dict[str, Server], service: str) -> Clients:
    """Makes clients of the simulator, of the owner or with credentials."""
    session: Any = boto3

    def make(credentials: dict[str, str] | None = None) -> Any:
        url = emulator.url if service in ("iam", "sts") else f"http://{servers['kinesis_video'].host}"
        own = {"AccessKeyId": emulator.key.access_key_id, "SecretAccessKey": emulator.key.secret_access_key}
        given = credentials or own
        return session.client(
            service,
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given.get("SessionToken"),
        )

    return make


def assumed(emulator: Emulator, servers: dict[str, Server], action: str, resource: str) -> dict[str, str]:
    """Credentials of a role that may do this."""
    iam, sts = client(emulator, servers, "iam")(), client(emulator, servers, "sts")()
    name = f"role-{uuid.uuid4()}"
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    allow = {"Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(allow))
    credentials: dict[str, str] = sts.assume_role(RoleArn=role, RoleSessionName="media")["Credentials"]
    return credentials


def test_a_role_reads_the_streams_that_it_may(emulator: Emulator, servers: dict[str, Server], stream: str) -> None:
    media = client(emulator, servers, "kinesis-video-media")
    prefix = stream.rpartition("/")[0]

    reader = media(assumed(emulator, servers, "kinesisvideo:GetMedia", f"{prefix}/*"))
    assert reader.get_media(StreamARN=stream, StartSelector=START)["ContentType"] == "video/webm"
    name = stream.split("/")[1]
    assert reader.get_media(StreamName=name, StartSelector=START)["ContentType"] == "video/webm"


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("kinesisvideo:GetMedia", "arn:aws:kinesisvideo:us-east-1:000000000000:stream/elsewhere-*"),
        ("kinesisvideo:PutMedia", "*"),
        ("s3:*", "*"),
    ],
)
def test_no_other_role_does(
    emulator: Emulator, servers: dict[str, Server], stream: str, action: str, resource: str
) -> None:
    media = client(emulator, servers, "kinesis-video-media")

    stranger = media(assumed(emulator, servers, action, resource))

    with pytest.raises(ClientError, match="AccessDeniedException"):
        stranger.get_media(StreamARN=stream, StartSelector=START)


def test_a_key_that_was_never_given_out_reads_nothing(
    emulator: Emulator, servers: dict[str, Server], stream: str
) -> None:
    media = client(emulator, servers, "kinesis-video-media")
    for forged in (
        {"AccessKeyId": "test", "SecretAccessKey": "test"},
        {"AccessKeyId": "000000000000", "SecretAccessKey": "test"},
        {"AccessKeyId": "ASIA0123456789ABCDEF", "SecretAccessKey": "x", "SessionToken": "x"},
    ):
        with pytest.raises(ClientError, match="UnrecognizedClientException"):
            media(forged).get_media(StreamARN=stream, StartSelector=START)
