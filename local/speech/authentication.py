"""API keys: there is one, at random for each session, and without it nothing is answered."""

from __future__ import annotations

import os
import re
import secrets
import sys
from typing import Final

from local.speech.errors import ListenError

KEY_VARIABLE: Final = "CALLSCRIBE_SPEECH_KEY"
"""Passes the key on to the server: other users of the machine see arguments, but no variables."""


def key_of_this_process() -> str:
    """The key that whoever started this process has passed on, or else a new one, which is printed."""
    key = os.environ.get(KEY_VARIABLE)
    if not key:
        key = secrets.token_hex(20)
        sys.stdout.write(f"Authorization: Token {key}\n")
        sys.stdout.flush()
    return key


def authenticate(given: str, key: str) -> None:
    """Check for ``Token KEY`` or ``Bearer TOKEN``.

    Args:
        given: What the client sent.
        key: The one key that is accepted.

    Raises:
        ListenError: 401.
    """
    found = re.fullmatch(r"(?:token|bearer) +(\S+)", given, re.IGNORECASE)
    if found is None or not secrets.compare_digest(found[1].encode(), key.encode()):
        raise ListenError.documented(401)
