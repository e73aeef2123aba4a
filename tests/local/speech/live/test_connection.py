from __future__ import annotations

import hashlib
import itertools
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from local.speech.live.connection import StreamLimits
from tests.local.speech.live.audio import SECOND, spoken, stereo, words
from tests.local.speech.live.conftest import MONO, STEREO, Streams, finals, send_audio, until, until_closed

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLOSE = '{"type": "CloseStream"}'


async def close(socket: ClientConnection) -> list[Any]:
    await socket.send(CLOSE)
    return await until_closed(socket)


def closing(socket: ClientConnection) -> tuple[int | None, str | None]:
    return socket.close_code, socket.close_reason


async def test_each_channel_is_heard_on_its_own_and_the_stream_ends_in_order(streams: Streams) -> None:
    audio = stereo(spoken(range(150)) + SECOND, SECOND + spoken(range(1000, 1010)) + SECOND)
    async with streams.connect() as socket:
        await send_audio(socket, audio, 1000)
        messages = await close(socket)
    assert finals(messages, 0) == [words(range(100)), words(range(100, 150))]
    assert finals(messages, 1) == [words(range(1000, 1010))]
    assert messages[-1]["type"] == "Metadata"
    assert messages[-1]["sha256"] == hashlib.sha256(audio).hexdigest()
    assert (messages[-1]["duration"], messages[-1]["channels"]) == (len(audio) / 32000, 2)
    assert closing(socket) == (1000, "")
    (entry,) = await streams.journal()
    assert [channel["numbers"] for channel in entry["channels"]] == [[[0, 149]], [[1000, 1009]]]
    assert [(c["seconds"], c["damaged"]) for c in entry["channels"]] == [(len(audio) / 32000, 0)] * 2
    assert (entry["controls"], entry["close_code"], entry["closed_by"]) == (["CloseStream"], 1000, "server")


async def test_final_passages_of_a_channel_cover_all_its_audio_without_gap_or_overlap(streams: Streams) -> None:
    audio = stereo(SECOND * 7 + spoken(range(130)) + SECOND * 6 + spoken([7]), bytes(2))
    async with streams.connect() as socket:
        await send_audio(socket, audio)
        messages = await close(socket)
    for channel in (0, 1):
        end = 0.0
        for message in messages[:-1]:
            if message["channel_index"][0] == channel and message["is_final"]:
                assert message["start"] == pytest.approx(end, abs=1e-6)
                end = message["start"] + message["duration"]
        assert end == pytest.approx(len(audio) / 32000, abs=1e-6)


@pytest.mark.parametrize("cut", [0, 1, 2])
async def test_a_stream_repeated_from_the_end_of_a_final_gives_the_same_words(streams: Streams, cut: int) -> None:
    audio = spoken(range(5, 230)) + SECOND + spoken(range(230, 260)) + SECOND
    async with streams.connect(MONO) as socket:
        await send_audio(socket, audio)
        whole = await close(socket)
    final = [m for m in whole if m["type"] == "Results" and m["is_final"]]
    begin = round((final[cut]["start"] + final[cut]["duration"]) * 8000)
    async with streams.connect(MONO) as socket:
        await send_audio(socket, audio[2 * begin :], 998)
        again = await close(socket)
    assert finals(again) == finals(whole)[cut + 1 :]


async def test_interim_results_grow_and_come_only_when_asked_for(streams: Streams) -> None:
    async with streams.connect(MONO) as socket:
        await send_audio(socket, spoken(range(90)))
        messages = await close(socket)
    interim = [m["channel"]["alternatives"][0]["transcript"] for m in messages[:-1] if not m["is_final"]]
    assert len(interim) >= 2
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(interim))
    async with streams.connect(MONO | {"interim_results": "false"}) as socket:
        await send_audio(socket, spoken(range(90)))
        assert all(message["is_final"] for message in (await close(socket))[:-1])


async def test_the_final_of_an_utterance_says_that_speech_is_over(streams: Streams) -> None:
    async with streams.connect(MONO) as socket:
        await send_audio(socket, SECOND + spoken(range(20)) + SECOND * 3)
        messages = await close(socket)
    ended = [m["speech_final"] for m in messages[:-1] if m["is_final"] and m["channel"]["alternatives"][0]["words"]]
    assert ended == [True]


async def test_without_endpointing_no_result_says_that_speech_is_final(streams: Streams) -> None:
    async with streams.connect(MONO | {"endpointing": "false"}) as socket:
        await send_audio(socket, spoken(range(20)) + SECOND)
        messages = await close(socket)
    assert finals(messages) == [words(range(20))]
    assert not any(message["speech_final"] for message in messages[:-1])


async def test_what_is_no_control_message_is_answered_with_an_error_and_the_stream_goes_on(streams: Streams) -> None:
    sent = ["KeepAlive", "{}", "[]", '{"type": "Stop"}', '{"type": "Configure", "keyterms": ["x"]}']
    async with streams.connect(MONO) as socket:
        for text in sent:
            await socket.send(text)
        await send_audio(socket, spoken([1]))
        messages = await close(socket)
    errors = [m for m in messages if m["type"] == "Error"]
    assert [(error["variant"], error["message"]) for error in errors] == [("SchemaError", text) for text in sent]
    assert finals(messages) == ["f1"]
    assert (await streams.journal())[0]["controls"] == ["(invalid)"] * 5 + ["CloseStream"]


async def test_an_empty_binary_message_closes_the_stream(streams: Streams) -> None:
    async with streams.connect(MONO) as socket:
        await send_audio(socket, spoken(range(3)))
        await socket.send(b"")
        messages = await until_closed(socket)
    assert finals(messages) == [words(range(3))]
    assert (messages[-1]["type"], socket.close_code) == ("Metadata", 1000)


@pytest.mark.parametrize("payload", [b"\0" * 641, b"OggS" + bytes(636)], ids=["within a sample", "another format"])
async def test_what_is_no_audio_of_the_announced_kind_closes_the_stream(streams: Streams, payload: bytes) -> None:
    async with streams.connect() as socket:
        await socket.send(payload)
        await until_closed(socket)
    assert closing(socket) == (1008, "DATA-0000")


async def test_audio_beyond_the_pace_is_noted_and_refused_where_that_is_wanted(streams: Streams) -> None:
    async with streams.connect() as socket:
        await send_audio(socket, stereo(SECOND * 4))
        await close(socket)
    (entry,) = await streams.journal()
    assert 1.0 < entry["ahead_seconds"] <= 4.0
    streams.live.limits = StreamLimits(max_ahead=1.0)
    async with streams.connect() as socket:
        await socket.send(stereo(SECOND * 4))
        await until_closed(socket)
    assert socket.close_code == 1008


async def test_channels_are_mixed_down_unless_they_are_kept_apart(streams: Streams) -> None:
    async with streams.connect(STEREO | {"multichannel": "false"}) as socket:
        await send_audio(socket, stereo(spoken([5]) + SECOND, spoken([5])))
        messages = await close(socket)
    assert finals(messages) == ["f5"]
    assert messages[0]["channel_index"] == [0, 1]


async def test_the_journal_notes_a_client_that_just_goes(streams: Streams) -> None:
    async with streams.connect(MONO) as socket:
        await send_audio(socket, spoken(range(100)) + SECOND)
        await until(socket, "Results")
    (entry,) = await streams.journal()
    assert (entry["closed_by"], entry["close_code"]) == ("client", 1000)
    assert "any" not in json.dumps(entry)
