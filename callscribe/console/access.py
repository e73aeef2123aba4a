"""Who somebody is and what they may see: groups of a user pool are clinics, but for two that are roles."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from callscribe.contract.identifiers import CLINIC_ID

_GROUPS: Final = "cognito:groups"
# The user's name is in an access token, and under Cognito's own name in an ID token (Amazon Cognito Developer Guide,
# "Understanding user pool JSON web tokens").
_NAMES: Final = ("username", "cognito:username")

PROGRAM_REDIRECTS: Final = tuple(f"http://127.0.0.1:{port}/signed-in" for port in (41_210, 41_211, 41_212))
"""Where the sign-in of a program leads back to, on the machine of whoever signs in: several, as a port may be taken.
Cognito takes HTTP for this host only, and no port that is not named (Cognito API Reference, "CreateUserPoolClient")."""


class ConsoleRole(StrEnum):
    """What somebody is beyond one of a clinic's people.

    Everybody sees the calls of their clinics. These two may also say who is who in a call, and review its score.
    """

    QA = "qa"
    ADMIN = "admin"


class NoUser(ValueError):
    """The claims of a token name nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who is signed in.

    Attributes:
        name: Name in the user pool.
        clinics: The clinics that are theirs, sorted.
        roles: Their roles.
        client_id: The app of the user pool in which they signed in; None in a token that names none.
    """

    name: str
    clinics: tuple[str, ...]
    roles: frozenset[ConsoleRole]
    client_id: str | None = None

    @property
    def reviews(self) -> bool:
        """Whether they may correct roles and review scores."""
        return bool(self.roles & {ConsoleRole.QA, ConsoleRole.ADMIN})


def user_of(claims: Mapping[str, Any]) -> User:
    """Read who somebody is from the claims of a token that was checked.

    Raises:
        NoUser: They name nobody.
    """
    name = next((claims[key] for key in _NAMES if isinstance(claims.get(key), str) and claims[key]), None)
    if name is None:
        raise NoUser("the token names no user")
    groups = _groups(claims.get(_GROUPS))
    roles = frozenset(role for role in ConsoleRole if role in groups)
    clinics = sorted(group for group in groups - roles if CLINIC_ID.fullmatch(group))
    client_id = claims.get("client_id")
    return User(name=name, clinics=tuple(clinics), roles=roles, client_id=None if client_id is None else str(client_id))


def _groups(claim: object) -> frozenset[str]:
    """Read the groups as an HTTP API hands a claim that is a list on: `[one two]`. No group's name has a space."""
    if not isinstance(claim, str) or not (claim.startswith("[") and claim.endswith("]")):
        return frozenset()
    return frozenset(claim[1:-1].split())
