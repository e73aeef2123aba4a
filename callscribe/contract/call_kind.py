"""The parts of a contact that are recorded apart."""

from enum import StrEnum


class CallKind(StrEnum):
    """Which part of a contact a recording holds."""

    AGENT = "agent"
    IVR = "ivr"
