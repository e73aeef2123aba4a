"""Remove what must not be told from text that comes from outside, such as a speech service's error messages."""

from __future__ import annotations

import re

from callscribe.foreign import valid_text

MAX_LENGTH = 500
"""Longest text let through, in characters: enough for the longest that a service documents."""

_RULES = (
    (re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE), "[url]"),
    # Parts of a presigned URL that were cut off from their host.
    (re.compile(r"\bX-Amz-[\w-]+(?:=|%3D)\S*", re.IGNORECASE), "[url]"),
    (re.compile(r"\b(?:token|bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), "[key]"),
    # Keys and signatures are 40 or 64 hex digits.
    (re.compile(r"[0-9a-f]{24,}", re.IGNORECASE), "[key]"),
    # Seven digits or more are a phone, card or account number, also when grouped as people write them.
    (re.compile(r"\+?(?:\(?\d\)?[ .\-/]?){6,}\d"), "[number]"),
)


def scrub(text: str) -> str:
    """Return the text without URLs, keys and long numbers, at most `MAX_LENGTH` characters long.

    Example:
        >>> scrub("cannot fetch https://host/a?X-Amz-Signature=1 for +1 555 010 7788")
        'cannot fetch [url] for [number]'
    """
    # Cut first: no pattern then runs over more than this, whatever a server sends.
    shortened = valid_text(text[: 4 * MAX_LENGTH])
    for pattern, name in _RULES:
        shortened = pattern.sub(name, shortened)
    return " ".join(shortened.split())[:MAX_LENGTH]
