"""From the arrival of a recording to its transcript."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, Literal, get_args

from aws_cdk import Duration, Names, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
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
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from callscribe.contract.events import CALL_TRANSCRIBED, EVENT_SOURCE
from callscribe.contract.object_keys import REPLIES, TRANSCRIPTS
from callscribe.recordings.layouts import AUDIO_EXTENSIONS, CONNECT_FOLDER, OWN_FOLDER
from constructs_lib import _checks, _clinics, _grants, _keys, _logs, _monitoring, _nag
from constructs_lib._functions import RuntimeFunction
from constructs_lib._python_code import DEFAULT_ARCHITECTURE, DEFAULT_RUNTIME
from constructs_lib._state_machine import UNREACHABLE, Definition
from constructs_lib.deepgram_options import DeepgramOptions
from constructs_lib.transcription_function import Role, TranscriptionFunction, channel_roles_setting

OnNewVersion = Literal["supersede", "keep"]
"""What a new version of a recording does to the transcript that is there."""
LiveTranscripts = Literal["always", "when-incomplete", "never"]
"""When the recording of a call is transcribed that was transcribed live."""

_OWN_LAYOUT: Final = f"{OWN_FOLDER}/"
_CONNECTS_LAYOUT: Final = f"{CONNECT_FOLDER}/"

_RUBRIC: Final = "clinic-call-v1"
# SQS keeps a message for 14 days at most, and a call must not vanish from the queue while its execution waits for it.
_LONGEST_WAIT = Duration.days(13)
_QUEUE_RETENTION = Duration.days(14)
# A claim outlives its execution by this, so that two executions never hold it at once.
_CLAIM_MARGIN = Duration.minutes(5)
# Errors of executions that are not among the failed calls. States.ALL does not catch the first two (AWS: "Handling
# errors in Step Functions workflows").
_SILENT = ["States.DataLimitExceeded", "States.Runtime", UNREACHABLE]
# The most that EventBridge offers (AWS: "How EventBridge retries delivering events").
_MOST_DELIVERIES = 185
_LONGEST_DELIVERY = Duration.hours(24)
# Beyond it, a reply about unbroken speech is larger than the transcribing function can hold, and has been paid for.
_LONGEST_CALL = Duration.hours(6)
_LONGEST_PATTERN = 2048  # characters (AWS: "Amazon EventBridge quotas")


class TranscriptionWorkflow(Construct):
    """Define what transcribes every recording of a bucket once: rule, state machine, functions, queue and bus.

    A recording is claimed before anything is paid for, waits in :attr:`queue` for a free place at Deepgram, and ends as
    an item in *table*, a document in *archive* and an event on :attr:`bus`. What fails ends in :attr:`failed_calls`
    with its reason, raises an alarm, and can be repeated.

    Args:
        scope: Parent construct.
        construct_id: Identifier, unique in *scope*.
        recordings: Bucket of the recordings. It must send its events to EventBridge.
        table: Table of transcripts and claims, keyed as :class:`~constructs_lib.TranscriptTable` is.
        archive: Bucket for Deepgram's replies and the transcripts.
        secret: Deepgram's API key, plain or as ``{"api_key": "…"}``. Default: a new secret without a value.
        options: What Deepgram is asked for. Default: ``DeepgramOptions()``.
        vocabulary: Words Deepgram should expect, by clinic id, beside ``options.keyterms``. Default: none.
        clinic_by_queue: Clinic ids by the ARN of the Amazon Connect queue that their calls are in; needs
            *instance_arn*. Default: none.
        clinic_by_dialled_number: Clinic ids by the number that callers dial, as ``+493012345678``; needs
            *instance_arn*. Default: none.
        clinic_by_prefix: Clinic ids by the key prefix of their recordings; the longest prefix counts. For layouts that
            do not name the clinic, such as Amazon Connect's. Default: none.
        default_clinic_id: Clinic of recordings that nothing else names one for. Default: such recordings are rejected.
        instance_arn: Amazon Connect instance that is asked for the attribute ``clinic_id``, the queue and the number of
            a recording's contact, unless the contact has a clinic already, as by its live call. Recordings of other
            instances are not affected. Default: none is asked.
        channel_roles: Who speaks on which channel. Default: Amazon Connect's order, customer left and agent right.
        key_prefixes: Prefixes of the keys of recordings, for a bucket with other objects in it. Default: any key.
        recording_key: Key that encrypts *recordings*. Default: the bucket's, as far as CDK knows it; a bucket known by
            name only needs it here.
        key: Key that encrypts queues, logs and events. Its policy must admit the services that use it, which CDK sees
            to for keys of the same app. Default: a new key with rotation on.
        bus: Where transcripts are announced. Default: a new bus.
        alarm_topic: Where alarms go. Default: a new topic, without subscribers.
        retain_for: Age at which transcripts and claims are deleted from *table*. Default: never.
        on_new_version: Whether the transcript of a new version of a recording replaces the present one
            (``"supersede"``) or is not made (``"keep"``). Default: it replaces it.
        live_transcripts: When the recording of a call that was followed live is transcribed, and paid for, as well:
            ``"always"``, ``"when-incomplete"`` (unless the live transcript is proven to cover the recording) or
            ``"never"``. A transcript of the recording replaces the live one; recordings of the automated part of a call
            are always transcribed. Default: always.
        live_patience: Longest wait for a live transcript that is still being made when the recording arrives; unused
            with ``live_transcripts="always"``. Default: 15 minutes.
        max_wait: Longest wait for a transcription, the wait in the queue included. Default: a day.
        max_duration: Longest recording that is transcribed, at most 6 hours. Default: 4 hours.
        waiting_alarm_after: Wait of a call that raises an alarm. Default: an hour.
        request_timeout: Longest wait for Deepgram's answer. Default: 11 minutes.
        max_attempts: Requests sent to Deepgram for one recording at most while Deepgram is busy, down or out of reach.
            Default: 50.
        max_retry_delay: Longest pause between two tries; an outage that outlasts *max_attempts* such pauses fails the
            call. Default: the pauses grow so that the attempts last for *max_wait*.
        log_retention: How long logs are kept. Default: a year.
        vpc: Network the functions run in. Default: none of yours.
        vpc_subnets: Subnets of *vpc*. Default: the private ones with a way out.
        runtime: Python version of the functions. Default: the newest that Lambda has.
        architecture: Processor of the functions. Default: arm64.
        bundling_platform: Platform the dependencies are chosen for, as ``uv --python-platform`` names it. Default: the
            Linux of Lambda; another one is for functions that run elsewhere, such as on an emulator.

    Raises:
        ValueError: If a time is out of range, an option about clinics cannot be what it is meant to be, or the options
            exclude each other.
    """

    state_machine: sfn.StateMachine
    """Runs once for each recording."""
    rule: events.Rule
    """Starts :attr:`state_machine` for each new recording."""
    queue: sqs.Queue
    """Calls that wait for Deepgram."""
    failed_calls: sqs.Queue
    """Calls that failed, kept for 14 days."""
    stranded_calls: sqs.Queue
    """Failed calls that could not be put into :attr:`failed_calls` for a day, kept for 14 days."""
    bus: events.IEventBus
    """Where transcripts are announced."""
    transcription: TranscriptionFunction
    """Hands recordings to Deepgram."""
    admit_function: lambda_.Function
    """Decides whether a recording is to be transcribed, and claims it."""
    store_function: lambda_.Function
    """Turns Deepgram's reply into the transcript."""
    score_function: lambda_.Function
    """Rates the call."""
    alarms: Mapping[str, cloudwatch.Alarm]
    """The alarms by construct id."""
    alarm_topic: sns.ITopic
    """Where alarms go."""
    dashboard: cloudwatch.Dashboard
    """Calls, waits, failures and durations at a glance."""
    key: kms.IKey
    """Encrypts queues, logs and events."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        recordings: s3.IBucket,
        table: dynamodb.ITableV2,
        archive: s3.IBucket,
        secret: secretsmanager.ISecret | None = None,
        options: DeepgramOptions | None = None,
        vocabulary: Mapping[str, Sequence[str]] | None = None,
        clinic_by_queue: Mapping[str, str] | None = None,
        clinic_by_dialled_number: Mapping[str, str] | None = None,
        clinic_by_prefix: Mapping[str, str] | None = None,
        default_clinic_id: str | None = None,
        instance_arn: str | None = None,
        channel_roles: Mapping[int, Role] | None = None,
        key_prefixes: Sequence[str] = (),
        recording_key: kms.IKey | None = None,
        key: kms.IKey | None = None,
        bus: events.IEventBus | None = None,
        alarm_topic: sns.ITopic | None = None,
        retain_for: Duration | None = None,
        on_new_version: OnNewVersion = "supersede",
        live_transcripts: LiveTranscripts = "always",
        live_patience: Duration | None = None,
        max_wait: Duration | None = None,
        max_duration: Duration | None = None,
        waiting_alarm_after: Duration | None = None,
        request_timeout: Duration | None = None,
        max_attempts: int = 50,
        max_retry_delay: Duration | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        vpc: ec2.IVpc | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        runtime: lambda_.Runtime = DEFAULT_RUNTIME,
        architecture: lambda_.Architecture = DEFAULT_ARCHITECTURE,
        bundling_platform: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        if on_new_version not in get_args(OnNewVersion):
            raise ValueError(f"on_new_version {on_new_version!r} is unknown: choose 'supersede' or 'keep'")
        if live_transcripts not in get_args(LiveTranscripts):
            raise ValueError(
                f"live_transcripts {live_transcripts!r} is unknown: choose 'always', 'when-incomplete' or 'never'"
            )
        options = options or DeepgramOptions()
        wait = Duration.seconds(
            _checks.seconds_within(
                "max_wait", max_wait or Duration.days(1), at_least=Duration.minutes(1), at_most=_LONGEST_WAIT
            )
        )
        longest_call = _checks.seconds_within(
            "max_duration", max_duration or Duration.hours(4), at_least=Duration.seconds(1), at_most=_LONGEST_CALL
        )
        patience = Duration.seconds(
            _checks.seconds_within(
                "live_patience",
                live_patience or Duration.minutes(15),
                at_least=Duration.minutes(1),
                at_most=Duration.days(1),
            )
        )
        if instance_arn is not None:
            _checks.check_instance(self, instance_arn)
        elif clinic_by_queue or clinic_by_dialled_number:
            raise ValueError(
                "clinic_by_queue and clinic_by_dialled_number without instance_arn: a recording's key tells neither "
                "queue nor number, so name the Amazon Connect instance that is asked for them"
            )
        retention_days = "" if retain_for is None else str(retain_for.to_days())

        self.key = key or _keys.own_key(
            self, removal_policy=RemovalPolicy.DESTROY, description="Queues, logs and events"
        )
        self.failed_calls, self.stranded_calls = self._failed_calls(), self._stranded_calls()
        self.bus = bus or events.EventBus(self, "Bus", description="Transcripts", kms_key=self.key)

        def function(
            construct_id: str,
            *,
            module: str,
            description: str,
            environment: Mapping[str, str],
            timeout: Duration,
            memory_mib: int,
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
                vpc=vpc,
                vpc_subnets=vpc_subnets,
                runtime=runtime,
                architecture=architecture,
                platform=bundling_platform,
            )

        admit = function(
            "Admit",
            module="admit_recording",
            description="Decides whether a recording is to be transcribed, and claims it",
            environment={
                "CLINICS": _clinics.clinics_setting(
                    by_queue=clinic_by_queue,
                    by_dialled_number=clinic_by_dialled_number,
                    by_prefix=clinic_by_prefix,
                    default=default_clinic_id,
                    instance_arn=instance_arn,
                    check=_checks.check_clinic_id,
                ),
                "CONNECT_INSTANCE_ARN": instance_arn or "",
                "MAX_DURATION_SECONDS": str(longest_call),
                "ON_NEW_VERSION": on_new_version,
                "LIVE_TRANSCRIPTS": live_transcripts,
                "LIVE_PATIENCE_SECONDS": str(int(patience.to_seconds())),
                "RETENTION_DAYS": retention_days,
            },
            timeout=Duration.minutes(5),  # a compressed recording is decoded from end to end
            memory_mib=1024,
        )
        store = function(
            "Store",
            module="store_transcript",
            description="Turns Deepgram's reply into the transcript",
            environment={
                "CHANNEL_ROLES": channel_roles_setting(channel_roles),
                "DEEPGRAM_OPTIONS": options.to_json(),
                "DEEPGRAM_PRICES": options.prices.to_json(),
                "RUBRIC": _RUBRIC,
                "TRANSCRIPT_RETENTION_DAYS": retention_days,
            },
            timeout=Duration.minutes(2),
            memory_mib=1024,
        )
        score = function(
            "Score",
            module="score_quality",
            description="Rates the call by the rubric",
            environment={"RUBRIC": _RUBRIC},
            timeout=Duration.minutes(1),
            memory_mib=512,
        )
        self.admit_function, self.store_function, self.score_function = admit.function, store.function, score.function
        self._archive = archive
        self.transcription = TranscriptionFunction(
            self,
            "Transcription",
            recordings=recordings,
            table=table,
            archive=archive,
            secret=secret,
            options=options,
            vocabulary=vocabulary,
            recording_key=recording_key,
            key=self.key,
            log_retention=log_retention,
            channel_roles=channel_roles,
            request_timeout=request_timeout,
            max_attempts=max_attempts,
            max_retry_delay=max_retry_delay,
            vpc=vpc,
            vpc_subnets=vpc_subnets,
            runtime=runtime,
            architecture=architecture,
            bundling_platform=bundling_platform,
        )
        self.queue = self._queue()
        self.transcription.consume(self.queue, failed_calls=self.failed_calls)
        self._allow_admission(admit.role, recordings, recording_key, table, instance_arn)
        self._admit = admit
        self._allow_storage(store.role, table, archive)
        self._allow_scoring(score.role, table, archive)

        definition = Definition(
            Construct(self, "States"),
            admit=admit,
            store=store,
            score=score,
            queue=self.queue,
            failed_calls=self.failed_calls,
            bus=self.bus,
            table=table,
            max_wait=wait,
            retain_for=retain_for,
        )
        longest_execution = wait.plus(definition.longest_steps)
        if live_transcripts != "always":
            longest_execution = longest_execution.plus(patience)
        admit.function.add_environment(
            "CLAIM_LEASE_SECONDS", str(int(longest_execution.plus(_CLAIM_MARGIN).to_seconds()))
        )
        self.state_machine = self._state_machine(
            definition, (admit, store, score), table=table, timeout=longest_execution, log_retention=log_retention
        )
        self.state_machine.grant_task_response(self.transcription.function)
        self.rule = self._rule(recordings, key_prefixes)
        self._collect_silent_ends()
        self.alarm_topic = alarm_topic or _monitoring.create_alarm_topic(self, key=self.key)
        self.alarms = _monitoring.create_alarms(
            Construct(self, "Alarms"),
            failed_calls=self.metric_failed_calls(),
            stranded_calls=_most_visible(self.stranded_calls),
            oldest_waiting_call=self.metric_oldest_waiting_call(),
            executions_failed=self.state_machine.metric_failed(),
            executions_timed_out=self.state_machine.metric_timed_out(),
            rate_limited=self.transcription.metric_rate_limited(),
            troubled_call_age=self.transcription.metric_troubled_call_age(),
            clinic_conflicts=self.metric_clinic_conflicts(),
            longest_wait=waiting_alarm_after or Duration.hours(1),
        )
        self.on_alarm(cloudwatch_actions.SnsAction(self.alarm_topic))
        self.dashboard = _monitoring.create_dashboard(self, graphs=self._graphs(), alarms=self.alarms)

    def _failed_calls(self) -> sqs.Queue:
        # EventBridge sends events here that it could not start an execution for.
        _keys.allow_service(
            self.key, "events.amazonaws.com", "kms:Decrypt", "kms:GenerateDataKey", conditions=_keys.same_account()
        )
        return sqs.Queue(
            self,
            "FailedCalls",
            encryption_master_key=self.key,
            enforce_ssl=True,
            retention_period=_QUEUE_RETENTION,
        )

    def _queue(self) -> sqs.Queue:
        return sqs.Queue(
            self,
            "Queue",
            encryption_master_key=self.key,
            enforce_ssl=True,
            retention_period=_QUEUE_RETENTION,
            # AWS recommends six times the function's timeout against throttled invocations. Here the event source's
            # maximum concurrency prevents those, and a call whose worker was killed should not wait an hour.
            visibility_timeout=self.transcription.timeout.plus(Duration.minutes(1)),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.failed_calls, max_receive_count=self.transcription.max_receives
            ),
        )

    def _allow_admission(
        self,
        role: iam.Role,
        recordings: s3.IBucket,
        recording_key: kms.IKey | None,
        table: dynamodb.ITableV2,
        instance_arn: str | None,
    ) -> None:
        _grants.allow_objects(role, recordings, "s3:GetObject", "s3:GetObjectVersion", key=recording_key)
        _grants.allow_listing(role, recordings)
        _grants.allow_items(
            role,
            table,
            *("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem"),
        )
        _clinics.allow_decisions(role, table)
        if instance_arn is not None:
            _clinics.allow_contacts(role, instance_arn)
        _nag.acknowledge_wildcards(
            role, {recordings.arn_for_objects("*"): "recordings are named by the contact centre"}
        )

    def _allow_storage(self, role: iam.Role, table: dynamodb.ITableV2, archive: s3.IBucket) -> None:
        _grants.allow_objects(role, archive, "s3:GetObject", prefix=REPLIES)
        # Read when an older document is written anew.
        _grants.allow_objects(role, archive, "s3:GetObject", "s3:PutObject", prefix=TRANSCRIPTS, write=True)
        _grants.allow_listing(role, archive)
        _grants.allow_items(role, table, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
        _nag.acknowledge_wildcards(
            role,
            {
                archive.arn_for_objects(f"{REPLIES}*"): "replies are named by the recording's hash, made at run time",
                archive.arn_for_objects(f"{TRANSCRIPTS}*"): "transcripts are named by clinic, day and call",
            },
        )

    def _allow_scoring(self, role: iam.Role, table: dynamodb.ITableV2, archive: s3.IBucket) -> None:
        _grants.allow_objects(role, archive, "s3:GetObject", prefix=TRANSCRIPTS)
        _grants.allow_listing(role, archive)
        _grants.allow_items(role, table, "dynamodb:UpdateItem")
        _nag.acknowledge_wildcards(
            role, {archive.arn_for_objects(f"{TRANSCRIPTS}*"): "transcripts are named by clinic, day and call"}
        )

    def _state_machine(
        self,
        definition: Definition,
        functions: Sequence[RuntimeFunction],
        *,
        table: dynamodb.ITableV2,
        timeout: Duration,
        log_retention: logs.RetentionDays,
    ) -> sfn.StateMachine:
        # The log group, too, is named after the machine.
        name = Names.unique_resource_name(self, separator="-", max_length=80)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        if table.encryption_key:
            _grants.allow_key(role, table.encryption_key, "dynamodb", write=True)
        machine = sfn.StateMachine(
            self,
            "StateMachine",
            state_machine_name=name,
            definition_body=sfn.DefinitionBody.from_chainable(definition.start),
            query_language=sfn.QueryLanguage.JSONATA,
            role=role,
            timeout=timeout,
            tracing_enabled=True,
            # No key of ours: with one, Step Functions leaves input and error out of the events that tell of an
            # execution's end (AWS: "Data at rest encryption in Step Functions"), and a call whose execution was stopped
            # could not be repeated from there. Executions hold ids, names of objects and figures.
            encryption_configuration=sfn.AwsOwnedEncryptionConfiguration(),
            logs=sfn.LogOptions(
                # The prefix keeps the log group out of CloudWatch's resource policy, which is limited in size.
                destination=_logs.log_group(
                    self, "Logs", key=self.key, retention=log_retention, name=f"/aws/vendedlogs/states/{name}"
                ),
                include_execution_data=False,
                level=sfn.LogLevel.ALL,
            ),
        )
        _nag.acknowledge_wildcards(
            role,
            {
                "*": "X-Ray and the delivery of vended logs have no resources to name",
                **{f"{step.function.function_arn}:*": "versions of this one function" for step in functions},
            },
        )
        _nag.acknowledge(
            role,
            {
                **_nag.INLINE_POLICY,
                "AwsSolutions-IAM5[Action::kms:GenerateDataKey*]": "with or without plaintext, for the one key of the "
                "queues",
            },
        )
        return machine

    def _rule(self, recordings: s3.IBucket, key_prefixes: Sequence[str]) -> events.Rule:
        if wild := [prefix for prefix in key_prefixes if "*" in prefix or not prefix]:
            raise ValueError(f"key_prefixes {_checks.quoted(wild)} are not prefixes: name them without '*'")
        keys = [key for prefix in key_prefixes or [""] for key in _keys_of_recordings(prefix)]
        if len(json.dumps(keys)) > _LONGEST_PATTERN - 300:
            raise ValueError(
                f"{len(key_prefixes)} key_prefixes make an event pattern longer than EventBridge takes "
                f"({_LONGEST_PATTERN} characters): use fewer or shorter ones"
            )
        rule = events.Rule(
            self,
            "NewRecording",
            description="Starts the transcription of each new recording",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [recordings.bucket_name]}, "object": {"key": keys}},
            ),
        )
        role = iam.Role(self, "RuleRole", assumed_by=iam.ServicePrincipal("events.amazonaws.com"))
        rule.add_target(
            targets.SfnStateMachine(
                self.state_machine,
                role=role,
                dead_letter_queue=self.failed_calls,
                retry_attempts=_MOST_DELIVERIES,
                max_event_age=_LONGEST_DELIVERY,
            )
        )
        _nag.acknowledge(role, _nag.INLINE_POLICY)
        return rule

    def _stranded_calls(self) -> sqs.Queue:
        # Without the key of the failed calls: that it cannot be used is a likely reason for them to be out of reach.
        queue = sqs.Queue(
            self,
            "StrandedCalls",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_QUEUE_RETENTION,
        )
        _nag.acknowledge(queue, {"AwsSolutions-SQS3": "it is itself the last place for what reached no other"})
        return queue

    def _collect_silent_ends(self) -> None:
        """Send executions to the failed calls that ended without being able to do so themselves."""
        events.Rule(
            self,
            "SilentEnd",
            description="Keeps the calls of executions that were stopped, ran out of time or broke",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [self.state_machine.state_machine_arn],
                    "$or": [{"status": ["ABORTED", "TIMED_OUT"]}, {"status": ["FAILED"], "error": _SILENT}],
                },
            ),
            targets=[
                targets.SqsQueue(
                    self.failed_calls,
                    dead_letter_queue=self.stranded_calls,
                    retry_attempts=_MOST_DELIVERIES,
                    max_event_age=_LONGEST_DELIVERY,
                )
            ],
        )

    def _graphs(self) -> dict[str, list[cloudwatch.IMetric]]:
        machine, function = self.state_machine, self.transcription.function
        return {
            "Calls": [machine.metric_started(), machine.metric_succeeded(), machine.metric_failed()],
            "Time from recording to transcript": [
                machine.metric_time(statistic="p50"),
                machine.metric_time(statistic="p95"),
            ],
            "Waiting for Deepgram": [
                self.queue.metric_approximate_number_of_messages_visible(),
                self.queue.metric_approximate_number_of_messages_not_visible(),
            ],
            "Oldest waiting call": [self.metric_oldest_waiting_call(), self.transcription.metric_troubled_call_age()],
            "Requests to Deepgram": [
                self.transcription.metric_requests(),
                self.transcription.metric_rate_limited(),
                function.metric_errors(),
            ],
            "Failed calls": [self.metric_failed_calls()],
        }

    def on_call_transcribed(self, construct_id: str, *, target: events.IRuleTarget) -> events.Rule:
        """Send *target* one event for each transcript: ids and figures, never the words."""
        return events.Rule(
            self,
            construct_id,
            event_bus=self.bus,
            event_pattern=events.EventPattern(source=[EVENT_SOURCE], detail_type=[CALL_TRANSCRIBED]),
            targets=[target],
        )

    def on_alarm(self, action: cloudwatch.IAlarmAction) -> None:
        """Take *action* whenever one of :attr:`alarms` goes off, beside the message to :attr:`alarm_topic`."""
        for alarm in self.alarms.values():
            alarm.add_alarm_action(action)

    def grant_redrive(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow *grantee* to repeat failed calls: take them, and send them back to the queue or start them anew.

        To find them by their claims instead, it takes the right to read the table as well.
        """
        taking = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility")
        return (
            _grants.allow_messages(grantee, self.failed_calls, *taking)
            .combine(_grants.allow_messages(grantee, self.stranded_calls, *taking))
            .combine(_grants.allow_messages(grantee, self.queue, "sqs:SendMessage"))
            .combine(self.state_machine.grant_start_execution(grantee))
            .combine(self.state_machine.grant_execution(grantee, "states:DescribeExecution"))
        )

    def grant_rebuild(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow *grantee* to have older documents written anew: to list what is in the archive, not to read it.

        To find the documents of one call, it takes the right to read the table as well.
        """
        return _grants.allow_listing(grantee, self._archive).combine(
            iam.Grant.add_to_principal(
                grantee=grantee,
                actions=["lambda:InvokeFunction"],
                resource_arns=[self.store_function.function_arn],
            )
        )

    def metric_failed_calls(self) -> cloudwatch.Metric:
        """Count the calls in :attr:`failed_calls`; the most within a minute."""
        return _most_visible(self.failed_calls)

    def metric_oldest_waiting_call(self) -> cloudwatch.Metric:
        """Tell how long the oldest call in :attr:`queue` has waited, in seconds; the longest within a minute."""
        return self.queue.metric_approximate_age_of_oldest_message(period=Duration.minutes(1), statistic="Maximum")

    def metric_clinic_conflicts(self) -> cloudwatch.Metric:
        """Count what named another clinic than the one a call has, once for each call; the sum of 5 minutes."""
        return _clinics.metric_conflicts(self._admit)

    def metric_transcribed(self) -> cloudwatch.Metric:
        """Count the executions that ended well, duplicates included; the sum of 5 minutes."""
        return self.state_machine.metric_succeeded()


def _most_visible(queue: sqs.IQueue) -> cloudwatch.Metric:
    return queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(1), statistic="Maximum")


def _keys_of_recordings(prefix: str) -> list[dict[str, str]]:
    """Event patterns for what may be a recording below a prefix.

    Where recordings belong, every object counts, so that one in another format fails where somebody sees it; elsewhere
    the names of audio files do.
    """
    if prefix.startswith(_OWN_LAYOUT) or _CONNECTS_LAYOUT in prefix:
        return [{"prefix": prefix}]
    own = [{"prefix": _OWN_LAYOUT}] if _OWN_LAYOUT.startswith(prefix) else []
    suffixes = [case for extension in AUDIO_EXTENSIONS for case in (f".{extension}", f".{extension.upper()}")]
    elsewhere = [{"wildcard": f"{prefix}*{suffix}"} if prefix else {"suffix": suffix} for suffix in suffixes]
    return [*own, {"wildcard": f"{prefix}*{_CONNECTS_LAYOUT}*"}, *elsewhere]
