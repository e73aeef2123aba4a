"""Whisper itself, loaded once: what is no speech gives no words, and nothing leaves the machine."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("faster_whisper", reason="there is no wheel for this machine")

from local.speech.engines import whisper_model
from local.speech.engines.weights import bundled_model
from tests.local.speech.calls import NAMES, options, recording
from tests.local.speech.sounds import RATE, SOUNDS, Wave, hold_music, samples

Opened = list[tuple[Any, ...]]


@pytest.fixture(scope="module", autouse=True)
def opened() -> Iterator[Opened]:
    """Refuses every socket while the model is loaded and used, and says which were asked for."""
    asked: Opened = []

    def refuse(*arguments: Any, **_: Any) -> None:
        asked.append(arguments)
        raise OSError("no network in this test")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        yield asked


def heard(sound: npt.NDArray[np.int16]) -> list[str]:
    return [word.text for word in whisper_model.recognise(sound.tobytes(), RATE, bundled_model())]


@pytest.mark.parametrize("sound", SOUNDS, ids=lambda sound: sound.__name__)
def test_what_is_no_speech_gives_no_words(sound: Callable[[], Wave]) -> None:
    assert heard(samples(sound)) == []


def test_music_before_and_silence_after_speech_add_no_words_and_move_its_times() -> None:
    clip = recording(NAMES[2], options(multichannel="true")).channels[0].samples()[3 * RATE : 10 * RATE]
    music = samples(hold_music)[: 10 * RATE] // 4
    alone = whisper_model.recognise(clip.tobytes(), RATE, bundled_model())
    among = whisper_model.recognise(
        np.concatenate([music, clip, np.zeros(20 * RATE, np.int16)]).tobytes(), RATE, bundled_model()
    )
    assert [word.text for word in among] == [word.text for word in alone]
    assert "cataract" in [word.text for word in alone]
    assert [word.start for word in among] == pytest.approx([word.start + 10 for word in alone], abs=0.5)


def test_a_long_recording_is_cut_in_silence_and_its_times_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    channel = recording(NAMES[2], options(multichannel="true")).channels[1]
    # Half a minute ends in the middle of "Please hold on while I speak with the nurse", said at 28.6 s.
    monkeypatch.setattr(whisper_model, "PIECE_SECONDS", 30)
    words = whisper_model.recognise(channel.pcm, RATE, bundled_model())
    said = [word.text for word in words if word.start > 28]
    assert said[:3] == ["please", "hold", "on"]
    assert said.count("nurse") == 1
    assert {"today", "emergency", "room"} <= set(said)
    assert [word.start for word in words] == sorted(word.start for word in words)
    assert words[-1].end == pytest.approx(47.7, abs=0.5)


def test_nothing_is_fetched(opened: Opened) -> None:
    whisper_model.model.cache_clear()
    heard(samples(hold_music))
    assert opened == []
