"""A recording on its way: the object that was announced, where it came from, and what was admitted."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callscribe.audio_facts import AudioFacts
from callscribe.recordings.calls import CallRecording
from callscribe.serialization import decode, encode
from callscribe.table_values import plain


def recording_id(bucket: str, key: str, version_id: str | None, etag: str) -> str:
    """Name one content of one object, the same for every announcement of it.

    Args:
        bucket: Bucket name.
        key: Object key, as S3 stores it.
        version_id: Version of the object; None, or "null" as S3 says, where the bucket is not versioned.
        etag: ETag, with or without quotes. It identifies the content only where there is no version.

    Returns:
        64 hexadecimal digits (SHA-256).
    """
    versioned = version_id is not None and version_id not in ("", "null")
    content = ("version", version_id) if versioned else ("etag", etag.strip('"'))
    digest = hashlib.sha256()
    for part in (bucket, key, *content):
        encoded = str(part).encode("utf-8", "surrogatepass")
        # The length before each part keeps ("ab", "c") apart from ("a", "bc").
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingObject:
    """One content of one object, as far as its announcement tells.

    Attributes:
        recording_id: Identity of this content (see `recording_id`).
        bucket: Bucket of the object.
        key: Key of the object.
        version_id: Version of the object; None where the bucket keeps no versions.
        etag: ETag of the content, without quotes.
        sequencer: S3's hexadecimal text that orders the writes of one key, also within a second; "" where unknown.
    """

    recording_id: str
    bucket: str
    key: str
    version_id: str | None
    etag: str
    sequencer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance(RecordingObject):
    """The object a transcript is made from.

    Attributes:
        last_modified: When S3 got the recording, UTC, to the second.
    """

    last_modified: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmittedRecording:
    """A recording that is transcribed: one exact object, its call and its audio. It travels from step to step as JSON.

    Attributes:
        provenance: The object.
        size_bytes: Its size.
        call: The call the recording belongs to.
        audio: Format, channels and length of the audio.
        same_content_as: Another recording of the call with the same content, whose reply is as good; None if none is
            known.
    """

    provenance: Provenance
    size_bytes: int
    call: CallRecording
    audio: AudioFacts
    same_content_as: str | None = None

    @property
    def recording_id(self) -> str:
        """Identity of the object's content."""
        return self.provenance.recording_id

    def to_payload(self) -> dict[str, Any]:
        """Return the JSON form: the fields of object and call beside the others."""
        payload: dict[str, Any] = encode(self)
        return {**payload, **payload.pop("provenance"), **payload.pop("call"), "day": self.call.day}

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> "AdmittedRecording":
        """Read the JSON form back, as this version, an earlier or a later one has written it.

        Raises:
            InvalidData: A field is missing, or has another form than `to_payload` gives it.
        """
        # Numbers that went through a state machine may have come to be written as fractions.
        sent = plain(payload)
        return decode(cls, {**sent, "provenance": sent, "call": sent}, "recording")
