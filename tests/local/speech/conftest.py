"""Running servers, clients and audio for the speech server's tests."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.server_process import ServerProcess, free_port
from local.speech.authentication import KEY_VARIABLE
from tests.local.speech.calls import SAMPLES

KEY = "local-key"


@dataclass
class Speech:
    """A running server as a client sees it."""

    url: str
    http: httpx.Client

    def listen(self, audio: bytes | str, /, headers: dict[str, str] | None = None, **parameters: Any) -> httpx.Response:
        """Send audio, or its URL, for transcription."""
        headers = {"authorization": f"Token {KEY}", **(headers or {})}
        if isinstance(audio, str):
            return self.http.post("/v1/listen", json={"url": audio}, headers=headers, params=parameters)
        return self.http.post("/v1/listen", content=audio, headers=headers, params=parameters)

    def order(self, match: str, *then: dict[str, Any]) -> None:
        """Order failures."""
        assert self.http.post("/_local/faults", json={"match": match, "then": list(then)}).status_code == 204

    def journal(self) -> dict[str, Any]:
        """Return what the server has recorded."""
        report: dict[str, Any] = self.http.get("/_local/requests").json()
        return report

    def reset(self) -> None:
        """Forget requests and failures."""
        self.http.delete("/_local/requests")


def _running(log: Path, *arguments: str) -> Iterator[Speech]:
    process = ServerProcess(
        name="speech server",
        module="local.speech",
        arguments=arguments,
        port=free_port(),
        health_path="/health",
        log=log,
        environment={KEY_VARIABLE: KEY},
    )
    steering = {"authorization": f"Token {KEY}"}
    with process, httpx.Client(base_url=process.url, timeout=300, trust_env=False, headers=steering) as client:
        yield Speech(process.url, client)


@pytest.fixture(scope="session")
def _scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Speech]:
    yield from _running(
        tmp_path_factory.mktemp("speech") / "scripted.log",
        *("--engine", "scripted", "--parallel-limit", "3", "--max-bytes", "3000000"),
    )


@pytest.fixture
def speech(_scripted: Speech) -> Speech:
    """A server with the scripted engine, three requests at once and at most 3 MB of audio."""
    _scripted.reset()
    return _scripted


@pytest.fixture(scope="session")
def recogniser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Speech]:
    """A server that recognises for real."""
    yield from _running(tmp_path_factory.mktemp("speech") / "recogniser.log")


@dataclass
class AudioHost:
    """A web server for audio: its answers by path."""

    url: str
    answers: dict[str, tuple[int, bytes]]


@pytest.fixture
def audio_host() -> Iterator[AudioHost]:
    """A web server on loopback with the sample calls below ``/calls/``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = host.answers.get(self.path.partition("?")[0], (404, b""))
            self.send_response(status)
            if status == 302:
                self.send_header("location", "/calls/call2_insurance_billing.wav")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the tests' output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    samples = {f"/calls/{path.name}": (200, path.read_bytes()) for path in SAMPLES.glob("*.wav")}
    host = AudioHost(f"http://127.0.0.1:{server.server_port}", samples)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield host
    server.shutdown()
    server.server_close()
    thread.join()
