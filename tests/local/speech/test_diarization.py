import numpy as np
import numpy.typing as npt
import pytest

from local.speech.audio import Channel
from local.speech.diarization import assign_speakers
from local.speech.engines import Word
from local.speech.transcript import SpokenWord
from tests.local.speech.calls import NAMES, options, recording, turns


def scripted_words(name: str, *channels: int) -> list[SpokenWord]:
    """The script's words at their times, evenly spread; their true channel as the confidence."""
    words = []
    for turn in turns(name):
        spoken = turn["text"].split() if turn["channel"] in channels else []
        step = (turn["end"] - turn["start"]) / max(1, len(spoken))
        words += [
            SpokenWord.of(Word(word, turn["start"] + place * step, turn["start"] + (place + 1) * step, turn["channel"]))
            for place, word in enumerate(spoken)
        ]
    return words


@pytest.mark.parametrize("name", NAMES)
def test_the_two_speakers_of_a_mixed_down_call_are_told_apart(name: str) -> None:
    words = scripted_words(name, 0, 1)
    assign_speakers(words, recording(name, options()).channels[0])
    first = words[0].confidence
    right = sum(word.speaker == (word.confidence != first) for word in words)
    assert words[0].speaker == 0
    assert right / len(words) > 0.95


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channel", [0, 1])
def test_one_speaker_alone_is_not_split(name: str, channel: int) -> None:
    words = scripted_words(name, channel)
    assign_speakers(words, recording(name, options(multichannel="true")).channels[channel])
    assert {word.speaker for word in words} == {0}


@pytest.mark.parametrize("name", NAMES)
def test_two_speakers_without_a_pause_between_them_are_told_apart_by_the_engines_punctuation(name: str) -> None:
    channels = recording(name, options(multichannel="true")).channels
    heard, words = np.zeros(0, np.int16), []
    for turn in turns(name)[:4]:
        channel = channels[turn["channel"]]
        spoken = channel.samples()[round(turn["start"] * channel.rate) : round(turn["end"] * channel.rate)]
        texts, start = turn["text"].replace(".", "").replace("?", "").split(), len(heard) / channel.rate
        step = len(spoken) / channel.rate / len(texts)
        for place, text in enumerate(texts):
            written = text.capitalize() + "." * (text is texts[-1])
            word = Word(text, start + place * step, start + (place + 1) * step, turn["channel"], written)
            words.append(SpokenWord.of(word))
        heard = np.concatenate([heard, spoken])
    assign_speakers(words, Channel(heard.tobytes(), channels[0].rate, 0, 1, ""))
    first = words[0].confidence
    assert [word.speaker for word in words] == [int(word.confidence != first) for word in words]


@pytest.mark.parametrize("samples", [np.zeros(16000, np.int16), np.zeros(0, np.int16), np.ones(800, np.int16)])
def test_audio_without_a_voice_has_one_speaker(samples: npt.NDArray[np.int16]) -> None:
    words = [SpokenWord.of(Word("yes", 0.0, 0.6, 1.0)), SpokenWord.of(Word("no", 1.2, 1.9, 1.0))]
    assign_speakers(words, Channel(samples.tobytes(), 8000, 0, 1, ""))
    assert [word.speaker for word in words] == [0, 0]


def test_no_words_need_no_speaker() -> None:
    assign_speakers([], Channel(b"", 8000, 0, 1, ""))
