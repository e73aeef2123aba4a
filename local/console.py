"""People who may open the console of the local environment: of one clinic, of another, and of both."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from callscribe.console.access import ConsoleRole
from callscribe.contract.outputs import DeploymentOutput
from operations.environment import Environment

PEOPLE: Final = {
    "ann": ("demo-clinic", ConsoleRole.QA),
    "bob": ("main",),
    "carol": ("demo-clinic", "main", ConsoleRole.ADMIN),
}
"""The groups of each: clinics of the local environment, and roles."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who can sign in.

    Attributes:
        name: Name.
        password: Password, made for this session.
        groups: Clinics and roles.
    """

    name: str
    password: str
    groups: Sequence[str]


def add_people(environment: Environment) -> tuple[Person, ...]:
    """Have everybody of `PEOPLE` in the console's user pool, with new passwords."""
    pool = environment.output(DeploymentOutput.CONSOLE_USER_POOL)
    cognito = environment.client("cognito-idp")
    people = tuple(
        Person(name=name, password=f"{secrets.token_urlsafe(12)}-Aa1", groups=[str(group) for group in groups])
        for name, groups in PEOPLE.items()
    )
    for person in people:
        cognito.admin_create_user(UserPoolId=pool, Username=person.name, MessageAction="SUPPRESS")
        cognito.admin_set_user_password(UserPoolId=pool, Username=person.name, Password=person.password, Permanent=True)
        for group in person.groups:
            cognito.admin_add_user_to_group(UserPoolId=pool, Username=person.name, GroupName=group)
    return people
