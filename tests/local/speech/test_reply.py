import asyncio
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from deepgram.types.listen_v1response import ListenV1Response
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from local.speech.audio import decode
from local.speech.engines import Recognition
from local.speech.engines.scripted import ScriptedEngine
from local.speech.reply import build_reply, transcribe
from tests.local.speech.calls import NAMES, SAMPLES, encoded, options, plain_words, recording, tone, turns

CALL = NAMES[0]
ENGINE = ScriptedEngine([SAMPLES])
EVERYTHING = {
    "multichannel": "true",
    "utterances": "true",
    "smart_format": "true",
    "diarize_model": "latest",
    "sentiment": "true",
    "topics": "true",
    "intents": "true",
    "summarize": "v2",
    "detect_entities": "true",
    "detect_language": "true",
    "redact": "numbers",
    "tag": "test",
}


# Fields that Deepgram's pages show and the SDK's models leave out (docs: "Pre-Recorded Audio", "Sentiment Analysis").
DOCUMENTED = {"name", "warnings", "punctuated_word", "sentiment", "sentiment_score"}


def reply(name: str = CALL, **parameters: Any) -> dict[str, Any]:
    asked = options(**parameters)
    return asyncio.run(transcribe(recording(name, asked), ENGINE, asked, "request-1"))


def strictly(answer: dict[str, Any]) -> ListenV1Response:
    """The reply in the SDK's models, without any leniency about types."""
    # Strict models take no text for a time, although JSON has nothing else.
    created = datetime.fromisoformat(answer["metadata"]["created"])
    whole = {**answer, "metadata": {**answer["metadata"], "created": created}}
    return ListenV1Response.model_validate(whole, strict=True)


def unknown_to(model: Any) -> set[str]:
    """Names of the fields that the SDK's models, which let any pass, do not know."""
    if isinstance(model, list):
        return set().union(*map(unknown_to, model))
    if not isinstance(model, BaseModel):
        return set()
    known = [unknown_to(getattr(model, name)) for name in type(model).model_fields]
    return set(model.model_extra or {}).union(*known)


def words(answer: dict[str, Any], channel: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer["results"]["channels"][channel]["alternatives"][0]["words"]
    return found


@settings(max_examples=30)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            **{name: st.just(value) for name, value in EVERYTHING.items()},
            "language": st.sampled_from(["en", "en-US", "multi"]),
            "punctuate": st.just("true"),
            "keyterm": st.just("glaucoma"),
        },
    )
)
def test_every_combination_of_options_passes_the_sdks_own_models(parameters: dict[str, str]) -> None:
    answer = reply(**parameters)
    model = strictly(answer)
    assert unknown_to(model) <= DOCUMENTED
    assert model.metadata.channels == len(answer["results"]["channels"])
    for channel in answer["results"]["channels"]:
        times = [(word["start"], word["end"]) for word in channel["alternatives"][0]["words"]]
        assert times == sorted(times)
        assert all(start <= end for start, end in times)


def test_terms_that_the_engine_cannot_use_are_a_warning_that_does_not_quote_them() -> None:
    asked = options(keyterm="zyxqwv")
    heard = [Recognition((), ("zyxqwv",)) for _ in recording(CALL, asked).channels]
    answer = build_reply(recording(CALL, asked), heard, ENGINE, asked, "request-1")
    assert unknown_to(strictly(answer)) <= DOCUMENTED
    assert [warning["parameter"] for warning in answer["metadata"]["warnings"]] == ["keyterm"]
    assert "zyxqwv" not in str(answer)


@pytest.mark.parametrize("parameters", [{}, EVERYTHING])
def test_a_recording_without_speech_has_a_whole_reply_without_words(parameters: dict[str, str]) -> None:
    asked = options(**parameters)
    silence = decode(encoded(np.zeros_like(tone(2, channels=2))), "0" * 64, multichannel=asked.multichannel)
    answer = asyncio.run(transcribe(silence, ENGINE, asked, "request-1"))
    assert unknown_to(strictly(answer)) <= DOCUMENTED
    for channel in answer["results"]["channels"]:
        (alternative,) = channel["alternatives"]
        assert (alternative["transcript"], alternative["confidence"], alternative["words"]) == ("", 0.0, [])


def test_the_reply_cannot_be_taken_for_deepgrams() -> None:
    metadata = reply(**EVERYTHING)["metadata"]
    assert all(info["name"].startswith("local-") for info in metadata["model_info"].values())
    for kind in ("sentiment", "topics", "intents", "summary"):
        assert metadata[f"{kind}_info"]["name"].startswith("local-")


def test_metadata_carry_what_the_request_brought() -> None:
    metadata = reply(tag=["a", "b"])["metadata"]
    assert metadata["tags"] == ["a", "b"]
    assert metadata["request_id"] == "request-1"
    assert metadata["duration"] == pytest.approx(61.87, abs=0.01)


def test_channels_are_transcribed_apart_and_utterances_come_channel_by_channel() -> None:
    answer = reply(multichannel="true", utterances="true")
    utterances = answer["results"]["utterances"]
    assert [u["channel"] for u in utterances] == sorted(u["channel"] for u in utterances)
    for channel in (0, 1):
        said = [word for turn in turns(CALL) if turn["channel"] == channel for word in plain_words(turn["text"])]
        assert [word["word"] for word in words(answer, channel)] == said
        starts = [u["start"] for u in utterances if u["channel"] == channel]
        assert starts == sorted(starts)


def test_utterances_hold_the_words_of_their_channel() -> None:
    answer = reply(multichannel="true", utterances="true")
    for channel in (0, 1):
        own = [word for u in answer["results"]["utterances"] if u["channel"] == channel for word in u["words"]]
        assert own == words(answer, channel)


def test_words_are_plain_unless_writing_is_asked_for() -> None:
    assert "punctuated_word" not in words(reply())[0]
    assert words(reply(punctuate="true"))[0]["punctuated_word"] == "Thank"


def test_smart_format_writes_numbers() -> None:
    alternative = reply(multichannel="true", smart_format="true")["results"]["channels"][0]["alternatives"][0]
    assert "1952" in alternative["transcript"]


def test_redaction_leaves_no_trace_of_the_number() -> None:
    answer = str(reply(NAMES[1], **EVERYTHING))
    assert "[NUMBER_1]" in answer
    assert "471562" not in answer
    assert "four seven one" not in answer


def test_segments_index_the_words_of_the_reply_with_both_ends_inclusive() -> None:
    answer = reply(punctuate="true", sentiment="true", topics="true", intents="true")
    spoken = [word["punctuated_word"] for word in words(answer)]
    for kind in ("sentiments", "topics", "intents"):
        assert answer["results"][kind]["segments"]
        for segment in answer["results"][kind]["segments"]:
            assert " ".join(spoken[segment["start_word"] : segment["end_word"] + 1]) == segment["text"]


def test_sentiment_is_on_every_level_that_a_reply_has() -> None:
    answer = reply(multichannel="true", utterances="true", sentiment="true")
    levels = [words(answer)[0], answer["results"]["utterances"][0], answer["results"]["sentiments"]["segments"][0]]
    for level in [*levels, answer["results"]["sentiments"]["average"]]:
        assert level["sentiment"] in {"positive", "neutral", "negative"}
        assert -1 <= level["sentiment_score"] <= 1


def test_intelligence_in_another_language_is_a_warning_and_no_data() -> None:
    answer = reply(language="es", sentiment="true", topics="true")
    assert not {"sentiments", "topics"} & set(answer["results"])
    assert [(w["parameter"], w["type"]) for w in answer["metadata"]["warnings"]] == [
        ("sentiment", "unsupported_language"),
        ("topics", "unsupported_language"),
    ]


def test_a_mixed_down_call_is_told_apart_by_voice() -> None:
    answer = reply(diarize_model="latest", utterances="true")
    assert {word["speaker"] for word in words(answer)} == {0, 1}
    assert answer["metadata"]["diarize_info"]["arch"] == "v2"
    assert all("speaker" in utterance for utterance in answer["results"]["utterances"])


def test_multilingual_words_name_their_language() -> None:
    alternative = reply(language="multi", language_hint="en")["results"]["channels"][0]["alternatives"][0]
    assert alternative["languages"] == ["en"]
    assert alternative["languages_hinted"] == ["en"]
    assert alternative["words"][0]["language"] == "en"
