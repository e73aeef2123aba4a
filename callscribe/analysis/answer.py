"""What an analyst that reads has answered, as far as it can be checked against the call.

Nothing of an answer is taken on trust. What fits no question is dropped, and so is what cites words that were not said
in the turn it names; both are counted. What is left out is unknown, not false.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from callscribe.analysis.analyst import MAX_QUOTE
from callscribe.analysis.opinion import (
    Citation,
    CriterionOpinion,
    FlagOpinion,
    Opinion,
    Statement,
    Urgency,
    UrgencyOpinion,
    Verdict,
)
from callscribe.analysis.question import MAX_TEXT, MOST_CITATIONS, MOST_STATEMENTS
from callscribe.conversation.turns import Turn
from callscribe.conversation.utterances import Role
from callscribe.foreign import bounded_text
from callscribe.judgement.quality import Rubric
from callscribe.serialization import InvalidData, decode
from callscribe.transcript import Transcript

_SHORTEST_QUOTE: Final = 3
_WORD: Final = re.compile(r"\w+")
_MOST_ENTRIES: Final = 200
_SHARES: Final = {Verdict.MET: 1.0, Verdict.PARTLY: 0.5, Verdict.NOT_MET: 0.0}


class InvalidAnswer(ValueError):
    """The answer does not have the form that was asked for. The message names the place, never the words."""


class _Citation(msgspec.Struct):
    turn: int
    quote: str


class _Statement(msgspec.Struct):
    text: str
    citations: list[Any] = []


class _Urgency(msgspec.Struct):
    level: str
    citations: list[Any] = []


class _Flag(msgspec.Struct):
    name: str
    raised: bool
    citations: list[Any] = []


class _Criterion(msgspec.Struct):
    id: str
    verdict: str
    reason: str = ""
    citations: list[Any] = []


class _Answer(msgspec.Struct):
    summary: list[Any]
    urgency: Any
    flags: list[Any]
    criteria: list[Any]


def read_answer(value: Any, *, transcript: Transcript, rubric: Rubric, source: str, model: str, prompt: str) -> Opinion:
    """Read an answer and check every citation.

    Args:
        value: the answer, in the types of JSON.
        transcript: the call that was asked about.
        rubric: the rubric that was asked about.
        source: who answered.
        model: which model.
        prompt: what it was asked with.

    Raises:
        InvalidAnswer: it does not have the form that was asked for.
    """
    try:
        answer = decode(_Answer, value, "the answer")
    except InvalidData as error:
        raise InvalidAnswer(str(error)) from None
    reader = _Reader(transcript)
    summary = tuple(reader.statements(answer.summary))
    urgency = reader.urgency(answer.urgency)
    flags = tuple(reader.flags(answer.flags, [flag.name for flag in transcript.summary.flags]))
    criteria = tuple(reader.criteria(answer.criteria, rubric))
    return Opinion(
        source=source,
        model=model,
        prompt=prompt,
        summary=summary,
        urgency=urgency,
        flags=flags,
        rubric=rubric.name,
        rubric_version=rubric.version,
        criteria=criteria,
        score=_score(criteria, rubric),
        dropped=reader.dropped,
    )


def _score(criteria: Sequence[CriterionOpinion], rubric: Rubric) -> int | None:
    """Return the score; None where a criterion is not known, for a part of a rubric is no score by it."""
    if len(criteria) < len(rubric.criteria):
        return None
    applicable = [one for one in criteria if one.points is not None]
    reachable = sum(one.max_points for one in applicable)
    reached = sum(one.points or 0.0 for one in applicable)
    return math.floor(100 * reached / reachable + 0.5) if reachable else None


class _Reader:
    """Reads the parts of an answer about one call and counts what it drops."""

    def __init__(self, transcript: Transcript) -> None:
        self._turns: tuple[Turn, ...] = transcript.turns_spoken()
        self._words: dict[int, list[str]] = {}
        self.dropped = 0

    def statements(self, values: Iterable[Any]) -> Iterator[Statement]:
        for said in self._entries(values, _Statement, at_most=MOST_STATEMENTS):
            citations = self._valid(said.citations)
            if citations and said.text.strip():
                yield Statement(text=bounded_text(said.text.strip(), MAX_TEXT), citations=citations)
            else:
                self.dropped += 1

    def urgency(self, value: Any) -> UrgencyOpinion | None:
        for said in self._entries([value], _Urgency):
            citations = self._valid(said.citations)
            if said.level in {*Urgency} and (citations or said.level == Urgency.ROUTINE):
                return UrgencyOpinion(level=Urgency(said.level), citations=citations)
            self.dropped += 1
        return None

    def flags(self, values: Iterable[Any], known: Sequence[str]) -> Iterator[FlagOpinion]:
        open_flags = {*known}
        for said in self._entries(values, _Flag):
            citations = self._valid(said.citations)
            if said.name in open_flags and (citations or not said.raised):
                open_flags.remove(said.name)
                yield FlagOpinion(name=said.name, raised=said.raised, citations=citations)
            else:
                self.dropped += 1

    def criteria(self, values: Iterable[Any], rubric: Rubric) -> Iterator[CriterionOpinion]:
        open_criteria = {criterion.id: criterion.points for criterion in rubric.criteria}
        for said in self._entries(values, _Criterion):
            citations = self._valid(said.citations)
            if said.id not in open_criteria or not self._founded(said.verdict, citations):
                self.dropped += 1
                continue
            verdict, points = Verdict(said.verdict), open_criteria.pop(said.id)
            share = _SHARES.get(verdict)
            yield CriterionOpinion(
                criterion=said.id,
                verdict=verdict,
                points=None if share is None else share * points,
                max_points=points,
                reason=bounded_text(said.reason.strip(), MAX_TEXT),
                citations=citations,
            )

    def _founded(self, verdict: str, citations: Sequence[Citation]) -> bool:
        """Whether a verdict may stand: points are for what the agent said, not for what a customer says of it."""
        if verdict not in {*Verdict}:
            return False
        if verdict in (Verdict.NOT_MET, Verdict.NOT_APPLICABLE):
            return True
        return any(self._turns[citation.turn].role is not Role.CUSTOMER for citation in citations)

    def _entries(self, values: Iterable[Any], kind: Any, *, at_most: int = _MOST_ENTRIES) -> Iterator[Any]:
        for number, value in enumerate(values):
            try:
                entry = decode(kind, value, "an entry")
            except InvalidData:
                entry = None
            if entry is None or number >= at_most:
                self.dropped += 1
            else:
                yield entry

    def _valid(self, values: Sequence[Any]) -> tuple[Citation, ...]:
        """Return the citations that are true; the others are dropped."""
        cited = list(self._entries(values, _Citation, at_most=MOST_CITATIONS))
        found = tuple(
            Citation(turn=one.turn, quote=bounded_text(one.quote.strip(), MAX_QUOTE))
            for one in cited
            if self._was_said(one)
        )
        self.dropped += len(cited) - len(found)
        return found

    def _was_said(self, citation: _Citation) -> bool:
        """Whether a quote is in its turn, word for word: three words at least, or all of a shorter turn."""
        if not 0 <= citation.turn < len(self._turns):
            return False
        said = self._words.setdefault(citation.turn, _words(self._turns[citation.turn].text))
        quoted = _words(citation.quote)
        if len(quoted) < min(_SHORTEST_QUOTE, max(1, len(said))):
            return False
        return f" {' '.join(quoted)} " in f" {' '.join(said)} "


def _words(text: str) -> list[str]:
    """The words of a text without punctuation and capitals, which a model may copy otherwise."""
    return _WORD.findall(text.casefold())
