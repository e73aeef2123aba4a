"""Signatures of the clients that are in use, as they are sent, and what no longer is what was signed."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from local.access import signatures
from local.access.keys import AccessKey
from local.access.signatures import Claim, Refused, SignedRequest, check, signed

KEY = AccessKey(access_key_id="LOCAL1", secret_access_key="only we know")
URL = "http://127.0.0.1:4566"


def own_secret(claim: Claim) -> str:
    if claim.access_key_id != KEY.access_key_id:
        raise Refused("UnrecognizedClientException", "unknown")
    return KEY.secret_access_key


def as_sent(method: str, url: str, headers: Any, body: bytes) -> SignedRequest:
    parts = urlsplit(url)
    texts = {name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in headers.items()}
    return SignedRequest(
        method=method,
        path=parts.path,
        query=parts.query,
        headers={"host": parts.netloc, **texts},
        payload_sha256=hashlib.sha256(body).hexdigest(),
    )


class Sent(Exception):
    pass


def request_of(service: str, operation: str, *, url: str = URL, **parameters: Any) -> SignedRequest:
    """What boto3 sends."""
    session: Any = boto3
    client = session.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=KEY.access_key_id,
        aws_secret_access_key=KEY.secret_access_key,
    )
    requests: list[SignedRequest] = []

    def keep(request: Any, **_: Any) -> None:
        body = request.body or b""
        content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else body.read()
        requests.append(as_sent(request.method, request.url, request.headers, content))
        raise Sent

    client.meta.events.register("before-send", keep)
    with pytest.raises(Sent):
        getattr(client, operation)(**parameters)
    return requests[0]


CALLS: list[Callable[[], SignedRequest]] = [
    lambda: request_of("s3", "put_object", Bucket="calls", Key="a b/ü+~(1)//x%2F", Body=b"R", Metadata={"a": "b  c"}),
    lambda: request_of("s3", "list_objects_v2", Bucket="calls", Prefix="a b/+ü&=*~"),
    lambda: request_of("s3", "list_objects_v2", url="http://localhost:4566", Bucket="calls", Prefix="x"),
    lambda: request_of("s3", "delete_objects", Bucket="calls", Delete={"Objects": [{"Key": "a"}]}),
    lambda: request_of("dynamodb", "list_tables"),
    lambda: request_of("sqs", "send_message", QueueUrl=f"{URL}/000000000000/work", MessageBody="{}"),
    lambda: request_of("lambda", "invoke", FunctionName="a b:c", Payload=b"{}"),
    lambda: request_of("cloudformation", "describe_stacks"),
    lambda: request_of("kinesis-video-media", "get_media", StreamName="x", StartSelector={"StartSelectorType": "NOW"}),
]  # fmt: skip


@pytest.mark.parametrize("make", CALLS)
def test_requests_of_boto3_are_taken_as_they_are_sent_and_no_other_way(make: Callable[[], SignedRequest]) -> None:
    request = make()

    assert check(request, own_secret).access_key_id == KEY.access_key_id
    for other in (
        replace(request, method="DELETE"),
        replace(request, path=request.path + "x"),
        replace(request, query=f"{request.query}&Action=CreateStack"),
        replace(request, payload_sha256=hashlib.sha256(b"another body").hexdigest()),
        replace(request, headers={**request.headers, "host": "evil.example"}),
        replace(request, headers={**request.headers, "x-amz-target": "AWSLambda.Invoke"}),
        replace(request, headers={**request.headers, "x-amz-security-token": "more"}),
    ):
        with pytest.raises(Refused):
            check(other, own_secret)


TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


@given(key=TEXT, prefix=TEXT, service=st.sampled_from(["s3", "lambda"]))
def test_any_key_of_an_object_can_be_signed(key: str, prefix: str, service: str) -> None:
    url = f"{URL}/{quote(key, safe='/~')}?prefix={quote(prefix, safe='-_.~')}&empty"
    request = AWSRequest("GET", url)
    (S3SigV4Auth if service == "s3" else SigV4Auth)(KEY.credentials, service, "us-east-1").add_auth(request)

    check(as_sent("GET", url, request.headers, b""), own_secret)


def presigned(seconds: int = 300, secret: str = KEY.secret_access_key, service: str = "s3") -> SignedRequest:
    session: Any = boto3
    if service == "s3":
        client = session.client(
            "s3",
            endpoint_url=URL,
            region_name="us-east-1",
            aws_access_key_id=KEY.access_key_id,
            aws_secret_access_key=secret,
            config=Config(signature_version="s3v4"),
        )
        target = {"Bucket": "calls", "Key": "a b/ü.wav", "VersionId": "a=="}
        url = client.generate_presigned_url("get_object", Params=target, ExpiresIn=seconds)
    else:
        request = AWSRequest("GET", f"{URL}/?Action=GetCallerIdentity&Version=2011-06-15")
        SigV4QueryAuth(Credentials(KEY.access_key_id, secret), service, "us-east-1", expires=seconds).add_auth(request)
        url = str(request.url)
    return as_sent("GET", url, {}, b"")


@pytest.mark.parametrize("service", ["s3", "sts"])
def test_a_presigned_address_is_good_for_what_it_names(service: str) -> None:
    request = presigned(service=service)

    assert check(request, own_secret).expires == "300"
    for other in (
        replace(request, method="PUT"),
        replace(request, path="/calls/another.wav"),
        replace(request, query=request.query.replace("X-Amz-Expires=300", "X-Amz-Expires=3000")),
        replace(request, query=request.query + "&uploads="),
        replace(request, headers={"host": "evil.example"}),
        presigned(service=service, secret="guessed"),
    ):
        with pytest.raises(Refused):
            check(other, own_secret)


class Clock(datetime):
    """The time of the check."""

    at = datetime.now(UTC)

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return cls.at.astimezone(tz)


@pytest.mark.parametrize(
    ("make", "later", "good"),
    [
        (presigned, timedelta(seconds=290), True),
        (presigned, timedelta(seconds=310), False),
        (lambda: presigned(7 * 86_400), timedelta(days=6), True),
        (lambda: presigned(8 * 86_400), timedelta(0), False),
        (CALLS[4], timedelta(minutes=14), True),
        (CALLS[4], timedelta(minutes=16), False),
        (CALLS[4], timedelta(minutes=-14), True),
        (CALLS[4], timedelta(minutes=-16), False),
    ],
)
def test_a_signature_is_good_for_a_time(
    make: Callable[[], SignedRequest], later: timedelta, good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = make()
    Clock.at = datetime.now(UTC) + later
    monkeypatch.setattr(signatures, "datetime", Clock)

    if good:
        check(request, own_secret)
    else:
        with pytest.raises(Refused, match="RequestTimeTooSkewed"):
            check(request, own_secret)


def test_a_body_that_is_still_coming_need_not_be_signed() -> None:
    unsigned = AWSRequest("POST", f"{URL}/putMedia", headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    SigV4Auth(KEY.credentials, "kinesisvideo", "us-east-1").add_auth(unsigned)
    request = as_sent("POST", f"{URL}/putMedia", unsigned.headers, b"anything")

    check(request, own_secret)

    with pytest.raises(Refused):
        check(replace(request, headers={**request.headers, "x-amz-content-sha256": "STREAMING-SIGNED"}), own_secret)


def test_what_we_sign_ourselves_is_taken() -> None:
    request = signed("POST", f"{URL}/_local/events?x=1", b"{}", KEY.credentials)
    sent = as_sent("POST", f"{URL}/_local/events?x=1", dict(request.header_items()), b"{}")

    assert check(sent, own_secret).service == "local"


AUTHORIZATION = "AWS4-HMAC-SHA256 Credential={}, SignedHeaders=host;x-amz-date, Signature=0123456789abcdef"
SCOPE = "LOCAL1/20261120/us-east-1/sts/aws4_request"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "MissingAuthenticationToken"),
        ("", "IncompleteSignature"),
        ("Basic bG9jYWw6bG9jYWw=", "IncompleteSignature"),
        ("AWS LOCAL1:c2lnbmF0dXJl", "IncompleteSignature"),
        ("AWS4-ECDSA-P256-SHA256 Credential=LOCAL1/20261120/sts/aws4_request", "IncompleteSignature"),
        (AUTHORIZATION.format("LOCAL1"), "IncompleteSignature"),
        (AUTHORIZATION.format("LOCAL1/20261120/us-east-1/sts/aws4"), "IncompleteSignature"),
        (AUTHORIZATION.format("/20261120/us-east-1/sts/aws4_request"), "IncompleteSignature"),
        (AUTHORIZATION.format("test/20261120/us-east-1/sts/aws4_request"), "UnrecognizedClientException"),
        (AUTHORIZATION.format("000000000000/20261120/us-east-1/sts/aws4_request"), "UnrecognizedClientException"),
        (AUTHORIZATION.format(SCOPE), "RequestTimeTooSkewed|IncompleteSignature"),
    ],
)
def test_what_names_no_known_key_is_told_apart(authorization: str | None, code: str) -> None:
    headers = {"host": "127.0.0.1:4566"} | ({} if authorization is None else {"authorization": authorization})
    request = SignedRequest(method="GET", path="/", query="", headers=headers, payload_sha256="")

    with pytest.raises(Refused, match=code):
        check(request, own_secret)


def test_two_signatures_are_none() -> None:
    by_header, by_query = CALLS[4](), presigned(service="sts")

    with pytest.raises(Refused, match="IncompleteSignature"):
        check(replace(by_query, headers=by_header.headers), own_secret)


def test_a_refusal_shows_neither_key_nor_signature() -> None:
    request = replace(CALLS[4](), path="/other")

    with pytest.raises(Refused) as refused:
        check(request, own_secret)

    told = str(refused.value)
    assert KEY.secret_access_key not in told
    assert Claim.of(request).signature not in told
