"""What S3 says of an announced object, and what its audio says."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from callscribe.audio import UnusableAudio, probe
from callscribe.recordings.recording import Provenance, RecordingObject, recording_id
from lambdas.admit_recording.decision import Rejected
from lambdas.common.errors import error_code
from lambdas.common.object_stream import ObjectChanged, ObjectStream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client

    from callscribe.audio_facts import AudioFacts

# The strongest first; as a rule S3 keeps a checksum of one kind (Amazon S3 User Guide, "Checking object integrity").
_ALGORITHMS: Final = (
    *("SHA512", "SHA256", "SHA1", "XXHASH128", "MD5"),
    *("CRC64NVME", "XXHASH3", "XXHASH64", "CRC32C", "CRC32"),
)
_FULL: Final = "FULL_OBJECT"
# The number of its parts, behind a checksum of checksums.
_COMPOSITE: Final = re.compile(r"-\d+")
_MD5: Final = re.compile(r"[0-9a-f]{32}")

# HEAD has no body to carry a code such as NoSuchKey, so the status stands for it.
_ABSENT: Final = frozenset({"404", "NoSuchKey", "NoSuchVersion"})
# libsndfile makes many small reads, which a buffer keeps away from the range arithmetic.
_BUFFER_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """What S3 says of an announced object.

    Attributes:
        provenance: The object, under the version that it has.
        size_bytes: Its size.
        digest: What tells its content from any other (see `digest_in`); `None` if nothing does.
        metadata: Its user-defined metadata.
        replaced: Whether the announced content is gone, and this is another one.
    """

    provenance: Provenance
    size_bytes: int
    digest: str | None
    metadata: Mapping[str, str]
    replaced: bool


class Objects:
    """The announced objects.

    Args:
        s3: Client that may read the recordings.
        max_duration_seconds: Longest audio that is transcribed.
    """

    def __init__(self, *, s3: S3Client, max_duration_seconds: float) -> None:
        self._s3 = s3
        self._max_duration_seconds = max_duration_seconds

    def look(self, announced: RecordingObject) -> StoredObject:
        """Look at the announced content.

        Raises:
            Rejected: It, or the object as a whole, was deleted.
        """
        # The checksum takes the rights that reading the object takes (Amazon S3 API reference, "HeadObject").
        ask = partial(self._s3.head_object, Bucket=announced.bucket, Key=announced.key, ChecksumMode="ENABLED")
        try:
            head = ask()
            if announced.version_id is not None:
                # The version outlives a deletion without a version id, but whoever deleted the call wanted it gone:
                # so the object is asked for first, and its announced version only then.
                head = ask(VersionId=announced.version_id)
        except ClientError as error:
            if error_code(error) in _ABSENT:
                raise Rejected("RecordingMissing", "the recording was deleted before it could be read") from None
            raise
        # The version that an event does not name is that of the object as it is.
        found = head.get("VersionId")
        version_id = announced.version_id or (None if found in (None, "", "null") else found)
        return StoredObject(
            provenance=Provenance(
                recording_id=recording_id(announced.bucket, announced.key, version_id, announced.etag),
                bucket=announced.bucket,
                key=announced.key,
                version_id=version_id,
                etag=announced.etag,
                sequencer=announced.sequencer,
                last_modified=head["LastModified"],
            ),
            size_bytes=head["ContentLength"],
            digest=digest_in(head),
            metadata=head["Metadata"],
            replaced=announced.version_id is None and head["ETag"].strip('"') != announced.etag,
        )

    def probe(self, stored: StoredObject) -> AudioFacts:
        """Measure the audio in an object.

        Raises:
            Rejected: It cannot be transcribed, or has changed meanwhile.
        """
        stream = ObjectStream(s3=self._s3, source=stored.provenance, size_bytes=stored.size_bytes)
        try:
            with io.BufferedReader(stream, _BUFFER_BYTES) as buffered:
                return probe(buffered, stored.size_bytes, max_duration_seconds=self._max_duration_seconds)
        except UnusableAudio as unusable:
            raise Rejected(unusable.code, str(unusable)) from None
        except ObjectChanged:
            raise Rejected(
                "RecordingChanged",
                "the recording was deleted or replaced while it was read; a new upload has its own event",
            ) from None


def digest_in(head: Mapping[str, Any]) -> str | None:
    """Return what tells an object's content from any other, as `{algorithm}:{value}`; `None` if S3 knows nothing.

    Args:
        head: The answer to a HEAD with `ChecksumMode` enabled.
    """
    # Before checksums had a type, and where a server of another make gives none, a composite one still tells its parts.
    if head.get("ChecksumType", _FULL) == _FULL:
        for algorithm in _ALGORITHMS:
            value = head.get(f"Checksum{algorithm}")
            if value and not _COMPOSITE.search(value):
                return f"{algorithm}:{value}"
    # Amazon S3 API reference, "Object": the MD5 of the content, unless KMS or a customer's key encrypts it or it was
    # uploaded in parts.
    etag = str(head.get("ETag", "")).strip('"')
    plain = head.get("ServerSideEncryption", "AES256") == "AES256" and "SSECustomerAlgorithm" not in head
    return f"MD5:{etag}" if plain and _MD5.fullmatch(etag) else None
