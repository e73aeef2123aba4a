import argparse
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.session import Session
from botocore.stub import Stubber

from callscribe.contract.outputs import DeploymentOutput
from operations import environment
from operations.environment import UnusableEnvironment, emulator_credentials


@pytest.fixture(autouse=True)
def _region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def arguments(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    environment.add_arguments(parser, *DeploymentOutput)
    return parser.parse_args(argv)


class StubbedSession:
    """A session whose CloudFormation knows the given stacks and nothing else."""

    region_name = "eu-central-1"

    def __init__(self, **outputs_by_stack: dict[str, str]) -> None:
        self.outputs_by_stack = {name.replace("_", "-"): outputs for name, outputs in outputs_by_stack.items()}
        self.error = "ValidationError", "Stack with id {} does not exist"

    def __call__(self, **_: Any) -> "StubbedSession":
        return self

    def client(self, service: str, **_: Any) -> Any:
        assert service == "cloudformation"
        return self

    def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803 - the name boto3 uses
        session = Session(aws_access_key_id="k", aws_secret_access_key="s", region_name=self.region_name)
        client = session.client("cloudformation")
        with Stubber(client) as stub:
            if StackName in self.outputs_by_stack:
                outputs = [{"OutputKey": k, "OutputValue": v} for k, v in self.outputs_by_stack[StackName].items()]
                stack = {
                    "StackName": StackName,
                    "StackStatus": "CREATE_COMPLETE",
                    "CreationTime": "2026-11-22T00:00:00Z",
                }
                stub.add_response("describe_stacks", {"Stacks": [{**stack, "Outputs": outputs}]})
            else:
                code, message = self.error
                stub.add_client_error("describe_stacks", code, message.format(StackName))
            return client.describe_stacks(StackName=StackName)


def test_outputs_of_all_stacks_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    session = StubbedSession(
        Dev_Storage={"TableName": "t"}, Dev_Batch={"WorkQueueUrl": "q"}, Dev_Live={"FeedApiId": "f"}
    )
    monkeypatch.setattr(boto3, "Session", session)
    target = environment.connect(arguments("--environment", "Dev"))
    assert [target.output(name) for name in ("TableName", "WorkQueueUrl", "FeedApiId")] == ["t", "q", "f"]


def test_an_environment_may_do_without_live_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "Session", StubbedSession(Dev_Storage={"TableName": "t"}, Dev_Batch={}))
    target = environment.connect(arguments("--environment", "Dev"))
    assert target.output("TableName") == "t"
    with pytest.raises(UnusableEnvironment, match=r"no output FeedApiId in .*Dev-Live"):
        target.output("FeedApiId")


def test_a_missing_stack_is_named_with_the_command_that_deploys_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "Session", StubbedSession(Dev_Storage={}))
    with pytest.raises(UnusableEnvironment, match=r"no stack Dev-Batch in eu-central-1.*cdk deploy 'Dev/\*'"):
        environment.connect(arguments("--environment", "Dev"))


def test_a_refused_lookup_is_told_apart_from_a_missing_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    session = StubbedSession()
    session.error = "AccessDenied", "not authorized"
    monkeypatch.setattr(boto3, "Session", session)
    with pytest.raises(UnusableEnvironment, match=r"cannot describe stack Dev-Storage.*AccessDenied"):
        environment.connect(arguments("--environment", "Dev"))


def test_an_outputs_file_replaces_the_lookup(tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps({"Dev-Storage": {"TableName": "t"}, "Prod-Storage": {"TableName": "other"}}))
    target = environment.connect(arguments("--environment", "Dev", "--stack-outputs", str(file)))
    assert target.output("TableName") == "t"
    with pytest.raises(UnusableEnvironment, match="no output WorkQueueUrl in Dev-Storage, Dev-Batch, Dev-Live"):
        target.output("WorkQueueUrl")


@pytest.mark.parametrize("text", [None, "no json", "[]"])
def test_an_unreadable_outputs_file_is_named(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "outputs.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UnusableEnvironment, match=str(file)):
        environment.connect(arguments("--environment", "Dev", "--stack-outputs", str(file)))


def test_an_unknown_profile_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(UnusableEnvironment, match="absent"):
        environment.connect(arguments("--environment", "Dev", "--profile", "absent"))


def test_local_is_the_emulator_whatever_the_shell_holds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_PROFILE", "absent")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a-real-key")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("CALLSCRIBE_EMULATOR_PORT", "4999")
    monkeypatch.setattr(environment, "EMULATOR_DIRECTORY", tmp_path)
    emulator_credentials(4999).write_text("[default]\naws_access_key_id = own\naws_secret_access_key = secret\n")
    file = tmp_path / "outputs.json"
    file.write_text("{}")
    target = environment.connect(arguments("--environment", "Local", "--stack-outputs", str(file)))
    credentials = target.session.get_credentials()
    assert target.sqs().meta.endpoint_url == "http://127.0.0.1:4999"
    assert target.session.region_name == "us-east-1"
    assert credentials is not None
    assert (credentials.access_key, credentials.secret_key) == ("own", "secret")


@pytest.mark.parametrize("text", [None, "", "[default]\naws_access_key_id = own\n", "[other]\n", "no file of AWS's"])
def test_without_the_session_s_access_key_the_emulator_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None
) -> None:
    monkeypatch.setenv("CALLSCRIBE_EMULATOR_PORT", "4999")
    monkeypatch.setattr(environment, "EMULATOR_DIRECTORY", tmp_path)
    if text is not None:
        emulator_credentials(4999).write_text(text)
    with pytest.raises(UnusableEnvironment, match="start the environment with `make local`"):
        environment.connect(arguments("--environment", "Local"))


def test_an_emulator_elsewhere_has_the_key_of_its_own_port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(environment, "EMULATOR_DIRECTORY", tmp_path)
    emulator_credentials(5001).write_text("[default]\naws_access_key_id = other\naws_secret_access_key = secret\n")
    file = tmp_path / "outputs.json"
    file.write_text("{}")
    target = environment.emulator(endpoint_url="http://127.0.0.1:5001", stack_outputs=file)
    credentials = target.session.get_credentials()
    assert credentials is not None
    assert credentials.access_key == "other"


EXPORTED = {
    "CallsCallScribeTableName0A1B2C3D": "transcripts",
    "CallsCallScribeWorkQueueUrl0A1B2C3D": "https://sqs.eu-west-1.amazonaws.com/111122223333/work",
    "TableName": "of somebody else",
}
STACK_ARN = "arn:aws:cloudformation:eu-west-1:111122223333:stack/Shop/5f3c"


def test_any_stack_whose_constructs_name_their_parts_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    session = StubbedSession(Shop=EXPORTED, Data={"CallScribeArchiveBucketName0A1B2C3D": "a"})
    monkeypatch.setattr(boto3, "Session", session)
    target = environment.connect(arguments("--stack", "Shop", "--stack", "Data"))
    assert target.outputs == {
        "TableName": "transcripts",
        "WorkQueueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/work",
        "ArchiveBucketName": "a",
    }
    assert target.command("calls", "--failed") == "callscribe calls --stack Shop --stack Data --failed"
    assert target.alarm_prefixes == ["Shop-", "Data-"]
    with pytest.raises(UnusableEnvironment, match=r"no output of Shop, Data names StateMachineArn.*--state-machine"):
        target.output("StateMachineArn")


def test_a_stack_without_our_constructs_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "Session", StubbedSession(Shop={"TableName": "of somebody else"}))
    with pytest.raises(UnusableEnvironment, match=r"no construct of CallScribe names its parts in Shop"):
        environment.connect(arguments("--stack", "Shop"))


def test_a_stack_that_is_not_there_is_named_with_its_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "Session", StubbedSession())
    with pytest.raises(UnusableEnvironment, match=r"no stack Shop in eu-central-1"):
        environment.connect(arguments("--stack", "Shop"))


def test_of_several_constructs_in_a_stack_one_is_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    two = {f"{path}CallScribeTableName0A1B2C3D": path.lower() for path in ("ShopEast", "ShopWest")}
    monkeypatch.setattr(boto3, "Session", StubbedSession(Stack=two))
    with pytest.raises(UnusableEnvironment, match=r"say which with --construct: ShopEast, ShopWest"):
        environment.connect(arguments("--stack", "Stack"))
    target = environment.connect(arguments("--stack", "Stack", "--construct", "Shop/West"))
    assert target.output("TableName") == "shopwest"
    assert target.command("doctor") == "callscribe doctor --stack Stack --construct Shop/West"
    with pytest.raises(UnusableEnvironment, match=r"no construct Shop/North"):
        environment.connect(arguments("--stack", "Stack", "--construct", "Shop/North"))


def test_the_arn_of_a_stack_brings_its_region(tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps({"Shop": EXPORTED}))
    target = environment.connect(arguments("--stack", STACK_ARN, "--stack-outputs", str(file)))
    assert target.session.region_name == "eu-west-1"
    assert target.output("TableName") == "transcripts"


def test_single_resources_need_no_stack_and_bring_their_region() -> None:
    target = environment.connect(
        arguments(
            *("--table", "arn:aws:dynamodb:eu-west-1:111122223333:table/transcripts"),
            *("--archive-bucket", "arn:aws:s3:::archive"),
            *("--work-queue", "arn:aws:sqs:eu-west-1:111122223333:work"),
            *("--streamer-cluster", "arn:aws:ecs:eu-west-1:111122223333:cluster/calls"),
        )
    )
    assert target.session.region_name == "eu-west-1"
    assert target.output("ArchiveBucketName") == "archive"
    assert target.output("WorkQueueUrl") == "https://sqs.eu-west-1.amazonaws.com/111122223333/work"
    assert target.output("StreamerClusterName") == "calls"
    assert target.alarm_prefixes == []
    with pytest.raises(UnusableEnvironment, match=r"^--state-machine is missing$"):
        target.output("StateMachineArn")


@pytest.mark.parametrize(
    ("arn", "url"),
    [
        ("arn:aws-cn:sqs:cn-north-1:1:work", "https://sqs.cn-north-1.amazonaws.com.cn/1/work"),
        ("arn:aws-us-gov:sqs:us-gov-west-1:1:work", "https://sqs.us-gov-west-1.amazonaws.com/1/work"),
    ],
)
def test_a_queue_is_reached_in_its_partition(arn: str, url: str) -> None:
    target = environment.connect(arguments("--work-queue", arn))
    assert target.output("WorkQueueUrl") == url
    assert environment.connect(arguments("--work-queue", url)).session.region_name == target.session.region_name


def test_resources_of_several_regions_are_refused() -> None:
    table = "arn:aws:dynamodb:eu-west-1:111122223333:table/transcripts"
    with pytest.raises(UnusableEnvironment, match="several regions, eu-west-1, us-east-1"):
        environment.connect(arguments("--table", table, "--work-queue", "https://sqs.us-east-1.amazonaws.com/1/work"))


def test_a_missing_region_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(UnusableEnvironment, match="there is no region: name it with --region"):
        environment.connect(arguments("--table", "transcripts"))


def test_a_single_resource_takes_the_place_of_an_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "Session", StubbedSession(Dev_Storage={"TableName": "t"}, Dev_Batch={}))
    assert environment.connect(arguments("--environment", "Dev", "--table", "other")).output("TableName") == "other"


@pytest.mark.parametrize("argv", [(), ("--environment", "Dev", "--stack", "Shop")])
def test_a_deployment_is_named_in_one_way(argv: tuple[str, ...]) -> None:
    with pytest.raises(argparse.ArgumentError, match="--stack"):
        environment.connect(arguments(*argv))


def test_a_file_of_outputs_brings_the_region(tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps({"Dev-Batch": {"StateMachineArn": "arn:aws:states:eu-west-1:1:stateMachine:x"}}))
    target = environment.connect(arguments("--environment", "Dev", "--stack-outputs", str(file)))
    assert target.session.region_name == "eu-west-1"
