"""HTTP APIs and the sign-in of Cognito: reached on loopback, by whoever has a browser.

* MiniStack tells APIs apart by the name of the host (``ID.execute-api…``), which on a laptop resolves to nothing. Here
  ``ApiEndpoint`` is the emulator's own address with a path that names the API.
* A browser signs no request. The pages of the sign-in, the keys that tokens are checked with, and an HTTP API, whose
  routes have authorizers of their own, are for everybody on AWS, too. Everything that could make MiniStack take such a
  request for one of another service stays behind: only headers that browsers need get through.
"""

import os
import re
from collections.abc import Mapping
from typing import Any

from ministack.services import apigateway, cognito
from ministack.services.cloudformation import provisioners
from starlette.types import Scope

_API = re.compile(r"/_aws/execute-api/(?P<api>[a-z0-9]+)/.*")
_KEYS = re.compile(r"/(?P<pool>[\w-]+)/\.well-known/(?:jwks\.json|openid-configuration)")
_SIGN_IN = {("GET", "/oauth2/authorize"), ("POST", "/login"), ("POST", "/oauth2/token"), ("GET", "/logout")}
_HEADERS = frozenset(
    (b"host", b"accept", b"accept-encoding", b"content-length", b"content-type", b"if-none-match", b"user-agent")
)
_TYPE = "AWS::ApiGatewayV2::Api"


def apply() -> None:
    """Apply what this module describes."""
    handlers = provisioners._RESOURCE_HANDLERS[_TYPE]
    for operation in ("create", "update"):
        handlers[operation] = _on_loopback(handlers[operation])


def is_public(scope: Scope) -> bool:
    """Whether a request is for everybody: it names an HTTP API that there is, or a page of the sign-in."""
    method, path = scope["method"], scope["path"]
    if found := _API.fullmatch(path):
        return apigateway._apis.get(found["api"]) is not None
    if found := _KEYS.fullmatch(path):
        return method == "GET" and cognito._get_pool_unscoped(found["pool"]) is not None
    return (method, path) in _SIGN_IN


def public(scope: Scope) -> Scope:
    """A request for everybody with what it needs: a token, and no signature of AWS's."""
    headers = [
        (name, value)
        for name, value in scope["headers"]
        if name.lower() in _HEADERS or (name.lower() == b"authorization" and value.lower().startswith(b"bearer "))
    ]
    return {**scope, "headers": headers}


def _on_loopback(operation: Any) -> Any:
    def deploy(*arguments: Any, **options: Any) -> tuple[str, Mapping[str, Any]]:
        api_id, attributes = operation(*arguments, **options)
        address = f"http://{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}/_aws/execute-api/{api_id}"
        apigateway._apis[api_id]["apiEndpoint"] = address
        return api_id, {**attributes, "ApiEndpoint": address}

    return deploy
