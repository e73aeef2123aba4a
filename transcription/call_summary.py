"""What the call was about: a short text and the flags a clinic acts on."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FLAGS: Final = (
    "appointment_requested",
    "insurance_mentioned",
    "callback_requested",
    "complaint",
    "cancellation_intent",
)


class SummarySource(StrEnum):
    """Who wrote the summary."""

    DEEPGRAM = "deepgram"
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
    """One flag; it is raised exactly when it has evidence."""

    name: str
    evidence: tuple[FlagEvidence, ...]

    @property
    def raised(self) -> bool:
        """Whether anything speaks for it."""
        return bool(self.evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSummary:
    """Summary text, who wrote it, and one flag for each name in `FLAGS`, in that order."""

    text: str
    source: SummarySource
    flags: tuple[Flag, ...]
