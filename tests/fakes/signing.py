"""Requests signed with an access key, for httpx."""

from __future__ import annotations

from collections.abc import Generator

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.access.keys import AccessKey


class SigV4(httpx.Auth):
    """Signs what a client sends; of a body that is still coming nothing can be signed."""

    def __init__(self, key: AccessKey) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        try:
            body, headers = request.content, {}
        except httpx.RequestNotRead:
            body, headers = b"", {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
        unsigned = AWSRequest(request.method, str(request.url), headers=headers, data=body)
        credentials = Credentials(self._key.access_key_id, self._key.secret_access_key)
        SigV4Auth(credentials, "kinesisvideo", "us-east-1").add_auth(unsigned)
        request.headers.update(dict(unsigned.headers.items()))
        yield request
