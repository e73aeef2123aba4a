"""HTTP APIs and the sign-in are for browsers; nothing else gets through beside them."""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.emulator.process import Emulator
from tests.local.access.raw import Answer, Headers, send
from tests.local.emulator.conftest import Account

CODE = "import json\ndef handle(event, context): return {'statusCode': 200, 'body': json.dumps(event['headers'])}\n"


@pytest.fixture(scope="module")
def address(account: Account) -> str:
    """The path of an API that answers with the headers it got."""
    function = account.function(CODE)
    integration = {"Fn::Join": ["/", ["integrations", {"Ref": "Integration"}]]}
    api = {"Ref": "Api"}
    resources: dict[str, Any] = {
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "test", "ProtocolType": "HTTP"}},
        "Integration": {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": api,
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": function,
                "PayloadFormatVersion": "2.0",
            },
        },
        "Route": {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {"ApiId": api, "RouteKey": "GET /{proxy+}", "Target": integration},
        },
        "Stage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {"ApiId": api, "StageName": "$default", "AutoDeploy": True},
        },
    }
    outputs = account.deploy(resources, {"Endpoint": {"Fn::GetAtt": ["Api", "ApiEndpoint"]}})
    parts = urlsplit(outputs["Endpoint"])
    assert parts.netloc == urlsplit(account.endpoint_url).netloc
    return parts.path


def ask(emulator: Emulator, method: str, path: str, headers: Headers = ()) -> Answer:
    return send(emulator.port, method, path, [("Host", f"127.0.0.1:{emulator.port}"), *headers])


def test_a_browser_reaches_an_api_without_a_signature(emulator: Emulator, address: str) -> None:
    assert ask(emulator, "GET", f"{address}/one").status == 200


def test_a_token_gets_through_and_nothing_of_awss(emulator: Emulator, address: str) -> None:
    sent = [
        ("Authorization", "Bearer x.y.z"),
        ("X-Amz-Target", "DynamoDB_20120810.ListTables"),
        ("Accept", "text/html"),
    ]
    told = {
        name.lower(): value for name, value in json.loads(ask(emulator, "GET", f"{address}/one", sent).body).items()
    }
    assert told["authorization"] == "Bearer x.y.z"
    assert "x-amz-target" not in told
    signed = [("Authorization", "AWS4-HMAC-SHA256 Credential=test/x")]
    told = json.loads(ask(emulator, "GET", f"{address}/one", signed).body)
    assert "authorization" not in {name.lower() for name in told}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/_aws/execute-api/00000000/one"),
        ("GET", "/nobody/.well-known/jwks.json"),
        ("POST", "/oauth2/authorize"),
        ("PUT", "/login"),
        ("POST", "/"),
        ("GET", "/_aws/execute-api/"),
        ("GET", "/_ministack/state"),
    ],
)
def test_what_is_no_api_and_no_sign_in_is_refused(emulator: Emulator, method: str, path: str) -> None:
    assert ask(emulator, method, path).status == 403


@pytest.mark.parametrize("headers", [[("Origin", "https://evil.example")], [("Sec-Fetch-Site", "cross-site")]])
def test_a_page_of_another_site_reaches_neither(emulator: Emulator, address: str, headers: Headers) -> None:
    for path in (f"{address}/one", "/oauth2/authorize"):
        assert ask(emulator, "GET", path, headers).status == 403
