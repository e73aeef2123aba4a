import json
from typing import Any, cast

import pytest
from websockets.sync.client import ClientConnection

from operations.live_feed import Subscriptions, _Signer


class Connection:
    """A WebSocket on which one message has arrived."""

    def __init__(self, message: dict[str, Any]) -> None:
        self._message = message

    def recv(self, timeout: float) -> str:
        return json.dumps(self._message)


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"type": "data", "id": "7", "event": '{"type":"state"}'}, ("7", {"type": "state"})),
        ({"type": "data", "id": "7", "event": ['{"type":"state"}']}, ("7", {"type": "state"})),
        ({"type": "ka"}, None),
    ],
)
def test_events_are_read_in_either_form(message: dict[str, Any], event: tuple[str, Any] | None) -> None:
    feed = Subscriptions(cast("ClientConnection", Connection(message)), cast("_Signer", None))
    assert feed.receive(1.0) == event
