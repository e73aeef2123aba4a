"""Names of the events that tell the account of transcripts."""

from typing import Final

EVENT_SOURCE: Final = "callscribe"
"""`source` of every event."""

CALL_TRANSCRIBED: Final = "Call Transcribed"
"""`detail-type` of the event that announces a transcript, of a recording or of a live call."""

LIVE_CALL_TRANSCRIBED: Final = "Live Call Transcribed"
"""`detail-type` of the event that announces the end of a live call, whose transcript is then made."""
