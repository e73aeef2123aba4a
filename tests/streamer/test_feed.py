import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiobotocore.session import AioSession
from botocore.exceptions import CredentialRetrievalError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from callscribe.contract.metrics import StreamerCount
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.conversation.reliability import Reason, Reliability, ReliabilityLevel
from callscribe.conversation.utterances import Role
from callscribe.live.call import LiveStatus, LiveUtterance
from streamer.aws import Signer
from streamer.feed import MAX_WAITING, AppSyncPublisher, CallFeed, NotPublished
from streamer.http import HttpClient
from streamer.metrics import Metrics
from streamer.speech import InterimResult
from tests.fakes.serving import serving
from tests.patience import PATIENCE_SECONDS


def utterance(seq: int, *, channel: int = 0) -> LiveUtterance:
    return LiveUtterance(
        seq=seq,
        channel=channel,
        role=Role.CUSTOMER,
        text=f"word {seq}",
        start=seq,
        end=seq + 0.5,
        confidence=0.9,
        word_count=2,
        speech_final=True,
    )


def interim(text: str, *, channel: int = 0) -> InterimResult:
    return InterimResult(channel=channel, text=text, start=0.0, end=1.0)


@dataclass
class Subscribers:
    """What has been published; each request waits until it is let through."""

    requests: list[list[dict[str, Any]]] = field(default_factory=list)
    failures: int = 0
    let_through: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, channel: str, events: list[str]) -> None:
        await self.let_through.wait()
        if self.failures:
            self.failures -= 1
            raise NotPublished("503")
        self.requests.append([json.loads(event) for event in events])


@pytest.fixture
def subscribers() -> Subscribers:
    return Subscribers()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(service="live", slots=1, stream=io.StringIO())


@pytest.fixture
def feed(subscribers: Subscribers, metrics: Metrics) -> CallFeed:
    return CallFeed(publisher=subscribers, channel="/calls/harbour/call-7", metrics=metrics, jitter=lambda: 0.0)


def dropped(metrics: Metrics) -> float:
    return metrics._counts[StreamerCount.FEED_DROPPED]


async def finish(feed: CallFeed) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        feed.close()
        await feed.run()


async def test_final_words_go_five_at_a_time_and_in_order(feed: CallFeed, subscribers: Subscribers) -> None:
    subscribers.let_through.set()
    so_far = Reliability(level=ReliabilityLevel.DOUBTFUL, reasons=(Reason.SHORT,))
    feed.finals([utterance(seq) for seq in range(1, 8)], so_far)
    await finish(feed)
    assert [[event["seq"] for event in request] for request in subscribers.requests] == [[1, 2, 3, 4, 5], [6, 7]]
    assert feed.published_seq == 7
    assert subscribers.requests[0][0] == {
        "schema_version": SCHEMA_VERSION,
        "type": "final",
        "seq": 1,
        "channel": 0,
        "role": "customer",
        "text": "word 1",
        "start": 1,
        "end": 1.5,
        "confidence": 0.9,
        "word_count": 2,
        "speech_final": True,
        "languages": [],
        "reliability": {"level": "doubtful", "reasons": ["short"]},
    }


async def test_only_the_newest_interim_words_of_a_channel_wait(feed: CallFeed, subscribers: Subscribers) -> None:
    running = asyncio.create_task(feed.run())
    feed.interim(interim("good"))
    feed.interim(interim("good morning"))
    feed.interim(interim("hello", channel=1))
    subscribers.let_through.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not subscribers.requests:
            await asyncio.sleep(0)
    running.cancel()
    assert [event["text"] for event in subscribers.requests[0]] == ["good morning", "hello"]
    assert subscribers.requests[0][1]["role"] == "agent"


async def test_interim_words_take_turns_and_final_ones_do_not_wait(feed: CallFeed, subscribers: Subscribers) -> None:
    subscribers.let_through.set()
    running = asyncio.create_task(feed.run())

    async def requests(count: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(subscribers.requests) < count:
                await asyncio.sleep(0)

    feed.interim(interim("good"))
    await requests(1)
    feed.interim(interim("good morning"))
    feed.interim(interim("hello", channel=1))
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(subscribers.requests) == 1
    feed.finals([utterance(1)])
    await requests(2)
    running.cancel()
    assert [(event["type"], event["text"]) for event in subscribers.requests[1]] == [
        ("final", "word 1"),
        ("interim", "hello"),
    ]


async def test_interim_words_wait_their_turn_after_final_ones_as_well(feed: CallFeed, subscribers: Subscribers) -> None:
    subscribers.let_through.set()
    running = asyncio.create_task(feed.run())
    feed.finals([utterance(1)])
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not subscribers.requests:
            await asyncio.sleep(0)
    feed.interim(interim("good"))
    for _ in range(50):
        await asyncio.sleep(0)
    running.cancel()
    assert len(subscribers.requests) == 1


async def test_final_words_replace_the_interim_ones(feed: CallFeed, subscribers: Subscribers) -> None:
    subscribers.let_through.set()
    feed.interim(interim("word"))
    feed.finals([utterance(1)])
    await finish(feed)
    assert [event["type"] for request in subscribers.requests for event in request] == ["final"]


async def test_final_words_are_sent_again(feed: CallFeed, subscribers: Subscribers, metrics: Metrics) -> None:
    subscribers.failures = 3
    subscribers.let_through.set()
    feed.finals([utterance(1)])
    await finish(feed)
    assert (len(subscribers.requests), dropped(metrics)) == (1, 0)


async def test_a_feed_that_is_down_costs_its_events_only(
    feed: CallFeed, subscribers: Subscribers, metrics: Metrics
) -> None:
    subscribers.failures = 4
    subscribers.let_through.set()
    feed.finals([utterance(1)])
    await finish(feed)
    assert (subscribers.requests, dropped(metrics), feed.published_seq) == ([], 1, 0)


async def test_a_slow_feed_keeps_the_newest_and_counts_the_rest(
    feed: CallFeed, subscribers: Subscribers, metrics: Metrics
) -> None:
    feed.finals(utterance(seq) for seq in range(1, MAX_WAITING + 11))
    assert dropped(metrics) == 10
    subscribers.let_through.set()
    await finish(feed)
    assert subscribers.requests[0][0]["seq"] == 11


async def test_without_a_feed_nothing_waits(metrics: Metrics) -> None:
    feed = CallFeed(publisher=None, channel="/calls/harbour/call-7", metrics=metrics)
    feed.state(LiveStatus.STREAMING)
    feed.finals([utterance(1)])
    feed.interim(interim("good"))
    await feed.run()
    assert not feed._lasting
    assert not feed._interims


class Api:
    """The publishing side of an AppSync Events API."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, Any], str]] = []
        self.answer: tuple[int, Any] = (200, {"failed": [], "successful": []})

    async def event(self, request: Request) -> JSONResponse:
        self.requests.append((await request.json(), request.headers.get("authorization", "")))
        status, body = self.answer
        return JSONResponse(body, status)


@pytest.fixture
async def api() -> Api:
    return Api()


@pytest.fixture
async def publisher(api: Api) -> AsyncIterator[AppSyncPublisher]:
    session: Any = AioSession()  # type: ignore[no-untyped-call]
    session.set_credentials("AKIDEXAMPLE", "secret")
    app = Starlette(routes=[Route("/event", api.event, methods=["POST"])])
    async with serving(app) as url, HttpClient() as http:
        yield AppSyncPublisher(url=f"{url}/event", signer=Signer(session, region="eu-central-1"), http=http)


async def test_events_are_signed_for_appsync(api: Api, publisher: AppSyncPublisher) -> None:
    await publisher.publish("/calls/harbour/call-7", ['{"type":"state"}'])
    ((body, authorization),) = api.requests
    assert body == {"channel": "/calls/harbour/call-7", "events": ['{"type":"state"}']}
    assert authorization.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-central-1/appsync/aws4_request" in authorization


@pytest.mark.parametrize("answer", [(401, {}), (200, {"failed": [{"index": 0}], "successful": []}), (200, None)])
async def test_a_refusal_is_noticed(api: Api, publisher: AppSyncPublisher, answer: tuple[int, Any]) -> None:
    api.answer = answer
    with pytest.raises(NotPublished):
        await publisher.publish("/calls/harbour/call-7", ["{}"])


class Identity:
    """A session whose credentials cannot be had at the moment."""

    def __init__(self, failure: Exception | None) -> None:
        self._failure = failure

    async def get_credentials(self) -> None:
        if self._failure is not None:
            raise self._failure


@pytest.mark.parametrize("failure", [None, CredentialRetrievalError(provider="container-role", error_msg="timed out")])
async def test_credentials_that_are_away_for_a_moment_are_as_a_refusal(failure: Exception | None) -> None:
    async with HttpClient() as http:
        publisher = AppSyncPublisher(url="http://127.0.0.1:9", signer=Signer(Identity(failure), region="r"), http=http)
        with pytest.raises(NotPublished):
            await publisher.publish("/calls/harbour/call-7", ["{}"])
