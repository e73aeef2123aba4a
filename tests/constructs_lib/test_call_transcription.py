"""Everything in one statement: what it defines, what its parts share, and what is used of what it is given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Annotations, Match, Template

from callscribe.contract.outputs import DeploymentOutput, exported
from constructs_lib import (
    CallTranscription,
    Capacity,
    ClinicRules,
    LiveCalls,
    LiveTranscriptFeed,
    MediaStreamStorage,
    RecordingPolicy,
)
from constructs_lib.policies import Report, enforce
from tests.conftest import FLAGS, NO_ASSETS, REGION, new_app
from tests.constructs_lib.live_parts import variables
from tests.constructs_lib.parts import environment, logical_id, new_stack, permissions, properties, reader

INSTANCE = f"arn:aws:connect:{REGION}:111122223333:instance/12345678-1234-1234-1234-123456789012"
QUEUE = f"{INSTANCE}/queue/87654321-4321-4321-4321-210987654321"
# Of each of these, there is one for all parts together.
SHARED = ("AWS::KMS::Key", "AWS::SecretsManager::Secret", "AWS::Events::EventBus", "AWS::SNS::Topic")


def counts(template: Template, *types: str) -> dict[str, int]:
    return {kind: len(template.find_resources(kind)) for kind in types}


def resources(template: Template) -> dict[str, Any]:
    found: dict[str, Any] = template.to_json()["Resources"]
    return found


def keys_named(value: Any) -> Iterator[str]:
    """Yield whatever stands where a resource names the key that encrypts it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("KmsKeyId", "KmsMasterKeyId", "KMSMasterKeyID", "KMSMasterKeyId", "KeyId", "KmsKeyIdentifier"):
                yield json.dumps(inner)
            else:
                yield from keys_named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_named(inner)


@pytest.fixture(scope="module", params=[{}, FLAGS], ids=["no flags", "all flags"])
def flags(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    return found


@pytest.fixture(scope="module")
def whole(flags: dict[str, Any]) -> tuple[CallTranscription, Template]:
    """Recordings and live calls of an instance that is wired."""
    app = App(context={**flags, **NO_ASSETS}, builtin_cloud_formation_validation=False)
    stack = Stack(app, "Foreign", env=Environment(region=REGION))
    calls = CallTranscription(
        stack,
        "Calls",
        instance_arn=INSTANCE,
        live=LiveCalls(recordings_prefix="connect"),
        clinics=ClinicRules(default_clinic_id="main", clinic_by_queue={QUEUE: "lakeside"}),
        vocabulary={"main": ["glaucoma"]},
    )
    return calls, Template.from_stack(stack)


class TestWithoutOptions:
    def test_recordings_are_transcribed_with_one_of_each_that_can_be_shared(self) -> None:
        stack = new_stack()
        calls = CallTranscription(stack, "Calls")
        template = Template.from_stack(stack)
        assert counts(template, *SHARED) == dict.fromkeys(SHARED, 1)
        assert counts(
            template, "AWS::StepFunctions::StateMachine", "AWS::DynamoDB::GlobalTable", "AWS::S3::Bucket"
        ) == {
            "AWS::StepFunctions::StateMachine": 1,
            "AWS::DynamoDB::GlobalTable": 1,
            "AWS::S3::Bucket": 3,  # recordings, archive, and one for the access logs of both
        }
        assert (calls.streamer, calls.feed, calls.wiring) == (None, None, None)
        template.resource_count_is("AWS::ECS::Service", 0)
        template.resource_count_is("AWS::AppSync::Api", 0)

    def test_what_holds_calls_is_kept_when_the_stack_goes(self) -> None:
        stack = new_stack()
        CallTranscription(stack, "Calls")
        template = resources(Template.from_stack(stack))
        kept = {one["Type"] for one in template.values() if str(one.get("DeletionPolicy", "")).startswith("Retain")}
        assert kept >= {
            *("AWS::S3::Bucket", "AWS::DynamoDB::GlobalTable", "AWS::SecretsManager::Secret", "AWS::KMS::Key"),
        }


class TestOutputs:
    """By which an operator's commands find what is deployed."""

    def test_with_live_calls_every_output_is_there(self, whole: tuple[CallTranscription, Template]) -> None:
        calls, template = whole
        found = {exported(key): output["Value"] for key, output in template.to_json()["Outputs"].items()}
        assert {name for entry in found if entry for name in entry[1:]} >= {*DeploymentOutput} - {
            DeploymentOutput.ANALYSE_FUNCTION,
            DeploymentOutput.CONSOLE_CLIENT,
            DeploymentOutput.CONSOLE_URL,
            DeploymentOutput.CONSOLE_USER_POOL,
            DeploymentOutput.DEFAULT_CLINIC,
            DeploymentOutput.ROLE_NAMES,
            DeploymentOutput.SEARCH_BUCKET,
            DeploymentOutput.SEARCH_FUNCTION,
            DeploymentOutput.TIME_ZONES,
        }
        assert {entry[0] for entry in found if entry} == {"Calls"}
        queue = cast(sqs.CfnQueue, calls.workflow.queue.node.default_child)
        assert found["Calls", DeploymentOutput.WORK_QUEUE] == {"Ref": Stack.of(queue).get_logical_id(queue)}

    def test_of_recordings_alone_nothing_live_is_named(self) -> None:
        stack = new_stack()
        CallTranscription(stack, "Calls", clinics=ClinicRules(default_clinic_id="main"))
        outputs = Template.from_stack(stack).to_json()["Outputs"]
        found = {entry[1]: outputs[key]["Value"] for key in outputs if (entry := exported(key))}
        assert found[DeploymentOutput.DEFAULT_CLINIC] == "main"
        assert DeploymentOutput.STATE_MACHINE in found
        assert not {name for name in found if "Live" in name or "Streamer" in name or "Feed" in name}


class TestLive:
    def test_both_halves_share_one_of_each(self, whole: tuple[CallTranscription, Template]) -> None:
        _, template = whole
        assert counts(template, *SHARED) == dict.fromkeys(SHARED, 1)

    def test_everything_is_encrypted_by_the_one_key(self, whole: tuple[CallTranscription, Template]) -> None:
        calls, template = whole
        found = set(keys_named(resources(template)))
        key = logical_id(calls.key)
        assert found <= {json.dumps({"Ref": key}), json.dumps({"Fn::GetAtt": [key, "Arn"]}), '"alias/aws/sqs"'}

    def test_secret_vocabulary_bus_and_table_are_the_same(self, whole: tuple[CallTranscription, Template]) -> None:
        calls, template = whole
        assert calls.streamer
        of_function = environment(template, calls.workflow.transcription.function)
        of_streamer = variables(template, calls.streamer)
        for name in ("DEEPGRAM_SECRET_ARN", "VOCABULARY_PATH", "TABLE_NAME"):
            assert of_streamer[name] == of_function[name]
        assert calls.streamer.bus is calls.workflow.bus is calls.bus
        assert calls.streamer.alarm_topic is calls.workflow.alarm_topic is calls.alarm_topic
        template.resource_count_is("AWS::SSM::Parameter", 1)

    def test_the_instance_streams_under_the_name_and_key_that_the_streamers_read(
        self, whole: tuple[CallTranscription, Template]
    ) -> None:
        calls, template = whole
        assert calls.streamer
        [media] = [
            resource["Properties"]["KinesisVideoStreamConfig"]
            for resource in template.find_resources("AWS::Connect::InstanceStorageConfig").values()
            if resource["Properties"]["ResourceType"] == "MEDIA_STREAMS"
        ]
        assert media["Prefix"] == "callscribe"
        assert media["EncryptionConfig"]["KeyId"] == {"Fn::GetAtt": [logical_id(calls.key), "Arn"]}
        allowed = permissions(template, calls.streamer.task_role)
        assert any("stream/callscribe*" in resource for one in allowed for resource in one.resources)
        assert any("kinesisvideo." in one.condition and "kms:Decrypt" in one.actions for one in allowed)

    def test_a_live_call_is_not_transcribed_twice(self, whole: tuple[CallTranscription, Template]) -> None:
        calls, template = whole
        assert environment(template, calls.workflow.admit_function)["LIVE_TRANSCRIPTS"] == "when-incomplete"

    def test_the_instance_stores_its_recordings_in_the_same_bucket(
        self, whole: tuple[CallTranscription, Template]
    ) -> None:
        calls, template = whole
        [recordings] = [
            resource["Properties"]["S3Config"]
            for resource in template.find_resources("AWS::Connect::InstanceStorageConfig").values()
            if resource["Properties"]["ResourceType"] == "CALL_RECORDINGS"
        ]
        assert recordings["BucketName"] == {"Ref": logical_id(calls.recordings)}

    def test_nothing_is_left_to_warn_of(self, whole: tuple[CallTranscription, Template]) -> None:
        calls, _ = whole
        warnings = Annotations.from_stack(Stack.of(calls)).find_warning("*", Match.string_like_regexp("callscribe:.*"))
        assert not warnings

    def test_without_an_instance_the_flow_is_wired_by_hand(self) -> None:
        stack = new_stack()
        calls = CallTranscription(
            stack,
            "Calls",
            live=LiveCalls(media_streams=MediaStreamStorage(prefix="ours")),
            clinics=ClinicRules(clinic_by_queue={QUEUE: "lakeside"}),
        )
        template = Template.from_stack(stack)
        assert calls.wiring is None
        assert calls.streamer
        assert calls.streamer.stream_prefix == "ours"
        assert calls.streamer.stream_key is None
        template.resource_count_is("AWS::Connect::InstanceStorageConfig", 0)
        # Nobody tells the workflow the queue of a recording's contact; the flow tells it of a live call.
        assert "lakeside" not in environment(template, calls.workflow.admit_function)["CLINICS"]
        assert "lakeside" in environment(template, calls.streamer.start_function)["CLINICS"]

    def test_an_instance_that_is_wired_by_hand_stays_as_it_is(self) -> None:
        stack = new_stack()
        calls = CallTranscription(stack, "Calls", instance_arn=INSTANCE, live=LiveCalls(wire=False))
        assert calls.wiring is None
        Template.from_stack(stack).resource_count_is("AWS::Connect::ContactFlowModule", 0)

    def test_an_instance_that_streams_already_gets_the_modules_alone(self) -> None:
        stack = new_stack()
        own = kms.Key(stack, "Streams")
        calls = CallTranscription(
            stack,
            "Calls",
            instance_arn=INSTANCE,
            live=LiveCalls(media_streams=MediaStreamStorage(prefix="theirs", configure=False, key=own)),
        )
        assert calls.streamer
        assert calls.streamer.stream_key is own
        template = Template.from_stack(stack)
        template.resource_count_is("AWS::Connect::InstanceStorageConfig", 0)
        template.resource_count_is("AWS::Connect::ContactFlowModule", 2)


class Brought:
    """Every part that can be brought, in a stack of its own."""

    def __init__(self, app: App) -> None:
        self.stack = Stack(app, "Theirs", env=Environment(region=REGION))
        self.key = kms.Key(self.stack, "Key")
        self.recordings = s3.Bucket(self.stack, "Recordings", event_bridge_enabled=True, encryption_key=self.key)
        self.archive = s3.Bucket(self.stack, "Archive", encryption_key=self.key)
        self.table = dynamodb.Table.from_table_name(self.stack, "Table", "theirs")
        self.secret = secretsmanager.Secret(self.stack, "Secret", encryption_key=self.key)
        self.bus = events.EventBus(self.stack, "Bus")
        self.topic = sns.Topic(self.stack, "Topic")

    def calls(self, stack: Stack, construct_id: str = "Calls", **options: Any) -> CallTranscription:
        return CallTranscription(
            stack,
            construct_id,
            recordings=self.recordings,
            table=self.table,
            archive=self.archive,
            secret=self.secret,
            key=self.key,
            bus=self.bus,
            alarm_topic=self.topic,
            **options,
        )


class TestBrought:
    def test_every_part_is_used_everywhere_and_none_is_made(self) -> None:
        ours = new_stack("Ours")
        theirs = Brought(cast(App, ours.node.root))
        calls = theirs.calls(ours, instance_arn=INSTANCE, live=LiveCalls())
        template = Template.from_stack(ours)
        made = (*SHARED, "AWS::S3::Bucket", "AWS::DynamoDB::GlobalTable", "AWS::DynamoDB::Table")
        assert counts(template, *made) == dict.fromkeys(made, 0)
        assert calls.streamer
        assert (calls.recordings, calls.table, calls.archive) == (theirs.recordings, theirs.table, theirs.archive)
        assert calls.secret is theirs.secret is calls.streamer.secret
        assert calls.key is theirs.key is calls.streamer.key is calls.workflow.key is calls.streamer.stream_key
        assert calls.bus is theirs.bus is calls.streamer.bus
        assert calls.alarm_topic is theirs.topic is calls.streamer.alarm_topic

    def test_a_feed_is_used_instead_of_a_new_one(self) -> None:
        stack = new_stack()
        feed = LiveTranscriptFeed(stack, "Feed")
        calls = CallTranscription(stack, "Calls", live=LiveCalls(feed=feed))
        assert calls.feed is feed
        Template.from_stack(stack).resource_count_is("AWS::AppSync::Api", 1)

    def test_a_policy_is_taken_as_it_is(self) -> None:
        stack = new_stack()
        calls = CallTranscription(stack, "Calls", live=LiveCalls(), policy=RecordingPolicy(live_transcripts="never"))
        assert environment(Template.from_stack(stack), calls.workflow.admit_function)["LIVE_TRANSCRIPTS"] == "never"

    def test_several_stand_in_one_stack_and_in_two_stacks(self) -> None:
        app = new_app()
        theirs = Brought(app)
        first, second = (Stack(app, name, env=Environment(region=REGION)) for name in ("First", "Second"))
        for stack, construct_id in ((first, "North"), (first, "South"), (second, "North")):
            theirs.calls(stack, construct_id, live=LiveCalls())
        app.synth()
        names = [
            json.dumps([resource["Type"], resource["Properties"][name]])
            for stack in (first, second)
            for resource in resources(Template.from_stack(stack)).values()
            for name in ("Name", "LogGroupName", "StateMachineName")
            if isinstance(resource.get("Properties", {}).get(name), str)
            and resource["Type"] != "AWS::AppSync::ChannelNamespace"
        ]
        assert names
        assert len(names) == len(set(names))


class TestInUse:
    @pytest.fixture
    def calls(self) -> CallTranscription:
        return CallTranscription(new_stack(), "Calls", live=LiveCalls())

    def test_who_repeats_calls_repeats_both_kinds(self, calls: CallTranscription) -> None:
        role = reader(Stack.of(calls))
        calls.grant_redrive(role)
        assert calls.streamer
        queues = (calls.workflow.failed_calls, calls.workflow.queue, calls.streamer.failed_calls, calls.streamer.queue)
        allowed = {
            resource for one in permissions(Template.from_stack(Stack.of(calls)), role) for resource in one.resources
        }
        assert {f"<{logical_id(queue)}.Arn>" for queue in queues} <= allowed

    def test_an_action_is_taken_on_the_alarms_of_both_halves(self, calls: CallTranscription) -> None:
        topic = sns.Topic(Stack.of(calls), "OnCall")
        calls.on_alarm(cloudwatch_actions.SnsAction(topic))
        template = Template.from_stack(Stack.of(calls))
        actions = [
            one["Properties"]["AlarmActions"] for one in template.find_resources("AWS::CloudWatch::Alarm").values()
        ]
        assert len(actions) > 10
        assert all({"Ref": logical_id(topic)} in of_alarm for of_alarm in actions)

    def test_transcripts_and_urgent_calls_are_told_of_and_may_be_read(self, calls: CallTranscription) -> None:
        stack = Stack.of(calls)
        elsewhere = Stack(cast(App, stack.node.root), "Crm", env=Environment(region=REGION))
        target = targets.SqsQueue(sqs.Queue(elsewhere, "Queue"))
        rule = calls.on_call_transcribed("Transcribed", target=target, of="live", scope=elsewhere)
        urgent = calls.on_urgent_call("Urgent", target=target, scope=elsewhere)
        role = reader(stack)
        calls.grant_read_transcripts(role)
        template = Template.from_stack(elsewhere)
        assert properties(template, rule)["EventPattern"]["detail"] == {"source": ["live"]}
        assert properties(template, urgent)["EventPattern"]["detail-type"] == ["Urgent Call"]
        assert permissions(Template.from_stack(stack), role)

    def test_what_is_made_is_deleted_by_age_and_with_the_stack_if_so_wished(self) -> None:
        stack = new_stack()
        CallTranscription(
            stack, "Calls", retain_for=Duration.days(30), removal_policy=RemovalPolicy.DESTROY, live=LiveCalls()
        )
        template = Template.from_stack(stack)
        kept = [
            logical
            for logical, one in resources(template).items()
            if str(one.get("DeletionPolicy", "")).startswith("Retain")
        ]
        assert not kept
        ages = [
            rule["ExpirationInDays"]
            for bucket in template.find_resources("AWS::S3::Bucket").values()
            for rule in bucket["Properties"]["LifecycleConfiguration"]["Rules"]
            if "ExpirationInDays" in rule
        ]
        assert ages.count(30) == 2

    def test_the_policies_hold(self, flags: dict[str, Any]) -> None:
        app = App(context={**flags, **NO_ASSETS}, builtin_cloud_formation_validation=False)
        stack = Stack(app, "Foreign", env=Environment(region=REGION))
        live = LiveCalls(capacity=Capacity(slots_per_task=50, max_tasks=2), recordings_prefix="connect")
        CallTranscription(stack, "Calls", instance_arn=INSTANCE, live=live)
        enforce(app)
        report = Report.of(app)
        assert report.open == []
        assert report.stale == []


def told_to_operators(stack: Stack, output: DeploymentOutput) -> list[str]:
    outputs = Template.from_stack(stack).to_json()["Outputs"]
    return [one["Value"] for key, one in outputs.items() if (found := exported(key)) and found[1] is output]


def test_names_of_roles_are_told_to_operators_and_in_events() -> None:
    stack = new_stack()
    calls = CallTranscription(stack, "Calls", live=LiveCalls(), role_names={"customer": "patient"})
    template = Template.from_stack(stack)
    assert told_to_operators(stack, DeploymentOutput.ROLE_NAMES) == ['{"customer": "patient"}']
    assert calls.streamer is not None
    assert variables(template, calls.streamer)["ROLE_NAMES"] == '{"customer":"patient"}'
    assert environment(template, calls.streamer.store_function)["ROLE_NAMES"] == '{"customer":"patient"}'
    [machine] = template.find_resources("AWS::StepFunctions::StateMachine").values()
    definition = "".join(str(part) for part in machine["Properties"]["DefinitionString"]["Fn::Join"][1])
    told = definition.count('"role_names":{"customer":"patient"}')
    assert told == 2  # a transcript, and an urgent call


def test_time_zones_are_told_to_operators() -> None:
    stack = new_stack()
    CallTranscription(stack, "Calls", time_zones={"*": "America/Chicago", "lakeside": "America/Denver"})
    [zones] = told_to_operators(stack, DeploymentOutput.TIME_ZONES)
    assert json.loads(zones) == {"*": "America/Chicago", "lakeside": "America/Denver"}


def test_what_names_nothing_tells_nothing() -> None:
    stack = new_stack()
    CallTranscription(stack, "Calls", time_zones={}, role_names={})
    assert told_to_operators(stack, DeploymentOutput.TIME_ZONES) == []
    assert told_to_operators(stack, DeploymentOutput.ROLE_NAMES) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"live": True}, r"live of True is not of the class LiveCalls"),
        ({"live": lambda: LiveCalls(recordings_prefix="connect")}, "recordings_prefix without instance_arn"),
        ({"live": lambda: LiveCalls(recordings_prefix="connect", wire=False)}, "recordings_prefix .* drop it"),
        ({"live": lambda: LiveCalls(clinic_claim="custom:clinic")}, "clinic_claim .* without a user_pool"),
        ({"live": lambda: LiveCalls(wire="no")}, "wire of 'no' is not a bool"),  # type: ignore[arg-type]
        ({"clinics": ClinicRules(clinic_by_queue={QUEUE: "main"})}, "without instance_arn"),
        ({"retain_for": Duration.hours(36)}, "retain_for of 1 day 12 hours is out of range"),
        ({"role_names": "patient"}, r"is not a mapping of roles and names: pass {'customer': 'patient'}"),
        ({"role_names": {"caller": "patient"}}, "role of role_names 'caller' is unknown: choose one of 'agent'"),
        ({"role_names": {"customer": ""}}, r"role_names\['customer'\] of '' is no name"),
        ({"role_names": {"customer": "a\nb"}}, "is no name: use 1 to 30 printable characters"),
        ({"role_names": {"customer": "{% $now() %}"}}, "is no name: use 1 to 30 printable characters, no braces"),
        ({"time_zones": "Europe/Berlin"}, r"is not a mapping .*: pass {'\*': 'Europe/Berlin'}"),
        ({"time_zones": {"main": "CEST"}}, r"time_zones\['main'\]: there is no time zone 'CEST'"),
        ({"instance_arn": "lakeside"}, "is not the ARN of an Amazon Connect instance"),
    ],
)
def test_fails_early_with_the_options_name_and_the_fix(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CallTranscription(
            new_stack(), "Calls", **{name: value() if callable(value) else value for name, value in options.items()}
        )
