from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.deepgram.reply import parse_reply
from callscribe.recognition import InvalidReply, Recognition, SentimentLabel
from tests.callscribe.replies import (
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

SECRET = "xyzzy"


def parsed(reply: Any) -> Recognition:
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
        (b'{"metadata": {"duration": NaN}, "results": {"channels": []}}', "UnexpectedShape"),
        (b'{"metadata": {"duration": 1' + b"0" * 5000 + b'}, "results": {"channels": []}}', "UnexpectedShape"),
        (b'{"metadata": {"duration": 3}, "results": {"channels": [{"alternatives": [{}]}]}}', "UnexpectedShape"),
        (b'{"metadata": {"duration": 3}, "results": {"channels": [{"alternatives": null}]}}', "UnexpectedShape"),
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
        (("channels", 0, "alternatives", 0, "words", 0, "start"), float("nan")),
        (("channels", 0, "alternatives", 0, "words", 0, "end"), float("inf")),
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


@given(st.binary(max_size=60))
def test_any_bytes_end_in_a_declared_error(raw: bytes) -> None:
    with pytest.raises(InvalidReply):
        parse_reply(raw)


def test_words_out_of_order_are_put_in_order() -> None:
    words = words_of(Turn(0, "one two three", 0, 3))
    reply = {"metadata": metadata([], 1), "results": {"channels": [channel(words[::-1])]}}
    assert [word.text for word in parsed(reply).words] == ["one", "two", "three"]


def test_silence_is_not_believed_of_a_reply_that_speaks_of_words_elsewhere() -> None:
    for feature in ("topics", "intents", "sentiments", "summary"):
        reply = silent()
        reply["results"][feature] = with_intelligence()["results"][feature]
        assert refused(body(reply)) == "IncompleteReply"


def test_a_channel_of_which_nothing_is_told_is_noted() -> None:
    reply = stereo(APPOINTMENT, utterances=False)
    reply["results"]["channels"][0] = {"alternatives": []}
    assert "channel 0: nothing told" in parsed(reply).warnings


@pytest.mark.parametrize("lost", [0, -1, slice(2, 5)])
def test_utterances_that_lack_words_are_not_taken(lost: Any) -> None:
    reply = stereo(APPOINTMENT)
    del reply["results"]["utterances"][lost]
    result = parsed(reply)
    assert letters(result) == letters_of(APPOINTMENT)
    assert "utterances: fewer words than the transcript" in result.warnings


def test_words_that_lack_some_are_not_taken() -> None:
    reply = mono(APPOINTMENT)
    best = reply["results"]["channels"][0]["alternatives"][0]
    del best["words"][3:9]
    result = parsed(reply)
    assert letters(result) == letters_of(APPOINTMENT)
    assert "words: fewer than in the transcript" in result.warnings
    assert result.utterances[0].end >= best["words"][-1]["end"]


def test_paragraphs_that_cannot_be_read_leave_the_transcript() -> None:
    reply = mono(talk((0, "Hello there.")))
    best = reply["results"]["channels"][0]["alternatives"][0]
    best |= {"words": [], "paragraphs": {"paragraphs": [{"sentences": [{"text": "Hello"}]}]}}
    result = parsed(reply)
    assert [said.text for said in result.utterances] == ["Hello there."]
    assert "paragraphs: unreadable" in result.warnings


@pytest.mark.parametrize(
    ("path", "value", "warning"),
    [
        (("results", "channels", 0, "alternatives", 0, "words", 0, "confidence"), None, "confidence: unreadable"),
        (
            ("results", "channels", 0, "alternatives", 0, "words", 0, "confidence"),
            float("nan"),
            "confidence: unreadable",
        ),
        (("results", "channels", 0, "alternatives", 0, "words", 0, "confidence"), 1e200, "confidence: unreadable"),
        (("results", "channels", 0, "alternatives", 0, "words", 0, "speaker"), "0", "speaker: unreadable"),
        (("results", "channels", 0, "alternatives", 0, "words", 0, "speaker"), "xyzzy", "speaker: unreadable"),
        (("results", "channels", 0, "alternatives", 0, "words", 0, "speaker"), -1, "speaker: unreadable"),
        (("results", "channels", 0, "alternatives", 0, "words", 0, "speaker"), 10**30, "speaker: unreadable"),
        (
            ("results", "channels", 0, "alternatives", 0, "words", 0, "sentiment_score"),
            1e6,
            "sentiment_score: unreadable",
        ),
        (
            ("results", "channels", 0, "alternatives", 0, "words", 0, "punctuated_word"),
            7,
            "punctuated_word: unreadable",
        ),
        (("results", "channels", 0, "alternatives", 0, "confidence"), "xyzzy", "confidence: unreadable"),
        (("results", "channels", 0, "alternatives", 0, "transcript"), None, "transcript: unreadable"),
        (("results", "channels", 0, "alternatives", 0, "entities"), {"xyzzy": 1}, "entities: unreadable"),
        (("results", "channels", 0, "detected_language"), ["xyzzy"], "detected_language: unreadable"),
        (("results", "topics", "segments", 0, "topics", 0, "confidence_score"), None, "confidence: unreadable"),
        (("metadata",), None, None),
        (("metadata",), "xyzzy", "metadata: unreadable"),
        (("metadata", "duration"), "xyzzy", "duration: unreadable"),
        (("metadata", "request_id"), "x" * 300_000, "request_id: unreadable"),
        (("metadata", "request_id"), "My name is xyzzy.", "request_id: unreadable"),
        (("metadata", "model_info"), ["xyzzy"], "model: unreadable"),
        (("metadata", "model_info"), {"x": {"name": 5}}, "model: unreadable"),
        (("metadata", "summary_info"), {"model_uuid": "x"}, None),
        (("metadata", "summary_info"), None, None),
        (("metadata", "summary_info"), {"input_tokens": 3}, "token usage: unreadable"),
        (("metadata", "summary_info"), {"input_tokens": 10**30, "output_tokens": 1}, "token usage: unreadable"),
        (("metadata", "summary_info"), {"input_tokens": None, "output_tokens": 1}, "token usage: unreadable"),
        (("metadata", "summary_info"), "xyzzy", "token usage: unreadable"),
    ],
)
def test_what_is_not_needed_costs_only_itself(path: tuple[str | int, ...], value: Any, warning: str | None) -> None:
    reply = with_intelligence()
    before = parsed(reply)
    place: Any = reply
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    after = parsed(reply)
    # Without its written form a word has another case.
    assert [said.text.lower() for said in after.utterances] == [said.text.lower() for said in before.utterances]
    assert len(after.topics) == 1
    if path != ("metadata",):
        assert ("topics", 7, 1) in [(used.feature, used.input_tokens, used.output_tokens) for used in after.usage]
        new = [one for one in after.warnings if one not in before.warnings]
        assert new == ([] if warning is None else [warning])
    assert SECRET not in "".join(after.warnings)


def test_an_unknown_confidence_is_unknown_and_the_others_still_count() -> None:
    reply = mono(talk((0, "One two three four.")))
    best = reply["results"]["channels"][0]["alternatives"][0]
    best["words"][0]["confidence"] = None
    (said,) = parsed(reply).utterances
    assert (said.words[0].confidence, said.confidence) == (None, 0.98)
    for word in best["words"]:
        word["confidence"] = "high"
    (said,) = parsed(reply).utterances
    assert said.confidence == best["confidence"]
    del best["confidence"]
    (said,) = parsed(reply).utterances
    assert said.confidence is None


def test_one_odd_speaker_breaks_no_turn() -> None:
    turns = talk((1, "Eye clinic, hello."), (0, "Good morning to you."), pause=0.1)
    reply = mono(turns)
    reply["results"]["channels"][0]["alternatives"][0]["words"][4]["speaker"] = None
    assert [(said.speaker, said.text) for said in parsed(reply).utterances] == [
        (turn.speaker, turn.text) for turn in turns
    ]


def test_speakers_written_as_texts_are_still_told_apart() -> None:
    turns = talk((1, "Eye clinic, hello."), (0, "Good morning to you."), pause=0.1)
    reply = mono(turns)
    for word in reply["results"]["channels"][0]["alternatives"][0]["words"]:
        word["speaker"] = str(word["speaker"])
    assert [said.speaker for said in parsed(reply).utterances] == [1, 0]


def test_one_odd_part_of_the_intelligence_costs_only_itself() -> None:
    reply = with_intelligence()
    for feature in ("topics", "intents", "sentiments"):
        reply["results"][feature]["segments"].insert(0, {"text": 5})
    reply["results"]["topics"]["segments"][1]["topics"].append({"topic": None})
    reply["results"]["channels"][0]["alternatives"][0]["entities"].append(None)
    result = parsed(reply)
    assert (len(result.topics), len(result.intents), len(result.sentiments), len(result.entities)) == (1, 1, 1, 1)
    assert {"topics: unreadable", "intents: unreadable", "sentiments: unreadable", "entities: unreadable"} <= set(
        result.warnings
    )


def test_ten_thousand_warnings_are_a_few() -> None:
    reply = with_intelligence()
    reply["metadata"]["warnings"] = [{"parameter": f"p{number}" * 100, "type": "t"} for number in range(10_000)]
    warnings = parsed(reply).warnings
    assert len(warnings) == 21
    assert max(map(len, warnings)) < 250
    assert warnings[-1] == "deepgram: 9980 more warnings"


def test_more_parts_than_any_day_has_are_cut() -> None:
    reply = with_intelligence()
    reply["results"]["topics"]["segments"] *= 10_001
    result = parsed(reply)
    assert len(result.topics) == 10_000
    assert "topics: only the first 10000 are read" in result.warnings


DAMAGED = "reply: damaged characters"


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        (b"Hello there.", b"Hello \\ud83d there.", DAMAGED),
        (b"Hello there.", b"Hello \\udfff\\ud800 there.", DAMAGED),
        (b"Hello there.", b"Hello \\ud83d\\ude00 there.", None),
        (b"Hello there.", b"Hello \\\\ud800 there.", None),
        (b"Hello there.", b"H\xe9llo there.", DAMAGED),
        (b"general-nova-3", b"\\ud800", DAMAGED),
        (b"11111111-2222", b"\\ud800", DAMAGED),
        (b'"channels": [', b'"x": ' + b"[" * 90_000 + b"]" * 90_000 + b', "channels": [', "reply: nested too deeply"),
        (b'"duration"', b'"duration": 5, "duration"', "reply: repeated fields"),
    ],
)
def test_a_damaged_piece_costs_only_itself(old: bytes, new: bytes, warning: str | None) -> None:
    raw = body(stereo(talk((AGENT, "Hello there."))))
    assert old in raw
    result = parse_reply(raw.replace(old, new))
    assert "there." in result.utterances[0].text
    assert (warning in result.warnings) is (warning is not None)
    for text in (result.model, result.request_id, *(said.text for said in result.utterances)):
        text.encode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"results"', b'"results": {"channels": []}, "results"'),
        (b'"alternatives"', b'"alternatives": [], "alternatives"'),
        (b'"transcript"', b'"transcript": "", "transcript"'),
        (b'"punctuated_word"', b'"punctuated_word": "", "punctuated_word"'),
        (b'"start"', b'"start": 1, "start"'),
    ],
)
def test_words_that_are_told_twice_and_differ_are_refused(old: bytes, new: bytes) -> None:
    assert refused(body(stereo(APPOINTMENT)).replace(old, new, 1)) == "UnexpectedShape"


def letters_of(turns: list[Turn]) -> int:
    return sum(map(str.isalnum, "".join(turn.text for turn in turns)))


def letters(reply: Recognition) -> int:
    return sum(map(str.isalnum, "".join(said.text for said in reply.utterances)))
