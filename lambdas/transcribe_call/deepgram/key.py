"""Deepgram's API key, from Secrets Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

from callscribe.deepgram.key import MAX_AGE_SECONDS, KeyUnusable, key_in, missing
from lambdas.common.errors import error_code

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider


class DeepgramKey:
    """The key in one secret, cached.

    Args:
        secrets: Cache in front of Secrets Manager.
        secret_arn: The secret: the key itself, or JSON with the field `api_key`.
    """

    def __init__(self, *, secrets: SecretsProvider, secret_arn: str) -> None:
        self._secrets = secrets
        self._secret_arn = secret_arn

    def read(self, *, refresh: bool = False) -> str:
        """Return the key.

        Args:
            refresh: Ask Secrets Manager even when a cached key is young enough.

        Raises:
            KeyUnusable: The secret has no value yet (`DeepgramKey.Missing`), an empty one (`DeepgramKey.Empty`) or
                none that can be a key (`DeepgramKey.Malformed`).
        """
        try:
            return self._read(refresh=refresh)
        except KeyUnusable:
            if refresh:
                raise
            # What is cached may have been fixed since, and a redrive follows at once.
            return self._read(refresh=True)

    def _read(self, *, refresh: bool) -> str:
        try:
            value = self._secrets.get(self._secret_arn, max_age=MAX_AGE_SECONDS, force_fetch=refresh)
        except GetParameterError as error:
            cause = error.__context__
            if isinstance(cause, ClientError) and error_code(cause) == "ResourceNotFoundException":
                raise missing() from None
            raise (cause or error) from None
        return key_in(value)
