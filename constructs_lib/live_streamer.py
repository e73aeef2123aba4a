"""From a running call to its words, while it runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, Unpack

from aws_cdk import Duration, RemovalPolicy, Token
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from callscribe.contract.metrics import StreamerCount, StreamerMaximum
from callscribe.contract.table_keys import CALL_INDEX, LIVE_CALLS
from callscribe.conversation.flags import DEFAULT_FLAG_SET, FlagSetSource
from callscribe.deepgram.catalogue import DETECT
from callscribe.judgement.quality import DEFAULT_RUBRIC, RubricSource
from callscribe.recordings.clinics import ClinicRules
from constructs_lib import (
    _checks,
    _clinics,
    _grants,
    _keys,
    _live_grants,
    _live_monitoring,
    _live_store,
    _monitoring,
    _vocabulary,
)
from constructs_lib._former_options import (
    FormerOptions,
    FormerStreamerOptions,
    OfCallLimits,
    OfCapacity,
    OfLiveClinics,
    OfRuntime,
    OfTasks,
)
from constructs_lib._functions import SharedByFunctions
from constructs_lib._judgement import Judgement
from constructs_lib._live_intake import LiveCallQueues, LiveIntake
from constructs_lib._live_monitoring import LiveMetrics
from constructs_lib._live_service import LiveService
from constructs_lib._live_store import LiveStore
from constructs_lib._logs import LogSettings
from constructs_lib._names import account_wide_name
from constructs_lib._urgent_calls import on_urgent_call
from constructs_lib.alarm_settings import AlarmSettings
from constructs_lib.deepgram_options import DeepgramOptions
from constructs_lib.deepgram_secret import DeepgramSecret
from constructs_lib.function_settings import FunctionSettings
from constructs_lib.live_transcript_feed import LiveTranscriptFeed
from constructs_lib.sentence_encoder import SentenceEncoder
from constructs_lib.streamer_settings import CallLimits, Capacity, TaskSettings

_STREAM_PREFIX: Final = re.compile(r"[A-Za-z0-9_.-]{1,200}")


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
        clinics: Whose a call is of which the flow names no clinic; rules by prefix are for recordings. Default: none; a
            call that nothing names a clinic for is refused.
        instance_arn: Amazon Connect instance whose flows may start calls and whose contact events count. Default: any
            of the account.
        stream_key: Key that encrypts the streams. Default: Kinesis Video Streams' own.
        capacity: How many calls can be followed at once. Default: ``Capacity()``.
        limits: When a call is over, and when another streamer takes it. Default: ``CallLimits()``.
        tasks: What the tasks run on, and where. Default: ``TaskSettings()``.
        functions: What the functions run on, and where. Default: ``FunctionSettings()``.
        feed: Where words go as they are heard. Default: to the table only.
        flags: What is noted of a call, and of what somebody is told while it runs: the name of a flag set that ships,
            or one of your own, as the path of a JSON file or what stands in one. Default: ``"eye-clinic-v1"``.
        rubric: What calls are rated by, those that the clinic makes as well: the name of a rubric that ships, or one of
            your own, as the path of a JSON file or what stands in one. Default: ``"clinic-call-v1"``.
        encoder: What looks for flags by wording, beside the rules. Default: the rules look for them alone.
        role_names: What parties of a call are called where people read it, by role (``customer``, ``agent``,
            ``announcement``), as in ``{"customer": "patient"}``. Events tell of it; what is stored keeps the roles.
            Default: as the roles.
        retain_for: Age at which calls, words and transcripts are deleted from *table*. Default: never.
        key: Key that encrypts queues, logs and events. Default: a new key with rotation on.
        bus: Where ends of calls are announced. Default: a new bus.
        alarm_topic: Where alarms go. Default: a new topic, without subscribers.
        alarms: Which alarms there are, and when they go off. Default: ``AlarmSettings()``, all of them.
        log_retention: How long logs are kept. Default: a year.

    Raises:
        ValueError: If an option cannot be what it is meant to be, excludes another, or Deepgram cannot stream so.
    """

    queue: sqs.Queue
    """Calls that wait or run."""
    failed_calls: sqs.Queue
    """Calls that failed, and ends of calls that could not be stored, kept for 14 days."""
    start_function: lambda_.Function
    """Registers a call; a contact flow invokes it after the block that starts media streaming."""
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
    stream_prefix: str
    """How the names of the streams begin that the tasks may read."""
    stream_key: kms.IKey | None
    """Encrypts the streams, as far as the tasks are told."""
    secret: secretsmanager.ISecret
    """Deepgram's API key."""
    vocabulary_path: str
    """Parameter Store path of the vocabularies, one parameter per clinic id, a JSON array of terms."""
    alarms: Mapping[str, cloudwatch.Alarm]
    """The alarms by construct id."""
    alarm_topic: sns.ITopic
    """Where alarms go."""
    dashboard: cloudwatch.Dashboard
    """Calls, streamers, delays and failures at a glance."""
    key: kms.IKey
    """Encrypts queues, logs and events."""

    @_checks.takes_objects
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        table: dynamodb.ITable,
        archive: s3.IBucket,
        stream_prefix: str,
        secret: secretsmanager.ISecret | None = None,
        options: DeepgramOptions | None = None,
        vocabulary: Mapping[str, Sequence[str]] | None = None,
        vocabulary_path: str | None = None,
        clinics: ClinicRules | None = None,
        instance_arn: str | None = None,
        stream_key: kms.IKey | None = None,
        capacity: Capacity | None = None,
        limits: CallLimits | None = None,
        tasks: TaskSettings | None = None,
        functions: FunctionSettings | None = None,
        feed: LiveTranscriptFeed | None = None,
        flags: FlagSetSource = DEFAULT_FLAG_SET,
        rubric: RubricSource = DEFAULT_RUBRIC,
        encoder: SentenceEncoder | None = None,
        role_names: Mapping[str, str] | None = None,
        retain_for: Duration | None = None,
        key: kms.IKey | None = None,
        bus: events.IEventBus | None = None,
        alarm_topic: sns.ITopic | None = None,
        alarms: AlarmSettings | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        **former: Unpack[FormerStreamerOptions],
    ) -> None:
        super().__init__(scope, construct_id)
        formerly = FormerOptions(self, former, FormerStreamerOptions)
        clinics = formerly.into("clinics", clinics, ClinicRules, OfLiveClinics)
        capacity = formerly.into("capacity", capacity, Capacity, OfCapacity)
        limits = formerly.into("limits", limits, CallLimits, OfCallLimits)
        tasks = formerly.into("tasks", tasks, TaskSettings, OfTasks)
        functions = formerly.into("functions", functions, FunctionSettings, OfRuntime)
        options, limits = options or DeepgramOptions(), limits or CallLimits()
        judgement = Judgement.checked(flags=flags, rubric=rubric, encoder=encoder)
        _checks.check_table(table)
        _check_options(options)
        options.annotate(self)
        _check_stream_prefix(stream_prefix)
        if instance_arn is not None:
            _checks.check_instance(self, instance_arn)
        retention_days = _checks.retention_days(retain_for)
        names = _checks.role_names(role_names)

        self._table, self.stream_prefix, self.stream_key = table, stream_prefix, stream_key
        self._streams = _live_grants.MediaStreams(self, prefix=stream_prefix, key=stream_key)
        self.key = key or _keys.own_key(
            self, removal_policy=RemovalPolicy.DESTROY, description="Queues, logs and events of live calls"
        )
        log_settings = LogSettings(key=self.key, retention=log_retention)
        self.secret = secret or DeepgramSecret(self, "DeepgramSecret").secret
        _checks.check_secret(self, self.secret)
        self.vocabulary_path = self._vocabulary(vocabulary, vocabulary_path, options)
        self.bus = bus or events.EventBus(
            self,
            "Bus",
            event_bus_name=account_wide_name(self, max_length=80),
            description="Ends of live calls",
            kms_key=self.key,
        )
        queues = LiveCallQueues(self, key=self.key, lease=limits.lease)
        self.queue, self.failed_calls = queues.calls, queues.failed_calls

        shared = SharedByFunctions(
            table=table, settings=functions or FunctionSettings(), logs=log_settings, files=judgement.files
        )
        self._intake = LiveIntake(
            self,
            shared,
            calls=self.queue,
            clinics=clinics or ClinicRules(),
            instance_arn=instance_arn,
            retention_days=retention_days,
        )
        store = LiveStore(
            self,
            shared,
            archive=archive,
            options=options,
            bus=self.bus,
            failed_calls=self.failed_calls,
            judgement=judgement,
            retention_days=retention_days,
            role_names=names,
        )
        service = LiveService(
            self,
            table=table,
            queues=queues,
            streams=self._streams,
            secret=self.secret,
            options=options,
            vocabulary_path=self.vocabulary_path,
            bus=self.bus,
            feed=feed,
            capacity=capacity or Capacity(),
            limits=limits,
            judgement=judgement,
            tasks=tasks or TaskSettings(),
            logs=log_settings,
            retention_days=retention_days,
            role_names=names,
        )
        self.start_function, self.end_function = self._intake.start.function, self._intake.end.function
        self.store_function = store.function
        self.vpc, self.cluster, self.scaling = service.vpc, service.cluster, service.scaling
        self.service, self.task_definition = service.tasks.service, service.tasks.task_definition
        self.task_role = service.tasks.role

        self._metrics = LiveMetrics(service=service.name, queue=self.queue, failed_calls=self.failed_calls)
        self.alarm_topic = alarm_topic or _monitoring.create_alarm_topic(self, key=self.key)
        self.alarms = _live_monitoring.create_live_alarms(
            Construct(self, "Alarms"),
            self._metrics,
            start_function=self.start_function,
            clinic_conflicts=self.metric_clinic_conflicts(),
            settings=alarms or AlarmSettings(),
        )
        self.on_alarm(cloudwatch_actions.SnsAction(self.alarm_topic))
        self.dashboard = _live_monitoring.create_live_dashboard(
            self, self._metrics, tasks=service.tasks.metric_running_tasks(), alarms=self.alarms
        )

    def _vocabulary(
        self, vocabulary: Mapping[str, Sequence[str]] | None, path: str | None, options: DeepgramOptions
    ) -> str:
        """Return where the vocabularies are, and put them there unless they are there already."""
        if path is not None:
            if vocabulary is not None:
                raise ValueError("vocabulary and vocabulary_path: drop one of them")
            if not Token.is_unresolved(path) and not (path.startswith("/") and path.endswith("/")):
                raise ValueError(f"vocabulary_path {path!r} is not a path of parameters: begin and end it with '/'")
            return path
        path = _vocabulary.vocabulary_path(self)
        _vocabulary.add_vocabulary(self, path, vocabulary or {}, options=options)
        return path

    @_checks.takes_objects
    def on_live_call_transcribed(
        self, construct_id: str, *, target: events.IRuleTarget, scope: Construct | None = None
    ) -> events.Rule:
        """Send *target* one event for each live call that has ended: ids and figures, never the words.

        With *scope*, the rule is defined there: where the target is in a stack that this one does not refer to.
        """
        return _live_store.on_live_call_transcribed(scope or self, construct_id, bus=self.bus, target=target)

    @_checks.takes_objects
    def on_urgent_call(
        self, construct_id: str, *, target: events.IRuleTarget, scope: Construct | None = None
    ) -> events.Rule:
        """Send *target* one event for each running call in which something cannot wait: ids, never the words.

        With *scope*, the rule is defined there: where the target is in a stack that this one does not refer to.
        """
        return on_urgent_call(scope or self, construct_id, bus=self.bus, target=target)

    @_checks.takes_objects
    def on_alarm(self, action: cloudwatch.IAlarmAction) -> None:
        """Take *action* whenever one of :attr:`alarms` goes off, beside the message to :attr:`alarm_topic`."""
        _checks.check_alarm_action(self.alarms, action)
        for alarm in self.alarms.values():
            alarm.add_alarm_action(action)

    def grant_start_calls(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow *grantee* to register calls as a contact flow does, and that they are over."""
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["lambda:InvokeFunction"],
            resource_arns=[self.start_function.function_arn, self.end_function.function_arn],
        )

    def grant_read_calls(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow *grantee* to read live calls and their words, one by one and by clinic and day, of all clinics.

        The index is open by clinic and day only: by call it also lists the recordings' transcripts and claims.
        """
        return _live_grants.allow_live_items(
            grantee, self._table, "dynamodb:GetItem", "dynamodb:Query", write=False
        ).combine(
            iam.Grant.add_to_principal(
                grantee=grantee,
                actions=["dynamodb:Query"],
                resource_arns=[f"{self._table.table_arn}/index/{CALL_INDEX}"],
                conditions=_live_grants.leading_keys(LIVE_CALLS),
            )
        )

    def grant_redrive(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow *grantee* to repeat failed calls as far as their streams still hold the audio.

        That is to take them, look where they stand and what their streams keep, and send them back to the queue; and to
        announce an ended call again that could not be stored.
        """
        return (
            _grants.allow_messages(
                grantee, self.failed_calls, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"
            )
            .combine(self.grant_follow_again(grantee))
            .combine(_live_grants.allow_live_items(grantee, self._table, "dynamodb:GetItem", write=False))
            .combine(_live_grants.allow_events(grantee, self.bus))
        )

    def grant_follow_again(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow *grantee* to send calls back to the queue, and to look what their streams keep."""
        return _grants.allow_messages(grantee, self.queue, "sqs:SendMessage").combine(
            self._streams.allow_describing(grantee)
        )

    def metric_clinic_conflicts(self) -> cloudwatch.Metric:
        """Count what named another clinic than the one a call has, once for each call; the sum of 5 minutes."""
        return _clinics.metric_conflicts(self._intake.start)

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


def _check_stream_prefix(prefix: str) -> None:
    if not isinstance(prefix, str) or not (Token.is_unresolved(prefix) or _STREAM_PREFIX.fullmatch(prefix)):
        raise ValueError(
            f"stream_prefix {prefix!r} is not the beginning of a stream's name: use letters, digits, '-', '_' and '.', "
            "and no '*'"
        )
