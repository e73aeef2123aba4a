"""What the table knows of a live call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from callscribe.conversation.reliability import Reliability
from callscribe.live.call import SAMPLE_RATE, EndReason, Gap
from callscribe.live.coverage import (
    Bound,
    Heard,
    Interval,
    Streaming,
    beginning_of,
    end_of,
    intervals_of,
    reasons_of,
)
from callscribe.recognition import OptionsRecord
from callscribe.serialization import decode, encode
from streamer.media.call_media import ResumePoint
from streamer.media.clock import ClockStep

_SAMPLES_PER_MS: Final = SAMPLE_RATE // 1000
_WITH_WORDS: Final = frozenset(
    {"watermarks", "next_seq", "resume_token", "resume", "clock_steps", "gaps", "paused", "word_count"}
)
"""Attributes of a checkpoint that only the write which stores words may change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on a call, and the fence of every write to it.

    Attributes:
        call_id: The call.
        clinic_id: Clinic that took it.
        owner: Who holds it; a new name each time a call is taken.
        epoch: How often the call has been taken.
    """

    call_id: str
    clinic_id: str
    owner: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Where a call's transcription stands; stored together with the words it speaks of.

    Attributes:
        origin_ms: Time of the call's first audio, milliseconds since 1970; `None` before there is any.
        first_fragment: Number of the fragment that brought it; "" where that is not known.
        watermarks: Samples of each channel whose words are stored.
        next_seq: Number of the next utterance.
        published_seq: Utterances up to this one are known to have been published.
        resume_token: Token of `resume`, which earlier streamers knew alone; `None` where that is not known.
        resume: Where to go on reading, and the call's clock there; `None` where that is not known.
        clock_steps: Where the producer's clock was found to have been set; the first ones.
        gaps: Pieces without words.
        paused: Pieces without audio of which a pause is a part, as the stream has them: Connect's times and the
            producer's clock differ. What of them lies beside the pause is in `gaps` as well, from half a second on.
        word_count: Words stored.
        reconnects: Connections to the speech service that were lost.
        failures: Failures that nobody foresaw, in a row: since words were stored last.
        vocabulary_terms: Terms that the service was told to expect; `None` before that.
        options: What the service was asked for last; `None` before it was asked.
        model: Name of the model that answered; "" before it has.
        alerted: Names of flags that cannot wait and of which somebody has been told.
        reliability: Whether what is concluded from the call can be relied on, as far as it is known; `None` before
            anything was said.
    """

    origin_ms: int | None = None
    first_fragment: str = ""
    watermarks: tuple[int, int] = (0, 0)
    next_seq: int = 1
    published_seq: int = 0
    resume_token: str | None = None
    resume: ResumePoint | None = None
    clock_steps: tuple[ClockStep, ...] = ()
    gaps: tuple[Gap, ...] = ()
    paused: tuple[Gap, ...] = ()
    word_count: int = 0
    reconnects: int = 0
    failures: int = 0
    vocabulary_terms: int | None = None
    options: OptionsRecord | None = None
    model: str = ""
    alerted: tuple[str, ...] = ()
    reliability: Reliability | None = None

    def attributes(self) -> dict[str, Any]:
        """Return it as attributes of the call's item."""
        written: dict[str, Any] = encode(self)
        return {name: value for name, value in written.items() if value is not None or name in _WITH_WORDS}

    def notes(self) -> dict[str, Any]:
        """Return what stands beside the words and their position.

        The rest belongs to the write that stores words: whoever gave such a write up does not know whether it happened.
        """
        return {name: value for name, value in self.attributes().items() if name not in _WITH_WORDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class EndHints:
    """What Connect has said about the end of a call. Events come late, twice or not at all.

    Attributes:
        disconnected: Whether the contact is over.
        stop_fragment: Fragment in which streaming was stopped; `None` where it was not, or was started again since.
        resumed_at_ms: When streaming was started again, milliseconds since 1970; `None` where it was not.
        stream_arn: The stream that was announced last; `None` where that is not known.
        streaming: All that it has said of the times of the streaming.
    """

    disconnected: bool = False
    stop_fragment: str | None = None
    resumed_at_ms: int | None = None
    stream_arn: str | None = None
    streaming: Streaming = Streaming()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True, kw_only=True)
class CallState:
    """A call as its item tells it.

    Attributes:
        clinic_id: Clinic that took the call.
        day: Day on which it began (UTC, yyyy-mm-dd).
        stream_arn: Kinesis video stream that carries its audio, or does since streaming was last started again.
        first_stream_arn: The stream that carried its audio at first.
        began_at_ms: When streaming was started, or was last started again, milliseconds since 1970.
        checkpoint: Where its transcription stands.
        hints: What Connect has said about its end.
    """

    clinic_id: str
    day: str
    stream_arn: str
    first_stream_arn: str
    began_at_ms: int
    checkpoint: Checkpoint
    hints: EndHints


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """How a call ended.

    Attributes:
        end_reason: The evidence.
        ended_at_ms: End of its audio, milliseconds since 1970.
        duration_seconds: Length of its audio on the call's clock.
        incomplete_reasons: Why something of it may be missing; empty for a complete one.
        intervals: When something was streamed and all of it was transcribed.
        beginning: What was heard and told of its beginning.
        end: What was heard and told of its end.
    """

    end_reason: EndReason
    ended_at_ms: int
    duration_seconds: float
    incomplete_reasons: tuple[str, ...]
    intervals: tuple[Interval, ...] = ()
    beginning: Bound = Bound()  # noqa: RUF009 - frozen
    end: Bound = Bound()  # noqa: RUF009 - frozen

    @property
    def complete(self) -> bool:
        """Whether it is proven that all that was streamed is stored."""
        return not self.incomplete_reasons


def completion(
    checkpoint: Checkpoint, *, end_reason: EndReason, began_at_ms: int, position: int, streaming: Streaming
) -> Completion:
    """Judge a call that has ended.

    Args:
        checkpoint: Where its transcription stands, everything stored.
        end_reason: The evidence of the end.
        began_at_ms: When streaming began, for a call without any audio.
        position: End of its audio, samples from the origin.
        streaming: What Connect has said of it.
    """
    origin_ms = checkpoint.origin_ms
    length_ms = position // _SAMPLES_PER_MS
    heard = None
    if origin_ms is not None:
        heard = Heard(origin_ms=origin_ms, end_ms=origin_ms + length_ms, first_fragment=checkpoint.first_fragment)
    beginning, end = beginning_of(streaming, heard), end_of(streaming, heard)
    holes = (*checkpoint.gaps, *checkpoint.paused)
    reasons = sorted({f"gap-{gap.reason}" for gap in checkpoint.gaps})
    if end_reason is EndReason.LIMIT:
        reasons += [*reasons_of(beginning, Bound(missing=False)), "over-limit"]
    else:
        reasons += reasons_of(beginning, end)
    return Completion(
        end_reason=end_reason,
        # Not before the start: streaming that begins later is then known to be another piece of the call.
        ended_at_ms=began_at_ms if heard is None else max(heard.end_ms, began_at_ms),
        duration_seconds=position / SAMPLE_RATE,
        incomplete_reasons=tuple(reasons),
        intervals=() if heard is None else intervals_of(heard, gaps=holes, pauses=streaming.pauses),
        beginning=beginning,
        end=end,
    )


def checkpoint_in(item: Mapping[str, Any]) -> Checkpoint:
    """Read the checkpoint from the attributes of a call's item; it has none before its first streamer."""
    return decode(Checkpoint, dict(item), "live call")


def hints_in(item: Mapping[str, Any]) -> EndHints:
    """Read Connect's hints from the attributes of a call's item."""
    stopped_at_ms = item.get("stopped_at_ms", 0)
    stopped = "stop_fragment" in item and stopped_at_ms >= began_at_ms(item)
    return EndHints(
        disconnected="disconnected_at" in item,
        stop_fragment=item["stop_fragment"] if stopped else None,
        resumed_at_ms=item.get("resumed_at_ms"),
        stream_arn=item.get("stream_arn"),
        streaming=_streaming(item),
    )


def _streaming(item: Mapping[str, Any]) -> Streaming:
    starts = {item.get("started_at_ms"), item.get("resumed_at_ms"), *item.get("starts_ms", ())}
    stops = {item.get("stopped_at_ms"), *item.get("stops_ms", ())}
    over = item.get("disconnected_at")
    return Streaming(
        starts_ms=tuple(sorted(start for start in starts if start is not None)),
        stops_ms=tuple(sorted(stop for stop in stops if stop is not None)),
        start_fragment=item.get("start_fragment") or "",
        disconnected_at_ms=None if over is None else round(datetime.fromisoformat(over).timestamp() * 1000),
    )


def began_at_ms(item: Mapping[str, Any]) -> int:
    """Return when streaming was started, or was last started again."""
    return int(item.get("resumed_at_ms") or item.get("started_at_ms") or 0)


def utc_day(milliseconds: int) -> str:
    """Return the day of a time (UTC, yyyy-mm-dd)."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date().isoformat()
