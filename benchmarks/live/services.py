"""``python -m benchmarks.live.services``: all that a streamer talks to, in one process, with TLS.

Kinesis Video Streams (`/getDataEndpoint`, `/getMedia`), Deepgram (`/v1/listen`), the live feed (`/event`) and the AWS
services that speak JSON. The queue hands out as many calls as `POST /benchmark/calls` asked for; writes are accepted
and forgotten. `POST /benchmark/window` begins to measure, `GET /benchmark/window` tells how long each piece of audio
took from here to here, through the streamer.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import itertools
import json
import random
import ssl
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import uvloop
from aiohttp import WSMsgType, web

from benchmarks.live.recogniser import RESULTS_PER_SECOND, Recogniser
from benchmarks.live.traffic import Pacing, Traffic
from callscribe.live.call import LiveCall

HOST = "127.0.0.1"
_CLINIC = "benchmark"


class Call:
    """One call's way: when audio left for the streamer, and when it came back out of it."""

    def __init__(self) -> None:
        self.sent: deque[tuple[int, float]] = deque()
        self.received_bytes = 0

    def receive(self, size: int, latencies: list[float] | None) -> None:
        """Note audio that the streamer has sent on."""
        now = time.perf_counter()
        self.received_bytes += size
        while self.sent and self.sent[0][0] <= self.received_bytes:
            left = self.sent.popleft()[1]
            if latencies is not None:
                latencies.append(now - left)


class Services:
    """State of a run."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.pacing = Pacing.BLOCKS
        self._waiting = 0
        self._numbers = itertools.count(1)
        self._calls: dict[int, Call] = {}
        self._items: dict[str, dict[str, Any]] = {}
        self._streaming = 0
        self._requests: Counter[str] = Counter()
        self._latencies: list[float] | None = None

    # The benchmark's own control

    async def order_calls(self, request: web.Request) -> web.Response:
        order = await request.json()
        self.pacing, self._waiting = Pacing(order["pacing"]), order["queued"]
        return web.Response()

    async def begin_window(self, _: web.Request) -> web.Response:
        self._latencies, self._requests = [], Counter()
        return web.Response()

    async def window(self, _: web.Request) -> web.Response:
        return web.json_response(
            {"streaming": self._streaming, "requests": self._requests, "latencies": self._latencies or []}
        )

    # Kinesis Video Streams

    async def data_endpoint(self, _: web.Request) -> web.Response:
        return web.json_response({"DataEndpoint": self.base})

    async def media(self, request: web.Request) -> web.StreamResponse:
        number = int(json.loads(await request.read())["StreamARN"].split("/")[1])
        call = self._calls[number] = Call()
        response = web.StreamResponse(headers={"Content-Type": "video/webm"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        begin = time.perf_counter() + random.random()
        for seconds, total, data in Traffic(number).pieces(self.pacing):
            await asyncio.sleep(begin + seconds - time.perf_counter())
            call.sent.append((total, time.perf_counter()))
            await response.write(data)
        return response

    # Deepgram

    async def listen(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=False, max_msg_size=0)
        await socket.prepare(request)
        recogniser, call = Recogniser(), None
        self._streaming += 1
        talking: asyncio.Task[None] | None = None
        try:
            async for message in socket:
                if message.type is WSMsgType.BINARY:
                    if call is None:
                        call = self._calls[int.from_bytes(message.data[:2], "little")]
                        talking = asyncio.create_task(_talk(socket, recogniser))
                    recogniser.audio_bytes += len(message.data)
                    call.receive(len(message.data), self._latencies)
                elif message.type is WSMsgType.TEXT and "CloseStream" in message.data:
                    if talking is not None:
                        talking.cancel()
                    for result in recogniser.last_results():
                        await socket.send_str(result)
                    break
        finally:
            self._streaming -= 1
            if talking is not None:
                talking.cancel()
        return socket

    # AWS

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


async def _talk(socket: web.WebSocketResponse, recogniser: Recogniser) -> None:
    while True:
        await asyncio.sleep(1 / RESULTS_PER_SECOND)
        await socket.send_str(recogniser.result())


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


def application(base: str) -> web.Application:
    services = Services(base)
    routes: list[tuple[Callable[..., Any], str, Callable[..., Any]]] = [
        (web.post, "/benchmark/calls", services.order_calls),
        (web.post, "/benchmark/window", services.begin_window),
        (web.get, "/benchmark/window", services.window),
        (web.post, "/getDataEndpoint", services.data_endpoint),
        (web.post, "/getMedia", services.media),
        (web.get, "/v1/listen", services.listen),
        (web.post, "/event", services.feed),
        (web.post, "/", services.aws),
    ]
    app = web.Application()
    app.add_routes([method(path, handler) for method, path, handler in routes])
    return app


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live.services", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    options = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate, options.key)
    loop = uvloop.new_event_loop()
    app = application(f"https://{HOST}:{options.port}")
    web.run_app(
        app,
        host=HOST,
        port=options.port,
        ssl_context=context,
        loop=loop,
        access_log=None,
        print=lambda *_: sys.stdout.flush(),
        shutdown_timeout=1,
        handler_cancellation=True,
        backlog=1024,
    )


if __name__ == "__main__":
    main()
