"""Where a sentence ends: where the engine's punctuation says so, or by rule of thumb if it gives none."""

from __future__ import annotations

from collections.abc import Sequence

from local.speech.lexicons import words

# Seconds without a word. From the longest on any word begins a sentence; the others need a word that often does.
LONG_PAUSE = 0.45
STARTER_PAUSE = 0.16
SUBJECT_PAUSE = 0.03
# "How long" and "what time" go on with a verb that would otherwise begin a question of its own.
_QUESTION_LEAD = 2
_TITLES = frozenset({"dr.", "mr.", "mrs.", "ms.", "st."})


def ends_sentence(word: str, after: str) -> bool:
    """Whether a sentence ends between two words that an engine has punctuated."""
    closed = word.rstrip("\"')")
    return closed.endswith((".", "?", "!")) and closed.lower() not in _TITLES and not after[:1].islower()


def begins_sentence(before: Sequence[str], word: str, after: str | None, pause: float) -> bool:
    """Whether a word begins a new sentence.

    Args:
        before: The words of the sentence so far.
        word: The word in question.
        after: The word after it, if any.
        pause: Seconds of silence before the word.
    """
    if pause >= LONG_PAUSE:
        return True
    if " ".join(before) in words("interjections") and word in words("sentence_starters"):
        return True
    if before[-1] in words("connectives") or (
        before[0] in words("question_pronouns") and len(before) <= _QUESTION_LEAD
    ):
        return False
    if pause >= STARTER_PAUSE and word in words("sentence_starters"):
        return True
    if _opens_question(word, after):
        return len(before) > 1
    return pause >= SUBJECT_PAUSE and word in words("subjects") and len(before) > _QUESTION_LEAD


def _opens_question(word: str, after: str | None) -> bool:
    """Whether two words are the beginning of a question: "how long", "can you"."""
    if word in words("question_pronouns"):
        return after in words("auxiliaries") or after in {"long", "many", "much"}
    return word in words("auxiliaries") and after in words("subjects")
