"""Names of time zones."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones


def checked_time_zone(place: str, name: str) -> str:
    """Return the name of a time zone, as the IANA Time Zone Database has it.

    Raises:
        ValueError: It has none of this name; *place* is where it stands.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        if available_timezones():  # a machine without the database cannot tell
            raise ValueError(f"{place}: there is no time zone {name!r}: write a name like 'Europe/Berlin'") from None
    return name
