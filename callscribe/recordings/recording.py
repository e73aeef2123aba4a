"""The recording as it travels from step to step: what Admit found out, in JSON."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callscribe.audio_facts import AudioFacts
from callscribe.codec import decode, encode
from callscribe.recordings.layouts import CallRecording
from callscribe.transcript import Provenance


@dataclass(frozen=True, kw_only=True)
class AdmittedRecording:
    """One exact object, the call it belongs to and the audio in it.

    Attributes:
        recording_id: Identity of the object's content (see `callscribe.recordings.identity`).
        bucket: Bucket of the object.
        key: Key of the object.
        version_id: Version of the object; `None` where the bucket keeps no versions.
        etag: ETag of the content, without quotes.
        size_bytes: Size of the object.
        last_modified: When the object was written (aware, UTC), to the second.
        sequencer: Orders writes of one key within that second (see `Provenance`).
        call: The call the recording belongs to.
        audio: Format, channels and length of the audio.
        same_content_as: Another recording of the call with the same content, whose reply is as good; `None` if none is
            known.
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
    same_content_as: str | None = None

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
        """Return the JSON form that the state machine hands to the next step: the call's fields beside the others."""
        payload: dict[str, Any] = encode(self)
        return {**payload, **payload.pop("call"), "day": self.call.day}

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> "AdmittedRecording":
        """Read the JSON form back, as this version, an earlier or a later one has written it.

        Raises:
            Undecodable: A field is missing, or has another form than `to_payload` gives it.
        """
        return decode(cls, {**payload, "call": payload}, "recording")
