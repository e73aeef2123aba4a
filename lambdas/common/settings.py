"""Read a function's settings from its environment."""

from __future__ import annotations

import json
import os
from datetime import timedelta

from callscribe.conversation.utterances import Role


def seconds(name: str) -> timedelta:
    """Return a setting given in seconds.

    Raises:
        KeyError: The setting is missing.
        ValueError: It is not a number.
    """
    return timedelta(seconds=float(os.environ[name]))


def days(name: str) -> timedelta | None:
    """Return a setting given in days; absent or empty means there is no limit.

    Raises:
        ValueError: It is not a number.
    """
    value = os.environ.get(name, "")
    return timedelta(days=float(value)) if value else None


def channel_roles() -> dict[int, Role]:
    """Return who speaks on which channel: `CHANNEL_ROLES`, a JSON object of roles by channel.

    Raises:
        KeyError: The setting is missing.
        ValueError: It holds something else.
    """
    return {int(channel): Role(role) for channel, role in json.loads(os.environ["CHANNEL_ROLES"]).items()}
