"""What the parties of a call are called where people read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from callscribe.contract.outputs import DeploymentOutput
from callscribe.serialization import InvalidData, decode_json

from .environment import Environment, UnusableEnvironment

OUTPUT: Final = DeploymentOutput.ROLE_NAMES
"""Output of a stack: a JSON object of names by role; stacks without it have no others than the roles' own."""

OWN: Final[Mapping[str, str]] = {}
"""Each role is called as it is stored."""


def role_names(target: Environment) -> Mapping[str, str]:
    """The names by role that an environment was deployed with.

    Raises:
        UnusableEnvironment: What was deployed are no names.
    """
    written = target.outputs.get(OUTPUT)
    if written is None:
        return OWN
    try:
        return decode_json(dict[str, str], written, OUTPUT)
    except InvalidData as error:
        raise UnusableEnvironment(f"the output {OUTPUT} cannot be used ({error}): deploy role_names anew") from None
