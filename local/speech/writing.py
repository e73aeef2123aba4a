"""Words as they would be written: with the engine's capitals and punctuation, or with some by rule of thumb."""

from __future__ import annotations

from collections.abc import Sequence

from local.speech.lexicons import words
from local.speech.transcript import Sentence, SpokenWord


def write(sentence: Sentence) -> None:
    """Give a sentence its capitals and its punctuation."""
    if all(word.punctuated is not None for word in sentence.words):
        for word in sentence.words:
            word.written = word.punctuated or ""
        return
    for word in sentence.words:
        word.written = _capital(word.text) if _is_name(word.text) else word.text
    first, last = sentence.words[0], sentence.words[-1]
    first.written = _capital(first.written)
    if first is not last and first.text in {"yes", "no", "okay", "hi"}:
        first.written += ","
    last.written += "?" if _asks(sentence.words) else "."


def _is_name(text: str) -> bool:
    return text == "i" or text.startswith("i'") or text.removesuffix("'s") in words("proper_nouns")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _asks(spoken: Sequence[SpokenWord]) -> bool:
    texts = [word.text for word in spoken]
    while len(texts) > 1 and texts[0] in words("question_leads"):
        texts = texts[1:]
    return len(texts) > 2 and (texts[0] in words("question_pronouns") or texts[0] in words("auxiliaries"))
