import asyncio
from typing import Any

import pytest
from botocore.exceptions import ClientError

from callscribe.deepgram.key import KeyUnusable
from streamer.deepgram.key import DeepgramKey


class Secrets:
    def __init__(self, value: str | None) -> None:
        self.value = value
        self.asked = 0

    async def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803
        self.asked += 1
        await asyncio.sleep(0)
        if self.value is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetSecretValue")
        return {"SecretString": self.value}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def key_of(secrets: Secrets, clock: Clock | None = None) -> DeepgramKey:
    return DeepgramKey(secrets=secrets, secret_arn="arn", clock=clock or Clock())


async def test_all_calls_share_one_reading() -> None:
    secrets = Secrets('{"api_key": "abc"}')
    key = key_of(secrets)
    assert await asyncio.gather(*(key.read() for _ in range(20))) == 20 * ["abc"]
    assert secrets.asked == 1


async def test_a_key_is_read_again_after_five_minutes() -> None:
    secrets, clock = Secrets("abc"), Clock()
    key = key_of(secrets, clock)
    await key.read()
    secrets.value = "def"
    clock.now += 299
    assert await key.read() == "abc"
    clock.now += 2
    assert await key.read() == "def"


async def test_a_refused_key_is_read_again_at_once() -> None:
    secrets, clock = Secrets("abc"), Clock()
    key = key_of(secrets, clock)
    await key.read()
    secrets.value = "def"
    clock.now += 1
    assert await key.read(refresh=True) == "def"


@pytest.mark.parametrize(
    ("value", "code"), [(None, "Missing"), ("", "Empty"), ('{"key": "abc"}', "Malformed"), ("a b", "Malformed")]
)
async def test_a_secret_without_a_key_is_told_by_its_code(value: str | None, code: str) -> None:
    with pytest.raises(KeyUnusable, match=rf"DeepgramKey\.{code}"):
        await key_of(Secrets(value)).read()
