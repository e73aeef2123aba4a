"""Reads JSON that somebody else wrote.

`json.loads` is no judge of messages: deep nesting ends in `RecursionError`, which is no `ValueError`, and it lets
through what nothing here can keep (`Infinity`, `1e999`, a number of a thousand digits, half of a surrogate pair), which
then fails somewhere else, each time the message is delivered.
"""

import json
import math
import re
from typing import Any, Final, NoReturn

# A DynamoDB number has up to 38 digits (Amazon DynamoDB Developer Guide, "Supported data types and naming rules").
_MOST_DIGITS: Final = 38
# Only an escape can smuggle half of a pair into a text that is UTF-8.
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class UnreadableJson(ValueError):
    """A text that is no JSON, or holds what cannot be kept; the message says which and quotes nothing."""


def read_json(text: str | bytes) -> Any:
    """Read a JSON text of which nothing is known.

    Args:
        text: the text; bytes must be UTF-8.

    Raises:
        UnreadableJson: it is no JSON, is nested too deeply, or holds a number or a text that cannot be kept.
    """
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        value = json.loads(decoded, parse_int=_integer, parse_float=_finite, parse_constant=_no_number)
        _check_encodable(decoded, value)
    except UnreadableJson:
        raise
    except UnicodeError:
        raise UnreadableJson("is not Unicode text") from None
    except RecursionError:
        raise UnreadableJson("is nested too deeply") from None
    except ValueError:
        raise UnreadableJson("is not JSON") from None
    return value


def _integer(digits: str) -> int:
    if len(digits.removeprefix("-")) > _MOST_DIGITS:
        raise UnreadableJson("holds a number that is too large")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise UnreadableJson("holds a number that is too large")
    return value


def _no_number(name: str) -> NoReturn:  # noqa: ARG001 - "NaN", "Infinity" or "-Infinity"
    raise UnreadableJson("holds what is not a number")


def _check_encodable(text: str, value: Any) -> None:
    text.encode()
    if _SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False).encode()
