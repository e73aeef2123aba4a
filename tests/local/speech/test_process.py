"""Recognition processes that die, and words that are known already."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local.speech.audio import Channel
from local.speech.engines import Word
from local.speech.engines.process import RecognitionProcesses
from local.speech.errors import ListenError


def note(pcm: bytes, rate: int, terms: tuple[str, ...]) -> tuple[Word, ...]:
    """Write down each call; end the process in the first ones, as many as the rate says."""
    with Path(terms[0]).open("a") as calls:
        calls.write("x")
    if len(Path(terms[0]).read_text()) <= rate:
        os._exit(1)
    return (Word("said", 0.0, 0.1, 1.0),)


@pytest.fixture
async def processes() -> AsyncIterator[RecognitionProcesses]:
    pool = RecognitionProcesses(1, bool)
    yield pool
    await pool.close()


async def test_a_channel_is_tried_twice_and_the_next_one_finds_a_new_process(
    processes: RecognitionProcesses, tmp_path: Path
) -> None:
    channel, calls = Channel(b"\x01\x00", 2, 0, 1, "0" * 64), tmp_path / "calls"
    with pytest.raises(ListenError):
        await processes.recognise(note, channel, (str(calls),))
    assert calls.read_text() == "xx"
    (word,) = await processes.recognise(note, channel, (str(calls),))
    assert word.text == "said"


async def test_a_channel_whose_words_are_known_is_not_recognised_again(
    processes: RecognitionProcesses, tmp_path: Path
) -> None:
    channel, calls = Channel(b"\x01\x00", 0, 0, 1, "0" * 64), tmp_path / "calls"
    for _ in range(2):
        assert await processes.recognise(note, channel, (str(calls),))
    assert calls.read_text() == "x"
