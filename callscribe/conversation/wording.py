"""The port of what judges wording beside the rules: whether words mean what a flag says, though no rule names them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple, Protocol

from callscribe.conversation.clauses import Clause
from callscribe.conversation.utterances import Role

MOST_WORDS: Final = 50
"""Words of a turn that are judged at once; a turn that has more is judged in parts."""


class InvalidWording(ValueError):
    """An engine lacks what it needs, such as weights; the message names it."""


class Wording(Protocol):
    """Judges wording."""

    @property
    def name(self) -> str:
        """Name and version, which evidence carries."""

    def meant(self, role: Role, text: str) -> Mapping[str, float]:
        """The flags that a few sentences of one party mean, and how sure that is, 0 to 1.

        Args:
            role: who says it, `agent` or `customer`.
            text: the sentences.
        """


class Part(NamedTuple):
    """Sentences of a turn.

    Attributes:
        clauses: indexes of their clauses.
        first_word: index of the first word, as `str.split` counts them.
        end_word: index behind the last one.
    """

    clauses: range
    first_word: int
    end_word: int


def parts(clauses: Sequence[Clause], words: int) -> Iterator[Part]:
    """Cut a turn into parts that can be judged at once: between sentences, and within one that is too long.

    Args:
        clauses: the turn's.
        words: how many words the turn has.
    """
    begins: list[int] = []
    ends = [*(clause.origins[0] for clause in clauses[1:]), words]
    for index, clause in enumerate(clauses):
        begin = clauses[begins[-1]].origins[0] if begins else 0
        opens = index == 0 or clause.sentence != clauses[index - 1].sentence
        end = ends[_last_of_sentence(clauses, index) if opens else index]
        if not begins or end - begin > MOST_WORDS:
            begins.append(index)
    for first, end in pairwise([*begins, len(clauses)]):
        yield Part(range(first, end), clauses[first].origins[0] if first else 0, ends[end - 1])


def _last_of_sentence(clauses: Sequence[Clause], index: int) -> int:
    while index + 1 < len(clauses) and clauses[index + 1].sentence == clauses[index].sentence:
        index += 1
    return index
