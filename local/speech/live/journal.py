"""What streams the server was asked for, what came in and what went out.

Kept for tests and benchmarks. It holds no words of a call and no key.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from local.speech.engines import ChannelStream
from local.speech.journal import MAX_ENTRIES, Slots

MAX_CONTROLS = 1_000


@dataclass
class StreamEntry:
    """One stream, or the refusal of one.

    Attributes:
        request_id: As in the messages.
        parameters: Names and values in order.
        parallel: Streams open when it was asked for, itself included.
        opened: Seconds on a monotonic clock.
        closed: Seconds on the same clock; `None` while it is open.
        status: HTTP status of the handshake, 101 for an open stream; `None` when it got no answer.
        faults: The ordered failures that happened, in order.
        audio_seconds: Seconds of audio received, which each channel has.
        audio_messages: Binary messages received.
        first_audio: Seconds on the same clock.
        last_audio: Seconds on the same clock.
        ahead_seconds: The most audio that arrived beyond 1.25 times real time (`local.speech.live.pace`).
        keepalives: ``KeepAlive`` messages received.
        controls: Every other control message by its type, in order; ``(invalid)`` for what was not understood.
        sent: Messages sent by type, and ``final``, ``interim`` and ``words`` among the results.
        channels: Each channel in recognition; reported with its seconds of audio and `ChannelStream.report`.
        close_code: Of the close frame; 1005 or 1006 when there was none.
        close_reason: Of the close frame.
        closed_by: Who ended the stream.
    """

    request_id: str
    parameters: list[tuple[str, str]]
    parallel: int
    opened: float = field(default_factory=time.monotonic)
    closed: float | None = None
    status: int | None = None
    faults: list[str] = field(default_factory=list)
    audio_seconds: float = 0.0
    audio_messages: int = 0
    first_audio: float | None = None
    last_audio: float | None = None
    ahead_seconds: float = 0.0
    keepalives: int = 0
    controls: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_CONTROLS))
    sent: dict[str, int] = field(default_factory=dict)
    channels: Sequence[ChannelStream] = ()
    close_code: int | None = None
    close_reason: str = ""
    closed_by: Literal["client", "server"] | None = None

    def heard(self, seconds: float) -> None:
        """Note the arrival of audio; `seconds` is all of it."""
        self.audio_seconds = seconds
        self.audio_messages += 1
        self.last_audio = time.monotonic()
        if self.first_audio is None:
            self.first_audio = self.last_audio

    def count(self, *kinds: str) -> None:
        """Note a message that was sent."""
        for kind in kinds:
            self.sent[kind] = self.sent.get(kind, 0) + 1

    def finish(self) -> None:
        """Note that the stream is over."""
        self.closed = time.monotonic()

    def end(self, by: Literal["client", "server"], code: int, reason: str) -> None:
        """Note how the stream ended; only the first end counts."""
        if self.closed_by is None:
            self.closed_by, self.close_code, self.close_reason = by, code, reason

    def report(self) -> dict[str, Any]:
        """Return the entry, JSON-ready, with `rate`: seconds of audio in a second."""
        elapsed = (self.last_audio or 0.0) - (self.first_audio or 0.0)
        return {
            **{attribute.name: getattr(self, attribute.name) for attribute in fields(self)},
            "controls": list(self.controls),
            "channels": [{"seconds": self.audio_seconds, **channel.report()} for channel in self.channels],
            "rate": round(self.audio_seconds / elapsed, 3) if elapsed else None,
        }


class StreamJournal:
    """Records streams and lets in as many at once as the limit allows.

    Args:
        parallel_limit: Streams open at once; `None` for no limit.

    Attributes:
        slots: Counts the open streams.
        entries: The latest `MAX_ENTRIES` streams, in the order in which they were asked for.
    """

    def __init__(self, parallel_limit: int | None = None) -> None:
        self.slots = Slots(parallel_limit)
        self.entries: deque[StreamEntry] = deque(maxlen=MAX_ENTRIES)

    def open(self, request_id: str, query: list[tuple[str, str]]) -> StreamEntry:
        """Record the arrival of a handshake."""
        entry = StreamEntry(request_id, query, self.slots.with_next)
        self.entries.append(entry)
        return entry

    def report(self) -> dict[str, Any]:
        """Return everything recorded, JSON-ready."""
        return {**self.slots.report(), "streams": [entry.report() for entry in self.entries]}

    def reset(self) -> None:
        """Forget everything but which streams are open."""
        self.entries.clear()
        self.slots.reset()
