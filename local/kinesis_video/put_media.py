"""PutMedia: a producer's Matroska stream becomes fragments, one for each Cluster, and each is acknowledged.

The acknowledgements: Amazon Kinesis Video Streams Developer Guide, "PutMedia".
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from local.kinesis_video.fragments import Block, Fragment, fragment_number
from local.kinesis_video.streams import Stream
from streamer.media.matroska import Audio, Cluster, Demuxer, MatroskaError, Segment, Tags

_INVALID_MKV_DATA = 4006


async def put_media(stream: Stream, body: AsyncIterator[bytes], offset_ms: int = 0) -> AsyncIterator[bytes]:
    """Store what the producer sends and yield the acknowledgements.

    Args:
        stream: Where it goes.
        body: The producer's bytes.
        offset_ms: Time to which the stream's times are relative, milliseconds since 1970; 0 where they are absolute.
    """
    demuxer, producer = Demuxer(), _Producer(stream, offset_ms)
    try:
        async for data in body:
            for event in demuxer.feed(data):
                match event:
                    case Segment():
                        producer.segment_uid = event.uid
                    case Tags():
                        producer.tag(event.values)
                    case Audio():
                        producer.block(event)
                    case Cluster():
                        for acknowledgement in (*producer.finish(), producer.begin(event.ms)):
                            yield acknowledgement
    except MatroskaError:
        yield _event("ERROR", ErrorId=_INVALID_MKV_DATA, ErrorCode="INVALID_MKV_DATA")
        return
    for acknowledgement in producer.finish():
        yield acknowledgement


class Acknowledgements(StreamingResponse):
    """Acknowledgements that are sent while the request is still coming in, which notices itself when it breaks off."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send them; what is received is for who reads the request."""
        await self.stream_response(send)


class _Producer:
    def __init__(self, stream: Stream, offset_ms: int) -> None:
        self.segment_uid = b""
        self._stream = stream
        self._offset_ms = offset_ms
        self._start_ms: int | None = None
        self._leading_tags: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._tracks: dict[str, int] = {}
        self._blocks: list[Block] = []

    def tag(self, values: Mapping[str, str]) -> None:
        (self._leading_tags if self._start_ms is None else self._tags).update(values)

    def block(self, audio: Audio) -> None:
        track = self._tracks.setdefault(audio.track, len(self._tracks) + 1)
        self._blocks.append(Block(track, self._offset_ms + round(audio.ms), audio.pcm))

    def begin(self, ms: float) -> bytes:
        self._start_ms = self._offset_ms + round(ms)
        return self._event("BUFFERING", self._start_ms, self._stream.next_serial)

    def finish(self) -> list[bytes]:
        if self._start_ms is None:
            return []
        stored = self._stream.append(
            Fragment(
                segment_uid=self.segment_uid,
                tracks={number: name for name, number in self._tracks.items()},
                start_ms=self._start_ms,
                blocks=self._blocks,
                leading_tags=self._leading_tags,
                tags=self._tags,
            )
        )
        start_ms, self._start_ms = self._start_ms, None
        self._leading_tags, self._tags, self._blocks = {}, {}, []
        kinds = ["RECEIVED", "PERSISTED"] if self._stream.retention_hours else ["RECEIVED"]
        return [self._event(kind, start_ms, stored.serial) for kind in kinds]

    @staticmethod
    def _event(kind: str, start_ms: int, serial: int) -> bytes:
        return _event(kind, FragmentTimecode=start_ms, FragmentNumber=fragment_number(serial))


def _event(kind: str, **values: object) -> bytes:
    return json.dumps({"EventType": kind, **values}, separators=(",", ":")).encode() + b"\r\n"
