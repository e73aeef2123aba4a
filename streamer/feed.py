"""Publish a call's words to those who watch it: AppSync Events, one channel for each call.

The feed is a convenience beside the table: it never blocks a call and never fails one. Final words are published after
they are stored and at least once; a subscriber passes over numbers it has and reads missing ones from the table. Of
the interim ones only the newest of each channel waits. Source: AWS AppSync Developer Guide, "Publish events via HTTP"
(at most five events in a request).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import orjson
from botocore.exceptions import BotoCoreError

from callscribe.contract.metrics import StreamerCount
from callscribe.conversation.reliability import Reliability
from callscribe.live.call import CHANNEL_ROLES, LiveStatus, LiveText, LiveUtterance
from callscribe.live.feed import FeedMessage, FinalMessage, InterimMessage, StateMessage
from callscribe.serialization import encode_json, shared
from streamer.aws import Signer
from streamer.http import HttpClient
from streamer.logs import failure
from streamer.metrics import Metrics
from streamer.speech import InterimResult

MAX_EVENTS: Final = 5
MAX_WAITING: Final = 1_000
"""Final events of one call that may wait; the oldest is then dropped, and can be read from the table."""

INTERIM_SECONDS: Final = 1.0
"""From one request of a call to the next with interim words alone; in between, newer words replace them."""

_ATTEMPTS: Final = 4
_FIRST_DELAY: Final = 0.5
_SECONDS: Final = 5.0
"""Longest wait for an answer."""
_log = logging.getLogger(__name__)


class NotPublished(Exception):
    """AppSync did not take an event; the text holds its status only."""


class Publisher(Protocol):
    """Sends events to a channel."""

    async def publish(self, channel: str, events: list[str]) -> None:
        """Send at most `MAX_EVENTS` events.

        Raises:
            NotPublished: AppSync refused them.
            OSError: It cannot be reached, or did not answer in time.
        """


class AppSyncPublisher:
    """Publishes to one AppSync Events API with the credentials of this process.

    Args:
        url: The API's HTTP endpoint, `https://…/event`.
        signer: Signs the requests.
        http: Sends the requests.
    """

    def __init__(self, *, url: str, signer: Signer, http: HttpClient) -> None:
        self._url = url
        self._signer = signer
        self._http = http

    async def publish(self, channel: str, events: list[str]) -> None:
        """Send at most `MAX_EVENTS` events."""
        body = orjson.dumps({"channel": channel, "events": events})
        headers = await self._signed(body)
        answer = await self._http.send("POST", self._url, headers=headers, body=body, seconds=_SECONDS)
        if answer.status != 200:
            if answer.status < 500:
                self._signer.refused(headers, date=answer.date)
            raise NotPublished(str(answer.status))
        try:
            told = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            told = None
        if not isinstance(told, dict) or told.get("failed"):
            raise NotPublished("some events failed")

    async def _signed(self, body: bytes) -> dict[str, str]:
        try:
            return await self._signer.sign(
                service="appsync", url=self._url, headers={"Content-Type": "application/json"}, body=body
            )
        except BotoCoreError as error:
            raise NotPublished(type(error).__name__) from None


class CallFeed:
    """The feed of one call.

    Args:
        publisher: Sends the events; `None` where there is no feed.
        channel: The call's channel.
        metrics: Counts what is dropped.
        published_seq: Utterances up to this one have been published.
        jitter: Returns a number from 0 to 1.
    """

    def __init__(
        self,
        *,
        publisher: Publisher | None,
        channel: str,
        metrics: Metrics,
        published_seq: int = 0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.published_seq = published_seq
        self._publisher = publisher
        self._channel = channel
        self._metrics = metrics
        self._jitter = jitter
        self._lasting: deque[tuple[int, str]] = deque()
        self._interims: dict[int, InterimResult] = {}
        self._something = asyncio.Event()
        self._turn = 0.0
        self._closing = False

    def interim(self, result: InterimResult) -> None:
        """Publish an interim result, unless a newer one of its channel comes before its turn."""
        if self._publisher is not None:
            self._interims[result.channel] = result
            self._something.set()

    def finals(self, utterances: Iterable[LiveUtterance], reliability: Reliability | None = None) -> None:
        """Publish stored words, with how reliable the call is so far; `None` where that is not known."""
        for utterance in utterances:
            self._interims.pop(utterance.channel, None)
            # Who follows a call reads texts; the table has the single words.
            self._put(utterance.seq, FinalMessage(**shared(LiveText, utterance), reliability=reliability))

    def state(self, status: LiveStatus) -> None:
        """Publish where the call stands."""
        self._put(0, StateMessage(status=status))

    def completed(self, *, complete: bool, reliability: Reliability) -> None:
        """Publish that the call is over."""
        self._put(0, StateMessage(status=LiveStatus.COMPLETED, complete=complete, reliability=reliability))

    async def run(self) -> None:
        """Publish until closed or cancelled."""
        if self._publisher is None:
            return
        while not (self._closing and not self._lasting):
            if self._lasting or (self._interims and _now() >= self._turn):
                await self._publish_some(self._publisher)
            else:
                await self._wait()

    def close(self) -> None:
        """Let `run` end once what has to be published is."""
        self._closing = True
        self._interims.clear()
        self._something.set()

    async def _wait(self) -> None:
        """Wait for final words, or for the turn of interim ones."""
        self._something.clear()
        try:
            async with asyncio.timeout_at(self._turn if self._interims else None):
                await self._something.wait()
        except TimeoutError:
            return

    def _put(self, seq: int, message: FeedMessage) -> None:
        if self._publisher is None:
            return
        if len(self._lasting) >= MAX_WAITING:
            self._lasting.popleft()
            self._metrics.add(StreamerCount.FEED_DROPPED)
        self._lasting.append((seq, _written(message)))
        self._something.set()

    async def _publish_some(self, publisher: Publisher) -> None:
        lasting = [self._lasting.popleft() for _ in range(min(MAX_EVENTS, len(self._lasting)))]
        interims = [self._interims.pop(channel) for channel in sorted(self._interims)[: MAX_EVENTS - len(lasting)]]
        self._turn = _now() + INTERIM_SECONDS
        events = [event for _, event in lasting] + [_interim_event(result) for result in interims]
        # Interim words are not worth a second try: newer ones follow.
        for attempt in range(_ATTEMPTS if lasting else 1):
            if attempt:
                await asyncio.sleep(_FIRST_DELAY * 2**attempt * self._jitter())
                events = [event for _, event in lasting]
            try:
                await publisher.publish(self._channel, events)
            except (OSError, NotPublished) as error:
                _log.debug("events are not published", extra=failure(error))
                continue
            self.published_seq = max([self.published_seq, *(seq for seq, _ in lasting)])
            return
        self._metrics.add(StreamerCount.FEED_DROPPED, len(lasting) or len(interims))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _interim_event(result: InterimResult) -> str:
    return _written(
        InterimMessage(
            channel=result.channel,
            role=CHANNEL_ROLES[result.channel],
            text=result.text,
            start=result.start,
            end=result.end,
        )
    )


def _written(message: FeedMessage) -> str:
    return encode_json(message).decode()
