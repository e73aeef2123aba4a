"""A transcript as JSON document for S3 and as item for DynamoDB."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec

from callscribe.analysis.stored import AnalysisItem
from callscribe.audio_facts import AudioFacts
from callscribe.contract.call_kind import CallKind
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.contract.table_keys import transcript_key, transcript_listing
from callscribe.conversation.call_summary import Flag, FlagSetVersion, SummarySource
from callscribe.conversation.flags import flag_names
from callscribe.conversation.reliability import Reliability
from callscribe.conversation.role_correction import RoleCorrection
from callscribe.conversation.roles import RoleAssignment
from callscribe.conversation.turns import TurnText
from callscribe.conversation.utterances import UtteranceText
from callscribe.conversation.wording import WordingVersion
from callscribe.cost import Cost
from callscribe.foreign import bounded_text
from callscribe.judgement.quality import QualityScore
from callscribe.live.state import LiveCoverage
from callscribe.recognition import Entity, OptionsRecord, Sentiment
from callscribe.recordings.calls import CallDirection, CallRecording, StartSource
from callscribe.recordings.clinics import ClinicSource
from callscribe.recordings.recording import Provenance
from callscribe.serialization import InvalidData, decode_json, encode, encode_json, shared
from callscribe.table_values import attribute
from callscribe.transcript import Label, Transcript

MAX_ITEM_BYTES: Final = 350_000
MAX_DOCUMENT_BYTES: Final = 128 * 1024 * 1024
"""Largest document that is written, before it is packed: a stereo hour is about 4 MB, so this is more than a day."""
MAX_SUMMARY_CHARACTERS: Final = 4_000
"""Most of a summary that an item holds; a service's have a few hundred characters."""

# What can grow with the call or its reply, in the order in which it leaves an item that is too large.
_DROPPABLE: Final = (
    ("turns",),
    ("utterances", "full_transcript"),
    ("entities", "topics", "intents", "flag_evidence"),
    ("roles", "warnings", "options"),
)

# What DynamoDB takes (Developer Guide, "Supported data types and naming rules", "Number"; "Item size").
_DYNAMODB_ITEM_BYTES: Final = 400_000
_DYNAMODB_DIGITS: Final = 38
_DYNAMODB_EXPONENTS: Final = range(-130, 126)

_WITH_DECIMALS: Final = msgspec.json.Decoder(float_hook=Decimal)


class Unstorable(Exception):
    """A transcript cannot be written as a document and an item. The message names the place, never the words."""


class InvalidDocument(ValueError):
    """The document is no transcript. The message names the place, never the words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePointers:
    """Where the whole document and the service's raw reply are kept; a live transcript has no reply."""

    bucket: str
    transcript_key: str
    reply_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptItem:
    """A transcript's item in the table, beside its keys. What is None is not there.

    Attributes:
        type: `transcript`.
        schema_version: version of the code that wrote it.
        source: `batch` for the transcript of a recording, `live` for one made while the call ran.
        created_at: when the transcript was made, UTC.
        clinic_id: clinic that took the call.
        clinic_source: what the clinic was decided by; None where that is not known.
        call_id: Connect's contact id, or the file's name in the project's own layout.
        kind: the agent's conversation, or the automated part before it.
        started_at: begin of the call, UTC.
        started_at_source: where that is known from; None in what was stored before it was noted.
        direction: who called whom, where the call itself told; None where it did not.
        agent_id: Connect's id of the agent; None where nobody told.
        queue_id: Connect's id of the queue; None where nobody told, or the call was in none.
        day: the call's date, UTC, as yyyy-mm-dd.
        layout: `callscribe` or `connect`, the layout of the recording's key; `live` where no recording named the call.
        recording_id: identity of the recording's content; None for a live transcript, as are the next six.
        bucket: bucket of the recording.
        s3_key: key of the recording.
        version_id: version of the recording; None where the bucket keeps no versions.
        etag: ETag of the recording.
        recording_last_modified: when S3 got the recording, UTC, to the second.
        recording_sequencer: S3's hexadecimal text that orders the writes of one key, also within a second.
        same_content_last_modified: when S3 got the newest recording that the transcript stands for without being of it,
            UTC, to the second: one with the same content, put after the one that is transcribed, or one that a live
            transcript covers; None where there is none.
        same_content_sequencer: the sequencer of that recording.
        live: how much of the call was transcribed live; None where it was not followed.
        archive_bucket: bucket of the archive.
        transcript_key: where the whole document is in the archive.
        reply_key: where the service's raw reply is in the archive; None for a live transcript.
        audio: what the recording, or the stream, holds.
        duration_seconds: length of the audio.
        request_id: the service's name of the request; "" for a live transcript, which can take several.
        model: name of the model that answered.
        options: what was asked, as noted then; None where the item has no room.
        language: language of the call: the detected one, else the one of most words, else the one asked for.
        languages: every language that was heard, the one of most words first; None where the service did not say.
        speech: whether anybody spoke.
        full_transcript: the whole call as text, one line for each turn; None where the item has no room.
        utterances: as the service cut them, in order of time, without their single words; None where the item has no
            room.
        turns: what each speaker said in one go, in order of time; None where the item has no room, and in what was
            stored before turns were told apart.
        utterances_in: `item`, or `s3` where the item has no room for them.
        only_in_s3: what is left out of the item, or cut, and stands whole in the document; None where nothing is.
        word_count: words of all utterances.
        confidence: 0 to 1, mean over the words for which the service said it; None where it did for none, 0 where
            nobody spoke.
        roles: who is who, and how it was found; None where the item has no room.
        sentiment: mood of the whole call, where the service gave one.
        topics: topics, most frequent first; None where the item has no room.
        intents: intents, most frequent first; None where the item has no room.
        entities: entities, where asked for; None where the item has no room.
        summary: what the call was about.
        summary_source: who wrote the summary.
        appointment_requested: whether somebody asks for an appointment; None where that is not known: nobody looked for
            it, or the call cannot be judged.
        insurance_mentioned: whether insurance is spoken of; None where that is not known.
        callback_requested: whether somebody asks to be called back; None where that is not known.
        complaint: whether somebody complains; None where that is not known.
        cancellation_intent: whether somebody wants to cancel; None where that is not known.
        urgent: whether somebody has a sign that must be seen at once; None where that is not known.
        prescription_refill: whether somebody asks for more of what was prescribed; None where that is not known.
        flags: whether each flag of the set is raised, by name; one that is not among them is not known. None where none
            is known, and in what was stored before flag sets could be somebody's own.
        flag_set: by which flags were looked for; None in what was stored before it was noted.
        wording: which engine looked for flags by wording beside the flag set; None where the set did alone.
        flag_evidence: what speaks for each flag; None where the item has no room.
        role_correction: who is who, as a person says; None where nobody has corrected the roles.
        cost: what the service charges.
        warnings: what a reader should know before trusting the transcript; None where the item has no room.
        reliability: whether what is concluded from the call can be relied on; None where that was not asked.
        quality: how well the call was handled; None until it was judged.
        analysis: what a language model says about the call, beside the rules; None where none was asked.
        expires_at: when DynamoDB deletes the item, in seconds since 1970; None where it is kept for ever.
    """

    type: Literal["transcript"] = "transcript"
    schema_version: int = SCHEMA_VERSION
    source: str
    created_at: datetime
    clinic_id: str
    clinic_source: ClinicSource | None = None
    call_id: str
    kind: CallKind
    started_at: datetime
    started_at_source: StartSource | None = None
    direction: CallDirection | None = None
    agent_id: str | None = None
    queue_id: str | None = None
    day: str
    layout: str
    recording_id: str | None = None
    bucket: str | None = None
    s3_key: str | None = None
    version_id: str | None = None
    etag: str | None = None
    recording_last_modified: datetime | None = None
    recording_sequencer: str | None = None
    same_content_last_modified: datetime | None = None
    same_content_sequencer: str | None = None
    live: LiveCoverage | None = None
    archive_bucket: str
    transcript_key: str
    reply_key: str | None = None
    audio: AudioFacts
    duration_seconds: float
    request_id: str
    model: str
    options: OptionsRecord | None = None
    language: str
    languages: tuple[str, ...] | None = None
    speech: bool
    full_transcript: str | None = None
    utterances: tuple[UtteranceText, ...] | None = None
    turns: tuple[TurnText, ...] | None = None
    utterances_in: Literal["item", "s3"] = "item"
    only_in_s3: tuple[str, ...] | None = None
    word_count: int
    confidence: float | None = None
    roles: RoleAssignment | None = None
    sentiment: Sentiment | None = None
    topics: tuple[Label, ...] | None = None
    intents: tuple[Label, ...] | None = None
    entities: tuple[Entity, ...] | None = None
    summary: str
    summary_source: SummarySource
    appointment_requested: bool | None = None
    insurance_mentioned: bool | None = None
    callback_requested: bool | None = None
    complaint: bool | None = None
    cancellation_intent: bool | None = None
    urgent: bool | None = None
    prescription_refill: bool | None = None
    flags: Mapping[str, bool] | None = None
    flag_set: FlagSetVersion | None = None
    wording: WordingVersion | None = None
    flag_evidence: tuple[Flag, ...] | None = None
    role_correction: RoleCorrection | None = None
    cost: Cost
    warnings: tuple[str, ...] | None = None
    reliability: Reliability | None = None
    quality: QualityScore | None = None
    analysis: AnalysisItem | None = None
    expires_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredForm:
    """A transcript as it is written: the document's bytes, before they are packed, and the item."""

    document: bytes
    item: dict[str, Any]


def stored_form(transcript: Transcript, *, archive: ArchivePointers) -> StoredForm:
    """Write a transcript in both forms, and make sure that S3 and DynamoDB can take them.

    The same transcript always gives the same bytes.

    Raises:
        Unstorable: they cannot; nothing that `parse_reply` lets through is known to lead here.
    """
    try:
        document = msgspec.json.encode(to_document(transcript), order="sorted")
    except ValueError:
        # Not chained: an encoding error holds the text.
        raise Unstorable("the document cannot be written as JSON in UTF-8") from None
    if len(document) > MAX_DOCUMENT_BYTES:
        raise Unstorable(f"the document has more than {MAX_DOCUMENT_BYTES} bytes")
    item = to_item(transcript, archive=archive)
    check_item(item)
    return StoredForm(document=document, item=item)


def check_item(item: Mapping[str, Any]) -> None:
    """Make sure that DynamoDB takes an item.

    Raises:
        Unstorable: it does not.
    """
    try:
        size = item_size(item)
    except ValueError:
        raise Unstorable("the item holds a text that is no Unicode") from None
    if size > _DYNAMODB_ITEM_BYTES:
        raise Unstorable(f"the item has more than {_DYNAMODB_ITEM_BYTES} bytes")
    for name, value in item.items():
        if not _numbers_fit(value):
            raise Unstorable(f"{name} holds a number that is none of DynamoDB's")


def _numbers_fit(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_numbers_fit, value.values()))
    if isinstance(value, list):
        return all(map(_numbers_fit, value))
    if not isinstance(value, Decimal):
        return True
    digits = len(value.as_tuple().digits)
    return value.is_finite() and digits <= _DYNAMODB_DIGITS and value.adjusted() in _DYNAMODB_EXPONENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentHead:
    """What a document has beside the transcript.

    Attributes:
        type: `transcript`.
        schema_version: version of the code that wrote it.
        full_transcript: the whole call as text, one line for each turn, with the role before it.
    """

    type: Literal["transcript"] = "transcript"
    schema_version: int = SCHEMA_VERSION
    full_transcript: str


def to_document(transcript: Transcript) -> dict[str, Any]:
    """Write a transcript in the types of JSON; nothing is lost."""
    return {**encode(DocumentHead(full_transcript=transcript.full_transcript)), **encode(transcript)}


class _Versioned(msgspec.Struct):
    schema_version: Annotated[int, msgspec.Meta(ge=1)]


def from_document(content: bytes | str) -> Transcript:
    """Read a document of this version, an earlier or a later one.

    What an earlier version did not know has its default; what only a later one knows is ignored.

    Raises:
        InvalidDocument: the document has no `schema_version`, or is no transcript.
    """
    schema_version_of(content)
    try:
        return decode_json(Transcript, content, "transcript")
    except InvalidData as error:
        raise InvalidDocument(str(error)) from None


def schema_version_of(content: bytes | str) -> int:
    """Read the schema version of a document.

    Raises:
        InvalidDocument: it has none.
    """
    try:
        return decode_json(_Versioned, content, "the document").schema_version
    except InvalidData as error:
        raise InvalidDocument(str(error)) from None


def to_item(transcript: Transcript, *, archive: ArchivePointers, max_bytes: int = MAX_ITEM_BYTES) -> dict[str, Any]:
    """Write a transcript as DynamoDB item, in the types boto3's table resource takes (numbers are Decimal).

    The limit leaves room below DynamoDB's 400 KB for what is added to the item later. An item above it keeps its
    summary and pointers but no `turns`, and if that is not enough no `utterances` and `full_transcript`:
    `utterances_in` is then "s3", not "item". If need be, what else can grow goes as well; `only_in_s3` names all that
    is missing. A summary of more than `MAX_SUMMARY_CHARACTERS` is cut, ends in an ellipsis and is named there, too.
    """
    item = _whole_item(transcript, archive)
    missing: list[str] = []
    if len(item["summary"]) > MAX_SUMMARY_CHARACTERS:
        missing.append("summary")
        item |= {"summary": bounded_text(item["summary"], MAX_SUMMARY_CHARACTERS), "only_in_s3": list(missing)}
    for droppable in _DROPPABLE:
        if item_size(item) <= max_bytes:
            break
        # What was stored before turns were told apart has none.
        missing.extend(name for name in droppable if item.pop(name, None) is not None)
        item |= {"utterances_in": "s3" if "utterances" in missing else "item", "only_in_s3": list(missing)}
    return item


def _whole_item(transcript: Transcript, archive: ArchivePointers) -> dict[str, Any]:
    recording, summary = transcript.recording, transcript.summary
    key = transcript_key(recording.clinic_id, recording.day, recording.call_id, recording.kind)
    # A flag that the writer of a document did not know is not there: nobody looked for it.
    judged = {flag.name: flag.raised for flag in summary.flags}
    known: dict[str, Any] = {name: judged.get(name) for name in flag_names()}
    item = TranscriptItem(
        source=transcript.source,
        created_at=transcript.created_at,
        **shared(CallRecording, recording),
        day=recording.day,
        **_recorded(transcript.provenance),
        live=transcript.live,
        archive_bucket=archive.bucket,
        transcript_key=archive.transcript_key,
        reply_key=archive.reply_key,
        audio=transcript.audio,
        duration_seconds=transcript.duration_seconds,
        request_id=transcript.request_id,
        model=transcript.model,
        options=transcript.options,
        language=transcript.language,
        languages=transcript.languages,
        speech=transcript.speech,
        full_transcript=transcript.full_transcript,
        utterances=tuple(UtteranceText(**shared(UtteranceText, said)) for said in transcript.utterances),
        turns=transcript.turns,
        word_count=transcript.word_count,
        confidence=transcript.confidence,
        roles=transcript.roles,
        sentiment=transcript.sentiment,
        topics=transcript.topics,
        intents=transcript.intents,
        entities=transcript.entities,
        summary=summary.text,
        summary_source=summary.source,
        **known,
        flags=judged or None,
        flag_set=transcript.flag_set,
        wording=transcript.wording,
        flag_evidence=summary.flags,
        role_correction=transcript.role_correction,
        cost=transcript.cost,
        warnings=transcript.warnings,
        reliability=transcript.reliability,
    )
    listing = transcript_listing(recording.clinic_id, recording.started_at, recording.call_id, recording.kind)
    written: dict[str, Any] = attribute(encode(item))
    return {**key.attributes(), **listing, **written}


def _recorded(provenance: Provenance | None) -> dict[str, Any]:
    if provenance is None:
        return {}
    return {
        "recording_id": provenance.recording_id,
        "bucket": provenance.bucket,
        "s3_key": provenance.key,
        "version_id": provenance.version_id,
        "etag": provenance.etag,
        "recording_last_modified": provenance.last_modified,
        "recording_sequencer": provenance.sequencer,
    }


def analysis_attributes(analysis: AnalysisItem, cost: Cost) -> dict[str, Any]:
    """Write an analysis, and the cost of the call with it, as they stand on a transcript's item."""
    return {"analysis": attribute(encode(analysis)), "cost": attribute(encode(cost))}


def quality_attribute(quality: QualityScore) -> dict[str, Any]:
    """Write a score as it stands on a transcript's item. A score of None stays: it says that nothing was judged.

    The list of calls has it, too, and no words: quotes keep turn and times, and the turns on the item have their words.
    """
    criteria = (replace(one, quotes=tuple(replace(quote, text="") for quote in one.quotes)) for one in quality.criteria)
    written: dict[str, Any] = _WITH_DECIMALS.decode(encode_json(replace(quality, criteria=tuple(criteria))))
    return written


def item_size(item: Mapping[str, Any]) -> int:
    """Bytes of an item as DynamoDB counts them (DynamoDB Developer Guide, "DynamoDB item sizes and formats").

    Args:
        item: attributes in the types boto3's table resource takes: texts, Decimal, bool, None, lists and maps.
    """
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, Decimal):
        return _number_size(value)
    # A list or map takes 3 bytes and each of its elements 1 more.
    if isinstance(value, Mapping):
        return 3 + len(value) + item_size(value)
    if isinstance(value, list):
        return 3 + len(value) + sum(_value_size(part) for part in value)
    return 1


def _number_size(value: Decimal) -> int:
    """One byte for two significant digits, one for the exponent and one for a sign; zeros around do not count."""
    digits = len("".join(str(digit) for digit in value.as_tuple().digits).strip("0"))
    return (digits + 1) // 2 + 1 + (value < 0)
