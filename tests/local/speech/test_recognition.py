"""Real recognition through the running server with the unmodified SDK: Whisper, which has not seen the sample calls."""

import asyncio
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from deepgram.types.listen_v1response import ListenV1Response

from local.speech.engines import StreamRequest
from local.speech.engines.live_channel import LiveChannel
from local.wer import compare
from tests.local.speech.calls import NAMES, SAMPLES, encoded, options, recording, tone, turns, wav
from tests.local.speech.conftest import KEY, AudioHost, Speech

pytest.importorskip("faster_whisper", reason="there is no wheel for this machine")

WORST = 0.07
# Seconds; a busy machine may need far more than the 10 that an idle one does.
PATIENCE = 300
KEY_TERMS = {
    NAMES[0]: ["appointment", "insurance card", "eye pressure"],
    NAMES[1]: ["billing department", "insurance company", "account number"],
    NAMES[2]: ["cataract surgery", "blurry", "eye drops", "emergency room"],
}


def environment(speech: Speech) -> DeepgramClientEnvironment:
    socket = speech.url.replace("http", "ws")
    return DeepgramClientEnvironment(base=speech.url, production=socket, agent=socket, agent_rest=speech.url)


@pytest.fixture(scope="session")
def transcribed(recogniser: Speech) -> dict[str, ListenV1Response]:
    """Return the sample calls as the asynchronous client gets them, all asked for at once."""

    async def everything() -> list[Any]:
        client = AsyncDeepgramClient(api_key=KEY, environment=environment(recogniser))
        asked = (
            client.listen.v1.media.transcribe_file(
                request=wav(name),
                model="nova-3",
                multichannel=True,
                utterances=True,
                request_options={"timeout": PATIENCE},
            )
            for name in NAMES
        )
        return await asyncio.gather(*asked)

    return dict(zip(NAMES, asyncio.run(everything()), strict=True))


def spoken(reply: ListenV1Response, channel: int) -> str:
    alternatives = reply.results.channels[channel].alternatives or []
    return " ".join(word.word or "" for alternative in alternatives for word in alternative.words or ())


@pytest.mark.parametrize("name", NAMES)
def test_few_words_are_mistaken(transcribed: dict[str, ListenV1Response], name: str) -> None:
    scores = compare(SAMPLES / f"{name}.json", [spoken(transcribed[name], channel) for channel in (0, 1)])
    assert sum(channel.errors for channel in scores) / sum(channel.said for channel in scores) <= WORST


@pytest.mark.parametrize("name", NAMES)
def test_every_word_has_its_own_time_confidence_and_writing(
    transcribed: dict[str, ListenV1Response], name: str
) -> None:
    for channel in transcribed[name].results.channels:
        words = (channel.alternatives or [])[0].words or []
        assert all((word.start or 0) < (word.end or 0) for word in words)
        assert all((word.end or 0) <= (after.start or 0) for word, after in pairwise(words))
        assert len({word.confidence for word in words}) > len(words) / 2
        assert all(0 < (word.confidence or 0) <= 1 for word in words)


@pytest.mark.parametrize("name", NAMES)
def test_the_words_that_matter_are_recognised(transcribed: dict[str, ListenV1Response], name: str) -> None:
    text = f"{spoken(transcribed[name], 0)} {spoken(transcribed[name], 1)}"
    assert [term for term in KEY_TERMS[name] if term not in text] == []


@pytest.mark.parametrize("name", NAMES)
def test_utterances_are_the_turns_of_the_call(transcribed: dict[str, ListenV1Response], name: str) -> None:
    utterances = sorted(transcribed[name].results.utterances or (), key=lambda utterance: utterance.start or 0)
    assert [utterance.channel for utterance in utterances] == [turn["channel"] for turn in turns(name)]
    for utterance, turn in zip(utterances, turns(name), strict=True):
        assert utterance.start == pytest.approx(turn["start"], abs=0.6)
        assert utterance.end == pytest.approx(turn["end"], abs=0.6)


def test_the_synchronous_client_transcribes_a_url_and_a_repeated_channel_at_once(
    recogniser: Speech, audio_host: AudioHost, transcribed: dict[str, ListenV1Response]
) -> None:
    client = DeepgramClient(api_key=KEY, environment=environment(recogniser))
    reply = client.listen.v1.media.transcribe_url(
        url=f"{audio_host.url}/calls/{NAMES[1]}.wav",
        model="nova-3",
        multichannel=True,
        sentiment=True,
        topics=True,
        intents=True,
        summarize="v2",
        keyterm=[],
        mip_opt_out=True,
    )
    assert isinstance(reply, ListenV1Response)
    assert spoken(reply, 0) == spoken(transcribed[NAMES[1]], 0)
    assert reply.results.topics is not None
    assert reply.results.summary is not None
    assert {info["name"] for info in reply.metadata.model_info.values()} == {"local-whisper"}


def test_a_key_term_makes_its_word_likely(recogniser: Speech) -> None:
    clip = recording(NAMES[0], options(multichannel="true")).channels[0]
    body = encoded(clip.samples()[int(15.5 * clip.rate) : int(21 * clip.rate), None])
    heard = [
        recogniser.listen(body, {"authorization": f"Token {KEY}"}, model="nova-3", keyterm=terms).json()
        for terms in ([], ["glaucoma"])
    ]
    texts = [answer["results"]["channels"][0]["alternatives"][0]["transcript"] for answer in heard]
    assert ["glaucoma" in text for text in texts] == [False, True]


def test_the_writing_is_the_models_own(recogniser: Speech) -> None:
    asked = {"model": "nova-3", "multichannel": "true", "smart_format": "true", "utterances": "true"}
    answer = recogniser.listen(wav(NAMES[1]), {"authorization": f"Token {KEY}"}, **asked).json()
    texts = [utterance["transcript"] for utterance in answer["results"]["utterances"]]
    assert texts[0] == "Good morning, I got a bill for $200 and I think it is wrong."
    assert texts[5] == "Good morning, billing department. How can I help you?"


def test_a_channel_without_speech_stays_empty(recogniser: Speech) -> None:
    ringing = tone(8, hertz=440.0) // 2 + tone(8, hertz=480.0) // 2
    both = np.concatenate([ringing, np.zeros_like(ringing)], axis=1)
    asked = {"model": "nova-3", "multichannel": "true", "utterances": "true", "smart_format": "true"}
    answer = recogniser.listen(encoded(both), {"authorization": f"Token {KEY}"}, **asked).json()
    ListenV1Response.model_validate(answer)
    assert answer["results"]["utterances"] == []
    for channel in answer["results"]["channels"]:
        assert channel["alternatives"][0] == {"transcript": "", "confidence": 0.0, "words": []}


def test_the_wrong_key_is_refused_as_the_sdk_expects(recogniser: Speech) -> None:
    client = DeepgramClient(api_key="another", environment=environment(recogniser))
    with pytest.raises(ApiError) as caught:
        client.listen.v1.media.transcribe_file(request=b"x", model="nova-3")
    assert caught.value.status_code == 401
    assert caught.value.body["err_code"] == "INVALID_AUTH"


def test_a_language_that_the_recogniser_does_not_know_is_refused(recogniser: Speech) -> None:
    answer = recogniser.listen(encoded(tone()), {"authorization": f"Token {KEY}"}, model="nova-3", language="es")
    assert answer.status_code == 400
    assert "model/language/tier" in answer.json()["err_msg"]


@pytest.mark.skipif(find_spec("pocketsphinx") is None, reason="there is no wheel for this Python version")
def test_pocketsphinx_recognises_where_whisper_does_not_run_and_can_be_taught_a_word() -> None:
    from local.speech.engines import pocketsphinx_live
    from local.speech.engines import recogniser as recogniser_process

    channel = recording(NAMES[0], options(multichannel="true")).channels[0]
    clip = channel.samples()[int(15.5 * channel.rate) : int(21 * channel.rate)].tobytes()
    words = recogniser_process.recognise(clip, channel.rate, ("unseen eyecare",))
    assert "doctor" in [word.text for word in words]
    live = LiveChannel(StreamRequest(channel.rate, True, 0.3), pocketsphinx_live.tools(("unseen eyecare",)))
    pieces = [clip[start : start + channel.rate] for start in range(0, len(clip), channel.rate)]
    heard = [passage for piece in pieces for passage in live.feed(piece)] + live.finish()
    assert any(passage.words for passage in heard if not passage.final)
    assert "doctor" in [word.text for passage in heard if passage.final for word in passage.words]
    live.release()
