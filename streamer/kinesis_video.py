"""Read streams of Kinesis Video Streams.

Sources: Amazon Kinesis Video Streams API reference, "GetDataEndpoint" and "GetMedia"; limits (five requests a second
and three connections for each stream): Developer Guide, "Quotas". A body ends when nothing arrives for about three
seconds, after about 45 minutes, or because of the network; all of that looks alike and proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self

from botocore.exceptions import BotoCoreError, ClientError

from callscribe.failures import SafeError
from streamer.aws import Signer, config, error_code
from streamer.get_media import MediaBody, Take, get_media

_MAX_ENDPOINTS: Final = 10_000
_REFUSED_CODES: Final = frozenset({"AccessDeniedException", "NotAuthorizedException"})

_CODE: Final = re.compile(r"[A-Za-z0-9_]{1,64}")
_CODES: Final = {
    "4000": "FRAGMENT_NOT_FOUND",
    "4500": "KMS_KEY_ACCESS_DENIED",
    "4501": "KMS_KEY_DISABLED",
    "4502": "KMS_KEY_VALIDATION_ERROR",
    "4503": "KMS_KEY_UNAVAILABLE",
    "4504": "KMS_KEY_INVALID_USAGE",
    "4505": "KMS_KEY_INVALID_STATE",
    "4506": "KMS_KEY_NOT_FOUND",
}
# A key that is not available may be so again: "You can retry the request" (AWS KMS API reference, "Decrypt").
_KEY_REFUSED: Final = frozenset(_CODES.values()) - {"FRAGMENT_NOT_FOUND", "KMS_KEY_UNAVAILABLE"}


class StreamNotFound(SafeError):
    """There is no such stream, or not yet."""


class StreamRefused(SafeError):
    """The streamer may not read the stream, or the stream's key may not be used; that does not pass by itself."""


class StreamUnavailable(SafeError):
    """The stream cannot be read now; a later attempt may succeed."""


class TokenRefused(SafeError):
    """The stream cannot be read on from this token, which may be too old."""


def reported(code: str, error_id: str, start: FromTime | FromToken) -> SafeError:
    """Return the failure that the service has written into a body, whose status is 200 all the same.

    Sources: Amazon Kinesis Video Streams API reference, "GetMedia" (numbers) and "PutMedia" (names). A name that is
    known counts before the number: a fragment that is gone has number 4000 in the documentation and 3000 in the field.

    Args:
        code: Its name, or a description.
        error_id: Its number.
        start: Where the body was to begin.
    """
    known = code if code in _CODES.values() else _CODES.get(error_id, "")
    name = next((text for text in (known, code, error_id) if _CODE.fullmatch(text)), "Unknown")
    if name == "FRAGMENT_NOT_FOUND" and isinstance(start, FromToken):
        return TokenRefused(f"KinesisVideo.{name}", "the token's fragment is gone")
    if name in _KEY_REFUSED:
        return StreamRefused(f"KinesisVideo.{name}", "the key of the stream may not, or cannot, be used")
    return StreamUnavailable(f"KinesisVideo.{name}", "the service has ended the stream's body with an error")


@dataclass(frozen=True, slots=True)
class FromTime:
    """Read from the fragment on that the producer began at this time.

    Attributes:
        ms: Milliseconds since 1970.
    """

    ms: int


@dataclass(frozen=True, slots=True)
class FromToken:
    """Read on where an earlier reading has come to.

    Attributes:
        token: Continuation token.
    """

    token: str


class Body(Protocol):
    """What a stream sends, as it arrives."""

    async def read(self, take: Take) -> bool:
        """Hand over what arrives until `take` wants no more for now; it stays with the service then.

        Returns:
            Whether the body goes on; otherwise it has ended.

        Raises:
            StreamUnavailable: It broke.
        """


class KinesisVideo:
    """Opens bodies of GetMedia, for all calls of a process.

    Args:
        session: aiobotocore's session.
        region: AWS region of the streams.
        signer: Signs the requests for bodies.
    """

    def __init__(self, *, session: Any, region: str, signer: Signer) -> None:
        self._session = session
        self._region = region
        self._signer = signer
        self._endpoints: dict[str, str] = {}
        self._stack = AsyncExitStack()
        self._control: Any = None

    async def __aenter__(self) -> Self:
        self._control = await self._stack.enter_async_context(
            self._session.create_client("kinesisvideo", region_name=self._region, config=config())
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @asynccontextmanager
    async def media(self, stream_arn: str, start: FromTime | FromToken) -> AsyncIterator[Body]:
        """Open a body.

        Args:
            stream_arn: The stream.
            start: Where to begin.

        Raises:
            StreamNotFound: There is no such stream, or not yet.
            StreamRefused: It may not be read.
            TokenRefused: It cannot be read from this token.
            StreamUnavailable: It cannot be read now.
        """
        try:
            body = await get_media(
                signer=self._signer,
                endpoint=await self._endpoint(stream_arn),
                request={"StreamARN": stream_arn, "StartSelector": _selector(start)},
            )
        except ClientError as error:
            raise self._refusal(stream_arn, start, error_code(error)) from None
        except BotoCoreError as error:
            raise self._unavailable(stream_arn, error) from None
        try:
            yield _Body(body, failed=lambda error: self._unavailable(stream_arn, error))
        finally:
            body.close()

    async def _endpoint(self, stream_arn: str) -> str:
        endpoint = self._endpoints.get(stream_arn)
        if endpoint is None:
            response = await self._control.get_data_endpoint(StreamARN=stream_arn, APIName="GET_MEDIA")
            endpoint = str(response["DataEndpoint"])
            if len(self._endpoints) >= _MAX_ENDPOINTS:
                self._endpoints.clear()
            self._endpoints[stream_arn] = endpoint
        return endpoint

    def _refusal(self, stream_arn: str, start: FromTime | FromToken, code: str) -> SafeError:
        if code == "ResourceNotFoundException":
            return StreamNotFound("StreamNotFound", "there is no such Kinesis video stream")
        if code in _REFUSED_CODES:
            return StreamRefused(f"KinesisVideo.{code}", "the streamer's role may not read the stream or use its key")
        if code == "InvalidArgumentException" and isinstance(start, FromToken):
            return TokenRefused(f"KinesisVideo.{code}", "the continuation token is not taken")
        self._endpoints.pop(stream_arn, None)  # it may have moved
        return StreamUnavailable(f"KinesisVideo.{code}", "the stream cannot be read")

    def _unavailable(self, stream_arn: str, error: BaseException) -> StreamUnavailable:
        self._endpoints.pop(stream_arn, None)
        return StreamUnavailable(f"KinesisVideo.{type(error).__name__}", "the stream cannot be reached")


class _Body:
    """A body whose failures are those of its stream."""

    def __init__(self, body: MediaBody, *, failed: Callable[[BaseException], Exception]) -> None:
        self._body = body
        self._failed = failed

    async def read(self, take: Take) -> bool:
        try:
            return await self._body.read(take)
        except BotoCoreError as error:
            raise self._failed(error) from None


def _selector(start: FromTime | FromToken) -> dict[str, Any]:
    if isinstance(start, FromToken):
        return {"StartSelectorType": "CONTINUATION_TOKEN", "ContinuationToken": start.token}
    return {
        "StartSelectorType": "PRODUCER_TIMESTAMP",
        "StartTimestamp": start.ms / 1000,
    }
