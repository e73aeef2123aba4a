"""Each clinic's own terms, from Parameter Store."""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from callscribe.vocabulary import MAX_AGE_SECONDS, parameter_names, terms_in
from streamer.aws import error_code


class Vocabulary:
    """The vocabularies under one path, cached for all calls of the process.

    When a streamer stops, its calls begin elsewhere all at once, and Parameter Store answers 40 requests a second (AWS
    General Reference, "AWS Systems Manager endpoints and quotas").

    Args:
        ssm: aiobotocore's client of Systems Manager.
        path: Path that ends in `/`, with one parameter for each clinic and perhaps one named `default`.
        clock: Returns seconds that never go back.
    """

    def __init__(self, *, ssm: Any, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._ssm = ssm
        self._path = path
        self._clock = clock
        self._values: dict[str, str | None] = {}
        self._read_at: dict[str, float] = {}
        self._reading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def terms(self, clinic_id: str) -> tuple[str, ...]:
        """Return a clinic's terms, or the default ones, or none; changes count after `MAX_AGE_SECONDS`.

        Raises:
            VocabularyMalformed: The parameter is not a JSON array of texts.
        """
        for name in parameter_names(self._path, clinic_id):
            value = await self._value(name)
            if value is not None:
                return terms_in(value, name=name)
        return ()

    async def _value(self, name: str) -> str | None:
        async with self._reading[name]:  # calls that ask at the same moment share one answer
            if self._clock() - self._read_at.get(name, -math.inf) >= MAX_AGE_SECONDS:
                self._values[name] = await self._fetch(name)
                self._read_at[name] = self._clock()
            return self._values[name]

    async def _fetch(self, name: str) -> str | None:
        try:
            response = await self._ssm.get_parameter(Name=name)
        except ClientError as error:
            if error_code(error) == "ParameterNotFound":
                return None
            raise
        return str(response["Parameter"]["Value"])
