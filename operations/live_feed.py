"""A listener to the live feed: the Event API's WebSocket, signed in by IAM.

Protocol: AppSync Events developer guide, "Understanding the Event API WebSocket protocol". A signature is that of a
``POST`` to the API's HTTP address whose body names the channel, or nothing for the connection itself.
"""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from msgspec import Meta
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_websocket
from websockets.typing import Subprotocol

from callscribe.contract.outputs import DeploymentOutput
from callscribe.serialization import InvalidData, decode_json, encode_json

from .environment import Environment

_PROTOCOL = Subprotocol("aws-appsync-event-ws")
_OPEN_SECONDS = 10.0
# The API speaks at least this often, if only to keep the connection alive (its "ka", every 60 s).
_SILENCE_SECONDS = 300.0
_LARGEST_MESSAGE = 2**20  # AppSync's own limit is 240 KB


class FeedUnavailable(Exception):
    """The feed cannot be listened to now; the message says why."""


class _FeedError(msgspec.Struct, rename={"kind": "errorType"}):
    kind: str = "unknown"


class _FeedMessage(msgspec.Struct):
    type: str = ""
    id: str = ""
    # The event's text, or a list of it alone: descriptions of the protocol differ.
    event: str | Annotated[list[str], Meta(min_length=1)] = ""
    errors: list[_FeedError] = []


class Subscriptions:
    """An open connection to the feed.

    Args:
        connection: The WebSocket.
        sign: Makes the authorization of a message with this body.
    """

    def __init__(self, connection: ClientConnection, sign: _Signer) -> None:
        self._connection = connection
        self._sign = sign
        self._numbers = itertools.count(1)
        self._heard_at = time.monotonic()

    def subscribe(self, channel: str) -> str:
        """Ask for a channel's events; returns the subscription's id, which :meth:`receive` gives with each event."""
        number = str(next(self._numbers))
        self._send({"type": "subscribe", "id": number, "channel": channel, "authorization": self._sign(channel)})
        return number

    def unsubscribe(self, number: str) -> None:
        """Have no more events of a channel."""
        self._send({"type": "unsubscribe", "id": number})

    def receive(self, timeout_seconds: float) -> tuple[str, Mapping[str, Any]] | None:
        """Wait for the next event.

        Returns:
            The subscription's id and the event; None when there was none in time, or something else came.

        Raises:
            FeedUnavailable: The connection is lost, or the API refused a subscription.
        """
        try:
            text = self._connection.recv(timeout=timeout_seconds)
        except TimeoutError:
            if time.monotonic() - self._heard_at > _SILENCE_SECONDS:
                raise FeedUnavailable("the feed fell silent") from None
            return None
        except (OSError, WebSocketException) as error:
            raise FeedUnavailable(f"the feed was lost: {type(error).__name__}") from error
        self._heard_at = time.monotonic()
        try:
            message = decode_json(_FeedMessage, text, "a message of the feed")
            if message.type.endswith("error"):
                raise FeedUnavailable(f"the feed refused: {', '.join(error.kind for error in message.errors)}")
            if message.type != "data":
                return None
            event = message.event[0] if isinstance(message.event, list) else message.event
            return message.id, decode_json(dict[str, Any], event, "an event of the feed")
        except InvalidData as invalid:
            raise FeedUnavailable(str(invalid)) from None

    def _send(self, message: Mapping[str, Any]) -> None:
        try:
            self._connection.send(encode_json(message).decode())
        except (OSError, WebSocketException) as error:
            raise FeedUnavailable(f"the feed was lost: {type(error).__name__}") from error


@contextmanager
def listen(target: Environment) -> Iterator[Subscriptions]:
    """Connect to the live feed of an environment.

    Raises:
        FeedUnavailable: It cannot be reached, or does not admit these credentials.
        UnusableEnvironment: The environment has no live feed, or there are no credentials.
    """
    url, realtime = (target.output(name) for name in (DeploymentOutput.FEED_HTTP, DeploymentOutput.FEED_REALTIME))
    sign = _Signer(target, url)
    header = base64.urlsafe_b64encode(encode_json(sign(None))).decode().rstrip("=")
    try:
        connection = open_websocket(
            realtime,
            subprotocols=[_PROTOCOL, Subprotocol(f"header-{header}")],
            open_timeout=_OPEN_SECONDS,
            max_size=_LARGEST_MESSAGE,
        )
    except (OSError, WebSocketException) as error:
        raise FeedUnavailable(f"the feed cannot be reached: {type(error).__name__}") from error
    with connection:
        yield Subscriptions(connection, sign)


class _Signer:
    """Signs in with the credentials of the environment's session, which may change while a listener runs."""

    def __init__(self, target: Environment, url: str) -> None:
        self._target = target
        self._url = url

    def __call__(self, channel: str | None) -> dict[str, str]:
        body = encode_json({} if channel is None else {"channel": channel})
        headers = {
            "accept": "application/json, text/javascript",
            "content-encoding": "amz-1.0",
            "content-type": "application/json; charset=UTF-8",
            "host": urlsplit(self._url).netloc,
        }
        request = AWSRequest("POST", self._url, data=body, headers=headers)
        SigV4Auth(self._target.credentials(), "appsync", self._target.session.region_name).add_auth(request)
        return dict(request.headers)
