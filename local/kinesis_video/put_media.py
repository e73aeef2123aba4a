"""PutMedia: the fragments of a producer's session, each stored when it has come whole.

Amazon Kinesis Video Streams API Reference, "PutMedia": the body is one Matroska document, and what names the stream and
the meaning of its times stands in headers. The service acknowledges each fragment while the body is still coming; here
all acknowledgements come at its end.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.responses import Response

from local.kinesis_video.errors import ServiceError
from local.kinesis_video.streams import StoredFragment, Stream
from operations.verification.fragments import Block, Fragment
from streamer.media.matroska import Audio, Cluster, Demuxer, MatroskaError, Segment, Tags

STREAM_NAME_HEADER: Final = "x-amzn-stream-name"
STREAM_ARN_HEADER: Final = "x-amzn-stream-arn"
_TIMECODES_HEADER: Final = "x-amzn-fragment-timecode-type"
_ABSOLUTE: Final = "ABSOLUTE"


async def receive(stream: Stream, headers: Mapping[str, str], body: AsyncIterator[bytes]) -> Response:
    """Store what a producer sends and acknowledge it.

    Raises:
        ServiceError: The times are not absolute ones, or the body is not what Connect would send.
    """
    if headers.get(_TIMECODES_HEADER) != _ABSOLUTE:
        raise ServiceError("InvalidArgumentException", f"Only {_ABSOLUTE} timecodes are supported here")
    demuxer, session = Demuxer(), _Session()
    acknowledged = []
    try:
        async for data in body:
            for event in demuxer.feed(data):
                for fragment in session.take(event):
                    acknowledged.append(_acknowledgement(stream.append(fragment)))
    except MatroskaError as error:
        raise ServiceError("InvalidArgumentException", f"Invalid MKV data: {error}") from None
    for fragment in session.end():
        acknowledged.append(_acknowledgement(stream.append(fragment)))
    return Response("".join(acknowledged), media_type="application/json")


def _acknowledgement(stored: StoredFragment) -> str:
    written = {"FragmentTimecode": stored.fragment.start_ms, "FragmentNumber": stored.number}
    return "".join(json.dumps({"EventType": kind, **written}) + "\n" for kind in ("BUFFERING", "RECEIVED", "PERSISTED"))


@dataclass
class _Session:
    """A producer's document: each of its Clusters begins a fragment."""

    uid: bytes = b""
    tracks: dict[str, int] = field(default_factory=dict)
    leading_tags: dict[str, str] = field(default_factory=dict)
    start_ms: int | None = None
    blocks: list[Block] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    def take(self, event: object) -> Iterator[Fragment]:
        """Take the next of the document; yields the fragment that it completes."""
        match event:
            case Segment(uid):
                self.uid = uid
            case Cluster(ms):
                yield from self.end()
                self.start_ms = round(ms)
            case Audio(track, ms, pcm):
                number = self.tracks.setdefault(track, len(self.tracks) + 1)
                self.blocks.append(Block(number, round(ms), pcm))
            case Tags(values):
                (self.leading_tags if self.start_ms is None else self.tags).update(values)

    def end(self) -> Iterator[Fragment]:
        """Yield the fragment that nothing more comes for, if there is one."""
        if self.start_ms is None:
            return
        yield Fragment(
            segment_uid=self.uid,
            tracks={number: name for name, number in self.tracks.items()},
            start_ms=self.start_ms,
            blocks=self.blocks,
            leading_tags=self.leading_tags,
            tags=self.tags,
        )
        self.start_ms, self.blocks, self.tags, self.leading_tags = None, [], {}, {}
