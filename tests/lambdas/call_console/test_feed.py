"""The page's connection to the live feed, in Node: what it tells of it, and when it opens another one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lambdas.call_console.page_module import run_with

_RUN = """
import { Feed } from %s
const happens = JSON.parse(process.argv[1])
const sockets = [], timers = [], states = [], events = []
globalThis.setTimeout = (run, ms) => timers.push({ run, ms })
globalThis.clearTimeout = (number) => { if (number) delete timers[number - 1] }
globalThis.WebSocket = class {
  constructor() { this.sent = []; sockets.push(this) }
  send(text) { this.sent.push(JSON.parse(text)) }
  close() { this.closed = true }
}
const settled = () => new Promise((done) => setImmediate(done))
const addresses = { http: 'https://feed.example/event', realtime: 'wss://feed.example/event/realtime' }
const feed = new Feed(addresses, '/calls/harbour/x', {
  token: async () => 'token', onEvent: (event) => events.push(event), onState: (state) => states.push(state),
})
await settled()
for (const what of happens) {
  const socket = sockets.at(-1)
  if (what === 'opened') socket.onopen()
  else if (what === 'closed') socket.onclose?.()
  else if (what === 'close') feed.close()
  else if (what === 'time') { for (const timer of timers.splice(0)) timer?.run(); await settled() }
  else socket.onmessage?.({ data: JSON.stringify(what) })
}
const open = sockets.filter(({ closed }) => !closed).length
console.log(JSON.stringify({ states, events, sent: sockets[0].sent, sockets: sockets.length, open }))
"""
SUBSCRIBED = {"type": "subscribe_success", "id": "1"}


def after(*happens: str | dict[str, Any]) -> dict[str, Any]:
    """What the page was told, and what it did, after this has happened to its connection.

    `time` is all the time for which something waits.
    """
    told: dict[str, Any] = run_with("feed.js", _RUN, happens)
    return told


def test_it_subscribes_with_the_users_token_and_hands_on_what_comes() -> None:
    said = {"type": "interim", "text": "he"}
    told = after("opened", SUBSCRIBED, {"type": "data", "event": ['{"type": "interim", "text": "he"}']})
    assert [message["type"] for message in told["sent"]] == ["connection_init", "subscribe"]
    assert told["sent"][1]["channel"] == "/calls/harbour/x"
    assert told["sent"][1]["authorization"] == {"host": "feed.example", "Authorization": "token"}
    assert (told["states"], told["events"]) == (["open"], [said])


@pytest.mark.parametrize("refusal", ["connection_error", "subscribe_error"])
def test_a_refusal_is_told_as_one_until_it_is_over(refusal: str) -> None:
    refused = {"type": refusal, "errors": [{"errorType": "UnauthorizedException"}]}
    assert after("opened", refused, "closed")["states"] == ["refused"]
    again = after("opened", refused, "closed", "time", "opened")
    assert (again["states"], again["sockets"], again["open"]) == (["refused"], 2, 1)
    assert after("opened", refused, "time", "opened", SUBSCRIBED)["states"] == ["refused", "open"]


def test_a_connection_that_is_lost_or_silent_is_opened_again() -> None:
    for end in ("closed", "time", {"type": "broadcast_error"}):
        told = after("opened", SUBSCRIBED, end, "time", "opened", SUBSCRIBED)
        assert told["states"] == ["open", "lost", "open"], end
        assert (told["sockets"], told["open"]) == (2, 1)


def test_one_that_is_closed_stays_so() -> None:
    told = after("opened", SUBSCRIBED, "close", "closed", "time")
    assert (told["states"], told["sockets"], told["open"]) == (["open"], 1, 0)
