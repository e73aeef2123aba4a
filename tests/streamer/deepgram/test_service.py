"""Deepgram as a call sees it."""

from urllib.parse import parse_qs, urlsplit

import pytest

from callscribe.deepgram.options import TranscriptionOptions
from callscribe.failures import SafeError
from streamer.deepgram.service import DeepgramStreams
from streamer.deepgram.session import SessionLimits
from tests.streamer.deepgram.calls import KEY, ListSink

LIMITS = SessionLimits(buffer=12.0)


class Keys:
    async def read(self, *, refresh: bool = False) -> str:
        return KEY


def streams(**options: tuple[str, ...]) -> DeepgramStreams:
    return DeepgramStreams(
        url="wss://api.eu.deepgram.com",
        key=Keys(),
        options=TranscriptionOptions(**options),  # type: ignore[arg-type]
        limits=LIMITS,
    )


def test_a_stream_asks_for_the_options_and_the_vocabulary_of_the_clinic() -> None:
    stream = streams(keyterms=("glaucoma",)).prepare(vocabulary=("Glaucoma", "dry eye"))
    url = urlsplit(stream.url)
    assert (url.netloc, url.path) == ("api.eu.deepgram.com", "/v1/listen")
    assert parse_qs(url.query)["keyterm"] == ["glaucoma", "dry eye"]
    assert (stream.vocabulary_terms, stream.options["model"]) == (2, "nova-3")


async def test_a_session_begins_where_words_are_stored_already() -> None:
    session = streams().prepare(vocabulary=()).open(sink=ListSink(), watermarks=(8_000, 16_000))
    assert session.watermarks == (8_000, 16_000)


def test_options_that_make_no_stream_are_a_failure_of_their_own() -> None:
    with pytest.raises(SafeError, match=r"DeepgramOptions\.Invalid: 101 vocabulary terms"):
        streams().prepare(vocabulary=tuple(f"term {number}" for number in range(101)))
