"""What is played into a call, and nobody says: menus, queues, disclosures, hold messages, greetings of voicemails."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from re import Pattern
from typing import Final

from callscribe.conversation.phrases import phrase, spoken
from callscribe.data_files import load

CONFIDENCE: Final = 0.9
"""How sure the role of an announcement is, by its words."""

_FEWEST_WORDS: Final = 4
# What follows an announcement and is shorter belongs to it.
_FEWEST_WORDS_BEHIND: Final = 6
_SENTENCE_END: Final = (".", "?", "!")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Words of a turn: those before `after`, from `first` on, and whether they are played."""

    first: int
    after: int
    played: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _AnnouncementsFile:
    played: tuple[str, ...]
    voicemail: tuple[str, ...]
    said_too: tuple[str, ...]
    personal: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rules:
    any: Pattern[str]
    played: Pattern[str]
    voicemail: Pattern[str]
    said_too: Pattern[str]
    personal: Pattern[str]


@cache
def _rules() -> _Rules:
    file = load(_AnnouncementsFile, "lexicons", "announcements-v1")
    return _Rules(
        any=phrase("|".join((*file.played, *file.voicemail, *file.said_too))),
        played=phrase("|".join((*file.played, *file.voicemail))),
        voicemail=phrase("|".join(file.voicemail)),
        said_too=phrase("|".join(file.said_too)),
        personal=phrase("|".join(file.personal)),
    )


def of_voicemail(text: str) -> bool:
    """Whether an announcement is the greeting of a voicemail."""
    return _rules().voicemail.search(spoken(text).text) is not None


def stretches(words: Sequence[str]) -> list[Stretch]:
    """Tell what is played in a turn from what is said, by `lexicons/announcements-v1.json`.

    Args:
        words: the words of the turn, with their punctuation.

    Returns:
        The turn in stretches, sentence by sentence; one where all of it is said, or played.
    """
    whole = Stretch(0, len(words), played=False)
    if sum(1 + word.count(" ") for word in words) < _FEWEST_WORDS:
        return [whole]
    rules = _rules()
    if rules.any.search(spoken(" ".join(words)).text) is None:
        return [whole]
    sentences = list(_sentences(words))
    texts = [spoken(" ".join(words[first:after])).text for first, after in sentences]
    personal = [rules.personal.search(text) is not None and not rules.voicemail.search(text) for text in texts]
    played = [index for index, text in enumerate(texts) if rules.played.search(text) and not personal[index]]
    if not played:
        if any(personal):
            return [whole]
        # A disclosure, and nobody who makes it.
        return [Stretch(0, len(words), played=rules.said_too.search(" ".join(texts)) is not None)]
    introduced = [index for index in range(played[0]) if personal[index]]
    begin = introduced[-1] + 1 if introduced else 0
    after = played[-1] + 1
    behind = sum(len(text.split()) for text in texts[after:])
    if not any(personal[after:]) and behind < _FEWEST_WORDS_BEHIND:
        after = len(texts)
    bounds = (0, sentences[begin][0], sentences[after - 1][1], len(words))
    return [
        Stretch(first, end, played=index == 1) for index, (first, end) in enumerate(pairwise(bounds)) if first < end
    ]


def _sentences(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    ends = [index + 1 for index, word in enumerate(words) if word.endswith(_SENTENCE_END)]
    yield from ((first, after) for first, after in pairwise([0, *ends, len(words)]) if first < after)
