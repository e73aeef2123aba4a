"""The whole app: what is deployed where, and under which policies."""

import json
import platform
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import aws_cdk
import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template
from aws_cdk.cx_api import SynthesisMessageLevel
from syrupy.assertion import SnapshotAssertion

from app import LOCAL_SPEECH_URL_CONTEXT, build
from constructs_lib import DeepgramOptions
from constructs_lib.policies import Report
from stacks.environments import functions_on_this_machine
from tests.conftest import ROOT, new_app, normalised
from tests.stacks.differences import differences

STAGES = ("Local", "Dev", "Prod")
OUTPUTS = {
    "Storage": {"RecordingBucketName", "RecordingKeyArn", "TableName", "ArchiveBucketName", "DeepgramSecretArn"},
    "Batch": {
        "StateMachineArn",
        "WorkQueueUrl",
        "FailedCallsQueueUrl",
        "StrandedCallsQueueUrl",
        "EventBusName",
        "StoreFunctionName",
        "DefaultClinicId",
    },
    "Live": {
        *("LiveCallsQueueUrl", "FailedLiveCallsQueueUrl", "StartLiveCallFunctionName", "StartLiveCallFunctionArn"),
        *("EndLiveCallFunctionName", "StreamerTaskDefinitionArn", "StreamerTaskRoleArn", "StreamerServiceName"),
        *("StreamerClusterName", "MediaStreamPrefix", "FeedHttpUrl", "FeedRealtimeUrl", "FeedApiId"),
    },
}
STACKS = tuple(OUTPUTS)
CONSOLE_OUTPUTS = {"ConsoleUrl", "ConsoleClientId", "SearchFunctionName", "SearchBucketName"}
# Renaming one of these replaces it, and what it holds is gone or out of reach.
STATEFUL = {
    "AWS::S3::Bucket": {
        "RecordingsAccessLogs",
        "RecordingsBucket",
        "ArchiveBucket",
    },
    "AWS::DynamoDB::GlobalTable": {"TranscriptsTable"},
    "AWS::SecretsManager::Secret": {"DeepgramSecret"},
    "AWS::KMS::Key": {"RecordingsKey", "TranscriptsKey", "DeepgramKey"},
}
# Calls that run, and the address under which they are followed.
LIVE_STATEFUL = {
    "AWS::SQS::Queue": {"StreamerQueue", "StreamerFailedCalls"},
    "AWS::KMS::Key": {"StreamerKey", "FeedKey"},
    "AWS::AppSync::Api": {"FeedApi"},
}


@pytest.fixture(scope="module")
def app() -> App:
    """What ``python app.py`` makes and synthesises: all environments; nobody changes them.

    Bundling, tested elsewhere, is switched off.
    """
    app = new_app(rules=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws_cdk, "App", lambda: app)
        runpy.run_path(str(ROOT / "app.py"), run_name="__main__")
    return app


@pytest.fixture(scope="module")
def report(app: App) -> Report:
    return Report.of(app)


def stack_of(app: App, stage: str, name: str) -> Stack:
    return cast(Stack, app.node.find_child(stage).node.find_child(name))


def template_of(app: App, stage: str, name: str) -> Template:
    return Template.from_stack(stack_of(app, stage, name))


@pytest.mark.parametrize("name", STACKS)
def test_prod_is_as_it_was(app: App, name: str, snapshot: SnapshotAssertion) -> None:
    assert normalised(template_of(app, "Prod", name)) == snapshot


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("stage", ["Dev", "Local"])
def test_other_environments_differ_from_prod_as_they_did(
    app: App, stage: str, name: str, snapshot: SnapshotAssertion
) -> None:
    template = normalised(template_of(app, stage, name))
    if stage == "Local":
        _forget_this_machine(template)
    prod = normalised(template_of(app, "Prod", name))
    assert differences(prod, template, stage="Prod", other=stage) == snapshot


def test_the_console_is_as_it_was(app: App, snapshot: SnapshotAssertion) -> None:
    template = normalised(template_of(app, "Local", "Console"))
    _forget_this_machine(template)
    assert template == snapshot


def test_only_an_environment_that_wants_a_console_has_one(app: App) -> None:
    having = {stage for stage in STAGES if app.node.find_child(stage).node.try_find_child("Console") is not None}
    assert having == {"Local"}
    assert set(template_of(app, "Local", "Console").to_json()["Outputs"]) == CONSOLE_OUTPUTS


def _forget_this_machine(template: dict[str, Any]) -> None:
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"] |= {"Architectures": ["<this machine's>"], "Runtime": "<this machine's>"}
        if resource["Type"] == "AWS::ECS::TaskDefinition":
            resource["Properties"]["RuntimePlatform"]["CpuArchitecture"] = "<this machine's>"


def test_the_app_synthesises_by_itself(app: App) -> None:
    assert (Path(app.outdir) / "manifest.json").exists()


def test_no_finding_is_open_and_no_acknowledgement_stale(report: Report) -> None:
    assert report.open == []
    assert report.stale == []


def test_every_acknowledgement_says_why(report: Report) -> None:
    reasons = report.acknowledged.values()
    assert reasons
    assert all(len(reason.split()) >= 5 for reason in reasons)


@pytest.mark.parametrize(("name", "stateful"), [("Storage", STATEFUL), ("Live", LIVE_STATEFUL)])
@pytest.mark.parametrize("stage", STAGES)
def test_what_holds_data_keeps_its_logical_id(app: App, stage: str, name: str, stateful: dict[str, set[str]]) -> None:
    hash_length = 8
    found: dict[str, set[str]] = {}
    for logical_id, resource in template_of(app, stage, name).to_json()["Resources"].items():
        if resource["Type"] in stateful:
            found.setdefault(resource["Type"], set()).add(logical_id[:-hash_length])
    assert found == stateful


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("stage", STAGES)
def test_outputs_are_those_that_tools_look_for(app: App, stage: str, name: str) -> None:
    outputs = template_of(app, stage, name).to_json()["Outputs"]
    users = {"ConsoleUserPoolId"} if (stage, name) == ("Local", "Storage") else set()
    assert {output for output in outputs if not output.startswith(("PublishOutput", "ExportsOutput"))} == {
        *OUTPUTS[name],
        *users,
    }


@pytest.mark.parametrize(("stage", "kept"), [("Local", False), ("Dev", False), ("Prod", True)])
def test_only_the_data_of_prod_outlives_its_stacks(app: App, stage: str, kept: bool) -> None:
    for resource in template_of(app, stage, "Storage").to_json()["Resources"].values():
        if resource["Type"] in STATEFUL:
            assert resource["DeletionPolicy"] == ("Retain" if kept else "Delete")
    for name in STACKS:
        assert stack_of(app, stage, name).termination_protection is kept


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("stage", STAGES)
def test_a_deployment_needs_nothing_but_cloudformation(app: App, stage: str, name: str) -> None:
    types = {resource["Type"] for resource in template_of(app, stage, name).to_json()["Resources"].values()}
    assert not [kind for kind in types if kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource"]


def test_no_account_is_written_down(app: App) -> None:
    for stage in STAGES:
        for name in STACKS:
            assert stack_of(app, stage, name).resolve(stack_of(app, stage, name).account) == {"Ref": "AWS::AccountId"}
            assert stack_of(app, stage, name).region == "us-east-1"


def test_local_functions_run_on_this_machine(app: App) -> None:
    arm = platform.machine().lower() in ("arm64", "aarch64")
    template_of(app, "Local", "Batch").all_resources_properties(
        "AWS::Lambda::Function",
        {
            "Runtime": f"python{sys.version_info.major}.{sys.version_info.minor}",
            "Architectures": ["arm64" if arm else "x86_64"],
        },
    )


@pytest.mark.parametrize(
    ("system", "machine", "wheels"),
    [
        ("darwin", "arm64", "aarch64-apple-darwin"),
        ("darwin", "x86_64", "x86_64-apple-darwin"),
        ("linux", "aarch64", None),
        ("linux", "x86_64", None),
    ],
)
def test_wheels_are_chosen_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, wheels: str | None
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    functions = functions_on_this_machine()
    assert functions.bundling_platform == wheels
    assert functions.architecture.name == ("x86_64" if machine == "x86_64" else "arm64")


def test_local_calls_go_to_the_local_speech_server(app: App) -> None:
    assert _speech_urls(app) == {"http://127.0.0.1:8787"}


def test_the_local_speech_server_can_listen_elsewhere(make_app: Callable[..., App]) -> None:
    app = build(make_app(context={LOCAL_SPEECH_URL_CONTEXT: "http://127.0.0.1:9999"}))
    assert _speech_urls(app) == {"http://127.0.0.1:9999"}


def _speech_urls(app: App) -> set[str]:
    functions = template_of(app, "Local", "Batch").find_resources("AWS::Lambda::Function").values()
    variables = [function["Properties"]["Environment"]["Variables"] for function in functions]
    streamer = streamer_variables(app, "Local")["DEEPGRAM_STREAM_URL"]
    assert streamer.startswith("ws://")
    return {streamer.replace("ws", "http", 1)} | {
        found["DEEPGRAM_BASE_URL"] for found in variables if "DEEPGRAM_BASE_URL" in found
    }


def streamer_variables(app: App, stage: str) -> dict[str, Any]:
    [task] = template_of(app, stage, "Live").find_resources("AWS::ECS::TaskDefinition").values()
    [container] = task["Properties"]["ContainerDefinitions"]
    return {variable["Name"]: variable["Value"] for variable in container["Environment"]}


def test_patients_audio_is_kept_out_of_training(app: App) -> None:
    for stage in STAGES:
        functions = template_of(app, stage, "Batch").find_resources("AWS::Lambda::Function").values()
        options = [
            json.loads(function["Properties"]["Environment"]["Variables"]["DEEPGRAM_OPTIONS"])
            for function in functions
            if "DEEPGRAM_OPTIONS" in function["Properties"]["Environment"]["Variables"]
        ]
        assert [option["mip_opt_out"] for option in options] == [DeepgramOptions().mip_opt_out] * 2
        assert json.loads(streamer_variables(app, stage)["DEEPGRAM_OPTIONS"])["mip_opt_out"] is True


def test_a_clinics_words_are_kept_once(app: App) -> None:
    for stage in STAGES:
        path = streamer_variables(app, stage)["VOCABULARY_PATH"]
        names = [
            parameter["Properties"]["Name"]
            for parameter in template_of(app, stage, "Batch").find_resources("AWS::SSM::Parameter").values()
        ]
        assert names
        assert all(name.startswith(path) for name in names)
        template_of(app, stage, "Live").resource_count_is("AWS::SSM::Parameter", 0)


@pytest.mark.parametrize(("stage", "tasks"), [("Dev", 1), ("Prod", 2)])
def test_patients_calls_survive_the_loss_of_a_streamer(app: App, stage: str, tasks: int) -> None:
    template_of(app, stage, "Live").has_resource_properties(
        "AWS::ApplicationAutoScaling::ScalableTarget", {"MinCapacity": tasks}
    )


def test_no_environment_follows_more_calls_than_deepgram_streams(app: App) -> None:
    for stage in STAGES:
        live = (
            app.synth()
            .get_nested_assembly(f"assembly-{stage}")
            .get_stack_artifact(stack_of(app, stage, "Live").artifact_id)
        )
        assert [message.entry.data for message in live.messages if message.level is SynthesisMessageLevel.WARNING] == []


def test_local_tasks_are_of_this_machine_and_nothing_pulls_their_image(app: App) -> None:
    template = template_of(app, "Local", "Live")
    [task] = template.find_resources("AWS::ECS::TaskDefinition").values()
    [container] = task["Properties"]["ContainerDefinitions"]
    arm = platform.machine().lower() in ("arm64", "aarch64")
    assert task["Properties"]["RuntimePlatform"]["CpuArchitecture"] == ("ARM64" if arm else "X86_64")
    assert container["Image"] == "callscribe-streamer"
    template.resource_count_is("AWS::EC2::NatGateway", 0)


@pytest.mark.parametrize("stage", ["Dev", "Prod"])
def test_the_image_of_streamers_is_built_from_the_sources(app: App, stage: str) -> None:
    [task] = template_of(app, stage, "Live").find_resources("AWS::ECS::TaskDefinition").values()
    [container] = task["Properties"]["ContainerDefinitions"]
    assert "container-assets" in json.dumps(container["Image"])
