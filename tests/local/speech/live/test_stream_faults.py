from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError

from local.speech.live.connection import MALFORMED
from tests.local.speech.live.audio import SECOND, spoken, words
from tests.local.speech.live.conftest import MONO, Streams, finals, send_audio, serving_frames, until_closed
from tests.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Three utterances of ten frames.
AUDIO = b"".join(spoken(range(first, first + 10)) + SECOND for first in (0, 10, 20))
SAID = [words(range(first, first + 10)) for first in (0, 10, 20)]


async def heard(streams: Streams, **parameters: str) -> tuple[list[Any], int | None]:
    """Stream the three utterances; return the messages and how the stream was closed."""
    async with streams.connect(MONO | {"interim_results": "false"} | parameters) as socket:
        try:
            await send_audio(socket, AUDIO, 320)
            await socket.send('{"type": "CloseStream"}')
        except ConnectionClosedError:
            pass
        return await until_closed(socket), socket.close_code


async def test_a_stream_is_closed_in_place_of_a_final(streams: Streams) -> None:
    await streams.order("", {"action": "close", "code": 1008, "reason": "DATA-0000", "at_final": 2})
    messages, code = await heard(streams)
    assert (finals(messages), code) == (SAID[:1], 1008)
    assert finals((await heard(streams))[0]) == SAID
    first, second = await streams.journal()
    assert (first["faults"], first["close_reason"], first["closed_by"]) == (["close"], "DATA-0000", "server")
    assert second["faults"] == []


async def test_a_stream_is_closed_after_so_much_audio(streams: Streams) -> None:
    await streams.order("", {"action": "close", "after": 0.5})
    messages, code = await heard(streams)
    assert (finals(messages), code) == ([], 1011)
    assert (await streams.journal())[0]["audio_seconds"] == 0.5


async def test_a_reset_has_no_close_frame(streams: Streams) -> None:
    await streams.order("", {"action": "reset", "at_final": 2})
    async with streams.connect(MONO) as socket:
        with pytest.raises(ConnectionClosedError) as caught:
            await send_audio(socket, AUDIO * 100, 320)
        assert caught.value.rcvd is None
    assert (await streams.journal())[0]["close_code"] == 1006


async def test_a_stall_holds_back_what_was_to_be_said(streams: Streams) -> None:
    await streams.order("", {"action": "stall", "at_final": 2, "seconds": 0.3})
    began = time.monotonic()
    messages, code = await heard(streams)
    assert time.monotonic() - began >= 0.3
    assert (finals(messages), messages[-1]["type"], code) == (SAID, "Metadata", 1000)


async def test_a_stall_without_end_takes_audio_and_says_nothing(streams: Streams) -> None:
    await streams.order("", {"action": "stall", "seconds": None})
    async with streams.connect(MONO) as socket:
        await send_audio(socket, AUDIO)
        await socket.send('{"type": "CloseStream"}')
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.2)
    (entry,) = await streams.journal()
    assert (entry["audio_seconds"], entry["closed_by"]) == (len(AUDIO) / 16000, "client")


async def test_a_half_open_connection_takes_nothing_and_does_not_end() -> None:
    async with serving_frames() as streams:
        await streams.order("", {"action": "half-open", "after": 0.1})
        async with streams.connect(MONO, close_timeout=0.1) as socket:
            await send_audio(socket, AUDIO[:3200])
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not streams.live.journal.entries[0].faults:
                    await asyncio.sleep(0.01)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(await socket.ping(), 0.2)
            assert socket.close_code is None


async def test_messages_may_come_late_and_stay_in_order(streams: Streams) -> None:
    await streams.order("", {"action": "late", "seconds": 0.3})
    began = time.monotonic()
    messages, _ = await heard(streams)
    assert time.monotonic() - began >= 0.3
    assert finals(messages) == SAID


@pytest.mark.parametrize(("action", "arrives"), [("malformed-json", MALFORMED), ("wrong-types", "soon")])
async def test_a_final_may_arrive_unreadable(streams: Streams, action: str, arrives: str) -> None:
    await streams.order("", {"action": action, "at_final": 2})
    messages, code = await heard(streams)
    spoiled = [m for m in messages if m == MALFORMED or (isinstance(m, dict) and m.get("start") == "soon")]
    assert len(spoiled) == 1
    assert arrives in str(spoiled[0])
    assert (finals(messages), code) == ([SAID[0], SAID[2]], 1000)


async def test_a_final_may_arrive_twice(streams: Streams) -> None:
    await streams.order("", {"action": "duplicate", "at_final": 2})
    assert finals((await heard(streams))[0]) == [SAID[0], SAID[1], SAID[1], SAID[2]]


async def test_unknown_messages_and_errors_may_come_in_between_and_metadata_be_missing(streams: Streams) -> None:
    await streams.order("", {"action": "unknown-message", "after": 1.0})
    await streams.order("tag=x", {"action": "error-message", "at_final": 3})
    await streams.order("", {"action": "no-metadata"})
    messages, code = await heard(streams, tag="x")
    kinds = [message["type"] for message in messages]
    assert (kinds.count("Annotation"), kinds.count("Error"), kinds.count("Metadata"), code) == (1, 1, 0, 1000)
    assert finals(messages) == SAID


async def test_the_nth_stream_is_met_after_answers(streams: Streams) -> None:
    await streams.order("", {"action": "answer", "times": 2}, {"action": "close"})
    codes = [(await heard(streams))[1] for _ in range(4)]
    assert codes == [1000, 1000, 1011, 1000]


async def test_orders_and_streams_are_forgotten_on_request(streams: Streams) -> None:
    await streams.order("", {"action": "close", "times": None})
    async with streams.client() as http:
        assert (await http.post("/_local/streams/faults", content=b"{")).status_code == 400
        assert (await http.delete("/_local/streams")).status_code == 204
    assert (await heard(streams))[1] == 1000
    assert len(await streams.journal()) == 1
    json.dumps(streams.live.journal.report())
