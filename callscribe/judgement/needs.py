"""The questions by which an agent finds out what a caller needs."""

from collections.abc import Iterator
from typing import Final

from callscribe.judgement.cues import Cues
from callscribe.judgement.heard import Call, Place
from callscribe.judgement.sentences import Sentence

_JOINED: Final = ("and", "but", "so", "also", "plus", "okay", "then")
_ECHOED: Final = 0.6


def needs_questions(call: Call) -> Iterator[Place]:
    """The questions of the agent that seek to understand; one place for each."""
    for turn in call.agent:
        for sentence in call.sentences(turn):
            invites = sum(1 for _ in sentence.affirmed(call.cues["invites"]))
            asked = [
                text
                for text in _questions(sentence, call.cues)
                if call.cues["not-needs"].search(text) is None and not _echoes(text, call, turn)
            ]
            for _ in range(max(invites, len(asked)) if sentence.question else invites + len(asked)):
                yield Place(turn, sentence.whole)


def _echoes(text: str, call: Call, turn: int) -> bool:
    """Whether a question only gives back what the customer has just said: "You got a bill?"."""
    if call.cues["opens-question"].search(text) is not None:
        return False
    words = set(text.split()) - call.cues.function_words
    before = (sentence for index in call.customer_before(turn) for sentence in call.sentences(index))
    heard = {word for sentence in before for word in sentence.words}
    return bool(words) and len(words & heard) >= _ECHOED * len(words)


def _questions(sentence: Sentence, cues: Cues) -> list[str]:
    """The questions that a sentence asks: "When did it start, and does it hurt?" asks two."""
    if not sentence.question:
        return []
    text = sentence.text
    starts = sorted(
        {
            *(match.end() + 1 for match in cues["starts-anew"].finditer(text) if match.start() > 0),
            *(
                match.start()
                for match in cues["opens-question"].finditer(text)
                if match.start() == 0
                or text[: match.start()].split()[-1] in _JOINED
                or (sentence.clause_start(match.start()) and text[: match.start()].split()[-1] != "or")
            ),
        }
    )
    if len(starts) < 2:
        return [text]
    return [text[start:end].strip() for start, end in zip([0, *starts[1:]], [*starts[1:], len(text)], strict=True)]
