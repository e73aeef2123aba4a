import asyncio
from typing import Any

import pytest
from botocore.exceptions import ClientError

from callscribe.vocabulary import MAX_AGE_SECONDS, VocabularyMalformed
from streamer.vocabulary import Vocabulary


class Parameters:
    def __init__(self, values: dict[str, str]) -> None:
        self.values = values
        self.asked: list[str] = []

    async def get_parameter(self, *, Name: str) -> dict[str, Any]:  # noqa: N803
        self.asked.append(Name)
        await asyncio.sleep(0)
        if Name not in self.values:
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
        return {"Parameter": {"Value": self.values[Name]}}


@pytest.mark.parametrize(("clinic", "terms"), [("harbour", ("crown",)), ("hillside", ("scaling",))])
async def test_a_clinic_without_terms_of_its_own_has_the_default_ones(clinic: str, terms: tuple[str, ...]) -> None:
    parameters = Parameters({"/v/harbour": '["crown"]', "/v/default": '["scaling"]'})
    assert await Vocabulary(ssm=parameters, path="/v/").terms(clinic) == terms


async def test_there_may_be_none() -> None:
    assert await Vocabulary(ssm=Parameters({}), path="/v/").terms("harbour") == ()


async def test_a_malformed_parameter_is_named() -> None:
    with pytest.raises(VocabularyMalformed, match="parameter /v/harbour"):
        await Vocabulary(ssm=Parameters({"/v/harbour": "crown"}), path="/v/").terms("harbour")


async def test_calls_that_begin_together_ask_once() -> None:
    parameters = Parameters({"/v/default": '["scaling"]'})
    vocabulary = Vocabulary(ssm=parameters, path="/v/")
    assert set(await asyncio.gather(*(vocabulary.terms("harbour") for _ in range(150)))) == {("scaling",)}
    assert parameters.asked == ["/v/harbour", "/v/default"]


async def test_a_change_counts_after_five_minutes() -> None:
    now = 0.0
    parameters = Parameters({"/v/harbour": '["crown"]'})
    vocabulary = Vocabulary(ssm=parameters, path="/v/", clock=lambda: now)
    assert await vocabulary.terms("harbour") == ("crown",)
    parameters.values["/v/harbour"] = '["bridge"]'
    now = MAX_AGE_SECONDS - 1
    assert await vocabulary.terms("harbour") == ("crown",)
    now = MAX_AGE_SECONDS
    assert await vocabulary.terms("harbour") == ("bridge",)
