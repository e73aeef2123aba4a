"""The S3 event that announces an object.

Source of the fields: Amazon S3 User Guide, "Amazon S3 event notification message structure for Amazon EventBridge".
Keys arrive there as they are, not percent-encoded as in S3's own notifications.
"""

from __future__ import annotations

from aws_lambda_powertools.utilities.parser import BaseModel, Field
from pydantic import ConfigDict

from callscribe.recordings.recording import RecordingObject, recording_id


class _Model(BaseModel):
    # An error must not quote what it refuses: keys can hold names and numbers.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class _Bucket(_Model):
    name: str = Field(min_length=1)


class _Object(_Model):
    key: str = Field(min_length=1)
    etag: str = Field(min_length=1)
    version: str | None = Field(default=None, alias="version-id")
    sequencer: str = ""


class _Detail(_Model):
    bucket: _Bucket
    object: _Object


class ObjectCreated(_Model):
    """An "Object Created" event of S3 by way of EventBridge.

    Attributes:
        redrive_of: Added by the redrive: the execution that failed on this event and has ended.
        redrives_before: Added by the redrive: what that one was to repeat, and others before it.
    """

    detail: _Detail
    redrive_of: str | None = Field(default=None, min_length=1)
    redrives_before: tuple[str, ...] = ()

    @property
    def recording(self) -> RecordingObject:
        """The announced object.

        Its version is one that stays what it is. "null" is the one version without an id of a bucket that has stopped
        keeping versions, and the next upload replaces its content.
        """
        bucket, announced = self.detail.bucket.name, self.detail.object
        version_id = None if announced.version in (None, "", "null") else announced.version
        return RecordingObject(
            recording_id=recording_id(bucket, announced.key, version_id, announced.etag),
            bucket=bucket,
            key=announced.key,
            version_id=version_id,
            etag=announced.etag.strip('"'),
            sequencer=announced.sequencer,
        )

    @property
    def content(self) -> str:
        """What tells this content of the object from others, as announced."""
        return self.detail.object.version or self.detail.object.etag
