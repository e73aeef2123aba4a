from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack

import pytest
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from tests.local.speech.live.conftest import STEREO, Streams
from tests.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def refused(streams: Streams, *args: object, **options: object) -> Response:
    with pytest.raises(InvalidStatus) as caught:
        async with streams.connect(*args, **options):  # type: ignore[arg-type]
            pass
    answer = caught.value.response
    assert answer.headers["dg-request-id"]
    return answer


async def test_a_stream_is_accepted_with_its_request_id_and_without_compression(streams: Streams) -> None:
    async with streams.connect() as socket:
        assert socket.response is not None
        assert socket.response.headers["dg-request-id"]
        assert socket.protocol.extensions == []


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (STEREO | {"custom_vocabulary": "x"}, "`custom_vocabulary`"),
        (STEREO | {"sentiment": "true"}, "`sentiment`"),
        (STEREO | {"interim_results": "yes"}, "interim_results"),
        (STEREO | {"utterance_end_ms": "1000"}, "`utterance_end_ms`"),
        (STEREO | {"model": "nova-9"}, "model/language/tier"),
    ],
)
async def test_a_bad_query_is_refused_in_the_header_and_the_body_alike(
    streams: Streams, parameters: dict[str, str], said: str
) -> None:
    answer = await refused(streams, parameters)
    body = json.loads(answer.body)
    assert answer.status_code == 400
    assert said in body["err_msg"]
    assert answer.headers["dg-error"] == body["err_msg"]
    assert answer.headers["dg-request-id"] == body["request_id"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Token other"}, {"Authorization": "Basic any"}])
async def test_a_stream_without_the_key_is_refused(streams: Streams, headers: dict[str, str]) -> None:
    answer = await refused(streams, STEREO, headers)
    assert (answer.status_code, answer.headers["dg-error"]) == (401, "Invalid credentials.")


async def test_the_key_may_come_as_a_sub_protocol(streams: Streams) -> None:
    async with streams.connect(STEREO, {}, subprotocols=["token", "any"]) as socket:
        assert socket.subprotocol == "token"


async def test_more_streams_than_the_limit_are_refused_and_one_that_ends_makes_room(streams: Streams) -> None:
    async with AsyncExitStack() as opened:
        for _ in range(3):
            await opened.enter_async_context(streams.connect())
        assert (await refused(streams)).status_code == 429
    await streams.journal()
    async with streams.connect():
        pass
    assert [entry["status"] for entry in await streams.journal()] == [101, 101, 101, 429, 101]


async def test_refusals_happen_in_the_order_in_which_they_were_ordered(streams: Streams) -> None:
    await streams.order(
        "tag=call-17",
        {"status": 503, "headers": {"Retry-After": "2"}},
        {"status": 402},
        {"status": 429, "body": {"err_msg": "Slow down."}},
        {"status": 500, "text": "<html>"},
    )
    tagged = STEREO | {"tag": ["clinic-7", "call-17"]}
    async with streams.connect(STEREO | {"tag": "call-18"}):
        pass
    answers = [await refused(streams, tagged) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [503, 402, 429, 500]
    assert answers[0].headers["Retry-After"] == "2"
    assert "credits" in answers[1].headers["dg-error"]
    assert answers[2].headers["dg-error"] == "Slow down."
    assert answers[3].body == b"<html>"
    async with streams.connect(tagged):
        pass
    assert [entry["faults"] for entry in await streams.journal()] == [[], ["503"], ["402"], ["429"], ["500"], []]


async def test_a_handshake_may_get_no_answer(streams: Streams) -> None:
    await streams.order("", {"action": "hang"})
    waiting = asyncio.ensure_future(streams.connect().__aenter__())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not any("hang" in entry.faults for entry in streams.live.journal.entries):
            await asyncio.sleep(0.01)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (await streams.journal())[0]["status"] is None


async def test_an_engine_that_knows_recordings_only_refuses_streams(streams: Streams) -> None:
    streams.live.engine = None
    answer = await refused(streams)
    assert (answer.status_code, "does not transcribe streams" in answer.headers["dg-error"]) == (400, True)
