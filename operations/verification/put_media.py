"""Audio put into a Kinesis video stream while it is spoken, as Amazon Connect's producer does.

Amazon Kinesis Video Streams API Reference, "PutMedia". boto3 has no such operation: the body is endless and the
signature is of the headers alone, so botocore's signer and an HTTP client do what it would.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

import httpx
import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from callscribe.serialization import InvalidData, decode_json

from .fragments import Fragment

# How long the service may take to admit the session, to take a piece, and to acknowledge the last one.
_TIMEOUT: Final = httpx.Timeout(10.0, read=30.0, write=30.0)
_LARGEST_ANSWER: Final = 4 * 2**20
_PERSISTED: Final = "PERSISTED"
_ERROR: Final = "ERROR"


class PutFailed(Exception):
    """The stream did not take the audio; the message says why."""


class Acknowledgement(msgspec.Struct, rename="pascal"):
    """What the service says about a fragment: "PutMedia", Response Syntax."""

    event_type: str
    fragment_timecode: int = 0
    fragment_number: str = ""
    error_id: int = 0
    error_code: str = ""


def put_media(
    fragments: Iterable[Fragment], *, stream_arn: str, endpoint: str, credentials: Any, region: str
) -> list[Acknowledgement]:
    """Send fragments, each when its audio has been spoken, and wait until all are stored.

    Args:
        fragments: In order; their times are those of the audio, milliseconds since 1970.
        stream_arn: The stream.
        endpoint: The one that ``GetDataEndpoint`` tells for ``PUT_MEDIA``.
        credentials: botocore's, which may put media into the stream.
        region: Of the stream.

    Returns:
        An acknowledgement for each fragment that is stored, in order.

    Raises:
        PutFailed: The service refused the session or a fragment, or could not be reached.
    """
    paced = _Paced(fragments)
    url = f"{endpoint}/putMedia"
    request = AWSRequest(
        "POST",
        url,
        headers={
            "x-amzn-stream-arn": stream_arn,
            "x-amzn-fragment-timecode-type": "ABSOLUTE",
            "x-amzn-fragment-acknowledgment-required": "1",
            "x-amzn-producer-start-timestamp": f"{paced.start_ms / 1000:.3f}",
        },
    )
    SigV4Auth(credentials, "kinesisvideo", region).add_auth(request)
    try:
        response = httpx.post(url, headers=dict(request.headers.items()), content=iter(paced), timeout=_TIMEOUT)
    except httpx.HTTPError as error:
        raise PutFailed(f"PutMedia was cut off: {type(error).__name__}") from error
    if not response.is_success:
        raise PutFailed(f"PutMedia was refused: {response.headers.get('x-amzn-ErrorType', response.status_code)}")
    return _persisted(response.content)


class _Paced:
    """A session's body, in the time that it is spoken in."""

    def __init__(self, fragments: Iterable[Fragment]) -> None:
        self._fragments = iter(fragments)
        self._first = next(self._fragments)
        self.start_ms = self._first.start_ms

    def __iter__(self) -> Iterator[bytes]:
        yield self._spoken(self._first, first=True)
        for fragment in self._fragments:
            yield self._spoken(fragment, first=False)

    def _spoken(self, fragment: Fragment, *, first: bool) -> bytes:
        time.sleep(max(0.0, fragment.end_ms / 1000 - time.time()))
        return fragment.produce(first=first)


def _persisted(answer: bytes) -> list[Acknowledgement]:
    if len(answer) > _LARGEST_ANSWER:
        raise PutFailed("PutMedia answered more than it can have to say")
    try:
        told = [decode_json(Acknowledgement, line, "an acknowledgement") for line in _documents(answer)]
    except InvalidData as invalid:
        raise PutFailed(str(invalid)) from None
    for event in told:
        if event.event_type == _ERROR:
            raise PutFailed(f"PutMedia: {event.error_code or 'error'} {event.error_id}")
    return [event for event in told if event.event_type == _PERSISTED]


def _documents(answer: bytes) -> list[bytes]:
    """The acknowledgements, which may stand on lines of their own or one behind the other."""
    return [line for line in answer.replace(b"}{", b"}\n{").splitlines() if line.strip()]
