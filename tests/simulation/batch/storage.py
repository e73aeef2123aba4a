"""S3 in this process: objects with versions, conditional writes and checksums, as far as the batch half uses them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from tests.simulation.table import refused

_OPERATION: Final = "Request"


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of an object; one without content is a delete marker."""

    version_id: str
    etag: str
    content: bytes | None
    checksum: str
    metadata: Mapping[str, str]
    last_modified: datetime
    sequencer: str


class Storage:
    """The buckets of one account.

    Args:
        clock: Returns the time.
        name: Returns a name that nothing else has.
    """

    def __init__(self, *, clock: Callable[[], datetime], name: Callable[[], str]) -> None:
        self._clock = clock
        self._name = name
        self._writes = 0
        self._buckets: dict[str, dict[str, list[Version]]] = {}
        self.writes: list[tuple[str, str]] = []

    def create(self, bucket: str) -> None:
        """Create a bucket that keeps versions."""
        self._buckets[bucket] = {}

    def put(self, bucket: str, key: str, content: bytes, *, metadata: Mapping[str, str] | None = None) -> Version:
        """Write an object."""
        return self._add(bucket, key, content, metadata or {})

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object as it is: a marker hides its versions."""
        self._add(bucket, key, None, {})

    def current(self, bucket: str, key: str) -> Version | None:
        """Return an object as it is now."""
        versions = self._buckets[bucket].get(key)
        return versions[-1] if versions and versions[-1].content is not None else None

    def versions(self, bucket: str, key: str) -> list[Version]:
        """Return what was ever written under a key, the oldest first."""
        return self._buckets[bucket].get(key, [])

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Return the keys of what is there."""
        return [key for key in self._buckets[bucket] if key.startswith(prefix) and self.current(bucket, key)]

    def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request.

        Raises:
            ClientError: S3 refuses it.
        """
        return _OPERATIONS[operation](self, request)

    def _put_object(self, request: Mapping[str, Any]) -> dict[str, Any]:
        bucket, key = request["Bucket"], request["Key"]
        there = self.current(bucket, key)
        # Amazon S3 User Guide, "How to prevent object overwrites with conditional writes".
        if "IfNoneMatch" in request and there is not None:
            raise refused("PreconditionFailed", _OPERATION, status=412)
        if "IfMatch" in request:
            if there is None:
                raise refused("NoSuchKey", _OPERATION, status=404)
            if request["IfMatch"].strip('"') != there.etag:
                raise refused("PreconditionFailed", _OPERATION, status=412)
        # boto3 makes a file of what it is given, and begins it anew when it repeats a call.
        body = io.BytesIO(request["Body"]) if isinstance(request["Body"], bytes) else request["Body"]
        body.seek(0)
        content = body.read()
        version = self._add(bucket, key, content, request.get("Metadata", {}))
        return {"ETag": f'"{version.etag}"', "VersionId": version.version_id}

    def _get_object(self, request: Mapping[str, Any]) -> dict[str, Any]:
        version = self._asked(request)
        if "IfMatch" in request and request["IfMatch"].strip('"') != version.etag:
            raise refused("PreconditionFailed", _OPERATION, status=412)
        content = version.content or b""
        if "Range" in request:
            first, _, last = request["Range"].removeprefix("bytes=").partition("-")
            if int(first) >= len(content):
                raise refused("InvalidRange", _OPERATION, status=416)
            content = content[int(first) : int(last) + 1]
        return self._head(version) | {"Body": StreamingBody(io.BytesIO(content), len(content))}

    def _head_object(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            version = self._asked(request)
        except ClientError as error:
            # An answer to HEAD has no body that could carry a code.
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            raise refused(str(status), "HeadObject", status=status) from None
        head = self._head(version)
        if request.get("ChecksumMode") == "ENABLED":
            head |= {"ChecksumCRC64NVME": version.checksum, "ChecksumType": "FULL_OBJECT"}
        return head

    def _delete_object(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.delete(request["Bucket"], request["Key"])
        return {"DeleteMarker": True}

    def _list_objects(self, request: Mapping[str, Any]) -> dict[str, Any]:
        keys = sorted(self.keys(request["Bucket"], request.get("Prefix", "")))
        return {"IsTruncated": False, "Contents": [{"Key": key} for key in keys]}

    def _head(self, version: Version) -> dict[str, Any]:
        return {
            "ETag": f'"{version.etag}"',
            "VersionId": version.version_id,
            "ContentLength": len(version.content or b""),
            "LastModified": version.last_modified,
            "Metadata": dict(version.metadata),
            "ServerSideEncryption": "aws:kms",
        }

    def _asked(self, request: Mapping[str, Any]) -> Version:
        versions = self.versions(request["Bucket"], request["Key"])
        if "VersionId" in request:
            versions = [version for version in versions if version.version_id == request["VersionId"]]
            if not versions:
                raise refused("NoSuchVersion", _OPERATION, status=404)
        if not versions or versions[-1].content is None:
            raise refused("NoSuchKey", _OPERATION, status=404)
        return versions[-1]

    def _add(self, bucket: str, key: str, content: bytes | None, metadata: Mapping[str, str]) -> Version:
        self._writes += 1
        # To the second, as S3 tells it.
        now = self._clock().replace(microsecond=0)
        version = Version(
            version_id=self._name(),
            etag=self._name(),  # of an object that KMS encrypts, no digest of its content
            content=content,
            checksum=hashlib.sha256(content or b"").hexdigest()[:11],
            metadata=metadata,
            last_modified=now,
            sequencer=f"{self._writes:016X}",
        )
        self._buckets[bucket].setdefault(key, []).append(version)
        self.writes.append((bucket, key))
        return version


_OPERATIONS: Final = {
    "PutObject": Storage._put_object,
    "GetObject": Storage._get_object,
    "HeadObject": Storage._head_object,
    "ListObjectsV2": Storage._list_objects,
    "DeleteObject": Storage._delete_object,
}
