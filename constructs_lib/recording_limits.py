"""Which recordings are transcribed, and how long and how often it is tried."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from aws_cdk import Duration

from callscribe.contract import limits
from callscribe.environments.functions import LiveTranscripts, OnNewVersion
from constructs_lib._checks import integer, one_of, seconds_within

# SQS keeps a message for 14 days at most, and a call must not vanish from the queue while its execution waits for it.
_LONGEST_WAIT = Duration.days(13)
_LONGEST_CALL = Duration.seconds(limits.LONGEST_RECORDING_SECONDS)
# A function runs for 15 minutes at most (AWS: "Lambda quotas"); one of them is left to keep the reply.
_LONGEST_REQUEST = Duration.minutes(14)
_LONGEST_PAUSE = Duration.seconds(limits.LONGEST_RETRY_DELAY_SECONDS)


Replies = Literal["keep", "delete"]
"""What becomes of Deepgram's reply once its call is complete."""


@dataclass(frozen=True, kw_only=True)
class RecordingPolicy:
    """Which recordings are transcribed where there is a transcript already, and what is kept of them.

    Raises:
        ValueError: If an option is unknown or a time out of range.
    """

    on_new_version: OnNewVersion = "supersede"
    """Whether the transcript of a new version of a recording replaces the present one (``"supersede"``) or is not made
    (``"keep"``). Default: it replaces it."""
    live_transcripts: LiveTranscripts = "always"
    """When the recording of a call that was followed live is transcribed, and paid for, as well: ``"always"``,
    ``"when-incomplete"`` (unless the live transcript is proven to cover the recording) or ``"never"``. A transcript of
    the recording replaces the live one; recordings of the automated part of a call are always transcribed. Default:
    always."""
    replies: Replies = "keep"
    """What becomes of Deepgram's reply, which holds what ``redact`` leaves out of the transcript, once the call is
    complete: ``"keep"`` or ``"delete"``. A deleted one is out of reach at once and gone for good when the archive's
    older versions go: with :class:`TranscriptArchive`'s *replies_expire_after* a day later, else after 30 days. Without
    it, an older document cannot be rebuilt. Default: it is kept for as long as the archive's other objects."""
    live_patience: Duration = field(default_factory=lambda: Duration.minutes(15))
    """Longest wait for a live transcript that is still being made when the recording arrives, up to a day; unused with
    ``live_transcripts="always"``. Default: 15 minutes."""

    def __post_init__(self) -> None:
        """Check every option."""
        for name, value, known in (
            ("on_new_version", self.on_new_version, get_args(OnNewVersion)),
            ("live_transcripts", self.live_transcripts, get_args(LiveTranscripts)),
            ("replies", self.replies, get_args(Replies)),
        ):
            one_of(name, value, known)
        seconds_within("live_patience", self.live_patience, at_least=Duration.minutes(1), at_most=Duration.days(1))


@dataclass(frozen=True, kw_only=True)
class RecordingLimits:
    """How long a recording may be, and how long it waits.

    Raises:
        ValueError: If a time is out of range.
    """

    max_duration: Duration = field(default_factory=lambda: Duration.hours(4))
    """Longest recording that is transcribed, up to 6 hours. Default: 4 hours."""
    max_wait: Duration = field(default_factory=lambda: Duration.days(1))
    """Longest wait for a transcription, the wait in the queue included, up to 13 days. Default: a day."""
    waiting_alarm_after: Duration = field(default_factory=lambda: Duration.hours(1))
    """Wait of a call that raises an alarm, a minute to 13 days. Default: an hour."""

    def __post_init__(self) -> None:
        """Check every time."""
        seconds_within("max_duration", self.max_duration, at_least=Duration.seconds(1), at_most=_LONGEST_CALL)
        seconds_within("max_wait", self.max_wait, at_least=Duration.minutes(1), at_most=_LONGEST_WAIT)
        seconds_within(
            "waiting_alarm_after", self.waiting_alarm_after, at_least=Duration.minutes(1), at_most=_LONGEST_WAIT
        )


@dataclass(frozen=True, kw_only=True)
class RequestLimits:
    """How long Deepgram may take for one recording, and how often it is asked.

    Raises:
        ValueError: If a time or number is out of range.
    """

    request_timeout: Duration = field(default_factory=lambda: Duration.minutes(11))
    """Longest wait for Deepgram's answer, up to 14 minutes. Default: 11 minutes; Deepgram itself gives up after 10
    (page "pre-recorded-audio")."""
    max_attempts: int = 50
    """Requests sent for one recording at most, up to 100, while Deepgram is busy, down or out of reach. Default: 50."""
    max_retry_delay: Duration | None = None
    """Longest pause between two tries, up to 11 hours; an outage that outlasts *max_attempts* such pauses fails the
    call. Default: the pauses grow so that the attempts last for as long as the call may wait."""

    def __post_init__(self) -> None:
        """Check every limit."""
        seconds_within("request_timeout", self.request_timeout, at_least=Duration.seconds(5), at_most=_LONGEST_REQUEST)
        if not 1 <= integer("max_attempts", self.max_attempts) <= limits.MOST_ATTEMPTS:
            raise ValueError(f"max_attempts of {self.max_attempts} is out of range: choose 1 to {limits.MOST_ATTEMPTS}")
        if self.max_retry_delay is not None:
            seconds_within(
                "max_retry_delay", self.max_retry_delay, at_least=Duration.seconds(1), at_most=_LONGEST_PAUSE
            )
