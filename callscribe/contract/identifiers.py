"""What may name a clinic and a call, and the channel of a call's live feed."""

import re
from typing import Final

CLINIC_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A clinic's id: it becomes part of object keys, by which access is given, of table keys and of parameter names."""

CLINIC_ID_RULE: Final = "1 to 64 letters, digits, '.', '_' and '-', beginning with a letter or digit"

CHANNEL_SEGMENT: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?")
"""What stands between two slashes of a channel (AWS AppSync Events Developer Guide, "Understanding channel
namespaces"): the ids of live calls and of their clinics. Two clinics must never share a channel, so nothing is replaced
or cut."""

CHANNEL_SEGMENT_RULE: Final = "1 to 50 letters, digits and dashes, no dash first or last"

FEED_NAMESPACE: Final = "calls"
"""Channel namespace of the live feed."""


def feed_channel(clinic_id: str, call_id: str) -> str:
    """Channel of a call's live feed: `/calls/{clinic_id}/{call_id}`."""
    return f"/{FEED_NAMESPACE}/{clinic_id}/{call_id}"
