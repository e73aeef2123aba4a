"""AppSync Events: Event APIs come from CloudFormation, are reached on loopback, and ask IAM.

* MiniStack has Event APIs but no ``AWS::AppSync::Api`` and ``AWS::AppSync::ChannelNamespace``.
* It tells them apart by the name of the host (``ID.appsync-api...``), which on a laptop resolves to nothing. Here
  ``Dns.Http`` and ``Dns.Realtime`` are the emulator's own address with a path that names the API, so that
  ``http://{Dns.Http}/event`` and ``ws://{Dns.Realtime}/event/realtime`` work.
* It takes any signature on a WebSocket for a good one, and asks no policy about events. AWS checks
  ``appsync:EventConnect`` on the API and ``appsync:EventPublish`` and ``appsync:EventSubscribe`` on the channel
  namespace (service authorization reference, "AWS AppSync"); a client signs a ``POST`` to the HTTP endpoint whose
  body names the channel (AppSync Events developer guide, "Understanding the Event API WebSocket protocol").

The code of a channel namespace's handlers is kept and not run. IAM is the one way to sign in that is emulated.
"""

import hashlib
import json
import os
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import appsync_events
from ministack.services.cloudformation import provisioners

from local.access.signatures import Claim, Refused, SignedRequest, check
from local.emulator.patches.recorded import add_resource_type

Properties = dict[str, Any]
Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_HTTP_PATH = re.compile(r"^/_aws/appsync-api/([a-z0-9]+)/event$")
_REALTIME_PATH = re.compile(r"^/_aws/appsync-realtime-api/([a-z0-9]+)/event/realtime$")
_ACTIONS = {
    appsync_events.EVENT_CONNECT: "appsync:EventConnect",
    appsync_events.EVENT_PUBLISH: "appsync:EventPublish",
    appsync_events.EVENT_SUBSCRIBE: "appsync:EventSubscribe",
}


def apply(secret_of: Callable[[Claim], str]) -> None:
    """Apply what this module describes.

    Args:
        secret_of: Finds the secret half of a key.
    """
    add_resource_type("AWS::AppSync::Api", create=_create_api, update=_update_api, delete=_delete_api)
    add_resource_type("AWS::AppSync::ChannelNamespace", create=_create_namespace, delete=_delete_namespace)
    host = f"{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"
    os.environ["APPSYNC_EVENTS_HTTP_HOST_TEMPLATE"] = f"{host}/_aws/appsync-api/{{api_id}}"
    os.environ["APPSYNC_EVENTS_REALTIME_HOST_TEMPLATE"] = f"{host}/_aws/appsync-realtime-api/{{api_id}}"
    _route_by_path()
    _authorise_requests()
    _authorise_messages(secret_of)


def handshake(scope: Scope) -> SignedRequest | None:
    """What is signed where a listener connects; None for a WebSocket that is none of the feed's.

    Raises:
        Refused: The connection names nobody.
    """
    found = _REALTIME_PATH.match(scope["path"])
    return _signed(found[1], None, _connecting(scope)) if found else None


def _create_api(_logical_id: str, properties: Properties, _stack: str) -> tuple[str, Mapping[str, Any]]:
    api = _call(appsync_events._create_api, _body(properties))["api"]
    return api["apiId"], _api_attributes(api)


def _update_api(api_id: str, _old: Properties, new: Properties, _stack: str) -> tuple[str, Mapping[str, Any]]:
    return api_id, _api_attributes(_call(appsync_events._update_api, api_id, _body(new))["api"])


def _delete_api(api_id: str, _properties: Properties) -> None:
    _call(appsync_events._delete_api, api_id)


def _api_attributes(api: Mapping[str, Any]) -> Mapping[str, Any]:
    dns = {"Http": api["dns"]["HTTP"], "Realtime": api["dns"]["REALTIME"]}
    return {
        "ApiId": api["apiId"],
        "ApiArn": api["apiArn"],
        "Dns": dns,
        **{f"Dns.{name}": value for name, value in dns.items()},
    }


def _create_namespace(_logical_id: str, properties: Properties, _stack: str) -> tuple[str, Mapping[str, Any]]:
    body = _body({name: value for name, value in properties.items() if name != "ApiId"})
    namespace = _call(appsync_events._create_channel_namespace, properties["ApiId"], body)["channelNamespace"]
    arn = namespace["channelNamespaceArn"]
    return arn, {"ChannelNamespaceArn": arn}


def _delete_namespace(arn: str, properties: Properties) -> None:
    _call(appsync_events._delete_channel_namespace, properties["ApiId"], arn.rpartition("/")[2])


def _body(properties: Properties) -> bytes:
    tags = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
    return json.dumps({**provisioners._pascal_to_camel(properties), "tags": tags}).encode()


def _call(operation: Callable[..., Any], *arguments: Any) -> Any:
    status, _, body = operation(*arguments)
    if status >= 300:
        raise ValueError(body.decode())
    return json.loads(body)


def _route_by_path() -> None:
    detect = app.detect_service
    handle = appsync_events.handle_request
    serve = app.app

    def detect_service(method: str, path: str, headers: Any, query: Any) -> str:
        return "appsync-events" if _HTTP_PATH.match(path) else str(detect(method, path, headers, query))

    async def handle_request(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
        if found := _HTTP_PATH.match(path):
            headers, path = {**headers, "host": _host_by_name(found[1], "appsync-api")}, "/event"
        return await handle(method, path, headers, body, query)

    async def serve_by_path(scope: Scope, receive: Any, send: Send) -> None:
        if scope["type"] == "websocket" and (found := _REALTIME_PATH.match(scope["path"])):
            headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"host"]
            host = _host_by_name(found[1], "appsync-realtime-api").encode()
            scope = {**scope, "headers": [*headers, (b"host", host)]}
        await serve(scope, receive, send)

    app.detect_service = detect_service
    app.app = serve_by_path
    appsync_events.handle_request = handle_request


def _host_by_name(api_id: str, kind: str) -> str:
    return f"{api_id}.{kind}.{get_region()}.localhost"


def _authorise_requests() -> None:
    extract_action = iam_actions.extract_iam_action
    extract_resource = iam_actions.extract_resource_arn

    def action(service: str, method: str, path: str, headers: Any, body: bytes, query: Any) -> str | None:
        if service == "appsync-events" and _HTTP_PATH.match(path):
            return _ACTIONS[appsync_events.EVENT_PUBLISH]
        found: str | None = extract_action(service, method, path, headers, body, query)
        return found

    def resource(service: str, method: str, path: str, headers: Any, body: bytes, *more: Any) -> str:
        found = _HTTP_PATH.match(path)
        if service == "appsync-events" and found:
            return _resource(found[1], _channel_of(body))
        return str(extract_resource(service, method, path, headers, body, *more))

    iam_actions.extract_iam_action = action
    iam_actions.extract_resource_arn = resource


def _authorise_messages(secret_of: Callable[[Claim], str]) -> None:
    authorise = appsync_events._authorize_event_op
    converse = appsync_events._handle_websocket_in_api_scope

    def allowed(api_id: str, channel: str | None, operation: str, auth: Any) -> bool:
        """Whether the policies of whoever signed *auth* admit the operation."""
        try:
            claim = check(_signed(api_id, channel, auth), secret_of)
        except Refused:
            return False
        denied = iam_evaluator.enforce(
            claim.access_key_id,
            _ACTIONS[operation],
            "appsync-events",
            get_region(),
            resource_arn=_resource(api_id, channel),
        )
        return denied is None

    async def authorise_by_policy(
        api_id: str, channel: str | None, operation: str, auth: Any, request_headers: Any = None
    ) -> tuple[bool, str | None]:
        # A request over HTTP has been through the policies by now.
        if request_headers is None and not allowed(api_id, channel, operation, auth):
            return False, "You are not authorized to make this call."
        answer: tuple[bool, str | None] = await authorise(api_id, channel, operation, auth, request_headers)
        return answer

    async def converse_if_allowed(scope: Scope, receive: Any, send: Send, api_id: str, *more: Any) -> None:
        if allowed(api_id, None, appsync_events.EVENT_CONNECT, _connecting(scope)):
            await converse(scope, receive, send, api_id, *more)
        else:
            await send({"type": "websocket.close", "code": 1008})

    appsync_events._authorize_event_op = authorise_by_policy
    appsync_events._handle_websocket_in_api_scope = converse_if_allowed


def _connecting(scope: Scope) -> Any:
    """What a connection says of who opens it."""
    protocols = dict(scope["headers"]).get(b"sec-websocket-protocol", b"").decode("latin-1")
    auth, _ = appsync_events._decode_header_subprotocol(protocols)
    return auth


def _signed(api_id: str, channel: str | None, auth: Any) -> SignedRequest:
    """What *auth* is the signature of.

    Raises:
        Refused: It is none by IAM, the one way to sign in that is emulated.
    """
    if not isinstance(auth, dict):
        raise Refused("MissingAuthenticationToken", "The message is not signed.")
    body = json.dumps({} if channel is None else {"channel": channel}, separators=(",", ":"))
    return SignedRequest(
        method="POST",
        path=f"/_aws/appsync-api/{api_id}/event",
        query="",
        headers={str(name).lower(): str(value) for name, value in auth.items()},
        payload_sha256=hashlib.sha256(body.encode()).hexdigest(),
    )


def _channel_of(body: bytes) -> str | None:
    try:
        channel = json.loads(body).get("channel")
    except (ValueError, AttributeError):
        return None
    return channel if isinstance(channel, str) else None


def _resource(api_id: str, channel: str | None) -> str:
    api = f"arn:aws:appsync:{get_region()}:{get_account_id()}:apis/{api_id}"
    namespace = appsync_events._channel_namespace_for(channel or "")
    return f"{api}/channelNamespace/{namespace}" if namespace else api
