"""Stands in for the Kinesis Video simulator's control plane where only the way to it is tested."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.server_process import HOST

STREAM = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/connect-lakeside-1/1763812345678"


class Simulator(ThreadingHTTPServer):
    """Answers as the simulator does, on a port of its own, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Handler)
        self.asked: list[tuple[str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Simulator

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, request))
        if request.get("StreamName") == "missing":
            self._answer(404, {"Message": "no such stream"}, ("x-amzn-errortype", "ResourceNotFoundException"))
        elif self.path == "/getDataEndpoint":
            self._answer(200, {"DataEndpoint": "http://127.0.0.1:8789"})
        else:
            self._answer(200, {"StreamARN": STREAM, "StreamInfo": {"StreamARN": STREAM}})

    def _answer(self, status: int, body: Any, *headers: tuple[str, str]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (*headers, ("Content-Type", "application/json"), ("Content-Length", str(len(content)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
