"""What the state machine hands to functions and to the queue: each message once.

A construct writes a message by :func:`written`, which takes exactly the fields that there are; whoever gets it reads it
as the class. Fields may be added with a default: executions outlive deployments.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta

from callscribe.contract.events import AnalysisFigures, TranscriptFigures, TranscriptPlace

Name = Annotated[str, Meta(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmitMessage:
    """Asks what becomes of an object.

    Attributes:
        event: S3's event, by way of EventBridge, that announces it.
        execution: ARN of the execution.
        started_at: When the execution began; None from one that cannot wait, begun before an update.
    """

    event: dict[str, Any]
    execution: Name
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscribeMessage:
    """Asks for a recording to be transcribed; lies in the work queue.

    Attributes:
        schema_version: Of the message.
        task_token: What the waiting task of the state machine is answered by.
        execution: ARN of the execution that waits.
        recording: The recording, as `AdmittedRecording.to_payload` writes it.
        waiting_since: When the execution began to wait (ISO 8601); None where the message does not tell.
        max_wait_seconds: How long it waits; None where the message does not tell.
    """

    schema_version: int = 1
    task_token: Name
    execution: Name
    recording: dict[str, Any]
    waiting_since: object = None
    max_wait_seconds: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyPlace:
    """Where a speech service's reply is kept: its key in the archive."""

    key: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreMessage:
    """Asks for the transcript of a recording to be stored.

    Attributes:
        recording: As in `TranscribeMessage`.
        reply: Where the reply is.
        deepgram_requests: Requests sent for the recording.
    """

    recording: dict[str, Any]
    reply: ReplyPlace
    deepgram_requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildRequest:
    """Which document is written anew.

    Attributes:
        key: The document's key in the archive.
        dry_run: Whether only to say what would be done.
        again: Whether it is written anew although nothing about it is out of date.
    """

    key: Name
    dry_run: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildMessage:
    """Somebody asks for a document to be written anew: an operator, or the console after a correction."""

    rebuild: RebuildRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRebuildRequest:
    """Which live transcript is written anew.

    Attributes:
        call_id: The call.
        clinic_id: Its clinic.
        day: Its date, UTC, as yyyy-mm-dd.
        dry_run: Whether only to say what would be done.
    """

    call_id: Name
    clinic_id: Name
    day: Name
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRebuildMessage:
    """The console asks for a live transcript to be written anew after a correction."""

    rebuild: LiveRebuildRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildAnswer:
    """What became of a `RebuildMessage` or `LiveRebuildMessage`.

    Attributes:
        outcome: As `lambdas.store_transcript.rebuild.Outcome`; "" from a function that knows no rebuild.
        reason: Why nothing was written; "" where something was.
        call_id: The call; None where the document does not tell.
    """

    outcome: str = ""
    reason: str = ""
    call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRequest:
    """Which calls are looked at anew by whoever keeps what is searched.

    Attributes:
        clinic_id: Their clinic.
        month: All calls of a month, yyyy-mm, a few hundred at once.
        after: Where in the month to go on, as the answer before has it.
        sort_keys: Or the SKs of some calls' transcripts, whether they are there or not.
    """

    clinic_id: Name
    month: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}$")] | None = None
    after: str | None = None
    sort_keys: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexMessage:
    """An operator asks for calls to be looked at anew, or says that all of them have been.

    Attributes:
        index: Which calls.
        whole: That no call is left that was stored before changes were followed.
    """

    index: IndexRequest | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAnswer:
    """What became of an `IndexMessage`.

    Attributes:
        calls: Calls that were looked at.
        without_words: Those of them whose document is not there or cannot be read.
        after: Where the month goes on; None at its end.
    """

    calls: int = 0
    without_words: int = 0
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreMessage:
    """Asks for a stored transcript to be scored.

    Attributes:
        recording: As in `TranscribeMessage`.
        transcript: Where the transcript is.
    """

    recording: dict[str, Any]
    transcript: TranscriptPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyseMessage:
    """Asks for a stored transcript to be read by an analyst.

    Attributes:
        call_id: The call.
        recording_id: Identity of the recording's content; None for a live transcript.
        transcript: Where the transcript is.
        again: Whether the analyst is asked although there is an opinion for the same question.
    """

    call_id: Name
    recording_id: str | None = None
    transcript: TranscriptPlace
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyseAnswer:
    """What became of an `AnalyseMessage`.

    Attributes:
        analysis: What became of the analysis.
        figures: Figures of the transcript, the cost of the analysis among them.
    """

    analysis: AnalysisFigures
    figures: TranscriptFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawMessage:
    """Asks for the waveform of a recording.

    Attributes:
        recording_id: Identity of the recording's content.
        document: Key of the document, in the archive, of the transcript that the recording has or would have.
    """

    recording_id: Name
    document: Name


def written(message: type, **values: Any) -> dict[str, Any]:
    """Return a message with an expression of the state machine, or a plain value, for every field.

    Raises:
        TypeError: A field is left out, or is none of the message's.
    """
    names = {field.name for field in fields(message)}
    if values.keys() != names:
        raise TypeError(f"{message.__name__} has the fields {sorted(names)}, not {sorted(values)}")
    return values
