from __future__ import annotations

import pytest
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from botocore.exceptions import ClientError

from callscribe.deepgram.key import KeyUnusable
from lambdas.transcribe_call.deepgram.key import DeepgramKey
from tests.lambdas.cloud import Cloud, secrets_manager

VALUE = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def secret(cloud: Cloud) -> str:
    return secrets_manager().create_secret(Name="deepgram")["ARN"]


def put(secret: str, value: str | bytes) -> None:
    kind = {"SecretString": value} if isinstance(value, str) else {"SecretBinary": value}
    secrets_manager().put_secret_value(SecretId=secret, **kind)


def key(secret: str) -> DeepgramKey:
    return DeepgramKey(secrets=SecretsProvider(boto3_client=secrets_manager()), secret_arn=secret)


@pytest.mark.parametrize("value", [VALUE, f"  {VALUE}\n", f'{{"api_key": "{VALUE}"}}', f'{{"api_key": " {VALUE}\\n"}}'])
def test_the_key_is_the_secret_or_its_field(secret: str, value: str) -> None:
    put(secret, value)
    assert key(secret).read() == VALUE


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (" ", "DeepgramKey.Empty"),
        ('{"api_key": ""}', "DeepgramKey.Empty"),
        ('{"api_key": ', "DeepgramKey.Malformed"),
        ('{"key": "0123"}', "DeepgramKey.Malformed"),
        ('{"api_key": 5}', "DeepgramKey.Malformed"),
        ("two words", "DeepgramKey.Malformed"),
        ("line\nbreak", "DeepgramKey.Malformed"),
        ("schlüssel", "DeepgramKey.Malformed"),
        (b"0123", "DeepgramKey.Malformed"),
    ],
)
def test_what_cannot_be_a_key_is_refused_without_being_quoted(secret: str, value: str | bytes, code: str) -> None:
    put(secret, value)
    with pytest.raises(KeyUnusable) as raised:
        key(secret).read()
    assert raised.value.code == code
    assert "redrive" in raised.value.message
    assert "0123" not in str(raised.value)


def test_a_secret_without_a_value_is_missing(secret: str) -> None:
    with pytest.raises(KeyUnusable, match=r"DeepgramKey\.Missing"):
        key(secret).read()


def test_a_secret_that_is_gone_is_missing(cloud: Cloud) -> None:
    with pytest.raises(KeyUnusable, match=r"DeepgramKey\.Missing"):
        key("arn:aws:secretsmanager:eu-central-1:123456789012:secret:none").read()


def test_other_trouble_is_no_verdict_on_the_key(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = SecretsProvider(boto3_client=secrets_manager())

    def refuse(**_: str) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "GetSecretValue")

    monkeypatch.setattr(secrets.client, "get_secret_value", refuse)
    with pytest.raises(ClientError):
        DeepgramKey(secrets=secrets, secret_arn=secret).read()


def test_a_rotated_key_is_read_when_it_is_asked_for(secret: str) -> None:
    put(secret, "old")
    cached = key(secret)
    assert cached.read() == "old"
    put(secret, "new")
    assert cached.read() == "old"
    assert cached.read(refresh=True) == "new"
    assert cached.read() == "new"


def test_a_secret_that_was_mended_is_read_at_once(secret: str) -> None:
    put(secret, "two words")
    cached = key(secret)
    with pytest.raises(KeyUnusable):
        cached.read()
    put(secret, VALUE)
    assert cached.read() == VALUE
