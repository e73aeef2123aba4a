"""The service as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.kinesis_video.errors import ServiceError
from local.kinesis_video.get_media import Sessions
from local.kinesis_video.producer import CallInProgress, Calls, InvalidCall
from local.kinesis_video.put_media import Acknowledgements, put_media
from local.kinesis_video.streams import Settings, Streams
from local.speech.faults import InvalidFault

_Handler = Callable[[Request], Awaitable[Response]]


def create_app(streams: Streams | None = None) -> Starlette:
    """Return the application: the operations of Kinesis Video Streams, and what tests steer it with.

    ======================================== =========================================================================
    ``/createStream``, ``/describeStream``   Control plane, as are ``/listStreams``, ``/deleteStream`` and
                                             ``/getDataEndpoint``, which names this server, whoever forwards it.
    ``/getMedia``, ``/putMedia``             Data plane (`local.kinesis_video.get_media` and `.put_media`).
    ``GET /health``                          200 when it serves.
    ``/_local/calls``                        Plays calls (`local.kinesis_video.producer`).
    ``GET /_local/sessions``                 Every GetMedia request (`local.kinesis_video.get_media.Session`).
    ``DELETE /_local/sessions``              Forgets those that are over, and every ordered failure.
    ``POST /_local/faults``                  Orders failures (`local.kinesis_video.faults`).
    ``POST /_local/settings``                Changes settings, by name (`local.kinesis_video.streams.Settings`).
    ======================================== =========================================================================

    Args:
        streams: The streams there are, shared with who produces into them; by default none, with default settings.
    """
    streams = streams or Streams(Settings())
    calls, sessions = Calls(streams), Sessions(streams.settings)
    service, steering = _Service(streams, sessions), _Steering(streams, sessions, calls)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await calls.close()

    operations = {
        "/createStream": service.create_stream,
        "/describeStream": service.describe_stream,
        "/deleteStream": service.delete_stream,
        "/listStreams": service.list_streams,
        "/getDataEndpoint": service.get_data_endpoint,
        "/getMedia": service.get_media,
        "/putMedia": service.put_media,
    }
    return Starlette(
        routes=[
            *(Route(path, _answering(operation), methods=["POST"]) for path, operation in operations.items()),
            Route("/health", steering.health),
            Route("/_local/calls", steering.start_call, methods=["POST"]),
            Route("/_local/calls/{contact_id}", steering.call, methods=["GET", "DELETE"]),
            Route("/_local/sessions", steering.sessions, methods=["GET", "DELETE"]),
            Route("/_local/faults", steering.faults, methods=["POST"]),
            Route("/_local/settings", steering.settings, methods=["POST"]),
        ],
        lifespan=lifespan,
    )


def _answering(operation: _Handler) -> _Handler:
    async def answer(request: Request) -> Response:
        try:
            return await operation(request)
        except ServiceError as error:
            return error.response()

    return answer


async def _parameters(request: Request) -> dict[str, Any]:
    try:
        value = await request.json()
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ServiceError("InvalidArgumentException", "The body is not a JSON object")
    return value


class _Service:
    """The operations of the API."""

    def __init__(self, streams: Streams, sessions: Sessions) -> None:
        self._streams = streams
        self._sessions = sessions

    async def create_stream(self, request: Request) -> Response:
        asked = await _parameters(request)
        if not asked.get("StreamName"):
            raise ServiceError("InvalidArgumentException", "StreamName must be given")
        stream = self._streams.create(asked["StreamName"], asked.get("DataRetentionInHours") or 0)
        return JSONResponse({"StreamARN": stream.arn})

    async def describe_stream(self, request: Request) -> Response:
        asked = await _parameters(request)
        stream = self._streams.find(asked.get("StreamName"), asked.get("StreamARN"))
        return JSONResponse({"StreamInfo": stream.description()})

    async def delete_stream(self, request: Request) -> Response:
        self._streams.delete((await _parameters(request)).get("StreamARN", ""))
        return JSONResponse({})

    async def list_streams(self, request: Request) -> Response:
        condition = (await _parameters(request)).get("StreamNameCondition") or {}
        found = self._streams.matching(condition.get("ComparisonValue", ""))
        return JSONResponse({"StreamInfoList": [stream.description() for stream in found]})

    async def get_data_endpoint(self, request: Request) -> Response:
        asked = await _parameters(request)
        self._streams.find(asked.get("StreamName"), asked.get("StreamARN"))
        host, port = request.scope["server"]
        return JSONResponse({"DataEndpoint": f"{request.scope['scheme']}://{host}:{port}"})

    async def get_media(self, request: Request) -> Response:
        asked = await _parameters(request)
        stream = self._streams.find(asked.get("StreamName"), asked.get("StreamARN"))
        return self._sessions.open(stream, asked.get("StartSelector") or {})

    async def put_media(self, request: Request) -> Response:
        headers = request.headers
        stream = self._streams.find(headers.get("x-amzn-stream-name"), headers.get("x-amzn-stream-arn"))
        offset_ms = 0
        if headers.get("x-amzn-fragment-timecode-type") == "RELATIVE":
            try:
                offset_ms = round(float(headers["x-amzn-producer-start-timestamp"]) * 1_000)
            except (KeyError, ValueError):
                raise ServiceError("InvalidArgumentException", "Relative times need a producer start") from None
        return Acknowledgements(put_media(stream, request.stream(), offset_ms), media_type="application/json")


class _Steering:
    """What tests and the demonstration use."""

    def __init__(self, streams: Streams, sessions: Sessions, calls: Calls) -> None:
        self._streams = streams
        self._sessions = sessions
        self._calls = calls

    async def health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def start_call(self, request: Request) -> Response:
        try:
            return JSONResponse(self._calls.start(await request.json()), 201)
        except CallInProgress:
            return JSONResponse({"error": "the contact is on the line already"}, 409)
        except ValueError as problem:
            return _refused(problem, InvalidCall)

    async def call(self, request: Request) -> Response:
        act = self._calls.stop if request.method == "DELETE" else self._calls.state
        try:
            return JSONResponse(act(request.path_params["contact_id"]))
        except KeyError:
            return JSONResponse({"error": "no such call"}, 404)

    async def sessions(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._sessions.reset()
            return Response(status_code=204)
        return JSONResponse({"sessions": self._sessions.report()})

    async def faults(self, request: Request) -> Response:
        try:
            self._sessions.faults.add(await request.json())
        except ValueError as problem:
            return _refused(problem, InvalidFault)
        return Response(status_code=204)

    async def settings(self, request: Request) -> Response:
        try:
            self._streams.settings.update(await request.json())
        except (ValueError, AttributeError) as problem:
            return _refused(problem, ValueError)
        return Response(status_code=204)


def _refused(problem: Exception, kind: type[Exception]) -> Response:
    return JSONResponse({"error": str(problem) if isinstance(problem, kind) else "not what was expected"}, 400)
