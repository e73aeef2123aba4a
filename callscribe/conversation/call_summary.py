"""What the call was about: a short text and the flags a clinic acts on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from re import Pattern
from typing import Final

from callscribe.conversation.alignment import SegmentMap
from callscribe.conversation.phrases import Spoken, negation, phrase, spoken
from callscribe.conversation.utterances import Role, Utterance
from callscribe.data_files import load
from callscribe.recognition import Mention, Recognition
from callscribe.serialization import OpenEnum


class SummarySource(OpenEnum):
    """Who wrote the summary: one of these, or the speech service by its name, such as `deepgram`."""

    EXTRACT = "extract"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagEvidence:
    """Why a flag is raised.

    Attributes:
        turn: index into the transcript's utterances; None for an intent or topic that fits no turn.
        source: `phrase`, `intent` or `topic`.
        rule: name of the rule in the lexicon.
    """

    turn: int | None
    source: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag; it is raised exactly when it has evidence.

    Attributes:
        name: what it says of the call.
        evidence: what speaks for it.
    """

    name: str
    evidence: tuple[FlagEvidence, ...]

    @property
    def raised(self) -> bool:
        """Whether anything speaks for it."""
        return bool(self.evidence)


_EXTRACT_MIN_WORDS: Final = 5
_EXTRACT_MAX_CHARACTERS: Final = 240
_NO_SPEECH: Final = "No speech was recognised in this recording."


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSummary:
    """What the call was about.

    Attributes:
        text: the summary.
        source: who wrote it.
        flags: one for each flag of the lexicon, in its order; none where the call cannot be judged, so that no flag is
            known.
    """

    text: str
    source: SummarySource
    flags: tuple[Flag, ...]

    def without_flags(self) -> "CallSummary":
        """The summary of a call that cannot be judged."""
        return replace(self, flags=())

    def flag(self, name: str) -> Flag:
        """One flag by its name.

        Raises:
            KeyError: there is no such flag.
        """
        for flag in self.flags:
            if flag.name == name:
                return flag
        raise KeyError(name)


def summarise(utterances: Sequence[Utterance], recognition: Recognition, segments: SegmentMap) -> CallSummary:
    """Sum up a call: the service's summary where there is one, else the customer's concern and the agent's last word.

    Flags come from phrases (`lexicons/flags-v1.json`), mainly the customer's, and from the service's intents and
    topics. A negated phrase does not count where the lexicon says so, nor does an intent or topic found in the same
    turn.
    """
    speech = [spoken(utterance.text) for utterance in utterances]
    flags = tuple(
        _flag(name, rules, utterances, speech, recognition, segments) for name, rules in _flag_rules().items()
    )
    if recognition.summary is not None and recognition.summary.succeeded:
        return CallSummary(
            text=recognition.summary.text, source=SummarySource(recognition.summary.service), flags=flags
        )
    if not utterances:
        return CallSummary(text=_NO_SPEECH, source=SummarySource.NONE, flags=flags)
    return CallSummary(text=_extract(utterances, speech), source=SummarySource.EXTRACT, flags=flags)


def _extract(utterances: Sequence[Utterance], speech: Sequence[Spoken]) -> str:
    """Quote the first thing of substance the customer said and the last the agent said before the farewell."""
    substantial = [
        turn for turn, said in zip(utterances, speech, strict=True) if len(said.words) >= _EXTRACT_MIN_WORDS
    ] or list(utterances)
    concern = next((turn for turn in substantial if turn.role is not Role.AGENT), substantial[0])
    outcome = next((turn for turn in reversed(substantial) if turn.role is not Role.CUSTOMER), substantial[-1])
    quoted = [concern] if outcome is concern or outcome.start < concern.start else [concern, outcome]
    return " ".join(f"{turn.role.capitalize()}: {_shortened(turn.text)}" for turn in quoted)


def _shortened(text: str) -> str:
    if len(text) <= _EXTRACT_MAX_CHARACTERS:
        return text
    return f"{text[:_EXTRACT_MAX_CHARACTERS].rsplit(' ', 1)[0]} …"


@dataclass(frozen=True, slots=True)
class _FlagRules:
    negatable: bool
    customer: tuple[tuple[str, Pattern[str]], ...]
    agent: tuple[tuple[str, Pattern[str]], ...]
    intents: Pattern[str] | None
    topics: Pattern[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _FlagInFile:
    negatable: bool
    customer: Mapping[str, str]
    agent: Mapping[str, str]
    intents: str | None
    topics: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _FlagsFile:
    flags: Mapping[str, _FlagInFile]


@cache
def _flag_rules() -> dict[str, _FlagRules]:
    file = load(_FlagsFile, "lexicons", "flags-v1")
    return {
        name: _FlagRules(
            negatable=flag.negatable,
            customer=tuple((rule, phrase(expression)) for rule, expression in flag.customer.items()),
            agent=tuple((rule, phrase(expression)) for rule, expression in flag.agent.items()),
            intents=phrase(flag.intents) if flag.intents else None,
            topics=phrase(flag.topics) if flag.topics else None,
        )
        for name, flag in file.flags.items()
    }


def flag_names() -> Sequence[str]:
    """Names of all flags, in the order of `lexicons/flags-v1.json`."""
    return tuple(_flag_rules())


def _flag(
    name: str,
    rules: _FlagRules,
    utterances: Sequence[Utterance],
    speech: Sequence[Spoken],
    recognition: Recognition,
    segments: SegmentMap,
) -> Flag:
    evidence: list[FlagEvidence] = []
    denied: set[int] = set()
    for turn, (utterance, said) in enumerate(zip(utterances, speech, strict=True)):
        patterns = rules.agent if utterance.role is Role.AGENT else rules.customer
        answers = {rule: _said(pattern, said, negatable=rules.negatable) for rule, pattern in patterns}
        first = next((rule for rule, answer in answers.items() if answer), None)
        if first is not None:
            evidence.append(FlagEvidence(turn=turn, source="phrase", rule=first))
        elif False in answers.values():
            denied.add(turn)
    evidence.extend(_labelled("intent", rules.intents, recognition.intents, segments, denied))
    evidence.extend(_labelled("topic", rules.topics, recognition.topics, segments, denied))
    return Flag(name=name, evidence=tuple(evidence))


def _said(pattern: Pattern[str], said: Spoken, *, negatable: bool) -> bool | None:
    """True if the phrase was said, False if only with a negation, None if not at all."""
    found = None
    for match in pattern.finditer(said.text):
        if not negatable or not negation().applies(said, match.start()):
            return True
        found = False
    return found


def _labelled(
    source: str, pattern: Pattern[str] | None, mentions: Sequence[Mention], segments: SegmentMap, denied: set[int]
) -> Iterator[FlagEvidence]:
    for mention in mentions:
        if pattern is None or pattern.search(spoken(mention.label).text) is None:
            continue
        turns = segments.turns(mention.start_word, mention.end_word, mention.text)
        if denied.isdisjoint(turns):
            yield FlagEvidence(turn=turns.most_common(1)[0][0] if turns else None, source=source, rule=mention.label)
