"""The simulator answers whoever has the session's key, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from local.access.keys import AccessKey
from local.kinesis_video.streams import Stream, Streams
from tests.fakes.signing import SigV4
from tests.patience import PATIENCE_SECONDS

OPERATIONS = (
    "createStream",
    "describeStream",
    "deleteStream",
    "listStreams",
    "getDataEndpoint",
    "getMedia",
)
STEERING = (
    ("GET", "/_local/sessions"),
    ("POST", "/_local/calls"),
    ("GET", "/_local/calls/one"),
    ("DELETE", "/_local/calls/one"),
    ("POST", "/_local/faults"),
)


@pytest.fixture(params=["unsigned", "another key", "another secret"])
def stranger(request: pytest.FixtureRequest, url: str, key: AccessKey) -> httpx.AsyncClient:
    """A client of somebody who has no key, one of another session, or only the public half."""
    auth = {
        "unsigned": None,
        "another key": SigV4(AccessKey.generate()),
        "another secret": SigV4(AccessKey(access_key_id=key.access_key_id, secret_access_key="guessed")),
    }[request.param]
    return httpx.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS, auth=auth)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_no_stranger_gets_anything_of_a_call(
    stranger: httpx.AsyncClient, http: httpx.AsyncClient, stream: Stream, operation: str
) -> None:
    asked = {"StreamName": "front-desk", "StreamARN": stream.arn, "StartSelector": {"StartSelectorType": "EARLIEST"}}
    async with stranger:
        answer = await stranger.post(f"/{operation}", json=asked)

    assert answer.status_code == 403
    assert answer.headers["x-amzn-errortype"] in (
        "MissingAuthenticationToken", "UnrecognizedClientException", "SignatureDoesNotMatch"
    )  # fmt: skip
    assert stream.arn not in answer.text
    assert (await http.get("/_local/sessions")).json()["sessions"] == []


@pytest.mark.parametrize("name", ["front-desk", "unknown"])
async def test_a_stranger_does_not_learn_which_streams_there_are(
    stranger: httpx.AsyncClient, stream: Stream, name: str
) -> None:
    async with stranger:
        answers = [await stranger.post(f"/{operation}", json={"StreamName": name}) for operation in OPERATIONS]

    assert {answer.status_code for answer in answers} == {403}


@pytest.mark.parametrize(("method", "path"), STEERING)
async def test_no_stranger_steers_it(stranger: httpx.AsyncClient, streams: Streams, method: str, path: str) -> None:
    order = {"stream": "front-desk", "match": "", "then": [{"action": "refuse"}]}
    async with stranger:
        answer = await stranger.request(method, path, json=order if method == "POST" else None)

    assert answer.status_code == 403
    assert streams.matching() == []


async def test_a_client_of_aws_is_told_in_the_service_s_protocol(client_options: Callable[[], dict[str, Any]]) -> None:
    def ask() -> None:
        video = boto3.client("kinesisvideo", **{**client_options(), "aws_secret_access_key": "guessed"})
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            video.list_streams()

    await asyncio.to_thread(ask)


async def test_without_an_emulated_account_there_is_no_other_key(url: str) -> None:
    """A simulator that stands alone asks nobody."""
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS, auth=SigV4(AccessKey.generate())) as http:
        answer = await http.post("/listStreams", json={})

    assert answer.headers["x-amzn-errortype"] == "UnrecognizedClientException"
