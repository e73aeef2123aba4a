"""Parts that an importing app brings: refused where they cannot work, warned of where only the app can tell."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import Environment, Stack
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Annotations, Match, Template

from constructs_lib import (
    Capacity,
    ClinicUsers,
    ConnectWiring,
    FunctionSettings,
    LiveStreamer,
    MediaStreamStorage,
    RecordingBucket,
    TaskSettings,
    TranscriptionWorkflow,
)
from tests.conftest import REGION, new_app
from tests.constructs_lib.live_parts import STREAM_PREFIX, new_streamer
from tests.constructs_lib.parts import logical_id, new_function, new_workflow, properties

INSTANCE = "arn:aws:connect:eu-central-1:111122223333:instance/12345678-1234-1234-1234-123456789012"
PUBLIC = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)
ISOLATED = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)


def warnings(stack: Stack, text: str) -> list[Any]:
    return Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp(text))


def network(stack: Stack) -> ec2.Vpc:
    kinds = (ec2.SubnetType.PUBLIC, ec2.SubnetType.PRIVATE_WITH_EGRESS, ec2.SubnetType.PRIVATE_ISOLATED)
    return ec2.Vpc(
        stack,
        "Mine",
        max_azs=2,
        nat_gateways=1,
        restrict_default_security_group=False,
        subnet_configuration=[ec2.SubnetConfiguration(name=kind.name, subnet_type=kind) for kind in kinds],
    )


def test_a_new_network_needs_a_way_out() -> None:
    with pytest.raises(ValueError, match="nat_gateways of 0 leave the new network without a way to Deepgram"):
        TaskSettings(nat_gateways=0)


def test_public_subnets_are_no_way_out(stack: Stack) -> None:
    vpc = network(stack)
    with pytest.raises(ValueError, match=r"vpc_subnets are public: .*PRIVATE_WITH_EGRESS"):
        new_function(stack, functions=FunctionSettings(vpc=vpc, vpc_subnets=PUBLIC))


def test_public_subnets_are_no_way_out_for_streamers_either(stack: Stack) -> None:
    with pytest.raises(ValueError, match="vpc_subnets are public"):
        new_streamer(stack, tasks=TaskSettings(vpc=network(stack), vpc_subnets=PUBLIC))


def test_streamers_with_public_addresses_run_in_the_public_subnets_of_a_network(stack: Stack) -> None:
    vpc = network(stack)
    streamer = new_streamer(stack, tasks=TaskSettings(vpc=vpc, egress="public-addresses"))
    found = properties(Template.from_stack(stack), streamer.service)["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert found["AssignPublicIp"] == "ENABLED"
    assert found["Subnets"] == [{"Ref": logical_id(subnet)} for subnet in vpc.public_subnets]


@pytest.mark.parametrize("kind", [ec2.SubnetType.PRIVATE_WITH_EGRESS, ec2.SubnetType.PRIVATE_ISOLATED])
def test_public_addresses_are_no_way_out_of_other_subnets(stack: Stack, kind: ec2.SubnetType) -> None:
    subnets = ec2.SubnetSelection(subnet_type=kind)
    with pytest.raises(ValueError, match=r"vpc_subnets are private, where egress=.*\(SubnetType.PUBLIC\)"):
        new_streamer(stack, tasks=TaskSettings(vpc=network(stack), vpc_subnets=subnets, egress="public-addresses"))


def test_public_addresses_need_public_subnets(stack: Stack) -> None:
    isolated = ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    vpc = ec2.Vpc(stack, "Isolated", nat_gateways=0, subnet_configuration=[isolated])
    with pytest.raises(ValueError, match="vpc has no public subnets"):
        new_streamer(stack, tasks=TaskSettings(vpc=vpc, egress="public-addresses"))


def test_public_addresses_suffice_for_all_tasks_while_a_deployment_doubles_them(stack: Stack) -> None:
    many = Capacity(max_tasks=251)
    with pytest.raises(ValueError, match=r"251 tasks are more than the 250 .* lower max_tasks, pass a vpc"):
        new_streamer(stack, capacity=many, tasks=TaskSettings(egress="public-addresses"))


def test_a_network_without_private_subnets_needs_subnets_named(stack: Stack) -> None:
    isolated = ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    vpc = ec2.Vpc(stack, "Isolated", nat_gateways=0, subnet_configuration=[isolated])
    with pytest.raises(ValueError, match=r"vpc has no private subnets with a way out .* vpc_subnets"):
        new_function(stack, functions=FunctionSettings(vpc=vpc))
    elsewhere = Stack(stack, "Elsewhere", env=Environment(region=REGION))
    with pytest.raises(ValueError, match="vpc has no private subnets"):
        new_streamer(elsewhere, tasks=TaskSettings(vpc=vpc))


def test_isolated_subnets_are_warned_of(stack: Stack) -> None:
    new_function(stack, functions=FunctionSettings(vpc=network(stack), vpc_subnets=ISOLATED))
    assert warnings(stack, "vpc_subnets are isolated")


def in_cluster(stack: Stack, **options: Any) -> LiveStreamer:
    vpc = network(stack)
    cluster = ecs.Cluster(stack, "Cluster", vpc=vpc, **options)
    return new_streamer(stack, capacity=Capacity(max_tasks=2), tasks=TaskSettings(vpc=vpc, cluster=cluster))


def test_scaling_needs_container_insights(stack: Stack) -> None:
    with pytest.raises(ValueError, match="cluster has Container Insights off"):
        in_cluster(stack, container_insights_v2=ecs.ContainerInsights.DISABLED)


@pytest.mark.parametrize(
    ("options", "warned"), [({}, True), ({"container_insights_v2": ecs.ContainerInsights.ENHANCED}, False)]
)
def test_a_cluster_that_may_have_no_container_insights_is_warned_of(
    stack: Stack, options: dict[str, Any], warned: bool
) -> None:
    in_cluster(stack, **options)
    assert bool(warnings(stack, "Container Insights")) is warned


@pytest.mark.parametrize("sends", [True, False])
def test_a_bucket_that_sends_no_events_is_warned_of(stack: Stack, sends: bool) -> None:
    new_workflow(stack, recordings=s3.Bucket(stack, "Mine", event_bridge_enabled=sends))
    assert bool(warnings(stack, "not known to send its events to EventBridge")) is not sends


def test_a_bucket_of_ours_sends_its_events(stack: Stack) -> None:
    new_workflow(stack)
    assert not warnings(stack, "not known to send its events to EventBridge")


def wire(stack: Stack, streamer: LiveStreamer, **media_streams: Any) -> ConnectWiring:
    return ConnectWiring(
        stack,
        "Wiring",
        instance_arn=INSTANCE,
        start_function=streamer.start_function,
        end_function=streamer.end_function,
        media_streams=MediaStreamStorage(**media_streams),
    )


def test_streamer_and_instance_mean_the_same_streams(stack: Stack) -> None:
    streamer = new_streamer(stack)
    with pytest.raises(ValueError, match=rf"prefix 'other' .* begin with '{STREAM_PREFIX}': make its stream_prefix"):
        wire(stack, streamer, prefix="other")


def test_a_streamer_that_cannot_decrypt_the_streams_is_warned_of(stack: Stack) -> None:
    wire(stack, new_streamer(stack))
    assert warnings(stack, "not known to be able to decrypt the streams")


def test_a_streamer_that_was_granted_the_streams_is_not_warned_of(stack: Stack) -> None:
    streamer = new_streamer(stack)
    wire(stack, streamer).grant_read_streams(streamer.task_role)
    assert not warnings(stack, "decrypt the streams")


def test_a_streamer_that_has_the_key_is_not_warned_of(stack: Stack) -> None:
    key = kms.Key(stack, "Streams")
    wire(stack, new_streamer(stack, stream_key=key), key=key)
    assert not warnings(stack, "decrypt the streams")


def two_stacks(**flags: bool) -> tuple[Stack, Stack]:
    app = new_app(context={"@aws-cdk/core:defaultCrossStackReferences": "strong", **flags})
    here, there = (Stack(app, name, env=Environment(region=REGION)) for name in ("Here", "There"))
    return here, there


@pytest.mark.parametrize("named", [False, True], ids=["scope by default", "scope named"])
def test_the_wiring_of_another_stack_lets_the_streamer_read_without_a_cycle(*, named: bool) -> None:
    here, there = two_stacks()
    streamer = new_streamer(here)
    wiring = wire(there, streamer)
    wiring.grant_read_streams(streamer.task_role, scope=wiring if named else None)
    Template.from_stack(here)  # fails for a cycle
    Template.from_stack(there).has_resource_properties(
        "AWS::IAM::Policy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [Match.object_like({"Action": Match.array_with(["kinesisvideo:GetMedia"])})]
                )
            }
        },
    )


def test_a_queue_of_another_stack_is_told_of_transcripts_without_a_cycle() -> None:
    here, there = two_stacks()
    workflow = new_workflow(here)
    queue = sqs.Queue(there, "Crm")
    workflow.on_call_transcribed("Transcribed", target=targets.SqsQueue(queue), scope=there)
    workflow.on_urgent_call("Urgent", target=targets.SqsQueue(queue), scope=there)
    Template.from_stack(here)  # fails for a cycle
    Template.from_stack(there).resource_count_is("AWS::Events::Rule", 2)


def test_a_queue_of_another_stack_takes_a_scope_there_and_the_error_says_so() -> None:
    here, there = two_stacks()
    workflow, bucket = new_workflow(here), RecordingBucket(here, "OfRule")
    streamer = new_streamer(Stack(here, "Live", env=Environment(region=REGION)))
    target = targets.SqsQueue(sqs.Queue(there, "Crm"))
    for tell in (
        workflow.on_call_transcribed,
        workflow.on_urgent_call,
        streamer.on_live_call_transcribed,
        streamer.on_urgent_call,
        bucket.on_recording,
    ):
        with pytest.raises(ValueError, match=r"target is the queue There/Crm .*pass scope=, a construct of There"):
            tell("Rule", target=target)


def test_a_queue_that_can_be_told_from_another_stack_needs_no_scope() -> None:
    here, there = two_stacks(**{"@aws-cdk/aws-events:eventsTargetQueueSameAccount": False})
    bucket = RecordingBucket(here, "Recordings")
    imported = sqs.Queue.from_queue_arn(there, "Theirs", f"arn:aws:sqs:{REGION}:111122223333:crm")
    encrypted = sqs.Queue(there, "Encrypted", encryption=sqs.QueueEncryption.KMS)
    own = sqs.Queue(here, "Own")
    for number, queue in enumerate((imported, encrypted, own)):
        bucket.on_recording(f"Rule{number}", target=targets.SqsQueue(queue))
    Template.from_stack(here).resource_count_is("AWS::Events::Rule", 3)  # fails for a cycle


def test_a_queue_of_another_stack_is_told_of_recordings_without_a_cycle() -> None:
    here, there = two_stacks()
    queue = targets.SqsQueue(sqs.Queue(there, "Crm"))
    RecordingBucket(here, "Recordings").on_recording("Recorded", target=queue, scope=there)
    Template.from_stack(there).resource_count_is("AWS::Events::Rule", 1)  # fails for a cycle


def test_a_function_takes_the_alarms_with_the_flag_that_the_cdk_has_for_it() -> None:
    flag = "@aws-cdk/aws-cloudwatch-actions:changeLambdaPermissionLogicalIdForLambdaAction"
    for enabled in (False, True):
        stack = Stack(new_app(context={flag: enabled}), "Test", env=Environment(region=REGION))
        function = lambda_.Function.from_function_arn(
            stack, "Pager", f"arn:aws:lambda:{REGION}:111122223333:function:pager"
        )
        workflow = new_workflow(stack)
        if enabled:
            workflow.on_alarm(cloudwatch_actions.LambdaAction(function))
        else:
            with pytest.raises(ValueError, match=rf"action is a function.*{flag}.*alarm_topic"):
                workflow.on_alarm(cloudwatch_actions.LambdaAction(function))


@pytest.mark.parametrize(
    ("place", "told"),
    [({"region": "us-east-1"}, ["region us-east-1"]), ({"account": "999988887777"}, []), ({}, [])],
    ids=["another region", "another account, from a stack without one", "a bucket that is only named"],
)
def test_a_bucket_whose_events_do_not_come_by_themselves_is_warned_of(
    stack: Stack, place: dict[str, Any], told: list[str]
) -> None:
    bucket = s3.Bucket.from_bucket_attributes(stack, "Theirs", bucket_name="recordings", **place)
    new_workflow(stack, recordings=bucket)
    found = warnings(stack, "nothing is transcribed until a rule there sends its events here")
    assert len(found) == len(told)
    assert all(one in str(warning.entry.data) for one, warning in zip(told, found, strict=True))


@pytest.mark.parametrize("imported", [False, True])
def test_alarms_are_sent_to_no_fifo_topic(stack: Stack, *, imported: bool) -> None:
    arn = f"arn:aws:sns:{REGION}:111122223333:alarms.fifo"
    topic = sns.Topic.from_topic_arn(stack, "Alarms", arn) if imported else sns.Topic(stack, "Alarms", fifo=True)
    with pytest.raises(ValueError, match=r"alarm_topic is a FIFO topic.*pass a standard topic"):
        new_workflow(stack, alarm_topic=topic)


def test_a_key_that_only_signs_encrypts_nothing(stack: Stack) -> None:
    signs = kms.Key(stack, "Signs", key_spec=kms.KeySpec.RSA_2048, key_usage=kms.KeyUsage.SIGN_VERIFY)
    with pytest.raises(ValueError, match=r"key is a key of the kind RSA_2048.*SYMMETRIC_DEFAULT"):
        RecordingBucket(stack, "Recordings", key=signs)
    with pytest.raises(ValueError, match=r"key is a key of the kind RSA_2048"):
        MediaStreamStorage(prefix=STREAM_PREFIX, key=signs)
    encrypts = kms.Key(stack, "Encrypts", key_spec=kms.KeySpec.SYMMETRIC_DEFAULT)
    bucket = RecordingBucket(stack, "Recordings", key=encrypts).bucket
    assert bucket.encryption_key is not None


def test_people_of_a_pool_of_another_region_cannot_be_given_a_page_here() -> None:
    app = new_app()
    here = Stack(app, "Here", env=Environment(region=REGION))
    pool = cognito.UserPool(Stack(app, "There", env=Environment(region="us-east-1")), "People")
    with pytest.raises(ValueError, match=f"user_pool is in us-east-1 and this stack in {REGION}"):
        ClinicUsers(here, "Users", user_pool=pool, sign_in_url="https://sign-in.example.com")


@pytest.mark.parametrize(("account", "warned"), [("111122223333", False), ("999988887777", True)])
def test_what_the_account_of_a_secret_must_allow_is_said(account: str, *, warned: bool) -> None:
    stack = Stack(new_app(), "Test", env=Environment(region=REGION, account="111122223333"))
    arn = f"arn:aws:secretsmanager:{REGION}:{account}:secret:deepgram-AbCdEf"
    new_workflow(stack, secret=secretsmanager.Secret.from_secret_complete_arn(stack, "Key", arn))
    assert bool(warnings(stack, "nobody here can read it until its resource policy.*allow 111122223333")) is warned


@pytest.mark.parametrize(
    ("prefixes", "others", "warned"),
    [((), (), True), (("lake/",), (), True), (("lake/",), ("lake/north/",), True), (("lake/",), ("harbour/",), False)],
)
def test_two_workflows_for_one_recording_are_warned_of(
    stack: Stack, prefixes: tuple[str, ...], others: tuple[str, ...], *, warned: bool
) -> None:
    first = new_workflow(stack, key_prefixes=prefixes)
    TranscriptionWorkflow(
        stack,
        "Second",
        recordings=first._recordings,
        table=first._table,
        archive=first._archive,
        secret=first.transcription.secret,
        key_prefixes=others,
    )
    assert bool(warnings(stack, "Test/Workflow transcribes the same recordings")) is warned
