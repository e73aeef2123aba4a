import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from deepgram.listen.v1.types import (
    ListenV1CloseStream,
    ListenV1Finalize,
    ListenV1KeepAlive,
    ListenV1Metadata,
    ListenV1Results,
)
from hypothesis import given
from hypothesis import strategies as st

from callscribe.deepgram.messages import (
    CLOSE_STREAM,
    FINALIZE,
    KEEP_ALIVE,
    MAX_WORD,
    Error,
    MalformedMessage,
    Metadata,
    Repaired,
    Results,
    SpeechStarted,
    Unknown,
    UtteranceEnd,
    decode,
)
from tests.streamer.deepgram.fake_deepgram import Recogniser

FOLDER = os.environ.get("CALLSCRIBE_DEEPGRAM_FIXTURES")

RESULTS: dict[str, Any] = {
    "type": "Results",
    "channel_index": [1, 2],
    "start": 5.99,
    "duration": 1.98,
    "is_final": True,
    "speech_final": True,
    "from_finalize": False,
    "channel": {
        "alternatives": [
            {
                "transcript": "Tell me.",
                "confidence": 0.99,
                "words": [
                    {"word": "tell", "start": 6.07, "end": 6.35, "confidence": 0.9, "punctuated_word": "Tell"},
                    {"word": "me", "start": 6.35, "end": 6.6, "confidence": 0.9},
                ],
            }
        ]
    },
    "metadata": {"request_id": "r", "model_uuid": "m", "model_info": {"name": "n", "version": "v", "arch": "a"}},
}


def encoded(message: object) -> bytes:
    return json.dumps(message).encode()


def with_best(**fields: object) -> dict[str, Any]:
    """Results whose best alternative has other fields."""
    return {**RESULTS, "channel": {"alternatives": [{**RESULTS["channel"]["alternatives"][0], **fields}]}}


def with_word(**fields: object) -> dict[str, Any]:
    """Results whose first word has other fields."""
    first, second = RESULTS["channel"]["alternatives"][0]["words"]
    return with_best(words=[{**first, **fields}, second])


def read(message: object) -> Results:
    results = decode(encoded(message))
    assert isinstance(results, Results)
    return results


def test_results_are_read() -> None:
    results = decode(encoded(RESULTS))
    assert isinstance(results, Results)
    assert (results.channel_index[0], results.start, results.duration) == (1, 5.99, 1.98)
    assert (results.is_final, results.speech_final) == (True, True)
    best = results.channel.alternatives[0]
    assert (best.transcript, best.confidence) == ("Tell me.", 0.99)
    assert [(word.written, word.start, word.end) for word in best.words] == [("Tell", 6.07, 6.35), ("me", 6.35, 6.6)]


@pytest.mark.parametrize(
    ("metadata", "model"),
    [(RESULTS["metadata"], "n"), ({}, ""), (None, ""), ("odd", ""), ({"model_info": {"name": 7}}, "")],
)
def test_the_model_is_told_if_it_can_be_and_costs_no_words(metadata: object, model: str) -> None:
    results = decode(encoded({**RESULTS, "metadata": metadata}))
    assert isinstance(results, Results)
    assert (results.model, results.channel.alternatives[0].transcript) == (model, "Tell me.")


def test_a_models_name_can_be_stored() -> None:
    assert len(read({**RESULTS, "metadata": {"model_info": {"name": "m" * 300_000}}}).model) <= 100
    assert read({**RESULTS, "metadata": {"model_info": {"name": "nova\ud800"}}}).model == "nova\ufffd"


ODD: dict[str, dict[str, Any]] = {
    "confidence null": with_best(confidence=None),
    "confidence 1e200": with_best(confidence=1e200),
    "confidence NaN": with_best(confidence=float("nan")),
    "confidence infinite": with_best(confidence=float("inf")),
    "confidence negative": with_best(confidence=-0.1),
    "confidence a text": with_best(confidence="0.9"),
    "confidence of another size": with_best(confidence=10**400),
    "a word's confidence": with_word(confidence=1.5),
    "a word's confidence true": with_word(confidence=True),
    "a word's writing null": with_word(punctuated_word=None),
    "a word's writing a number": with_word(punctuated_word=7),
    "speech_final null": {**RESULTS, "speech_final": None},
    "speech_final a text": {**RESULTS, "speech_final": "true"},
    "one channel": {**RESULTS, "channel_index": [1, None]},
    "metadata a list": {**RESULTS, "metadata": []},
    "metadata with a surrogate": {**RESULTS, "metadata": {"model_info": {"name": "\udc00"}}},
    "other alternatives": {
        **RESULTS,
        "channel": {"alternatives": [RESULTS["channel"]["alternatives"][0], None, {"transcript": 7}]},
    },
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_beside_the_words_costs_only_itself(name: str) -> None:
    results = read(ODD[name])
    best = results.channel.alternatives[0]
    assert (results.channel_index[0], results.start, results.duration, results.is_final) == (1, 5.99, 1.98, True)
    assert best.transcript == "Tell me."
    assert [(word.word, word.start, word.end) for word in best.words] == [("tell", 6.07, 6.35), ("me", 6.35, 6.6)]
    assert best.confidence == (None if name.startswith("confidence") else 0.99)
    assert results.speech_final == (not name.startswith("speech_final"))
    assert isinstance(results, Repaired) == (
        name not in ("confidence null", "a word's writing null", "metadata a list")
    )


EMPTY: dict[str, dict[str, Any]] = {
    "no alternatives": {**RESULTS, "channel": {"alternatives": []}},
    "alternatives null": {**RESULTS, "channel": {"alternatives": None}},
    "no channel": {name: value for name, value in RESULTS.items() if name != "channel"},
    "channel null": {**RESULTS, "channel": None},
    "channel empty": {**RESULTS, "channel": {}},
    "an alternative null": {**RESULTS, "channel": {"alternatives": [None]}},
    "an alternative empty": {**RESULTS, "channel": {"alternatives": [{}]}},
    "transcript and words null": with_best(transcript=None, words=None, confidence=None),
}


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_result_needs_only_channel_start_and_duration(name: str) -> None:
    results = read(EMPTY[name])
    assert (results.channel_index[0], results.start, results.duration) == (1, 5.99, 1.98)
    assert all(not best.transcript and not best.words for best in results.channel.alternatives)


def test_lone_surrogates_are_replaced() -> None:
    results = read(with_best(transcript="a \ud83d b", words=[{"word": "\udc00", "start": 6, "end": 6.5}]))
    best = results.channel.alternatives[0]
    assert (best.transcript, best.words[0].word) == ("a \ufffd b", "\ufffd")
    assert read(with_best(transcript="\U0001f600")).channel.alternatives[0].transcript == "\U0001f600"


@pytest.mark.parametrize("time", [1e308, -1e308, 1e400, 10**400])
def test_a_word_with_a_time_beyond_any_call_is_kept(time: float) -> None:
    words = read(with_word(start=time, end=time)).channel.alternatives[0].words
    assert [word.word for word in words] == ["tell", "me"]
    assert abs(words[0].start) == abs(words[0].end) == 1e6


def test_a_word_that_is_none_is_read_as_several() -> None:
    long = "x" * 700
    words = read(with_word(word=long, punctuated_word=f"{long}.", confidence=0.5)).channel.alternatives[0].words
    assert "".join(word.written for word in words[:-1]) == f"{long}."
    assert all(len(word.written) <= MAX_WORD for word in words)
    assert {(word.start, word.end, word.confidence) for word in words[:-1]} == {(6.07, 6.35, 0.5)}


@pytest.mark.parametrize("duration", ["9.5", -1e300, 1e300, [], True, float("nan")])
def test_metadata_without_a_usable_duration_are_metadata(duration: object) -> None:
    metadata = decode(encoded({"type": "Metadata", "duration": duration}))
    assert isinstance(metadata, Metadata)
    assert isinstance(metadata, Repaired)
    assert metadata.duration is None


def test_an_error_of_another_form_is_an_error() -> None:
    error = decode(b'{"type":"Error","code":7,"variant":["SchemaError"]}')
    assert isinstance(error, Error)
    assert error.name == ""
    assert Error("x" * 65).name == ""


def test_other_messages_are_told_apart() -> None:
    assert decode(b'{"type":"Metadata","duration":9.5,"channels":2,"created":"now"}') == Metadata(9.5)
    assert decode(b'{"type":"Error","code":"C","variant":"V","description":"d"}') == Error("C", "V")
    assert isinstance(decode(b'{"type":"UtteranceEnd","channel":[0,1],"last_word_end":2}'), UtteranceEnd)
    assert isinstance(decode(b'{"channel":[0,1],"timestamp":2,"type":"SpeechStarted"}'), SpeechStarted)
    assert decode(b'{"type":"Weather","channel":7}') == Unknown("Weather")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"type":1}',
        b'{"type":"Results"}',
        b'{"type":"Weather"',
        b'{"type":"\xff"}',
        b"[" * 100_000,
        encoded({**RESULTS, "start": "5.99"}),
        encoded({**RESULTS, "start": None}),
        encoded({**RESULTS, "duration": 1e300}),
        encoded({**RESULTS, "channel_index": 0}),
        encoded({**RESULTS, "channel": []}),
        encoded({**RESULTS, "is_final": None}),
        encoded({**RESULTS, "channel_index": [True, 2]}),
        encoded({**RESULTS, "channel": {"alternatives": ["a"]}}),
        encoded({**RESULTS, "channel": {"alternatives": {"transcript": "a"}}}),
        encoded({**RESULTS, "channel": {"alternatives": [{"transcript": 7}]}}),
        encoded({**RESULTS, "channel": {"alternatives": [{"transcript": "a", "words": ["a"]}]}}),
        encoded({**RESULTS, "channel": {"alternatives": [{"transcript": "a", "words": {"word": "a"}}]}}),
        encoded(with_word(word=None)),
        encoded(with_word(word=7)),
        encoded(with_word(start=None)),
        encoded(with_word(end="6.35")),
        encoded(with_word(start=True)),
        encoded(with_word(end=float("nan"))),
    ],
)
def test_what_cannot_be_read_is_told_from_what_need_not_be(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode(data)


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (Error("KeytermsNotSupported", "Invalid"), "KeytermsNotSupported"),
        (Error(None, "SchemaError"), "SchemaError"),
        (Error("you said hello", None), ""),
        (Error(), ""),
    ],
)
def test_an_error_is_named_but_never_quoted(error: Error, name: str) -> None:
    assert error.name == name


@given(st.binary() | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(encoded))
def test_nothing_else_is_raised(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode(data)


@given(st.sampled_from(list(RESULTS)), st.none() | st.integers() | st.text() | st.lists(st.integers()))
def test_a_result_of_any_form_is_read_or_malformed(name: str, value: object) -> None:
    with suppress(MalformedMessage):
        decode(encoded({**RESULTS, name: value}))


def test_an_error_does_not_repeat_what_was_said() -> None:
    with pytest.raises(MalformedMessage) as malformed:
        decode(encoded({**RESULTS, "channel": {"alternatives": [{"transcript": ["my number is 5"]}]}}))
    assert "number" not in repr(malformed.value)
    assert malformed.value.__cause__ is None


def test_the_fields_that_are_read_are_those_of_deepgrams_sdk() -> None:
    """The SDK's models are checked strictly: it does not check them itself."""
    theirs = ListenV1Results.model_validate(RESULTS, strict=True)
    ours = decode(encoded(RESULTS))
    assert isinstance(ours, Results)
    assert set(Results.__struct_fields__) <= set(ListenV1Results.model_fields)
    assert set(Metadata.__struct_fields__) <= set(ListenV1Metadata.model_fields)
    assert (ours.start, ours.duration, ours.channel_index) == (theirs.start, theirs.duration, theirs.channel_index)
    best = theirs.channel.alternatives[0]
    assert ours.channel.alternatives[0].transcript == best.transcript
    assert [word.written for word in ours.channel.alternatives[0].words] == [
        word.punctuated_word or word.word for word in best.words
    ]


def test_the_fake_recogniser_speaks_as_deepgrams_sdk_expects() -> None:
    for message in Recogniser(0).feed(bytes(40_000)):
        ListenV1Results.model_validate({**message, "metadata": RESULTS["metadata"]}, strict=True)


def test_what_is_sent_is_what_deepgrams_sdk_sends() -> None:
    for text, model, kind in (
        (KEEP_ALIVE, ListenV1KeepAlive, "KeepAlive"),
        (FINALIZE, ListenV1Finalize, "Finalize"),
        (CLOSE_STREAM, ListenV1CloseStream, "CloseStream"),
    ):
        assert json.loads(text) == model(type=kind).model_dump(exclude_none=True)


def published() -> list[Path]:
    return sorted(Path(FOLDER, "streaming").glob("*.json")) if FOLDER else []


@pytest.mark.skipif(FOLDER is None, reason="CALLSCRIBE_DEEPGRAM_FIXTURES names no folder")
@pytest.mark.parametrize("path", published(), ids=lambda path: path.stem)
def test_a_published_message_is_read(path: Path) -> None:
    message = json.loads(path.read_bytes())
    if isinstance(message, list):
        pytest.skip("a table of close codes, no message")
    # Pages about one option show results without their type.
    message.setdefault("type", "Results")
    read = decode(encoded(message))
    assert type(read).__name__ == message["type"]
    if isinstance(read, Results):
        best = message["channel"]["alternatives"][0]
        assert read.channel.alternatives[0].transcript == best["transcript"]
        assert [word.word for word in read.channel.alternatives[0].words] == [word["word"] for word in best["words"]]
        assert read.is_final == message["is_final"]
