"""API keys."""

from __future__ import annotations

import re
import secrets

from local.speech.errors import ListenError


def authenticate(given: str, key: str | None) -> None:
    """Check for ``Token KEY`` or ``Bearer TOKEN``.

    Args:
        given: What the client sent.
        key: The one key that is accepted; `None` accepts any.

    Raises:
        ListenError: 401.
    """
    found = re.fullmatch(r"(?:token|bearer) +(\S+)", given, re.IGNORECASE)
    if found is None or (key is not None and not secrets.compare_digest(found[1].encode(), key.encode())):
        raise ListenError.documented(401)
