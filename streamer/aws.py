"""What all calls to AWS share: time limits, which failures pass, and how long they are borne."""

from __future__ import annotations

import asyncio
import hmac
import logging
import random
import time
from calendar import timegm
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

from aiobotocore.config import AioConfig
from botocore.exceptions import ClientError, CredentialRetrievalError, HTTPClientError, NoCredentialsError
from botocore.exceptions import ConnectionError as AwsConnectionError

from callscribe import aws_refusals
from streamer.logs import failure

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_UNSIGNED: Final = ("User-Agent",)
_FAR_OFF_SECONDS: Final = 240.0
"""How far a clock may be off: less than what is refused, as a request takes its time and `Date` has whole seconds."""

_FIRST_DELAY: Final = 0.2
_LONGEST_DELAY: Final = 10.0

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


def config(*, attempts: int = 4, read_timeout: float = 10, connections: int = 10) -> AioConfig:
    """Return how a client talks to AWS; botocore alone would wait 60 seconds for everything.

    Args:
        attempts: Tries of each call, with exponential back-off and jitter between them.
        read_timeout: Longest wait for the next bytes of an answer, in seconds.
        connections: Connections at once; further calls wait for one.
    """
    return AioConfig(
        connect_timeout=3,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
        # Requests are typed and tested here; looking through them once more costs a tenth of what they take.
        parameter_validation=False,
        max_pool_connections=connections,
        tcp_keepalive=True,
    )


class Signer:
    """Signs requests with the credentials of the moment, for all calls of a process.

    botocore's signer takes eight times as long, which was a tenth of a call's CPU; tests hold this one to it.
    Source: IAM User Guide, "Signature Version 4", which also says that a signature is good for five minutes.

    Args:
        session: aiobotocore's session.
        region: AWS region of the services.
        clock: Returns seconds since 1970.
    """

    def __init__(self, session: Any, *, region: str, clock: Callable[[], float] = time.time) -> None:
        self._session = session
        self._region = region
        self._clock = clock
        self._ahead = 0.0

    async def sign(self, *, service: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """Return the headers of a POST, signed.

        Args:
            service: By its name in signatures.
            url: Where the request goes; without a query.
            headers: The request's own.
            body: What it carries.

        Raises:
            BotoCoreError: There are no credentials at the moment.
        """
        credentials = await self._session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        frozen = await credentials.get_frozen_credentials()
        place = urlsplit(url)
        stamp = time.strftime(_STAMP, time.gmtime(self._clock() + self._ahead))
        own = {**headers, "Host": place.netloc.lower(), "X-Amz-Date": stamp}
        if frozen.token:
            own["X-Amz-Security-Token"] = frozen.token
        lines = sorted((name.lower(), " ".join(value.split())) for name, value in own.items() if name not in _UNSIGNED)
        names = ";".join(name for name, _ in lines)
        asked = f"POST\n{quote(place.path or '/', safe='/~')}\n\n"
        asked += "".join(f"{name}:{value}\n" for name, value in lines) + f"\n{names}\n{sha256(body).hexdigest()}"
        scope = f"{stamp[:8]}/{self._region}/{service}/aws4_request"
        text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{sha256(asked.encode()).hexdigest()}"
        signature = hmac.digest(_signing_key(frozen.secret_key, scope), text.encode(), "sha256").hex()
        own["Authorization"] = (
            f"{_ALGORITHM} Credential={frozen.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return own

    def refused(self, headers: Mapping[str, str], *, date: str | None) -> bool:
        """Take the time from a service that has refused a request, where the one that was signed is far off.

        Args:
            headers: What `sign` has returned for the request.
            date: The answer's `Date` (RFC 9110, 6.6.1); `None` where it has none.

        Returns:
            Whether the request was signed with another time than the next one, so that it may be asked again.
        """
        try:
            told = parsedate_to_datetime(date or "").timestamp()
        except (ValueError, OverflowError):
            return False
        signed = timegm(time.strptime(headers["X-Amz-Date"], _STAMP))
        if abs(told - signed) < _FAR_OFF_SECONDS:
            return False
        self._ahead = ahead = told - self._clock()
        _log.warning("the host's clock is wrong: requests are signed by the service's", extra={"seconds": round(ahead)})
        return True


@lru_cache(maxsize=16)
def _signing_key(secret_key: str, scope: str) -> bytes:
    """Return the key of a day, a region and a service."""
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def error_code(error: ClientError) -> str:
    """Return AWS's own code of a refused call, such as `ConditionalCheckFailedException`."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def cancellation_codes(error: ClientError) -> list[str]:
    """Return why each item of a cancelled transaction was refused; "None" for those that were not."""
    return aws_refusals.cancellation_codes(error.response)


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed later."""
    # A task's credentials are renewed by HTTP as well.
    if isinstance(error, AwsConnectionError | CredentialRetrievalError | HTTPClientError | TimeoutError):
        return True
    return isinstance(error, ClientError) and aws_refusals.is_transient(error.response)


async def persist(
    operation: Callable[[], Awaitable[_T]],
    *,
    seconds: float,
    what: str,
    jitter: Callable[[], float] = random.random,
) -> _T:
    """Repeat a call until it succeeds, fails for good, or has failed for too long.

    Args:
        operation: The call; it must not matter if it happens twice.
        seconds: How long to retry; the last failure is then raised.
        what: Name of the call in the log.
        jitter: Returns a number from 0 to 1.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    longest = _FIRST_DELAY
    while True:
        try:
            return await operation()
        except Exception as error:
            delay = longest * jitter()
            if not is_transient(error) or loop.time() + delay > deadline:
                raise
            _log.warning("AWS is asked again", extra={"operation": what, **failure(error)})
        await asyncio.sleep(delay)
        longest = min(2 * longest, _LONGEST_DELAY)
