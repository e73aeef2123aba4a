import asyncio

import numpy as np
import pytest

from local.speech.audio import decode
from local.speech.engines import Recognition
from local.speech.engines.scripted import ScriptedEngine
from tests.local.speech.calls import NAMES, SAMPLES, encoded, options, plain_words, recording, tone, turns


def recognised(body: bytes, digest: str, *, multichannel: bool = False) -> list[Recognition]:
    engine = ScriptedEngine()
    channels = decode(body, digest, multichannel=multichannel).channels
    return [asyncio.run(engine.transcribe(channel, ())) for channel in channels]


def said(recognition: Recognition) -> list[str]:
    return [word.text for word in recognition.words]


@pytest.mark.parametrize("name", [NAMES[2], "unscripted/call5_moved_injection"])
def test_a_known_recording_is_answered_from_its_script(name: str) -> None:
    engine = ScriptedEngine([SAMPLES, SAMPLES / "unscripted"])
    for channel in recording(name, options(multichannel="true")).channels:
        expected = [t for t in turns(name) if t["channel"] == channel.index]
        words = asyncio.run(engine.transcribe(channel, ())).words
        assert [word.text for word in words] == [word for turn in expected for word in plain_words(turn["text"])]
        assert words[0].start == expected[0]["start"]
        assert words[-1].end == expected[-1]["end"]


def test_unknown_recordings_get_transcripts_of_their_own() -> None:
    body = encoded(tone(4, channels=2))
    customer, agent = recognised(body, "0123" * 16, multichannel=True)
    assert said(agent) == plain_words("Thank you for calling. How can I help you today?")
    assert " ".join(said(customer)).endswith("my code is alpha bravo charlie delta alpha bravo charlie delta")
    assert said(customer) != said(recognised(body, "4567" * 16, multichannel=True)[0])
    assert customer.words[-1].end <= 4


def test_one_channel_holds_both_sides_of_the_script() -> None:
    (mixed,) = recognised(encoded(tone(4, channels=2)), "0" * 64)
    assert said(mixed)[:2] == ["thank", "you"]
    assert said(mixed)[-1] == "alpha"


def test_digital_silence_has_no_words() -> None:
    assert recognised(encoded(np.zeros_like(tone())), "0" * 64) == [Recognition(())]
