"""Every message of a stream against the models of Deepgram's SDK, strictly, and its streaming specification."""

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from deepgram.listen.v1.client import V1Client
from deepgram.listen.v1.types import (
    ListenV1Error,
    ListenV1Metadata,
    ListenV1Results,
)
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from local.speech.engines import Passage, Word
from local.speech.engines.frames import FramesEngine
from local.speech.live.connection import ERROR_MESSAGE, UNKNOWN_MESSAGE, WRONG_TYPES
from local.speech.live.messages import Json, Messages, schema_error
from local.speech.live.options import parse_stream_options, streaming_parameters
from local.speech.parameters import published

FIXTURES = os.environ.get("CALLSCRIBE_DEEPGRAM_FIXTURES")
MODELS: dict[str, type[BaseModel]] = {
    "Results": ListenV1Results,
    "Metadata": ListenV1Metadata,
    "Error": ListenV1Error,
}
ASKED = {"model": "nova-3", "encoding": "linear16", "sample_rate": "8000", "channels": "2", "multichannel": "true"}
EVERYTHING = ASKED | {
    "language": "multi",
    "smart_format": "true",
    "language_hint": "en",
    "redact": "numbers",
    "interim_results": "true",
}
SPOKEN = tuple(
    Word(text, 1 + place / 2, 1.4 + place / 2, 0.9)
    for place, text in enumerate(["hello", "doctor", "my", "number", "is", "nine", "eight", "seven", "six"])
)
RECOGNISER = SimpleNamespace(name="local-recogniser", version="1", arch="recogniser", writes=True)


def messages(parameters: dict[str, str], engine: Any = RECOGNISER) -> Messages:
    return Messages(engine, parse_stream_options(parameters.items()), "0f8fad5b-d9cb-469f-a165-70867728950e")


def every_message(parameters: dict[str, str]) -> list[Json]:
    write = messages(parameters)
    return [
        write.results(0, Passage(0.0, 5.5, SPOKEN, final=False)),
        write.results(0, Passage(0.0, 5.5, SPOKEN, speech_final=True)),
        write.results(1, Passage(0.0, 5.0, ())),
        write.results(1, Passage(5.0, 6.0, (), from_finalize=True)),
        write.metadata(sha256="0" * 64, duration=6.0),
        schema_error("missing field `type`", "{}"),
        ERROR_MESSAGE,
    ]


@pytest.mark.parametrize("parameters", [ASKED, EVERYTHING], ids=["plain", "everything"])
def test_every_message_passes_the_sdks_models_without_any_leniency(parameters: dict[str, str]) -> None:
    sent = every_message(parameters)
    for message in sent:
        MODELS[message["type"]].model_validate(json.loads(json.dumps(message)), strict=True)
    assert {message["type"] for message in sent} == set(MODELS)


def test_messages_that_are_to_be_unreadable_are() -> None:
    assert UNKNOWN_MESSAGE["type"] not in MODELS
    with pytest.raises(ValueError, match="validation errors"):
        ListenV1Results.model_validate(WRONG_TYPES)


def test_results_are_written_and_redacted_as_the_reply_for_a_recording_is() -> None:
    interim, final, *_ = every_message(EVERYTHING)
    assert final["channel"]["alternatives"][0]["transcript"] == "Hello doctor my number is [NUMBER_1]."
    # What is not final does not use up a label.
    assert interim["channel"]["alternatives"][0]["transcript"].endswith("[NUMBER_1].")
    assert (final["channel_index"], final["start"], final["duration"]) == ([0, 2], 0.0, 5.5)


def test_numbers_become_numerals_with_smart_format_alone() -> None:
    passage = Passage(0.0, 6.0, SPOKEN)
    assert "nine eight" in messages(ASKED).results(0, passage)["channel"]["alternatives"][0]["transcript"]
    formatted = messages(ASKED | {"smart_format": "true"}).results(0, passage)
    assert "9876" in formatted["channel"]["alternatives"][0]["transcript"]


def test_frames_stay_as_they_are_whatever_is_asked_for() -> None:
    result = messages(EVERYTHING, FramesEngine).results(0, Passage(0.0, 0.04, (Word("f1", 0.0, 0.02, 1.0),)))
    assert result["channel"]["alternatives"][0]["transcript"] == "f1"


def test_every_option_of_the_sdks_connect_is_known() -> None:
    annotations = set(V1Client.connect.__annotations__)
    assert annotations - {"authorization", "request_options", "return"} <= set(streaming_parameters())


@pytest.mark.skipif(FIXTURES is None, reason="CALLSCRIBE_DEEPGRAM_FIXTURES names no folder with asyncapi.yml")
def test_parameters_and_messages_are_those_of_the_specification() -> None:
    specification = yaml.safe_load((Path(FIXTURES or "") / "asyncapi.yml").read_text("utf-8"))
    channel = specification["channels"]["/v1/listen"]
    assert set(published()["streaming"]) == set(channel["bindings"]["ws"]["query"]["properties"])
    for message in every_message(EVERYTHING):
        if f"ListenV1_ListenV1{message['type']}" in specification["components"]["schemas"]:
            schema = {"$ref": f"#/components/schemas/ListenV1_ListenV1{message['type']}"}
            Draft202012Validator({**schema, "components": specification["components"]}).validate(message)
