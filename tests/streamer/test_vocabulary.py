from typing import Any

import pytest
from botocore.exceptions import ClientError

from streamer.vocabulary import Vocabulary
from transcription.vocabulary import VocabularyMalformed


class Parameters:
    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    async def get_parameter(self, *, Name: str) -> dict[str, Any]:  # noqa: N803
        if Name not in self._values:
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
        return {"Parameter": {"Value": self._values[Name]}}


@pytest.mark.parametrize(("clinic", "terms"), [("harbour", ("crown",)), ("hillside", ("scaling",))])
async def test_a_clinic_without_terms_of_its_own_has_the_default_ones(clinic: str, terms: tuple[str, ...]) -> None:
    parameters = Parameters({"/v/harbour": '["crown"]', "/v/default": '["scaling"]'})
    assert await Vocabulary(ssm=parameters, path="/v/").terms(clinic) == terms


async def test_there_may_be_none() -> None:
    assert await Vocabulary(ssm=Parameters({}), path="/v/").terms("harbour") == ()


async def test_a_malformed_parameter_is_named() -> None:
    with pytest.raises(VocabularyMalformed, match="parameter /v/harbour"):
        await Vocabulary(ssm=Parameters({"/v/harbour": "crown"}), path="/v/").terms("harbour")
