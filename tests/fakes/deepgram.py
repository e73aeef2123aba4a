"""A stand-in for Deepgram's API for recordings: it answers what a test tells it to, and keeps what it was asked.

Unlike the local speech server it fetches no audio, so the URL it is given need not lead anywhere.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.patience import PATIENCE_SECONDS

REQUEST_ID = "0f6c8a34-5d1e-4b7a-9c2f-3e1d5b7a9c2f"
TURNS = (
    (1, 0.4, "Thank you for calling Lakeside Vision, this is Marla speaking, how may I help you today?", 0.62),
    (0, 5.8, "Hello, I would like to schedule an appointment for a glaucoma screening with Doctor Abernathy.", 0.11),
    (1, 11.9, "Certainly. May I have your full name and your date of birth, please?", 0.44),
    (0, 16.2, "Quentin Farrowdale, the fourth of March nineteen sixty one.", 0.02),
    (1, 21.5, "You are booked for Tuesday at nine thirty. Is there anything else I can help you with?", 0.58),
    (0, 27.3, "No, that is all, thank you very much, goodbye.", 0.51),
)
"""The call that is answered unless a test says otherwise: channel, start in seconds, words, sentiment score."""
TELLING_WORDS = ("Lakeside", "Marla", "glaucoma", "Abernathy", "Quentin", "Farrowdale")
"""Words of that call which no log line, event or state may hold."""


@dataclass(frozen=True)
class Request:
    """One request, as it came."""

    path: str
    parameters: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What one request gets.

    Args:
        status: HTTP status.
        body: Body; anything but bytes is written as JSON.
        headers: Further headers.
        reset: Break the connection off instead.
        hold: Wait for this first, for a minute at most.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    reset: bool = False
    hold: threading.Event | None = None


def refusal(status: int, code: str, message: str = "no") -> Answer:
    """Return an error in the form Deepgram documents (docs, page "API Errors")."""
    return Answer(status, {"err_code": code, "err_msg": message, "request_id": REQUEST_ID})


def transcription(turns: tuple[tuple[int, float, str, float], ...] = TURNS) -> dict[str, Any]:
    """Return a reply for two channels with the turns in it; none means that nobody spoke."""
    utterances = [_utterance(*turn) for turn in turns]
    return {
        "metadata": {
            "request_id": REQUEST_ID,
            "created": "2026-11-20T09:30:00.000Z",
            "duration": 31.0,
            "channels": 2,
            "models": ["30089e05-99d1-4376-b32e-c263170674af"],
            "model_info": {
                "30089e05-99d1-4376-b32e-c263170674af": {
                    "name": "2-general-nova",
                    "version": "2024-01-09.29447",
                    "arch": "nova-3",
                }
            },
        },
        "results": {
            "channels": [
                {"alternatives": [_alternative([u for u in utterances if u["channel"] == channel])]}
                for channel in (0, 1)
            ],
            "utterances": utterances,
        },
    }


def _utterance(channel: int, start: float, text: str, score: float) -> dict[str, Any]:
    words = [
        {
            "word": word.strip(",.?").lower(),
            "punctuated_word": word,
            "start": round(start + 0.3 * index, 2),
            "end": round(start + 0.3 * index + 0.25, 2),
            "confidence": 0.98,
        }
        for index, word in enumerate(text.split())
    ]
    return {
        "id": f"u-{channel}-{start}",
        "channel": channel,
        "start": start,
        "end": words[-1]["end"],
        "confidence": 0.98,
        "transcript": text,
        "words": words,
        "sentiment": "positive" if score > 0.33 else "neutral",
        "sentiment_score": score,
    }


def _alternative(utterances: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "transcript": " ".join(utterance["transcript"] for utterance in utterances),
        "confidence": 0.98 if utterances else 0.0,
        "words": [word for utterance in utterances for word in utterance["words"]],
    }


class FakeDeepgram:
    """The server, on a port of its own on loopback.

    Attributes:
        url: Base URL.
        requests: The requests so far.
        most_parallel: The most requests that were under way at once.
    """

    def __init__(self) -> None:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                fake._answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.reset()

    def reset(self) -> None:
        """Forget every request and answer."""
        self.requests: list[Request] = []
        self.most_parallel = 0
        self._parallel = 0
        self._answers: deque[Answer] = deque()
        self._usual = Answer(body=transcription())

    def answer(self, *answers: Answer, then: Answer | None = None) -> None:
        """Give the next requests these answers, in order.

        Args:
            answers: One answer for each request.
            then: What every request after them gets. Default: a transcription.
        """
        self._answers.extend(answers)
        if then is not None:
            self._usual = then

    @contextmanager
    def running(self) -> Iterator[FakeDeepgram]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        address = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        with self._lock:
            self.requests.append(
                Request(
                    path=address.path,
                    parameters=parse_qs(address.query),
                    headers={name.lower(): value for name, value in handler.headers.items()},
                    body=json.loads(body),
                )
            )
            answer = self._answers.popleft() if self._answers else self._usual
            self._parallel += 1
            self.most_parallel = max(self.most_parallel, self._parallel)
        try:
            if answer.hold is not None:
                answer.hold.wait(PATIENCE_SECONDS)
            _send(handler, answer)
        except OSError:
            handler.close_connection = True  # the client left
        finally:
            with self._lock:
                self._parallel -= 1


def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    if answer.reset:
        # Closed without lingering, a connection is reset.
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
        handler.close_connection = True
        return
    content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
    handler.send_response(answer.status)
    for name, value in {"Content-Type": "application/json", "dg-request-id": REQUEST_ID, **answer.headers}.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)
