"""JSON that was paid for: read although pieces of it are not as they should be, and said what was odd.

Python's reader gives up a whole document for one damaged character, one number of 5,000 digits or one value nested a
thousand deep. Such a piece costs only itself here; the reader of the document decides whether it needed it.
"""

import json
import math
import re
from typing import Any, Final

from callscribe.foreign import REPLACEMENT

MAX_DEPTH: Final = 100
"""Deepest nesting that is kept; a reply of Deepgram's has less than 20."""

# Digits a float can have before its point (IEEE 754, binary64); Python itself refuses to read more than 4,300.
_MAX_DIGITS: Final = 308
# Half of a character, where it is not beside its other half (RFC 8259, section 8.2), and what must not be taken for it.
_ESCAPES: Final = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
# Strings, whose content is none of our business here, and what opens and closes.
_TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


class AmbiguousObject(dict[str, Any]):
    """An object that says something twice, and each time something else. It has what it says last.

    Attributes:
        ambiguous: names of what is said twice.
    """

    ambiguous: frozenset[str] = frozenset()


def read(raw: bytes) -> tuple[Any, tuple[str, ...]]:
    """Read a document.

    Every text in it can be written as UTF-8; numbers may be infinite or not a number.

    Returns:
        The document, and what was odd about it: `damaged characters`, `nested too deeply`, `repeated fields`.

    Raises:
        ValueError: it is no JSON. The message may quote it.
    """
    oddities: list[str] = []
    encoding = json.detect_encoding(raw)
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        text = raw.decode(encoding, "replace")
        oddities.append("damaged characters")
    whole = _ESCAPES.sub(_replaced, text) if "\\u" in text else text
    if whole != text and not oddities:
        oddities.append("damaged characters")

    def read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        if "repeated fields" not in oddities:
            oddities.append("repeated fields")
        return _ambiguous(found, pairs)

    decoder = json.JSONDecoder(object_pairs_hook=read_object, parse_int=_whole_number)
    try:
        return decoder.decode(whole), tuple(oddities)
    except RecursionError:
        pruned = _pruned(whole)
    document = decoder.decode(pruned)
    return document, (*oddities, "nested too deeply")


def _ambiguous(found: dict[str, Any], pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = frozenset(name for name, value in pairs if value != found[name])
    if not names:
        return found
    ambiguous = AmbiguousObject(found)
    ambiguous.ambiguous = names
    return ambiguous


def _replaced(escape: re.Match[str]) -> str:
    return escape.group() if escape.group(1) is None else REPLACEMENT


def _whole_number(digits: str) -> float:
    if len(digits) <= _MAX_DIGITS:
        return int(digits)
    return -math.inf if digits.startswith("-") else math.inf


def _pruned(text: str) -> str:
    """Put null where something is nested too deeply."""
    kept: list[str] = []
    depth, since = 0, 0
    for token in _TOKENS.finditer(text):
        mark = token.group()
        if mark in "[{":
            depth += 1
            if depth == MAX_DEPTH + 1:
                kept.append(text[since : token.start()])
        elif mark in "]}":
            if depth == MAX_DEPTH + 1:
                kept.append("null")
                since = token.end()
            depth -= 1
    # What is never closed is no JSON, and must not be read as some.
    return "" if depth > 0 else "".join((*kept, text[since:]))
