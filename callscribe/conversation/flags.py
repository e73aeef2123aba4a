"""Flags of a call: what a clinic acts on, raised by speech acts, with the words that raise them.

A flag set is data, `flag_sets`: it says which acts of a lexicon raise a flag, which offers do once they are accepted,
and what takes it back. A label of the speech service's, an intent or a topic, counts on the customer's turns, from a
confidence on, and where no rule found the contrary in the words. An engine that knows wordings, where there is one, is
weighed against the rules before anything is taken back.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from re import Pattern
from typing import Annotated, Final, NamedTuple, TypeAlias

import msgspec

from callscribe.conversation.acts import Acts, ActsFile, Conversation, Found, InvalidActs, Said
from callscribe.conversation.alignment import SegmentMap
from callscribe.conversation.call_summary import Flag, FlagEvidence, FlagSetVersion
from callscribe.conversation.clauses import Answer, Clause, Standing, clauses
from callscribe.conversation.phrases import phrase, spoken
from callscribe.conversation.quotes import quote
from callscribe.conversation.turns import Turn
from callscribe.conversation.utterances import Role
from callscribe.conversation.word_weights import WordWeights, WordWeightsFile
from callscribe.conversation.wording import Leaning, Piece, WordingEngine, WordingVersion, pieces_of
from callscribe.data_files import NamedData, OwnSource, is_own, load, names, unknown
from callscribe.recognition import Mention, Recognition
from callscribe.serialization import InvalidData

DEFAULT_FLAG_SET: Final = "eye-clinic-v1"

_FLAG: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
# How many turns later a withdrawal still speaks of what was asked for, and a new appointment of one that is not kept.
_TAKEN_BACK_WITHIN: Final = 8
_YIELDS_BEFORE: Final = 2
_YIELDS_AFTER: Final = 6


class InvalidFlagSet(ValueError):
    """A flag set does not fit the schema; the message names the place."""


class FlagRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What raises one flag.

    Attributes:
        title: for people, as the rest of a sentence that begins "In this call".
        definition: for an analyst that reads, when it is raised; "" takes the title.
        acts: acts that raise it.
        accepted: offers, or questions, of the agent that raise it where the customer says yes.
        refused: offers, or questions, of the agent that raise it where the customer says no.
        not_accepted_in: a flag that, once raised, leaves acceptance without meaning: who is told to come at once asks
            for nothing.
        taken_back_by: acts of the customer that take back what was asked for last.
        taken_back_by_denial: whether a later denial of its acts takes it back, such as "don't call me".
        yields: for an act, the flag beside which it raises nothing: who cannot come, and takes another day, does not
            cancel.
        yields_to_accepted: for an act, the flag beside which it raises nothing once an offer is accepted later: who is
            offered another day instead, and takes it.
        intents: expression for intents of the speech service; None for none.
        topics: expression for topics of the speech service; None for none.
        alerts: whether somebody is told at once.
    """

    title: Annotated[str, msgspec.Meta(min_length=1)]
    definition: str = ""
    acts: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    accepted: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    not_accepted_in: str | None = None
    taken_back_by: tuple[str, ...] = ()
    taken_back_by_denial: bool = False
    yields: Mapping[str, str] = {}
    yields_to_accepted: Mapping[str, str] = {}
    intents: str | None = None
    topics: str | None = None
    alerts: bool = False


class FlagSetFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A flag set, as its file has it.

    Attributes:
        name: name of the file.
        version: counted up with every change of a set that is in use.
        description: for whoever reads the file.
        acts: name of the lexicon of acts.
        wording: name of the lexicon of weights of words that are weighed against the acts; None for acts alone. Flags
            that it does not know are raised by acts alone, too.
        least_label_confidence: 0 to 1, from which a label of the speech service's counts.
        flags: the flags by name, in order.
    """

    name: str
    version: Annotated[int, msgspec.Meta(ge=1)]
    description: str = ""
    acts: str
    wording: str | None = None
    least_label_confidence: Annotated[float, msgspec.Meta(ge=0, le=1)]
    flags: Annotated[Mapping[str, FlagRules], msgspec.Meta(min_length=1)]


class FlagSet:
    """A flag set with the acts and the wording that it names.

    Attributes:
        file: the flag set, as its file has it.
        acts: the acts.
        wording: the wording; None for acts alone.
        version: which set it is, as transcripts name it.

    Raises:
        InvalidFlagSet: it names what is not there; the message names the place.
    """

    def __init__(self, file: FlagSetFile, acts: Acts, wording: WordWeights | None = None) -> None:
        self.file = file
        self.acts = acts
        self.wording = wording
        self.version = FlagSetVersion(name=file.name, version=file.version)
        for name, rules in file.flags.items():
            if not _FLAG.fullmatch(name):
                raise InvalidFlagSet(f"flags.{name}: a flag's name has small letters, digits and underscores only")
            known = acts.names
            for act in (
                *(*rules.acts, *rules.accepted, *rules.refused),
                *(*rules.taken_back_by, *rules.yields, *rules.yields_to_accepted),
            ):
                if act not in known:
                    raise InvalidFlagSet(f"flags.{name}: {unknown('act', act, known)}")
            for other in (rules.not_accepted_in, *rules.yields.values(), *rules.yields_to_accepted.values()):
                if other is not None and other not in file.flags:
                    raise InvalidFlagSet(f"flags.{name}: {unknown('flag', other, file.flags)}")
        self._labels = {
            (name, source): _label(expression, f"flags.{name}.{source}s")
            for name, rules in file.flags.items()
            for source, expression in (("intent", rules.intents), ("topic", rules.topics))
            if expression is not None
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the flags, in order."""
        return tuple(self.file.flags)

    @property
    def alerting(self) -> tuple[str, ...]:
        """Names of the flags of which somebody is told at once."""
        return tuple(name for name, rules in self.file.flags.items() if rules.alerts)

    def definition(self, flag: str) -> str:
        """When a flag is raised, in words; of one that the set does not have, its name."""
        rules = self.file.flags.get(flag)
        return flag.replace("_", " ") if rules is None else rules.definition or f"In this call {rules.title}."

    def label(self, flag: str, source: str) -> Pattern[str] | None:
        """The expression for labels of a `source`, `intent` or `topic`; None where they do not count."""
        return self._labels.get((flag, source))


def _label(expression: str, place: str) -> Pattern[str]:
    try:
        return phrase(expression)
    except ValueError as error:
        raise InvalidFlagSet(f"{place}: {error}") from error


FlagSetSource: TypeAlias = OwnSource | FlagSetFile
"""A flag set: the name of one that ships, or one of somebody's own, as the path of a JSON file (with ".json"), as what
stands in one, or read."""


_FLAG_SETS: Final = NamedData(what="flag set", folder="flag_sets", kind=FlagSetFile, error=InvalidFlagSet)


@cache
def load_flag_set(name: str = DEFAULT_FLAG_SET) -> FlagSet:
    """Read `flag_sets/{name}.json`, and the lexicons that it names.

    Raises:
        InvalidFlagSet: no such set, or it does not fit the schema.
    """
    return _with_lexicons(_FLAG_SETS.shipped(name))


def read_flag_set(source: FlagSetSource) -> FlagSet:
    """Read a flag set of the package, or one of somebody's own.

    Raises:
        InvalidFlagSet: there is none, or it does not fit; or one of somebody's own has the name of another that ships.
    """
    if isinstance(source, str) and not is_own(source):
        return load_flag_set(source)
    file = _FLAG_SETS.own(source)
    _FLAG_SETS.check_own_name(file)
    return _with_lexicons(file)


def _with_lexicons(file: FlagSetFile) -> FlagSet:
    for place, lexicon in (("acts", file.acts), ("wording", file.wording)):
        lexicons = [name for name in names("lexicons") if name.startswith(f"{place}-")]
        if lexicon is not None and lexicon not in lexicons:
            raise InvalidFlagSet(f"{place}: {unknown('lexicon', lexicon, lexicons)}")
    try:
        acts = Acts(load(ActsFile, "lexicons", file.acts))
        wording = None if file.wording is None else WordWeights(load(WordWeightsFile, "lexicons", file.wording))
        return FlagSet(file, acts, wording)
    except (InvalidData, InvalidActs) as error:
        raise InvalidFlagSet(str(error)) from None


def flag_names() -> tuple[str, ...]:
    """Names of the flags of the default set, in order."""
    return load_flag_set().names


class _Reason(NamedTuple):
    """Something that speaks for a flag."""

    found: Found
    source: str
    nearest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Call:
    turns: tuple[Turn, ...]
    said: Conversation
    flags: FlagSet


def flags_of(
    turns: tuple[Turn, ...],
    recognition: Recognition,
    segments: SegmentMap,
    flag_set: FlagSet,
    wording: WordingEngine | None = None,
) -> tuple[Flag, ...]:
    """Raise the flags of a call, one for each of the set, in its order.

    Args:
        turns: the turns of the call.
        recognition: where intents and topics come from.
        segments: which utterances they speak of.
        flag_set: the flags.
        wording: an engine that knows wordings, in place of the one of the set.
    """
    call = _Call(turns, Conversation(turns, flag_set.acts), flag_set)
    spoken_for = _reasons(call.said, flag_set, wording or flag_set.wording)
    return tuple(
        Flag(
            name=name,
            evidence=(
                *(_evidence(call, reason) for reason in spoken_for[name]),
                *_labelled(call, name, recognition, segments),
            ),
        )
        for name in flag_set.names
    )


def alerts_of(
    said: Sequence[Said], flag_set: FlagSet, *, cut: Callable[[str], tuple[Clause, ...]] = clauses
) -> dict[str, tuple[Found, ...]]:
    """The flags that are raised by what is said and of which somebody is told at once, in their order, and by what.

    What raises them is enough: nobody waits for what may take it back.

    Args:
        said: what is said, in order.
        flag_set: the flags.
        cut: as `Conversation` takes it.
    """
    conversation = Conversation(said, flag_set.acts, cut=cut)
    rules = {name: flag_set.file.flags[name] for name in flag_set.alerting}
    raised = {name: [*_raised(conversation, flag)] for name, flag in rules.items()}
    if flag_set.wording is not None:
        raised = _weighed(conversation, rules, raised, _Wordings(conversation, flag_set.wording))
    found = {
        name: tuple(reason.found for reason in (*raised[name], *_accepted(conversation, flag)))
        for name, flag in rules.items()
    }
    return {name: reasons for name, reasons in found.items() if reasons}


def _reasons(said: Conversation, flag_set: FlagSet, wording: WordingEngine | None) -> dict[str, list[_Reason]]:
    rules = flag_set.file.flags
    found = {name: [*_raised(said, flag), *_refused(said, flag)] for name, flag in rules.items()}
    if wording is not None:
        found = _weighed(said, rules, found, _Wordings(said, wording))
    accepted = {name: list(_accepted(said, flag)) for name, flag in rules.items()}
    for name, flag in rules.items():
        other = flag.not_accepted_in
        if other is None or not (found[other] or accepted[other]):
            found[name] += accepted[name]
        found[name].sort(key=lambda reason: _place(reason.found))
    found = {
        name: [reason for reason in reasons if not _yields(rules[name], reason, found)]
        for name, reasons in found.items()
    }
    return _kept(said, rules, found)


def _raised(said: Conversation, flag: FlagRules) -> Iterator[_Reason]:
    for act in flag.acts:
        for found in said.stands(act):
            yield _Reason(found, "phrase")


def _accepted(said: Conversation, flag: FlagRules) -> Iterator[_Reason]:
    for offer in flag.accepted:
        for _, reply, meant in said.answered(offer):
            if meant is Answer.YES:
                yield _Reason(reply, "answer")


def _refused(said: Conversation, flag: FlagRules) -> Iterator[_Reason]:
    for offer in flag.refused:
        for _, reply, meant in said.answered(offer):
            if meant is Answer.NO:
                yield _Reason(reply, "answer")


class _Wordings:
    """What an engine says of all that customers say, piece by piece."""

    def __init__(self, said: Conversation, engine: WordingEngine) -> None:
        self.engine = engine.version
        self._read = engine.read
        self._turns: Mapping[int, Sequence[tuple[Piece, Mapping[str, Leaning]]]] = {
            index: [(piece, engine.read(piece.text)) for piece in pieces_of(turn.text)]
            for index, turn in enumerate(said.turns)
            if turn.role is Role.CUSTOMER
        }

    def of(self, flag: str) -> Iterator[tuple[int, Piece, Leaning]]:
        """Turn, piece and what is said of a flag in it, in order."""
        for turn, pieces in self._turns.items():
            for piece, leanings in pieces:
                if flag in leanings:
                    yield turn, piece, leanings[flag]

    def speaks_against(self, found: Found, flag: str) -> bool:
        """Whether the wording speaks against a flag where its act was found: of the piece, and of the sentence alone.

        What else is said in a breath with "Can I come in today?" takes nothing from it.
        """
        piece, leanings = next(
            (
                (piece, leanings)
                for piece, leanings in self._turns.get(found.turn, ())
                if piece.first <= found.first_word <= piece.last
            ),
            (None, {}),
        )
        if piece is None or flag not in leanings or not leanings[flag].vetoes:
            return False
        sentence = piece.sentence_of(found.first_word)
        alone = leanings if sentence == piece.text else self._read(sentence)
        return flag not in alone or alone[flag].vetoes


def _weighed(
    said: Conversation, rules: Mapping[str, FlagRules], found: Mapping[str, list[_Reason]], wordings: _Wordings
) -> dict[str, list[_Reason]]:
    """Leave out what the wording speaks against; where then nothing is left, add what it raises by itself.

    Where a rule finds the act and something against it, such as a denial, the wording adds nothing: it knows less of
    that.
    """
    weighed = {}
    for name, reasons in found.items():
        kept = [
            reason for reason in reasons if reason.source == "answer" or not wordings.speaks_against(reason.found, name)
        ]
        against = {one.turn for act in rules[name].acts for one in said.find(act) if not one.stands}
        weighed[name] = kept or [
            _Reason(_read(said, wordings.engine, turn, piece, leaning), "wording", leaning.nearest)
            for turn, piece, leaning in wordings.of(name)
            if leaning.adds and turn not in against
        ]
    return weighed


def _read(said: Conversation, engine: WordingVersion, turn: int, piece: Piece, leaning: Leaning) -> Found:
    clause = sum(clause.origins[0] <= piece.first for clause in said.clauses[turn])
    return Found(
        act=engine.name,
        rule=str(engine.version),
        turn=turn,
        clause=max(clause - 1, 0),
        first_word=piece.first,
        last_word=piece.last,
        standing=Standing.STANDS,
        certainty=leaning.certainty,
    )


def _place(found: Found) -> tuple[int, int]:
    return found.turn, found.clause


def _yields(flag: FlagRules, reason: _Reason, found: Mapping[str, Sequence[_Reason]]) -> bool:
    act, turn = reason.found.act, reason.found.turn
    beside, later = flag.yields.get(act), flag.yields_to_accepted.get(act)
    return any(
        -_YIELDS_BEFORE <= one.found.turn - turn <= _YIELDS_AFTER for one in (found[beside] if beside else ())
    ) or any(
        one.source == "answer" and 0 < one.found.turn - turn <= _YIELDS_AFTER for one in (found[later] if later else ())
    )


def _kept(
    said: Conversation, rules: Mapping[str, FlagRules], found: Mapping[str, list[_Reason]]
) -> dict[str, list[_Reason]]:
    """Leave out what was taken back later: by a denial of the act, or by an act that takes back what came last."""
    kept = dict(found)
    for name, flag in rules.items():
        if not flag.taken_back_by_denial:
            continue
        denials = [_place(one) for act in flag.acts for one in said.find(act) if one.standing is Standing.NEGATED]
        if denials:
            kept[name] = [reason for reason in kept[name] if _place(reason.found) > max(denials)]
    takers = {act for flag in rules.values() for act in flag.taken_back_by}
    for taken in sorted((one for act in takers for one in said.stands(act)), key=_place):
        open_ones = [
            (_place(reason.found), name)
            for name, flag in rules.items()
            if taken.act in flag.taken_back_by
            for reason in kept[name]
            if _place(reason.found) < _place(taken) and taken.turn - reason.found.turn <= _TAKEN_BACK_WITHIN
        ]
        if open_ones:
            _, name = max(open_ones)
            kept[name] = [reason for reason in kept[name] if _place(reason.found) > _place(taken)]
    return kept


def _evidence(call: _Call, reason: _Reason) -> FlagEvidence:
    found = reason.found
    turn = call.turns[found.turn]
    sure = found.certainty * (turn.role_confidence or 0.5) * (1.0 if turn.confidence is None else turn.confidence)
    return FlagEvidence(
        turn=turn.utterance_of(found.first_word),
        source=reason.source,
        rule=f"{found.act}/{found.rule}",
        quote=quote(call.turns, found.turn, found.first_word, found.last_word),
        certainty=round(sure, 2),
        nearest=reason.nearest or None,
    )


def _labelled(call: _Call, name: str, recognition: Recognition, segments: SegmentMap) -> Iterator[FlagEvidence]:
    of_utterance = {utterance: index for index, turn in enumerate(call.turns) for utterance in turn.utterances}
    denied = {
        found.turn for act in call.flags.file.flags[name].acts for found in call.said.find(act) if not found.stands
    }
    for source, mentions in (("intent", recognition.intents), ("topic", recognition.topics)):
        pattern = call.flags.label(name, source)
        if pattern is None:
            continue
        for mention in mentions:
            if _counts(mention, pattern, call.flags.file.least_label_confidence):
                utterances = segments.turns(mention.start_word, mention.end_word, mention.text)
                turns = Counter[int]()
                for utterance, weight in utterances.items():
                    turns[of_utterance[utterance]] += weight
                if turns and denied.isdisjoint(turns) and _of_customer(call, turns):
                    yield FlagEvidence(
                        turn=utterances.most_common(1)[0][0],
                        source=source,
                        rule=mention.label,
                        certainty=mention.confidence,
                    )


def _counts(mention: Mention, pattern: Pattern[str], least: float) -> bool:
    sure = mention.confidence is not None and mention.confidence >= least
    return sure and pattern.search(spoken(mention.label).text) is not None


def _of_customer(call: _Call, turns: Counter[int]) -> bool:
    """Whether the customer says most of a piece of the call."""
    theirs = sum(weight for turn, weight in turns.items() if call.turns[turn].role is Role.CUSTOMER)
    return 2 * theirs > turns.total()
