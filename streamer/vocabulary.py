"""Each clinic's own terms, from Parameter Store."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from streamer.aws import error_code
from transcription.vocabulary import parameter_names, terms_in


class Vocabulary:
    """The vocabularies under one path, read as each call begins.

    Args:
        ssm: aiobotocore's client of Systems Manager.
        path: Path that ends in `/`, with one parameter for each clinic and perhaps one named `default`.
    """

    def __init__(self, *, ssm: Any, path: str) -> None:
        self._ssm = ssm
        self._path = path

    async def terms(self, clinic_id: str) -> tuple[str, ...]:
        """Return a clinic's terms, or the default ones, or none.

        Raises:
            VocabularyMalformed: The parameter is not a JSON array of texts.
        """
        for name in parameter_names(self._path, clinic_id):
            try:
                response = await self._ssm.get_parameter(Name=name)
            except ClientError as error:
                if error_code(error) == "ParameterNotFound":
                    continue
                raise
            return terms_in(response["Parameter"]["Value"], name=name)
        return ()
