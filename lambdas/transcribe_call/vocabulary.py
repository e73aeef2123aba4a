"""Each clinic's own terms, from Parameter Store."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

from lambdas.common.errors import SafeError, error_code

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SSMProvider

MAX_AGE_SECONDS = 300
DEFAULT_NAME = "default"

# What Parameter Store allows in one part of a name (API reference, "PutParameter").
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


class VocabularyMalformed(SafeError):
    """A vocabulary parameter is not a JSON array of texts."""


class Vocabulary:
    """The vocabularies under one path.

    Args:
        parameters: Cache in front of Parameter Store.
        path: Path that ends in `/`, with one parameter for each clinic and perhaps one named `default`.
    """

    def __init__(self, *, parameters: SSMProvider, path: str) -> None:
        self._parameters = parameters
        self._path = path

    def terms(self, clinic_id: str) -> tuple[str, ...]:
        """Return a clinic's terms, or the default ones, or none.

        Raises:
            VocabularyMalformed: The parameter is not a JSON array of texts.
        """
        names = [DEFAULT_NAME] if _NAME.fullmatch(clinic_id) is None else [clinic_id, DEFAULT_NAME]
        for name in names:
            value = self._read(self._path + name)
            if value is not None:
                return _terms_in(value, name=self._path + name)
        return ()

    def _read(self, name: str) -> str | None:
        try:
            return str(self._parameters.get(name, max_age=MAX_AGE_SECONDS))
        except GetParameterError as error:
            cause = error.__context__
            if isinstance(cause, ClientError) and error_code(cause) == "ParameterNotFound":
                return None
            raise (cause or error) from None


def _terms_in(value: str, *, name: str) -> tuple[str, ...]:
    try:
        terms = json.loads(value)
    except ValueError:
        terms = None
    if not isinstance(terms, list) or not all(isinstance(term, str) for term in terms):
        raise VocabularyMalformed("Vocabulary.Malformed", f"parameter {name} must be a JSON array of texts")
    return tuple(terms)
