"""The three servers as processes, and how somebody who has the key asks each of them."""

from __future__ import annotations

import base64
import io
import json
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from local.access.keys import AccessKey
from local.emulator.process import Emulator
from local.server_process import ServerProcess, free_port
from local.speech.authentication import KEY_VARIABLE
from tests.local.access.raw import UPGRADE, Answer, Headers, send

SPEECH_KEY = "0123456789abcdef"
FORM = "application/x-www-form-urlencoded"
QUERY = b"Action=GetCallerIdentity&Version=2011-06-15"


@dataclass(frozen=True)
class Ask:
    """A request that a server answers to whoever has its key.

    Attributes:
        method: ``GET``, ``POST``, or ``WebSocket``.
        target: Path and query.
        body: What is sent.
        answers: What the holder of the key is answered.
        headers: Makes the headers that hold the key, for a Host.
    """

    method: str
    target: str
    body: bytes
    answers: int
    headers: Callable[[str], Headers]


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        port: Where it listens.
        asks: One request of each method.
    """

    port: int
    asks: dict[str, Ask]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def ask(self, method: str, *, host: str | None = None, key: bool = True, more: Headers = ()) -> Answer:
        """Ask what there is to ask by a method.

        Args:
            method: ``GET``, ``POST``, or ``WebSocket``.
            host: The Host header. Default: the server's address.
            key: Whether the key is used; the signature covers the Host.
            more: Further headers.
        """
        ask = self.asks[method]
        own = ask.headers(host or self.host) if key else ()
        upgrade = UPGRADE if method == "WebSocket" else ()
        verb = "GET" if method == "WebSocket" else method
        return send(self.port, verb, ask.target, (("Host", host or self.host), *own, *upgrade, *more), ask.body)


def sigv4(key: AccessKey, service: str, method: str, target: str, body: bytes = b"") -> Callable[[str], Headers]:
    """Sign a request for a Host."""

    def headers(host: str) -> Headers:
        given = {"Host": host, **({"Content-Type": FORM} if body else {})}
        request = AWSRequest(method, f"http://127.0.0.1{target}", headers=given, data=body)
        SigV4Auth(key.credentials, service, "us-east-1").add_auth(request)
        return [(name, value) for name, value in request.headers.items() if name.lower() != "host"]

    return headers


@pytest.fixture(scope="session")
def servers(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    with ExitStack() as stack:
        simulator, speech = (
            stack.enter_context(
                ServerProcess(
                    name=name,
                    module=module,
                    arguments=arguments,
                    port=free_port(),
                    health_path="/health",
                    log=tmp_path_factory.mktemp("servers") / "log",
                    environment=environment,
                )
            )
            for name, module, arguments, environment in (
                ("simulator", "local.kinesis_video", ["--emulator-url", emulator.url], emulator.key.environment),
                ("speech", "local.speech", ["--engine", "frames"], {KEY_VARIABLE: SPEECH_KEY}),
            )
        )
        yield {
            "emulator": _emulator(emulator),
            "kinesis_video": _kinesis_video(emulator.key, simulator.port),
            "speech": _speech(speech.port),
        }


def _emulator(emulator: Emulator) -> Server:
    session: Any = boto3
    appsync = session.client(
        "appsync",
        endpoint_url=emulator.url,
        region_name="us-east-1",
        aws_access_key_id=emulator.key.access_key_id,
        aws_secret_access_key=emulator.key.secret_access_key,
    )
    iam = [{"authType": "AWS_IAM"}]
    config = {
        "authProviders": iam,
        "connectionAuthModes": iam,
        "defaultPublishAuthModes": iam,
        "defaultSubscribeAuthModes": iam,
    }
    api = appsync.create_api(name="feed", eventConfig=config)["api"]["apiId"]
    signed = sigv4(emulator.key, "appsync", "POST", f"/_aws/appsync-api/{api}/event", b"{}")

    def listener(host: str) -> Headers:
        header = base64.urlsafe_b64encode(json.dumps({"host": host, **dict(signed(host))}).encode()).decode()
        return [("Sec-WebSocket-Protocol", f"aws-appsync-event-ws, header-{header.rstrip('=')}")]

    query, realtime = f"/?{QUERY.decode()}", f"/_aws/appsync-realtime-api/{api}/event/realtime"
    return Server(
        emulator.port,
        {
            "GET": Ask("GET", query, b"", 200, sigv4(emulator.key, "sts", "GET", query)),
            "POST": Ask("POST", "/", QUERY, 200, sigv4(emulator.key, "sts", "POST", "/", QUERY)),
            "WebSocket": Ask("WebSocket", realtime, b"", 101, listener),
        },
    )


def _kinesis_video(key: AccessKey, port: int) -> Server:
    sessions, streams = "/_local/sessions", "/listStreams"
    signed = sigv4(key, "kinesisvideo", "GET", sessions)
    return Server(
        port,
        {
            "GET": Ask("GET", sessions, b"", 200, signed),
            "POST": Ask("POST", streams, b"{}", 200, sigv4(key, "kinesisvideo", "POST", streams, b"{}")),
            # It has no WebSockets: who asks for one is answered as for any page.
            "WebSocket": Ask("WebSocket", sessions, b"", 200, signed),
        },
    )


def _silence() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setparams((1, 2, 8_000, 0, "NONE", ""))
        recording.writeframes(bytes(1_600))
    return file.getvalue()


def _speech(port: int) -> Server:
    stream = "/v1/listen?model=nova-3&encoding=linear16&sample_rate=8000"

    def token(_: str) -> Headers:
        return [("Authorization", f"Token {SPEECH_KEY}")]

    return Server(
        port,
        {
            "GET": Ask("GET", "/_local/requests", b"", 200, token),
            "POST": Ask("POST", "/v1/listen?model=nova-3", _silence(), 200, token),
            "WebSocket": Ask("WebSocket", stream, b"", 101, token),
        },
    )
