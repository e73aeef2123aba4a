"""Signatures of requests (AWS Signature Version 4), made and checked with botocore's own signer.

Sources: IAM User Guide, "Create a signed AWS API request"; Amazon S3 API Reference, "Authenticating Requests (AWS
Signature Version 4)". A signature stands in the ``Authorization`` header or, in a presigned URL, in the query. Of a
body that is sent in signed chunks the chunks' own signatures are not checked.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, quote, unquote

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from starlette.types import Scope

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_TIME: Final = "%Y%m%dT%H%M%SZ"
_SKEW: Final = timedelta(minutes=15)
_LONGEST_PRESIGNED: Final = timedelta(days=7)
_UNSIGNED: Final = "UNSIGNED-PAYLOAD"
_IN_CHUNKS: Final = "STREAMING-"
_AUTHORIZATION: Final = re.compile(
    rf"{_ALGORITHM} +Credential=(?P<credential>[^,\s]+) *, *SignedHeaders=(?P<headers>[^,\s]+) *,"
    r" *Signature=(?P<signature>\S+)"
)
_IN_QUERY: Final = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature")


class Refused(Exception):
    """A request that nobody who is known here has signed.

    Attributes:
        code: AWS's name of the error.
        message: What is wrong, without any part of a key or a signature.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """What a signature is about.

    Attributes:
        method: HTTP's.
        path: As it was sent, percent-encoded.
        query: As it was sent, without the question mark.
        headers: Names in lower case; the values of a header that was sent more than once are joined by commas.
        payload_sha256: Digest of the body.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    payload_sha256: str

    @classmethod
    def of(cls, scope: Scope, body: bytes = b"") -> SignedRequest:
        """The request in an ASGI scope; a WebSocket's is the ``GET`` of its handshake."""
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1").lower(), _text(raw_value)
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
        return cls(
            method=scope.get("method", "GET"),
            path=raw_path.decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            payload_sha256=hashlib.sha256(body).hexdigest(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who has signed a request, and how, by its own account.

    Attributes:
        access_key_id: Whose key.
        date: Day of the key, as in ``20261120``.
        region: Where the key is for.
        service: What the key is for.
        signed_headers: Names of the headers that are signed, in lower case.
        signature: The signature.
        time: When it was signed.
        token: Session token; "" without one.
        expires: How long a presigned URL is good for, in seconds; `None` for a signature in the headers.
    """

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: frozenset[str]
    signature: str
    time: str
    token: str
    expires: str | None

    @classmethod
    def of(cls, request: SignedRequest) -> Claim:
        """Read the signature in a request's headers or query.

        Raises:
            Refused: There is none, one in either, or one that says too little.
        """
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        presigned = any(name in query for name in _IN_QUERY)
        authorization = request.headers.get("authorization")
        if authorization is None and not presigned:
            raise Refused("MissingAuthenticationToken", "The request is not signed.")
        if authorization is not None:
            found = _AUTHORIZATION.fullmatch(authorization.strip())
            parts = None if found is None or presigned else found.group("credential", "headers", "signature")
            time, token = (request.headers.get(name, "") for name in ("x-amz-date", "x-amz-security-token"))
        else:
            algorithm, *values = (query.get(name, "") for name in _IN_QUERY)
            parts = (values[0], values[1], values[2]) if algorithm == _ALGORITHM else None
            time, token = (query.get(name, "") for name in ("X-Amz-Date", "X-Amz-Security-Token"))
        scope = parts[0].split("/") if parts else []
        if parts is None or len(scope) != 5 or scope[4] != "aws4_request" or not all((*scope, *parts)):
            raise Refused("IncompleteSignature", "The request has no single and complete signature of version 4.")
        return cls(
            access_key_id=scope[0],
            date=scope[1],
            region=scope[2],
            service=scope[3],
            signed_headers=frozenset(parts[1].split(";")),
            signature=parts[2],
            time=time,
            token=token,
            expires=query.get("X-Amz-Expires", "") if authorization is None else None,
        )


def check(request: SignedRequest, secret_of: Callable[[Claim], str]) -> Claim:
    """Check the signature of a request.

    Args:
        request: The request.
        secret_of: Finds the secret half of a key; raises `Refused` for one that is unknown.

    Returns:
        Who has signed it.

    Raises:
        Refused: It is not signed with a known key, not now, or not as it was sent.
    """
    claim = Claim.of(request)
    secret = secret_of(claim)
    _check_time(claim, datetime.now(UTC))
    unsigned = {name for name in request.headers if name == "host" or name.startswith("x-amz-")} - claim.signed_headers
    if "host" not in request.headers or unsigned - {"x-amz-content-sha256"}:
        raise Refused("SignatureDoesNotMatch", "Host and every header of AWS's have to be signed.")
    if not hmac.compare_digest(_signature(request, claim, secret).encode(), claim.signature.encode()):
        raise Refused("SignatureDoesNotMatch", "The signature does not match: another key, or another request.")
    return claim


def signed(method: str, url: str, body: bytes | None, credentials: Credentials) -> urllib.request.Request:
    """Make a request of JSON and sign it, for what the servers of the local environment do beside AWS's operations."""
    headers = {} if body is None else {"Content-Type": "application/json"}
    request = AWSRequest(method, url, headers=headers, data=body)
    SigV4Auth(credentials, "local", "us-east-1").add_auth(request)
    return urllib.request.Request(url, data=body, headers=dict(request.headers.items()), method=method)  # noqa: S310


def _check_time(claim: Claim, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(claim.time, _TIME).replace(tzinfo=UTC)
        lifetime = None if claim.expires is None else timedelta(seconds=int(claim.expires))
    except (ValueError, OverflowError):
        raise Refused("IncompleteSignature", "The request does not say when it was signed.") from None
    if claim.time[:8] != claim.date:
        raise Refused("SignatureDoesNotMatch", "The request was not signed on the day of its key.")
    if lifetime is None:
        good = signed_at - _SKEW <= now <= signed_at + _SKEW
    else:
        good = lifetime <= _LONGEST_PRESIGNED and signed_at - _SKEW <= now <= signed_at + lifetime
    if not good:
        raise Refused("RequestTimeTooSkewed", "The request was signed at another time, or has expired.")


def _signature(request: SignedRequest, claim: Claim, secret: str) -> str:
    """What the signature has to be."""
    signer = (_S3Signer if claim.service == "s3" else _Signer)(
        Credentials(claim.access_key_id, secret), claim.service, claim.region
    )
    query = "&".join(
        f"{quote(unquote(name), safe='-_.~')}={quote(unquote(value), safe='-_.~')}"
        for name, _, value in (pair.partition("=") for pair in request.query.split("&") if pair)
        if name != "X-Amz-Signature"
    )
    unsigned = AWSRequest(request.method, f"http://host{request.path}?{query}")
    unsigned.headers["X-Amz-Content-SHA256"] = _payload(request, claim)
    unsigned.context["timestamp"] = claim.time
    unsigned.context["signed"] = {name: request.headers.get(name, "") for name in claim.signed_headers}
    return str(signer.signature(signer.string_to_sign(unsigned, signer.canonical_request(unsigned)), unsigned))


def _payload(request: SignedRequest, claim: Claim) -> str:
    """The digest that is signed, or what stands in its place."""
    declared = request.headers.get("x-amz-content-sha256")
    if declared is None:
        return _UNSIGNED if claim.service == "s3" and claim.expires is not None else request.payload_sha256
    if declared not in (request.payload_sha256, _UNSIGNED) and not declared.startswith(_IN_CHUNKS):
        raise Refused("SignatureDoesNotMatch", "The body is not the one that was signed.")
    return declared


class _AsClaimed:
    """Signs the headers that the client says it has signed; by itself botocore signs those it would send."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        headers: HTTPHeaders = HTTPHeaders.from_dict(request.context["signed"])
        return headers


class _Signer(_AsClaimed, SigV4Auth):
    """For every service but S3."""


class _S3Signer(_AsClaimed, S3SigV4Auth):
    """For S3, which takes the path as it is."""


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
