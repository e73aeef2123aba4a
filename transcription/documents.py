"""A transcript as JSON document for S3 and as item for DynamoDB."""

from dataclasses import dataclass
from typing import Any, Final

from transcription.transcript import Transcript

MAX_ITEM_BYTES: Final = 350_000


class InvalidDocument(ValueError):
    """The document is no transcript of a known schema version. The message names the place, never the words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePointers:
    """Where the whole document and Deepgram's raw reply are kept."""

    bucket: str
    transcript_key: str
    reply_key: str


def to_document(transcript: Transcript) -> dict[str, Any]:
    """Write a transcript as an object `json.dumps` takes; nothing is lost."""
    raise NotImplementedError


def from_document(document: Any) -> Transcript:
    """Read what `to_document` wrote.

    Raises:
        InvalidDocument: the document is no transcript of a known schema version.
    """
    raise NotImplementedError


def to_item(transcript: Transcript, *, archive: ArchivePointers, max_bytes: int = MAX_ITEM_BYTES) -> dict[str, Any]:
    """Write a transcript as DynamoDB item, in the types boto3's table resource takes (numbers are Decimal).

    An item larger than `max_bytes` keeps its summary and pointers but neither `utterances` nor `full_transcript`, and
    says so: `utterances_in` is "s3" instead of "item".
    """
    raise NotImplementedError


def item_size(item: dict[str, Any]) -> int:
    """Bytes of an item as DynamoDB counts them (DynamoDB Developer Guide, "DynamoDB item sizes and formats")."""
    raise NotImplementedError
