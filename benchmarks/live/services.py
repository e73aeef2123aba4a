"""``python -m benchmarks.live.services``: all that a streamer talks to, in one process, with TLS.

Kinesis Video Streams (`/getDataEndpoint`, `/getMedia`), the live feed (`/event`) and the AWS services that speak JSON
on one port, Deepgram (`/v1/listen`) on the next. The queue hands out as many calls as `POST /benchmark/calls` asked
for; writes are accepted and forgotten. `POST /benchmark/window` begins to measure, `GET /benchmark/window` tells how
much audio came back, how long each piece took from here to here, through the streamer, and how busy this process was.

It works in lock-step: a piece of audio leaves at its time, but not before the one before has come back, and results
come by the audio that was heard. A machine that is too slow so makes calls slower, not pieces larger.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import hashlib
import itertools
import json
import random
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import uvloop
from aiohttp import web
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from benchmarks.live.recogniser import BYTES_PER_RESULT, Recogniser
from benchmarks.live.traffic import STEREO_BYTES_PER_MS, Pacing, Traffic, number_of
from callscribe.live.call import LiveCall

HOST = "127.0.0.1"
_CLINIC = "benchmark"


class Call:
    """One call's way: audio leaves for the streamer piece by piece, and comes back out of it.

    Args:
        number: By which the audio is known.
        services: The run.
        write: Sends a piece.
    """

    def __init__(self, number: int, services: Services, write: Callable[[bytes], None]) -> None:
        self._services = services
        self._write = write
        self._pieces = Traffic(number).pieces(services.pacing)
        self._loop = asyncio.get_running_loop()
        self._begin = self._loop.time() + random.random()
        self._late = False
        self._under_way: deque[tuple[int, float]] = deque()
        self._received_bytes = 0
        self._take_next()

    def receive(self, size: int) -> None:
        """Note audio that the streamer has sent on."""
        self._received_bytes += size
        under_way = self._under_way
        while under_way and under_way[0][0] <= self._received_bytes:
            self._services.note_latency(time.perf_counter() - under_way.popleft()[1])
        if self._late and len(under_way) < self._services.pieces_under_way:
            self._late = False
            # What comes after it is late as well, so that nothing bunches up.
            self._begin = self._loop.time() - self._seconds
            self._send()

    def stop(self) -> None:
        self._timer.cancel()

    def _take_next(self) -> None:
        self._seconds, self._total, self._data = next(self._pieces)
        self._timer = self._loop.call_at(self._begin + self._seconds, self._fall_due)

    def _fall_due(self) -> None:
        if len(self._under_way) < self._services.pieces_under_way:
            self._send()
        else:
            self._late = True

    def _send(self) -> None:
        self._under_way.append((self._total, time.perf_counter()))
        self._write(self._data)
        self._take_next()


class Services:
    """State of a run."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.pacing = Pacing.BLOCKS
        self.pieces_under_way = 1
        self._waiting = 0
        self._numbers = itertools.count(1)
        self.calls: dict[int, Call] = {}
        self._items: dict[str, dict[str, Any]] = {}
        self.streaming = 0
        self.audio_bytes = 0
        self._requests: Counter[str] = Counter()
        self._latencies: list[float] | None = None
        self._began = 0.0
        self._cpu = 0.0

    # The benchmark's own control

    async def order_calls(self, request: web.Request) -> web.Response:
        order = await request.json()
        self.pacing, self._waiting = Pacing(order["pacing"]), order["queued"]
        self.pieces_under_way = order["pieces_under_way"]
        return web.Response()

    async def begin_window(self, _: web.Request) -> web.Response:
        self._latencies, self._requests, self.audio_bytes = [], Counter(), 0
        self._began, self._cpu = time.perf_counter(), time.process_time()
        return web.Response()

    async def window(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "streaming": self.streaming,
                "requests": self._requests,
                "latencies": self._latencies or [],
                "audio_seconds": self.audio_bytes / STEREO_BYTES_PER_MS / 1000,
                "busy": (time.process_time() - self._cpu) / (time.perf_counter() - self._began),
            }
        )

    def note_latency(self, seconds: float) -> None:
        if self._latencies is not None:
            self._latencies.append(seconds)

    # Kinesis Video Streams

    async def data_endpoint(self, _: web.Request) -> web.Response:
        return web.json_response({"DataEndpoint": self.base})

    async def media(self, request: web.Request) -> web.StreamResponse:
        number = int(json.loads(await request.read())["StreamARN"].split("/")[1])
        response = web.StreamResponse(headers={"Content-Type": "video/webm"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        transport: Any = request.transport
        # By hand: aiohttp's own way of writing a chunk costs more than reading it costs a streamer.
        call = self.calls[number] = Call(
            number, self, lambda data: transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        )
        try:
            await asyncio.Event().wait()
        finally:
            call.stop()
        return response

    # The live feed, and AWS

    async def feed(self, request: web.Request) -> web.Response:
        self._requests["Publish"] += 1
        events = len((await request.json())["events"])
        return web.json_response(
            {"failed": [], "successful": [{"identifier": str(index), "index": index} for index in range(events)]}
        )

    async def aws(self, request: web.Request) -> web.Response:
        operation = request.headers["X-Amz-Target"].partition(".")[2]
        self._requests[operation] += 1
        parameters = json.loads(await request.read())
        answer = getattr(self, f"_{operation}", None)
        return web.json_response(
            {} if answer is None else await answer(parameters), content_type="application/x-amz-json-1.0"
        )

    async def _GetSecretValue(self, _: Any) -> dict[str, Any]:  # noqa: N802
        return {"ARN": "arn", "Name": "deepgram", "SecretString": "benchmark"}

    async def _GetParameter(self, parameters: Any) -> dict[str, Any]:  # noqa: N802
        return {"Parameter": {"Name": parameters["Name"], "Type": "String", "Value": "[]"}}

    async def _ReceiveMessage(self, parameters: Any) -> dict[str, Any]:  # noqa: N802
        count = min(self._waiting, parameters.get("MaxNumberOfMessages", 1))
        if not count:
            await asyncio.sleep(1)
            return {}
        self._waiting -= count
        return {"Messages": [_message(next(self._numbers)) for _ in range(count)]}

    async def _ChangeMessageVisibilityBatch(self, parameters: Any) -> dict[str, Any]:  # noqa: N802
        return {"Successful": [{"Id": entry["Id"]} for entry in parameters["Entries"]], "Failed": []}

    async def _UpdateItem(self, parameters: Any) -> dict[str, Any]:  # noqa: N802
        """Set what is to be set, whatever the condition, as nobody else writes."""
        item = self._items.setdefault(parameters["Key"]["PK"]["S"], {})
        values = parameters["ExpressionAttributeValues"]
        item |= {
            name: values[f":{name}"] for name in parameters["ExpressionAttributeNames"].values() if f":{name}" in values
        }
        return {"Attributes": item}

    async def _PutEvents(self, parameters: Any) -> dict[str, Any]:  # noqa: N802
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in parameters["Entries"]]}


class Stream(WSListener):
    """Deepgram's side of one call.

    Args:
        services: The run.
        encoding: How the audio is sent.
    """

    def __init__(self, services: Services, encoding: str) -> None:
        self._services = services
        self._encoding = encoding
        self._recogniser = Recogniser()
        self._results = 0
        self._call: Call | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:  # noqa: ARG002 - picows' name
        self._services.streaming += 1

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            self._hear(transport, frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT and b"CloseStream" in frame.get_payload_as_bytes():
            for result in self._recogniser.last_results():
                transport.send(WSMsgType.TEXT, result)
            transport.send_close()

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - picows' name
        self._services.streaming -= 1

    def _hear(self, transport: WSTransport, audio: bytes) -> None:
        if self._call is None:
            self._call = self._services.calls[number_of(audio, self._encoding)]
        # Counted as the stream brought it, in 16 bits.
        size = 2 * len(audio) if self._encoding == "mulaw" else len(audio)
        self._recogniser.audio_bytes += size
        self._services.audio_bytes += size
        while self._recogniser.audio_bytes >= (self._results + 1) * BYTES_PER_RESULT:
            self._results += 1
            transport.send(WSMsgType.TEXT, self._recogniser.result())
        self._call.receive(size)


def _message(number: int) -> dict[str, Any]:
    call_id = f"{number:012d}"
    body = LiveCall(
        call_id=call_id,
        clinic_id=_CLINIC,
        stream_arn=f"arn:aws:kinesisvideo:us-east-1:000000000000:stream/{number}/1",
        start_fragment="",
        started_at_ms=int(time.time() * 1000),
    ).to_json()
    return {
        "MessageId": call_id,
        "ReceiptHandle": call_id,
        "Body": body,
        "MD5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(time.time() * 1000))},
    }


def application(services: Services) -> web.Application:
    routes: list[tuple[Callable[..., Any], str, Callable[..., Any]]] = [
        (web.post, "/benchmark/calls", services.order_calls),
        (web.post, "/benchmark/window", services.begin_window),
        (web.get, "/benchmark/window", services.window),
        (web.post, "/getDataEndpoint", services.data_endpoint),
        (web.post, "/getMedia", services.media),
        (web.post, "/event", services.feed),
        (web.post, "/", services.aws),
    ]
    app = web.Application()
    app.add_routes([method(path, handler) for method, path, handler in routes])
    return app


async def _serve(port: int, context: ssl.SSLContext) -> None:
    services = Services(f"https://{HOST}:{port}")

    def listener(request: WSUpgradeRequest) -> Stream:
        return Stream(services, "mulaw" if b"encoding=mulaw" in request.path else "linear16")

    runner = web.AppRunner(application(services), access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, HOST, port, ssl_context=context, backlog=1024).start()
    speech = await ws_create_server(listener, HOST, port + 1, ssl=context, backlog=1024)
    await speech.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live.services", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="and the next one")
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    options = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate, options.key)
    gc.freeze()
    uvloop.run(_serve(options.port, context))


if __name__ == "__main__":
    main()
