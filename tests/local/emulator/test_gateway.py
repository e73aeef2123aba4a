"""What a web page, or anybody without a key of this session, can do with the emulated account: nothing."""

import base64
import hashlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.exceptions import ClientError

from local.access.signatures import signed
from local.emulator.gateway import task_token
from local.emulator.process import Emulator
from tests.local.access.raw import UPGRADE, Answer, Headers, chunked, send
from tests.local.emulator.conftest import Account, unique
from tests.patience import PATIENCE_SECONDS

SCOPE = "us-east-1/cloudformation/aws4_request"
# Writes a file, as any code could do anything.
CODE = """
import json, pathlib, urllib.request
def handle(event, context):
    pathlib.Path({marker!r}).write_text("somebody ran code here")
    answer = {{"Status": "SUCCESS", "PhysicalResourceId": "ran", "StackId": event["StackId"],
               "RequestId": event["RequestId"], "LogicalResourceId": event["LogicalResourceId"]}}
    request = urllib.request.Request(event["ResponseURL"], data=json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(request, timeout=60).close()
"""


def template(marker: Path) -> str:
    """A stack with a custom resource, whose creation runs a function."""
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}  # fmt: skip  # noqa: E501
    function = {
        "Runtime": "python3.12",
        "Handler": "index.handle",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": CODE.format(marker=str(marker))},
    }
    return json.dumps(
        {
            "Resources": {
                "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}},
                "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
                "Run": {"Type": "Custom::Run", "Properties": {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}}},
            }
        }
    )


def today() -> str:
    return time.strftime("%Y%m%d", time.gmtime())


def presigned(access_key_id: str) -> dict[str, str]:
    """The query of a presigned address with any signature."""
    return {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{access_key_id}/{today()}/{SCOPE}",
        "X-Amz-Date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        "X-Amz-Expires": "300",
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Signature": "0" * 64,
    }


def authorization(access_key_id: str) -> Headers:
    """A header with any signature."""
    credential = f"{access_key_id}/{today()}/{SCOPE}"
    return [
        ("X-Amz-Date", time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())),
        ("Authorization", f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, Signature=00"),
    ]


Page = Callable[[Emulator, dict[str, str]], Answer]


def image(query: Callable[[Emulator], Mapping[str, str]]) -> Page:
    """``<img src=…>``: an old browser adds nothing that gives it away."""

    def ask(emulator: Emulator, action: dict[str, str]) -> Answer:
        target = f"/?{urlencode({**action, **query(emulator)})}"
        return send(emulator.port, "GET", target, [("Host", f"127.0.0.1:{emulator.port}")])

    return ask


def form(content_type: str, query: Mapping[str, str], *, in_chunks: bool = False, headers: Headers = ()) -> Page:
    """A form that sends itself."""

    def ask(emulator: Emulator, action: dict[str, str]) -> Answer:
        body = urlencode(action).encode()
        own = [("Host", f"127.0.0.1:{emulator.port}"), ("Content-Type", content_type), *headers]
        coded = [("Transfer-Encoding", "chunked")] if in_chunks else []
        content = chunked(body) if in_chunks else body
        return send(emulator.port, "POST", f"/?{urlencode(query)}", [*own, *coded], content)

    return ask


URLENCODED = "application/x-www-form-urlencoded"
PAGES: dict[str, Page] = {
    "image": image(lambda _: presigned("test")),
    "image, account number": image(lambda _: presigned("000000000000")),
    "image, unsigned": image(lambda _: {}),
    "image, version 2": image(lambda _: {"AWSAccessKeyId": "test", "Signature": "AA==", "Expires": "1999999999"}),
    "image, lower case": image(lambda _: {name.lower(): value for name, value in presigned("test").items()}),
    "image, the key's public half": image(lambda emulator: presigned(emulator.key.access_key_id)),
    "form": form(URLENCODED, presigned("test")),
    "form, text/plain": form("text/plain", presigned("test")),
    "form, in chunks": form("text/plain", presigned("test"), in_chunks=True),
    "form, unsigned": form(URLENCODED, {}),
    "script": form(URLENCODED, {}, headers=authorization("test")),
    "script, text/plain in chunks": form("text/plain", {}, in_chunks=True, headers=authorization("123456789012")),
    "script, version 2": form(URLENCODED, {}, headers=[("Authorization", "AWS test:c2ln")]),
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_no_page_runs_code_on_this_machine(emulator: Emulator, account: Account, page: Page, tmp_path: Path) -> None:
    stack, marker = unique("evil"), tmp_path / "ran"
    action = {"Action": "CreateStack", "StackName": stack, "TemplateBody": template(marker), "Version": "2010-05-15",
              "Capabilities.member.1": "CAPABILITY_NAMED_IAM"}  # fmt: skip

    answer = page(emulator, action)

    assert answer.status in (400, 403)
    assert b"StackId" not in answer.body
    with pytest.raises(ClientError, match="does not exist"):
        account.client("cloudformation").describe_stacks(StackName=stack)
    assert not marker.exists()


def test_whoever_has_the_key_does(account: Account, tmp_path: Path) -> None:
    """What is refused above works, and the function's answer needs no signature of its own."""
    stack, marker = unique("own"), tmp_path / "ran"

    account.client("cloudformation").create_stack(
        StackName=stack, TemplateBody=template(marker), Capabilities=["CAPABILITY_NAMED_IAM"]
    )

    account.finished(stack, "CREATE_COMPLETE")
    assert marker.exists()


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/_ministack/reset"),
        ("POST", "/_ministack/config"),
        ("GET", "/_ministack/ready"),
        ("GET", "/_ministack/sqs/messages"),
        ("GET", "/_ministack/ses/messages"),
        ("GET", "/_localstack/health"),
        ("GET", "/_local/workers"),
        ("GET", "/_local/stalls/x"),
        ("PUT", "/_local/stalls/x"),
        ("POST", "/_local/events"),
        ("POST", "/_local/authorisations"),
    ],
)
def test_only_the_session_s_owner_steers_the_emulator(account: Account, method: str, target: str) -> None:
    everything = account.role({"Effect": "Allow", "Action": "*", "Resource": "*"})
    credentials = account.credentials(account.assume(everything))
    url = account.endpoint_url + target
    body = b"{}" if method == "POST" else None

    for request in (
        urllib.request.Request(url, data=body, method=method),
        signed(method, url, body, credentials),
    ):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(request, timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/health"),
        ("HEAD", "/_ministack/health"),
        ("POST", "/_ministack/health"),
        ("PUT", "/_ministack/cfn-response/00000000-0000-0000-0000-000000000000"),
        ("PUT", "/_ministack/cfn-signal/00000000-0000-0000-0000-000000000000"),
        ("GET", "/_ministack/lambda-code/x"),
        ("POST", "/_ministack/rds/iam-auth"),
        ("GET", "/.well-known/jwks.json"),
        ("POST", "/oauth2/token"),
        ("POST", "/_aws/appsync-api/x/event"),
        ("GET", "/_aws/execute-api/x/y"),
        ("GET", "/_aws/lambda-url/x/"),
        ("GET", "/recordings/call.wav"),
        ("PUT", "/recordings/call.wav"),
        ("OPTIONS", "/"),
        ("GET", "/_alb/x"),
    ],
)
def test_what_is_not_signed_is_refused_whatever_it_asks_for(emulator: Emulator, method: str, target: str) -> None:
    answer = send(emulator.port, method, target, [("Host", f"127.0.0.1:{emulator.port}")])

    assert answer.status in (400, 401, 403)
    assert "access-control-allow-origin" not in answer.headers


KEYS_OF = """
import os
def handle(event, context):
    return {name: os.environ[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")}
"""


def invoke(account: Account, function: str) -> Any:
    return json.loads(account.client("lambda").invoke(FunctionName=function)["Payload"].read())


def test_the_keys_of_a_function_cannot_be_computed(account: Account) -> None:
    """MiniStack's are digests of the function's name and the role's, which are no secrets."""
    role = account.role({"Effect": "Allow", "Action": "*", "Resource": "*"})
    function = account.function(KEYS_OF, role=role)
    digest = hashlib.sha256(f"{function}:{role}".encode()).hexdigest()

    given = invoke(account, function)

    assert given["ACCESS_KEY_ID"] != f"ASIA{digest[:16].upper()}"
    assert given["SECRET_ACCESS_KEY"] != hashlib.sha256(f"secret:{digest}".encode()).hexdigest()
    computed = {
        "aws_access_key_id": f"ASIA{digest[:16].upper()}",
        "aws_secret_access_key": hashlib.sha256(f"secret:{digest}".encode()).hexdigest(),
        "aws_session_token": hashlib.sha256(f"token:{digest}".encode()).hexdigest(),
    }
    with pytest.raises(ClientError, match="security token"):
        account.client("sts", **computed).get_caller_identity()
    assert account.client("sts").get_caller_identity()["Account"] == "000000000000"


def test_a_session_is_who_has_its_whole_key(account: Account) -> None:
    own = account.assume(account.role({"Effect": "Allow", "Action": "*", "Resource": "*"}))

    assert "assumed-role" in account.client("sts", **own).get_caller_identity()["Arn"]
    for change in ({"aws_secret_access_key": "guessed"}, {"aws_session_token": "guessed"}):
        with pytest.raises(ClientError):
            account.client("sts", **{**own, **change}).get_caller_identity()
    with pytest.raises(ClientError):
        account.client("sts", **{**own, **account.owner}).get_caller_identity()  # the owner's key with a token


@pytest.mark.parametrize("service", ["s3", "sqs", "dynamodb", "lambda", "cloudformation", "ecs"])
def test_a_client_with_another_key_is_told_so_in_its_protocol(account: Account, service: str) -> None:
    operation = {
        "s3": "list_buckets", "sqs": "list_queues", "dynamodb": "list_tables", "lambda": "list_functions",
        "cloudformation": "list_stacks", "ecs": "list_clusters",
    }[service]  # fmt: skip
    client = account.client(service, aws_access_key_id="test", aws_secret_access_key="test")

    with pytest.raises(ClientError) as refused:
        getattr(client, operation)()

    assert refused.value.response["Error"]["Code"] in (
        "InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"
    )  # fmt: skip


def test_credentials_of_a_task_are_for_the_token_of_its_role(account: Account) -> None:
    mine, other = (account.role(service="ecs-tasks.amazonaws.com").rpartition("/")[2] for _ in range(2))
    secret = account.key.secret_access_key
    url = f"{account.endpoint_url}/_local/task-credentials/{mine}"

    for token in ("", "guessed", task_token(secret, other), task_token("guessed", mine), secret):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(
                urllib.request.Request(url, headers={"Authorization": token}), timeout=PATIENCE_SECONDS
            )
    with urllib.request.urlopen(
        urllib.request.Request(url, headers={"Authorization": task_token(secret, mine)}), timeout=PATIENCE_SECONDS
    ) as answer:
        assert json.load(answer)["AccessKeyId"]


def open_websocket(emulator: Emulator, path: str, *headers: tuple[str, str]) -> int:
    return send(emulator.port, "GET", path, [("Host", f"127.0.0.1:{emulator.port}"), *UPGRADE, *headers]).status


@pytest.mark.parametrize(
    "path", ["/_aws/appsync-realtime-api/x/event/realtime", "/_aws/execute-api/x/prod", "/mqtt", "/"]
)
def test_no_websocket_opens_for_who_has_no_key(emulator: Emulator, path: str) -> None:
    forged = json.dumps({"host": "127.0.0.1", **dict(authorization("test"))}).encode()
    apikey = json.dumps({"host": "127.0.0.1", "x-api-key": "da2-guessed"}).encode()

    for header in ([], *([("Sec-WebSocket-Protocol", _subprotocol(auth))] for auth in (forged, apikey, b"[]", b"{"))):
        assert open_websocket(emulator, path, *header) == 403
    assert open_websocket(emulator, f"{path}?{urlencode(presigned('test'))}") == 403


def _subprotocol(auth: bytes) -> str:
    return f"aws-appsync-event-ws, header-{base64.urlsafe_b64encode(auth).decode().rstrip('=')}"


def test_no_page_takes_a_function_s_events(account: Account) -> None:
    """The runtime API has a port of its own, on which it knows its function by nothing."""
    function = account.function(
        "import os\ndef handle(event, context): return os.environ['AWS_LAMBDA_RUNTIME_API'], event\n"
    )
    address, _ = _invoke_with(account, function, {})
    port = urlsplit(f"http://{address}").port
    assert port is not None
    path = "/2018-06-01/runtime/invocation/next"

    for headers in (
        [("Host", "evil.example")],
        [("Host", address), ("Origin", "https://evil.example")],
        [("Host", address), ("Sec-Fetch-Site", "cross-site")],
    ):
        for method, target in (("GET", path), ("POST", "/2018-06-01/runtime/init/error")):
            assert send(port, method, target, headers).status == 403

    assert _invoke_with(account, function, {"call": 1}) == [address, {"call": 1}]


def _invoke_with(account: Account, function: str, event: Any) -> Any:
    answer = account.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read())


def test_the_emulator_tells_another_server_what_a_key_may_do(account: Account) -> None:
    arn = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/connect-1/1"
    role = account.role({"Effect": "Allow", "Action": "kinesisvideo:GetMedia", "Resource": arn})
    credentials = account.credentials(account.assume(role))

    assert _authorised(account, credentials, "kinesisvideo:GetMedia", arn) is None
    assert _authorised(account, account.credentials(account.owner), "kinesisvideo:DeleteStream", arn) is None
    for action, resource in (("kinesisvideo:PutMedia", arn), ("kinesisvideo:GetMedia", arn.replace("1/1", "2/1"))):
        refused = _authorised(account, credentials, action, resource)
        assert refused is not None
        assert refused["code"] == "AccessDeniedException"
    forged = _authorised(account, account.credentials({**account.owner, "aws_secret_access_key": "x"}), "x:Y", arn)
    assert forged is not None
    assert forged["code"] == "SignatureDoesNotMatch"


def _authorised(account: Account, credentials: Any, action: str, resource: str) -> dict[str, str] | None:
    """What the emulator says of a request that somebody has signed for another server."""
    inner = signed("POST", "http://127.0.0.1:8789/getMedia", b"{}", credentials)
    asked = {
        "action": action,
        "resource": resource,
        "request": {
            "method": "POST",
            "path": "/getMedia",
            "query": "",
            "headers": {"host": "127.0.0.1:8789", **{name.lower(): value for name, value in inner.header_items()}},
            "payload_sha256": hashlib.sha256(b"{}").hexdigest(),
        },
    }
    url = f"{account.endpoint_url}/_local/authorisations"
    request = signed("POST", url, json.dumps(asked).encode(), account.key.credentials)
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        refused: dict[str, str] | None = json.load(answer)
    return refused
