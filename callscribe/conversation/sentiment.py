"""The mood of each utterance, from wherever the service tells it."""

from callscribe.conversation.alignment import SegmentMap
from callscribe.recognition import RecognisedUtterance, Recognition, Sentiment


def utterance_sentiments(recognition: Recognition, segments: SegmentMap) -> list[Sentiment | None]:
    """Find the mood of each utterance, in order.

    The first that there is counts: the utterance's own mood; the mean over its words, if at least half of them have
    one; the mean over the segments that cover it, weighted by how much of them it holds. A service may tell moods of
    any of these, and not every model of it does.
    """
    moods = [utterance.sentiment or _mean_of_words(utterance) for utterance in recognition.utterances]
    if all(mood is not None for mood in moods):
        return moods
    totals = [0.0] * len(moods)
    weights = [0] * len(moods)
    for segment in recognition.sentiments:
        for turn, weight in segments.turns(segment.start_word, segment.end_word, segment.text).items():
            totals[turn] += segment.sentiment.score * weight
            weights[turn] += weight
    return [
        mood or (Sentiment.of(total / weight) if weight else None)
        for mood, total, weight in zip(moods, totals, weights, strict=True)
    ]


def _mean_of_words(utterance: RecognisedUtterance) -> Sentiment | None:
    scores = [word.sentiment_score for word in utterance.words if word.sentiment_score is not None]
    if not scores or 2 * len(scores) < len(utterance.words):
        return None
    return Sentiment.of(sum(scores) / len(scores))
