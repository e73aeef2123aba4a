"""Tokens of Cognito.

* MiniStack's tokens for a refresh token name no group, so that whoever is signed in for some minutes belongs to nothing
  any more. Cognito's have the groups of that moment, as those of a sign-in do (Cognito developer guide, "Adding groups
  to a user pool").
"""

from collections.abc import Callable
from typing import Any

from ministack.services import cognito


def apply() -> None:
    """Apply what this module describes."""
    cognito._fake_token = _with_groups(cognito._fake_token)


def _with_groups(make: Callable[..., str]) -> Callable[..., str]:
    def token(sub: str, pool_id: str, client_id: str, kind: str, username: str = "", **claims: Any) -> str:
        if username and claims.get("groups") is None:
            user = (cognito._get_pool_unscoped(pool_id) or {"_users": {}})["_users"].get(username, {})
            claims["groups"] = list(user.get("_groups", ()))
        return make(sub, pool_id, client_id, kind, username, **claims)

    return token
