"""Whether what is concluded from a call can be relied on, and why not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from re import Pattern
from typing import Final

from callscribe.contract.call_kind import CallKind
from callscribe.conversation.announcements import of_voicemail
from callscribe.conversation.phrases import phrase, spoken
from callscribe.conversation.roles import RoleAssignment, RoleMethod, Signs, look_swapped, signs_in
from callscribe.conversation.turns import Turn
from callscribe.conversation.utterances import Role, mean_confidence
from callscribe.data_files import load
from callscribe.serialization import OpenEnum

USABLE_FROM: Final = 0.5
"""Mean confidence of the words below which nothing is concluded from them."""
SURE_FROM: Final = 0.7
"""Mean confidence of the words from which on they are not doubted."""
JUDGED_LANGUAGE: Final = "en"
"""The language of the shipped lexicons and rubrics, as a BCP 47 primary tag."""

_SHORT_WORDS: Final = 20
_SHORT_SECONDS: Final = 8.0
_SIDE_WORDS: Final = 10
_LANGUAGE_WORDS: Final = 20  # different ones
_LEAST_ENGLISH: Final = 0.08
_SECOND_LANGUAGE_SHARE: Final = 0.2
_UNKNOWN_SHARE: Final = 0.2


class ReliabilityLevel(OpenEnum):
    """How far conclusions carry.

    `high`: as far as the words do. `doubtful`: somebody should listen to the call first. `unusable`: nothing is
    concluded: no flag is known, and there is no score.
    """

    HIGH = "high"
    DOUBTFUL = "doubtful"
    UNUSABLE = "unusable"


class Reason(OpenEnum):
    """Why a call is doubtful or unusable.

    Unusable: `no-speech`; `low-confidence` below 0.5; `language-not-english`; `nobody-else-spoke`;
    `one-voice-in-a-dialogue`, where a dialogue has one voice only; `voicemail`; `wrong-number`.

    Doubtful: `low-confidence` below 0.7, or below 0.5 for one side; `several-languages`; `roles-look-swapped`, where
    the customer's channel speaks like the agent; `roles-unknown`, where voices could not be told to be agent and
    customer; `same-words-on-both-channels`; `several-voices-on-a-channel`; `interpreter`; `gaps`, where parts of the
    call are missing or may be; `automated-call`, the part before an agent answers; `short`.
    """

    NO_SPEECH = "no-speech"
    LOW_CONFIDENCE = "low-confidence"
    OTHER_LANGUAGE = "language-not-english"
    NOBODY_ELSE_SPOKE = "nobody-else-spoke"
    ONE_VOICE = "one-voice-in-a-dialogue"
    VOICEMAIL = "voicemail"
    WRONG_NUMBER = "wrong-number"
    SEVERAL_LANGUAGES = "several-languages"
    SWAPPED_ROLES = "roles-look-swapped"
    UNKNOWN_ROLES = "roles-unknown"
    SAME_WORDS = "same-words-on-both-channels"
    SEVERAL_VOICES = "several-voices-on-a-channel"
    INTERPRETER = "interpreter"
    GAPS = "gaps"
    AUTOMATED = "automated-call"
    SHORT = "short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Whether what is concluded from a call can be relied on.

    Attributes:
        level: how far conclusions carry.
        reasons: why no further; empty for a high level. What makes a call unusable comes first.
    """

    level: ReliabilityLevel
    reasons: tuple[Reason, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether anything is concluded."""
        return self.level is not ReliabilityLevel.UNUSABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What is known of a call beside its turns.

    Attributes:
        kind: the agent's conversation, or the automated part before it.
        roles: who is who.
        confidence: mean over all words; None where the service did not say.
        language: language of the call; one that was not detected is the one asked for.
        languages: every language that was heard, the one of most words first; None where the service did not say.
        incomplete: whether parts of the call are missing, or may be.
        echoes: whether both channels have the same words.
        running: whether the call goes on: nobody who has not spoken yet is missed.
    """

    kind: CallKind
    roles: RoleAssignment
    confidence: float | None
    language: str
    languages: Sequence[str] | None
    incomplete: bool
    echoes: bool
    running: bool = False


def reliability_of(
    turns: Sequence[Turn], known: Circumstances, *, signs: Callable[[str], Signs] = signs_in
) -> Reliability:
    """Say whether what is concluded from a call can be relied on.

    Args:
        turns: what was said, with its roles.
        known: what is known of the call beside it.
        signs: as `look_swapped` takes it.
    """
    call = _Call(turns, known, signs)
    unusable = tuple(reason for reason, holds in _UNUSABLE if holds(call))
    doubtful = tuple(reason for reason, holds in _DOUBTFUL if holds(call) and reason not in unusable)
    if unusable:
        return Reliability(level=ReliabilityLevel.UNUSABLE, reasons=(*unusable, *doubtful))
    if doubtful:
        return Reliability(level=ReliabilityLevel.DOUBTFUL, reasons=doubtful)
    return Reliability(level=ReliabilityLevel.HIGH)


@dataclass(frozen=True, slots=True, kw_only=True)
class _DoubtsFile:
    wrong_number: tuple[str, ...]
    wrong_number_unless: tuple[str, ...]
    wrong_number_words_behind: int
    interpreter: tuple[str, ...]
    joined: tuple[str, ...]
    english: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Doubts:
    wrong_number: Pattern[str]
    wrong_number_unless: Pattern[str]
    wrong_number_words_behind: int
    interpreter: Pattern[str]
    joined: Pattern[str]
    english: frozenset[str]


@cache
def _doubts() -> _Doubts:
    file = load(_DoubtsFile, "lexicons", "doubts-v1")
    return _Doubts(
        wrong_number=phrase("|".join(file.wrong_number)),
        wrong_number_unless=phrase("|".join(file.wrong_number_unless)),
        wrong_number_words_behind=file.wrong_number_words_behind,
        interpreter=phrase("|".join(file.interpreter)),
        joined=phrase("|".join(file.joined)),
        english=file.english,
    )


class _Call:
    def __init__(self, turns: Sequence[Turn], known: Circumstances, signs: Callable[[str], Signs]) -> None:
        self.known = known
        self._signs = signs
        self.played = [turn for turn in turns if turn.role is Role.ANNOUNCEMENT]
        self.said = [turn for turn in turns if turn.role is not Role.ANNOUNCEMENT]
        self.texts = [spoken(turn.text).text for turn in self.said]
        self.words = sum(len(text.split()) for text in self.texts)

    def says(self, pattern: Pattern[str]) -> bool:
        return any(pattern.search(text) for text in self.texts)

    @property
    def swapped(self) -> bool:
        """Whether the words contradict the channels, and no person has said who is on them."""
        roles = self.known.roles
        return roles.method is RoleMethod.CHANNEL and not roles.confirmed and look_swapped(self.said, signs=self._signs)

    @property
    def voicemail(self) -> bool:
        """Whether a greeting of a voicemail is played, and nobody answers who speaks afterwards."""
        greetings = [turn for turn in self.played if of_voicemail(turn.text)]
        if not greetings:
            return False
        behind = {turn.speaker for turn in self.said if turn.start >= greetings[-1].start and not turn.backchannel}
        return len(behind) < 2

    @property
    def alone(self) -> bool:
        """Whether only one party speaks on its channel, or nobody does beside what is played."""
        if self.known.running:
            return False
        if self.played and not self.said:
            return True
        if self.known.roles.method is not RoleMethod.CHANNEL or self.known.kind is CallKind.IVR:
            return False
        return bool(self.said) and len({turn.channel for turn in self.said}) == 1

    @property
    def one_voice(self) -> bool:
        """Whether nobody told two people apart, neither the service nor somebody who has named the roles of turns."""
        single = self.known.roles.method is RoleMethod.SINGLE_SPEAKER and self.known.kind is CallKind.AGENT
        return single and not {turn.role for turn in self.said} >= {Role.AGENT, Role.CUSTOMER}

    @property
    def wrong_number(self) -> bool:
        """Whether somebody says that the number is wrong, and the call ends with it."""
        rules, behind = _doubts(), self.words
        for text in self.texts:
            words = len(text.split())
            behind -= words
            found = rules.wrong_number.search(text)
            if found and not rules.wrong_number_unless.search(text):
                rest = len(text[found.end() :].split())
                if rest + behind <= rules.wrong_number_words_behind:
                    return True
        return False

    @property
    def other_language(self) -> bool:
        """Whether another language was detected, asked for, or is spoken by the look of its words."""
        language = (self.known.languages or (self.known.language,))[0]
        if _primary(language) not in (JUDGED_LANGUAGE, *_NO_LANGUAGE):
            return True
        words = [word for text in self.texts for word in text.split()]
        english = sum(word in _doubts().english for word in words)
        return len({*words}) >= _LANGUAGE_WORDS and english < _LEAST_ENGLISH * len(words)

    @property
    def several_languages(self) -> bool:
        return len({_primary(language) for language in self.known.languages or ()}) > 1

    @property
    def confidence_of_sides(self) -> list[float]:
        """The mean confidence of each speaker who says more than a few words."""
        by_speaker: dict[str, list[Turn]] = {}
        for turn in self.said:
            by_speaker.setdefault(turn.speaker, []).append(turn)
        means = (
            mean_confidence((turn.confidence, turn.word_count) for turn in own)
            for own in by_speaker.values()
            if sum(turn.word_count for turn in own) >= _SIDE_WORDS
        )
        return [mean for mean in means if mean is not None]

    def below(self, least: float) -> bool:
        return bool(self.said) and self.known.confidence is not None and self.known.confidence < least

    @property
    def unknown_roles(self) -> bool:
        if self.known.roles.method is RoleMethod.SINGLE_SPEAKER:
            return False
        unknown = sum(turn.word_count for turn in self.said if turn.role is Role.UNKNOWN)
        return unknown > _UNKNOWN_SHARE * self.words

    @property
    def several_voices(self) -> bool:
        """Whether somebody joins on a channel: told apart, or said to be there."""
        if self.known.roles.method is not RoleMethod.CHANNEL:
            return False
        return len({turn.speaker for turn in self.said}) > len({turn.channel for turn in self.said}) or self.says(
            _doubts().joined
        )

    @property
    def short(self) -> bool:
        if not self.said:
            return self.known.running
        seconds = max(turn.end for turn in self.said) - self.said[0].start
        return self.words < _SHORT_WORDS or seconds < _SHORT_SECONDS


# What a deployment can ask for that names no language.
_NO_LANGUAGE: Final = ("multi", "detect", "")

_UNUSABLE: Final[tuple[tuple[Reason, Callable[[_Call], bool]], ...]] = (
    (Reason.NO_SPEECH, lambda call: not call.known.running and not call.said and not call.played),
    (Reason.OTHER_LANGUAGE, lambda call: call.other_language),
    (Reason.LOW_CONFIDENCE, lambda call: call.below(USABLE_FROM)),
    (Reason.VOICEMAIL, lambda call: call.voicemail),
    (Reason.WRONG_NUMBER, lambda call: call.wrong_number),
    (Reason.ONE_VOICE, lambda call: call.one_voice),
    (Reason.NOBODY_ELSE_SPOKE, lambda call: call.alone),
)

_DOUBTFUL: Final[tuple[tuple[Reason, Callable[[_Call], bool]], ...]] = (
    (
        Reason.LOW_CONFIDENCE,
        lambda call: call.below(SURE_FROM) or any(mean < USABLE_FROM for mean in call.confidence_of_sides),
    ),
    (Reason.SEVERAL_LANGUAGES, lambda call: call.several_languages),
    (Reason.SWAPPED_ROLES, lambda call: call.swapped),
    (Reason.UNKNOWN_ROLES, lambda call: call.unknown_roles),
    (Reason.SAME_WORDS, lambda call: call.known.echoes),
    (Reason.SEVERAL_VOICES, lambda call: call.several_voices),
    (Reason.INTERPRETER, lambda call: call.says(_doubts().interpreter)),
    (Reason.GAPS, lambda call: call.known.incomplete),
    (Reason.AUTOMATED, lambda call: call.known.kind is CallKind.IVR),
    (Reason.SHORT, lambda call: call.short),
)


def _primary(language: str) -> str:
    return language.split("-")[0].casefold()
