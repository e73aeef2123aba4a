"""From a reply in the archive to the transcript of its recording, as it is stored.

A reply is judged by building its transcript, and a transcript is stored by building it: the same way, so that no reply
passes the judge that cannot be stored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.reply import parse_reply
from callscribe.documents import ArchivePointers, StoredForm, stored_form
from callscribe.recordings.layouts import CallKind
from callscribe.transcript import build_transcript
from lambdas.common.archive import REFUSED_REQUESTS, VOCABULARY_TERMS, asked_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callscribe.audio_facts import AudioFacts
    from callscribe.cost import PriceList
    from callscribe.recordings.layouts import CallRecording
    from callscribe.transcript import Provenance, Role, Transcript
    from lambdas.common.archive import ArchivedObject


class Recorded(Protocol):
    """What a transcript tells of its recording."""

    @property
    def call(self) -> CallRecording:
        """The call."""

    @property
    def audio(self) -> AudioFacts:
        """What was recorded."""

    @property
    def provenance(self) -> Provenance:
        """The object."""


@dataclass(frozen=True, kw_only=True)
class BuiltTranscript:
    """A transcript that can be stored.

    Attributes:
        transcript: The transcript.
        pointers: Where its document and the reply are.
        form: The document and the item.
    """

    transcript: Transcript
    pointers: ArchivePointers
    form: StoredForm


class TranscriptBuilder:
    """Builds the transcripts of recordings.

    Args:
        bucket: The archive.
        options: What is asked of Deepgram, for replies that do not tell what they were asked.
        channel_roles: Who speaks on which channel of a recording with a channel for each speaker.
        prices: By which the cost is reckoned; `None` takes the newest list, pay-as-you-go.
    """

    def __init__(
        self,
        *,
        bucket: str,
        options: TranscriptionOptions,
        channel_roles: Mapping[int, Role],
        prices: PriceList | None = None,
    ) -> None:
        self._bucket = bucket
        self._options = options
        self._channel_roles = channel_roles
        self._prices = prices

    def build(
        self,
        recording: Recorded,
        reply: ArchivedObject,
        *,
        reply_key: str,
        deepgram_requests: int,
        earlier: Transcript | None = None,
    ) -> BuiltTranscript:
        """Build the transcript of a recording; the same reply always gives the same bytes.

        Args:
            recording: The recording.
            reply: Deepgram's reply, as it is in the archive.
            reply_key: Where it is there.
            deepgram_requests: Requests sent for the recording.
            earlier: An earlier transcript of the same reply, which knows when it was made, what was asked and what it
                cost by the prices of then.

        Raises:
            InvalidReply: The reply holds no transcription.
            Unstorable: What it holds cannot be stored.
        """
        asked = asked_of(reply) or (None if earlier is None else earlier.options)
        transcript = build_transcript(
            recording=recording.call,
            reply=parse_reply(reply.content),
            # The deployment's own may have changed since.
            options=self._options if asked is None else TranscriptionOptions.from_record(asked),
            asked=asked,
            audio=recording.audio,
            channel_roles=self._channel_roles,
            provenance=recording.provenance,
            created_at=reply.last_modified,
            deepgram_requests=deepgram_requests,
            refused_requests=_count(reply, REFUSED_REQUESTS),
            vocabulary_terms=_count(reply, VOCABULARY_TERMS),
            prices=self._prices,
        )
        if earlier is not None:
            transcript = replace(transcript, created_at=earlier.created_at, cost=earlier.cost)
        pointers = ArchivePointers(bucket=self._bucket, transcript_key=document_key(recording), reply_key=reply_key)
        return BuiltTranscript(transcript=transcript, pointers=pointers, form=stored_form(transcript, archive=pointers))


def document_key(recording: Recorded) -> str:
    """Return where the full transcript of a recording is kept in the archive."""
    call = recording.call
    name = f"{call.call_id}.ivr" if call.kind is CallKind.IVR else call.call_id
    return f"transcripts/{call.clinic_id}/{call.day}/{name}/{recording.provenance.recording_id}.json.gz"


def _count(reply: ArchivedObject, name: str) -> int | None:
    """Return a number noted with the reply; `None` where it was kept before that was noted."""
    value = reply.metadata.get(name)
    return None if value is None else int(value)
