"""When a recording was made, as far as that is known.

Nothing says it to the second. What is known, and from where:

- A recording of Amazon Connect begins when an agent joins and ends when the last one leaves; one that is started by the
  API begins later (Amazon Connect Administrator Guide, "When, what, and where for contact recordings"; API Reference,
  "StartContactRecording"). While it is suspended it goes on, silent ("SuspendContactRecording").
- Its name has the minute in which it began. In public contact records that is the minute of
  `ConnectedToAgentTimestamp`, without its seconds.
- The contact event `DISCONNECTED` has that timestamp to the second, and when the contact was over ("Contact events").
  A recording may end long before: the caller was transferred to somebody outside, and the agent left.
- An object was written after its recording had ended.

So a begin is known within a minute, or better, and an end as far as the length and these limits tell. A recording in
the project's own layout was made by anybody, and its key has a day only. Its metadata may tell when the call began: not
later than the recording.
"""

from datetime import datetime, timedelta
from typing import Final

from callscribe.live.coverage import TOLERANCE_MS, Interval
from callscribe.recordings.calls import CallRecording, StartSource

_MINUTE: Final = timedelta(minutes=1)
_TOLERANCE: Final = timedelta(milliseconds=TOLERANCE_MS)
_WRITTEN_TO: Final = timedelta(seconds=1)
"""S3 tells times of objects without their fractions of a second."""


def possible_time(
    call: CallRecording,
    *,
    seconds: float,
    written_at: datetime,
    agent_joined_at: datetime | None,
    disconnected_at: datetime | None,
) -> Interval | None:
    """Return the time outside of which no part of a recording can have been made.

    Args:
        call: What the recording's key, or its metadata, says.
        seconds: Its length.
        written_at: When the object was written, UTC.
        agent_joined_at: When an agent joined the contact; None where that is not known.
        disconnected_at: When the contact was over; None where that is not known.

    Returns:
        None where the begin is not known. Of facts that contradict each other, the one that makes the time longer
        counts.
    """
    if call.started_at_source not in (StartSource.KEY_MINUTE, StartSource.METADATA):
        return None
    earliest, length = call.started_at, timedelta(seconds=seconds)
    limits = [written_at + _WRITTEN_TO]
    if disconnected_at is not None:
        limits.append(disconnected_at)
    if call.started_at_source is StartSource.KEY_MINUTE:
        latest = earliest + _MINUTE
        limits.append(latest + length)
        if agent_joined_at is not None and earliest - _TOLERANCE <= agent_joined_at < latest + _TOLERANCE:
            earliest = min(agent_joined_at, latest)
    return Interval(start_ms=_ms(earliest), end_ms=_ms(max(earliest + length, min(limits))))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
