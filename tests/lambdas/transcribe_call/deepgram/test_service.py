"""Deepgram as the worker sees it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest

from callscribe.deepgram.options import TranscriptionOptions
from lambdas.common.errors import SafeError
from lambdas.transcribe_call.deepgram.api import DeepgramApi
from lambdas.transcribe_call.deepgram.service import DeepgramService
from tests.fakes.deepgram import REQUEST_ID, FakeDeepgram
from tests.patience import PATIENCE_SECONDS

if TYPE_CHECKING:
    from lambdas.transcribe_call.deepgram.key import DeepgramKey

KEY = "0123456789abcdef0123456789abcdef01234567"
URL = "https://recordings/call.wav"


class Keys:
    """A secret that has been rotated since it was read."""

    def __init__(self, *, rotated: str = KEY) -> None:
        self._rotated = rotated

    def read(self, *, refresh: bool = False) -> str:
        return self._rotated if refresh else KEY


def service(
    url: str = "http://127.0.0.1:9", *, rotated: str = KEY, **options: bool | tuple[str, ...]
) -> DeepgramService:
    return DeepgramService(
        api=DeepgramApi(base_url=url, timeout=timedelta(seconds=PATIENCE_SECONDS)),
        key=cast("DeepgramKey", Keys(rotated=rotated)),
        options=TranscriptionOptions(**options),  # type: ignore[arg-type]
    )


def test_a_request_asks_for_the_options_and_the_vocabulary_of_the_clinic(deepgram: FakeDeepgram) -> None:
    request = service(deepgram.url, keyterms=("glaucoma",)).prepare(channels=2, vocabulary=("Glaucoma", "dry eye"))
    assert request.send(URL).request_id == REQUEST_ID
    (sent,) = deepgram.requests
    assert sent.parameters["keyterm"] == ["glaucoma", "dry eye"]
    assert sent.parameters["multichannel"] == ["true"]
    assert request.vocabulary_terms == 2
    assert request.options["model"] == "nova-3"


def test_nothing_is_sent_before_it_is_to_be(deepgram: FakeDeepgram) -> None:
    service(deepgram.url).prepare(channels=2, vocabulary=())
    assert not deepgram.requests


def test_a_request_with_a_rotated_key_is_another_one() -> None:
    unchanged, rotated = service(), service(rotated=KEY[::-1])
    for made, same in ((unchanged, True), (rotated, False)):
        first = made.prepare(channels=2, vocabulary=())
        assert (made.prepare(channels=2, vocabulary=(), renew_key=True) == first) == same


def test_a_request_does_not_show_its_key() -> None:
    assert KEY not in repr(service().prepare(channels=2, vocabulary=()))


def test_options_that_make_no_request_are_a_failure_of_their_own() -> None:
    with pytest.raises(SafeError, match=r"DeepgramOptions\.Invalid: 101 vocabulary terms"):
        service().prepare(channels=2, vocabulary=tuple(f"term {number}" for number in range(101)))
