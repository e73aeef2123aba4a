"""The ports of the local environment's servers, and the variables that choose others."""

from collections.abc import Mapping
from typing import Final

from local.server_process import HOST, ServerDidNotStart, free_port, port_is_free
from operations.environment import EMULATOR_PORT, Port

SPEECH_PORT: Final = Port(server="speech server", variable="CALLSCRIBE_SPEECH_PORT", default=8787)
MEDIA_PORT: Final = Port(server="Kinesis Video simulator", variable="CALLSCRIBE_MEDIA_PORT", default=8789)


def require_free_ports(ports: Mapping[Port, int]) -> None:
    """Refuse ports that are in use.

    Raises:
        ServerDidNotStart: Something listens there; the message has other ports that are free.
    """
    taken = {port: number for port, number in ports.items() if not port_is_free(number)}
    if not taken:
        return
    which = ", ".join(f"port {number} on {HOST} (the {port.server}'s)" for port, number in taken.items())
    others = " ".join(f"{port.variable}={free_port()}" for port in taken)
    raise ServerDidNotStart(
        f"{which} {'is' if len(taken) == 1 else 'are'} taken, perhaps by another `make demo` or `make local`; "
        f"stop that, or choose other ports by putting this before the command: {others}"
    )


def chosen() -> str:
    """What a command has to be preceded by to find this environment: nothing, or the variables and a space."""
    numbers = ((port, port.number()) for port in (EMULATOR_PORT, SPEECH_PORT, MEDIA_PORT))
    return "".join(f"{port.variable}={number} " for port, number in numbers if number != port.default)
