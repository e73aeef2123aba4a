"""The console on the deployed stacks: sign-in, calls, and who gets what, over HTTP and with policies enforced."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from callscribe.contract.outputs import DeploymentOutput
from lambdas.call_console.sessions import search_policy, session_policy, writer_policy
from local.console import Person
from local.pictures import sign_in, take_pictures
from local.server_process import ROOT
from operations.erase import erase, find_traces
from tests.browser import Looks, needed_browser
from tests.emulator.console_client import ConsoleClient, request
from tests.emulator.deployment import CLINIC, DAY, Deployment, new_call, recording
from tests.patience import PATIENCE_SECONDS, eventually

SAMPLE = ROOT / "local" / "samples" / "call3_urgent_symptoms.wav"

People = dict[str, ConsoleClient]


@pytest.fixture(scope="module")
def url(deployment: Deployment) -> str:
    return deployment.environment.output(DeploymentOutput.CONSOLE_URL)


@pytest.fixture(scope="module")
def users(url: str, people: dict[str, Person]) -> People:
    clients = {name: ConsoleClient(url) for name in people}
    for name, client in clients.items():
        client.sign_in(name, people[name].password)
    return clients


@pytest.fixture(scope="module")
def call(deployment: Deployment) -> str:
    """A transcribed call of the demo clinic; its path below the console's address."""
    one = new_call("console")
    deployment.put(one, recording(seconds=2))
    deployment.transcribed(one)
    return f"api/clinics/{CLINIC}/calls/{DAY}/{one.call_id}"


@pytest.fixture(scope="module")
def reader_role(deployment: Deployment) -> str:
    """A role that may what the console's reader may."""
    return _copy_of(deployment.environment.client("iam"), "ConsoleReader")


def routes(call: str) -> list[str]:
    return [f"api/clinics/{CLINIC}/calls", call, f"{call}/audio", f"{call}/waveform"]


def test_anybody_gets_the_page_and_nobody_gets_more_without_a_token(url: str, users: People, call: str) -> None:
    assert request(url).status == 200
    for route in ("api/session", *routes(call)):
        assert users["ann"].get(route, token="").status == 401


def test_a_clinics_people_see_its_calls_and_nobody_else_does(users: People, call: str) -> None:
    for route in routes(call):
        assert users["ann"].get(route).status == 200, route
        assert users["carol"].get(route).status == 200, route
        refused = users["bob"].get(route)
        absent = users["bob"].get(route.replace(CLINIC, "no-such-clinic"))
        assert (refused.status, refused.body) == (404, absent.body), route


def test_the_session_has_the_users_groups(users: People) -> None:
    session = users["carol"].get("api/session").json
    assert [clinic["id"] for clinic in session["clinics"]] == ["demo-clinic", "main"]
    assert session["roles"] == ["admin"]


def test_the_list_and_the_call_have_what_was_stored(users: People, call: str) -> None:
    rows = users["ann"].get(f"api/clinics/{CLINIC}/calls?from={DAY}").json["calls"]
    assert call.rpartition("/")[2] in {row["call_id"] for row in rows}
    whole = users["ann"].get(call).json
    assert whole["document"]["utterances"]
    assert whole["audio"] is True


def test_a_reviewers_correction_and_review_count_at_once_and_nobody_elses(users: People, call: str) -> None:
    whole = users["ann"].get(call).json
    version, computed = whole["document"]["provenance"]["recording_id"], whole["document"]["roles"]["speakers"]
    other = {"agent": "customer", "customer": "agent"}
    speakers = {one["speaker"]: other.get(one["role"], "agent") for one in computed}
    said: dict[str, dict[str, Any]] = {"roles": {"speakers": speakers}, "review": {"scores": {}}}
    for route, content in said.items():
        sent = {"version": version, "replaces": 0, **content}
        assert users["bob"].put(f"{call}/{route}", sent).status == 404
        assert users["bob"].put(f"{call.replace(CLINIC, 'main')}/{route}", sent).status == 403
        assert users["ann"].put(f"{call}/{route}", sent, token="").status == 401
        answer = users["ann"].put(f"{call}/{route}", sent)
        assert answer.status == 200, answer.body
    corrected = users["carol"].get(call).json
    assert {one["speaker"]: one["role"] for one in corrected["document"]["roles"]["speakers"]} == speakers
    assert [one["author"] for one in (*corrected["corrections"], *corrected["reviews"])] == ["ann", "ann"]


def test_a_recording_plays_from_where_it_is_asked(users: People, call: str) -> None:
    link = users["ann"].get(f"{call}/audio").json
    part = request(link["url"], headers={"Range": "bytes=0-43"})
    assert (part.status, part.body[:4]) == (206, b"RIFF")


def test_the_waveform_is_drawn_once_the_transcript_is_announced(users: People, call: str) -> None:
    eventually(lambda: users["ann"].get(f"{call}/waveform").json["drawn"])
    waveform = users["ann"].get(f"{call}/waveform").json
    assert waveform["reason"] is None
    assert waveform["duration_seconds"] == pytest.approx(2, abs=0.1)
    assert {len(levels) for levels in waveform["channels"]} == {1000}


def test_the_address_of_a_recording_fits_no_other_object(users: People, call: str) -> None:
    link = users["ann"].get(f"{call}/audio").json["url"]
    name = call.rpartition("/")[2]
    assert request(link.replace(name, "another")).status == 403


def _tampered(token: str, **claims: Any) -> str:
    head, body, signature = token.split(".")
    told = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    changed = base64.urlsafe_b64encode(json.dumps({**told, **claims}).encode()).decode().rstrip("=")
    return f"{head}.{changed}.{signature}"


@pytest.mark.parametrize(
    "forge",
    [
        lambda _: "x.y.z",
        lambda token: token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"),
        lambda token: _tampered(token, **{"cognito:groups": [CLINIC]}),
        lambda token: _tampered(token, exp=9999999999),
    ],
    ids=["none", "another signature", "another group", "another end"],
)
def test_a_token_that_was_tampered_with_is_none(users: People, call: str, forge: Callable[[str], str]) -> None:
    assert users["ann"].get(call, token=forge(users["ann"].tokens["access_token"])).status == 401


def test_a_token_for_another_client_of_the_pool_is_none(
    deployment: Deployment, people: dict[str, Person], users: People, call: str
) -> None:
    environment = deployment.environment
    cognito = environment.client("cognito-idp")
    pool = environment.output(DeploymentOutput.CONSOLE_USER_POOL)
    other = cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName="other",
        ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )["UserPoolClient"]["ClientId"]
    tokens = cognito.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=other,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ann", "PASSWORD": people["ann"].password},
    )["AuthenticationResult"]
    for token in (tokens["AccessToken"], tokens["IdToken"]):
        assert users["ann"].get(call, token=token).status == 401


def test_whoever_loses_a_group_has_lost_it_with_the_next_token(
    deployment: Deployment, url: str, people: dict[str, Person], call: str
) -> None:
    leaver = ConsoleClient(url)
    leaver.sign_in("carol", people["carol"].password)
    leaver.renew()
    assert leaver.get(call).status == 200
    group = {
        "UserPoolId": deployment.environment.output(DeploymentOutput.CONSOLE_USER_POOL),
        "Username": "carol",
        "GroupName": CLINIC,
    }
    cognito = deployment.environment.client("cognito-idp")
    cognito.admin_remove_user_from_group(**group)
    try:
        leaver.renew()
        assert leaver.get(call).status == 404
    finally:
        cognito.admin_add_user_to_group(**group)


def test_an_expired_token_gets_nothing_by_any_route(
    deployment: Deployment, url: str, people: dict[str, Person], call: str
) -> None:
    clinic = f"api/clinics/{CLINIC}"
    asked = [
        *(("GET", route) for route in ("api/session", *routes(call), f"{call}/comparison", f"{clinic}/calibration")),
        *(("GET", f"{clinic}/{route}") for route in ("overview", "live", "live/x", "failed")),
        *(("PUT", f"{call}/{route}") for route in ("roles", "review")),
        ("POST", f"{clinic}/failed/x/redrive"),
    ]
    cognito = deployment.environment.client("cognito-idp")
    client = {
        "UserPoolId": deployment.environment.output(DeploymentOutput.CONSOLE_USER_POOL),
        "ClientId": request(f"{url}config.json").json["sign_in"]["client_id"],
    }
    known = cognito.describe_user_pool_client(**client)["UserPoolClient"]
    lasts = {name: known[name] for name in ("AccessTokenValidity", "TokenValidityUnits")}
    brief = {"AccessTokenValidity": 1, "TokenValidityUnits": {**lasts["TokenValidityUnits"], "AccessToken": "seconds"}}
    cognito.update_user_pool_client(**client, **brief)
    try:
        late = ConsoleClient(url)
        late.sign_in("carol", people["carol"].password)
    finally:
        cognito.update_user_pool_client(**client, **lasts)
    eventually(lambda: late.get("api/session").status == 401)
    for method, route in asked:
        assert late.ask(method, route).status == 401, route
    late.renew()
    assert late.get(call).status == 200


def test_a_program_reads_what_its_user_reads_and_changes_nothing(
    url: str, people: dict[str, Person], call: str
) -> None:
    told = request(f"{url}config.json").json
    program = ConsoleClient(url, told["sign_in"] | told["program"], redirect_uri=told["program"]["redirect_uris"][0])
    program.sign_in("carol", people["carol"].password)
    assert program.get(call).status == 200
    assert program.get(call.replace(CLINIC, "nobodys")).status == 404
    assert program.put(f"{call}/roles", {}).status == 403
    program.renew()
    assert program.get(call).status == 200


def test_an_access_token_lasts_for_five_minutes(users: People) -> None:
    body = users["ann"].tokens["access_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert claims["exp"] - claims["iat"] == 300


def test_a_forgotten_check_would_still_fail(deployment: Deployment, call: str, reader_role: str) -> None:
    """In the session of another clinic, by the policies that are deployed, nothing of this one can be read."""
    environment = deployment.environment
    archive = environment.output(DeploymentOutput.ARCHIVE)

    def readable(clinic: str) -> set[str]:
        policy = session_policy(clinic, (f"CLINIC#{clinic}",), partition="aws", archive_bucket=archive)
        session = _session(deployment, reader_role, policy)
        table = session.resource("dynamodb", endpoint_url=environment.endpoint_url).Table(environment.table().name)
        s3 = session.client("s3", endpoint_url=environment.endpoint_url)
        own = Key("PK").eq(f"CLINIC#{CLINIC}")
        listed = Key("GSI2PK").eq(f"CLINIC#{CLINIC}")
        item = {"PK": f"CLINIC#{CLINIC}", "SK": f"TRANSCRIPT#{DAY}#{call.rpartition('/')[2]}"}
        document = str(environment.table().get_item(Key=item)["Item"]["transcript_key"])
        reads: dict[str, Callable[[], Any]] = {
            "item": lambda: table.get_item(Key=item),
            "items": lambda: table.meta.client.batch_get_item(RequestItems={table.name: {"Keys": [item]}}),
            "partition": lambda: table.query(KeyConditionExpression=own),
            "list": lambda: table.query(IndexName="GSI2", KeyConditionExpression=listed),
            "rows": lambda: table.query(IndexName="GSI3", KeyConditionExpression=listed),
            "document": lambda: s3.get_object(Bucket=archive, Key=document),
            "folder": lambda: s3.list_objects_v2(Bucket=archive, Prefix=f"transcripts/{CLINIC}/"),
            "all": lambda: s3.list_objects_v2(Bucket=archive, Prefix="transcripts/"),
            "failed": lambda: table.query(IndexName="GSI2", KeyConditionExpression=Key("GSI2PK").eq("FAILED")),
            "by call": lambda: table.query(IndexName="GSI1", KeyConditionExpression=Key("GSI1PK").eq("CALL#x")),
            "everything": table.scan,
        }
        return {name for name, read in reads.items() if _is_allowed(read)}

    assert readable("main") == set()
    assert readable(CLINIC) == {"item", "items", "partition", "list", "rows", "document", "folder"}


def test_words_are_found_once_their_call_is_stored_and_never_again_once_it_is_erased(
    deployment: Deployment, users: People, reader_role: str
) -> None:
    """The table's stream leads them to the shards, and an operator's command out of them."""
    one = new_call("search")
    deployment.put(one, SAMPLE.read_bytes())
    deployment.transcribed(one)
    path = f"api/clinics/{CLINIC}/calls/{DAY}/{one.call_id}"
    said = users["ann"].get(path).json["document"]["utterances"]
    query = max((word for one in said for word in re.findall(r"\w+", one["text"])), key=len)

    def found(user: str, clinic: str = CLINIC) -> set[str]:
        answer = users[user].put(f"api/clinics/{clinic}/search", {"query": query}, method="POST")
        assert answer.status == 200, answer.body
        return {found["call"]["call_id"] for found in answer.json["calls"]}

    eventually(lambda: one.call_id in found("ann"))
    refused = users["bob"].put(f"api/clinics/{CLINIC}/search", {"query": query}, method="POST")
    absent = users["bob"].put("api/clinics/no-such-clinic/search", {"query": query}, method="POST")
    assert (refused.status, refused.body) == (404, absent.body)
    assert users["ann"].put(f"api/clinics/{CLINIC}/search", {"query": query}, method="POST", token="").status == 401
    _session_of_another_clinic_reads_no_shard(deployment, reader_role)
    erase(deployment.environment, find_traces(deployment.environment, one.call_id, clinic_id=CLINIC))
    assert one.call_id not in found("ann")
    shards = _shards(deployment)
    assert shards
    assert all(one.call_id.encode() not in content for content in shards.values())


def _shards(deployment: Deployment) -> dict[str, bytes]:
    """All that is searched of the demo clinic, by key."""
    s3, bucket = deployment.environment.s3(), deployment.environment.output(DeploymentOutput.SEARCH_BUCKET)
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"search/{CLINIC}/").get("Contents", [])
    return {one["Key"]: gzip.decompress(s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()) for one in listed}


def _session(deployment: Deployment, role: str, policy: str) -> boto3.Session:
    sts = deployment.environment.client("sts")
    keys = sts.assume_role(RoleArn=role, RoleSessionName="test", Policy=policy)["Credentials"]
    return boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], "us-east-1")


def _session_of_another_clinic_reads_no_shard(deployment: Deployment, role: str) -> None:
    environment = deployment.environment
    bucket = environment.output(DeploymentOutput.SEARCH_BUCKET)
    [key, *_] = _shards(deployment)
    for clinic, allowed in ((CLINIC, True), ("main", False)):
        policy = search_policy(clinic, partition="aws", search_bucket=bucket)
        s3 = _session(deployment, role, policy).client("s3", endpoint_url=environment.endpoint_url)
        assert _is_allowed(partial(s3.get_object, Bucket=bucket, Key=key)) is allowed, clinic
        assert _is_allowed(partial(s3.list_objects_v2, Bucket=bucket, Prefix=f"search/{CLINIC}/")) is allowed, clinic
        assert not _is_allowed(partial(s3.list_objects_v2, Bucket=bucket, Prefix="search/"))


def test_the_writer_writes_below_its_own_clinic_and_neither_reads_nor_deletes(deployment: Deployment) -> None:
    environment = deployment.environment
    role = _copy_of(environment.client("iam"), "ConsoleWriter")

    def writable(clinic: str) -> set[str]:
        keys = environment.client("sts").assume_role(
            RoleArn=role, RoleSessionName="test", Policy=writer_policy(clinic)
        )["Credentials"]
        session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], "us-east-1")
        table = session.resource("dynamodb", endpoint_url=environment.endpoint_url).Table(environment.table().name)
        key = {"PK": f"CLINIC#{CLINIC}", "SK": "TRIAL"}
        writes: dict[str, Callable[[], Any]] = {
            "item": lambda: table.put_item(Item={**key, "author": "ann"}),
            "deletion": lambda: table.delete_item(Key=key),
            "read": lambda: table.get_item(Key=key),
        }
        return {name for name, write in writes.items() if _is_allowed(write)}

    assert writable("main") == set()
    assert writable(CLINIC) == {"item"}


def _copy_of(iam: Any, part: str) -> str:
    """A role that may what one of the console's may, and that the test can take."""
    [name] = [one["RoleName"] for one in iam.list_roles()["Roles"] if part in one["RoleName"]]
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    role: str = iam.create_role(RoleName=f"copy-of-{part}", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        iam.put_role_policy(RoleName=f"copy-of-{part}", PolicyName=policy, PolicyDocument=json.dumps(document))
    return role


def _is_allowed(read: Callable[[], Any]) -> bool:
    try:
        read()
    except ClientError as error:
        if "AccessDenied" not in error.response["Error"]["Code"]:
            raise
        return False
    return True


_PLAYS_FOR_MORE_THAN_40_SECONDS: Final = """(() => {
    const audio = document.querySelector("audio");
    return audio.duration > 40 && audio.played.length > 0;
})()"""


def test_somebody_signs_in_reads_and_listens_in_a_browser(
    deployment: Deployment, url: str, people: dict[str, Person], tmp_path: Path
) -> None:
    one = new_call("heard")
    deployment.put(one, SAMPLE.read_bytes())
    deployment.transcribed(one)
    with needed_browser() as browser:
        page = browser.new_context(locale="en-US").new_page()
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        sign_in(page, url, people["ann"])
        looks = Looks(page)
        page.goto(f"{url}#/{CLINIC}/calls/{DAY}/{one.call_id}")
        page.locator(".w", has_text="cataract").first.click()
        # Where it is to begin can be read before anything is loaded; what was played cannot.
        eventually(lambda: page.evaluate(_PLAYS_FOR_MORE_THAN_40_SECONDS))
        assert not looks.complaints
        assert not looks.violations()
    views = ("live", "calls", "call", "roles", "review", "search", "overview", "operate")
    taken = {picture.name for picture in take_pictures(url, people["ann"], tmp_path)}
    assert taken == {f"{view}-{size}.png" for size in ("wide", "narrow") for view in views}
