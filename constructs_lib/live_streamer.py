"""From a running call to its words, while it runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import Annotations, ArnFormat, Duration, Names, RemovalPolicy, Stack, Token
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from callscribe.contract.events import EVENT_SOURCE, LIVE_CALL_TRANSCRIBED
from callscribe.contract.metrics import StreamerCount, StreamerMaximum
from callscribe.contract.object_keys import TRANSCRIPTS
from callscribe.contract.table_keys import CALL_INDEX, CALLS, LIVE_CALLS
from constructs_lib import _checks, _clinics, _grants, _keys, _live_monitoring, _monitoring, _nag, _vocabulary
from constructs_lib._functions import RuntimeFunction
from constructs_lib._live_monitoring import LiveMetrics
from constructs_lib._python_code import DEFAULT_ARCHITECTURE, DEFAULT_RUNTIME
from constructs_lib._streamer_image import streamer_image
from constructs_lib._streamer_network import streamer_security_group, streamer_vpc
from constructs_lib._streamer_service import StreamerService, streamer_cluster
from constructs_lib.deepgram_options import DETECT, DeepgramOptions
from constructs_lib.deepgram_secret import DeepgramSecret
from constructs_lib.live_transcript_feed import LiveTranscriptFeed

_RUBRIC: Final = "clinic-call-v1"
# So many were measured to be more than one processor should have.
_MOST_SLOTS = 300
_MOST_TASKS = 1000
# Of a healthy call, too: one for every hand-over, two for every streamer that dies with it. What fails otherwise is
# counted by the streamers; this bounds how often a call can take its streamer down.
_MAX_RECEIVES = 50
_QUEUE_RETENTION = Duration.days(14)
# A message can be hidden for 12 hours since it was received (Amazon SQS Developer Guide, "visibility timeout").
_LONGEST_CALL = Duration.hours(11)
# What is kept for a call that Deepgram does not hear; beyond it, Kinesis keeps the audio.
_BUFFER_SECONDS = 60
# A contact flow waits 8 seconds at most (Amazon Connect Administrator Guide, "Invoke AWS Lambda functions").
_FLOW_TIMEOUT = Duration.seconds(7)
# Both names of the event (Amazon Connect was renamed), and both spellings of its fields, occur.
_CONTACT_EVENTS = ["Amazon Connect Contact Event", "Connect Customer Contact Event"]
_STREAM_PREFIX = re.compile(r"[A-Za-z0-9_.-]{1,200}")


class LiveStreamer(Construct):
    """Define what transcribes calls while they run: functions for the contact flow, queue, streamers and alarms.

    A contact flow starts media streaming and invokes :attr:`start_function`, which puts the call in :attr:`queue`. A
    streamer with a free slot takes it; the call stays in the queue, hidden, until it has ended, so that another
    streamer continues it should the first one die. The words go to *table* and, as they are heard, to *feed*. When the
    call has ended, the event ``Live Call Transcribed`` on :attr:`bus` says so and the transcript is stored. What fails
    ends in :attr:`failed_calls`, raises an alarm, and can be repeated while the stream still holds the audio.

    Args:
        scope: Parent construct.
        construct_id: Identifier, unique in *scope*.
        table: Table of calls and transcripts, keyed as :class:`~constructs_lib.TranscriptTable` is.
        archive: Bucket for the transcripts.
        stream_prefix: How the names of Connect's Kinesis video streams begin, as set beside the instance's live media
            streaming. Streamers reach no other streams.
        secret: Deepgram's API key, plain or as ``{"api_key": "…"}``. Default: a new secret without a value.
        options: What Deepgram is asked for. Sentiments, topics, intents and summaries are for recordings only and not
            asked for here. Default: ``DeepgramOptions()``.
        vocabulary: Words Deepgram should expect, by clinic id, beside ``options.keyterms``. Default: none.
        vocabulary_path: Parameter Store path of vocabularies that are there already, such as
            ``TranscriptionFunction.vocabulary_path``, instead of *vocabulary*. Default: one of its own.
        clinic_by_queue: Clinic ids by the ARN of the queue that their calls are in when the flow announces them.
            Default: none.
        clinic_by_dialled_number: Clinic ids by the number that callers dial, as ``+493012345678``. Default: none.
        default_clinic_id: Clinic of calls for which neither flow nor queue nor number names one. Default: such calls
            are refused.
        instance_arn: Amazon Connect instance whose flows may start calls and whose contact events count. Default: any
            of the account.
        stream_key: Key that encrypts the streams. Default: Kinesis Video Streams' own.
        key: Key that encrypts queues, logs and events. Default: a new key with rotation on.
        bus: Where ends of calls are announced. Default: a new bus.
        feed: Where words go as they are heard. Default: to the table only.
        alarm_topic: Where alarms go. Default: a new topic, without subscribers.
        retain_for: Age at which calls, words and transcripts are deleted from *table*. Default: never.
        slots_per_task: Calls that a task follows at once, up to 300. Default: 100, which kept a processor busy for less
            than half of the time in measurements.
        min_tasks: Fewest tasks. Default: 1; two survive the loss of one without a pause.
        max_tasks: Most tasks. Default: *min_tasks*, without scaling.
        max_call_duration: Longest call, up to 11 hours; its transcript ends there, incomplete. Default: 4 hours.
        idle_limit: Silence of a stream after which its call counts as over, unproven. Default: 2 minutes.
        start_wait: Longest wait for the first audio of a call. Default: a minute.
        lease: Time after which the calls of a dead streamer go to others. Default: 30 seconds.
        image: What the tasks run, built for *architecture*. Default: the streamer that comes with the constructs.
        base_image: Image with Python that the default image is built on, best named by its digest. Default: the one
            that its Dockerfile names by a tag.
        vpc: Network of the tasks. Default: a new one with private subnets in two zones.
        vpc_subnets: Subnets of *vpc*. Default: the private ones with a way out.
        nat_gateways: NAT gateways of the new network. Default: one in each zone.
        cluster: Cluster of the tasks, in *vpc*. Scaling reads its Container Insights. Default: a new one.
        log_retention: How long logs are kept. Default: a year.
        runtime: Python version of the functions. Default: the newest that Lambda has.
        architecture: Processor of functions and tasks. Default: arm64.
        bundling_platform: Platform the functions' dependencies are chosen for, as ``uv --python-platform`` names it.
            Default: the Linux of Lambda.

    Raises:
        ValueError: If a number or time is out of range, an option excludes another, or Deepgram cannot stream so.
    """

    queue: sqs.Queue
    """Calls that wait or run."""
    failed_calls: sqs.Queue
    """Calls that failed, and ends of calls that could not be stored, kept for 14 days."""
    start_function: lambda_.Function
    """Announces a call; a contact flow invokes it after the block that starts media streaming."""
    end_function: lambda_.Function
    """Notes that a call is over; EventBridge invokes it, and a contact flow that stops media streaming may."""
    store_function: lambda_.Function
    """Stores the transcript of a call that has ended."""
    bus: events.IEventBus
    """Where ends of calls are announced."""
    vpc: ec2.IVpc
    """Network of the tasks."""
    cluster: ecs.ICluster
    """Cluster of the tasks."""
    service: ecs.FargateService
    """Runs the tasks."""
    task_definition: ecs.FargateTaskDefinition
    """What a task is."""
    task_role: iam.Role
    """What a task may do."""
    scaling: autoscaling.ScalableTarget | None
    """Number of tasks, for schedules of one's own; None where it is fixed."""
    secret: secretsmanager.ISecret
    """Deepgram's API key."""
    vocabulary_path: str
    """Parameter Store path of the vocabularies, one parameter per clinic id, a JSON array of terms."""
    alarms: Mapping[str, cloudwatch.Alarm]
    """The alarms by construct id."""
    alarm_topic: sns.ITopic
    """Where alarms go."""
    dashboard: cloudwatch.Dashboard
    """Calls, streamers, delays and trouble at a glance."""
    key: kms.IKey
    """Encrypts queues, logs and events."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        table: dynamodb.ITableV2,
        archive: s3.IBucket,
        stream_prefix: str,
        secret: secretsmanager.ISecret | None = None,
        options: DeepgramOptions | None = None,
        vocabulary: Mapping[str, Sequence[str]] | None = None,
        vocabulary_path: str | None = None,
        clinic_by_queue: Mapping[str, str] | None = None,
        clinic_by_dialled_number: Mapping[str, str] | None = None,
        default_clinic_id: str | None = None,
        instance_arn: str | None = None,
        stream_key: kms.IKey | None = None,
        key: kms.IKey | None = None,
        bus: events.IEventBus | None = None,
        feed: LiveTranscriptFeed | None = None,
        alarm_topic: sns.ITopic | None = None,
        retain_for: Duration | None = None,
        slots_per_task: int = 100,
        min_tasks: int = 1,
        max_tasks: int | None = None,
        max_call_duration: Duration | None = None,
        idle_limit: Duration | None = None,
        start_wait: Duration | None = None,
        lease: Duration | None = None,
        image: ecs.ContainerImage | None = None,
        base_image: str | None = None,
        vpc: ec2.IVpc | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        nat_gateways: int | None = None,
        cluster: ecs.ICluster | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        runtime: lambda_.Runtime = DEFAULT_RUNTIME,
        architecture: lambda_.Architecture = DEFAULT_ARCHITECTURE,
        bundling_platform: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._table = table
        self._streams = Stack.of(self).format_arn(
            service="kinesisvideo",
            resource="stream",
            resource_name=f"{stream_prefix}*",
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )
        options = options or DeepgramOptions()
        max_tasks = min_tasks if max_tasks is None else max_tasks
        _check_options(options)
        options.annotate(self)
        _check_tasks(slots_per_task, min_tasks, max_tasks)
        _check_stream_prefix(stream_prefix)
        _check_alternatives(
            (
                vocabulary is not None and vocabulary_path is not None,
                "vocabulary and vocabulary_path: drop one of them",
            ),
            (image is not None and base_image is not None, "base_image is for the default image: drop it or image"),
            (vpc is None and vpc_subnets is not None, "vpc_subnets without a vpc: pass the vpc they belong to as well"),
            (vpc is None and cluster is not None, "cluster without a vpc: pass the vpc it belongs to as well"),
            (vpc is not None and nat_gateways is not None, "nat_gateways are for the new network: drop them or vpc"),
        )
        if instance_arn is not None:
            _checks.check_instance(self, instance_arn)
        lease = lease or Duration.seconds(30)
        lease_seconds = _checks.seconds_within(
            "lease", lease, at_least=Duration.seconds(6), at_most=Duration.minutes(5)
        )

        self.key = key or _keys.own_key(
            self, removal_policy=RemovalPolicy.DESTROY, description="Queues, logs and events of live calls"
        )
        self.secret = secret or DeepgramSecret(self, "DeepgramSecret").secret
        self.vocabulary_path = vocabulary_path or _vocabulary.vocabulary_path(self)
        if vocabulary_path is None:
            _vocabulary.add_vocabulary(self, self.vocabulary_path, vocabulary or {}, options=options)
        self.bus = bus or events.EventBus(self, "Bus", description="Ends of live calls", kms_key=self.key)
        self.queue, self.failed_calls = self._queues(lease)
        retention_days = "" if retain_for is None else str(retain_for.to_days())

        def function(
            construct_id: str,
            *,
            module: str,
            description: str,
            environment: Mapping[str, str],
            timeout: Duration,
            memory_mib: int,
            archive: s3.IBucket | None = None,
            failed_events: sqs.IQueue | None = None,
            without_failed_events: str = "",
        ) -> RuntimeFunction:
            return RuntimeFunction(
                self,
                construct_id,
                module=module,
                description=description,
                table=table,
                archive=archive,
                environment=environment,
                timeout=timeout,
                memory_mib=memory_mib,
                key=self.key,
                log_retention=log_retention,
                # They use AWS alone, by TLS with their roles' credentials; the streamers' network gives them nothing.
                vpc=None,
                vpc_subnets=None,
                runtime=runtime,
                architecture=architecture,
                platform=bundling_platform,
                failed_events=failed_events,
                without_failed_events=without_failed_events,
            )

        start = function(
            "Start",
            module="start_live_call",
            description="Announces a call that a contact flow streams",
            environment={
                "CALLS_QUEUE_URL": self.queue.queue_url,
                "RETENTION_DAYS": retention_days,
                "CLINICS": _clinics.clinics_setting(
                    by_queue=clinic_by_queue,
                    by_dialled_number=clinic_by_dialled_number,
                    default=default_clinic_id,
                    instance_arn=instance_arn,
                    check=_checks.check_live_clinic_id,
                ),
            },
            timeout=_FLOW_TIMEOUT,
            memory_mib=512,  # with it comes the processor that makes a cold start fit a flow's patience
            without_failed_events="a contact flow invokes the function and hears at once of its failure",
        )
        end = function(
            "End",
            module="end_live_call",
            description="Notes that a call is over",
            environment={},
            timeout=_FLOW_TIMEOUT,
            memory_mib=512,
            without_failed_events="a lost event costs the proof of one call's end, not its words: the streamer then "
            "ends the call when its stream has been silent for the idle limit",
        )
        store = function(
            "Store",
            module="store_live_transcript",
            description="Stores the transcript of a live call that has ended",
            archive=archive,
            environment={
                "DEEPGRAM_OPTIONS": options.to_json(),
                "DEEPGRAM_PRICES": options.prices.to_json(),
                "RUBRIC": _RUBRIC,
                "RETENTION_DAYS": retention_days,
                "EVENT_BUS_NAME": self.bus.event_bus_name,
                "FAILED_CALLS_QUEUE_URL": self.failed_calls.queue_url,
            },
            timeout=Duration.minutes(2),
            memory_mib=1024,
            failed_events=self.failed_calls,
        )
        self.start_function, self.end_function, self.store_function = start.function, end.function, store.function
        self._start = start
        _clinics.allow_decisions(start.role, table)  # the right to note the call is among them
        _allow_live_items(start.role, table, "dynamodb:GetItem", write=False)
        _grants.allow_messages(start.role, self.queue, "sqs:SendMessage")
        _allow_live_items(end.role, table, "dynamodb:UpdateItem")
        self._allow_storage(store.role, table, archive)
        self._open_to_flows(instance_arn)
        self._add_rules(instance_arn)

        self.vpc = vpc or streamer_vpc(self, nat_gateways=nat_gateways, key=self.key, log_retention=log_retention)
        self.cluster = cluster or streamer_cluster(self, self.vpc)
        service_name = Names.unique_resource_name(self, separator="-", max_length=80)
        streamer = StreamerService(
            self,
            "Streamer",
            cluster=self.cluster,
            image=image or streamer_image(architecture=architecture, base_image=base_image),
            architecture=architecture,
            environment={
                "AWS_REGION": Stack.of(self).region,
                "TABLE_NAME": table.table_name,
                "CALLS_QUEUE_URL": self.queue.queue_url,
                "FAILED_CALLS_QUEUE_URL": self.failed_calls.queue_url,
                "DEEPGRAM_SECRET_ARN": self.secret.secret_arn,
                "DEEPGRAM_OPTIONS": options.to_json(),
                "DEEPGRAM_STREAM_URL": options.stream_url,
                "VOCABULARY_PATH": self.vocabulary_path,
                "FEED_URL": feed.http_url if feed else "",
                "EVENT_BUS_NAME": self.bus.event_bus_name,
                "SERVICE_NAME": service_name,
                "SLOTS": str(slots_per_task),
                "LEASE_SECONDS": str(lease_seconds),
                "MAX_CALL_SECONDS": _seconds(
                    "max_call_duration", max_call_duration, Duration.hours(4), at_most=_LONGEST_CALL
                ),
                "IDLE_LIMIT_SECONDS": _seconds("idle_limit", idle_limit, Duration.minutes(2)),
                "START_WAIT_SECONDS": _seconds("start_wait", start_wait, Duration.minutes(1)),
                "BUFFER_SECONDS": str(_BUFFER_SECONDS),
                "RETENTION_DAYS": retention_days,
                "LOG_LEVEL": "INFO",
                "HEALTH_HOST": "127.0.0.1",  # ECS's health check runs inside the container; nobody else is to ask
                "HEALTH_PORT": "8080",
            },
            security_group=streamer_security_group(self, self.vpc, stream_url=options.stream_url),
            subnets=vpc_subnets or ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            key=self.key,
            log_retention=log_retention,
            tasks=min_tasks if min_tasks == max_tasks else None,
        )
        self.service, self.task_definition, self.task_role = streamer.service, streamer.task_definition, streamer.role
        if vpc is None:
            self._await_way_out()
        self._allow_streaming(table, stream_key, feed)
        self.scaling = None
        if min_tasks < max_tasks:
            self.scaling = streamer.scale_on_calls(
                self.queue, slots=slots_per_task, min_tasks=min_tasks, max_tasks=max_tasks
            )
        self._warn_of_refusals(max_tasks * slots_per_task, options.parallel_streams)

        self._metrics = LiveMetrics(service=service_name, queue=self.queue, failed_calls=self.failed_calls)
        self.alarm_topic = alarm_topic or _monitoring.create_alarm_topic(self, key=self.key)
        alarms = _live_monitoring.create_live_alarms(
            Construct(self, "Alarms"),
            self._metrics,
            start_function=self.start_function,
            clinic_conflicts=self.metric_clinic_conflicts(),
        )
        self.alarms = alarms
        self.on_alarm(cloudwatch_actions.SnsAction(self.alarm_topic))
        self.dashboard = _live_monitoring.create_live_dashboard(
            self, self._metrics, tasks=streamer.metric_running_tasks(), alarms=alarms
        )

    def _queues(self, lease: Duration) -> tuple[sqs.Queue, sqs.Queue]:
        # The two name each other, which CloudFormation takes only if it need not create one to know its name.
        name = Names.unique_resource_name(self, separator="-", max_length=80)
        stack = Stack.of(self)
        # EventBridge sends events here that it could not hand to a function.
        _keys.allow_service(
            self.key,
            "events.amazonaws.com",
            "kms:Decrypt",
            "kms:GenerateDataKey",
            conditions=_keys.same_account(),
        )
        failed_calls = sqs.Queue(
            self,
            "FailedCalls",
            encryption_master_key=self.key,
            enforce_ssl=True,
            retention_period=_QUEUE_RETENTION,
            redrive_allow_policy=sqs.RedriveAllowPolicy(
                redrive_permission=sqs.RedrivePermission.BY_QUEUE,
                source_queues=[
                    sqs.Queue.from_queue_arn(
                        self,
                        "Source",
                        stack.format_arn(service="sqs", resource=name, arn_format=ArnFormat.NO_RESOURCE_NAME),
                    )
                ],
            ),
        )
        queue = sqs.Queue(
            self,
            "Queue",
            queue_name=name,
            encryption_master_key=self.key,
            enforce_ssl=True,
            retention_period=_QUEUE_RETENTION,
            receive_message_wait_time=Duration.seconds(20),
            visibility_timeout=lease,
            dead_letter_queue=sqs.DeadLetterQueue(queue=failed_calls, max_receive_count=_MAX_RECEIVES),
        )
        return queue, failed_calls

    def _allow_storage(self, role: iam.Role, table: dynamodb.ITableV2, archive: s3.IBucket) -> None:
        _allow_live_items(role, table, "dynamodb:GetItem", "dynamodb:Query", write=False)
        _grants.allow_items(role, table, "dynamodb:PutItem")
        _grants.allow_objects(role, archive, "s3:PutObject", prefix=TRANSCRIPTS, write=True)
        self._allow_announcements(role)
        _nag.acknowledge_wildcards(
            role, {archive.arn_for_objects(f"{TRANSCRIPTS}*"): "transcripts are named by clinic, day and call"}
        )

    def _allow_announcements(self, grantee: iam.IGrantable) -> iam.Grant:
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["events:PutEvents"], resource_arns=[self.bus.event_bus_arn]
        )

    def _allow_streams(self, grantee: iam.IGrantable, *actions: str) -> iam.Grant:
        return iam.Grant.add_to_principal(grantee=grantee, actions=[*actions], resource_arns=[self._streams])

    def _open_to_flows(self, instance_arn: str | None) -> None:
        for function in (self.start_function, self.end_function):
            function.add_permission(
                "ContactFlows",
                principal=iam.ServicePrincipal("connect.amazonaws.com"),
                source_account=Stack.of(self).account,
                source_arn=instance_arn,
            )

    def _add_rules(self, instance_arn: str | None) -> None:
        spellings = ("eventType", "instanceArn"), ("EventType", "InstanceArn")
        instance = [instance_arn] if instance_arn else None
        events.Rule(
            self,
            "CallEnded",
            description="Notes the ends of calls",
            event_pattern=events.EventPattern(
                source=["aws.connect"],
                detail_type=_CONTACT_EVENTS,
                detail={
                    "$or": [
                        {event_type: ["DISCONNECTED"], **({instance_arn: instance} if instance else {})}
                        for event_type, instance_arn in spellings
                    ]
                },
            ),
            targets=[targets.LambdaFunction(self.end_function, max_event_age=Duration.hours(1), retry_attempts=10)],
        )
        self.on_live_call_transcribed(
            "LiveCallTranscribed",
            target=targets.LambdaFunction(self.store_function, dead_letter_queue=self.failed_calls),
        )

    def _allow_streaming(
        self, table: dynamodb.ITableV2, stream_key: kms.IKey | None, feed: LiveTranscriptFeed | None
    ) -> None:
        role = self.task_role
        self._allow_streams(role, "kinesisvideo:GetDataEndpoint", "kinesisvideo:GetMedia")
        if stream_key:
            _grants.allow_key(role, stream_key, "kinesisvideo", write=False)
        _allow_live_items(
            role,
            table,
            # TransactWriteItems asks for the actions it consists of.
            *("dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem"),
        )
        _grants.allow_messages(
            role, self.queue, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"
        )
        _grants.allow_messages(role, self.failed_calls, "sqs:SendMessage")
        _grants.allow_secret(role, self.secret)
        _vocabulary.allow_vocabulary(role, self.vocabulary_path)
        self._allow_announcements(role)
        if feed:
            feed.grant_publish(role)
        _nag.acknowledge_wildcards(
            role, {self._streams: "Amazon Connect makes streams as it needs them and names them with this prefix"}
        )
        _nag.acknowledge(role, _nag.INLINE_POLICY)

    def _await_way_out(self) -> None:
        """Start tasks once there is a way to their image, lest the circuit breaker give up."""
        for subnet in self.vpc.private_subnets:
            self.service.node.add_dependency(subnet.internet_connectivity_established)

    def _warn_of_refusals(self, slots: int, streams: int) -> None:
        if slots > streams:
            Annotations.of(self).add_warning_v2(
                "callscribe:parallelStreams",
                f"{slots} slots are more live calls than the {streams} streams that Deepgram allows the project: lower "
                "max_tasks or slots_per_task, or name the limit of your contract in options.max_parallel_streams",
            )

    def on_live_call_transcribed(self, construct_id: str, *, target: events.IRuleTarget) -> events.Rule:
        """Send *target* one event for each live call that has ended: ids and figures, never the words."""
        return events.Rule(
            self,
            construct_id,
            event_bus=self.bus,
            event_pattern=events.EventPattern(source=[EVENT_SOURCE], detail_type=[LIVE_CALL_TRANSCRIBED]),
            targets=[target],
        )

    def on_alarm(self, action: cloudwatch.IAlarmAction) -> None:
        """Take *action* whenever one of :attr:`alarms` goes off, beside the message to :attr:`alarm_topic`."""
        for alarm in self.alarms.values():
            alarm.add_alarm_action(action)

    def grant_start_calls(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow *grantee* to announce calls as a contact flow does, and that they are over."""
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["lambda:InvokeFunction"],
            resource_arns=[self.start_function.function_arn, self.end_function.function_arn],
        )

    def grant_read_calls(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow *grantee* to read live calls and their words, one by one and by clinic and day, of all clinics.

        The index is open by clinic and day only: by call it also lists the recordings' transcripts and claims.
        """
        return _allow_live_items(grantee, self._table, "dynamodb:GetItem", "dynamodb:Query", write=False).combine(
            iam.Grant.add_to_principal(
                grantee=grantee,
                actions=["dynamodb:Query"],
                resource_arns=[f"{self._table.table_arn}/index/{CALL_INDEX}"],
                conditions=_leading_keys(LIVE_CALLS),
            )
        )

    def grant_redrive(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow *grantee* to repeat failed calls as far as their streams still hold the audio.

        That is to take them, look where they stand and what their streams keep, and send them back to the queue; and to
        announce an ended call again that could not be stored.
        """
        grant = (
            _grants.allow_messages(
                grantee, self.failed_calls, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"
            )
            .combine(_grants.allow_messages(grantee, self.queue, "sqs:SendMessage"))
            .combine(_allow_live_items(grantee, self._table, "dynamodb:GetItem", write=False))
            .combine(self._allow_streams(grantee, "kinesisvideo:DescribeStream"))
        )
        return grant.combine(self._allow_announcements(grantee))

    def metric_clinic_conflicts(self) -> cloudwatch.Metric:
        """Count what named another clinic than the one a call has, once for each call; the sum of 5 minutes."""
        return _clinics.metric_conflicts(self._start)

    def metric_failed_calls(self) -> cloudwatch.Metric:
        """Count the calls in :attr:`failed_calls`; the most within a minute."""
        return self._metrics.failed_calls()

    def metric_waiting_calls(self) -> cloudwatch.Metric:
        """Count the calls that no streamer has; the fewest within a minute."""
        return self._metrics.waiting_calls()

    def metric_running_calls(self) -> cloudwatch.Metric:
        """Count the calls that streamers have; the most within a minute."""
        return self._metrics.running_calls()

    def metric_waited(self) -> cloudwatch.Metric:
        """Tell how many milliseconds a new call waited for a streamer; the most within a minute."""
        return self._metrics.of_streamers(StreamerMaximum.WAITED_MS, statistic="Maximum")

    def metric_behind_live(self) -> cloudwatch.Metric:
        """Tell by how many milliseconds the slowest call lags behind what is said; the most within a minute."""
        return self._metrics.of_streamers(StreamerMaximum.BEHIND_LIVE_MS, statistic="Maximum")

    def metric_gaps(self) -> cloudwatch.Metric:
        """Count the pieces of calls that are missing in their transcripts; the sum of a minute."""
        return self._metrics.of_streamers(StreamerCount.GAPS)

    def metric_reconnects(self) -> cloudwatch.Metric:
        """Count the connections that had to be made anew; the sum of a minute."""
        return self._metrics.of_streamers(StreamerCount.RECONNECTS)

    def metric_rate_limited(self) -> cloudwatch.Metric:
        """Count the streams that Deepgram refused because too many ran; the sum of a minute."""
        return self._metrics.of_streamers(StreamerCount.RATE_LIMITED)


def _allow_live_items(
    grantee: iam.IGrantable, table: dynamodb.ITableV2, *actions: str, write: bool = True
) -> iam.Grant:
    """Allow *actions* on calls and their words, not on recordings' claims and clinics' transcripts."""
    return _grants.allow_items(grantee, table, *actions, write=write, conditions=_leading_keys(CALLS))


def _leading_keys(partitions: str) -> dict[str, dict[str, list[str]]]:
    return {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{partitions}*"]}}


def _seconds(name: str, value: Duration | None, default: Duration, *, at_most: Duration | None = None) -> str:
    return str(
        _checks.seconds_within(
            name, value or default, at_least=Duration.seconds(1), at_most=at_most or Duration.hours(1)
        )
    )


def _check_options(options: DeepgramOptions) -> None:
    if options.speakers == "diarize":
        raise ValueError(
            "speakers 'diarize' is for mono recordings: a live call has a channel for each party, so choose 'auto' or "
            "'multichannel'"
        )
    if options.language == DETECT:
        raise ValueError(
            "language 'detect' is for recordings: Deepgram finds out no language of a stream, so name one or choose "
            "'multi'"
        )


def _check_tasks(slots: int, min_tasks: int, max_tasks: int) -> None:
    if not 1 <= slots <= _MOST_SLOTS:
        raise ValueError(
            f"slots_per_task of {slots} is out of range: choose 1 to {_MOST_SLOTS}, which keep one processor busy, and "
            "more tasks for more calls"
        )
    if not 1 <= min_tasks <= max_tasks <= _MOST_TASKS:
        raise ValueError(
            f"min_tasks of {min_tasks} and max_tasks of {max_tasks} do not go together: choose 1 to {_MOST_TASKS}, the "
            "fewest first; without a task no call is followed"
        )


def _check_stream_prefix(prefix: str) -> None:
    if not Token.is_unresolved(prefix) and not _STREAM_PREFIX.fullmatch(prefix):
        raise ValueError(
            f"stream_prefix {prefix!r} is not the beginning of a stream's name: use letters, digits, '-', '_' and '.', "
            "and no '*'"
        )


def _check_alternatives(*clashes: tuple[bool, str]) -> None:
    for clash, fix in clashes:
        if clash:
            raise ValueError(fix)
