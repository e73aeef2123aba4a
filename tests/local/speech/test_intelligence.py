import pytest

from local.speech.engines import Word
from local.speech.intelligence import analyse, entities, score_sentiment, sentiment_label, summary
from local.speech.transcript import Sentence, SpokenWord, Utterance
from tests.local.speech.calls import options


def sentence(text: str) -> Sentence:
    return Sentence([SpokenWord.of(Word(word, place, place + 0.5, 0.9)) for place, word in enumerate(text.split())])


def utterance(*texts: str) -> Utterance:
    return Utterance(0, [sentence(text) for text in texts])


@pytest.mark.parametrize(
    ("score", "label"),
    [(1 / 3, "positive"), (0.333, "neutral"), (0, "neutral"), (-0.333, "neutral"), (-1 / 3, "negative")],
)
def test_sentiment_labels_change_at_a_third(score: float, label: str) -> None:
    assert sentiment_label(score) == label


def test_praise_is_positive_and_a_complaint_negative() -> None:
    spoken = utterance("that is wonderful thank you", "this is terrible and i am very angry")
    score_sentiment([spoken])
    good, bad = (word.sentiment for word in (spoken.sentences[0].words[0], spoken.sentences[1].words[0]))
    assert good is not None
    assert bad is not None
    assert sentiment_label(good) == "positive"
    assert sentiment_label(bad) == "negative"


def test_topics_and_intents_are_found_in_the_sentence_that_has_them() -> None:
    spoken = [utterance("hello there", "i need to make an appointment because of my glaucoma")]
    results, metadata = analyse(spoken, options(topics="true", intents="true"))
    (topics,) = results["topics"]["segments"]
    assert {topic["topic"] for topic in topics["topics"]} == {"Appointment", "Glaucoma"}
    assert (topics["start_word"], topics["end_word"]) == (2, 11)
    (intents,) = results["intents"]["segments"]
    assert intents["intents"] == [{"intent": "Make an appointment", "confidence_score": 0.5}]
    assert metadata["topics_info"]["input_tokens"] == 16


def test_a_short_call_is_echoed_as_its_summary_at_no_tokens() -> None:
    results, metadata = analyse([utterance("hello there")], options(summarize="v2"))
    assert results["summary"] == {"result": "success", "short": "hello there"}
    assert (metadata["summary_info"]["input_tokens"], metadata["summary_info"]["output_tokens"]) == (0, 0)


def test_a_summary_quotes_the_sentences_about_a_topic_in_order_and_once() -> None:
    small_talk = [sentence("well yes of course that is fine by me") for _ in range(8)]
    told = [sentence("my left eye hurts after surgery"), *small_talk, sentence("the eye surgery pain is worse")]
    quoted = summary(told)
    assert quoted.startswith("my left eye hurts after surgery")
    assert "the eye surgery pain is worse" in quoted
    assert quoted.count("well yes of course") <= 1
    assert len(quoted.split()) < sum(len(item.words) for item in told)


def test_entities_are_found_with_an_exclusive_end() -> None:
    spoken = sentence("my last name is miller call me on monday at five five five one i have blue cross").words
    found = {(entity["label"], entity["raw_value"]): entity for entity in entities(spoken)}
    assert set(found) == {
        ("NAME", "miller"),
        ("DATE", "monday"),
        ("CARDINAL", "five five five one"),
        ("ORG", "blue cross"),
    }
    number = found["CARDINAL", "five five five one"]
    assert (number["start_word"], number["end_word"]) == (10, 14)


def test_nothing_is_analysed_unasked() -> None:
    assert analyse([utterance("make an appointment")], options()) == ({}, {})
