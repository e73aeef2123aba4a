"""Deepgram's API key, from Secrets Manager."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

from lambdas.common.errors import SafeError, error_code

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider

MAX_AGE_SECONDS = 300
"""How long a container may go on with the key it has read. A refused key is read again at once."""

_REMEDY = 'put the key into the secret, as plain text or as {"api_key": "…"}, and redrive the failed calls'


class KeyUnusable(SafeError):
    """The secret holds no usable key; the message says why and never what it holds."""


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
            # What is cached may have been mended since, and a redrive follows at once.
            return self._read(refresh=True)

    def _read(self, *, refresh: bool) -> str:
        try:
            value = self._secrets.get(self._secret_arn, max_age=MAX_AGE_SECONDS, force_fetch=refresh)
        except GetParameterError as error:
            cause = error.__context__
            if isinstance(cause, ClientError) and error_code(cause) == "ResourceNotFoundException":
                raise KeyUnusable("DeepgramKey.Missing", f"the secret is gone or has no value; {_REMEDY}") from None
            raise (cause or error) from None
        if not isinstance(value, str):
            raise KeyUnusable("DeepgramKey.Malformed", f"the secret is binary; {_REMEDY}")
        return _key_in(value)


def _key_in(value: str) -> str:
    key = value.strip()
    if key.startswith("{"):
        try:
            fields = json.loads(key)
        except ValueError:
            raise KeyUnusable("DeepgramKey.Malformed", f"the secret is no valid JSON; {_REMEDY}") from None
        field = fields.get("api_key")
        if not isinstance(field, str):
            raise KeyUnusable("DeepgramKey.Malformed", f"the secret has no text field api_key; {_REMEDY}")
        key = field.strip()
    if not key:
        raise KeyUnusable("DeepgramKey.Empty", f"the secret is empty; {_REMEDY}")
    # A key goes into an HTTP header: spaces, line ends and other alphabets cannot be part of one.
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise KeyUnusable("DeepgramKey.Malformed", f"the secret holds characters no key has; {_REMEDY}")
    return key
