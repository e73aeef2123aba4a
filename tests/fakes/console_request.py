"""Requests of the console as an HTTP API hands them on: payload format 2.0, the token checked by its authorizer."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode


def console_request(
    path: str,
    *,
    groups: str | None = None,
    user: str = "ann",
    method: str = "GET",
    query: dict[str, str] | None = None,
    body: Any = None,
    headers: dict[str, str] | None = None,
    client: str = "client",
) -> dict[str, Any]:
    """Return the event of a request.

    Args:
        path: Path below the console's address.
        groups: The claim `cognito:groups`, as the API writes it; None leaves it out.
        user: Name of the user.
        method: Method of HTTP.
        query: Parameters of the address.
        body: What is sent, as JSON.
        headers: Headers, in lower case.
        client: What of the user pool the user has signed in to: the page, or a program.
    """
    claims = {"sub": "5b0c", "username": user, "token_use": "access", "client_id": client}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "ANY /api/{proxy+}",
        "rawPath": path,
        "rawQueryString": urlencode(query or {}),
        "headers": headers or {},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "api",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "t"},
            "requestId": "id",
            "routeKey": "ANY /api/{proxy+}",
            "stage": "$default",
            "time": "20/Nov/2026:10:00:00 +0000",
            "timeEpoch": 1795000000000,
        },
        "isBase64Encoded": False,
    }
    if path.startswith("/api/"):
        told = claims if groups is None else {**claims, "cognito:groups": groups}
        event["requestContext"]["authorizer"] = {"jwt": {"claims": told, "scopes": ["openid"]}}
    if query:
        event["queryStringParameters"] = query
    if body is not None:
        event["body"] = json.dumps(body)
    return event
