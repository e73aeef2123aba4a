import json
from dataclasses import dataclass
from typing import Any

import pytest
from aws_cdk import Duration, Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Annotations, Match, Template

from constructs_lib import (
    CallLimits,
    Capacity,
    ClinicRules,
    DeepgramOptions,
    FunctionSettings,
    LiveStreamer,
    LiveTranscriptFeed,
    TaskSettings,
)
from constructs_lib.policies import Report, enforce
from tests.conftest import REGION, new_app
from tests.constructs_lib.live_parts import container, new_streamer, task, variables
from tests.constructs_lib.parts import (
    Permission,
    actions,
    environment,
    logical_id,
    new_stack,
    permissions,
    properties,
    reader,
)

Default = tuple[LiveStreamer, Template]

CALLS_ONLY = '{"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["CALL#*"]}}'
INSTANCE = "arn:aws:connect:eu-central-1:111122223333:instance/12345678-1234-1234-1234-123456789012"
VIA_SQS = '{"StringEquals": {"kms:ViaService": "sqs.eu-central-1.amazonaws.com"}}'


@pytest.fixture(scope="module")
def default() -> Default:
    """The streamer as it is without options; nobody changes it."""
    stack = new_stack()
    streamer = new_streamer(stack)
    return streamer, Template.from_stack(stack)


@dataclass(frozen=True)
class Tailored:
    """A streamer with most of its options, and others who are granted something."""

    feed: LiveTranscriptFeed
    stream_key: kms.Key
    topic: sns.Topic
    bus: events.EventBus
    streamer: LiveStreamer
    starter: iam.Role
    reader: iam.Role
    operator: iam.Role
    template: Template


@pytest.fixture(scope="module")
def tailored() -> Tailored:
    """Nobody changes it."""
    stack = new_stack()
    feed, stream_key = LiveTranscriptFeed(stack, "Feed"), kms.Key(stack, "Audio")
    topic, bus = sns.Topic(stack, "Operators"), events.EventBus(stack, "Mine")
    streamer = new_streamer(
        stack,
        feed=feed,
        stream_prefix="clinic-calls",
        stream_key=stream_key,
        alarm_topic=topic,
        bus=bus,
        instance_arn=INSTANCE,
        options=DeepgramOptions(region="eu", keyterms=("glaucoma",)),
        capacity=Capacity(slots_per_task=40),
        clinics=ClinicRules(default_clinic_id="main"),
        vocabulary={"lakeside": ("glaucoma",)},
        limits=CallLimits(
            lease=Duration.seconds(12),
            max_call_duration=Duration.hours(2),
            idle_limit=Duration.seconds(90),
            start_wait=Duration.seconds(45),
        ),
        retain_for=Duration.days(30),
    )
    starter, reading, operator = (reader(stack, name) for name in ("Starter", "Reader", "Operator"))
    streamer.grant_start_calls(starter)
    streamer.grant_read_calls(reading)
    streamer.grant_redrive(operator)
    streamer.on_live_call_transcribed("Billing", target=targets.SqsQueue(sqs.Queue(stack, "Theirs")))
    return Tailored(
        feed=feed,
        stream_key=stream_key,
        topic=topic,
        bus=bus,
        streamer=streamer,
        starter=starter,
        reader=reading,
        operator=operator,
        template=Template.from_stack(stack),
    )


def role_of(function: lambda_.Function) -> iam.IRole:
    assert function.role is not None
    return function.role


def scaling_of(template: Template) -> dict[str, Any]:
    [policy] = template.find_resources("AWS::ApplicationAutoScaling::ScalingPolicy").values()
    found: dict[str, Any] = policy["Properties"]["TargetTrackingScalingPolicyConfiguration"]
    return found


# The task


def test_a_task_is_one_arm_processor_of_fargate(default: Default) -> None:
    streamer, template = default
    found = task(template, streamer)
    assert (found["Cpu"], found["Memory"]) == ("1024", "2048")
    assert found["RuntimePlatform"] == {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"}
    assert found["RequiresCompatibilities"] == ["FARGATE"]


def test_the_architecture_is_that_of_tasks_image_and_functions(stack: Stack) -> None:
    streamer = new_streamer(
        stack,
        functions=FunctionSettings(architecture=lambda_.Architecture.X86_64),
        tasks=TaskSettings(architecture=lambda_.Architecture.X86_64),
    )
    template = Template.from_stack(stack)
    assert task(template, streamer)["RuntimePlatform"]["CpuArchitecture"] == "X86_64"
    template.all_resources_properties("AWS::Lambda::Function", {"Architectures": ["x86_64"]})


def test_the_container_can_change_nothing_but_tmp_and_is_nobody(default: Default) -> None:
    streamer, template = default
    found = container(template, streamer)
    assert found["ReadonlyRootFilesystem"] is True
    assert found["User"] == "10001:10001"
    assert found["MountPoints"] == [{"ContainerPath": "/tmp", "ReadOnly": False, "SourceVolume": "tmp"}]
    assert task(template, streamer)["Volumes"] == [{"Name": "tmp"}]
    assert found["LinuxParameters"]["InitProcessEnabled"] is True
    assert "PortMappings" not in found


def test_a_stopped_streamer_gets_two_minutes_to_hand_over(default: Default) -> None:
    streamer, template = default
    assert container(template, streamer)["StopTimeout"] == 120


def test_the_streamer_is_asked_for_its_health(default: Default) -> None:
    streamer, template = default
    assert container(template, streamer)["HealthCheck"] == {
        "Command": ["CMD", "python", "-m", "streamer.health"],
        "Interval": 30,
        "Retries": 3,
        "StartPeriod": 60,
        "Timeout": 10,
    }


def test_logs_never_hold_a_call_up(default: Default) -> None:
    streamer, template = default
    logging = container(template, streamer)["LogConfiguration"]
    assert logging["LogDriver"] == "awslogs"
    assert logging["Options"]["mode"] == "non-blocking"
    assert logging["Options"]["max-buffer-size"] == f"{25 * 1024 * 1024}b"
    group = template.to_json()["Resources"][logging["Options"]["awslogs-group"]["Ref"]]["Properties"]
    assert group == {"RetentionInDays": 365, "KmsKeyId": {"Fn::GetAtt": [logical_id(streamer.key), "Arn"]}}


def test_settings_reach_the_streamer(tailored: Tailored) -> None:
    streamer = tailored.streamer
    stack = Stack.of(streamer)
    found = variables(tailored.template, streamer)
    assert found == {
        "AWS_REGION": "eu-central-1",
        "TABLE_NAME": found["TABLE_NAME"],
        "CALLS_QUEUE_URL": {"Ref": logical_id(streamer.queue)},
        "FAILED_CALLS_QUEUE_URL": {"Ref": logical_id(streamer.failed_calls)},
        "DEEPGRAM_SECRET_ARN": stack.resolve(streamer.secret.secret_arn),
        "DEEPGRAM_OPTIONS": found["DEEPGRAM_OPTIONS"],
        "DEEPGRAM_STREAM_URL": "wss://api.eu.deepgram.com",
        "VOCABULARY_PATH": streamer.vocabulary_path,
        "FEED_URL": stack.resolve(tailored.feed.http_url),
        "EVENT_BUS_NAME": {"Ref": logical_id(streamer.bus)},
        "FLAGS": "eye-clinic-v1",
        "OWN_FLAGS": "",
        "ROLE_NAMES": "",
        "SERVICE_NAME": found["SERVICE_NAME"],
        "SLOTS": "40",
        "LEASE_SECONDS": "12",
        "MAX_CALL_SECONDS": "7200",
        "IDLE_LIMIT_SECONDS": "90",
        "START_WAIT_SECONDS": "45",
        "BUFFER_SECONDS": "60",
        "RETENTION_DAYS": "30",
        "LOG_LEVEL": "INFO",
        "HEALTH_HOST": "127.0.0.1",
        "HEALTH_PORT": "8080",
    }
    assert json.loads(found["DEEPGRAM_OPTIONS"])["keyterms"] == []


def test_without_a_feed_and_a_retention_there_is_none(default: Default) -> None:
    streamer, template = default
    found = variables(template, streamer)
    assert (found["FEED_URL"], found["RETENTION_DAYS"]) == ("", "")


def test_the_image_is_built_from_the_sources_unless_one_is_given(stack: Stack) -> None:
    mine = ecs.ContainerImage.from_registry("registry.example.com/streamer@sha256:0")
    streamer = new_streamer(stack, tasks=TaskSettings(image=mine))
    assert container(Template.from_stack(stack), streamer)["Image"] == "registry.example.com/streamer@sha256:0"


# What a task may do


def test_a_streamer_may_do_its_work_and_no_more(tailored: Tailored) -> None:
    streamer, template = tailored.streamer, tailored.template
    assert "ManagedPolicyArns" not in properties(template, streamer.task_role)
    assert actions(template, streamer.task_role) == {
        "appsync:EventPublish",
        *("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"),
        *("ecs:GetTaskProtection", "ecs:UpdateTaskProtection"),
        "events:PutEvents",
        *("kinesisvideo:GetDataEndpoint", "kinesisvideo:GetMedia"),
        *("kms:Decrypt", "kms:GenerateDataKey"),
        "secretsmanager:GetSecretValue",
        *("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage"),
        "ssm:GetParameter",
    }
    assert not [p for p in permissions(template, streamer.task_role) if "*" in p.resources]


def test_a_streamer_reaches_streams_by_their_prefix_only(tailored: Tailored) -> None:
    [streams] = [
        p
        for p in permissions(tailored.template, tailored.streamer.task_role)
        if p.actions == {"kinesisvideo:GetDataEndpoint", "kinesisvideo:GetMedia"}
    ]
    assert streams.resources == {"arn:aws:kinesisvideo:eu-central-1:<AWS::AccountId>:stream/clinic-calls*"}


def test_a_key_of_the_streams_is_used_through_kinesis_video_only(tailored: Tailored) -> None:
    assert Permission(
        frozenset({"kms:Decrypt"}),
        frozenset({f"<{logical_id(tailored.stream_key)}.Arn>"}),
        '{"StringEquals": {"kms:ViaService": "kinesisvideo.eu-central-1.amazonaws.com"}}',
    ) in permissions(tailored.template, tailored.streamer.task_role)


def test_a_streamer_reaches_calls_and_no_other_items(default: Default) -> None:
    streamer, template = default
    for role in (streamer.task_role, role_of(streamer.start_function), role_of(streamer.end_function)):
        [items] = [p for p in permissions(template, role) if "dynamodb:UpdateItem" in p.actions]
        assert items.condition == CALLS_ONLY


def test_a_streamer_takes_calls_and_sends_failed_ones_but_not_the_other_way_round(default: Default) -> None:
    streamer, template = default
    found = permissions(template, streamer.task_role)
    queue, failed = (f"<{logical_id(q)}.Arn>" for q in (streamer.queue, streamer.failed_calls))
    receive = frozenset({"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"})
    assert {p for p in found if any(a.startswith("sqs:") for a in p.actions)} == {
        Permission(receive, frozenset({queue})),
        Permission(frozenset({"sqs:SendMessage"}), frozenset({failed})),
    }


def test_a_streamer_protects_tasks_of_its_own_cluster(default: Default) -> None:
    streamer, template = default
    [protection] = [p for p in permissions(template, streamer.task_role) if "ecs:UpdateTaskProtection" in p.actions]
    assert protection.resources == {
        f"arn:aws:ecs:eu-central-1:<AWS::AccountId>:task/<{logical_id(streamer.cluster)}>/*"
    }


# The service


def test_a_deployment_replaces_tasks_one_by_one_and_goes_back_if_it_fails(default: Default) -> None:
    streamer, template = default
    found = properties(template, streamer.service)
    assert found["DeploymentConfiguration"] == {
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
        "MaximumPercent": 200,
        "MinimumHealthyPercent": 100,
    }
    assert found["AvailabilityZoneRebalancing"] == "ENABLED"
    assert found["PropagateTags"] == "SERVICE"
    assert found["EnableExecuteCommand"] is False


def test_calls_are_never_put_on_spot_capacity(default: Default) -> None:
    streamer, template = default
    found = properties(template, streamer.service)
    assert (found["LaunchType"], found["PlatformVersion"]) == ("FARGATE", "1.4.0")
    assert "CapacityProviderStrategy" not in found


def test_tasks_are_out_of_reach_and_reach_tls_only(default: Default) -> None:
    streamer, template = default
    network = properties(template, streamer.service)["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "DISABLED"
    assert all("Streamers" in subnet["Ref"] for subnet in network["Subnets"])
    assert len(network["Subnets"]) == 2
    [group] = template.find_resources("AWS::EC2::SecurityGroup").values()
    assert "SecurityGroupIngress" not in group["Properties"]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in group["Properties"]["SecurityGroupEgress"]] == [(443, 443)]
    template.resource_count_is("AWS::EC2::SecurityGroupIngress", 0)


def test_another_port_of_deepgrams_is_opened(stack: Stack) -> None:
    new_streamer(stack, options=DeepgramOptions(endpoint="https://deepgram.example.com:8443"))
    [group] = Template.from_stack(stack).find_resources("AWS::EC2::SecurityGroup").values()
    assert {rule["FromPort"] for rule in group["Properties"]["SecurityGroupEgress"]} == {443, 8443}


def test_its_own_network_survives_the_loss_of_a_zone_and_keeps_flow_logs(default: Default) -> None:
    _, template = default
    template.resource_count_is("AWS::EC2::NatGateway", 2)
    template.resource_count_is("AWS::EC2::FlowLog", 1)
    template.all_resources_properties("AWS::EC2::Subnet", {"MapPublicIpOnLaunch": False})
    endpoints = template.find_resources("AWS::EC2::VPCEndpoint").values()
    assert [endpoint["Properties"]["VpcEndpointType"] for endpoint in endpoints] == ["Gateway", "Gateway"]


@pytest.fixture(scope="module")
def public() -> Default:
    """A streamer whose tasks have public addresses; nobody changes it."""
    stack = new_stack()
    streamer = new_streamer(stack, tasks=TaskSettings(egress="public-addresses"))
    return streamer, Template.from_stack(stack)


def test_tasks_with_public_addresses_need_no_nat_gateway_and_stay_out_of_reach(public: Default) -> None:
    streamer, template = public
    template.resource_count_is("AWS::EC2::NatGateway", 0)
    template.resource_count_is("AWS::EC2::EIP", 0)
    network = properties(template, streamer.service)["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "ENABLED"
    assert network["Subnets"] == [{"Ref": logical_id(subnet)} for subnet in streamer.vpc.public_subnets]
    [group] = template.find_resources("AWS::EC2::SecurityGroup").values()
    assert "SecurityGroupIngress" not in group["Properties"]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in group["Properties"]["SecurityGroupEgress"]] == [(443, 443)]
    template.resource_count_is("AWS::EC2::SecurityGroupIngress", 0)
    template.all_resources_properties("AWS::EC2::Subnet", {"MapPublicIpOnLaunch": False})


def test_a_network_changes_to_public_addresses_without_replacing_a_subnet(default: Default, public: Default) -> None:
    private_subnets, public_subnets = (
        {name: found["Properties"] for name, found in template.find_resources("AWS::EC2::Subnet").items()}
        for _, template in (default, public)
    )
    assert len(public_subnets) == 2
    assert public_subnets.items() <= private_subnets.items()


def test_policies_find_nothing_open_where_tasks_have_public_addresses() -> None:
    app = new_app()
    enforce(app)
    new_streamer(Stack(app, "Test", env=Environment(region=REGION)), tasks=TaskSettings(egress="public-addresses"))
    report = Report.of(app)
    assert report.open == []
    assert report.stale == []
    [reason] = [why for finding, why in report.acknowledged.items() if "UnrestrictedRouteToIGW" in finding]
    assert "public addresses" in reason


@pytest.mark.parametrize("egress", ["default", "public"])
def test_no_task_starts_before_there_is_a_way_to_its_image(egress: str, request: pytest.FixtureRequest) -> None:
    streamer, template = request.getfixturevalue(egress)
    resources = template.to_json()["Resources"]
    awaited = resources[logical_id(streamer.service)]["DependsOn"]
    assert [name for name in awaited if resources[name]["Type"] == "AWS::EC2::Route"]


def test_a_network_of_ones_own_is_used(stack: Stack) -> None:
    mine = ec2.Vpc(stack, "Mine", max_azs=2, nat_gateways=1, restrict_default_security_group=False)
    streamer = new_streamer(stack, tasks=TaskSettings(vpc=mine))
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::EC2::VPC", 1)
    subnets = properties(template, streamer.service)["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"]
    assert subnets == [{"Ref": logical_id(subnet)} for subnet in mine.private_subnets]


def test_a_cluster_of_ones_own_is_used(stack: Stack) -> None:
    mine = ec2.Vpc(stack, "Mine", max_azs=2, nat_gateways=1, restrict_default_security_group=False)
    cluster = ecs.Cluster(stack, "Cluster", vpc=mine)
    streamer = new_streamer(stack, tasks=TaskSettings(vpc=mine, cluster=cluster))
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::ECS::Cluster", 1)
    assert properties(template, streamer.service)["Cluster"] == {"Ref": logical_id(cluster)}


def test_a_cluster_that_does_not_say_its_network_is_refused_with_the_fix(stack: Stack) -> None:
    mine = ec2.Vpc(stack, "Mine", max_azs=2, nat_gateways=1, restrict_default_security_group=False)
    cluster = ecs.Cluster.from_cluster_arn(stack, "Cluster", f"arn:aws:ecs:{stack.region}:111122223333:cluster/calls")
    with pytest.raises(ValueError, match=r"cluster does not say .* import it with Cluster.from_cluster_attributes"):
        TaskSettings(vpc=mine, cluster=cluster)


def test_a_cluster_of_another_network_is_refused(stack: Stack) -> None:
    mine = ec2.Vpc(stack, "Mine", max_azs=2, nat_gateways=1, restrict_default_security_group=False)
    other = ec2.Vpc(stack, "Other", max_azs=2, nat_gateways=1, restrict_default_security_group=False)
    with pytest.raises(ValueError, match="cluster Test/Cluster is in the network Test/Other and not in vpc Test/Mine"):
        TaskSettings(vpc=mine, cluster=ecs.Cluster(stack, "Cluster", vpc=other))


def test_a_cluster_may_know_its_network_by_another_import(stack: Stack) -> None:
    zones: dict[str, Any] = {"availability_zones": ["a"], "private_subnet_ids": ["subnet-0"]}
    mine, same = (ec2.Vpc.from_vpc_attributes(stack, name, vpc_id="vpc-0123", **zones) for name in ("Mine", "Same"))
    cluster = ecs.Cluster.from_cluster_attributes(stack, "Cluster", cluster_name="calls", vpc=same)
    assert TaskSettings(vpc=mine, cluster=cluster).cluster is cluster


# The number of tasks


def test_tasks_follow_the_calls_in_the_queue(stack: Stack) -> None:
    streamer = new_streamer(
        stack,
        capacity=Capacity(slots_per_task=50, max_tasks=3),
        options=DeepgramOptions(max_parallel_streams=150),
    )
    template = Template.from_stack(stack)
    assert streamer.scaling is not None
    found = properties(template, streamer.scaling)
    assert (found["MinCapacity"], found["MaxCapacity"]) == (1, 3)
    config = scaling_of(template)
    assert config["TargetValue"] == 35
    assert (config["ScaleOutCooldown"], config["ScaleInCooldown"]) == (300, 900)
    assert "DesiredCount" not in properties(template, streamer.service)
    metrics = {metric["Id"]: metric for metric in config["CustomizedMetricSpecification"]["Metrics"]}
    named = {name: metric["MetricStat"]["Metric"] for name, metric in metrics.items() if "MetricStat" in metric}
    assert {name: metric["MetricName"] for name, metric in named.items()} == {
        "waiting": "ApproximateNumberOfMessagesVisible",
        "running": "ApproximateNumberOfMessagesNotVisible",
        "tasks": "DesiredTaskCount",
    }
    queue = [{"Name": "QueueName", "Value": {"Fn::GetAtt": [logical_id(streamer.queue), "QueueName"]}}]
    assert named["waiting"]["Dimensions"] == named["running"]["Dimensions"] == queue
    [returned] = [metric for metric in metrics.values() if metric["ReturnData"]]
    assert returned["Expression"] == "(waiting + running) / tasks"


def test_a_fixed_number_of_tasks_is_not_scaled(stack: Stack) -> None:
    streamer = new_streamer(stack, capacity=Capacity(min_tasks=2, slots_per_task=50))
    template = Template.from_stack(stack)
    assert streamer.scaling is None
    assert properties(template, streamer.service)["DesiredCount"] == 2
    template.resource_count_is("AWS::ApplicationAutoScaling::ScalableTarget", 0)


def test_more_slots_than_deepgram_streams_are_warned_of(stack: Stack) -> None:
    new_streamer(stack, capacity=Capacity(max_tasks=2))
    warned = "200 slots are more live calls than the 150 streams.*callscribe:parallelStreams"
    Annotations.from_stack(stack).has_warning("/Test/Live", Match.string_like_regexp(warned))


@pytest.mark.parametrize(
    "options",
    [
        {"capacity": Capacity(slots_per_task=150)},
        {"capacity": Capacity(max_tasks=3), "options": DeepgramOptions(max_parallel_streams=300)},
    ],
)
def test_slots_that_deepgram_streams_are_not_warned_of(stack: Stack, options: dict[str, Any]) -> None:
    new_streamer(stack, **options)
    assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []


# The queue


def test_a_call_of_a_dead_streamer_comes_back_after_its_lease(tailored: Tailored) -> None:
    streamer = tailored.streamer
    found = properties(tailored.template, streamer.queue)
    assert found["VisibilityTimeout"] == 12
    assert found["MessageRetentionPeriod"] == 14 * 86_400
    assert found["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": [logical_id(streamer.failed_calls), "Arn"]},
        "maxReceiveCount": 50,
    }


def test_only_this_queue_gives_its_failed_calls_up_to_the_other(default: Default) -> None:
    streamer, template = default
    name = properties(template, streamer.queue)["QueueName"]
    allow = properties(template, streamer.failed_calls)["RedriveAllowPolicy"]
    assert allow["redrivePermission"] == "byQueue"
    [source] = allow["sourceQueueArns"]
    assert source["Fn::Join"][1][-1].endswith(f":{name}")


def test_queues_are_encrypted_and_reached_by_tls_only(default: Default) -> None:
    streamer, template = default
    for queue in (streamer.queue, streamer.failed_calls):
        assert properties(template, queue)["KmsMasterKeyId"] == {"Fn::GetAtt": [logical_id(streamer.key), "Arn"]}
    template.resource_properties_count_is(
        "AWS::SQS::QueuePolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [Match.object_like({"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}})]
                )
            }
        },
        2,
    )


# The functions


def test_each_function_has_its_handler_role_and_settings(tailored: Tailored) -> None:
    streamer, template = tailored.streamer, tailored.template
    functions = {
        "start_live_call": streamer.start_function,
        "end_live_call": streamer.end_function,
        "store_live_transcript": streamer.store_function,
    }
    for module, function in functions.items():
        assert properties(template, function)["Handler"] == f"lambdas.{module}.handler.handle"
    assert len({logical_id(role_of(function)) for function in functions.values()}) == 3
    start = environment(template, streamer.start_function)
    assert start["CALLS_QUEUE_URL"] == {"Ref": logical_id(streamer.queue)}
    assert (json.loads(start["CLINICS"])["default_clinic_id"], start["RETENTION_DAYS"]) == ("main", "30")
    store = environment(template, streamer.store_function)
    assert store["EVENT_BUS_NAME"] == {"Ref": logical_id(streamer.bus)}
    assert (store["RUBRIC"], store["RETENTION_DAYS"]) == ("clinic-call-v1", "30")
    assert "ARCHIVE_BUCKET" in store
    assert "ARCHIVE_BUCKET" not in start


def test_without_a_default_clinic_the_flow_must_name_one(default: Default) -> None:
    streamer, template = default
    assert not any(json.loads(environment(template, streamer.start_function)["CLINICS"]).values())


def test_what_a_contact_flow_invokes_answers_within_its_eight_seconds(default: Default) -> None:
    streamer, template = default
    for function in (streamer.start_function, streamer.end_function):
        assert properties(template, function)["Timeout"] < 8


@pytest.mark.parametrize(("arn", "source"), [(None, {}), (INSTANCE, {"SourceArn": INSTANCE})])
def test_contact_flows_of_the_account_or_one_instance_may_invoke(
    default: Default, tailored: Tailored, arn: str | None, source: dict[str, str]
) -> None:
    streamer, template = (tailored.streamer, tailored.template) if arn else default
    permitted = [
        found["Properties"]
        for found in template.find_resources("AWS::Lambda::Permission").values()
        if found["Properties"]["Principal"] == "connect.amazonaws.com"
    ]
    assert permitted == [
        {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Fn::GetAtt": [logical_id(function), "Arn"]},
            "Principal": "connect.amazonaws.com",
            "SourceAccount": {"Ref": "AWS::AccountId"},
            **source,
        }
        for function in (streamer.start_function, streamer.end_function)
    ]


@pytest.mark.parametrize("arn", [None, INSTANCE])
def test_ends_of_calls_are_heard_of_under_both_names_and_spellings(
    default: Default, tailored: Tailored, arn: str | None
) -> None:
    streamer, template = (tailored.streamer, tailored.template) if arn else default
    [rule] = [
        found["Properties"]
        for found in template.find_resources("AWS::Events::Rule").values()
        if found["Properties"]["EventPattern"]["source"] == ["aws.connect"]
    ]
    assert "EventBusName" not in rule
    assert rule["EventPattern"] == {
        "source": ["aws.connect"],
        "detail-type": ["Amazon Connect Contact Event", "Connect Customer Contact Event"],
        "detail": {
            "$or": [
                {"eventType": ["DISCONNECTED"], **({"instanceArn": [arn]} if arn else {})},
                {"EventType": ["DISCONNECTED"], **({"InstanceArn": [arn]} if arn else {})},
            ]
        },
    }
    [target] = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": [logical_id(streamer.end_function), "Arn"]}
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 3600


def test_the_transcript_of_each_ended_call_is_stored_or_kept_as_failed(default: Default) -> None:
    streamer, template = default
    failed = {"Fn::GetAtt": [logical_id(streamer.failed_calls), "Arn"]}
    [rule] = [
        found["Properties"]
        for found in template.find_resources("AWS::Events::Rule").values()
        if found["Properties"]["EventPattern"] == {"source": ["callscribe"], "detail-type": ["Live Call Transcribed"]}
    ]
    assert rule["EventBusName"] == {"Ref": logical_id(streamer.bus)}
    [target] = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": [logical_id(streamer.store_function), "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": failed}
    assert properties(template, streamer.store_function)["DeadLetterConfig"] == {"TargetArn": failed}
    assert Permission(
        frozenset({"kms:Decrypt", "kms:GenerateDataKey"}), frozenset({f"<{logical_id(streamer.key)}.Arn>"}), VIA_SQS
    ) in permissions(template, role_of(streamer.store_function))


def test_functions_may_do_their_work_and_no_more(default: Default) -> None:
    streamer, template = default
    every = {
        *("kms:Decrypt", "kms:GenerateDataKey", "logs:CreateLogStream", "logs:PutLogEvents"),
        *("xray:PutTelemetryRecords", "xray:PutTraceSegments"),
    }
    assert actions(template, role_of(streamer.start_function)) - every == {
        *("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem", "sqs:SendMessage")
    }
    assert actions(template, role_of(streamer.end_function)) - every == {"dynamodb:UpdateItem"}
    assert actions(template, role_of(streamer.store_function)) - every == {
        *("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"),
        *("events:PutEvents", "s3:PutObject", "sqs:SendMessage"),
    }


# Alarms, metrics, grants


def test_operators_are_told_of_what_goes_wrong(tailored: Tailored) -> None:
    streamer, template = tailored.streamer, tailored.template
    assert set(streamer.alarms) == {
        *(
            "FailedCalls",
            "WaitingCalls",
            "LongWait",
            "SlotsExhausted",
            "Reconnects",
            "Gaps",
            "BehindLive",
            "RateLimited",
        ),
        *("NoStreamer", "StartErrors", "ClinicConflicts"),
    }
    for alarm in streamer.alarms.values():
        found = properties(template, alarm)
        assert found["AlarmActions"] == [{"Ref": logical_id(tailored.topic)}]
        silence = "breaching" if alarm.node.id == "NoStreamer" else "notBreaching"
        assert found["TreatMissingData"] == silence
    template.resource_count_is("AWS::CloudWatch::Dashboard", 1)


def test_waiting_calls_are_not_told_by_the_age_of_messages_that_run(default: Default) -> None:
    streamer, template = default
    found = properties(template, streamer.alarms["WaitingCalls"])
    assert (found["MetricName"], found["Statistic"]) == ("ApproximateNumberOfMessagesVisible", "Minimum")
    assert (found["Period"], found["EvaluationPeriods"]) == (60, 2)


def test_alarms_and_metrics_read_what_this_service_writes(default: Default) -> None:
    streamer, template = default
    service = variables(template, streamer)["SERVICE_NAME"]
    metric = streamer.metric_behind_live()
    assert (metric.namespace, metric.dimensions) == ("CallScribe", {"service": service})
    for name in ("Gaps", "Reconnects", "BehindLive", "RateLimited", "NoStreamer"):
        found = properties(template, streamer.alarms[name])
        assert (found["Namespace"], found["Dimensions"]) == ("CallScribe", [{"Name": "service", "Value": service}])


def test_a_start_that_fails_is_told_because_the_flow_goes_on(default: Default) -> None:
    streamer, template = default
    found = properties(template, streamer.alarms["StartErrors"])
    assert (found["Namespace"], found["MetricName"], found["Statistic"]) == ("AWS/Lambda", "Errors", "Sum")
    assert found["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": logical_id(streamer.start_function)}}]
    assert found["Threshold"] == 0


def test_metrics_are_at_hand(default: Default) -> None:
    streamer, _ = default
    assert [
        metric().metric_name
        for metric in (
            *(streamer.metric_failed_calls, streamer.metric_waiting_calls, streamer.metric_running_calls),
            *(streamer.metric_behind_live, streamer.metric_gaps, streamer.metric_reconnects),
            streamer.metric_rate_limited,
        )
    ] == [
        *("ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesVisible"),
        *("ApproximateNumberOfMessagesNotVisible", "BehindLiveMs", "Gaps", "Reconnects", "RateLimited"),
    ]


def test_a_grant_to_start_calls_is_one_to_invoke(tailored: Tailored) -> None:
    streamer = tailored.streamer
    assert permissions(tailored.template, tailored.starter) == {
        Permission(
            frozenset({"lambda:InvokeFunction"}),
            frozenset(f"<{logical_id(f)}.Arn>" for f in (streamer.start_function, streamer.end_function)),
        )
    }


def test_a_grant_to_read_calls_reaches_no_transcripts(tailored: Tailored) -> None:
    template, role = tailored.template, tailored.reader
    found = [p for p in permissions(template, role) if any(a.startswith("dynamodb:") for a in p.actions)]
    # In the index, CALL#... are the transcripts and claims of recordings, too.
    by_resource = {resource.rpartition(">")[2]: p.condition for p in found for resource in p.resources}
    assert by_resource == {"": CALLS_ONLY, "/index/GSI1": CALLS_ONLY.replace("CALL#*", "LIVE#*")}
    assert actions(template, role) == {"dynamodb:GetItem", "dynamodb:Query", "kms:Decrypt"}


def test_a_grant_to_redrive_takes_failed_calls_and_repeats_them(tailored: Tailored) -> None:
    streamer, template, role = tailored.streamer, tailored.template, tailored.operator
    failed, queue, bus = (
        frozenset({f"<{logical_id(part)}.Arn>"}) for part in (streamer.failed_calls, streamer.queue, streamer.bus)
    )
    streams = frozenset({"arn:aws:kinesisvideo:eu-central-1:<AWS::AccountId>:stream/clinic-calls*"})
    assert {p for p in permissions(template, role) if not p.condition} == {
        Permission(frozenset({"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}), failed),
        Permission(frozenset({"sqs:SendMessage"}), queue),
        Permission(frozenset({"kinesisvideo:DescribeStream"}), streams),
        Permission(frozenset({"events:PutEvents"}), bus),
    }
    [items] = [p for p in permissions(template, role) if p.condition == CALLS_ONLY]
    assert items.actions == {"dynamodb:GetItem"}


def test_others_can_hear_of_ended_calls(tailored: Tailored) -> None:
    tailored.template.resource_properties_count_is(
        "AWS::Events::Rule",
        {
            "EventBusName": {"Ref": logical_id(tailored.bus)},
            "EventPattern": {"source": ["callscribe"], "detail-type": ["Live Call Transcribed"]},
        },
        2,
    )


def test_vocabularies_are_its_own(tailored: Tailored) -> None:
    tailored.template.has_resource_properties(
        "AWS::SSM::Parameter", {"Name": f"{tailored.streamer.vocabulary_path}lakeside", "Value": '["glaucoma"]'}
    )


def test_vocabularies_that_are_there_can_be_shared(stack: Stack) -> None:
    streamer = new_streamer(stack, vocabulary_path="/callscribe/batch/vocabulary/")
    template = Template.from_stack(stack)
    assert variables(template, streamer)["VOCABULARY_PATH"] == "/callscribe/batch/vocabulary/"
    template.resource_count_is("AWS::SSM::Parameter", 0)
    [parameters] = [p for p in permissions(template, streamer.task_role) if p.actions == {"ssm:GetParameter"}]
    assert [arn.partition(":parameter")[2] for arn in parameters.resources] == ["/callscribe/batch/vocabulary/*"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stream_prefix": ""}, r"stream_prefix '' is not the beginning of a stream's name"),
        ({"stream_prefix": "*"}, r"stream_prefix '\*' is not the beginning of a stream's name: use .* no '\*'"),
        ({"options": DeepgramOptions(speakers="diarize")}, r"speakers 'diarize' is for mono recordings: .* 'auto'"),
        ({"instance_arn": "clinic"}, r"instance_arn 'clinic' is not the ARN of an Amazon Connect instance: use"),
        (
            {"clinics": ClinicRules(default_clinic_id="lake_side")},
            r"clinic id 'lake_side' cannot be part of a channel: use .* dashes",
        ),
        ({"vocabulary": {}, "vocabulary_path": "/a/"}, r"vocabulary and vocabulary_path: drop one"),
    ],
)
def test_fails_for_settings_that_cannot_work(stack: Stack, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new_streamer(stack, **options)


def test_its_functions_run_where_they_are_told(stack: Stack) -> None:
    mine = ec2.Vpc(stack, "Mine", max_azs=2, nat_gateways=1, restrict_default_security_group=False)
    streamer = new_streamer(stack, functions=FunctionSettings(vpc=mine, runtime=lambda_.Runtime.PYTHON_3_13))
    template = Template.from_stack(stack)
    for function in (streamer.start_function, streamer.end_function, streamer.store_function):
        found = properties(template, function)
        assert found["Runtime"] == "python3.13"
        assert found["VpcConfig"]["SubnetIds"] == [{"Ref": logical_id(subnet)} for subnet in mine.private_subnets]
