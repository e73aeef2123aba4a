"""Who of the speakers is the agent."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from re import Pattern

from callscribe.conversation.phrases import phrase, spoken
from callscribe.conversation.turns import Turn
from callscribe.conversation.utterances import Role
from callscribe.data_files import load
from callscribe.serialization import OpenEnum


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
        evidence: what spoke for or against the agent's role, as names of rules of the lexicon.
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

    def of(self, speaker: str) -> SpeakerRole:
        """The role of one speaker.

        Raises:
            KeyError: nobody of that name spoke.
        """
        for assigned in self.speakers:
            if assigned.speaker == speaker:
                return assigned
        raise KeyError(speaker)


def assign_roles(
    turns: Sequence[Turn], *, separate_channels: bool, channel_roles: Mapping[int, Role]
) -> RoleAssignment:
    """Say who is the agent and who the customer.

    Separate channels leave no doubt: Amazon Connect records the customer on one and the agent on the other, and
    `channel_roles` says which is which. Voices told apart by diarization are judged by what they say, by who asks more
    and by who speaks first; the weights are in `lexicons/roles-v1.json`. With more than two voices, as after a
    transfer, each is judged by itself. A voice too close to the middle, and a single voice, stay unknown.

    Args:
        turns: what was said, in order of time; their own roles do not count.
        separate_channels: whether each speaker has a channel.
        channel_roles: role by channel.
    """
    by_speaker: dict[str, list[Turn]] = {}
    for turn in turns:
        by_speaker.setdefault(turn.speaker, []).append(turn)
    if not by_speaker:
        return RoleAssignment(method=RoleMethod.NO_SPEECH, speakers=())
    if separate_channels:
        speakers = (_by_channel(name, channel_roles.get(said[0].channel)) for name, said in by_speaker.items())
        return RoleAssignment(method=RoleMethod.CHANNEL, speakers=tuple(speakers))
    if len(by_speaker) == 1:
        return RoleAssignment(
            method=RoleMethod.SINGLE_SPEAKER, speakers=tuple(_unknown(name, ("single-speaker",)) for name in by_speaker)
        )
    return RoleAssignment(method=RoleMethod.RULE, speakers=tuple(_by_rule(by_speaker)))


def _by_channel(name: str, role: Role | None) -> SpeakerRole:
    if role is None or role is Role.UNKNOWN:
        return _unknown(name, ("channel-not-mapped",))
    return SpeakerRole(speaker=name, role=role, confidence=1.0, evidence=("channel-map",))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _LexiconFile:
    agent: Mapping[str, tuple[float, str]]
    customer: Mapping[str, tuple[float, str]]
    speaks_first: float
    asks_more: float
    min_words: int
    min_confidence: float
    max_confidence: float


@cache
def _lexicon() -> _Lexicon:
    file = load(_LexiconFile, "lexicons", "roles-v1")
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
    first = next(iter(turns))
    leanings = {
        name: _leaning(said, lexicon, first=name == first, asks=questions[name] - usual) for name, said in turns.items()
    }
    heard = [leaning.score for leaning in leanings.values() if leaning.words >= lexicon.min_words]
    if len(heard) < 2:
        return [_unknown(name, (*leaning.evidence, "too-few-words")) for name, leaning in leanings.items()]
    middle = (max(heard) + min(heard)) / 2
    return [_judged(name, leaning, middle, lexicon) for name, leaning in leanings.items()]


def _leaning(said: Sequence[Turn], lexicon: _Lexicon, *, first: bool, asks: float) -> _Leaning:
    texts = [spoken(turn.text).text for turn in said]
    score = lexicon.asks_more * asks
    evidence = ["asks-more"] if asks > 0 else []
    if first:
        score += lexicon.speaks_first
        evidence.append("speaks-first")
    for name, weight, pattern in lexicon.rules:
        hits = sum(1 for text in texts if pattern.search(text))
        score += weight * min(hits, 2)
        if hits:
            evidence.append(name)
    return _Leaning(score, tuple(evidence), sum(len(text.split()) for text in texts))


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
