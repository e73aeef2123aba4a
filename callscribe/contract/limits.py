"""Bounds of what can be set, where both the construct that offers it and the process that reads it hold to them."""

from typing import Final

LONGEST_RECORDING_SECONDS: Final = 6 * 3600
"""Longest recording that can be transcribed: beyond it, a reply about unbroken speech is larger than the transcribing
function can hold, and has been paid for."""

MOST_ATTEMPTS: Final = 100
"""Requests for one recording at most."""

LONGEST_RETRY_DELAY_SECONDS: Final = 11 * 3600
"""Longest pause between two requests for a recording: SQS hides a message for 12 hours at most."""

LONGEST_LIVE_CALL_SECONDS: Final = 11 * 3600
"""Longest live call: SQS hides a message for 12 hours at most, counted from its receipt (Amazon SQS Developer Guide,
"Amazon SQS visibility timeout"), and a call must be over before."""

LONGEST_LEASE_SECONDS: Final = 300
"""Longest time until the calls of a dead streamer go to others."""

LONGEST_IDLE_SECONDS: Final = 3600
"""Longest silence of a stream, at the beginning of a call or later, after which nothing more is waited for."""
