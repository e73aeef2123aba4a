from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, CfnParameter, Duration, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template

from constructs_lib import ConnectWiring, MediaStreamStorage, RecordingBucket, RecordingStorage, _contact_flow
from constructs_lib.policies import Report, enforce
from lambdas.common.contact_flow import answer
from tests.conftest import REGION, new_app
from tests.constructs_lib.parts import logical_id, permissions

INSTANCE = f"arn:aws:connect:{REGION}:123456789012:instance/c8c0e68d-2200-4265-82c0-5a2f0c6d7e11"
START = f"arn:aws:lambda:{REGION}:123456789012:function:start"
END = f"arn:aws:lambda:{REGION}:123456789012:function:end"
MODULES = {"start": _contact_flow.start_module(START), "stop": _contact_flow.stop_module(END)}

# Actions of the flow language that the modules use: the parameters each needs and the errors it can end with (Amazon
# Connect API Reference, the action's page).
REQUIRED = {
    "UpdateContactMediaStreamingBehavior": {"MediaStreamingState", "MediaStreamType", "Participants"},
    "InvokeLambdaFunction": {"LambdaFunctionARN", "InvocationTimeLimitSeconds"},
    "Compare": {"ComparisonValue"},
    "EndFlowModuleExecution": set(),
}
ALLOWED = REQUIRED | {
    "InvokeLambdaFunction": REQUIRED["InvokeLambdaFunction"]
    | {"InvocationType", "LambdaInvocationAttributes", "ResponseValidation"}
}
ERRORS = {
    "UpdateContactMediaStreamingBehavior": {"NoMatchingError"},
    "InvokeLambdaFunction": {"NoMatchingError"},
    "Compare": {"NoMatchingCondition"},
    "EndFlowModuleExecution": set(),
}


def function(stack: Stack, name: str) -> lambda_.Function:
    return lambda_.Function(
        stack,
        name,
        code=lambda_.Code.from_inline("def handle(event, context): ..."),
        handler="index.handle",
        runtime=lambda_.Runtime.PYTHON_3_14,
    )


def wire(stack: Stack, **options: Any) -> ConnectWiring:
    arguments: dict[str, Any] = {"instance_arn": INSTANCE, **options}
    return ConnectWiring(
        stack, "Connect", start_function=function(stack, "StartFn"), end_function=function(stack, "EndFn"), **arguments
    )


def storage(stack: Stack) -> dict[str, dict[str, Any]]:
    """Return the instance's storage configurations by what they are for."""
    found = Template.from_stack(stack).find_resources("AWS::Connect::InstanceStorageConfig").values()
    return {resource["Properties"]["ResourceType"]: resource["Properties"] for resource in found}


def by_name(module: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {action["Identifier"]: action for action in module["Actions"]}


def targets(action: dict[str, Any]) -> list[str]:
    transitions = action["Transitions"]
    branches = [*transitions.get("Errors", []), *transitions.get("Conditions", [])]
    return [transitions["NextAction"], *(branch["NextAction"] for branch in branches)] if transitions else []


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
class TestModule:
    def test_it_is_of_the_flow_language(self, module: dict[str, Any]) -> None:
        assert module["Version"] == "2019-10-30"
        assert module.keys() == {"Version", "StartAction", "Metadata", "Actions", "Settings"}
        for action in module["Actions"]:
            assert action.keys() == {"Identifier", "Type", "Parameters", "Transitions"}
            assert REQUIRED[action["Type"]] <= action["Parameters"].keys() <= ALLOWED[action["Type"]]

    def test_every_block_leads_to_blocks_that_exist(self, module: dict[str, Any]) -> None:
        names = [action["Identifier"] for action in module["Actions"]]
        assert len(names) == len(set(names))
        assert {target for action in module["Actions"] for target in targets(action)} <= set(names)

    def test_every_block_is_reached(self, module: dict[str, Any]) -> None:
        actions, reached, ahead = by_name(module), set[str](), [module["StartAction"]]
        while ahead:
            name = ahead.pop()
            if name not in reached:
                reached.add(name)
                ahead += targets(actions[name])
        assert reached == actions.keys()

    def test_every_error_has_a_way_on(self, module: dict[str, Any]) -> None:
        for action in module["Actions"]:
            handled = {branch["ErrorType"] for branch in action["Transitions"].get("Errors", [])}
            assert handled == ERRORS[action["Type"]]

    def test_every_way_ends_by_returning_to_the_flow(self, module: dict[str, Any]) -> None:
        actions = by_name(module)
        ends = [name for name, action in actions.items() if not targets(action)]
        assert [actions[name]["Type"] for name in ends] == ["EndFlowModuleExecution"]

        def longest(name: str, seen: tuple[str, ...] = ()) -> int:
            assert name not in seen, "a module must not go round in circles"
            return 1 + max((longest(target, (*seen, name)) for target in targets(actions[name])), default=0)

        assert longest(module["StartAction"]) <= len(actions)

    def test_the_caller_waits_for_a_function_as_long_as_connect_allows_at_most(self, module: dict[str, Any]) -> None:
        invocations = [action for action in module["Actions"] if action["Type"] == "InvokeLambdaFunction"]
        assert len(invocations) == 1
        assert 0 < int(invocations[0]["Parameters"]["InvocationTimeLimitSeconds"]) <= 8
        assert invocations[0]["Parameters"]["ResponseValidation"] == {"ResponseType": "STRING_MAP"}

    def test_the_designer_can_draw_it(self, module: dict[str, Any]) -> None:
        positions = {name: data["position"] for name, data in module["Metadata"]["ActionMetadata"].items()}
        assert positions.keys() == by_name(module).keys()
        assert len({(place["x"], place["y"]) for place in positions.values()}) == len(positions)


def play(module: dict[str, Any], *, failing: str = "", answer: str = "") -> list[str]:
    """Run a module and return what it did to streaming and which functions it invoked."""
    actions, name, done = by_name(module), module["StartAction"], []
    while targets(action := actions[name]):
        transitions, parameters = action["Transitions"], action["Parameters"]
        if name == failing:
            name = transitions["Errors"][0]["NextAction"]
            continue
        branches = {condition["Condition"]["Operands"][0]: condition for condition in transitions["Conditions"]}
        if action["Type"] == "Compare":
            assert parameters["ComparisonValue"] == "$.External.live_transcription"
            name = (branches.get(answer) or transitions["Errors"][0])["NextAction"]
            continue
        done.append(parameters.get("MediaStreamingState") or parameters["LambdaFunctionARN"])
        name = transitions["NextAction"]
    return done


@pytest.mark.parametrize(
    ("failing", "answer", "done"),
    [
        ("", "started", ["Enabled", START]),
        ("", "refused", ["Enabled", START, "Disabled"]),
        pytest.param("", "", ["Enabled", START], id="an answer that cannot be read"),
        ("start-streaming", "", []),
        ("announce", "", ["Enabled", "Disabled"]),
    ],
)
def test_the_start_module_streams_while_somebody_listens(failing: str, answer: str, done: list[str]) -> None:
    assert play(MODULES["start"], failing=failing, answer=answer) == done


def test_the_start_module_reads_what_the_function_answers() -> None:
    check = by_name(MODULES["start"])["check-answer"]
    [condition] = check["Transitions"]["Conditions"]
    [refusal] = condition["Condition"]["Operands"]
    answered = answer(refusal, "no-clinic")
    assert check["Parameters"]["ComparisonValue"] in {f"$.External.{name}" for name in answered}


def test_what_cannot_be_stopped_does_not_stop_the_flow() -> None:
    module = MODULES["start"]
    stop = by_name(module)["stop-streaming"]
    assert targets(stop) == ["return", "return"]


@pytest.mark.parametrize(
    ("failing", "done"), [("", ["Disabled", END]), ("stop-streaming", []), ("note-end", ["Disabled"])]
)
def test_the_stop_module_stops_first_and_then_tells(failing: str, done: list[str]) -> None:
    assert play(MODULES["stop"], failing=failing) == done


@pytest.mark.parametrize("name", ["", "a/b", "a=b", "x" * 51])
def test_an_identifier_that_connect_refuses_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot identify"):
        _contact_flow.Action(name=name, kind="Compare")


def test_calls_are_streamed_encrypted_and_kept_for_a_day(stack: Stack) -> None:
    wiring = wire(stack)
    assert wiring.stream_key is not None
    assert storage(stack) == {
        "MEDIA_STREAMS": {
            "InstanceArn": INSTANCE,
            "ResourceType": "MEDIA_STREAMS",
            "StorageType": "KINESIS_VIDEO_STREAM",
            "KinesisVideoStreamConfig": {
                "Prefix": "callscribe",
                "RetentionPeriodHours": 24,
                "EncryptionConfig": {
                    "EncryptionType": "KMS",
                    "KeyId": {"Fn::GetAtt": [logical_id(wiring.stream_key), "Arn"]},
                },
            },
        }
    }


def test_a_key_made_here_rotates_and_outlives_the_stack(stack: Stack) -> None:
    wire(stack)
    Template.from_stack(stack).has_resource(
        "AWS::KMS::Key", {"DeletionPolicy": "Retain", "Properties": {"EnableKeyRotation": True}}
    )


def test_recordings_go_where_the_batch_half_finds_them(stack: Stack) -> None:
    recordings = RecordingBucket(stack, "Recordings")
    wire(stack, recordings=RecordingStorage(bucket=recordings.bucket, prefix="connect/lakeside"))
    assert storage(stack)["CALL_RECORDINGS"] == {
        "InstanceArn": INSTANCE,
        "ResourceType": "CALL_RECORDINGS",
        "StorageType": "S3",
        "S3Config": {
            "BucketName": {"Ref": logical_id(recordings.bucket)},
            "BucketPrefix": "connect/lakeside/CallRecordings",
            "EncryptionConfig": {
                "EncryptionType": "KMS",
                "KeyId": {"Fn::GetAtt": [logical_id(recordings.key), "Arn"]},
            },
        },
    }


def test_an_instance_that_streams_already_keeps_its_configuration(stack: Stack) -> None:
    wiring = wire(stack, media_streams=MediaStreamStorage(configure=False, prefix="theirs"))
    assert (storage(stack), wiring.stream_key) == ({}, None)
    Template.from_stack(stack).resource_count_is("AWS::KMS::Key", 0)
    Template.from_stack(stack).resource_count_is("AWS::Connect::ContactFlowModule", 2)


def test_the_instance_and_nobody_else_may_invoke_the_functions(stack: Stack) -> None:
    wire(stack)
    template = Template.from_stack(stack)
    for name in ("StartFn", "EndFn"):
        arn = {"Fn::GetAtt": [logical_id(stack.node.find_child(name)), "Arn"]}
        template.has_resource_properties(
            "AWS::Connect::IntegrationAssociation",
            {"InstanceId": INSTANCE, "IntegrationType": "LAMBDA_FUNCTION", "IntegrationArn": arn},
        )
        template.has_resource_properties(
            "AWS::Lambda::Permission",
            {
                "Action": "lambda:InvokeFunction",
                "FunctionName": arn,
                "Principal": "connect.amazonaws.com",
                "SourceArn": INSTANCE,
                "SourceAccount": "123456789012",
            },
        )


def test_the_modules_are_published_once_the_instance_may_invoke_their_functions(stack: Stack) -> None:
    wire(stack)
    resources = Template.from_stack(stack).to_json()["Resources"]
    modules = {
        resource["Properties"]["Name"]: resource
        for resource in resources.values()
        if resource["Type"] == "AWS::Connect::ContactFlowModule"
    }
    assert modules.keys() == {"Test: start live transcription", "Test: stop live transcription"}
    for module, name in zip(modules.values(), ("StartFn", "EndFn"), strict=True):
        function_id = logical_id(stack.node.find_child(name))
        [association] = [key for key in module["DependsOn"] if "Function" in key]
        assert resources[association]["Properties"]["IntegrationArn"] == {"Fn::GetAtt": [function_id, "Arn"]}
        assert module["Properties"]["State"] == "ACTIVE"
        parts = module["Properties"]["Content"]["Fn::Join"][1]
        content = json.loads("".join(part if isinstance(part, str) else "the-function" for part in parts))
        [invoke] = [action for action in content["Actions"] if action["Type"] == "InvokeLambdaFunction"]
        assert invoke["Parameters"]["LambdaFunctionARN"] == "the-function"
        assert {"Fn::GetAtt": [function_id, "Arn"]} in parts


def test_two_environments_can_share_an_instance(stack: Stack) -> None:
    wire(stack, module_name="Harbour")
    Template.from_stack(stack).has_resource_properties(
        "AWS::Connect::ContactFlowModule", {"Name": "Harbour: start live transcription"}
    )


def test_reading_is_granted_for_the_streams_of_the_prefix_only(stack: Stack) -> None:
    wiring = wire(stack)
    role = iam.Role(stack, "Streamer", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
    wiring.grant_read_streams(role)
    template = Template.from_stack(stack)
    assert wiring.stream_key is not None
    found = {(tuple(sorted(p.actions)), tuple(p.resources)) for p in permissions(template, role)}
    streams = f"arn:aws:kinesisvideo:{REGION}:<AWS::AccountId>:stream/callscribe-connect-*"
    assert found == {
        (("kinesisvideo:GetDataEndpoint", "kinesisvideo:GetMedia"), (streams,)),
        (("kms:Decrypt",), (f"<{logical_id(wiring.stream_key)}.Arn>",)),
    }
    [decrypt] = [p for p in permissions(template, role) if "kms:Decrypt" in p.actions]
    assert f"kinesisvideo.{REGION}.amazonaws.com" in decrypt.condition


def test_an_instance_of_the_same_app_can_be_wired_by_reference(stack: Stack) -> None:
    arn = CfnParameter(stack, "Instance").value_as_string
    wire(stack, instance_arn=arn)
    assert storage(stack)["MEDIA_STREAMS"]["InstanceArn"] == {"Ref": "Instance"}
    account = {"Fn::Select": [4, {"Fn::Split": [":", {"Ref": "Instance"}]}]}
    Template.from_stack(stack).has_resource_properties("AWS::Lambda::Permission", {"SourceAccount": account})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"instance_arn": "c8c0e68d-2200-4265-82c0-5a2f0c6d7e11"}, "not the ARN of an Amazon Connect instance"),
        ({"instance_arn": INSTANCE.replace(REGION, "us-east-1")}, f"in us-east-1 and this stack in {REGION}"),
        ({"module_name": "x" * 128}, "shorter module_name"),
    ],
)
def test_what_cannot_work_fails_before_the_deployment(stack: Stack, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wire(stack, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retention": Duration.hours(0)}, "choose whole hours from 1"),
        ({"retention": Duration.minutes(90)}, "choose whole hours"),
        ({"retention": Duration.days(3651)}, "choose whole hours from 1 to 87600"),
        ({"prefix": "call scribe"}, "letters, digits and dashes"),
        ({"prefix": "call_scribe/"}, "letters, digits and dashes"),
        ({"prefix": "x" * 41}, "1 to 40"),
    ],
)
def test_streams_that_no_instance_can_have_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"media_streams .*{message}"):
        MediaStreamStorage(**options)


def test_recordings_need_a_folder_and_the_key_of_their_bucket(stack: Stack) -> None:
    with pytest.raises(ValueError, match=r"prefix of recordings .*/connect/. is no folder"):
        RecordingStorage(bucket=RecordingBucket(stack, "Recordings").bucket, prefix="/connect/")
    with pytest.raises(ValueError, match=r"import the bucket with it, as Bucket\.from_bucket_attributes"):
        RecordingStorage(bucket=s3.Bucket.from_bucket_name(stack, "Theirs", "recordings"))


def test_functions_of_another_stack_can_be_wired() -> None:
    app = new_app()
    env = Environment(region=REGION, account="123456789012")
    functions, wiring = Stack(app, "Functions", env=env), Stack(app, "Wiring", env=env)
    ConnectWiring(
        wiring,
        "Connect",
        instance_arn=INSTANCE,
        start_function=function(functions, "StartFn"),
        end_function=function(functions, "EndFn"),
    )
    app.synth()
    Template.from_stack(wiring).resource_count_is("AWS::Lambda::Permission", 2)


def test_the_policies_find_nothing() -> None:
    app: App = new_app()
    enforce(app)
    stack = Stack(app, "Test", env=Environment(region=REGION))
    role = iam.Role(stack, "Streamer", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
    wiring = wire(stack)
    wiring.grant_read_streams(role)
    report = Report.of(app)
    # What this test makes around the construct is no matter of its.
    assert [finding for finding in report.open if "IAM5" in finding or "@ Test/Connect" in finding] == []
    assert [reason for finding, reason in report.acknowledged.items() if "callscribe-connect-" in finding]
    assert report.stale == []
