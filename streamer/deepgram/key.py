"""Deepgram's API key, from Secrets Manager."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from callscribe.deepgram.key import MAX_AGE_SECONDS, key_in, missing
from streamer.aws import error_code


class DeepgramKey:
    """The key in one secret, cached for all calls of the process.

    Args:
        secrets: aiobotocore's client of Secrets Manager.
        secret_arn: The secret: the key itself, or JSON with the field `api_key`.
        clock: Returns seconds that never go back.
    """

    def __init__(self, *, secrets: Any, secret_arn: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._secrets = secrets
        self._secret_arn = secret_arn
        self._clock = clock
        self._key = ""
        self._read_at = -float(MAX_AGE_SECONDS)
        self._reading = asyncio.Lock()

    async def read(self, *, refresh: bool = False) -> str:
        """Return the key.

        Args:
            refresh: Ask Secrets Manager even when the cached key is young enough. Calls that ask at the same moment
                share one answer.

        Raises:
            KeyUnusable: The secret has no value yet (`DeepgramKey.Missing`), an empty one (`DeepgramKey.Empty`) or
                none that can be a key (`DeepgramKey.Malformed`).
        """
        asked_at = self._clock()
        async with self._reading:
            fresh_enough = asked_at if refresh else asked_at - MAX_AGE_SECONDS
            if not self._key or self._read_at < fresh_enough:
                self._key = await self._fetch()
                self._read_at = self._clock()
            return self._key

    async def _fetch(self) -> str:
        try:
            response = await self._secrets.get_secret_value(SecretId=self._secret_arn)
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                raise missing() from None
            raise
        return key_in(response.get("SecretString"))
