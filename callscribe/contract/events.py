"""The events that tell the account of transcripts: their names and what they tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from msgspec import UNSET, UnsetType

from callscribe.contract.schema import SCHEMA_VERSION

EVENT_SOURCE: Final = "callscribe"
"""`source` of every event."""

CALL_TRANSCRIBED: Final = "Call Transcribed"
"""`detail-type` of the event that announces a transcript, of a recording or of a live call."""

LIVE_CALL_TRANSCRIBED: Final = "Live Call Transcribed"
"""`detail-type` of the event that announces the end of a live call, whose transcript is then made."""

URGENT_CALL: Final = "Urgent Call"
"""`detail-type` of the event that tells of a call at once in which something cannot wait."""

MOST_EVIDENCE: Final = 10
"""Places that an "Urgent Call" names at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptPlace:
    """Where a transcript is.

    Attributes:
        pk: Partition key of its item in the table.
        sk: Sort key of its item in the table.
        bucket: The archive.
        key: Key of its document in the archive.
    """

    pk: str
    sk: str
    bucket: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityFigure:
    """Whether what is concluded from a call can be relied on.

    Attributes:
        level: `high`, `doubtful`, or `unusable`: then no flag is known and there is no score.
        reasons: Codes of why no further; empty for a high level.
        so_far: True while the call runs: what follows can change it; absent for one that is over.
    """

    level: str
    reasons: tuple[str, ...] = ()
    so_far: Literal[True] | UnsetType = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptFigures:
    """Figures of a transcript.

    Attributes:
        duration_seconds: Length of the audio.
        word_count: Words of all utterances.
        confidence: 0 to 1, mean over the words for which the service said it; null where it did for none.
        cost_usd: What the transcription cost; null where the price list has no rate for something that was used.
        cost_at_least_usd: What it cost at least; null where that is not known.
        reliability: Whether what is concluded from the call can be relied on; absent or null where nobody has asked.
    """

    duration_seconds: float
    word_count: int
    confidence: float | None
    cost_usd: float | None
    cost_at_least_usd: float | None = None
    reliability: ReliabilityFigure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFigure:
    """How well the call was handled.

    Attributes:
        score: 0 to 100; null where nothing could be judged.
        rubric: Name of the rubric.
    """

    score: int | None
    rubric: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFigures:
    """How much of the call its live transcript holds.

    Attributes:
        complete: Whether it is proven that nothing is missing, but for the last moments before the contact was over
            (`end` of the live call has both times).
        incomplete_reasons: Codes of what is missing or not proven; empty for a complete call.
        covered_seconds: How much is transcribed at least; null where that was not noted.
        gaps: Number of pieces that are not transcribed.
        gap_seconds: Length of all gaps together.
    """

    complete: bool
    incomplete_reasons: tuple[str, ...] = ()
    covered_seconds: float | None = None
    gaps: int
    gap_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrichment:
    """What became of the step of one's own that ran before the event.

    Attributes:
        status: `succeeded`, or `failed` after all its attempts.
        error: Name of the error that the last attempt failed with; absent or null after a success.
    """

    status: str
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisFigures:
    """What became of the analysis by a language model. What the rules say stands in any case.

    Attributes:
        status: `succeeded`, `failed`, or `skipped` for a call that is not to be judged or too long.
        reason: Code of why there is none; absent or null after a success.
        urgency: `emergency`, `urgent` or `routine`; absent or null where that is not known.
        score: 0 to 100; absent or null where it is not known.
        dropped: Answers and citations that were left out because what they cite was not said; null where nothing was
            answered.
    """

    status: str
    reason: str | None = None
    urgency: str | None = None
    score: int | None = None
    dropped: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTranscribed:
    """`detail` of the event "Call Transcribed": a transcript is in the table and in the archive. It has no words.

    Attributes:
        version: "1", for readers of before `schema_version`.
        schema_version: Version of the code that wrote it.
        call_id: Connect's contact id, or the name of the recording's file in the project's own layout.
        clinic_id: Clinic that took the call.
        kind: `agent` for a conversation with an agent, `ivr` for the automated part before it.
        day: The call's date, UTC, as yyyy-mm-dd.
        recording_id: Identity of the recording's content; null for a live transcript.
        source: `batch` for the transcript of a recording, `live` for one made while the call ran.
        transcript: Where the transcript is.
        figures: Its figures.
        quality: How well the call was handled.
        live: How much of the call a live transcript holds; absent or null for one of a recording.
        enrichment: What became of the step of one's own; absent or null where there is none, as for live calls.
        analysis: What became of the analysis; absent or null where no analyst is set, and for live calls, which are
            announced before.
        role_names: What the parties are called where people read the call, by role; absent or null where they are
            called as their roles.
    """

    version: str = "1"
    schema_version: int = SCHEMA_VERSION
    call_id: str
    clinic_id: str
    kind: str
    day: str
    recording_id: str | None
    source: str
    transcript: TranscriptPlace
    figures: TranscriptFigures
    quality: QualityFigure
    live: LiveFigures | None = None
    enrichment: Enrichment | None = None
    analysis: AnalysisFigures | None = None
    role_names: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCallFigures:
    """Figures of a call that was transcribed while it ran.

    Attributes:
        duration_seconds: Length of the streamed audio, gaps and pauses included.
        covered_seconds: How much is transcribed at least; null where that was not noted.
        gap_seconds: Length of all gaps together.
        word_count: Words of all utterances.
        reliability: Whether what is concluded from the call can be relied on, by what was said last; that of the whole
            call is told with its transcript. Absent or null where nobody has asked.
    """

    duration_seconds: float
    covered_seconds: float | None = None
    gap_seconds: float
    word_count: int
    reliability: ReliabilityFigure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCallPlace:
    """Where the state of a live call is in the table; its utterances are in the same partition.

    Attributes:
        pk: Partition key.
        sk: Sort key.
    """

    pk: str
    sk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCallTranscribed:
    """`detail` of the event "Live Call Transcribed": a call has ended and its words are stored. It has no words.

    Attributes:
        version: "1", for readers of before `schema_version`.
        schema_version: Version of the code that wrote it.
        call_id: Connect's contact id.
        clinic_id: Clinic that took the call.
        day: The call's date, UTC, as yyyy-mm-dd.
        source: `live`.
        complete: Whether it is proven that nothing that was streamed is missing, but for the last moments before the
            contact was over (`end` of the live call has both times).
        incomplete_reasons: Codes of what is missing or not proven; empty for a complete call.
        end_reason: Evidence by which the call was taken to be over.
        ended_at: Where its transcription ended, by the stream's clock, UTC; absent or null in events that were sent
            before it was told. A call that goes on after an end is announced again, and events come at least once and
            in any order: of several of a call the one that ended last holds.
        utterances: Number of utterances stored.
        gaps: Number of pieces that are not transcribed.
        figures: Figures of the call.
        live: Where its state is.
        role_names: What the parties are called where people read the call, by role; absent or null where they are
            called as their roles.
    """

    version: str = "1"
    schema_version: int = SCHEMA_VERSION
    call_id: str
    clinic_id: str
    day: str
    source: str = "live"
    complete: bool
    incomplete_reasons: tuple[str, ...]
    end_reason: str
    ended_at: datetime | None = None
    utterances: int
    gaps: int
    figures: LiveCallFigures
    live: LiveCallPlace
    role_names: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvidence:
    """Where something was said that cannot wait. It has no words.

    Attributes:
        flag: Name of the flag that it raises.
        turn: Index into the turns of the transcript; absent or null while a call runs, which has none yet, and where
            the speech service has noticed it, not a rule.
        utterance: Index into the utterances of the transcript; while a call runs, the number (`seq`) of the result.
            Absent or null where that is not known.
        start: Seconds from the beginning of the call; absent or null where that is not known.
        end: Seconds from the beginning of the call; absent or null where that is not known.
        certainty: 0 to 1, how sure it is; absent or null where that is not known.
    """

    flag: str
    turn: int | None = None
    utterance: int | None = None
    start: float | None = None
    end: float | None = None
    certainty: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UrgentCall:
    """`detail` of the event "Urgent Call": something in a call cannot wait. It has no words.

    It is sent at least once for a recording, and for a live call while it runs, or with its transcript where nobody was
    told while it ran; both for a call that is followed live and transcribed from its recording, too.

    Attributes:
        schema_version: Version of the code that wrote it.
        call_id: Connect's contact id, or the name of the recording's file in the project's own layout.
        clinic_id: Clinic that took the call.
        day: The call's date, UTC, as yyyy-mm-dd.
        source: `batch` for a recording, `live` for a call that runs or was followed while it did.
        flags: Names of the flags that are raised and cannot wait, such as `urgent`.
        reliability: Whether that can be relied on, as far as it is known; absent or null where nobody has asked.
        evidence: Where it was said, the first ten places; empty where that was not noted.
        transcript: Where the transcript is; absent or null while a call runs.
        live: Where the state of a live call is; absent or null for a recording.
        role_names: What the parties are called where people read the call, by role; absent or null where they are
            called as their roles.
    """

    schema_version: int = SCHEMA_VERSION
    call_id: str
    clinic_id: str
    day: str
    source: str
    flags: tuple[str, ...]
    reliability: ReliabilityFigure | None = None
    evidence: tuple[AlertEvidence, ...] = ()
    transcript: TranscriptPlace | None = None
    live: LiveCallPlace | None = None
    role_names: Mapping[str, str] | None = None
