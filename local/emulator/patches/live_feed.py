"""AppSync Events: Event APIs come from CloudFormation, are reached on loopback, and ask IAM.

* MiniStack has Event APIs but no ``AWS::AppSync::Api`` and ``AWS::AppSync::ChannelNamespace``.
* It tells them apart by the name of the host (``ID.appsync-api...``), which on a laptop resolves to nothing. Here
  ``Dns.Http`` and ``Dns.Realtime`` are the emulator's own address with a path that names the API, so that
  ``http://{Dns.Http}/event`` and ``ws://{Dns.Realtime}/event/realtime`` work.
* It takes any signature on a WebSocket for a good one, and asks no policy about events. AWS checks
  ``appsync:EventConnect`` on the API and ``appsync:EventPublish`` and ``appsync:EventSubscribe`` on the channel
  namespace (service authorization reference, "AWS AppSync"); a client signs a ``POST`` to the HTTP endpoint whose
  body names the channel (AppSync Events developer guide, "Understanding the Event API WebSocket protocol").

* It takes any text for a user's token. AWS checks whether the token is of the API's user pool, and has not ended.
* It keeps the code of a channel namespace's ``onSubscribe`` and does not run it. Here Node does
  (:mod:`local.emulator.channel_handlers`), whoever subscribes, but for the session's own key: it owns the account, and
  belongs to no role that a handler could name.

Signing in by IAM and by user pool is emulated.
"""

import asyncio
import hashlib
import json
import logging
import os
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import apigateway, appsync_events
from ministack.services.cloudformation import provisioners

from local.access.signatures import Claim, Refused, SignedRequest, check
from local.emulator.channel_handlers import ChannelHandlers, HandlerFailed
from local.emulator.patches.recorded import add_resource_type

log = logging.getLogger(__name__)

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


def brings_token(scope: Scope) -> bool:
    """Whether a WebSocket is opened to the feed by somebody with a token, which is checked before it is accepted."""
    return bool(_REALTIME_PATH.match(scope["path"])) and _token_of(_connecting(scope)) is not None


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
    handlers = ChannelHandlers(Path(os.environ["TMPDIR"]) / "channel-handlers")

    async def authorise_by_policy(
        api_id: str, channel: str | None, operation: str, auth: Any, request_headers: Any = None
    ) -> tuple[bool, str | None]:
        # A request over HTTP has been through the policies by now.
        if request_headers is None:
            try:
                identity = await _identify(api_id, channel, operation, auth, secret_of)
                if operation == appsync_events.EVENT_SUBSCRIBE and channel is not None and identity is not None:
                    await _ask_handler(handlers, api_id, channel, identity)
            except Refused:
                return False, "You are not authorized to make this call."
        answer: tuple[bool, str | None] = await authorise(api_id, channel, operation, auth, request_headers)
        return answer

    async def converse_if_allowed(scope: Scope, receive: Any, send: Send, api_id: str, *more: Any) -> None:
        try:
            await _identify(api_id, None, appsync_events.EVENT_CONNECT, _connecting(scope), secret_of)
        except Refused as refused:
            log.warning("refused WebSocket %s: %s", scope["path"], refused.code)
            await send({"type": "websocket.close", "code": 1008})
        else:
            await converse(scope, receive, send, api_id, *more)

    appsync_events._authorize_event_op = authorise_by_policy
    appsync_events._handle_websocket_in_api_scope = converse_if_allowed


async def _identify(
    api_id: str, channel: str | None, operation: str, auth: Any, secret_of: Callable[[Claim], str]
) -> Mapping[str, Any] | None:
    """Who may do this, as handlers are told; None for the account's owner.

    Raises:
        Refused: Nobody that may.
    """
    token = _token_of(auth)
    if token is not None:
        claims = await _claims(api_id, token)
        return {"sub": claims.get("sub"), "username": claims.get("username"), "claims": claims}
    key = check(_signed(api_id, channel, auth), secret_of).access_key_id
    arn = _resource(api_id, channel)
    if iam_evaluator.enforce(key, _ACTIONS[operation], "appsync-events", get_region(), resource_arn=arn) is not None:
        raise Refused("AccessDenied", "The policies do not allow it.")
    if iam_evaluator.is_root_access_key(key):
        return None
    found = iam_evaluator.resolve_credential(key)
    return {"accountId": get_account_id(), "userArn": getattr(found, "principal_arn", "")}


async def _ask_handler(handlers: ChannelHandlers, api_id: str, channel: str, identity: Mapping[str, Any]) -> None:
    """Ask the namespace's handler, if it has one.

    Raises:
        Refused: It refuses, or fails.
    """
    namespaces = appsync_events._channel_namespaces.get(api_id, {})
    code = (namespaces.get(appsync_events._channel_namespace_for(channel)) or {}).get("codeHandlers")
    if not code:
        return
    try:
        [admitted] = await asyncio.to_thread(handlers.admit, code, identity, [channel])
    except HandlerFailed as failed:
        log.warning("%s", failed)
        admitted = False
    if not admitted:
        raise Refused("UnauthorizedException", "The handler refuses it.")


def _token_of(auth: Any) -> str | None:
    """The token of a user, where nothing is signed by IAM."""
    if not isinstance(auth, dict):
        return None
    told = auth.get("Authorization") or auth.get("authorization")
    return told if isinstance(told, str) and not told.startswith("AWS4-") else None


async def _claims(api_id: str, token: str) -> Mapping[str, Any]:
    """What a token says that one of the API's user pools has issued.

    Raises:
        Refused: There is no such pool, or the token is tampered with, or has ended.
    """
    config = (appsync_events._apis.get(api_id) or {}).get("eventConfig") or {}
    for provider in config.get("authProviders") or []:
        pool = provider.get("cognitoConfig")
        if pool:
            issuer = f"https://cognito-idp.{pool['awsRegion']}.amazonaws.com/{pool['userPoolId']}"
            source = {"identitySource": ["$request.header.authorization"], "jwtConfiguration": {"issuer": issuer}}
            claims, _, _ = await apigateway._validate_jwt_authorizer({}, source, {"authorization": token}, {})
            if claims is not None:
                return dict(claims)
    raise Refused("UnauthorizedException", "The token is none of the API's user pool.")


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
