"""What is concluded from what Deepgram answers when it is spoken to in each encoding."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from operations.verification import probes
from operations.verification.assumptions import Verdict
from operations.verification.sample import Sample
from tests.patience import PATIENCE_SECONDS

SAID = "Thank you. I can see the bill."
SECONDS = 0.2


class Deepgram:
    """Hears in an encoding what it is told to hear: words, or a refusal by a status or a code of closing."""

    def __init__(self, heard: Mapping[str, str | int]) -> None:
        self.heard = heard
        self.sent: dict[str, int] = {}

    def refuse(self, socket: ServerConnection, request: Request) -> Response | None:
        answer = self.heard[_encoding(request)]
        if isinstance(answer, int) and answer < 1000:
            return socket.respond(HTTPStatus(answer), "")
        return None

    def speak(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        encoding = _encoding(socket.request)
        answer, sent = self.heard[encoding], 0
        for message in socket:
            if isinstance(answer, int):
                socket.close(answer)
                return
            if isinstance(message, bytes):
                sent += len(message)
            elif json.loads(message)["type"] == "Finalize":
                for channel, text in enumerate(("nobody said this", answer)):
                    socket.send(json.dumps(_results(channel, text)))
            else:
                self.sent[encoding] = sent
                return


def _encoding(request: Request) -> str:
    return parse_qs(urlsplit(request.path).query)["encoding"][0]


def _results(channel: int, text: str) -> dict[str, Any]:
    said = {"alternatives": [{"transcript": text, "confidence": 0.9, "words": []}]}
    at = {"channel_index": [channel, 2], "start": 0.0, "duration": SECONDS}
    return {"type": "Results", **at, "is_final": True, "from_finalize": True, "channel": said}


@contextmanager
def listening(heard: Mapping[str, str | int]) -> Iterator[tuple[Deepgram, str]]:
    deepgram = Deepgram(heard)
    with serve(deepgram.speak, "127.0.0.1", 0, process_request=deepgram.refuse) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield deepgram, f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join(PATIENCE_SECONDS)


@pytest.fixture(autouse=True)
def few_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_SPOKEN_SECONDS", SECONDS)


def verdicts(url: str, options: str = "") -> dict[str, tuple[Verdict, str]]:
    secrets = SimpleNamespace(get_secret_value=lambda **_: {"SecretString": "a-key-of-nobody"})
    target = cast("Any", SimpleNamespace(client=lambda _: secrets, output=lambda name: name))
    found = probes.deepgram_assumptions(target, url, options, Sample.shipped())
    return {one.assumption.name: (one.verdict, one.evidence) for one in found}


def test_words_that_come_back_in_both_encodings_confirm_mulaw() -> None:
    with listening({"linear16": SAID, "mulaw": SAID}) as (deepgram, url):
        found = verdicts(url)
    assert found["mulaw"] == (Verdict.CONFIRMED, "7 words that were said came back with mulaw, 7 with linear16")
    assert found["silent-finalize"][0] is Verdict.CONFIRMED
    assert deepgram.sent == {"linear16": 2 * deepgram.sent["mulaw"], "mulaw": 2 * SECONDS * 8_000}


@pytest.mark.parametrize(
    ("mulaw", "verdict"),
    [
        ("Thank you. I can see the", Verdict.CONFIRMED),  # one word differs between any two requests
        ("Thank you. I can see", Verdict.REFUTED),
        ("", Verdict.REFUTED),
        (HTTPStatus.BAD_REQUEST, Verdict.REFUTED),
        (CloseCode.POLICY_VIOLATION, Verdict.REFUTED),
        (HTTPStatus.TOO_MANY_REQUESTS, Verdict.NOT_REACHED),
        (CloseCode.INTERNAL_ERROR, Verdict.NOT_REACHED),
    ],
)
def test_what_mulaw_lacks_beside_linear16_refutes_it(mulaw: str | int, verdict: Verdict) -> None:
    with listening({"linear16": SAID, "mulaw": mulaw}) as (_, url):
        assert verdicts(url)["mulaw"][0] is verdict


@pytest.mark.parametrize("linear16", ["", "Schnee", HTTPStatus.BAD_REQUEST])
def test_without_words_of_linear16_nothing_is_concluded(linear16: str | int) -> None:
    with listening({"linear16": linear16, "mulaw": SAID}) as (_, url):
        assert verdicts(url)["mulaw"][0] is Verdict.NOT_REACHED


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ('{"stream_encoding": "mulaw", "model": "nova-3"}', Verdict.NOT_REACHED),
        ('{"stream_encoding": "linear16"}', Verdict.CONFIRMED),
        ('{"model": "nova-3"}', Verdict.CONFIRMED),  # of a streamer from before there was a choice
    ],
)
def test_finalize_is_judged_in_the_deployments_own_encoding(options: str, verdict: Verdict) -> None:
    with listening({"linear16": SAID, "mulaw": HTTPStatus.BAD_REQUEST}) as (_, url):
        assert verdicts(url, options)["silent-finalize"][0] is verdict
