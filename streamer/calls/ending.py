"""When a call is over: decided from evidence, never from a stream that is silent for once.

A silent stream may be a caller on hold, a network that is slow, or a body that the service has ended. Only what cannot
be followed by more audio of the contact proves an end; the limits end a call without proof.
"""

from __future__ import annotations

from dataclasses import dataclass

from callscribe.live.call import EndReason


@dataclass(frozen=True, slots=True, kw_only=True)
class EndLimits:
    """How long a call may go on; all in seconds.

    Attributes:
        settle: Silence of the stream after which a disconnected contact has no more audio under way. Connect ends its
            stream some time after the contact.
        idle: Silence of the stream after which a call counts as over though nothing proves it.
        start_wait: How long a stream may take to bring the contact's first audio.
        call: Longest call.
        word: How long a call whose end the stream has shown waits for Connect's word of when it was. Connect's event
            takes a moment, and another contact may have the stream by then.
    """

    settle: float = 4.0
    idle: float = 120.0
    start_wait: float = 60.0
    call: float = 4 * 3600.0
    word: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a call's end; all times in seconds.

    Attributes:
        stream: What the stream itself says: another contact has begun, or the stop fragment has passed.
        disconnected: Whether Connect has said that the contact is over.
        heard: Whether there was any audio of the contact, in this reading or an earlier one.
        silence: From the contact's last audio to when the stream was last seen to bring none. Time in which nobody read
            says nothing.
        silent_bodies: Bodies read to their regular end without audio of the contact, each begun after Connect's last
            word of the end, the contact's last audio and the last failure to read.
        length: Of the audio so far, or since this streamer took the call, whichever is longer.
        troubled: Whether reading has failed, and neither audio of the contact nor a body's regular end has come since.
    """

    stream: EndReason | None
    disconnected: bool
    heard: bool
    silence: float
    silent_bodies: int
    length: float
    troubled: bool = False


def end_of(evidence: Evidence, limits: EndLimits) -> EndReason | None:
    """Return why the call is over, or `None` if it may go on.

    A call without any audio is over only if its contact is; see `never_started`. That a contact is over says nothing
    of audio which came before that was known: only a body that began later shows that there is no more.
    """
    if evidence.stream is not None:
        return evidence.stream
    asked_again = evidence.silent_bodies > 0
    if evidence.disconnected and asked_again and evidence.silence >= limits.settle:
        return EndReason.DISCONNECTED
    if evidence.length >= limits.call:
        return EndReason.LIMIT
    if evidence.heard and asked_again and evidence.silence >= limits.idle:
        return EndReason.IDLE
    return None


def has_brought_nothing(evidence: Evidence, limits: EndLimits) -> bool:
    """Whether the stream has had its time to bring the contact's first audio."""
    return not evidence.heard and not evidence.troubled and evidence.silence >= limits.start_wait


def never_started(evidence: Evidence, limits: EndLimits) -> bool:
    """Whether the call has no audio, and Connect has not said that its contact is over."""
    return has_brought_nothing(evidence, limits) and not evidence.disconnected and end_of(evidence, limits) is None
