from __future__ import annotations

import pytest
from aws_lambda_powertools.utilities.parameters import SSMProvider
from botocore.exceptions import ClientError

from callscribe.vocabulary import VocabularyMalformed
from lambdas.transcribe_call.vocabulary import Vocabulary
from tests.lambdas.cloud import Cloud, parameter_store

PATH = "/callscribe/vocabulary/"


@pytest.fixture
def vocabulary(cloud: Cloud) -> Vocabulary:
    return Vocabulary(parameters=SSMProvider(boto3_client=parameter_store()), path=PATH)


def put(name: str, value: str) -> None:
    parameter_store().put_parameter(Name=PATH + name, Value=value, Type="String", Overwrite=True)


def test_a_clinic_has_its_own_terms(vocabulary: Vocabulary) -> None:
    put("default", '["glaucoma"]')
    put("harbour", '["Dr. Abernathy", "OCT"]')
    assert vocabulary.terms("harbour") == ("Dr. Abernathy", "OCT")


def test_a_clinic_may_have_no_terms_at_all(vocabulary: Vocabulary) -> None:
    put("default", '["glaucoma"]')
    put("harbour", "[]")
    assert vocabulary.terms("harbour") == ()


@pytest.mark.parametrize("clinic_id", ["harbour", "lake side", "診所", "a/b"])
def test_other_clinics_have_the_default_terms(vocabulary: Vocabulary, clinic_id: str) -> None:
    put("default", '["glaucoma"]')
    assert vocabulary.terms(clinic_id) == ("glaucoma",)


def test_without_any_parameter_there_are_no_terms(vocabulary: Vocabulary) -> None:
    assert vocabulary.terms("harbour") == ()


@pytest.mark.parametrize("value", ["glaucoma", '{"a": 1}', "[1]", '"text"'])
def test_a_malformed_parameter_is_named(vocabulary: Vocabulary, value: str) -> None:
    put("harbour", value)
    with pytest.raises(VocabularyMalformed, match="parameter /callscribe/vocabulary/harbour"):
        vocabulary.terms("harbour")


def test_parameters_are_read_once(vocabulary: Vocabulary) -> None:
    put("harbour", '["OCT"]')
    vocabulary.terms("harbour")
    put("harbour", '["other"]')
    assert vocabulary.terms("harbour") == ("OCT",)


def test_other_trouble_is_not_taken_for_a_missing_parameter(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = SSMProvider(boto3_client=parameter_store())

    def refuse(**_: str) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "GetParameter")

    monkeypatch.setattr(parameters.client, "get_parameter", refuse)
    with pytest.raises(ClientError):
        Vocabulary(parameters=parameters, path=PATH).terms("harbour")
