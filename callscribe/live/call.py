"""A call that is transcribed while it runs: what its announcement, its state and its words look like.

The clock of a call counts samples of each channel from the call's *origin*, the time of its first audio. Positions are
samples (8,000 to the second), so that two streamers that read the same call name the same sound alike.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from callscribe.contract.identifiers import CHANNEL_SEGMENT, CHANNEL_SEGMENT_RULE
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.conversation.utterances import Role, TimedWord
from callscribe.serialization import InvalidData, OpenEnum, decode_json, encode, encode_json

SAMPLE_RATE: Final = 8_000
"""Samples per second and channel (Amazon Connect Administrator Guide, "Plan for live media streaming")."""

CHANNEL_ROLES: Final = (Role.CUSTOMER, Role.AGENT)
"""Who is on channel 0 and 1 of the audio that is transcribed. Tracks are told apart by their names."""

LONGEST_FRAGMENT: Final = 128
"""Most characters of a fragment's number (Amazon Kinesis Video Streams API reference, "StartSelector")."""

LATEST_MS: Final = 4_102_444_800_000
"""What a time must lie before, in milliseconds since 1970: the year 2100, so that all computed from it are times."""

# Amazon Kinesis Video Streams API reference, "DescribeStream".
_LONGEST_ARN: Final = 1024


class InvalidLiveCall(ValueError):
    """An announcement that cannot be followed; the message names the field, never its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCall:
    """A call announced by the contact flow: the body of a message in the queue of live calls.

    Attributes:
        call_id: Connect's contact id.
        clinic_id: clinic that takes the call.
        stream_arn: Kinesis video stream that carries the audio; later calls use it too.
        start_fragment: fragment in which this contact's audio begins; "" where the flow knew none.
        started_at_ms: when streaming began, milliseconds since 1970, by Connect's clock.

    Raises:
        InvalidLiveCall: a field has no usable value.
    """

    call_id: str
    clinic_id: str
    stream_arn: str
    start_fragment: str
    started_at_ms: int

    def __post_init__(self) -> None:
        for name in ("call_id", "clinic_id"):
            if not CHANNEL_SEGMENT.fullmatch(getattr(self, name)):
                raise InvalidLiveCall(f"{name} must be {CHANNEL_SEGMENT_RULE}")
        if ":kinesisvideo:" not in self.stream_arn or len(self.stream_arn) > _LONGEST_ARN:
            raise InvalidLiveCall("stream_arn is not the ARN of a Kinesis video stream")
        if len(self.start_fragment) > LONGEST_FRAGMENT:
            raise InvalidLiveCall("start_fragment is not the number of a fragment")
        if not 0 < self.started_at_ms < LATEST_MS:
            raise InvalidLiveCall("started_at_ms must be a time")

    def to_json(self) -> str:
        """Write the message. `version` is for readers of before `schema_version`, which refuse a message without it."""
        return encode_json({"version": "1", "schema_version": SCHEMA_VERSION, **encode(self)}).decode()

    @classmethod
    def from_json(cls, text: str) -> "LiveCall":
        """Read the message.

        Raises:
            InvalidLiveCall: it is not one.
        """
        try:
            return decode_json(cls, text, "live call")
        except InvalidData as error:
            raise InvalidLiveCall(str(error)) from None


class LiveStatus(StrEnum):
    """Where a live call stands.

    `announced`: no streamer has taken it yet. `streaming`: one is on it. `released`: one has handed it over.
    `completed`: it has ended and its words are all stored. `failed`: it cannot be followed; `error_code` says why.
    """

    ANNOUNCED = "announced"
    STREAMING = "streaming"
    RELEASED = "released"
    COMPLETED = "completed"
    FAILED = "failed"


class EndReason(OpenEnum):
    """The evidence by which a call was taken to be over.

    After the first three no more can come, after `idle` and `limit` something may. Whether all that came was heard, to
    the end, is another question (`callscribe.live.coverage`).
    """

    OTHER_CONTACT = "other-contact"
    STOP_FRAGMENT = "stop-fragment"
    DISCONNECTED = "disconnected"
    IDLE = "idle"
    LIMIT = "limit"

    @property
    def proven(self) -> bool:
        """Whether the contact certainly has no more audio."""
        return self in (EndReason.OTHER_CONTACT, EndReason.STOP_FRAGMENT, EndReason.DISCONNECTED)


class GapReason(OpenEnum):
    """Why a piece of a call is not transcribed.

    `missing`: the stream has no audio for it. `unreadable`: it could not be read, even when asked for again, be it the
    stream's bytes or the service's result. `unheard`: the service's final results pass over it, even when asked again,
    although its interim results had words there, or nothing was said of it at all. `unidentified`: the stream does not
    say whose audio it is.
    """

    MISSING = "missing"
    UNREADABLE = "unreadable"
    UNHEARD = "unheard"
    UNIDENTIFIED = "unidentified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A piece of a call that is not transcribed.

    Attributes:
        start: first sample of it, on the call's clock.
        end: first sample after it.
        reason: why.
        channel: the only channel that lacks it; None where both do.
    """

    start: int
    end: int
    reason: GapReason
    channel: int | None = None

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end - self.start) / SAMPLE_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveText:
    """Words that the service will not change any more: one of its final results with something said in it.

    Attributes:
        seq: number within the call, from 1, without holes, in the order of storing.
        channel: 0 the customer, 1 the agent.
        role: the part the speaker plays.
        text: the words as the service formatted them.
        start: seconds from the origin of the call.
        end: seconds from the origin of the call.
        confidence: 0 to 1, how sure the service is of the words; None where it does not say.
        word_count: number of words.
        speech_final: whether the speaker paused here; otherwise the next utterance of the channel continues this one.
        languages: languages of the words, the one of most words first; empty where the service does not say.
    """

    seq: int
    channel: int
    role: Role
    text: str
    start: float
    end: float
    confidence: float | None
    word_count: int
    speech_final: bool
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveUtterance(LiveText):
    """Words that the service will not change any more, with the times of each, as they are stored.

    Attributes:
        words: each word with its times, in order; None where they are not known.
    """

    words: tuple[TimedWord, ...] | None = None
