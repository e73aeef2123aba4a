"""The server on the wire, with the scripted engine."""

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest

from local.speech.authentication import KEY_VARIABLE, key_of_this_process
from tests.local.speech.calls import NAMES, encoded, tone, wav
from tests.local.speech.conftest import KEY, AudioHost, Speech
from tests.patience import eventually

AUDIO = encoded(tone(2, channels=2))
DIGEST = hashlib.sha256(AUDIO).hexdigest()


def error(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"err_code", "err_msg", "request_id"}
    assert body["request_id"] == answer.headers["dg-request-id"]
    return answer.status_code, body["err_code"]


def test_health_names_the_engine(speech: Speech) -> None:
    assert speech.http.get("/health").json() == {"status": "ok", "engine": "local-scripted"}


def test_a_submitted_body_is_transcribed(speech: Speech) -> None:
    answer = speech.listen(AUDIO, model="nova-3")
    metadata = answer.json()["metadata"]
    assert metadata["sha256"] == DIGEST
    assert metadata["request_id"] == answer.headers["dg-request-id"]


def test_the_audio_of_a_url_is_fetched_and_transcribed(speech: Speech, audio_host: AudioHost) -> None:
    answer = speech.listen(f"{audio_host.url}/calls/{NAMES[0]}.wav?signature=abc", model="nova-3", multichannel="true")
    assert answer.json()["metadata"]["sha256"] == hashlib.sha256(wav(NAMES[0])).hexdigest()
    assert "glaucoma" in answer.json()["results"]["channels"][0]["alternatives"][0]["transcript"]


@pytest.mark.parametrize("header", ["", "Token", "Basic abc", "abc", "Token abc"])
def test_a_request_without_a_key_is_refused(speech: Speech, header: str) -> None:
    assert error(speech.listen(AUDIO, {"authorization": header})) == (401, "INVALID_AUTH")


@pytest.mark.parametrize("header", [f"Token {KEY}", f"token {KEY}", f"Bearer {KEY}"])
def test_both_schemes_of_deepgram_are_accepted(speech: Speech, header: str) -> None:
    assert speech.listen(AUDIO, {"authorization": header}).status_code == 200


@pytest.mark.parametrize("name", ["custom_vocabulary", "search", "callback"])
def test_a_parameter_that_is_unknown_or_not_supported_is_refused(speech: Speech, name: str) -> None:
    assert error(speech.listen(AUDIO, None, **{name: "x"})) == (400, "INVALID_QUERY_PARAMETER")


def test_text_is_refused_as_audio(speech: Speech) -> None:
    assert error(speech.listen(b"this is no recording")) == (400, "Bad Request")


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"uri": "x"}', b'{"url": 1}', b"\xff"])
def test_json_without_a_url_is_refused(speech: Speech, body: bytes) -> None:
    assert error(speech.listen(body, {"content-type": "application/json"})) == (400, "Bad Request")


def test_more_audio_than_the_limit_is_refused_from_either_source(speech: Speech, audio_host: AudioHost) -> None:
    audio_host.answers["/big.wav"] = (200, bytes(3_000_001))
    assert error(speech.listen(bytes(3_000_001))) == (413, "PAYLOAD_TOO_LARGE")
    assert error(speech.listen(f"{audio_host.url}/big.wav")) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/gone.wav", 404, "client error: 404"),
        ("/denied.wav", 403, "client error: 403"),
        ("/down.wav", 503, "server error: 503"),
        ("/moved.wav", 302, "302"),
    ],
)
def test_audio_that_cannot_be_fetched_is_a_remote_content_error(
    speech: Speech, audio_host: AudioHost, path: str, status: int, said: str
) -> None:
    audio_host.answers[path] = (status, b"")
    answer = speech.listen(audio_host.url + path)
    assert error(answer) == (400, "REMOTE_CONTENT_ERROR")
    assert said in answer.json()["err_msg"]


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/x.wav",
        "http://example.com/x.wav",
        "http://127.0.0.1.example.com/x.wav",
        "http://localhost@example.com/x.wav",
        "file:///etc/passwd",
        "http://[::ffff:10.0.0.1]/x.wav",
        "http://[",
        "x.wav",
        "http://127.0.0.1:1/x.wav",
    ],
)
def test_nothing_is_fetched_from_elsewhere(speech: Speech, url: str) -> None:
    assert error(speech.listen(url)) == (400, "REMOTE_CONTENT_ERROR")


def test_requests_above_the_limit_are_refused_and_counted(speech: Speech) -> None:
    speech.order("", {"action": "answer", "parallel": 3, "delay": 2, "times": 3})
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: speech.listen(AUDIO), range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 429, 429]
    assert {error(answer) for answer in answers if answer.status_code == 429} == {(429, "TOO_MANY_REQUESTS")}
    journal = speech.journal()
    assert (journal["parallel_limit"], journal["peak_parallel"], journal["refused"]) == (3, 4, 2)
    assert journal["running"] == 0


def test_requests_are_held_until_so_many_are_in_progress(speech: Speech) -> None:
    speech.order("", {"action": "answer", "parallel": 3, "times": 2})
    with ThreadPoolExecutor(3) as pool:
        held = [pool.submit(speech.listen, AUDIO) for _ in range(2)]
        while speech.journal()["running"] < 2:
            assert not any(answer.done() for answer in held)
        assert speech.listen(AUDIO).status_code == 200
        assert [answer.result().status_code for answer in held] == [200, 200]
    assert speech.journal()["peak_parallel"] == 3


def test_the_journal_shows_what_was_sent_and_nothing_secret(speech: Speech, audio_host: AudioHost) -> None:
    url = f"{audio_host.url}/calls/{NAMES[0]}.wav?X-Amz-Signature=s3cret"
    speech.listen(url, model="nova-3", keyterm=["glaucoma", "copay"])
    speech.listen(AUDIO)
    journal = speech.journal()
    first, second = journal["requests"]
    assert first["parameters"] == [["model", "nova-3"], ["keyterm", "glaucoma"], ["keyterm", "copay"]]
    assert (first["audio"], first["status"]) == (f"/calls/{NAMES[0]}.wav", 200)
    assert second["audio"] == "(body)"
    assert second["sha256"] == DIGEST
    assert first["started"] < first["finished"] <= second["started"]
    assert "s3cret" not in json.dumps(journal)
    speech.reset()
    assert speech.journal()["requests"] == []


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "Bad Request"),
        (401, "INVALID_AUTH"),
        (402, "ASR_PAYMENT_REQUIRED"),
        (403, "INSUFFICIENT_PERMISSIONS"),
        (408, "Request Timeout"),
        (429, "TOO_MANY_REQUESTS"),
        (500, "Internal Server Error"),
        (502, "Bad Gateway"),
        (503, "Service Unavailable"),
        (504, "Gateway Timeout"),
    ],
)
def test_every_status_can_be_ordered_with_its_documented_body(speech: Speech, status: int, code: str) -> None:
    speech.order(DIGEST, {"status": status, "headers": {"Retry-After": "7"}})
    answer = speech.listen(AUDIO)
    assert error(answer) == (status, code)
    assert answer.headers["retry-after"] == "7"
    assert speech.listen(AUDIO).status_code == 200
    assert [(r["status"], r["fault"]) for r in speech.journal()["requests"]] == [(status, str(status)), (200, None)]


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"action": "empty-object"}, "{}"),
        ({"action": "malformed-json"}, '{"metadata": {"request_id": '),
        ({"status": 200, "body": [1]}, "[1]"),
        ({"status": 502, "text": "<html>"}, "<html>"),
    ],
)
def test_answers_that_are_no_reply_can_be_ordered(speech: Speech, fault: dict[str, Any], text: str) -> None:
    speech.order("", fault)
    assert speech.listen(AUDIO).text == text


def test_an_error_with_status_200_and_a_bare_acceptance_can_be_ordered(speech: Speech) -> None:
    speech.order("", {"action": "error-json"}, {"action": "accepted"})
    assert error(speech.listen(AUDIO)) == (200, "Bad Request")
    accepted = speech.listen(AUDIO)
    assert accepted.json() == {"request_id": accepted.headers["dg-request-id"]}


def test_a_reply_without_speech_can_be_ordered(speech: Speech) -> None:
    speech.order("", {"action": "no-speech"})
    results = speech.listen(AUDIO, utterances="true").json()["results"]
    assert results["utterances"] == []
    assert results["channels"][0]["alternatives"][0]["transcript"] == ""


@pytest.mark.parametrize(("action", "seen"), [("reset", httpx.ReadError), ("reset-mid-body", httpx.TransportError)])
def test_the_connection_can_be_broken(speech: Speech, action: str, seen: type[Exception]) -> None:
    speech.order("", {"action": action})
    with pytest.raises(seen):
        speech.listen(AUDIO)
    (request,) = speech.journal()["requests"]
    assert (request["status"], request["fault"], request["unanswered"]) == (None, action, True)
    assert speech.listen(AUDIO).status_code == 200


def test_a_hanging_request_ends_when_its_client_gives_up(speech: Speech) -> None:
    speech.order("", {"action": "hang"})
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{speech.url}/v1/listen", content=AUDIO, headers={"authorization": f"Token {KEY}"}, timeout=0.3)
    eventually(lambda: speech.journal()["running"] == 0)


def test_a_malformed_order_is_explained(speech: Speech) -> None:
    answer = speech.http.post("/_local/faults", json={"match": "x", "then": [{"action": "explode"}]})
    assert answer.status_code == 400
    assert "reset-mid-body" in answer.json()["error"]
    assert speech.http.post("/_local/faults", content=b"{").status_code == 400


def test_silence_has_a_reply_without_words(speech: Speech) -> None:
    answer = speech.listen(encoded(np.zeros_like(tone(1, channels=2))), multichannel="true", smart_format="true")
    assert [c["alternatives"][0]["words"] for c in answer.json()["results"]["channels"]] == [[], []]


def test_other_methods_and_paths_are_not_served(speech: Speech) -> None:
    assert speech.http.get("/v1/listen").status_code == 405
    assert speech.http.post("/v1/speak").status_code == 404


def test_basic_credentials_are_no_key(speech: Speech) -> None:
    header = "Basic " + base64.b64encode(b"key:").decode()
    assert error(speech.listen(AUDIO, {"authorization": header}))[0] == 401


@pytest.mark.parametrize("header", ["", "Token guessed", "Basic abc"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/auth/token"),
        ("GET", "/_local/requests"),
        ("DELETE", "/_local/requests"),
        ("POST", "/_local/faults"),
        ("GET", "/_local/streams"),
        ("DELETE", "/_local/streams"),
        ("POST", "/_local/streams/faults"),
    ],
)
def test_only_whoever_has_the_key_steers_it(speech: Speech, method: str, path: str, header: str) -> None:
    speech.listen(AUDIO, model="nova-3")

    answer = speech.http.request(
        method, path, headers={"authorization": header}, json={"match": "", "then": [{"status": 503}]}
    )

    assert error(answer) == (401, "INVALID_AUTH")
    assert speech.listen(AUDIO, model="nova-3").status_code == 200
    assert len(speech.journal()["requests"]) == 2


def test_a_server_that_was_given_no_key_makes_one_and_prints_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)

    first, second = key_of_this_process(), key_of_this_process()

    assert first != second
    printed = capsys.readouterr().out
    assert first in printed
    assert second in printed
