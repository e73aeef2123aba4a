from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.conversation.alignment import SegmentMap
from callscribe.conversation.sentiment import utterance_sentiments
from callscribe.deepgram.reply import parse_reply
from callscribe.recognition import Sentiment, SentimentLabel
from tests.callscribe.replies import AGENT, CUSTOMER, body, mono, stereo, talk

LINES = talk(
    (AGENT, "Eye clinic, how may I help you?"),
    (CUSTOMER, "My left eye is red and it hurts."),
    (AGENT, "Okay."),
    (CUSTOMER, "Okay."),
    (CUSTOMER, "Thank you so much for helping me today."),
)


def scores(reply: dict[str, Any]) -> list[float | None]:
    parsed = parse_reply(body(reply))
    return [mood.score if mood else None for mood in utterance_sentiments(parsed, SegmentMap(parsed))]


def with_segments(reply: dict[str, Any], *segments: tuple[str, int, int, float]) -> dict[str, Any]:
    reply["results"]["sentiments"] = {
        "segments": [
            {"text": text, "start_word": start, "end_word": end, "sentiment": "neutral", "sentiment_score": score}
            for text, start, end, score in segments
        ]
    }
    return reply


@pytest.mark.parametrize(
    ("score", "label"),
    [
        (0.34, SentimentLabel.POSITIVE),
        (0.3333, SentimentLabel.NEUTRAL),
        (-0.3333, SentimentLabel.NEUTRAL),
        (-0.34, SentimentLabel.NEGATIVE),
    ],
)
def test_scores_are_labelled_by_deepgrams_thresholds(score: float, label: SentimentLabel) -> None:
    assert Sentiment.of(score).label is label


def test_an_utterances_own_mood_comes_first() -> None:
    reply = stereo(talk((CUSTOMER, "It hurts a lot.", -0.7)))
    for word in reply["results"]["utterances"][0]["words"]:
        word["sentiment_score"] = 0.9
    assert scores(with_segments(reply, ("It hurts a lot.", 0, 3, 0.9))) == [-0.7]


def test_the_mean_of_its_words_comes_next() -> None:
    reply = stereo(talk((CUSTOMER, "It hurts a lot.")))
    for word, score in zip(reply["results"]["utterances"][0]["words"], (-0.2, -0.8, None, None), strict=True):
        if score is not None:
            word["sentiment_score"] = score
    assert scores(with_segments(reply, ("It hurts a lot.", 0, 3, 0.9))) == [-0.5]


def test_too_few_words_with_a_mood_do_not_speak_for_all() -> None:
    reply = stereo(talk((CUSTOMER, "It hurts a lot.")))
    reply["results"]["utterances"][0]["words"][0]["sentiment_score"] = -0.5
    assert scores(reply) == [None]


def test_in_a_mono_reply_word_indexes_lead_to_the_utterance_last_word_included() -> None:
    reply = with_segments(mono(LINES), ("", 0, 6, 0.1), ("", 7, 14, -0.6), ("", 15, 23, 0.8))
    assert scores(reply)[:2] == [0.1, -0.6]
    assert scores(reply)[2:] == [0.8, 0.8, 0.8][: len(scores(reply)) - 2]


def test_segments_that_share_an_utterance_count_by_their_words() -> None:
    reply = with_segments(mono(talk((0, "one two three four"))), ("", 0, 2, 0.4), ("", 3, 3, -0.4))
    assert scores(reply) == [0.2]


def test_with_several_channels_the_text_leads_to_the_utterance() -> None:
    reply = with_segments(
        stereo(LINES),
        ("My left eye is red and it hurts.", 900, 907, -0.6),
        ("thank you so much for helping me today", 0, 3, 0.8),
    )
    assert scores(reply) == [None, -0.6, None, None, 0.8]


def test_a_text_said_twice_leads_nowhere() -> None:
    assert scores(with_segments(stereo(LINES), ("Okay.", 0, 0, 0.9))) == [None] * 5


def test_a_segment_over_several_utterances_reaches_each() -> None:
    text = "My left eye is red and it hurts. Okay. Okay. Thank you so much for helping me today."
    assert scores(with_segments(stereo(LINES), (text, 0, 17, 0.2))) == [None, 0.2, None, None, 0.2]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.floats(-1, 1)), max_size=6), st.booleans())
def test_any_segments_give_a_mood_within_their_range(segments: list[tuple[int, int, float]], one: bool) -> None:
    reply = with_segments(mono(LINES) if one else stereo(LINES), *[("Okay.", *segment) for segment in segments])
    given_scores = [round(score, 4) for *_, score in segments]
    for score in scores(reply):
        assert score is None or min(given_scores) - 1e-4 <= score <= max(given_scores) + 1e-4
