"""What the call was about: a short text and the flags a clinic acts on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from callscribe.conversation.phrases import spoken
from callscribe.conversation.quotes import Quote
from callscribe.conversation.utterances import Role, Utterance
from callscribe.recognition import Recognition
from callscribe.serialization import OpenEnum


class SummarySource(OpenEnum):
    """Who wrote the summary: one of these, or the speech service by its name, such as `deepgram`."""

    EXTRACT = "extract"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagEvidence:
    """Why a flag is raised.

    Attributes:
        turn: index into the transcript's utterances; None in older documents for an intent or topic that fits none.
        source: `phrase` for what somebody says, `answer` for an offer or a question that the customer says yes to,
            `intent` or `topic`, `wording` for what an engine that knows wordings raises.
        rule: act and rule of the lexicon, the label of the speech service's, or the engine and its version.
        quote: the words; None for an intent or topic, and in what was stored before they were noted.
        certainty: 0 to 1, how sure it is, by rule, role and recognition of the words; None where that was not noted.
        nearest: for a wording, labelled sentences that raise the flag and are nearest to the words, the nearest first;
            else None.
    """

    turn: int | None
    source: str
    rule: str
    quote: Quote | None = None
    certainty: float | None = None
    nearest: tuple[str, ...] | None = None


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
class FlagSetVersion:
    """The flag set that a call was looked through by.

    Attributes:
        name: its name.
        version: its version.
    """

    name: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSummary:
    """What the call was about.

    Attributes:
        text: the summary.
        source: who wrote it.
        flags: one for each flag of the set, in its order; none where the call cannot be judged, so that no flag is
            known.
    """

    text: str
    source: SummarySource
    flags: tuple[Flag, ...]

    @property
    def raised(self) -> tuple[str, ...]:
        """Names of the flags that are raised."""
        return tuple(flag.name for flag in self.flags if flag.raised)

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


def summarise(utterances: Sequence[Utterance], recognition: Recognition, flags: tuple[Flag, ...]) -> CallSummary:
    """Sum up a call: the service's summary where there is one, else the customer's concern and the agent's last word.

    Args:
        utterances: what was said, in order of time.
        recognition: where the service's summary comes from.
        flags: the flags, from `flags`.
    """
    if recognition.summary is not None and recognition.summary.succeeded:
        return CallSummary(
            text=recognition.summary.text, source=SummarySource(recognition.summary.service), flags=flags
        )
    if not utterances:
        return CallSummary(text=_NO_SPEECH, source=SummarySource.NONE, flags=flags)
    return CallSummary(text=_extract(utterances), source=SummarySource.EXTRACT, flags=flags)


def _extract(utterances: Sequence[Utterance]) -> str:
    """Quote the first thing of substance the customer said and the last the agent said before the farewell."""
    substantial = [turn for turn in utterances if len(spoken(turn.text).words) >= _EXTRACT_MIN_WORDS] or list(
        utterances
    )
    concern = next((turn for turn in substantial if turn.role is not Role.AGENT), substantial[0])
    outcome = next((turn for turn in reversed(substantial) if turn.role is not Role.CUSTOMER), substantial[-1])
    quoted = [concern] if outcome is concern or outcome.start < concern.start else [concern, outcome]
    return " ".join(f"{turn.role.capitalize()}: {_shortened(turn.text)}" for turn in quoted)


def _shortened(text: str) -> str:
    if len(text) <= _EXTRACT_MAX_CHARACTERS:
        return text
    return f"{text[:_EXTRACT_MAX_CHARACTERS].rsplit(' ', 1)[0]} …"
