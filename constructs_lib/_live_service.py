"""What follows live calls: network, cluster and tasks, and what the tasks may do."""

from __future__ import annotations

from typing import Final

from aws_cdk import Annotations, Stack
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from callscribe.environments.streamer import StreamerEnvironment
from constructs_lib import _grants, _nag, _vocabulary
from constructs_lib._checks import check_private_subnets, check_public_subnets, check_subnets
from constructs_lib._judgement import Judgement
from constructs_lib._live_grants import MediaStreams, allow_events, allow_live_items
from constructs_lib._live_intake import LiveCallQueues
from constructs_lib._logs import LogSettings
from constructs_lib._names import account_wide_name
from constructs_lib._streamer_image import streamer_image
from constructs_lib._streamer_network import MOST_PUBLIC_TASKS, streamer_security_group, streamer_vpc
from constructs_lib._streamer_service import StreamerService, streamer_cluster
from constructs_lib.deepgram_options import DeepgramOptions
from constructs_lib.live_transcript_feed import LiveTranscriptFeed
from constructs_lib.streamer_settings import CallLimits, Capacity, TaskSettings

# Audio that is kept for a call while Deepgram takes none; beyond it, Kinesis keeps it.
_BUFFER_SECONDS: Final = 60
# Of the container itself: ECS's health check runs inside, and nobody else is to ask.
_HEALTH_PORT: Final = 8080


class LiveService:
    """The service of streamers.

    Args:
        scope: Parent construct.
        table: Where words are stored.
        queues: Where calls are taken from, and failed ones are put.
        streams: Where the audio is read.
        secret: Deepgram's API key.
        options: What Deepgram is asked for.
        vocabulary_path: Parameter Store path of the vocabularies.
        bus: Where ends of calls are announced.
        feed: Where words go as they are heard. None: to the table only.
        capacity: How many calls can be followed at once.
        limits: When a call is over, and when another streamer takes it.
        judgement: What calls are judged by.
        tasks: What the tasks run on, and where.
        logs: How logs are kept.
        retention_days: Age at which calls and words are deleted from the table; None for never.
    """

    scaling: autoscaling.ScalableTarget | None
    """Number of tasks; None where it is fixed."""

    def __init__(
        self,
        scope: Construct,
        *,
        table: dynamodb.ITable,
        queues: LiveCallQueues,
        streams: MediaStreams,
        secret: secretsmanager.ISecret,
        options: DeepgramOptions,
        vocabulary_path: str,
        bus: events.IEventBus,
        feed: LiveTranscriptFeed | None,
        capacity: Capacity,
        limits: CallLimits,
        judgement: Judgement,
        tasks: TaskSettings,
        logs: LogSettings,
        retention_days: int | None,
        role_names: dict[str, str] | None,
    ) -> None:
        self.name = account_wide_name(scope, max_length=80)
        _check_addresses(capacity, tasks)
        self.vpc = tasks.vpc or streamer_vpc(
            scope, public_addresses=tasks.public_addresses, nat_gateways=tasks.nat_gateways, logs=logs
        )
        subnets = tasks.vpc_subnets or _subnets_of(tasks)
        if tasks.vpc is not None and tasks.public_addresses:
            check_public_subnets(tasks.vpc, subnets)
        elif tasks.vpc is not None and tasks.vpc_subnets is not None:
            check_subnets(scope, tasks.vpc, tasks.vpc_subnets)
        elif tasks.vpc is not None:
            check_private_subnets(tasks.vpc)
        if tasks.cluster is not None and capacity.scales:
            _check_insights(scope, tasks.cluster)
        self.cluster = tasks.cluster or streamer_cluster(scope, self.vpc)
        self.tasks = StreamerService(
            scope,
            "Streamer",
            cluster=self.cluster,
            image=tasks.image or streamer_image(architecture=tasks.architecture, base_image=tasks.base_image),
            architecture=tasks.architecture,
            environment=StreamerEnvironment(
                aws_region=Stack.of(scope).region,
                table_name=table.table_name,
                calls_queue_url=queues.calls.queue_url,
                failed_calls_queue_url=queues.failed_calls.queue_url,
                deepgram_secret_arn=secret.secret_arn,
                deepgram_options=options.of_requests,
                deepgram_stream_url=options.stream_url,
                vocabulary_path=vocabulary_path,
                feed_url=feed.http_url if feed else None,
                event_bus_name=bus.event_bus_name,
                flags=judgement.flag_set.file.name,
                own_flags=judgement.own_flags,
                role_names=role_names,
                service_name=self.name,
                slots=capacity.slots_per_task,
                lease_seconds=int(limits.lease.to_seconds()),
                max_call_seconds=int(limits.max_call_duration.to_seconds()),
                idle_limit_seconds=int(limits.idle_limit.to_seconds()),
                start_wait_seconds=int(limits.start_wait.to_seconds()),
                buffer_seconds=_BUFFER_SECONDS,
                retention_days=retention_days,
                health_port=_HEALTH_PORT,
            ),
            security_group=streamer_security_group(scope, self.vpc, stream_url=options.stream_url),
            subnets=subnets,
            public_addresses=tasks.public_addresses,
            logs=logs,
            tasks=None if capacity.scales else capacity.min_tasks,
        )
        if tasks.vpc is None:
            self._await_way_out(subnets)
        role = self.tasks.role
        streams.allow_reading(role)
        allow_live_items(
            role,
            table,
            # TransactWriteItems asks for the actions it consists of.
            *("dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem"),
        )
        _grants.allow_messages(
            role, queues.calls, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"
        )
        _grants.allow_messages(role, queues.failed_calls, "sqs:SendMessage")
        _grants.allow_secret(role, secret)
        _vocabulary.allow_vocabulary(role, vocabulary_path)
        allow_events(role, bus)
        if feed:
            feed.grant_publish(role)
        _nag.acknowledge(role, _nag.INLINE_POLICY)
        self.scaling = self.tasks.scale_on_calls(queues.calls, capacity) if capacity.scales else None
        _warn_of_refusals(scope, capacity, options)

    def _await_way_out(self, subnets: ec2.SubnetSelection) -> None:
        """Start tasks once there is a way to their image, lest the circuit breaker give up."""
        selected = self.vpc.select_subnets(subnet_type=subnets.subnet_type)
        self.tasks.service.node.add_dependency(selected.internet_connectivity_established)


def _subnets_of(tasks: TaskSettings) -> ec2.SubnetSelection:
    """Return the subnets in which tasks run unless others are named."""
    kind = ec2.SubnetType.PUBLIC if tasks.public_addresses else ec2.SubnetType.PRIVATE_WITH_EGRESS
    return ec2.SubnetSelection(subnet_type=kind)


def _check_addresses(capacity: Capacity, tasks: TaskSettings) -> None:
    """Check that all tasks find an address in the new network.

    Raises:
        ValueError: If there may be more of them than addresses.
    """
    if tasks.vpc is None and tasks.public_addresses and capacity.most_tasks > MOST_PUBLIC_TASKS:
        raise ValueError(
            f"{capacity.most_tasks} tasks are more than the {MOST_PUBLIC_TASKS} that the new network has public "
            "addresses for: lower max_tasks, pass a vpc with larger public subnets, or drop egress"
        )


def _check_insights(scope: Construct, cluster: ecs.ICluster) -> None:
    """Check that *cluster* counts its tasks, which scaling goes by.

    Raises:
        ValueError: If it is told not to.
    """
    resource = cluster.node.default_child
    settings = Stack.of(cluster).resolve(resource.cluster_settings) if isinstance(resource, ecs.CfnCluster) else None
    values = [one.get("value") for one in settings or () if one.get("name") == "containerInsights"]
    if values == ["disabled"]:
        raise ValueError(
            "cluster has Container Insights off, which the number of tasks is scaled by: make it with "
            "container_insights_v2=ecs.ContainerInsights.ENABLED, or drop max_tasks"
        )
    if not values:
        Annotations.of(scope).add_warning_v2(
            "callscribe:containerInsights",
            "cluster is not known to have Container Insights on, without which the number of tasks is never scaled: "
            "make sure that it has, or drop max_tasks",
        )


def _warn_of_refusals(scope: Construct, capacity: Capacity, options: DeepgramOptions) -> None:
    slots, streams = capacity.most_tasks * capacity.slots_per_task, options.parallel_streams
    if slots > streams:
        Annotations.of(scope).add_warning_v2(
            "callscribe:parallelStreams",
            f"{slots} slots are more live calls than the {streams} streams that Deepgram allows the project: lower "
            "max_tasks or slots_per_task, or name the limit of your contract in options.max_parallel_streams",
        )
