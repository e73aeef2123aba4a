"""Who of the speakers is the agent."""

from dataclasses import dataclass
from enum import StrEnum

from transcription.conversation import Role


class RoleMethod(StrEnum):
    """How the roles were found."""

    CHANNEL = "channel"
    RULE = "diarization-rule"
    SINGLE_SPEAKER = "single-speaker"
    NO_SPEECH = "no-speech"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerRole:
    """The role of one speaker.

    Attributes:
        speaker: as in `Utterance.speaker`.
        role: the part the speaker plays.
        confidence: 0 to 1; 0 for an unknown role.
        evidence: what spoke for it, as names of rules.
    """

    speaker: str
    role: Role
    confidence: float
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleAssignment:
    """The roles of all speakers and how they were found."""

    method: RoleMethod
    speakers: tuple[SpeakerRole, ...]
