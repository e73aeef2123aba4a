from __future__ import annotations

import asyncio
import json
import wave
from pathlib import Path
from typing import Any

import httpx
import pytest

from callscribe.live.call import EndReason
from local.kinesis_video.producer import CallInProgress, Calls
from local.kinesis_video.streams import Streams
from operations.verification.fragments import fragment_number
from streamer.media.call_media import CallMedia
from tests.patience import PATIENCE_SECONDS
from tests.streamer.media.calls import AGENT_PCM, CALL, CUSTOMER_PCM, OTHER_CALL, pcm_of, read, stereo

WHOLE = stereo(CUSTOMER_PCM, AGENT_PCM)
FAST = 1_000_000


def wav(folder: Path, pcm: bytes = WHOLE, *, channels: int = 2, rate: int = 8_000) -> str:
    path = folder / "call.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return str(path)


async def start(http: httpx.AsyncClient, folder: Path, **order: Any) -> dict[str, Any]:
    order = {"stream": "front-desk", "contact_id": CALL, "pace": FAST, "wav": order.get("wav") or wav(folder), **order}
    answer = await http.post("/_local/calls", json=order)
    assert answer.status_code == 201, answer.text
    state: dict[str, Any] = answer.json()
    return state


async def finished(http: httpx.AsyncClient, contact_id: str = CALL) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (state := (await http.get(f"/_local/calls/{contact_id}")).json())["state"] == "playing":
            await asyncio.sleep(0.01)
    assert isinstance(state, dict)
    return state


async def heard(http: httpx.AsyncClient, reader: CallMedia, stream: str = "front-desk") -> bytes:
    selector = {"StartSelectorType": "EARLIEST"}
    body = await http.post("/getMedia", json={"StreamName": stream, "StartSelector": selector})
    return pcm_of(read(reader, [body.content]))


async def test_a_recording_is_played_as_connect_would(http: httpx.AsyncClient, tmp_path: Path) -> None:
    state = await start(http, tmp_path)
    assert (state["start_fragment"], state["duration"]) == (fragment_number(1), 8.0)
    assert ":stream/front-desk/" in state["stream_arn"]
    ended = await finished(http)
    assert (ended["state"], ended["fragments"], ended["seconds"]) == ("ended", 8, 8.0)
    assert ended["last_fragment"] == fragment_number(8)
    reader = CallMedia(call_id=CALL)
    assert await heard(http, reader) == WHOLE
    assert reader.origin_ms == state["start_ms"]


async def test_the_stream_is_used_again_by_the_next_contact(http: httpx.AsyncClient, tmp_path: Path) -> None:
    await start(http, tmp_path, contact_id=OTHER_CALL)
    await finished(http, OTHER_CALL)
    state = await start(http, tmp_path)
    assert state["start_fragment"] == fragment_number(9)
    await finished(http)
    await start(http, tmp_path, contact_id="third")
    await finished(http, "third")
    reader = CallMedia(call_id=CALL)
    assert await heard(http, reader) == WHOLE
    assert reader.ended is EndReason.OTHER_CONTACT


async def test_a_recording_of_one_channel_is_the_customer_alone(http: httpx.AsyncClient, tmp_path: Path) -> None:
    await start(http, tmp_path, wav=wav(tmp_path, CUSTOMER_PCM, channels=1))
    await finished(http)
    assert await heard(http, CallMedia(call_id=CALL)) == stereo(CUSTOMER_PCM, b"")


async def test_a_call_that_is_hung_up_ends_with_its_fragment(tmp_path: Path, streams: Streams) -> None:
    order = {"stream": "front-desk", "contact_id": CALL, "wav": wav(tmp_path), "pace": 100}
    calls = Calls(streams)
    state = calls.start(order)
    with pytest.raises(CallInProgress):
        calls.start(order)
    assert calls.stop(CALL) == state
    async with asyncio.timeout(PATIENCE_SECONDS):
        while calls.state(CALL)["state"] == "playing":
            await asyncio.sleep(0.01)
    ended = calls.state(CALL)
    assert (ended["state"], ended["fragments"], ended["last_fragment"]) == ("stopped", 1, fragment_number(1))
    assert calls.start(order)["start_fragment"] == fragment_number(2)
    await calls.close()


async def test_one_contact_is_on_the_line_once(http: httpx.AsyncClient, tmp_path: Path) -> None:
    await start(http, tmp_path, pace=0.001)
    order = {"stream": "front-desk", "contact_id": CALL, "wav": wav(tmp_path)}
    assert (await http.post("/_local/calls", json=order)).status_code == 409
    assert (await http.delete(f"/_local/calls/{CALL}")).json()["state"] == "playing"
    assert (await http.delete("/_local/calls/unknown")).status_code == 404


@pytest.mark.parametrize(
    "order",
    [
        [],
        {"stream": "s", "contact_id": CALL},
        {"stream": "s", "contact_id": CALL, "wav": "/nonexistent.wav"},
        {"stream": "s", "contact_id": CALL, "wav": "WAV", "pace": 0},
        {"stream": "s", "contact_id": CALL, "wav": "WAV", "pace": "quick"},
        {"stream": "s", "contact_id": CALL, "wav": "WAV", "speed": 2},
    ],
)
async def test_a_call_that_cannot_be_played(http: httpx.AsyncClient, tmp_path: Path, order: Any) -> None:
    text = json.dumps(order).replace("WAV", wav(tmp_path))
    answer = await http.post("/_local/calls", content=text)
    assert answer.status_code == 400
    assert answer.json()["error"]


async def test_other_rates_are_not_connects(http: httpx.AsyncClient, tmp_path: Path) -> None:
    order = {"stream": "s", "contact_id": CALL, "wav": wav(tmp_path, rate=16_000)}
    assert (await http.post("/_local/calls", json=order)).status_code == 400
