import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transcription.replies import (
    AGENT,
    APPOINTMENT,
    CUSTOMER,
    Turn,
    body,
    channel,
    metadata,
    mono,
    silent,
    stereo,
    talk,
    words_of,
)
from transcription.conversation import SentimentLabel
from transcription.reply import InvalidReply, Reply, parse_reply

SECRET = "xyzzy"


def parsed(reply: Any) -> Reply:
    return parse_reply(body(reply))


def refused(raw: bytes) -> str:
    with pytest.raises(InvalidReply) as error:
        parse_reply(raw)
    assert SECRET not in str(error.value)
    return error.value.code


def test_utterances_of_all_channels_come_in_order_of_time() -> None:
    reply = parsed(stereo(APPOINTMENT))
    assert [said.text for said in reply.utterances] == [turn.text for turn in APPOINTMENT]
    assert [said.channel for said in reply.utterances] == [turn.speaker for turn in APPOINTMENT]
    assert (reply.channel_count, reply.model, reply.request_id[:8]) == (2, "general-nova-3", "11111111")
    assert reply.words == ()


def test_without_utterances_words_are_cut_at_pauses() -> None:
    turns = talk((AGENT, "Hello there. Please wait."), (AGENT, "Thanks for waiting."), pause=0.9)
    reply = parsed(stereo(turns, utterances=False))
    assert [(said.text, said.channel) for said in reply.utterances] == [
        ("Hello there. Please wait.", AGENT),
        ("Thanks for waiting.", AGENT),
    ]
    assert reply.utterances[0].confidence == 0.98


def test_a_short_pause_does_not_cut() -> None:
    turns = talk((AGENT, "Hello there."), (AGENT, "Please wait."), pause=0.7)
    assert [said.text for said in parsed(stereo(turns, utterances=False)).utterances] == ["Hello there. Please wait."]


def test_diarized_words_are_cut_where_the_speaker_changes() -> None:
    turns = talk((1, "Eye clinic, hello."), (0, "Hi."), (1, "How can I help?"), pause=0.1)
    reply = parsed(mono(turns))
    assert [(said.speaker, said.text) for said in reply.utterances] == [(turn.speaker, turn.text) for turn in turns]
    assert len(reply.words) == 8


def test_a_channel_whose_utterances_are_missing_is_not_lost() -> None:
    reply = stereo(APPOINTMENT)
    reply["results"]["utterances"] = [said for said in reply["results"]["utterances"] if said["channel"] == AGENT]
    assert {said.channel for said in parsed(reply).utterances} == {AGENT, CUSTOMER}


def test_paragraphs_stand_in_for_words() -> None:
    sentences = [{"text": "One.", "start": 0.5, "end": 1.0}, {"text": "Two.", "start": 1.2, "end": 2.0}]
    best = {
        "transcript": "One. Two.",
        "confidence": 0.9,
        "words": [],
        "paragraphs": {"transcript": "One. Two.", "paragraphs": [{"sentences": sentences, "speaker": 1, "start": 0.5}]},
    }
    reply = parsed({"metadata": metadata([], 1), "results": {"channels": [{"alternatives": [best]}]}})
    assert [(said.text, said.start, said.speaker) for said in reply.utterances] == [("One.", 0.5, 1), ("Two.", 1.2, 1)]


def test_a_bare_transcript_becomes_one_utterance() -> None:
    best = {"transcript": "All there is.", "confidence": 0.9}
    (said,) = parsed({"metadata": metadata([], 1), "results": {"channels": [{"alternatives": [best]}]}}).utterances
    assert (said.text, said.start, said.end) == ("All there is.", 0.0, 10.0)


@pytest.mark.parametrize(
    "results",
    [
        silent()["results"],
        {"channels": []},
        {"channels": [{"alternatives": []}]},
        {"channels": [{}], "utterances": None},
        {"channels": [{"alternatives": [{"transcript": "", "confidence": 0, "words": []}]}]},
    ],
)
def test_silence_is_believed_when_the_audio_was_heard(results: dict[str, Any]) -> None:
    reply = parsed({"metadata": metadata([], 2), "results": results})
    assert (reply.utterances, reply.duration_seconds) == ((), 10.0)


@pytest.mark.parametrize("heard", [{}, {"duration": 0}, {"duration": None}])
def test_silence_is_not_believed_otherwise(heard: dict[str, Any]) -> None:
    assert refused(body({"metadata": heard, "results": {"channels": [{"alternatives": []}]}})) == "IncompleteReply"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "EmptyReply"),
        (b" \n", "EmptyReply"),
        (b"{}", "EmptyReply"),
        (b"{", "MalformedJson"),
        (b'{"results": xyzzy', "MalformedJson"),
        (b"\xff\xfe\xfa", "MalformedJson"),
        (b"[" * 100_000, "MalformedJson"),
        (b'{"metadata": {"duration": NaN}, "results": {"channels": []}}', "MalformedJson"),
        (b"[]", "UnexpectedShape"),
        (b'"xyzzy"', "UnexpectedShape"),
        (b"null", "UnexpectedShape"),
        (b'{"request_id": "c22bea24"}', "AcceptedOnly"),
        (b'{"err_code": "INVALID_AUTH", "err_msg": "xyzzy", "request_id": "1"}', "ErrorReply"),
        (b'{"err_msg": "xyzzy"}', "ErrorReply"),
        (b'{"category": "INVALID_JSON", "message": "xyzzy", "details": "xyzzy"}', "ErrorReply"),
        (b'{"err_code": "https://xyzzy"}', "ErrorReply"),
        (b'{"metadata": {"duration": 3}}', "NoResults"),
        (b'{"results": {}}', "NoChannels"),
        (b'{"results": {"channels": {}}}', "NoChannels"),
        (b'{"results": null}', "UnexpectedShape"),
        (b'{"results": {"channels": ["xyzzy"]}}', "UnexpectedShape"),
        (b'{"results": {"channels": [{"alternatives": [{"transcript": 7}]}]}}', "UnexpectedShape"),
        (b'{"metadata": {"duration": 1e999}, "results": {"channels": []}}', "UnexpectedShape"),
        (b'{"metadata": [], "results": {"channels": []}}', "UnexpectedShape"),
    ],
)
def test_what_is_no_transcription_is_refused_by_name(raw: bytes, code: str) -> None:
    assert refused(raw) == code


def test_deepgrams_own_error_code_is_repeated() -> None:
    with pytest.raises(InvalidReply, match="TOO_MANY_REQUESTS"):
        parse_reply(b'{"err_code": "TOO_MANY_REQUESTS", "err_msg": "Too many requests."}')


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("utterances", 0, "start"), "xyzzy"),
        (("utterances", 0, "start"), None),
        (("utterances", 0, "end"), True),
        (("utterances", 0, "transcript"), ["xyzzy"]),
        (("utterances", 0, "channel"), 0.5),
        (("utterances", 0, "channel"), -1),
        (("utterances", 0, "words"), {"xyzzy": 1}),
        (("utterances", 0), "xyzzy"),
        (("utterances",), "xyzzy"),
        (("channels", 0, "alternatives", 0, "words", 0), "xyzzy"),
        (("channels", 0, "alternatives", 0, "words", 0, "start"), "xyzzy"),
        (("channels", 0, "alternatives", 0, "words", 0, "speaker"), "xyzzy"),
        (("channels", 0, "alternatives", 0, "confidence"), "xyzzy"),
    ],
)
def test_words_of_another_shape_are_refused_never_read_as_silence(path: tuple[str | int, ...], value: Any) -> None:
    reply = stereo(APPOINTMENT)
    place: Any = reply["results"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert refused(body(reply)) == "UnexpectedShape"


def test_times_and_shares_out_of_range_are_brought_back() -> None:
    turn = Turn(CUSTOMER, "Hello.", 2.0, 1.0)
    reply = stereo([turn])
    reply["results"]["utterances"][0] |= {"confidence": 1.2, "start": -0.01, "end": -0.5}
    (said,) = parsed(reply).utterances
    assert (said.start, said.end, said.confidence) == (0.0, 0.0, 1.0)


def with_intelligence() -> dict[str, Any]:
    reply = mono(talk((0, "Can I upgrade my phone?")))
    reply["metadata"] |= {
        "summary_info": {"model_uuid": "x", "input_tokens": 10, "output_tokens": 5},
        "topics_info": {"model_uuid": "x", "input_tokens": 7, "output_tokens": 1},
        "warnings": [{"parameter": "sentiment", "type": "unsupported_language", "message": SECRET}, SECRET],
    }
    place = {"text": "Can I upgrade my phone?", "start_word": 0, "end_word": 4}
    reply["results"] |= {
        "summary": {"result": "success", "short": "A phone."},
        "topics": {"segments": [{**place, "topics": [{"topic": "Phone", "confidence_score": 0.0006}]}]},
        "intents": {"segments": [{**place, "intents": [{"intent": "Upgrade", "confidence_score": 0.9}]}]},
        "sentiments": {
            "segments": [{**place, "sentiment": "positive", "sentiment_score": 0.5}],
            "average": {"sentiment": "positive", "sentiment_score": 0.5},
        },
        "unknown": {"segments": 1},
    }
    best = reply["results"]["channels"][0]["alternatives"][0]
    best["entities"] = [{"label": "ORG", "value": " Phone", "confidence": 1, "start_word": 4, "end_word": 5, "raw": 1}]
    return reply


def test_text_intelligence_is_read() -> None:
    reply = parsed(with_intelligence())
    assert [(found.label, found.confidence, found.end_word) for found in reply.topics] == [("Phone", 0.0006, 4)]
    assert [found.label for found in reply.intents] == ["Upgrade"]
    assert [found.sentiment.label for found in reply.sentiments] == [SentimentLabel.POSITIVE]
    assert reply.average_sentiment is not None
    assert reply.summary is not None
    assert (reply.summary.succeeded, reply.summary.text) == (True, "A phone.")
    assert [(used.feature, used.input_tokens, used.output_tokens) for used in reply.usage] == [
        ("summary", 10, 5),
        ("topics", 7, 1),
    ]
    assert [(entity.label, entity.value, entity.channel) for entity in reply.entities] == [("ORG", "Phone", 0)]
    assert reply.warnings == ("sentiment: unsupported_language", "deepgram: warning")


def test_topics_and_intents_one_level_deeper_are_read_too() -> None:
    flat, nested = with_intelligence(), with_intelligence()
    for feature in ("topics", "intents"):
        nested["results"][feature] = {"results": {feature: nested["results"][feature]}}
    assert parsed(nested) == parsed(flat)


def test_a_failed_summary_is_told_apart() -> None:
    reply = with_intelligence()
    reply["results"]["summary"] = {"result": "failure", "short": "English only."}
    summary = parsed(reply).summary
    assert summary is not None
    assert not summary.succeeded


@pytest.mark.parametrize(
    ("feature", "value", "warning"),
    [
        ("topics", {"segments": [{"topics": [{}]}]}, "topics: unreadable"),
        ("topics", "xyzzy", "topics: unreadable"),
        ("topics", {"segments": 7}, "topics: unreadable"),
        ("intents", {"segments": [{"text": 1}]}, "intents: unreadable"),
        ("sentiments", {"segments": [{"sentiment_score": "xyzzy"}]}, "sentiments: unreadable"),
        ("sentiments", {"segments": [], "average": {}}, "sentiments.average: unreadable"),
        ("summary", "xyzzy", "summary: unreadable"),
        ("summary", {"short": "x"}, "summary: unreadable"),
    ],
)
def test_unreadable_intelligence_costs_no_words(feature: str, value: Any, warning: str) -> None:
    reply = with_intelligence()
    reply["results"][feature] = value
    result = parsed(reply)
    assert result.utterances
    assert warning in result.warnings


def test_a_mood_may_come_with_words_and_utterances() -> None:
    reply = stereo([Turn(CUSTOMER, "It hurts.", 0, 1, -0.8)])
    reply["results"]["utterances"][0]["words"][0]["sentiment_score"] = -0.5
    (said,) = parsed(reply).utterances
    assert said.sentiment is not None
    assert said.sentiment.label is SentimentLabel.NEGATIVE
    assert [word.sentiment_score for word in said.words] == [-0.5, None]


TEXTS = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=8)
TURNS = st.lists(
    st.builds(
        lambda speaker, texts, start, length: Turn(speaker, " ".join(texts), start, start + length),
        st.integers(0, 1),
        st.lists(TEXTS, min_size=1, max_size=6),
        st.floats(0, 1e4),
        st.floats(0, 100),
    ),
    max_size=12,
)


@given(TURNS, st.booleans())
def test_no_word_is_lost_and_time_runs_forward(turns: list[Turn], utterances: bool) -> None:
    reply = parsed(stereo(turns, utterances=utterances))
    assert sorted(word for said in reply.utterances for word in said.text.split()) == sorted(
        word for turn in turns for word in turn.text.split()
    )
    starts = [said.start for said in reply.utterances]
    assert starts == sorted(starts)
    assert all(said.end >= said.start for said in reply.utterances)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
@settings(max_examples=200)
def test_any_damage_ends_in_a_reply_or_a_declared_error(data: st.DataObject) -> None:
    reply: Any = copy.deepcopy(with_intelligence())
    place, step = reply, data.draw(st.sampled_from(["metadata", "results"]))
    while isinstance(place[step], dict | list) and place[step] and data.draw(st.booleans()):
        place = place[step]
        step = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
    place[step] = data.draw(JSON)
    try:
        result = parse_reply(json.dumps(reply).encode())
    except InvalidReply:
        return
    assert result.utterances or result.duration_seconds


@given(st.binary(max_size=60))
def test_any_bytes_end_in_a_declared_error(raw: bytes) -> None:
    with pytest.raises(InvalidReply):
        parse_reply(raw)


def test_words_out_of_order_are_put_in_order() -> None:
    words = words_of(Turn(0, "one two three", 0, 3))
    reply = {"metadata": metadata([], 1), "results": {"channels": [channel(words[::-1])]}}
    assert [word.text for word in parsed(reply).words] == ["one", "two", "three"]
