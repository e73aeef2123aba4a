"""Tokens of the user pool, to whoever signs in on its pages."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.emulator.console_client import ConsoleClient
from tests.local.emulator.conftest import Account


def test_a_renewed_token_has_the_groups_of_its_moment(account: Account) -> None:
    cognito, page, password = account.client("cognito-idp"), f"{account.endpoint_url}/", "Long-enough-1"
    pool = cognito.create_user_pool(PoolName="renewed")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName="page",
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid"],
        CallbackURLs=[page],
        SupportedIdentityProviders=["COGNITO"],
    )["UserPoolClient"]["ClientId"]
    cognito.admin_create_user(UserPoolId=pool, Username="ann", MessageAction="SUPPRESS")
    cognito.admin_set_user_password(UserPoolId=pool, Username="ann", Password=password, Permanent=True)
    group = {"UserPoolId": pool, "GroupName": "lakeside"}
    cognito.create_group(**group)
    cognito.admin_add_user_to_group(**group, Username="ann")
    pages = {"authorize": "/oauth2/authorize", "token": "/oauth2/token", "client_id": client, "scopes": ["openid"]}
    ann = ConsoleClient(page, pages)
    ann.sign_in("ann", password)

    def renewed() -> dict[str, Any]:
        ann.renew()
        body = ann.tokens["access_token"].split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return claims

    assert renewed()["cognito:groups"] == ["lakeside"]
    cognito.admin_remove_user_from_group(**group, Username="ann")
    assert "cognito:groups" not in renewed()
