"""Values from outside, such as a speech service's, made fit to be stored: whatever they are, no write fails of them.

JSON knows texts that are no Unicode, numbers of any size and texts of any length; UTF-8, DynamoDB and a reader do not.
"""

import re
from typing import Any, Final

MAX_NAME: Final = 100
"""Longest name of a model, a language or a warning, in characters: real ones are shorter than 50."""

REPLACEMENT: Final = "�"
"""What stands for a character that is none (The Unicode Standard, "U+FFFD Substitution")."""

# Half of a pair, which `json` lets through where it is written as an escape (RFC 8259, section 8.2).
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def valid_text(text: str) -> str:
    """Replace what UTF-8 cannot write; everything else stays.

    Example:
        >>> valid_text("na" + chr(0xD83D) + "ive")
        'na�ive'
    """
    return text if text.isascii() else _LONE_SURROGATE.sub(REPLACEMENT, text)


def bounded_text(text: str, most: int = MAX_NAME) -> str:
    """Write a text in at most *most* characters, the last of which says so where it was cut."""
    valid = valid_text(text)
    return valid if len(valid) <= most else f"{valid[: most - 1]}…"


def finite(value: Any, *, most: float) -> float | None:
    """Return a number of JSON as a float; None for anything else, and for what lies beyond *most* on either side."""
    # bool is an int in Python, not in JSON. A whole number may have too many digits for a float: it is compared first.
    if type(value) not in (int, float) or not -most <= value <= most:
        return None
    return float(value)


def share(value: Any) -> float | None:
    """Return a confidence, 0 to 1 to four decimals; a little out of range is brought back, all else is unknown."""
    number = finite(value, most=2.0)
    return None if number is None else round(min(1.0, max(0.0, number)), 4)
