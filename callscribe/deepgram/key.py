"""Deepgram's API key as an operator puts it into a secret."""

import json
from typing import Final

from callscribe.failures import SafeError

MAX_AGE_SECONDS: Final = 300
"""How long a process may go on with the key it has read. A refused key is read again at once."""

REMEDY: Final = 'put the key into the secret, as plain text or as {"api_key": "…"}, and redrive the failed calls'


class KeyUnusable(SafeError):
    """The secret holds no usable key; the message says why and never what it holds."""


def missing() -> KeyUnusable:
    """The failure of a secret that is gone or was never filled."""
    return KeyUnusable("DeepgramKey.Missing", f"the secret is gone or has no value; {REMEDY}")


def key_in(value: object) -> str:
    """Read the key from the value of a secret: the key itself, or JSON with the field `api_key`.

    Raises:
        KeyUnusable: The value is empty (`DeepgramKey.Empty`) or cannot be a key (`DeepgramKey.Malformed`).
    """
    if not isinstance(value, str):
        raise KeyUnusable("DeepgramKey.Malformed", f"the secret is binary; {REMEDY}")
    key = value.strip()
    if key.startswith("{"):
        try:
            fields = json.loads(key)
        except ValueError:
            raise KeyUnusable("DeepgramKey.Malformed", f"the secret is no valid JSON; {REMEDY}") from None
        field = fields.get("api_key")
        if not isinstance(field, str):
            raise KeyUnusable("DeepgramKey.Malformed", f"the secret has no text field api_key; {REMEDY}")
        key = field.strip()
    if not key:
        raise KeyUnusable("DeepgramKey.Empty", f"the secret is empty; {REMEDY}")
    # A key goes into an HTTP header: spaces, line ends and other alphabets cannot be part of one.
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise KeyUnusable("DeepgramKey.Malformed", f"the secret holds characters no key has; {REMEDY}")
    return key
