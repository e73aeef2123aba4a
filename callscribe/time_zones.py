"""Time zones and their names, as the IANA Time Zone Database has them."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones


def time_zone(name: str) -> ZoneInfo:
    """Return the zone of a name.

    Raises:
        ValueError: It is no name of the database, or this machine has none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}: write a name like 'Europe/Berlin'") from None


def checked_time_zone(place: str, name: str) -> str:
    """Return the name of a time zone, as the IANA Time Zone Database has it.

    Raises:
        ValueError: It has none of this name; *place* is where it stands.
    """
    try:
        time_zone(name)
    except ValueError as error:
        if available_timezones():  # a machine without the database cannot tell
            raise ValueError(f"{place}: {error}") from None
    return name
