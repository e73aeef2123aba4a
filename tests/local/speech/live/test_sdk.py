"""The unmodified SDK against the server: frames and real speech."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.types import ListenV1Metadata, ListenV1Results

from local.wer import Score, score
from tests.local.speech.calls import NAMES, options, recording, tone, turns
from tests.local.speech.conftest import Speech
from tests.local.speech.live.audio import SECOND, spoken, stereo, words
from tests.local.speech.live.conftest import Streams
from tests.patience import PATIENCE_SECONDS

ASKED: dict[str, Any] = {
    "model": "nova-3",
    "encoding": "linear16",
    "sample_rate": 8000,
    "channels": 2,
    "multichannel": True,
    "interim_results": True,
    "endpointing": 300,
    "smart_format": True,
}
# Seconds of the third sample call: the first words of both speakers.
EXCERPT = 10.0
# Seconds until which the second speaker has begun, and not yet ended, and the first has had a turn.
BEGINNING = 6.0
WORST = 0.12


def environment(url: str) -> DeepgramClientEnvironment:
    socket = url.replace("http", "ws", 1)
    return DeepgramClientEnvironment(base=url, production=socket, agent=socket, agent_rest=url)


def said(messages: Iterable[object], channel: int) -> str:
    return " ".join(
        text
        for message in messages
        if isinstance(message, ListenV1Results) and message.is_final and message.channel_index[0] == channel
        if (text := message.channel.alternatives[0].transcript)
    )


async def streamed(url: str, key: str, audio: bytes) -> list[object]:
    client = AsyncDeepgramClient(api_key=key, environment=environment(url))
    messages: list[object] = []
    async with asyncio.timeout(5 * PATIENCE_SECONDS), client.listen.v1.connect(**ASKED) as connection:

        async def listen() -> None:
            async for message in connection:
                messages.append(message)

        listening = asyncio.create_task(listen())
        await connection.send_keep_alive()
        for start in range(0, len(audio), 4096):
            await connection.send_media(audio[start : start + 4096])
        await connection.send_close_stream()
        await listening
    return messages


@pytest.mark.asyncio(loop_scope="module")
async def test_the_asynchronous_client(streams: Streams) -> None:
    messages = await streamed(streams.url, "any", stereo(spoken(range(120)) + SECOND, spoken(range(500, 510))))
    assert said(messages, 0) == words(range(120))
    assert said(messages, 1) == words(range(500, 510))
    assert isinstance(messages[-1], ListenV1Metadata)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_synchronous_client(streams: Streams) -> None:
    def stream() -> list[object]:
        client = DeepgramClient(api_key="any", environment=environment(streams.url))
        with client.listen.v1.connect(**ASKED) as connection:
            connection.send_media(stereo(spoken(range(20)), SECOND))
            connection.send_finalize()
            connection.send_close_stream()
            return list(connection)

    messages = await asyncio.to_thread(stream)
    assert said(messages, 0) == words(range(20))
    assert any(isinstance(message, ListenV1Results) and message.from_finalize for message in messages)
    assert isinstance(messages[-1], ListenV1Metadata)


@cache
def _speech(recogniser_url: str) -> list[object]:
    """Return the messages of the excerpt, whose end is sent once there were words that are not final."""
    channels = recording(NAMES[2], options(multichannel="true")).channels
    audio = stereo(*(channel.pcm[: int(2 * EXCERPT * channel.rate)] for channel in channels))
    return asyncio.run(_streamed_in_steps(recogniser_url, audio))


async def _streamed_in_steps(url: str, audio: bytes) -> list[object]:
    client = AsyncDeepgramClient(api_key="local-key", environment=environment(url))
    messages: list[object] = []
    final, interim = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(PATIENCE_SECONDS), client.listen.v1.connect(**ASKED) as connection:

        async def listen() -> None:
            async for message in connection:
                messages.append(message)
                if isinstance(message, ListenV1Results) and message.channel.alternatives[0].words:
                    (final if message.is_final else interim).set()

        async def send(begin: float, end: float) -> None:
            for start in range(round(begin * 32_000), round(end * 32_000), 3200):
                await connection.send_media(audio[start : start + 3200])

        async def until(event: asyncio.Event) -> None:
            while not event.is_set():
                assert not listening.done()
                await connection.send_keep_alive()
                with suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), 1.0)

        listening = asyncio.create_task(listen())
        # Whatever had to wait for the server to get ready has no interim words; what comes after it is on time.
        await send(0.0, BEGINNING)
        await until(final)
        await send(BEGINNING, BEGINNING + 0.8)
        await until(interim)
        await send(BEGINNING + 0.8, EXCERPT)
        await connection.send_close_stream()
        await listening
    return messages


def test_few_words_are_mistaken_while_they_are_spoken(recogniser: Speech) -> None:
    total = Score(0, 0)
    for channel in (0, 1):
        spoken = [turn for turn in turns(NAMES[2]) if turn["channel"] == channel and turn["end"] <= EXCERPT]
        expected = " ".join(turn["text"] for turn in spoken)
        total += score(expected, said(_speech(recogniser.url), channel))
    assert total.rate <= WORST


def test_speech_has_its_key_terms_interim_results_and_finals_that_end_with_the_speaker(recogniser: Speech) -> None:
    messages = _speech(recogniser.url)
    results = [message for message in messages if isinstance(message, ListenV1Results)]
    assert "left eye is red" in said(messages, 0)
    assert "clinic" in said(messages, 1).lower()
    assert any(result.speech_final for result in results)
    assert {result.metadata.model_info.name for result in results} == {"local-whisper"}
    for channel in (0, 1):
        final = [result for result in results if result.is_final and result.channel_index == [channel, 2]]
        ends = [result.start + result.duration for result in final]
        assert [result.start for result in final[1:]] == pytest.approx(ends[:-1], abs=1e-5)
        assert ends[-1] == pytest.approx(EXCERPT, abs=0.01)
        heard = [word for result in final for word in result.channel.alternatives[0].words]
        assert all(word.end <= after.start + 1e-6 for word, after in pairwise(heard))
        assert all(0 < word.confidence <= 1 for word in heard)
        spoken = [turn for turn in turns(NAMES[2]) if turn["channel"] == channel and turn["end"] <= EXCERPT]
        # The script's times have the silence around a turn in them.
        assert heard[0].start == pytest.approx(spoken[0]["start"], abs=0.4)
        assert heard[-1].end == pytest.approx(spoken[-1]["end"], abs=0.4)


def test_nobody_is_heard_in_silence_tones_and_clicks(recogniser: Speech) -> None:
    ringing = (tone(4.0, hertz=440.0) // 2 + tone(4.0, hertz=480.0) // 2)[:, 0]
    clicks = np.where(np.arange(64_000) % 16_000 < 400, tone(8.0, hertz=1_000.0)[:, 0], 0).astype("<i2")
    audio = stereo(ringing.tobytes() + SECOND * 4, clicks.tobytes())
    messages = asyncio.run(streamed(recogniser.url, "local-key", audio))
    assert [said(messages, channel) for channel in (0, 1)] == ["", ""]
    assert isinstance(messages[-1], ListenV1Metadata)
