"""From a reply in the archive to the transcript of its recording, as it is stored.

A reply is judged by building its transcript, and a transcript is stored by building it: the same way, so that no reply
passes the judge that cannot be stored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from callscribe.contract import object_keys
from callscribe.conversation.flags import load_flag_set
from callscribe.documents import ArchivePointers, StoredForm, Unstorable, stored_form
from callscribe.recognition import InvalidReply
from callscribe.transcript import build_transcript
from lambdas.common.archive import REFUSED_REQUESTS, VOCABULARY_TERMS, asked_of
from lambdas.common.errors import SafeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from callscribe.audio_facts import AudioFacts
    from callscribe.conversation.call_summary import FlagSetVersion
    from callscribe.conversation.flags import FlagSet
    from callscribe.conversation.role_correction import RoleCorrection
    from callscribe.conversation.wording import WordingEngine, WordingVersion
    from callscribe.recognition import OptionsRecord, Transcription
    from callscribe.recordings.calls import CallRecording
    from callscribe.recordings.recording import Provenance
    from callscribe.transcript import Role, Transcript
    from lambdas.common.archive import ArchivedObject


class UnusableReply(SafeError):
    """A reply is gone, holds no transcription, or none that can be stored."""


class Transcriptions(Protocol):
    """Reads the replies of a speech service."""

    @property
    def error_prefix(self) -> str:
        """What the codes of its failures begin with, such as `Deepgram`."""

    def of_reply(
        self,
        reply: bytes,
        *,
        audio: AudioFacts,
        noted: OptionsRecord | None,
        vocabulary_terms: int | None,
        requests: int,
        refused: int | None,
    ) -> Transcription:
        """Read a reply about a recording.

        Args:
            reply: The reply, as it came.
            audio: The recording.
            noted: What was asked, as noted then; `None` takes what the deployment asks for.
            vocabulary_terms: Terms sent with the request; `None` where that was not noted.
            requests: Requests sent for the recording.
            refused: Those of them that the service answered with an error; `None` where that is not known.

        Raises:
            InvalidReply: The reply holds no transcription.
        """


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
        transcriptions: Reads the speech service's replies.
        channel_roles: Who speaks on which channel of a recording with a channel for each speaker.
        flag_set: The flags to look for. Default: those of the default set.
        wording: An engine that knows flags by wording; `None` for the one that the flag set names.
    """

    def __init__(
        self,
        *,
        bucket: str,
        transcriptions: Transcriptions,
        channel_roles: Mapping[int, Role],
        flag_set: FlagSet | None = None,
        wording: WordingEngine | None = None,
    ) -> None:
        self._bucket = bucket
        self._transcriptions = transcriptions
        self._channel_roles = channel_roles
        self._flag_set = flag_set or load_flag_set()
        self._wording = wording

    @property
    def flag_set(self) -> FlagSetVersion:
        """By which flags are looked for."""
        return self._flag_set.version

    @property
    def wording(self) -> WordingVersion | None:
        """Which engine looks for flags by wording, beside the flag set; `None` where the set does alone."""
        return None if self._wording is None else self._wording.version

    def build(
        self,
        *,
        call: CallRecording,
        audio: AudioFacts,
        provenance: Provenance,
        reply: ArchivedObject,
        reply_key: str,
        requests: int,
        earlier: Transcript | None = None,
        corrections: Sequence[RoleCorrection] = (),
        by_flag_set: bool = False,
    ) -> BuiltTranscript:
        """Build the transcript of a recording; the same reply always gives the same bytes.

        Args:
            call: The call.
            audio: What was recorded.
            provenance: The recording.
            reply: The service's reply, as it is in the archive.
            reply_key: Where it is there.
            requests: Requests sent for the recording.
            earlier: An earlier transcript of the same reply, which knows when it was made, what was asked and what it
                cost by the prices of then.
            corrections: What people have said about who is who in the call.
            by_flag_set: Whether flags are looked for by the flag set alone, which takes a moment only: for who asks
                whether a transcript can be built, and stores none.

        Raises:
            UnusableReply: The reply holds no transcription, or none that can be stored. The message tells the place,
                never the words.
        """
        try:
            transcription = self._transcriptions.of_reply(
                reply.content,
                audio=audio,
                noted=asked_of(reply) or (None if earlier is None else earlier.options),
                vocabulary_terms=_count(reply, VOCABULARY_TERMS),
                requests=requests,
                refused=_count(reply, REFUSED_REQUESTS),
            )
            transcript = build_transcript(
                recording=call,
                transcription=transcription,
                audio=audio,
                channel_roles=self._channel_roles,
                provenance=provenance,
                created_at=reply.last_modified,
                flag_set=self._flag_set,
                corrections=corrections,
                wording=None if by_flag_set else self._wording,
            )
            if earlier is not None:
                transcript = replace(transcript, created_at=earlier.created_at, cost=earlier.cost)
            pointers = ArchivePointers(
                bucket=self._bucket, transcript_key=document_key(call, provenance.recording_id), reply_key=reply_key
            )
            form = stored_form(transcript, archive=pointers)
        except InvalidReply as invalid:
            raise self._unusable(invalid.code, str(invalid)) from None
        except Unstorable as unstorable:
            raise self._unusable("Unstorable", str(unstorable)) from None
        return BuiltTranscript(transcript=transcript, pointers=pointers, form=form)

    def _unusable(self, code: str, message: str) -> UnusableReply:
        return UnusableReply(f"{self._transcriptions.error_prefix}.InvalidReply.{code}", message)


def document_key(call: CallRecording, recording_id: str) -> str:
    """Return where the full transcript of a recording is kept in the archive."""
    return object_keys.document_key(call.clinic_id, call.day, call.call_id, call.kind, recording_id)


def _count(reply: ArchivedObject, name: str) -> int | None:
    """Return a number noted with the reply; `None` where it was kept before that was noted."""
    value = reply.metadata.get(name)
    return None if value is None else int(value)
