"""Real recognition through the running server with the unmodified SDK.

The language model has seen the sample calls, so nothing here measures accuracy: the ceilings show that audio, channels
and words go through the chain unharmed.
"""

import asyncio
from typing import Any

import pytest
from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from deepgram.types.listen_v1response import ListenV1Response

from local.speech.engines import recogniser as recogniser_process
from tests.local.speech.calls import NAMES, encoded, options, plain_words, recording, tone, turns, wav, word_errors
from tests.local.speech.conftest import KEY, AudioHost, Speech

WORST = 0.2
# Seconds; a busy machine may need far more than the 10 that an idle one does.
PATIENCE = 300
KEY_TERMS = {
    NAMES[0]: ["appointment", "glaucoma", "insurance card", "eye pressure"],
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
def test_the_words_of_each_channel_are_recognised(transcribed: dict[str, ListenV1Response], name: str) -> None:
    for channel in (0, 1):
        said = [word for turn in turns(name) if turn["channel"] == channel for word in plain_words(turn["text"])]
        heard = plain_words(spoken(transcribed[name], channel))
        assert word_errors(said, heard) / len(said) < WORST


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
    assert {info["name"] for info in reply.metadata.model_info.values()} == {"local-pocketsphinx"}


def test_a_term_without_a_pronunciation_is_reported_and_the_others_are_used(recogniser: Speech) -> None:
    clip = recording(NAMES[0], options(multichannel="true")).channels[0]
    body = encoded(clip.samples()[int(15.5 * clip.rate) : int(21 * clip.rate), None])
    answer = recogniser.listen(
        body, {"authorization": f"Token {KEY}"}, model="nova-3", keyterm=["zyxqwv", "glaucoma clinic"]
    ).json()
    assert [warning["parameter"] for warning in answer["metadata"]["warnings"]] == ["keyterm"]
    assert "zyxqwv" not in str(answer["metadata"])
    assert "glaucoma" in answer["results"]["channels"][0]["alternatives"][0]["transcript"]


def test_a_tone_is_no_speech(recogniser: Speech) -> None:
    answer = recogniser.listen(encoded(tone(2)), {"authorization": f"Token {KEY}"}, model="nova-3", utterances="true")
    assert len(answer.json()["results"]["utterances"]) <= 1
    ListenV1Response.model_validate(answer.json())


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


def test_the_general_language_model_can_be_used_and_taught_a_word() -> None:
    channel = recording(NAMES[0], options(multichannel="true")).channels[0]
    clip = channel.samples()[int(15.5 * channel.rate) : int(21 * channel.rate)].tobytes()
    words = recogniser_process.recognise(clip, channel.rate, "general", ("latanoprost eyecare",))
    assert "doctor" in [word.text for word in words]
