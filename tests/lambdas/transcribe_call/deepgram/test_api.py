from __future__ import annotations

import gzip
import json
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from lambdas.common.errors import SafeError
from lambdas.transcribe_call.deepgram import api
from lambdas.transcribe_call.deepgram.api import DeepgramApi, DeepgramFailure
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


def test_a_parameter_that_the_sdk_does_not_know_is_sent_all_the_same(deepgram: FakeDeepgram) -> None:
    transcribe(deepgram.url, parameters={"model": "nova-4", "speed": "2", "focus": ["a", "b"], "numerals": "true"})
    (request,) = deepgram.requests
    assert request.parameters == {"model": ["nova-4"], "speed": ["2"], "focus": ["a", "b"], "numerals": ["true"]}


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


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
def test_a_passing_refusal_may_be_retried_but_is_not_repeated_here(deepgram: FakeDeepgram, status: int) -> None:
    refused = failure(deepgram, refusal(status, "SOME_CODE"))
    assert (refused.retriable, refused.status, refused.code) == (True, status, "Deepgram.SOME_CODE")
    assert len(deepgram.requests) == 1


@pytest.mark.parametrize("status", [302, 400, 401, 402, 403, 404, 413, 422])
def test_any_other_refusal_is_final(deepgram: FakeDeepgram, status: int) -> None:
    refused = failure(deepgram, refusal(status, "SOME_CODE"))
    assert (refused.retriable, refused.status, refused.code) == (False, status, "Deepgram.SOME_CODE")
    assert len(deepgram.requests) == 1


def test_deepgrams_own_code_and_message_are_kept(deepgram: FakeDeepgram) -> None:
    refused = failure(deepgram, refusal(400, "Bad Request", "corrupt or unsupported data"))
    assert refused.code == "Deepgram.BadRequest"
    assert refused.message == f"400 corrupt or unsupported data (request {REQUEST_ID})"


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
        closed.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(DeepgramFailure, match=r"Deepgram\.ConnectionFailed") as raised:
            transcribe(f"http://127.0.0.1:{closed.getsockname()[1]}")
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


@contextmanager
def trickle(first: bytes, drop: bytes) -> Iterator[str]:
    """A server whose answer begins, and goes on drop by drop without an end."""
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(first)
            while not over.wait(0.02):
                try:
                    connection.sendall(drop)
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        over.set()
        thread.join()
        server.close()


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b" ", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", id="chunks"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x", id="one chunk's header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", b"\0", id="packed body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Header: ", b"x", id="headers"),
    ],
)
def test_a_reply_that_trickles_in_for_ever_ends_in_time(first: bytes, drop: bytes) -> None:
    with trickle(first, drop) as url, pytest.raises(DeepgramFailure, match=r"Deepgram\.Timeout") as raised:
        transcribe(url, timeout=0.3)
    assert raised.value.retriable


def test_a_refusal_whose_text_trickles_in_is_a_refusal_all_the_same() -> None:
    answer = b"HTTP/1.1 402 No\r\nContent-Length: 1000000\r\n\r\n"
    with trickle(answer, b" ") as url, pytest.raises(DeepgramFailure, match=r"Deepgram\.HTTP402") as raised:
        transcribe(url, timeout=2.0)
    assert (raised.value.status, raised.value.retriable) == (402, False)


def test_a_reply_that_is_too_large_is_not_read_to_its_end(
    deepgram: FakeDeepgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "MAX_REPLY_BYTES", 1000)
    deepgram.answer(Answer(body=b" " * 1001))
    with pytest.raises(SafeError, match=r"Deepgram\.ReplyTooLarge"):
        transcribe(deepgram.url)


def test_the_reply_is_asked_for_as_it_is(deepgram: FakeDeepgram) -> None:
    transcribe(deepgram.url)
    assert deepgram.requests[0].headers["accept-encoding"] == "identity"


PACKED = json.dumps(transcription()).encode()


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gzip", gzip.compress(PACKED)),
        ("X-GZIP", gzip.compress(PACKED)),
        ("deflate", zlib.compress(PACKED)),
        ("deflate", raw_deflate(PACKED)),
        ("identity", PACKED),
    ],
)
def test_a_reply_that_comes_packed_although_nobody_asked_is_unpacked(
    deepgram: FakeDeepgram, encoding: str, content: bytes
) -> None:
    deepgram.answer(Answer(body=content, headers={"Content-Encoding": encoding}))
    assert transcribe(deepgram.url) == PACKED


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("br", b"\x8b\x00\x80hi\x03"),
        ("zstd", b"\x28\xb5\x2f\xfd\x04\x00"),
        ("gzip, gzip", gzip.compress(gzip.compress(PACKED))),
        ("gzip", gzip.compress(PACKED)[:-9]),
        ("gzip", PACKED),
    ],
)
def test_a_reply_that_cannot_be_unpacked_is_kept_as_it_came(
    deepgram: FakeDeepgram, encoding: str, content: bytes
) -> None:
    deepgram.answer(Answer(body=content, headers={"Content-Encoding": encoding}))
    api = DeepgramApi(base_url=deepgram.url, timeout=timedelta(seconds=5))
    reply = api.transcribe(URL, parameters={}, api_key=KEY)
    assert (reply.content, reply.encoding) == (content, encoding)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, raw_deflate])
@pytest.mark.parametrize("status", [200, 503])
def test_what_unpacks_to_more_than_the_limit_is_never_unpacked_in_full(
    deepgram: FakeDeepgram, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes], status: int
) -> None:
    limit, bomb = 256 * 1024, pack(b" " * (64 * 1024 * 1024))
    assert len(bomb) < limit
    monkeypatch.setattr(api, "MAX_REPLY_BYTES", limit)
    encoding = "gzip" if pack is gzip.compress else "deflate"
    deepgram.answer(Answer(status, bomb, headers={"Content-Encoding": encoding}))
    transcribe_anyhow(deepgram.url)  # what is loaded on first use does not count below
    deepgram.answer(Answer(status, bomb, headers={"Content-Encoding": encoding}))
    tracemalloc.start()
    try:
        code = transcribe_anyhow(deepgram.url)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert code == ("Deepgram.ReplyTooLarge" if status == 200 else "Deepgram.HTTP503")
    assert peak < 16 * limit


def transcribe_anyhow(url: str) -> str:
    with pytest.raises(DeepgramFailure) as raised:
        transcribe(url)
    return raised.value.code


@pytest.mark.parametrize("status", [402, 503])
def test_an_error_page_of_any_size_leaves_the_status_as_it_is(deepgram: FakeDeepgram, status: int) -> None:
    refused = failure(deepgram, Answer(status, b"<p>" * 1_000_000))
    assert (refused.code, refused.retriable) == (f"Deepgram.HTTP{status}", status == 503)


def test_a_refusal_that_comes_packed_is_read(deepgram: FakeDeepgram) -> None:
    body = gzip.compress(json.dumps({"err_code": "TOO_MANY_REQUESTS", "err_msg": "slower"}).encode())
    refused = failure(deepgram, Answer(429, body, headers={"Content-Encoding": "gzip"}))
    assert (refused.code, refused.retriable) == ("Deepgram.TOO_MANY_REQUESTS", True)


def test_a_long_reply_takes_little_more_memory_than_its_bytes(deepgram: FakeDeepgram) -> None:
    word = {"word": "hello", "punctuated_word": "Hello,", "start": 1.25, "end": 1.5, "confidence": 0.98765432}
    body = json.dumps({"results": {"channels": [{"alternatives": [{"words": [word] * 40_000}]}]}}).encode()
    assert len(body) > 3_000_000
    transcribe(deepgram.url)  # what is loaded on first use does not count below
    deepgram.answer(Answer(body=body))
    tracemalloc.start()
    try:
        assert transcribe(deepgram.url) == body
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(body)
