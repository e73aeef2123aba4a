"""The emulator passes Kinesis Video's control plane on to the simulator, to those who may."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.conftest import Account

STREAM = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/connect-lakeside-1/1763812345678"
OTHER = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/elsewhere-1/1763812345678"


class Simulator(ThreadingHTTPServer):
    """Answers as the simulator does, and remembers what it was asked."""

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
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


@pytest.fixture
def simulator(kinesis_video_port: int) -> Iterator[Simulator]:
    with Simulator(kinesis_video_port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_data_endpoint_is_the_simulators(account: Account, simulator: Simulator) -> None:
    client = account.client("kinesisvideo")

    answer = client.get_data_endpoint(StreamARN=STREAM, APIName="GET_MEDIA")

    assert answer["DataEndpoint"] == "http://127.0.0.1:8789"
    assert simulator.asked == [("/getDataEndpoint", {"StreamARN": STREAM, "APIName": "GET_MEDIA"})]


def test_its_errors_come_through(account: Account, simulator: Simulator) -> None:
    client = account.client("kinesisvideo")

    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_data_endpoint(StreamName="missing", APIName="GET_MEDIA")


def test_a_role_gets_at_the_streams_it_may(account: Account, simulator: Simulator) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "kinesisvideo:GetDataEndpoint",
        "Resource": "arn:aws:kinesisvideo:us-east-1:000000000000:stream/connect-lakeside-*/*",
    }
    client = account.client("kinesisvideo", **account.assume(account.role(statement)))

    assert client.get_data_endpoint(StreamARN=STREAM, APIName="GET_MEDIA")["DataEndpoint"]
    assert client.get_data_endpoint(StreamName="connect-lakeside-1", APIName="GET_MEDIA")["DataEndpoint"]
    for request in ({"StreamARN": OTHER}, {"StreamName": "elsewhere-1"}):
        with pytest.raises(ClientError, match="AccessDenied"):
            client.get_data_endpoint(**request, APIName="GET_MEDIA")
    assert len(simulator.asked) == 2


def test_a_stack_declares_a_stream(account: Account, simulator: Simulator) -> None:
    properties = {"Name": "connect-lakeside-1", "DataRetentionInHours": 24}
    stream = {"Type": "AWS::KinesisVideo::Stream", "Properties": properties}

    outputs = account.deploy({"Stream": stream}, {"Arn": {"Fn::GetAtt": ["Stream", "Arn"]}})

    assert outputs["Arn"] == STREAM
    assert simulator.asked == [("/createStream", {"StreamName": "connect-lakeside-1", "DataRetentionInHours": 24})]
    account.client("cloudformation").delete_stack(StackName=outputs["StackName"])
    account.gone(outputs["StackName"])
    assert simulator.asked[-1] == ("/deleteStream", {"StreamARN": STREAM})
