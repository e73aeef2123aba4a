"""Checks of what constructs are given; each error names the fix."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aws_cdk import Duration, Stack, Token
from constructs import Construct

from callscribe.contract.identifiers import CHANNEL_SEGMENT, CHANNEL_SEGMENT_RULE, CLINIC_ID, CLINIC_ID_RULE

_INSTANCE_ARN = re.compile(r"arn:[\w-]+:connect:(?P<region>[\w-]+):\d{12}:instance/[\w-]+")


def check_clinic_id(clinic_id: str) -> str:
    """Return *clinic_id*, which becomes part of object keys, table keys and parameter names.

    Raises:
        ValueError: If it holds anything but letters, digits, ``.``, ``_`` and ``-``.
    """
    if not CLINIC_ID.fullmatch(clinic_id):
        raise ValueError(f"clinic id {clinic_id!r} cannot be part of a key: use {CLINIC_ID_RULE}")
    return clinic_id


def check_live_clinic_id(clinic_id: str) -> str:
    """Return *clinic_id*, which becomes part of the channels of live calls.

    Raises:
        ValueError: If it does not fit in a channel.
    """
    if not CHANNEL_SEGMENT.fullmatch(clinic_id):
        raise ValueError(f"clinic id {clinic_id!r} cannot be part of a channel: use {CHANNEL_SEGMENT_RULE}")
    return clinic_id


def check_instance(scope: Construct, arn: str) -> str:
    """Return *arn*, which names the Amazon Connect instance that *scope* works with.

    Raises:
        ValueError: If it is not the ARN of an instance, or of one in another region.
    """
    if Token.is_unresolved(arn):
        return arn
    found = _INSTANCE_ARN.fullmatch(arn)
    if not found:
        raise ValueError(
            f"instance_arn {arn!r} is not the ARN of an Amazon Connect instance: "
            "use arn:aws:connect:{region}:{account}:instance/{instance id}, as the console's overview shows it"
        )
    region = Stack.of(scope).region
    if not Token.is_unresolved(region) and found["region"] != region:
        raise ValueError(
            f"the instance is in {found['region']} and this stack in {region}: Connect takes streams, keys and "
            "functions of its own region only; deploy the stack there"
        )
    return arn


def seconds_within(name: str, value: Duration, *, at_least: Duration, at_most: Duration) -> int:
    """Return *value* in seconds.

    Raises:
        ValueError: If it lies outside the two bounds.
    """
    seconds = int(value.to_seconds())
    if not at_least.to_seconds() <= seconds <= at_most.to_seconds():
        raise ValueError(
            f"{name} of {value.to_human_string()} is out of range: choose {at_least.to_human_string()} to "
            f"{at_most.to_human_string()}"
        )
    return seconds


def quoted(values: Sequence[str]) -> str:
    """Write *values* for an error message: ``'a', 'b'``."""
    return ", ".join(map(repr, values))


def retention_days(retain_for: Duration | None) -> int | None:
    """Return the option *retain_for* as functions and tasks read it: whole days, None for ever.

    Raises:
        ValueError: If it is less than a day, or no whole days.
    """
    return whole_days("retain_for", retain_for)


def whole_days(name: str, value: Duration | None) -> int | None:
    """Return *value* in days, None for ever.

    Raises:
        ValueError: If it is less than a day, or no whole days.
    """
    if value is None:
        return None
    days, rest = divmod(int(value.to_seconds()), 86_400)
    if rest or days < 1:
        raise ValueError(f"{name} of {value.to_human_string()} is out of range: choose whole days, 1 or more")
    return days
