"""Deepgram's API key as an operator puts it into a secret."""

from dataclasses import dataclass, field
from typing import Final

from callscribe.failures import SafeError
from callscribe.serialization import InvalidData, decode_json

MAX_AGE_SECONDS: Final = 300
"""How long a process may go on with the key it has read. A refused key is read again at once."""

REMEDY: Final = 'put the key into the secret, as plain text or as {"api_key": "…"}, and redrive the failed calls'


class KeyUnusable(SafeError):
    """The secret holds no usable key; the message says why and never what it holds."""


@dataclass(frozen=True, slots=True)
class _Secret:
    api_key: str = field(repr=False)


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
            key = decode_json(_Secret, key, "the secret").api_key.strip()
        except InvalidData as invalid:
            raise KeyUnusable("DeepgramKey.Malformed", f"{invalid}; {REMEDY}") from None
    if not key:
        raise KeyUnusable("DeepgramKey.Empty", f"the secret is empty; {REMEDY}")
    # A key goes into an HTTP header: spaces, line ends and other alphabets cannot be part of one.
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise KeyUnusable("DeepgramKey.Malformed", f"the secret holds characters no key has; {REMEDY}")
    return key
