from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from lambdas.common.errors import SafeError
from lambdas.transcribe_call import deepgram_request
from lambdas.transcribe_call.deepgram_request import DeepgramApi, DeepgramFailure
from tests.fakes.deepgram import REQUEST_ID, Answer, FakeDeepgram, refusal, transcription

KEY = "0123456789abcdef0123456789abcdef01234567"
URL = "https://recordings.s3.eu-central-1.amazonaws.com/call.wav?X-Amz-Signature=5c0ffee5"


def transcribe(url: str, *, timeout: float = 5.0, parameters: dict[str, Any] | None = None) -> bytes:
    api = DeepgramApi(base_url=url, timeout=timedelta(seconds=timeout))
    return api.transcribe(URL, parameters=parameters or {"model": "nova-3"}, api_key=KEY).content


def failure(deepgram: FakeDeepgram, answer: Answer) -> DeepgramFailure:
    deepgram.answer(answer)
    with pytest.raises(DeepgramFailure) as raised:
        transcribe(deepgram.url)
    return raised.value


def test_the_request_names_the_url_the_options_and_the_key(deepgram: FakeDeepgram) -> None:
    transcribe(
        deepgram.url,
        parameters={"model": "nova-3", "multichannel": True, "keyterm": ["a b", "ü"], "redact": ["pci", "ssn"]},
    )
    (request,) = deepgram.requests
    assert request.path == "/v1/listen"
    assert request.body == {"url": URL}
    assert request.headers["authorization"] == f"Token {KEY}"
    assert request.parameters == {
        "model": ["nova-3"],
        "multichannel": ["true"],
        "keyterm": ["a b", "ü"],
        "redact": ["pci", "ssn"],
    }


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(transcription(), indent=3).encode(),
        b"{}",
        b"[]",
        b"null",
        b"",
        b"no json",
        b"\xff\xfe",
        b'{"results": 5, "metadata": []}',
        b'{"request_id": "accepted"}',
        b"[" * 100_000,
    ],
)
def test_whatever_comes_with_a_status_of_success_is_kept_byte_for_byte(deepgram: FakeDeepgram, body: bytes) -> None:
    deepgram.answer(Answer(body=body))
    reply = DeepgramApi(base_url=deepgram.url, timeout=timedelta(seconds=5)).transcribe(URL, parameters={}, api_key=KEY)
    assert reply.content == body
    assert reply.request_id == REQUEST_ID


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
def test_a_passing_refusal_may_be_retried_but_is_not_repeated_here(deepgram: FakeDeepgram, status: int) -> None:
    refused = failure(deepgram, refusal(status, "SOME_CODE"))
    assert (refused.retriable, refused.status, refused.code) == (True, status, "Deepgram.SOME_CODE")
    assert len(deepgram.requests) == 1


@pytest.mark.parametrize("status", [302, 400, 401, 402, 403, 404, 413, 422])
def test_any_other_refusal_is_final(deepgram: FakeDeepgram, status: int) -> None:
    refused = failure(deepgram, refusal(status, "SOME_CODE"))
    assert (refused.retriable, refused.status, refused.code) == (False, status, "Deepgram.SOME_CODE")
    assert len(deepgram.requests) == 1


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            {"err_code": "Bad Request", "err_msg": "failed to process audio: corrupt or unsupported data"},
            "Deepgram.BadRequest",
            "400 failed to process audio: corrupt or unsupported data",
        ),
        ({"category": "INVALID_JSON", "message": "Invalid JSON submitted."}, "Deepgram.INVALID_JSON", "400 Invalid"),
        ({"err_code": 5, "err_msg": {"a": 1}}, "Deepgram.5", "400 "),
        (b"<html>Bad gateway</html>", "Deepgram.HTTP400", "400 Bad Request"),
        (["unexpected"], "Deepgram.HTTP400", "400 Bad Request"),
        (b"[" * 100_000, "Deepgram.HTTP400", "400 Bad Request"),
    ],
)
def test_deepgrams_own_code_and_message_are_kept(deepgram: FakeDeepgram, body: Any, code: str, message: str) -> None:
    refused = failure(deepgram, Answer(400, body))
    assert refused.code == code
    assert refused.message.startswith(message)
    assert refused.message.endswith(f"(request {REQUEST_ID})")


def test_a_message_that_quotes_what_we_sent_is_scrubbed(deepgram: FakeDeepgram) -> None:
    refused = failure(deepgram, refusal(400, "REMOTE_CONTENT_ERROR", f"cannot fetch {URL} with {KEY} for +15550107788"))
    assert refused.message == f"400 cannot fetch [url] with [key] for [number] (request {REQUEST_ID})"


@pytest.mark.parametrize("request_id", ["", "x" * 65, "https://evil/"])
def test_a_request_id_that_cannot_be_one_is_not_repeated(deepgram: FakeDeepgram, request_id: str) -> None:
    refused = failure(deepgram, Answer(400, {"request_id": request_id}, headers={"dg-request-id": request_id}))
    assert refused.message.endswith("(request unknown)")


@pytest.mark.parametrize(("header", "seconds"), [({}, None), ({"Retry-After": "17"}, 17.0)])
def test_retry_after_is_passed_on(deepgram: FakeDeepgram, header: dict[str, str], seconds: float | None) -> None:
    assert failure(deepgram, Answer(429, {}, headers=header)).retry_after == seconds


def test_a_reset_connection_may_be_retried(deepgram: FakeDeepgram) -> None:
    lost = failure(deepgram, Answer(reset=True))
    assert (lost.code, lost.retriable, lost.status) == ("Deepgram.ConnectionFailed", True, None)
    assert len(deepgram.requests) == 1


def test_a_server_that_is_not_there_may_be_retried() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(DeepgramFailure, match=r"Deepgram\.ConnectionFailed") as raised:
        transcribe(f"http://127.0.0.1:{port}")
    assert raised.value.retriable


def test_a_reply_that_does_not_come_in_time_may_be_retried(deepgram: FakeDeepgram) -> None:
    answered = threading.Event()
    deepgram.answer(Answer(hold=answered, body={}))
    try:
        with pytest.raises(DeepgramFailure, match=r"Deepgram\.Timeout") as raised:
            transcribe(deepgram.url, timeout=0.2)
    finally:
        answered.set()
    assert raised.value.retriable


@pytest.fixture
def trickle() -> Iterator[str]:
    """A server whose reply comes byte by byte and never ends."""
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not over.wait(0.02):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    over.set()
    thread.join()
    server.close()


def test_a_reply_that_trickles_in_for_ever_ends_in_time(trickle: str) -> None:
    with pytest.raises(DeepgramFailure, match=r"Deepgram\.Timeout"):
        transcribe(trickle, timeout=0.3)


def test_a_reply_that_is_too_large_is_not_read_to_its_end(
    deepgram: FakeDeepgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deepgram_request, "MAX_REPLY_BYTES", 1000)
    deepgram.answer(Answer(body=b" " * 1001))
    with pytest.raises(SafeError, match=r"Deepgram\.ReplyTooLarge"):
        transcribe(deepgram.url)


def test_the_reply_is_asked_for_as_it_is(deepgram: FakeDeepgram) -> None:
    transcribe(deepgram.url)
    assert deepgram.requests[0].headers["accept-encoding"] == "identity"
