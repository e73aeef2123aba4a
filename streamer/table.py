"""The requests to DynamoDB that calls make all the time, without botocore's client.

That takes several times the CPU for each: it validates, serialises and parses by a model of the service, and asks its
hooks at every step (docs/decisions/0084). Signatures, credentials and the endpoint, as the environment sets it, are
botocore's all the same. Source: Amazon DynamoDB Developer Guide, "DynamoDB low-level API".
"""

from __future__ import annotations

from typing import Any, Final

import orjson
from botocore.exceptions import ClientError, HTTPClientError, ReadTimeoutError

from streamer.aws import Signer
from streamer.http import HttpClient

_SECONDS: Final = 13.0
"""Longest wait for an answer."""


class TableRequests:
    """Asks DynamoDB, once: whoever asks repeats what may be repeated. Requests and answers are those of its API.

    Args:
        client: aiobotocore's client of DynamoDB, which knows the endpoint.
        signer: Signs them.
        http: Sends the requests.
    """

    def __init__(self, client: Any, *, signer: Signer, http: HttpClient) -> None:
        self._url = str(client.meta.endpoint_url)
        self._signer = signer
        self._http = http

    async def transact_write_items(self, **request: Any) -> dict[str, Any]:
        """Write several items, or none."""
        return await self._ask("TransactWriteItems", request)

    async def update_item(self, **request: Any) -> dict[str, Any]:
        """Change an item."""
        return await self._ask("UpdateItem", request)

    async def get_item(self, **request: Any) -> dict[str, Any]:
        """Read an item."""
        return await self._ask("GetItem", request)

    async def query(self, **request: Any) -> dict[str, Any]:
        """Read a page of items."""
        return await self._ask("Query", request)

    async def _ask(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Ask once, and once more where only the time of the signature was wrong.

        Raises:
            ClientError: DynamoDB refuses.
            BotoCoreError: It is out of reach, or there are no credentials.
        """
        body = orjson.dumps(request)
        status, content, mistimed = await self._send(operation, body)
        if mistimed:
            status, content, _ = await self._send(operation, body)
        try:
            answer = orjson.loads(content)
        except orjson.JSONDecodeError:
            answer = None
        if status != 200:
            raise _refusal(operation, status, answer if isinstance(answer, dict) else {})
        if not isinstance(answer, dict):
            raise HTTPClientError(error="the answer cannot be read")
        return answer

    async def _send(self, operation: str, body: bytes) -> tuple[int, bytes, bool]:
        """Return the status of an answer, its body, and whether it was refused for its time alone."""
        headers = await self._signer.sign(
            service="dynamodb",
            url=self._url,
            headers={"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"DynamoDB_20120810.{operation}"},
            body=body,
        )
        try:
            answer = await self._http.send("POST", self._url, headers=headers, body=body, seconds=_SECONDS)
        except TimeoutError:
            raise ReadTimeoutError(endpoint_url=self._url) from None
        except OSError as error:
            raise HTTPClientError(error=type(error).__name__) from None
        mistimed = 400 <= answer.status < 500 and self._signer.refused(headers, date=answer.date)
        return answer.status, answer.content, mistimed


def _refusal(operation: str, status: int, answer: dict[str, Any]) -> ClientError:
    """Return the error that botocore would raise."""
    code = str(answer.get("__type", "")).rpartition("#")[2] or str(status)
    response: Any = {
        "Error": {"Code": code, "Message": str(answer.get("message") or answer.get("Message") or "")},
        "CancellationReasons": answer.get("CancellationReasons") or [],
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, operation)
