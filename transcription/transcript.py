"""The transcript of a call: a Deepgram reply, normalised."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from transcription.audio import AudioFacts
from transcription.call_summary import CallSummary
from transcription.conversation import Role, Sentiment, SentimentLabel, Utterance
from transcription.cost import DEFAULT_PRICE_LIST, Cost
from transcription.options import TranscriptionOptions
from transcription.recordings import CallRecording
from transcription.reply import Entity, Reply
from transcription.roles import RoleAssignment

__all__ = [
    "SCHEMA_VERSION",
    "Label",
    "Provenance",
    "Role",
    "Sentiment",
    "SentimentLabel",
    "Transcript",
    "Utterance",
    "build_transcript",
]

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The object a transcript was made from.

    Attributes:
        bucket: bucket of the recording.
        key: key of the recording.
        version_id: None where the bucket is not versioned.
        etag: ETag of the recording.
        recording_id: identity of this content, from `identity.recording_id`.
        last_modified: when S3 got the recording, UTC.
    """

    bucket: str
    key: str
    version_id: str | None
    etag: str
    recording_id: str
    last_modified: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A topic or intent of the call.

    Attributes:
        label: as Deepgram wrote it.
        confidence: the highest Deepgram gave it, 0 to 1. Low values are common and say little.
        mentions: how many pieces of the call have it.
    """

    label: str
    confidence: float
    mentions: int


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """A call in words.

    Attributes:
        recording: the call.
        provenance: the object it was made from.
        audio: what the object holds.
        source: `batch` or `live`.
        created_at: when the transcript was made, UTC.
        request_id: Deepgram's name of the request.
        model: name of the model that answered.
        options: what was asked.
        language: language of the call, detected or asked for.
        duration_seconds: length of the audio.
        utterances: in order of time; empty where nobody spoke.
        word_count: words of all utterances.
        confidence: 0 to 1, mean over all words; 0 where nobody spoke.
        roles: who is who, and how it was found.
        sentiment: mood of the whole call, where Deepgram gave one.
        topics: topics, most frequent first.
        intents: intents, most frequent first.
        entities: entities, where asked for.
        summary: text and flags.
        cost: what Deepgram charges.
        warnings: Deepgram's warnings and what looked odd while normalising.
        schema_version: version of this shape.
    """

    recording: CallRecording
    provenance: Provenance
    audio: AudioFacts
    source: str
    created_at: datetime
    request_id: str
    model: str
    options: TranscriptionOptions
    language: str
    duration_seconds: float
    utterances: tuple[Utterance, ...]
    word_count: int
    confidence: float
    roles: RoleAssignment
    sentiment: Sentiment | None
    topics: tuple[Label, ...]
    intents: tuple[Label, ...]
    entities: tuple[Entity, ...]
    summary: CallSummary
    cost: Cost
    warnings: tuple[str, ...]
    schema_version: int = SCHEMA_VERSION

    @property
    def speech(self) -> bool:
        """Whether anybody spoke."""
        return bool(self.utterances)

    @property
    def full_transcript(self) -> str:
        """The whole call as text, one line for each utterance, with the role before it."""
        return "\n".join(f"{utterance.role.capitalize()}: {utterance.text}" for utterance in self.utterances)


def build_transcript(
    *,
    recording: CallRecording,
    reply: Reply,
    options: TranscriptionOptions,
    audio: AudioFacts,
    channel_roles: Mapping[int, Role],
    provenance: Provenance,
    created_at: datetime,
    source: str = "batch",
    deepgram_requests: int = 1,
    vocabulary_terms: int | None = None,
    price_list: str = DEFAULT_PRICE_LIST,
    plan: str = "pay-as-you-go",
) -> Transcript:
    """Normalise a reply.

    Args:
        recording: the call.
        reply: from `reply.parse_reply`.
        options: what was asked.
        audio: from `audio.probe`.
        channel_roles: role by channel of a recording with a channel for each speaker.
        provenance: the object the recording came from.
        created_at: now, UTC.
        source: `batch` or `live`.
        deepgram_requests: requests sent for this recording so far; more than one is noted in the cost.
        vocabulary_terms: terms sent with the request, which Deepgram charges for; None counts the options' own.
        price_list: name of a file in `prices/`.
        plan: Deepgram plan whose rates apply.
    """
    raise NotImplementedError
