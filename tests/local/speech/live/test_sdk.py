"""The unmodified SDK against the server: frames and real speech."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.types import ListenV1Metadata, ListenV1Results

from local.wer import word_errors
from tests.local.speech.calls import NAMES, options, plain_words, recording, turns
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
WORST = 0.3


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
    channels = recording(NAMES[2], options(multichannel="true")).channels
    audio = stereo(*(channel.pcm[: int(2 * EXCERPT * channel.rate)] for channel in channels))
    return asyncio.run(streamed(recogniser_url, "local-key", audio))


@pytest.mark.parametrize("channel", [0, 1])
def test_the_words_of_each_channel_are_recognised_while_they_are_spoken(recogniser: Speech, channel: int) -> None:
    expected = [
        word
        for turn in turns(NAMES[2])
        if turn["channel"] == channel and turn["end"] <= EXCERPT
        for word in plain_words(turn["text"])
    ]
    heard = plain_words(said(_speech(recogniser.url), channel))
    assert word_errors(expected, heard[: len(expected)]) / len(expected) < WORST


def test_speech_has_its_key_terms_interim_results_and_finals_that_end_with_the_speaker(recogniser: Speech) -> None:
    messages = _speech(recogniser.url)
    results = [message for message in messages if isinstance(message, ListenV1Results)]
    assert "left eye is red" in said(messages, 0)
    assert "clinic" in said(messages, 1).lower()
    assert any(not result.is_final and result.channel.alternatives[0].words for result in results)
    assert any(result.speech_final for result in results)
    assert {result.metadata.model_info.name for result in results} == {"local-pocketsphinx"}
    for channel in (0, 1):
        final = [result for result in results if result.is_final and result.channel_index == [channel, 2]]
        ends = [result.start + result.duration for result in final]
        assert [result.start for result in final[1:]] == pytest.approx(ends[:-1], abs=1e-5)
        assert ends[-1] == pytest.approx(EXCERPT, abs=0.01)
