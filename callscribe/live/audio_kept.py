"""Whether the audio of a live call that is not transcribed yet can still be had."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from callscribe.live.call import SAMPLE_RATE


def left_at(state: Mapping[str, Any], *, started_at_ms: int) -> datetime:
    """Return when the first audio was that is not transcribed, UTC.

    Args:
        state: The call's item, as boto3's table resource returns it; empty where there is none.
        started_at_ms: When streaming began, milliseconds since 1970.
    """
    origin = int(state.get("origin_ms", started_at_ms)) / 1000
    return datetime.fromtimestamp(origin + int(min(state.get("watermarks") or [0])) / SAMPLE_RATE, UTC)


def is_kept(left: datetime, *, retention: timedelta, now: datetime) -> bool:
    """Whether a stream that keeps audio for so long has all from the moment on at which a call was left."""
    return left + retention >= now
