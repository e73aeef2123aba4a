"""Numbers in recognised words, spelled out or in numerals: finding, writing and redacting them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from callscribe.number_words import DIGITS, SCALES, TEENS, TENS
from local.speech.transcript import SpokenWord, merge

_SMALL = DIGITS | TEENS | TENS

CARD_DIGITS = range(12, 20)
# An ordinal, or what is there in place of a redacted number.
_NO_NUMBER = re.compile(r"\d+(?:st|nd|rd|th)|\[.*\]")


@dataclass(frozen=True)
class NumberSpan:
    """Consecutive words that say one number: ``words[start:end]``.

    Attributes:
        start: Of the first word.
        end: After the last word.
        numerals: The number in numerals.
        spelled: Whether all words are spelled out, so that writing them as numerals changes something.
    """

    start: int
    end: int
    numerals: str
    spelled: bool = True


def number_spans(texts: Sequence[str]) -> Iterator[NumberSpan]:
    """Yield the numbers in a list of words, digit by digit (account numbers) or as quantities, years and times."""
    position = 0
    while position < len(texts):
        parts: list[tuple[int, int]] = []
        digits: list[str] = []
        end = position
        while end < len(texts):
            if (numerals := _digits(texts[end])) is not None:
                digits.append(numerals)
                end += 1
            elif (part := _quantity(texts, end)) is not None:
                value, end = part
                parts.append((value, end))
                digits.append(str(value))
            else:
                break
        if len(digits) > len(parts):
            yield NumberSpan(position, end, "".join(digits), spelled=False)
        elif parts:
            yield from _spans(position, parts)
        position = max(end, position + 1)


def _digits(text: str) -> str | None:
    """Return the digits in a word (``$1,200``, ``9:30``, ``a12345``); `None` if it is no number."""
    digits = re.sub(r"\D", "", text)
    return digits if digits and not _NO_NUMBER.fullmatch(text) else None


def _quantity(texts: Sequence[str], position: int) -> tuple[int, int] | None:
    """Return the value of the number that begins at `position` and where it ends; `None` if none does."""
    total, current, end = 0, None, position
    while end < len(texts):
        word = texts[end]
        if word in _SMALL and (current is None or (word in DIGITS and current % 100 in TENS.values())):
            current = (current or 0) + _SMALL[word]
        elif word in SCALES and current:
            current *= SCALES[word]
            if word == "thousand":
                total, current = total + current, None
        elif word in _SMALL and current and current % 100 == 0:
            current += _SMALL[word]
        else:
            break
        end += 1
    return None if end == position or (current is None and not total) else (total + (current or 0), end)


def _spans(start: int, parts: list[tuple[int, int]]) -> Iterator[NumberSpan]:
    values = [value for value, _ in parts]
    end = parts[-1][1]
    if (len(parts) > 1 and all(value < 10 for value in values)) or (
        len(parts) == 2 and all(10 <= value < 100 for value in values)
    ):
        yield NumberSpan(start, end, "".join(map(str, values)))
    elif len(parts) == 2 and 1 <= values[0] <= 12 and 10 <= values[1] < 60:
        yield NumberSpan(start, end, f"{values[0]}:{values[1]}")
    else:
        for value, part_end in parts:
            yield NumberSpan(start, part_end, str(value))
            start = part_end


def as_numerals(words: list[SpokenWord]) -> list[SpokenWord]:
    """Write numbers from ten up as numerals, and dollars as amounts. One number becomes one word.

    Numerals that the engine has written stay as they are.
    """
    texts = [word.text for word in words]
    written: list[SpokenWord] = []
    position = 0
    for span in number_spans(texts):
        written += words[position : span.start]
        position = span.end
        dollars = texts[span.end : span.end + 1] == ["dollars"] and span.numerals.isdecimal()
        if dollars:
            position += 1
            written.append(merge(words[span.start : position], f"${int(span.numerals):,}"))
        elif span.spelled and len(span.numerals) > 1:
            written.append(merge(words[span.start : span.end], span.numerals))
        else:
            written += words[span.start : span.end]
    return written + words[position:]


class Redaction:
    """Redacts numbers as `redact` asks, each label counted through the whole reply (``[NUMBER_1]``).

    ``numbers`` takes three or more consecutive numerals, ``aggressive_numbers`` every
    number (Deepgram's documentation page "Redaction"); ``pci``, ``ssn``, ``pii`` and ``phone_number`` go by the count
    of digits, which is a guess that Deepgram's models do not have to make.
    """

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = {"numbers" if value == "true" else value for value in wanted}
        self._count: Counter[str] = Counter()

    def apply(self, words: list[SpokenWord]) -> list[SpokenWord]:
        """Return the words with what is to be redacted replaced."""
        if not self._wanted:
            return words
        kept: list[SpokenWord] = []
        position = 0
        for span in number_spans([word.text for word in words]):
            label = self._label(sum(character.isdigit() for character in span.numerals))
            if label is None:
                continue
            self._count[label] += 1
            kept += words[position : span.start]
            kept.append(merge(words[span.start : span.end], f"[{label}_{self._count[label]}]"))
            position = span.end
        return kept + words[position:]

    def _label(self, digits: int) -> str | None:
        wanted = self._wanted
        personal = "pii" in wanted
        if digits in CARD_DIGITS and wanted & {"pci", "pii", "credit_card"}:
            return "CREDIT_CARD"
        if digits == 9 and (personal or "ssn" in wanted):
            return "SSN"
        if digits in {10, 11} and (personal or "phone_number" in wanted):
            return "PHONE_NUMBER"
        if "aggressive_numbers" in wanted or (digits >= 3 and "numbers" in wanted):
            return "NUMBER"
        return "NUMERICAL_PII" if personal and digits >= 4 else None
