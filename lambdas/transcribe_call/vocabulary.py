"""Each clinic's own terms, from Parameter Store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

from callscribe.vocabulary import MAX_AGE_SECONDS, parameter_names, terms_in
from lambdas.common.errors import error_code

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SSMProvider


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
        for name in parameter_names(self._path, clinic_id):
            value = self._read(name)
            if value is not None:
                return terms_in(value, name=name)
        return ()

    def _read(self, name: str) -> str | None:
        try:
            return str(self._parameters.get(name, max_age=MAX_AGE_SECONDS))
        except GetParameterError as error:
            cause = error.__context__
            if isinstance(cause, ClientError) and error_code(cause) == "ParameterNotFound":
                return None
            raise (cause or error) from None
