"""Gzip JSON in the archive bucket: the speech service's replies as they came, and the full transcripts."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.serialization import InvalidData, decode_json
from lambdas.common.errors import SafeError, error_code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client

    from callscribe.recognition import OptionsRecord

MAX_OBJECT_BYTES = 128 * 1024 * 1024
"""Largest uncompressed document read or written: a stereo hour is about 4 MB, so this is more than a day of speech."""

VOCABULARY_TERMS = "vocabulary-terms"
"""Metadata of a stored reply: how many terms were sent with the request, which are charged for."""

REFUSED_REQUESTS = "refused-requests"
"""Metadata of a stored reply: how many of the requests sent for its recording were refused."""

_SCHEMA_VERSION = "schema-version"
_OPTIONS = "options"
# S3 takes 2 KB of metadata (Amazon S3 User Guide, "Working with object metadata"); the rest is for the others.
_MOST_OPTIONS_BYTES = 1400


# Between looking and writing somebody else has written or deleted, or is about to.
_CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})
_REFUSED = frozenset(
    {
        *("AccessDenied", "AllAccessDisabled", "AccountProblem", "InvalidAccessKeyId", "InvalidObjectState"),
        *("NoSuchBucket", "PermanentRedirect", "MethodNotAllowed", "InvalidEncryptionAlgorithmError"),
    }
)


class TooLarge(SafeError):
    """A document in the archive is larger than `MAX_OBJECT_BYTES` once unpacked."""


@dataclass(frozen=True, kw_only=True)
class ArchivedObject:
    """A document read from the archive, unpacked.

    Attributes:
        content: The bytes before they were compressed.
        metadata: S3 user metadata.
        last_modified: When the document was written (aware, UTC).
        etag: S3's name of exactly these bytes; "" for a document that was not read from there.
    """

    content: bytes
    metadata: Mapping[str, str]
    last_modified: datetime
    etag: str = ""


class Archive:
    """Reads and writes gzip documents in one bucket."""

    def __init__(self, *, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self.bucket = bucket

    def read(self, key: str) -> ArchivedObject | None:
        """Return a document, or `None` when there is none under this key.

        Raises:
            TooLarge: The document is too large to be one of ours.
        """
        try:
            response = self._s3.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise
        with response["Body"] as packed, gzip.GzipFile(fileobj=packed) as unpacked:
            content = unpacked.read(MAX_OBJECT_BYTES + 1)
        if len(content) > MAX_OBJECT_BYTES:
            raise TooLarge("Archive.TooLarge", f"{key} is larger than {MAX_OBJECT_BYTES} bytes")
        return ArchivedObject(
            content=content,
            metadata=response["Metadata"],
            last_modified=response["LastModified"],
            etag=response["ETag"],
        )

    def write(self, key: str, content: bytes, *, metadata: Mapping[str, str] | None = None) -> None:
        """Write a document; the same content always gives the same bytes, so that a repeated step changes nothing."""
        self._s3.put_object(**self._object(key, content, metadata))

    def write_over(
        self, seen: ArchivedObject | None, key: str, content: bytes, *, metadata: Mapping[str, str] | None = None
    ) -> bool:
        """Write a document in the place of what was seen there, or of nothing, but not of anything else.

        Returns:
            False when something else is there (Amazon S3 User Guide, "Conditional writes"); nothing is written then.
        """
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if seen is None else {"IfMatch": seen.etag}
        try:
            self._s3.put_object(**self._object(key, content, metadata), **condition)
        except ClientError as error:
            if error_code(error) in _CHANGED:
                return False
            raise
        return True

    def _object(self, key: str, content: bytes, metadata: Mapping[str, str] | None) -> dict[str, Any]:
        return {
            "Bucket": self.bucket,
            "Key": key,
            # A fixed time, because gzip would otherwise write the clock into its header.
            "Body": gzip.compress(content, compresslevel=6, mtime=0),
            "ContentType": "application/json",
            "ContentEncoding": "gzip",
            "Metadata": dict(metadata or {}),
        }


class TranscriptMissing(SafeError):
    """The document of a transcript is not in the archive."""


def document_in(archive: Archive, key: str) -> bytes:
    """Return the document of a transcript.

    Raises:
        TranscriptMissing: There is none.
    """
    archived = archive.read(key)
    if archived is None:
        raise TranscriptMissing("Transcript.Missing", "the archived transcript is gone; redrive the call")
    return archived.content


def refused(error: ClientError) -> bool:
    """Say whether S3 has refused something that it will refuse again, until somebody changes rights, bucket or key.

    The codes are those of Amazon S3's API reference, "Error responses", and of KMS keys that cannot be used (AWS KMS
    Developer Guide, "Key states of AWS KMS keys"), which S3 passes on with "KMS." before them.
    """
    code = error_code(error)
    return code in _REFUSED or (code.startswith("KMS.") and "Throttl" not in code and "Internal" not in code)


def request_metadata(options: OptionsRecord, *, vocabulary_terms: int) -> dict[str, str]:
    """Return what a stored reply tells of its request. Options without room in S3's metadata are left out.

    Args:
        options: What was asked.
        vocabulary_terms: Terms sent.
    """
    metadata = {_SCHEMA_VERSION: str(SCHEMA_VERSION), VOCABULARY_TERMS: str(vocabulary_terms)}
    # ASCII, which is what S3's metadata takes.
    record = json.dumps(options, separators=(",", ":"))
    return metadata | {_OPTIONS: record} if len(record) <= _MOST_OPTIONS_BYTES else metadata


def asked_of(reply: ArchivedObject) -> OptionsRecord | None:
    """Return what was asked for a stored reply; `None` where it does not tell, as replies of earlier versions."""
    try:
        return decode_json(dict[str, Any], reply.metadata.get(_OPTIONS, ""), "the options")
    except InvalidData:
        return None
