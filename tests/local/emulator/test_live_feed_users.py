"""Who may follow a live feed by signing in: each token, each channel, by the handler that is deployed, run in Node."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.conftest import ROOT
from tests.local.emulator.conftest import Account
from tests.patience import PATIENCE_SECONDS, eventually

PASSWORD = "Long-enough-1"
OWN, OTHERS = "/calls/lakeside/*", "/calls/hilltop/*"
BOTH = [{"AuthType": "AWS_IAM"}, {"AuthType": "AMAZON_COGNITO_USER_POOLS"}]


@dataclass(frozen=True)
class Feed:
    """A feed of a user pool, and somebody of the clinic `lakeside` who has signed in.

    Attributes:
        account: The account.
        realtime: Where to subscribe.
        host: Host of the feed's HTTP address.
        pool: The user pool.
        client: The page, as the pool knows it.
    """

    account: Account
    realtime: str
    host: str
    pool: str
    client: str

    def token(self, *, client: str | None = None, pool: str | None = None, kind: str = "AccessToken") -> str:
        """A token of hers."""
        tokens = self.account.client("cognito-idp").admin_initiate_auth(
            UserPoolId=pool or self.pool,
            ClientId=client or self.client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ann", "PASSWORD": PASSWORD},
        )["AuthenticationResult"]
        return str(tokens[kind])

    def connect(self, token: str | None) -> ClientConnection:
        header = {"host": self.host, **({} if token is None else {"Authorization": token})}
        encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
        protocols = [Subprotocol("aws-appsync-event-ws"), Subprotocol(f"header-{encoded}")]
        return connect(self.realtime, subprotocols=protocols, open_timeout=PATIENCE_SECONDS)

    def refuses(self, token: str | None) -> bool:
        """Whether nobody can connect with a token."""
        try:
            with self.connect(token) as connection:
                connection.send(json.dumps({"type": "connection_init"}))
                return bool(json.loads(connection.recv(timeout=PATIENCE_SECONDS))["type"] != "connection_ack")
        except (InvalidStatus, ConnectionClosed):
            return True

    def answers(self, token: str, *channels: str, subscribing: str | None = None) -> list[str]:
        """What each channel answers to whoever connects with a token, and subscribes with this or another one."""
        with self.connect(token) as connection:
            return [self._subscribe(connection, channel, subscribing or token) for channel in channels]

    def _subscribe(self, connection: ClientConnection, channel: str, token: str) -> str:
        authorization = {"host": self.host, "Authorization": token}
        connection.send(
            json.dumps({"type": "subscribe", "id": channel, "channel": channel, "authorization": authorization})
        )
        return str(json.loads(connection.recv(timeout=PATIENCE_SECONDS))["type"])


@pytest.fixture(scope="module")
def feed(account: Account) -> Feed:
    cognito = account.client("cognito-idp")
    pool = _pool(cognito)
    client = _client(cognito, pool)
    code = (ROOT / "constructs_lib" / "_live_feed.js").read_text(encoding="utf-8")
    # Tokens of this test come from the API, which scopes them as it does; a page's have the page's own scope.
    access = {"claim": "cognito:groups", "scope": "aws.cognito.signin.user.admin", "roles": []}
    provider = {
        "AuthType": "AMAZON_COGNITO_USER_POOLS",
        "CognitoConfig": {"UserPoolId": pool, "AwsRegion": "us-east-1"},
    }
    config = {
        "AuthProviders": [BOTH[0], provider],
        "ConnectionAuthModes": BOTH,
        "DefaultPublishAuthModes": [BOTH[0]],
        "DefaultSubscribeAuthModes": BOTH,
    }
    namespace = {
        "ApiId": {"Fn::GetAtt": ["Api", "ApiId"]},
        "Name": "calls",
        "PublishAuthModes": [BOTH[0]],
        "SubscribeAuthModes": BOTH,
        "CodeHandlers": f"{code}\nconst ACCESS = {json.dumps(access)}\n",
    }
    outputs = account.deploy(
        {
            "Api": {"Type": "AWS::AppSync::Api", "Properties": {"Name": "feed", "EventConfig": config}},
            "Calls": {"Type": "AWS::AppSync::ChannelNamespace", "Properties": namespace},
        },
        {
            "Realtime": {"Fn::Join": ["", ["wss://", {"Fn::GetAtt": ["Api", "Dns.Realtime"]}, "/event/realtime"]]},
            "Http": {"Fn::GetAtt": ["Api", "Dns.Http"]},
        },
    )
    return Feed(account, outputs["Realtime"], outputs["Http"], pool, client)


def _pool(cognito: Any) -> str:
    """A user pool with somebody of the clinic `lakeside`."""
    pool = str(cognito.create_user_pool(PoolName="people")["UserPool"]["Id"])
    cognito.admin_create_user(UserPoolId=pool, Username="ann", MessageAction="SUPPRESS")
    cognito.admin_set_user_password(UserPoolId=pool, Username="ann", Password=PASSWORD, Permanent=True)
    for group in ("lakeside", "qa"):
        cognito.create_group(UserPoolId=pool, GroupName=group)
        cognito.admin_add_user_to_group(UserPoolId=pool, Username="ann", GroupName=group)
    return pool


def _client(cognito: Any, pool: str) -> str:
    created = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="client", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    )
    return str(created["UserPoolClient"]["ClientId"])


def _tampered(token: str, **claims: Any) -> str:
    head, body, signature = token.split(".")
    told = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    changed = base64.urlsafe_b64encode(json.dumps({**told, **claims}).encode()).decode().rstrip("=")
    return f"{head}.{changed}.{signature}"


def test_an_address_of_the_emulators_own_is_written_without_tls(feed: Feed) -> None:
    assert feed.realtime.startswith("ws://127.0.0.1:")


def test_people_follow_the_calls_of_their_clinic_and_of_no_other(feed: Feed) -> None:
    channels = (OWN, "/calls/lakeside/call-1", OTHERS, "/calls/hilltop/call-1", "/calls/*", "/calls/qa")
    assert feed.answers(feed.token(), *channels) == ["subscribe_success"] * 2 + ["subscribe_error"] * 4


@pytest.mark.parametrize(
    "forge",
    [
        lambda _: None,
        lambda _: "",
        lambda _: "x.y.z",
        lambda token: token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"),
        lambda token: _tampered(token, **{"cognito:groups": ["hilltop"]}),
        lambda token: _tampered(token, exp=9999999999),
    ],
    ids=["none", "empty", "no token", "another signature", "another group", "another end"],
)
def test_nobody_connects_with_a_token_that_is_none(feed: Feed, forge: Callable[[str], str | None]) -> None:
    assert feed.refuses(forge(feed.token()))


def test_nobody_subscribes_with_a_token_that_is_none(feed: Feed) -> None:
    token = feed.token()
    assert feed.answers(token, OWN, subscribing=_tampered(token, sub="x")) == ["subscribe_error"]


def test_nobody_connects_with_a_token_of_another_pool(account: Account, feed: Feed) -> None:
    cognito = account.client("cognito-idp")
    pool = _pool(cognito)
    theirs = feed.token(pool=pool, client=_client(cognito, pool))
    assert feed.refuses(theirs)


def test_a_token_for_something_else_of_the_same_pool_opens_nothing(feed: Feed) -> None:
    assert feed.answers(feed.token(kind="IdToken"), OWN) == ["subscribe_error"]


def test_whoever_loses_the_group_has_lost_it_with_the_next_token(account: Account, feed: Feed) -> None:
    cognito = account.client("cognito-idp")
    group = {"UserPoolId": feed.pool, "Username": "ann", "GroupName": "lakeside"}
    cognito.admin_remove_user_from_group(**group)
    try:
        assert feed.answers(feed.token(), OWN) == ["subscribe_error"]
    finally:
        cognito.admin_add_user_to_group(**group)


def test_an_expired_token_connects_nobody(account: Account, feed: Feed) -> None:
    cognito = account.client("cognito-idp")
    client = cognito.create_user_pool_client(
        UserPoolId=feed.pool,
        ClientName="brief",
        ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"],
        AccessTokenValidity=1,
        TokenValidityUnits={"AccessToken": "seconds"},
    )["UserPoolClient"]["ClientId"]
    token = feed.token(client=client)
    eventually(lambda: feed.refuses(token))
