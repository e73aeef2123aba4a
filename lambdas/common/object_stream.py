"""A seekable, read-only view of one S3 object that fetches only the parts somebody reads."""

from __future__ import annotations

import io
from collections import OrderedDict
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lambdas.common.errors import error_code

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from mypy_boto3_s3 import S3Client

    from callscribe.recordings.recording import RecordingObject

CHUNK_BYTES = 1024 * 1024
MAX_CHUNKS = 8


class ObjectChanged(Exception):
    """The object was deleted or replaced while it was being read."""


class ObjectStream(io.RawIOBase):
    """One exact content of an S3 object as a file.

    Reads are answered from chunks of `CHUNK_BYTES`, of which the `MAX_CHUNKS` last used are kept: at most 8 MiB,
    whatever the size of the object. Every chunk is asked for by version and ETag, so that a view never mixes two
    contents.

    Args:
        s3: Client to read with.
        source: The object, its version if the bucket keeps versions, and the ETag its content must have.
        size_bytes: Size of the object.

    Raises:
        ObjectChanged: On a read, when the object is gone or has another content.
    """

    def __init__(self, *, s3: S3Client, source: RecordingObject, size_bytes: int) -> None:
        super().__init__()
        self._s3 = s3
        self._source = source
        self._size = size_bytes
        self._position = 0
        self._chunks: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        """Return True: the stream can be read."""
        return True

    def seekable(self) -> bool:
        """Return True: the stream can be read from any place."""
        return True

    def tell(self) -> int:
        """Return the position of the next read, in bytes from the start."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position of the next read; a place behind the end reads as empty.

        Raises:
            ValueError: The place would lie before the start.
        """
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("negative seek position")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer as far as the current chunk reaches and return the number of bytes."""
        view = memoryview(buffer).cast("B")
        index, offset = divmod(self._position, CHUNK_BYTES)
        if self._position >= self._size or not view:
            return 0
        part = self._chunk(index)[offset : offset + len(view)]
        view[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _chunk(self, index: int) -> bytes:
        if index in self._chunks:
            self._chunks.move_to_end(index)
            return self._chunks[index]
        chunk = self._fetch(index * CHUNK_BYTES, min((index + 1) * CHUNK_BYTES, self._size))
        self._chunks[index] = chunk
        if len(self._chunks) > MAX_CHUNKS:
            self._chunks.popitem(last=False)
        return chunk

    def _fetch(self, start: int, end: int) -> bytes:
        source = self._source
        version = {} if source.version_id is None else {"VersionId": source.version_id}
        try:
            response = self._s3.get_object(
                Bucket=source.bucket,
                Key=source.key,
                Range=f"bytes={start}-{end - 1}",
                IfMatch=f'"{source.etag}"',  # RFC 9110, 8.8.3: the quotes are part of an ETag
                **version,  # type: ignore[arg-type]
            )
        except ClientError as error:
            if error_code(error) in {"NoSuchKey", "NoSuchVersion", "PreconditionFailed", "404", "412"}:
                raise ObjectChanged from None
            raise
        with response["Body"] as body:
            return body.read()
