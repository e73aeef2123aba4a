"""The S3 event that announces an object.

Source of the fields: Amazon S3 User Guide, "Amazon S3 event notification message structure for Amazon EventBridge".
Keys arrive there as they are, not percent-encoded as in S3's own notifications.
"""

from __future__ import annotations

from datetime import datetime

from aws_lambda_powertools.utilities.parser import BaseModel, Field
from pydantic import ConfigDict


class _Model(BaseModel):
    # An error must not quote what it refuses: keys can hold names and numbers.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class _Bucket(_Model):
    name: str = Field(min_length=1)


class AnnouncedObject(_Model):
    """The object, as S3 announced it.

    Attributes:
        key: Key of the object.
        etag: ETag of its content.
        version: Its version as announced; "null" for the one version without an id that a bucket has which stopped
            keeping versions.
        sequencer: Hexadecimal text that orders the events of one key; "" where the event has none.
    """

    key: str = Field(min_length=1)
    etag: str = Field(min_length=1)
    version: str | None = Field(default=None, alias="version-id")
    sequencer: str = ""

    @property
    def version_id(self) -> str | None:
        """The version that stays what it is; `None` where the next upload replaces the content."""
        return None if self.version in (None, "", "null") else self.version

    @property
    def content(self) -> str:
        """What tells this content of the object from others, as announced."""
        return self.version or self.etag


class _Detail(_Model):
    bucket: _Bucket
    announced: AnnouncedObject = Field(alias="object")


class Announcement(_Model):
    """An "Object Created" event of S3 by way of EventBridge.

    Attributes:
        redrive_of: Added by the redrive: the execution that failed on this event and has ended.
    """

    detail: _Detail
    redrive_of: str | None = Field(default=None, min_length=1)

    @property
    def bucket(self) -> str:
        """Bucket of the announced object."""
        return self.detail.bucket.name

    @property
    def announced(self) -> AnnouncedObject:
        """The announced object."""
        return self.detail.announced


class AdmitRequest(_Model):
    """Input of the step: the event, and the execution of the state machine that handles it.

    Attributes:
        event: The event.
        execution: The execution.
        started_at: When it started; `None` from an execution that cannot wait, begun before an update.
    """

    event: Announcement
    execution: str = Field(min_length=1)
    started_at: datetime | None = None
