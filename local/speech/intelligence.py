"""Sentiment, topics, intents, summary and entities, computed from the recognised words.

None of it is Deepgram's models: sentiment is VADER's, topics and intents are looked up in `lexicons.json`, the summary
quotes the sentences that say most about those topics. Shapes, labels and thresholds follow Deepgram's documentation
pages "Sentiment Analysis", "Topic Detection", "Intent Recognition", "Summarization" and "Entity Detection".

Segments index the words of the whole reply in order of time, both ends inclusive. For several channels Deepgram does
not document what its indexes count.
"""

from __future__ import annotations

import math
import re
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from local.speech.lexicons import lexicon, words
from local.speech.parameters import ListenOptions
from local.speech.spoken_numbers import number_spans
from local.speech.transcript import Sentence, SpokenWord, Utterance

Json = dict[str, Any]

SENTIMENT_THRESHOLD = 1 / 3
SUMMARY_SENTENCES = 4
SHORTEST_SUMMARISED = 50
_TOKENS_PER_WORD = 4 / 3


@cache
def _vader() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class _Placed:
    """A sentence with the indexes of its first and last word in the whole reply."""

    sentence: Sentence
    first: int

    def segment(self, **found: Any) -> Json:
        last = self.first + len(self.sentence.words) - 1
        return {"text": self.sentence.text, "start_word": self.first, "end_word": last, **found}


def sentiment_label(score: float) -> str:
    """Return Deepgram's label for a score."""
    if score >= SENTIMENT_THRESHOLD:
        return "positive"
    return "negative" if score <= -SENTIMENT_THRESHOLD else "neutral"


def sentiment_of(score: float) -> Json:
    """Return the two fields that carry a sentiment."""
    return {"sentiment": sentiment_label(score), "sentiment_score": round(score, 6)}


def mean_sentiment(spoken: Sequence[SpokenWord]) -> float:
    """Return the mean score of words, 0 without any."""
    return sum(word.sentiment or 0.0 for word in spoken) / len(spoken) if spoken else 0.0


def score_sentiment(utterances: Iterable[Utterance]) -> None:
    """Score every sentence; its words take its score."""
    for sentence in (sentence for utterance in utterances for sentence in utterance.sentences):
        sentence.sentiment = _vader().polarity_scores(sentence.text)["compound"]  # type: ignore[no-untyped-call]
        for word in sentence.words:
            word.sentiment = sentence.sentiment


def analyse(utterances: Sequence[Utterance], options: ListenOptions) -> tuple[Json, Json]:
    """Return what the intelligence options add to ``results`` and to ``metadata``.

    Args:
        utterances: Of all channels in order of time, with sentiment scored if it is asked for.
        options: The request's options; for other languages than English nothing is added.
    """
    if not options.english:
        return {}, {}
    placed, count = [], 0
    for sentence in (sentence for utterance in utterances for sentence in utterance.sentences):
        placed.append(_Placed(sentence, count))
        count += len(sentence.words)
    results: Json = {}
    metadata: Json = {}
    if options.sentiment:
        results["sentiments"] = _sentiments(placed)
        metadata["sentiment_info"] = _info("vader", count, len(placed))
    if options.topics:
        results["topics"] = {"segments": _matches(placed, "topics", "topic")}
        metadata["topics_info"] = _info("topics", count, len(results["topics"]["segments"]))
    if options.intents:
        results["intents"] = {"segments": _matches(placed, "intents", "intent")}
        metadata["intents_info"] = _info("intents", count, len(results["intents"]["segments"]))
    if options.summarize:
        short = summary([item.sentence for item in placed])
        summarised = count >= SHORTEST_SUMMARISED
        results["summary"] = {"result": "success", "short": short}
        metadata["summary_info"] = _info("summary", count * summarised, len(short.split()) * summarised)
    return results, metadata


def _info(model: str, words_in: int, words_out: int) -> Json:
    return {
        "model_uuid": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"local-{model}")),
        "name": f"local-{model}",
        "input_tokens": round(words_in * _TOKENS_PER_WORD),
        "output_tokens": round(words_out * _TOKENS_PER_WORD),
    }


def _sentiments(placed: Sequence[_Placed]) -> Json:
    segments = [item.segment(**sentiment_of(item.sentence.sentiment or 0.0)) for item in placed]
    spoken = [word for item in placed for word in item.sentence.words]
    return {"segments": segments, "average": sentiment_of(mean_sentiment(spoken))}


def _matches(placed: Sequence[_Placed], plural: str, singular: str) -> list[Json]:
    labels: Mapping[str, Sequence[str]] = lexicon(plural)
    segments = []
    for item in placed:
        spoken = f" {item.sentence.spoken} "
        hits = {label: sum(f" {term} " in spoken for term in terms) for label, terms in labels.items()}
        found = [
            {singular: label, "confidence_score": round(1 - 0.5**count, 6)} for label, count in hits.items() if count
        ]
        if found:
            segments.append(item.segment(**{plural: found}))
    return segments


def summary(sentences: Sequence[Sentence]) -> str:
    """Quote the sentences that say most about the known topics, in order; short input is echoed, as Deepgram does."""
    if sum(len(sentence.words) for sentence in sentences) < SHORTEST_SUMMARISED:
        return " ".join(sentence.text for sentence in sentences)
    topical = {word for terms in lexicon("topics").values() for term in terms for word in term.split()}
    topical -= words("function_words")
    count = Counter(word.text for sentence in sentences for word in sentence.words)

    def worth(text: str) -> float:
        spoken = text.split()
        return sum(math.log1p(count[word]) for word in set(spoken) & topical) / math.sqrt(4 + len(spoken))

    # Of sentences said more than once the first counts.
    first = {sentence.spoken: sentence for sentence in reversed(sentences)}
    best = set(sorted(first, key=worth, reverse=True)[:SUMMARY_SENTENCES])
    return " ".join(
        sentence.text for sentence in sentences if sentence is first[sentence.spoken] and sentence.spoken in best
    )


_DATE = re.compile(
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|june|july|august|september|october"
    r"|november|december|today|tomorrow|yesterday"
)
_NAME_LEADS = (("name", "is"), ("this", "is"))


def entities(spoken: Sequence[SpokenWord]) -> list[Json]:
    """Return the entities of one channel: dates, numbers, names that introduce themselves, known organisations.

    `end_word` is exclusive, unlike the segments' (Deepgram's streaming specification).
    """
    texts = [word.text for word in spoken]
    numbers = (span for span in number_spans(texts) if span.end - span.start > 1 or not span.spelled)
    found = [("CARDINAL", span.start, span.end) for span in numbers]
    for position, text in enumerate(texts):
        if _DATE.fullmatch(text):
            found.append(("DATE", position, position + 1))
        if tuple(texts[max(0, position - 2) : position]) in _NAME_LEADS and text in words("proper_nouns"):
            found.append(("NAME", position, position + 1))
    for name in lexicon("organisations"):
        parts = name.split()
        starts = (i for i in range(len(texts)) if texts[i : i + len(parts)] == parts)
        found += [("ORG", start, start + len(parts)) for start in starts]
    return [
        {
            "label": label,
            "value": " ".join(word.written.rstrip(".,?!") for word in spoken[start:end]),
            "raw_value": " ".join(texts[start:end]),
            "confidence": round(min(word.confidence for word in spoken[start:end]), 6),
            "start_word": start,
            "end_word": end,
        }
        for label, start, end in sorted(found, key=lambda item: item[1:])
    ]
