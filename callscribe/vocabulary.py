"""Each clinic's own terms, as they are kept in Parameter Store."""

import re
from typing import Final

from callscribe.failures import SafeError
from callscribe.serialization import InvalidData, decode_json

MAX_AGE_SECONDS: Final = 300
"""Longest time until a changed vocabulary counts."""

DEFAULT_NAME: Final = "default"
"""Vocabulary of clinics that have none of their own."""

# What Parameter Store allows in one part of a name (API reference, "PutParameter").
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")


class VocabularyMalformed(SafeError):
    """A vocabulary parameter is not a JSON array of texts."""


def parameter_names(path: str, clinic_id: str) -> tuple[str, ...]:
    """Return the parameters in which a clinic's terms are looked for, in this order."""
    own = () if _NAME.fullmatch(clinic_id) is None else (path + clinic_id,)
    return (*own, path + DEFAULT_NAME)


def terms_in(value: str, *, name: str) -> tuple[str, ...]:
    """Read the terms from the value of a parameter.

    Raises:
        VocabularyMalformed: It is not a JSON array of texts.
    """
    try:
        return decode_json(tuple[str, ...], value, name)
    except InvalidData:
        raise VocabularyMalformed("Vocabulary.Malformed", f"parameter {name} must be a JSON array of texts") from None
