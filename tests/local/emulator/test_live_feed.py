"""Event APIs of AppSync in the emulator: declared, published to, listened to, and guarded by policies."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.local.emulator.conftest import Account
from tests.patience import PATIENCE_SECONDS

Keys = Mapping[str, str]

IAM = [{"AuthType": "AWS_IAM"}]
CHANNEL = "/calls/demo-clinic/call-1"


class Feed:
    """An Event API with one namespace, and clients of it."""

    def __init__(self, outputs: Mapping[str, str], owner: Mapping[str, str]) -> None:
        self.outputs = outputs
        self.owner = owner
        self.url = f"http://{outputs['Http']}/event"
        self.arn = outputs["ApiArn"]

    def signed(self, body: Any, credentials: Keys | None) -> AWSRequest:
        credentials = credentials or self.owner
        keys = Credentials(
            credentials["aws_access_key_id"],
            credentials["aws_secret_access_key"],
            credentials.get("aws_session_token"),
        )
        data = json.dumps(body, separators=(",", ":"))
        request = AWSRequest("POST", self.url, data=data, headers={"Content-Type": "application/json"})
        SigV4Auth(keys, "appsync", "us-east-1").add_auth(request)
        return request

    def publish(self, *events: Any, channel: str = CHANNEL, credentials: Keys | None = None) -> Any:
        request = self.signed({"channel": channel, "events": [json.dumps(event) for event in events]}, credentials)
        post = urllib.request.Request(self.url, data=str(request.data).encode(), headers=dict(request.headers))
        with urllib.request.urlopen(post, timeout=PATIENCE_SECONDS) as answer:
            return json.load(answer)

    def authorization(self, body: Any, credentials: Keys | None) -> dict[str, str]:
        return {**dict(self.signed(body, credentials).headers), "host": self.url.split("/")[2]}

    def connect(self, credentials: Keys | None = None) -> ClientConnection:
        header = json.dumps(self.authorization({}, credentials)).encode()
        encoded = base64.urlsafe_b64encode(header).decode().rstrip("=")
        protocols = [Subprotocol("aws-appsync-event-ws"), Subprotocol(f"header-{encoded}")]
        return connect(
            f"ws://{self.outputs['Realtime']}/event/realtime", subprotocols=protocols, open_timeout=PATIENCE_SECONDS
        )

    def subscribe(self, connection: ClientConnection, channel: str, credentials: Keys | None = None) -> Any:
        authorization = self.authorization({"channel": channel}, credentials)
        connection.send(
            json.dumps({"type": "subscribe", "id": "1", "channel": channel, "authorization": authorization})
        )
        return json.loads(connection.recv(timeout=PATIENCE_SECONDS))


@pytest.fixture(scope="module")
def feed(account: Account) -> Feed:
    config = {
        "AuthProviders": IAM,
        "ConnectionAuthModes": IAM,
        "DefaultPublishAuthModes": IAM,
        "DefaultSubscribeAuthModes": IAM,
    }
    api = {"Name": "feed", "EventConfig": config, "Tags": [{"Key": "environment", "Value": "test"}]}
    resources = {
        "Api": {"Type": "AWS::AppSync::Api", "Properties": api},
        "Calls": {
            "Type": "AWS::AppSync::ChannelNamespace",
            "Properties": {"ApiId": {"Fn::GetAtt": ["Api", "ApiId"]}, "Name": "calls"},
        },
    }
    outputs = {
        "ApiId": {"Ref": "Api"},
        "ApiArn": {"Fn::GetAtt": ["Api", "ApiArn"]},
        "Http": {"Fn::GetAtt": ["Api", "Dns.Http"]},
        "Realtime": {"Fn::GetAtt": ["Api", "Dns.Realtime"]},
        "Namespace": {"Fn::GetAtt": ["Calls", "ChannelNamespaceArn"]},
    }
    return Feed(account.deploy(resources, outputs), account.owner)


@pytest.fixture
def listener(feed: Feed) -> Iterator[ClientConnection]:
    with feed.connect() as connection:
        assert feed.subscribe(connection, CHANNEL)["type"] == "subscribe_success"
        yield connection


def allowed(account: Account, *actions: str, resource: str) -> dict[str, str]:
    return account.assume(account.role({"Effect": "Allow", "Action": list(actions), "Resource": resource}))


def test_a_stack_declares_an_api_and_its_namespace(account: Account, feed: Feed) -> None:
    api = account.client("appsync").get_api(apiId=feed.outputs["ApiId"])["api"]

    assert feed.outputs["Namespace"] == f"{api['apiArn']}/channelNamespace/calls"
    assert api["eventConfig"]["connectionAuthModes"] == [{"authType": "AWS_IAM"}]
    assert api["tags"] == {"environment": "test"}


def test_what_is_published_is_heard_by_who_listens_to_the_channel(feed: Feed, listener: ClientConnection) -> None:
    published = feed.publish({"seq": 1}, {"seq": 2})
    feed.publish({"seq": 3}, channel="/calls/demo-clinic/call-2")
    feed.publish({"seq": 4})

    heard = [json.loads(listener.recv(timeout=PATIENCE_SECONDS)) for _ in range(3)]
    assert [entry["index"] for entry in published["successful"]] == [0, 1]
    assert [json.loads(message["event"])["seq"] for message in heard] == [1, 2, 4]


def test_publishing_takes_a_grant_on_the_namespace(account: Account, feed: Feed) -> None:
    publisher = allowed(account, "appsync:EventPublish", resource=f"{feed.arn}/channelNamespace/calls")
    subscriber = allowed(account, "appsync:EventSubscribe", resource=f"{feed.arn}/channelNamespace/calls")
    elsewhere = allowed(account, "appsync:EventPublish", resource=f"{feed.arn}/channelNamespace/other")

    assert feed.publish({}, credentials=publisher)["successful"]
    for credentials in (subscriber, elsewhere):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            feed.publish({}, credentials=credentials)


def test_connecting_and_subscribing_take_a_grant_each(account: Account, feed: Feed) -> None:
    connecting = allowed(account, "appsync:EventConnect", resource=feed.arn)
    listening = allowed(account, "appsync:EventConnect", "appsync:EventSubscribe", resource=f"{feed.arn}*")
    publishing = allowed(account, "appsync:EventPublish", resource=f"{feed.arn}*")

    with feed.connect(connecting) as connection:
        assert feed.subscribe(connection, CHANNEL, connecting)["type"] == "subscribe_error"
        assert feed.subscribe(connection, CHANNEL, listening)["type"] == "subscribe_success"
    with pytest.raises((InvalidStatus, ConnectionClosed)), feed.connect(publishing) as connection:
        connection.recv(timeout=PATIENCE_SECONDS)


def test_a_signature_for_another_channel_opens_none(account: Account, feed: Feed) -> None:
    listening = allowed(account, "appsync:*", resource=f"{feed.arn}*")
    authorization = feed.authorization({"channel": "/calls/demo-clinic/other"}, listening)

    with feed.connect(listening) as connection:
        connection.send(
            json.dumps({"type": "subscribe", "id": "1", "channel": CHANNEL, "authorization": authorization})
        )
        assert json.loads(connection.recv(timeout=PATIENCE_SECONDS))["type"] == "subscribe_error"
