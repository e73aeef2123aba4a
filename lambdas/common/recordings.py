"""The recording as it travels from step to step: what Admit found out, in JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from transcription.audio_facts import AudioFacts
from transcription.recordings import CallKind, CallRecording
from transcription.transcript import Provenance


@dataclass(frozen=True, kw_only=True)
class AdmittedRecording:
    """One exact object, the call it belongs to and the audio in it.

    Attributes:
        recording_id: Identity of the object's content (see `transcription.identity`).
        bucket: Bucket of the object.
        key: Key of the object.
        version_id: Version of the object; `None` where the bucket keeps no versions.
        etag: ETag of the content, without quotes.
        size_bytes: Size of the object.
        last_modified: When the object was written (aware, UTC), to the second.
        sequencer: Orders writes of one key within that second (see `Provenance`).
        call: The call the recording belongs to.
        audio: Format, channels and length of the audio.
    """

    recording_id: str
    bucket: str
    key: str
    version_id: str | None
    etag: str
    size_bytes: int
    last_modified: datetime
    sequencer: str
    call: CallRecording
    audio: AudioFacts

    @property
    def provenance(self) -> Provenance:
        """The object a transcript is made from."""
        return Provenance(
            bucket=self.bucket,
            key=self.key,
            version_id=self.version_id,
            etag=self.etag,
            recording_id=self.recording_id,
            last_modified=self.last_modified,
            sequencer=self.sequencer,
        )

    def to_payload(self) -> dict[str, Any]:
        """Return the JSON form that the state machine hands to the next step."""
        return {
            "recording_id": self.recording_id,
            "bucket": self.bucket,
            "key": self.key,
            "version_id": self.version_id,
            "etag": self.etag,
            "size_bytes": self.size_bytes,
            "last_modified": self.last_modified.isoformat(),
            "sequencer": self.sequencer,
            "clinic_id": self.call.clinic_id,
            "call_id": self.call.call_id,
            "kind": self.call.kind.value,
            "started_at": self.call.started_at.isoformat(),
            "day": self.call.day,
            "layout": self.call.layout,
            "audio": asdict(self.audio),
        }

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> AdmittedRecording:
        """Read the JSON form back.

        Raises:
            KeyError: A field is missing.
            TypeError: The audio has an unknown field.
            ValueError: A time or the kind of the recording is not what `to_payload` writes.
        """
        return cls(
            recording_id=payload["recording_id"],
            bucket=payload["bucket"],
            key=payload["key"],
            version_id=payload["version_id"],
            etag=payload["etag"],
            size_bytes=int(payload["size_bytes"]),
            last_modified=datetime.fromisoformat(payload["last_modified"]),
            sequencer=payload["sequencer"],
            call=CallRecording(
                clinic_id=payload["clinic_id"],
                call_id=payload["call_id"],
                kind=CallKind(payload["kind"]),
                started_at=datetime.fromisoformat(payload["started_at"]),
                layout=payload["layout"],
            ),
            audio=AudioFacts(**payload["audio"]),
        )
