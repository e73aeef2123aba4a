"""The service as an ASGI application."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from local.access.guard import guarded
from local.access.signatures import SignedRequest
from local.kinesis_video import put_media
from local.kinesis_video.admission import Admission
from local.kinesis_video.errors import ServiceError
from local.kinesis_video.get_media import Sessions
from local.kinesis_video.producer import CallInProgress, Calls, InvalidCall
from local.kinesis_video.streams import Streams
from local.speech.faults import InvalidFault

_Handler = Callable[[Request], Awaitable[Response]]


def create_app(streams: Streams, admission: Admission) -> ASGIApp:
    """Return the application: the operations of Kinesis Video Streams, and what tests steer it with.

    Everything but ``/health`` has to be signed, what is below ``/_local/`` with the session's own key.

    ======================================== =========================================================================
    ``/createStream``, ``/describeStream``   Control plane, as are ``/listStreams``, ``/deleteStream`` and
                                             ``/getDataEndpoint``, which names this server, whoever forwards it.
    ``/getMedia``, ``/putMedia``             Data plane (`local.kinesis_video.get_media`, ``put_media`` beside it).
    ``GET /health``                          200 when it serves.
    ``/_local/calls``                        Plays calls (`local.kinesis_video.producer`).
    ``GET /_local/sessions``                 Every GetMedia request (`local.kinesis_video.get_media.Session`).
    ``POST /_local/faults``                  Orders failures (`local.kinesis_video.faults`).
    ======================================== =========================================================================

    Args:
        streams: The streams there are, shared with who produces into them.
        admission: Lets requests in.
    """
    calls, sessions = Calls(streams), Sessions(streams.settings)
    service, steering = _Service(streams, sessions, admission), _Steering(sessions, calls)

    def owners(path: str, handler: _Handler, *methods: str) -> Route:
        async def answer(request: Request) -> Response:
            body = await request.body()
            admission.admit_owner(SignedRequest.of(request.scope, body))
            return await handler(request)

        return Route(path, _answering(answer), methods=list(methods))

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
    application = Starlette(
        routes=[
            *(Route(path, _answering(operation), methods=["POST"]) for path, operation in operations.items()),
            Route("/health", steering.health),
            owners("/_local/calls", steering.start_call, "POST"),
            owners("/_local/calls/{contact_id}", steering.call, "GET", "DELETE"),
            owners("/_local/sessions", steering.sessions, "GET"),
            owners("/_local/faults", steering.faults, "POST"),
        ],
        lifespan=lifespan,
    )
    return guarded(application)


def _answering(operation: _Handler) -> _Handler:
    async def answer(request: Request) -> Response:
        try:
            return await operation(request)
        except ServiceError as error:
            return error.response()

    return answer


class _Service:
    """The operations of the API."""

    def __init__(self, streams: Streams, sessions: Sessions, admission: Admission) -> None:
        self._streams = streams
        self._sessions = sessions
        self._admission = admission

    async def create_stream(self, request: Request) -> Response:
        asked = await self._asked(request, "CreateStream")
        if not asked.get("StreamName"):
            raise ServiceError("InvalidArgumentException", "StreamName must be given")
        stream = self._streams.create(asked["StreamName"], asked.get("DataRetentionInHours") or 0)
        return JSONResponse({"StreamARN": stream.arn})

    async def describe_stream(self, request: Request) -> Response:
        asked = await self._asked(request, "DescribeStream")
        stream = self._streams.find(asked.get("StreamName"), asked.get("StreamARN"))
        return JSONResponse({"StreamInfo": stream.description()})

    async def delete_stream(self, request: Request) -> Response:
        self._streams.delete((await self._asked(request, "DeleteStream")).get("StreamARN", ""))
        return JSONResponse({})

    async def list_streams(self, request: Request) -> Response:
        condition = (await self._asked(request, "ListStreams")).get("StreamNameCondition") or {}
        found = self._streams.matching(condition.get("ComparisonValue", ""))
        return JSONResponse({"StreamInfoList": [stream.description() for stream in found]})

    async def get_data_endpoint(self, request: Request) -> Response:
        asked = await self._asked(request, "GetDataEndpoint")
        self._streams.find(asked.get("StreamName"), asked.get("StreamARN"))
        host, port = request.scope["server"]
        return JSONResponse({"DataEndpoint": f"{request.scope['scheme']}://{host}:{port}"})

    async def get_media(self, request: Request) -> Response:
        asked = await self._asked(request, "GetMedia")
        stream = self._streams.find(asked.get("StreamName"), asked.get("StreamARN"))
        return self._sessions.open(stream, asked.get("StartSelector") or {})

    async def put_media(self, request: Request) -> Response:
        name, arn = (
            request.headers.get(header) for header in (put_media.STREAM_NAME_HEADER, put_media.STREAM_ARN_HEADER)
        )
        # Producers sign their headers only: the body is not there yet.
        await self._admission.admit(
            SignedRequest.of(request.scope), action="PutMedia", resource=self._streams.resource(name, arn)
        )
        return await put_media.receive(self._streams.find(name, arn), request.headers, request.stream())

    async def _asked(self, request: Request, action: str) -> dict[str, Any]:
        """The parameters of a request that is let in."""
        body = await request.body()
        try:
            asked = json.loads(body)
        except ValueError:
            asked = None
        parameters = asked if isinstance(asked, dict) else {}
        resource = self._streams.resource(parameters.get("StreamName"), parameters.get("StreamARN"))
        await self._admission.admit(SignedRequest.of(request.scope, body), action=action, resource=resource)
        if not isinstance(asked, dict):
            raise ServiceError("InvalidArgumentException", "The body is not a JSON object")
        return asked


class _Steering:
    """What tests and the demonstration use."""

    def __init__(self, sessions: Sessions, calls: Calls) -> None:
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

    async def sessions(self, _: Request) -> Response:
        return JSONResponse({"sessions": self._sessions.report()})

    async def faults(self, request: Request) -> Response:
        try:
            self._sessions.faults.add(await request.json())
        except ValueError as problem:
            return _refused(problem, InvalidFault)
        return Response(status_code=204)


def _refused(problem: Exception, kind: type[Exception]) -> Response:
    return JSONResponse({"error": str(problem) if isinstance(problem, kind) else "not what was expected"}, 400)
