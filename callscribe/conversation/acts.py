"""Speech acts: what somebody does by saying something, such as to ask for an appointment or to accept an offer.

An act is found by its rules in single clauses, by whoever can do it, and stands or does not: it can be denied, asked,
only supposed, reported, past, or said of somebody else. Acts are data, in `lexicons`, each rule with sentences that it
finds and sentences in which it must find nothing.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from re import Pattern
from typing import Final, Protocol

import msgspec

from callscribe.conversation.clauses import Answer, Clause, Standing, answer, clauses
from callscribe.conversation.needed_words import NeededWords, Term, WordIndex, shape
from callscribe.conversation.phrases import phrase
from callscribe.conversation.utterances import Role

_TERM: Final = re.compile(r"<([a-z][a-z0-9-]*)>")
_SPEAKERS: Final = {
    "customer": frozenset({Role.CUSTOMER, Role.UNKNOWN}),
    "agent": frozenset({Role.AGENT}),
    "anyone": frozenset({Role.AGENT, Role.CUSTOMER, Role.UNKNOWN}),
}
ANSWERED_WITHIN: Final = 2
"""Turns of the other party in which an answer to an offer or a question is looked for."""
_TOGETHER_WITHIN: Final = 2


class InvalidActs(ValueError):
    """Acts do not fit the schema; the message names the place."""


class Said(Protocol):
    """What acts are looked for in: a turn of somebody."""

    @property
    def role(self) -> Role:
        """The part that the speaker plays."""

    @property
    def text(self) -> str:
        """The words."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to do an act.

    Attributes:
        say: expression that matches whole words of `Clause.text`; `<name>` stands for a term of the file, and `^` for
            the beginning of what is said, behind "yes", "well" and the like.
        accept: standings that do not matter for this rule, beside `stands`.
        unless: expression that must be nowhere in the sentence.
        unless_turn: expression that must be nowhere in the turn.
        together: expressions that have to stand, too, in this turn or in one near it.
        certainty: 0 to 1, how often it is right where it matches.
        finds: sentences in which it finds the act.
        leaves: sentences in which nothing finds the act.
    """

    say: str
    accept: tuple[Standing, ...] = ()
    unless: str | None = None
    unless_turn: str | None = None
    together: tuple[str, ...] = ()
    certainty: float = 0.95
    finds: tuple[str, ...]
    leaves: tuple[str, ...]


class Act(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A speech act.

    Attributes:
        by: who can do it: `customer` (or unknown), `agent` or `anyone`.
        about: words of which a clause has to have one; terms of the file may stand for several.
        rules: ways to do it, by name; the first that stands in a clause is the evidence.
        by_question: whether a question can do it, as "can you call me?" does, or only ask about it.
        unless: expression that must be nowhere in the sentence, whichever rule finds the act.
        unless_turn: expression that must be nowhere in the turn, whichever rule finds the act.
    """

    by: str
    by_question: bool = False
    about: tuple[str, ...]
    unless: str | None = None
    unless_turn: str | None = None
    rules: Mapping[str, Rule]


class ActsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Acts of one language, as their file has them.

    Attributes:
        description: for whoever reads the file.
        language: language of the expressions, as BCP 47 names it.
        terms: expressions by name, for `<name>`; a term may name terms before it.
        acts: the acts by name.
    """

    description: str
    language: str
    terms: Mapping[str, str]
    acts: Mapping[str, Act]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An act that was found.

    Attributes:
        act: its name.
        rule: name of the rule that found it.
        turn: index of the turn.
        clause: index of the clause within the turn.
        first_word: index of its first word within the turn, counting words as they were said.
        last_word: index of its last word.
        standing: whether it stands, or what speaks against it.
        certainty: 0 to 1, how sure the rule is.
        answers: index of the turn whose offer or question it answers; None where it stands by itself.
    """

    act: str
    rule: str
    turn: int
    clause: int
    first_word: int
    last_word: int
    standing: Standing
    certainty: float
    answers: int | None = None

    @property
    def stands(self) -> bool:
        """Whether nothing speaks against it."""
        return self.standing is Standing.STANDS


class _Term:
    """An expression that others name.

    Attributes:
        text: what it stands for.
        shape: the words it needs.
    """

    def __init__(self, expression: str, terms: "Mapping[str, _Term]", place: str) -> None:
        self.text = f"(?:{_filled(expression, terms, place)})"
        self.shape: Term = Term(shape(expression, {name: term.shape for name, term in terms.items()}))


class _Expression:
    """A regular expression; read, and compiled, when it is first looked for: a call needs few of hundreds."""

    def __init__(self, expression: str, terms: Mapping[str, _Term], place: str) -> None:
        self.place = place
        self._terms = terms
        self._text = expression
        self.text = _filled(expression, terms, place)

    @cached_property
    def needed(self) -> NeededWords:
        """Words that it cannot match without."""
        return NeededWords(shape(self._text, {name: term.shape for name, term in self._terms.items()}))

    @cached_property
    def pattern(self) -> Pattern[str]:
        """What is searched for."""
        try:
            return phrase(self.text)
        except ValueError as error:
            raise InvalidActs(f"{self.place}: not a regular expression: {self.text}") from error

    def is_in(self, clause: Clause) -> bool:
        """Whether it matches somewhere in a clause."""
        return self.needed.can_match(clause.words) and self.pattern.search(clause.text) is not None


def _filled(expression: str, terms: Mapping[str, _Term], place: str) -> str:
    def term(match: re.Match[str]) -> str:
        if match[1] not in terms:
            raise InvalidActs(f"{place}: there is no term {match[1]}")
        return terms[match[1]].text

    return _TERM.sub(term, expression)


@dataclass(frozen=True, slots=True)
class _Rule:
    say: _Expression
    anchored: bool
    accept: frozenset[Standing]
    unless: _Expression | None
    unless_turn: _Expression | None
    together: tuple[_Expression, ...]
    certainty: float

    @property
    def expressions(self) -> Iterator[_Expression]:
        yield from (self.say, *self.together)
        yield from (one for one in (self.unless, self.unless_turn) if one is not None)


@dataclass(frozen=True)
class _Act:
    by: frozenset[Role]
    by_question: bool
    about: frozenset[str]
    unless: _Expression | None
    unless_turn: _Expression | None
    rules: Mapping[str, _Rule]

    @property
    def expressions(self) -> Iterator[_Expression]:
        yield from (one for one in (self.unless, self.unless_turn) if one is not None)
        for rule in self.rules.values():
            yield from rule.expressions

    @cached_property
    def _named(self) -> Sequence[tuple[str, _Rule]]:
        return tuple(self.rules.items())

    @cached_property
    def _index(self) -> WordIndex:
        return WordIndex(rule.say.needed for _, rule in self._named)

    def rules_for(self, clause: Clause) -> Iterator[tuple[str, _Rule]]:
        """The rules that can match in a clause."""
        if not self.about.isdisjoint(clause.words):
            yield from (self._named[index] for index in self._index.matching(clause.words))


class Acts:
    """The acts of a file, ready to be looked for.

    Raises:
        InvalidActs: a name or a speaker is none; the message names the place. See `check` for expressions.
    """

    def __init__(self, file: ActsFile) -> None:
        self.file = file
        self._terms: dict[str, _Term] = {}
        for name, expression in file.terms.items():
            self._terms[name] = _Term(expression, self._terms, f"terms.{name}")
        self._acts = {name: self._prepared(name, act) for name, act in file.acts.items()}

    @property
    def names(self) -> frozenset[str]:
        """Names of the acts."""
        return frozenset(self._acts)

    def check(self) -> None:
        """Compile every expression, which is otherwise done when one is first looked for.

        Raises:
            InvalidActs: one is none.
        """
        for act in self._acts.values():
            for expression in act.expressions:
                _ = expression.pattern

    def term(self, name: str) -> str:
        """The expression that a term stands for.

        Raises:
            KeyError: there is no such term.
        """
        return self._terms[name].text

    def _expression(self, expression: str, place: str) -> _Expression:
        return _Expression(expression, self._terms, place)

    def _exception(self, expression: str | None, place: str) -> _Expression | None:
        return None if expression is None else self._expression(expression, place)

    def _prepared(self, name: str, act: Act) -> _Act:
        if act.by not in _SPEAKERS:
            raise InvalidActs(f"acts.{name}.by must be one of {', '.join(_SPEAKERS)}")
        rules = {}
        for rule_name, rule in act.rules.items():
            place = f"acts.{name}.rules.{rule_name}"
            rules[rule_name] = _Rule(
                say=self._expression(rule.say, place),
                anchored="^" in rule.say,
                accept=frozenset(rule.accept),
                unless=self._exception(rule.unless, place),
                unless_turn=self._exception(rule.unless_turn, place),
                together=tuple(self._expression(expression, place) for expression in rule.together),
                certainty=rule.certainty,
            )
        about = frozenset(
            word for key in act.about for word in (self._words(key, name) if key.startswith("<") else (key,))
        )
        return _Act(
            by=_SPEAKERS[act.by],
            by_question=act.by_question,
            about=about,
            unless=self._exception(act.unless, f"acts.{name}.unless"),
            unless_turn=self._exception(act.unless_turn, f"acts.{name}.unless_turn"),
            rules=rules,
        )

    def _words(self, key: str, name: str) -> Iterator[str]:
        # "visits?" stands for both forms.
        for word, optional in re.findall(r"([a-z']+)(\?)?", _filled(key, self._terms, f"acts.{name}.about")):
            yield word
            if optional:
                yield word[:-1]

    def of(self, name: str) -> _Act:
        """One act, with its terms filled in."""
        return self._acts[name]


class Conversation:
    """The turns of a call, cut into clauses, with the acts in them.

    Args:
        turns: the turns, in order.
        acts: what is looked for.
        cut: cuts a text into clauses; whoever looks through the same texts again gives one that remembers.
    """

    def __init__(
        self, turns: Sequence[Said], acts: Acts, *, cut: Callable[[str], tuple[Clause, ...]] = clauses
    ) -> None:
        self.turns = turns
        self._acts = acts
        self._cut = cut
        self._found: dict[str, tuple[Found, ...]] = {}

    @cached_property
    def clauses(self) -> Sequence[tuple[Clause, ...]]:
        """The clauses of each turn."""
        return [self._cut(turn.text) for turn in self.turns]

    @cached_property
    def _by_role(self) -> Mapping[bool, list[int]]:
        """Indexes of the turns with words, of the agent (True) and of everybody else who is a party."""
        by_role: dict[bool, list[int]] = {True: [], False: []}
        parties = _SPEAKERS["anyone"]
        for index, turn in enumerate(self.turns):
            if turn.role in parties and self.clauses[index]:
                by_role[turn.role is Role.AGENT].append(index)
        return by_role

    def find(self, name: str) -> tuple[Found, ...]:
        """Where an act is done, or said without being done (see `Found.standing`), in order.

        Raises:
            KeyError: there is no such act.
        """
        if name not in self._found:
            self._found[name] = tuple(self._find(name, self._acts.of(name)))
        return self._found[name]

    def stands(self, name: str) -> tuple[Found, ...]:
        """Where an act is done.

        Raises:
            KeyError: there is no such act.
        """
        return tuple(found for found in self.find(name) if found.stands)

    def answered(self, offer: str) -> tuple[tuple[Found, Found, Answer], ...]:
        """Offers or questions that were answered: the offer, where the answer is, and which it is.

        An offer counts even where it is worded as a question, which its rules say by themselves.

        Raises:
            KeyError: there is no such act.
        """
        pairs = []
        for found in self.stands(offer):
            for index in self._answering(found):
                said = answer(self.clauses[index])
                if said is not Answer.UNCLEAR:
                    words = self.clauses[index][0]
                    last = self.clauses[index][-1].origins[-1]
                    pairs.append(
                        (
                            found,
                            Found(
                                act=offer,
                                rule=found.rule,
                                turn=index,
                                clause=0,
                                first_word=words.origins[0],
                                last_word=last,
                                standing=Standing.STANDS if said is Answer.YES else Standing.NEGATED,
                                certainty=found.certainty,
                                answers=found.turn,
                            ),
                            said,
                        )
                    )
                    break
        return tuple(pairs)

    def _answering(self, offer: Found) -> Sequence[int]:
        """The other party's next turns."""
        agent = self.turns[offer.turn].role is Role.AGENT
        others = self._by_role[not agent]
        first = bisect_right(others, offer.turn)
        return others[first : first + ANSWERED_WITHIN]

    def _find(self, name: str, act: _Act) -> Iterator[Found]:
        for index, turn in enumerate(self.turns):
            if turn.role not in act.by:
                continue
            for number, clause in enumerate(self.clauses[index]):
                found = self._in_clause(name, act, index, number, clause)
                if found is not None:
                    yield found

    def _in_clause(self, name: str, act: _Act, turn: int, number: int, clause: Clause) -> Found | None:
        """The first rule that stands in a clause; else the first that matches and does not."""
        fallen: Found | None = None
        for rule_name, rule in act.rules_for(clause):
            for start, end in _matches(rule, clause):
                standing = self._standing(rule, act, turn, number, clause, start, end)
                if standing is None:
                    continue
                first, last = clause.spoken_words(start, end)
                found = Found(
                    act=name,
                    rule=rule_name,
                    turn=turn,
                    clause=number,
                    first_word=first,
                    last_word=last,
                    standing=standing,
                    certainty=rule.certainty,
                )
                if found.stands:
                    return found
                fallen = fallen or found
        return fallen

    def _standing(
        self, rule: _Rule, act: _Act, turn: int, number: int, clause: Clause, start: int, end: int
    ) -> Standing | None:
        """Whether a match stands; None where the rule does not apply here."""
        said = self.clauses[turn]
        sentence = [other for other in said if other.sentence == clause.sentence]
        if any(_is_in(one, sentence) for one in (rule.unless, act.unless)):
            return None
        if any(_is_in(one, said) for one in (rule.unless_turn, act.unless_turn)):
            return None
        standing = clause.standing(start, end, within=rule.say.pattern, by_question=act.by_question)
        if standing is Standing.STANDS and self._of_a_stranger(turn, number, clause):
            standing = Standing.STRANGER
        if standing in rule.accept:
            standing = Standing.STANDS
        if standing is Standing.STANDS and not all(
            self._together(expression, turn, clause) for expression in rule.together
        ):
            return None
        return standing

    def _of_a_stranger(self, turn: int, number: int, clause: Clause) -> bool:
        """Whether a clause about "she" or "he" follows one about somebody who is no party to the call."""
        if _PRONOUN.match(clause.text) is None:
            return False
        for other in reversed(self.clauses[turn][:number]):
            stranger = other.language.stranger.search(other.text)
            if stranger is not None:
                return not other.text[: stranger.start()].endswith("for ")
            if _RELATIVE.search(other.text) is not None:
                return False
        return False

    def _together(self, expression: _Expression, turn: int, within: Clause) -> bool:
        """Whether what has to stand beside a rule stands in the turn, or in the speaker's turns next to it.

        Elsewhere it must not be denied; within the clause itself it may: "I have no drops left".
        """
        by_agent = self.turns[turn].role is Role.AGENT
        own, others = self._by_role[by_agent], self._by_role[not by_agent]
        place = bisect_right(own, turn) - 1
        near = own[max(0, place - _TOGETHER_WITHIN) : place + _TOGETHER_WITHIN + 1]
        if any(
            clause is within or clause.standing(match.start(), match.end()) in _BESIDE
            for index in near
            for clause in self.clauses[index]
            if expression.needed.can_match(clause.words)
            for match in expression.pattern.finditer(clause.text)
        ):
            return True
        # "Do you wear contacts?" names them as well, unless the answer is no.
        between = bisect_right(others, turn)
        return any(
            answer(self.clauses[own[reply]]) is not Answer.NO
            for index in others[max(0, between - _TOGETHER_WITHIN) : between + _TOGETHER_WITHIN]
            if (reply := bisect_right(own, index)) < len(own) and any(map(expression.is_in, self.clauses[index]))
        )


def _is_in(expression: _Expression | None, said: Iterable[Clause]) -> bool:
    return expression is not None and any(map(expression.is_in, said))


def _matches(rule: _Rule, clause: Clause) -> Iterator[tuple[int, int]]:
    """Stretches of a clause that an expression matches."""
    if not rule.anchored:
        yield from (match.span() for match in rule.say.pattern.finditer(clause.text))
        return
    # `^` is the beginning of a text, so what is said behind "yes" is searched as one.
    for anchor in sorted(clause.anchors):
        for match in rule.say.pattern.finditer(clause.text[anchor:]):
            yield anchor + match.start(), anchor + match.end()


_BESIDE: Final = frozenset(Standing) - {Standing.NEGATED, Standing.HYPOTHETICAL, Standing.STRANGER}
_PRONOUN: Final = re.compile(r"(?:and |so |but |then )?(?:she|he|they|her|his)\b")
_RELATIVE: Final = re.compile(
    r"\b(?:my|our) (?:\S+ )?(?:wife|husband|son|daughter|mother|father|mom|dad|grandmother|grandfather|grandma|grandpa|"
    r"child|kid|baby|brother|sister|partner|patient)\b"
)
