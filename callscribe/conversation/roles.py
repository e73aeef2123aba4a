"""Who of the speakers is the agent."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from re import Pattern
from typing import Final

from callscribe.conversation.announcements import CONFIDENCE
from callscribe.conversation.phrases import phrase, spoken
from callscribe.conversation.turns import Turn
from callscribe.conversation.utterances import Role
from callscribe.data_files import load
from callscribe.serialization import OpenEnum

REVIEWER: Final = "reviewer"
"""Evidence for a role that a person has named (`conversation.role_correction`)."""

_GREETING_WORDS: Final = 3


class RoleMethod(OpenEnum):
    """How the roles were found."""

    CHANNEL = "channel"
    RULE = "diarization-rule"
    SINGLE_SPEAKER = "single-speaker"
    NO_SPEECH = "no-speech"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerRole:
    """The role of one speaker.

    Attributes:
        speaker: as in `Utterance.speaker`, and in `Turn.speaker`.
        role: the part the speaker plays.
        confidence: 0 to 1; 0 for an unknown role.
        evidence: what spoke for or against the agent's role, as names of rules of the lexicon; `reviewer` where a
            person has named the role.
    """

    speaker: str
    role: Role
    confidence: float
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleAssignment:
    """The roles of all speakers.

    Attributes:
        method: how they were found.
        speakers: the speakers, in order of their first words.
    """

    method: RoleMethod
    speakers: tuple[SpeakerRole, ...]

    @property
    def confirmed(self) -> bool:
        """Whether a person has named the role of everybody who speaks."""
        people = [one for one in self.speakers if one.role is not Role.ANNOUNCEMENT]
        return bool(people) and all(one.evidence == (REVIEWER,) for one in people)

    def of(self, speaker: str) -> SpeakerRole:
        """The role of one speaker.

        Raises:
            KeyError: nobody of that name spoke.
        """
        for assigned in self.speakers:
            if assigned.speaker == speaker:
                return assigned
        raise KeyError(speaker)


@dataclass(frozen=True, slots=True)
class Signs:
    """What tells by the words of a text whether an agent says it or a customer.

    Attributes:
        rules: indexes of the lexicon's rules that find something.
        words: number of words.
    """

    rules: tuple[int, ...]
    words: int


def signs_in(text: str) -> Signs:
    """Look through a text with the rules of the lexicon."""
    said = spoken(text)
    rules = _lexicon().rules
    return Signs(
        rules=tuple(index for index, (_, _, pattern) in enumerate(rules) if pattern.search(said.text)),
        words=len(said.words),
    )


def assign_roles(
    turns: Sequence[Turn], *, separate_channels: bool, channel_roles: Mapping[int, Role], automated: bool = False
) -> RoleAssignment:
    """Say who is the agent and who the customer.

    Separate channels leave no doubt: Amazon Connect records the customer on one and the agent on the other, and
    `channel_roles` says which is which; `look_swapped` tells whether the words agree. Voices told apart by diarization
    are judged by what they say, by who asks more and by who speaks first; the weights are in `lexicons/roles-v2.json`.
    With more than two voices, as after a transfer, each is judged by itself. A voice too close to the middle, and a
    single voice, stay unknown. Who only plays announcements is neither.

    Args:
        turns: what was said, in order of time; of their roles only that of an announcement counts.
        separate_channels: whether each speaker has a channel.
        channel_roles: role by channel.
        automated: whether no agent is in the call: what the agent's channel has is played.
    """
    said: dict[str, list[Turn]] = {}
    for turn in turns:
        said.setdefault(turn.speaker, []).append(turn)
    if not said:
        return RoleAssignment(method=RoleMethod.NO_SPEECH, speakers=())
    people = {name: spoken_by for name in said if (spoken_by := _without_announcements(said[name]))}
    if separate_channels:
        method = RoleMethod.CHANNEL
        found = {name: _by_channel(name, channel_roles.get(own[0].channel), automated) for name, own in people.items()}
    elif len(people) < 2:
        method = RoleMethod.SINGLE_SPEAKER
        found = {name: _unknown(name, ("single-speaker",)) for name in people}
    else:
        method = RoleMethod.RULE
        found = {speaker.speaker: speaker for speaker in _by_rule(people)}
    return RoleAssignment(method=method, speakers=tuple(found.get(name) or _announcement(name) for name in said))


def look_swapped(turns: Sequence[Turn], *, signs: Callable[[str], Signs] = signs_in) -> bool:
    """Whether the customers of a call speak like the agent, and the agents like the customer, by rules of the lexicon.

    Args:
        turns: what was said, with its roles.
        signs: finds the signs in a text; whoever looks at the same texts again gives one that remembers.
    """
    lexicon = _lexicon()
    agent, customer = (
        _by_words([turn for turn in turns if turn.role is role], lexicon, signs) for role in (Role.AGENT, Role.CUSTOMER)
    )
    return customer.score > 0 > agent.score and customer.score - agent.score >= lexicon.swapped


def _without_announcements(turns: Sequence[Turn]) -> list[Turn]:
    return [turn for turn in turns if turn.role is not Role.ANNOUNCEMENT]


def _by_channel(name: str, role: Role | None, automated: bool) -> SpeakerRole:
    if role is Role.AGENT and automated:
        return _announcement(name)
    if role is None or role is Role.UNKNOWN:
        return _unknown(name, ("channel-not-mapped",))
    return SpeakerRole(speaker=name, role=role, confidence=1.0, evidence=("channel-map",))


def _announcement(name: str) -> SpeakerRole:
    return SpeakerRole(speaker=name, role=Role.ANNOUNCEMENT, confidence=CONFIDENCE, evidence=("announcement",))


def _unknown(name: str, evidence: tuple[str, ...]) -> SpeakerRole:
    return SpeakerRole(speaker=name, role=Role.UNKNOWN, confidence=0.0, evidence=evidence)


@dataclass(frozen=True, slots=True)
class _Lexicon:
    # Weights towards the agent: negative ones speak for the customer.
    rules: tuple[tuple[str, float, Pattern[str]], ...]
    speaks_first: float
    asks_more: float
    min_words: int
    min_confidence: float
    max_confidence: float
    swapped: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _LexiconFile:
    agent: Mapping[str, tuple[float, str]]
    customer: Mapping[str, tuple[float, str]]
    speaks_first: float
    asks_more: float
    min_words: int
    min_confidence: float
    max_confidence: float
    swapped: float


@cache
def _lexicon() -> _Lexicon:
    file = load(_LexiconFile, "lexicons", "roles-v2")
    rules = [
        (name, sign * weight, phrase(expression))
        for side, sign in ((file.agent, 1), (file.customer, -1))
        for name, (weight, expression) in side.items()
    ]
    return _Lexicon(
        rules=tuple(rules),
        speaks_first=file.speaks_first,
        asks_more=file.asks_more,
        min_words=file.min_words,
        min_confidence=file.min_confidence,
        max_confidence=file.max_confidence,
        swapped=file.swapped,
    )


@dataclass(frozen=True, slots=True)
class _Leaning:
    """How much a speaker sounds like an agent, and why."""

    score: float
    evidence: tuple[str, ...]
    words: int


def _by_rule(turns: Mapping[str, Sequence[Turn]]) -> list[SpeakerRole]:
    lexicon = _lexicon()
    questions = {name: _question_share(said) for name, said in turns.items()}
    usual = sum(questions.values()) / len(questions)
    first = _first_to_speak(turns)
    leanings = {
        name: _leaning(said, lexicon, first=name == first, asks=questions[name] - usual) for name, said in turns.items()
    }
    heard = [leaning.score for leaning in leanings.values() if leaning.words >= lexicon.min_words]
    if len(heard) < 2:
        return [_unknown(name, (*leaning.evidence, "too-few-words")) for name, leaning in leanings.items()]
    middle = (max(heard) + min(heard)) / 2
    return [_judged(name, leaning, middle, lexicon) for name, leaning in leanings.items()]


def _first_to_speak(turns: Mapping[str, Sequence[Turn]]) -> str | None:
    """Who begins the call; None where that is no more than a "Hello?", as whoever is called answers."""
    name = next(iter(turns))
    return name if turns[name][0].word_count >= _GREETING_WORDS else None


def _leaning(said: Sequence[Turn], lexicon: _Lexicon, *, first: bool, asks: float) -> _Leaning:
    leaning = _by_words(said, lexicon, signs_in)
    signs = ("asks-more",) * (asks > 0) + ("speaks-first",) * first
    return replace(
        leaning,
        score=leaning.score + lexicon.asks_more * asks + lexicon.speaks_first * first,
        evidence=(*signs, *leaning.evidence),
    )


def _by_words(said: Sequence[Turn], lexicon: _Lexicon, signs: Callable[[str], Signs]) -> _Leaning:
    found = [signs(turn.text) for turn in said]
    hits = Counter(index for one in found for index in one.rules)
    score, evidence = 0.0, []
    for index, (name, weight, _) in enumerate(lexicon.rules):
        score += weight * min(hits[index], 2)
        if hits[index]:
            evidence.append(name)
    return _Leaning(score, tuple(evidence), sum(one.words for one in found))


def _judged(name: str, leaning: _Leaning, middle: float, lexicon: _Lexicon) -> SpeakerRole:
    if leaning.words < lexicon.min_words:
        return _unknown(name, (*leaning.evidence, "too-few-words"))
    distance = leaning.score - middle
    confidence = round(min(lexicon.max_confidence, 1 / (1 + math.exp(-2 * abs(distance)))), 2)
    if confidence < lexicon.min_confidence:
        return _unknown(name, (*leaning.evidence, "too-close"))
    role = Role.AGENT if distance > 0 else Role.CUSTOMER
    return SpeakerRole(speaker=name, role=role, confidence=confidence, evidence=leaning.evidence)


def _question_share(said: Sequence[Turn]) -> float:
    return sum(1 for turn in said if spoken(turn.text).question) / len(said)
