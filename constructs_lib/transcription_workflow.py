"""From the arrival of a recording to its transcript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, Unpack, get_args

import jsii
from aws_cdk import Annotations, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_dynamodb as dynamodb
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
from constructs import Construct, IValidation

from callscribe.contract import metrics
from callscribe.contract.events import CALL_TRANSCRIBED, EVENT_SOURCE
from callscribe.contract.messages import AnalyseMessage, written
from callscribe.contract.object_keys import REPLIES, TRANSCRIPTS
from callscribe.contract.table_keys import CLINICS
from callscribe.conversation.flags import DEFAULT_FLAG_SET, FlagSetSource
from callscribe.environments.functions import (
    AdmitRecordingEnvironment,
    AnalyseCallEnvironment,
    ChannelRole,
    ScoreQualityEnvironment,
    StoreTranscriptEnvironment,
)
from callscribe.judgement.quality import DEFAULT_RUBRIC, RubricSource
from callscribe.recordings.clinics import ClinicRules
from constructs_lib import _checks, _clinics, _grants, _keys, _monitoring, _nag
from constructs_lib._former_options import (
    FormerOptions,
    FormerWorkflowOptions,
    OfClinics,
    OfNetwork,
    OfPolicy,
    OfRecordingLimits,
    OfRequests,
    OfRuntime,
)
from constructs_lib._functions import RuntimeFunction, SharedByFunctions
from constructs_lib._judgement import Judgement
from constructs_lib._live_grants import leading_keys
from constructs_lib._logs import LogSettings
from constructs_lib._names import account_wide_name
from constructs_lib._recording_rules import collect_silent_ends, start_on_recordings
from constructs_lib._state_machine.definition import Definition
from constructs_lib._urgent_calls import on_urgent_call
from constructs_lib.alarm_settings import AlarmSettings
from constructs_lib.bedrock_analyst import BedrockAnalyst
from constructs_lib.deepgram_options import DeepgramOptions
from constructs_lib.enrichment_step import EnrichmentStep
from constructs_lib.function_settings import FunctionSettings
from constructs_lib.recording_bucket import RecordingBucket
from constructs_lib.recording_limits import RecordingLimits, RecordingPolicy, RequestLimits
from constructs_lib.sentence_encoder import SentenceEncoder
from constructs_lib.transcription_function import AMAZON_CONNECT_CHANNELS, TranscriptionFunction

TranscriptSource = Literal["batch", "live"]
"""What a transcript was made of: a recording, or a call while it ran."""

# The most that SQS offers (Amazon SQS Developer Guide, "message retention period").
_QUEUE_RETENTION = Duration.days(14)
# A claim outlives its execution by this, so that two executions never hold it at once.
_CLAIM_MARGIN = Duration.minutes(5)
# What an analysis takes beside the answers it waits for: the pauses between requests, and reading and writing.
_ANALYSIS_MARGIN = Duration.minutes(1)


@jsii.implements(IValidation)
class TranscriptionWorkflow(Construct):
    """Define what transcribes every recording of a bucket once: rule, state machine, functions, queue and bus.

    A recording is claimed before anything is paid for, waits in :attr:`queue` for a free place at Deepgram, and ends as
    an item in *table*, a document in *archive* and an event on :attr:`bus`. What fails ends in :attr:`failed_calls`
    with its reason, raises an alarm, and can be repeated.

    Args:
        scope: Parent construct.
        construct_id: Identifier, unique in *scope*.
        recordings: Bucket of the recordings. It must send its events to EventBridge. One that is imported and encrypted
            with a key of yours must come with it (``Bucket.from_bucket_attributes(encryption_key=…)``).
        table: Table of transcripts and claims, keyed as :class:`~constructs_lib.TranscriptTable` is.
        archive: Bucket for Deepgram's replies and the transcripts.
        secret: Deepgram's API key, plain or as ``{"api_key": "…"}``. Default: a new secret without a value.
        options: What Deepgram is asked for. Default: ``DeepgramOptions()``.
        vocabulary: Words Deepgram should expect, by clinic id, beside ``options.keyterms``. Default: none.
        clinics: Whose a recording is whose key does not say so, such as one in Amazon Connect's layout. Rules by queue
            and dialled number need *instance_arn*. Default: none; a recording that nothing names a clinic for is
            rejected.
        instance_arn: Amazon Connect instance that is asked for the attribute ``clinic_id``, the queue and the number of
            a recording's contact, unless the contact has a clinic already, as by its live call. Recordings of other
            instances are not affected. Default: none is asked.
        contact_details: Whether *instance_arn* is also asked for agent, queue and direction of each contact, which the
            console can filter by: one request for each recording, of which Amazon Connect allows few a second. What it
            does not tell within half a minute is not known, and the call is transcribed all the same. An agent's id is
            personal data. Default: it is not; of a live call the queue and the direction are known anyway.
        channel_roles: Who speaks on which channel. Default: Amazon Connect's order, customer left and agent right.
        key_prefixes: Prefixes of the keys of recordings, for a bucket with other objects in it. Default: any key.
        key: Key that encrypts queues, logs and events. Its policy must admit the services that use it, which CDK sees
            to for keys of the same app. Default: a new key with rotation on.
        bus: Where transcripts are announced. Default: a new bus.
        alarm_topic: Where alarms go. Default: a new topic, without subscribers.
        alarms: Which alarms there are, and when they go off. Default: ``AlarmSettings()``, all of them.
        retain_for: Age at which transcripts and claims are deleted from *table*. Default: never.
        policy: Which recordings are transcribed where there is a transcript already. Default: ``RecordingPolicy()``.
        limits: How long a recording may be, and how long it waits. Default: ``RecordingLimits()``.
        requests: How long Deepgram may take for a recording, and how often it is asked. Default: ``RequestLimits()``.
        flags: What is noted of a call, and of what somebody is told at once: the name of a flag set that ships, or one
            of your own, as the path of a JSON file or what stands in one. Default: ``"eye-clinic-v1"``.
        rubric: What calls are rated by, those that the clinic makes as well: the name of a rubric that ships, or one of
            your own, as the path of a JSON file or what stands in one. Default: ``"clinic-call-v1"``.
        encoder: What looks for flags by wording, beside the rules. Default: the rules look for them alone.
        role_names: What parties of a call are called where people read it, by role (``customer``, ``agent``,
            ``announcement``), as in ``{"customer": "patient"}``. Events tell of it; what is stored keeps the roles.
            Default: as the roles.
        analyst: A language model that reads each call, of a recording or live, after the rules have. Default: the rules
            alone, which cost nothing.
        enrichment: A step of your own, before a transcript is announced. Default: none.
        functions: What the functions run on, and where. Default: ``FunctionSettings()``.
        log_retention: How long logs are kept. Default: a year.

    Raises:
        ValueError: If an option cannot be what it is meant to be, or needs another one; the message says what to do.
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
    failed_enrichments: sqs.Queue | None
    """Enrichments that failed and whose calls went on, kept for 14 days; None where there can be none."""
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
    analyse_function: lambda_.Function | None
    """Has the call read by a language model; None where there is no analyst."""
    alarms: Mapping[str, cloudwatch.Alarm]
    """The alarms by construct id."""
    alarm_topic: sns.ITopic
    """Where alarms go."""
    dashboard: cloudwatch.Dashboard
    """Calls, waits, failures and durations at a glance."""
    key: kms.IKey
    """Encrypts queues, logs and events."""

    @_checks.takes_objects
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        recordings: s3.IBucket,
        table: dynamodb.ITable,
        archive: s3.IBucket,
        secret: secretsmanager.ISecret | None = None,
        options: DeepgramOptions | None = None,
        vocabulary: Mapping[str, Sequence[str]] | None = None,
        clinics: ClinicRules | None = None,
        instance_arn: str | None = None,
        contact_details: bool = False,
        channel_roles: Mapping[int, ChannelRole] | None = None,
        key_prefixes: Sequence[str] = (),
        policy: RecordingPolicy | None = None,
        limits: RecordingLimits | None = None,
        requests: RequestLimits | None = None,
        retain_for: Duration | None = None,
        flags: FlagSetSource = DEFAULT_FLAG_SET,
        rubric: RubricSource = DEFAULT_RUBRIC,
        encoder: SentenceEncoder | None = None,
        role_names: Mapping[str, str] | None = None,
        analyst: BedrockAnalyst | None = None,
        enrichment: EnrichmentStep | None = None,
        functions: FunctionSettings | None = None,
        key: kms.IKey | None = None,
        bus: events.IEventBus | None = None,
        alarm_topic: sns.ITopic | None = None,
        alarms: AlarmSettings | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        **former: Unpack[FormerWorkflowOptions],
    ) -> None:
        super().__init__(scope, construct_id)
        formerly = FormerOptions(self, former, FormerWorkflowOptions)
        clinics = formerly.into("clinics", clinics, ClinicRules, OfClinics)
        policy = formerly.into("policy", policy, RecordingPolicy, OfPolicy)
        limits = formerly.into("limits", limits, RecordingLimits, OfRecordingLimits)
        requests = formerly.into("requests", requests, RequestLimits, OfRequests)
        functions = formerly.into("functions", functions, FunctionSettings, OfRuntime, OfNetwork)
        recordings = formerly.recordings(recordings)
        self._recordings, self._table, self._archive = recordings, table, archive
        judgement = Judgement.checked(flags=flags, rubric=rubric, encoder=encoder)
        self._flags, self._rubric = judgement.flag_set.file.name, judgement.rubric.name
        options, clinics = options or DeepgramOptions(), clinics or ClinicRules()
        policy, limits, requests = policy or RecordingPolicy(), limits or RecordingLimits(), requests or RequestLimits()
        functions = functions or FunctionSettings()
        _checks.check_table(table)
        self._check_instance(instance_arn, clinics)
        _checks.flag("contact_details", contact_details)
        if contact_details and instance_arn is None:
            raise ValueError(
                "contact_details without instance_arn: name the Amazon Connect instance that is asked for them"
            )
        clinics = _clinics.checked_rules(clinics, instance_arn=instance_arn, check=_checks.check_clinic_id)
        names, retention_days = _checks.role_names(role_names), _checks.retention_days(retain_for)
        self.node.add_validation(self)

        self.key = key or _keys.own_key(
            self, removal_policy=RemovalPolicy.DESTROY, description="Queues, logs and events"
        )
        self._logs = LogSettings(key=self.key, retention=log_retention)
        self._shared = SharedByFunctions(table=table, settings=functions, logs=self._logs, files=judgement.files)
        self.failed_calls, self.stranded_calls = self._failed_calls(), self._stranded_calls()
        self.failed_enrichments = self._failed_enrichments(enrichment)
        self.bus = bus or events.EventBus(
            self,
            "Bus",
            event_bus_name=account_wide_name(self, max_length=80),
            description="Transcripts",
            kms_key=self.key,
        )
        self.transcription = TranscriptionFunction(
            self,
            "Transcription",
            recordings=recordings,
            table=table,
            archive=archive,
            secret=secret,
            options=options,
            vocabulary=vocabulary,
            channel_roles=channel_roles,
            requests=requests,
            functions=functions,
            key=self.key,
            log_retention=log_retention,
        )
        self.queue = self._queue()
        self.transcription.consume(self.queue, failed_calls=self.failed_calls)
        self._admit = self._add_admit(instance_arn)
        self._store = self._add_store(judgement, options, channel_roles, retention_days)
        self._score = self._add_score()
        self._analyse = None if analyst is None else self._add_analyse(analyst)
        self.admit_function = self._admit.function
        self.store_function = self._store.function
        self.score_function = self._score.function
        self.analyse_function = None if self._analyse is None else self._analyse.function

        definition = self._add_states(policy, limits, retain_for, enrichment, names)
        longest_execution = limits.max_wait.plus(definition.longest_steps)
        if policy.live_transcripts != "always":
            longest_execution = longest_execution.plus(policy.live_patience)
        self._admit.configure(
            AdmitRecordingEnvironment(
                table_name=table.table_name,
                clinics=clinics,
                connect_instance_arn=instance_arn,
                contact_details=contact_details,
                max_duration_seconds=int(limits.max_duration.to_seconds()),
                claim_lease_seconds=int(longest_execution.plus(_CLAIM_MARGIN).to_seconds()),
                on_new_version=policy.on_new_version,
                live_transcripts=policy.live_transcripts,
                live_patience_seconds=int(policy.live_patience.to_seconds()),
                retention_days=retention_days,
            )
        )
        self.state_machine = self._add_state_machine(
            definition, timeout=longest_execution, policy=policy, enrichment=enrichment
        )
        self.state_machine.grant_task_response(self.transcription.function)
        self.rule = start_on_recordings(
            self,
            recordings=recordings,
            key_prefixes=key_prefixes,
            state_machine=self.state_machine,
            failed_calls=self.failed_calls,
        )
        collect_silent_ends(
            self,
            state_machine=self.state_machine,
            failed_calls=self.failed_calls,
            stranded_calls=self.stranded_calls,
        )
        self.alarm_topic = alarm_topic or _monitoring.create_alarm_topic(self, key=self.key)
        self.alarms = self._add_alarms(alarms or AlarmSettings(), longest_wait=limits.waiting_alarm_after)
        self.on_alarm(cloudwatch_actions.SnsAction(self.alarm_topic))
        self.dashboard = _monitoring.create_dashboard(self, graphs=self._graphs(), alarms=self.alarms)

    def validate(self) -> list[str]:
        """Warn of a bucket of this app that is not known to send its events, and of a table without its indexes."""
        bucket = self._recordings
        resource = bucket.node.default_child
        if (
            isinstance(resource, s3.CfnBucket)
            and not isinstance(bucket.node.scope, RecordingBucket)
            and resource.notification_configuration is None
            and bucket.node.try_find_child("Notifications") is None
        ):
            Annotations.of(self).add_warning_v2(
                "callscribe:recordingEvents",
                f"{bucket.node.path} is not known to send its events to EventBridge, and so no recording would be "
                "transcribed: make it with event_bridge_enabled=True, or use RecordingBucket",
            )
        _checks.warn_of_missing_indexes(self, self._table)
        return []

    def _check_instance(self, instance_arn: str | None, clinics: ClinicRules) -> None:
        if instance_arn is not None:
            _checks.check_instance(self, instance_arn)
        elif clinics.clinic_by_queue or clinics.clinic_by_dialled_number:
            raise ValueError(
                "clinic_by_queue and clinic_by_dialled_number without instance_arn: a recording's key tells neither "
                "queue nor number, so name the Amazon Connect instance that is asked for them"
            )

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

    def _add_admit(self, instance_arn: str | None) -> RuntimeFunction:
        admit = RuntimeFunction(
            self,
            "Admit",
            self._shared,
            reads=AdmitRecordingEnvironment,
            description="Decides whether a recording is to be transcribed, and claims it",
            timeout=Duration.minutes(5),  # a compressed recording is decoded from end to end
            memory_mib=1024,
        )
        role = admit.role
        _grants.allow_objects(role, self._recordings, "s3:GetObject", "s3:GetObjectVersion")
        _grants.allow_listing(role, self._recordings)
        _grants.allow_items(
            role,
            self._table,
            *("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem"),
        )
        _clinics.allow_decisions(role, self._table)
        if instance_arn is not None:
            _clinics.allow_contacts(role, instance_arn)
        _nag.acknowledge_wildcards(
            role, {self._recordings.arn_for_objects("*"): "recordings are named by the contact centre"}
        )
        return admit

    def _add_store(
        self,
        judgement: Judgement,
        options: DeepgramOptions,
        channel_roles: Mapping[int, ChannelRole] | None,
        retention_days: int | None,
    ) -> RuntimeFunction:
        shared = replace(self._shared, encoder=judgement.encoder)
        store = RuntimeFunction(
            self,
            "Store",
            shared,
            reads=StoreTranscriptEnvironment,
            description="Turns Deepgram's reply into the transcript",
            timeout=judgement.timeout,
            memory_mib=judgement.memory_mib,
        )
        role, archive = store.role, self._archive
        store.configure(
            StoreTranscriptEnvironment(
                table_name=self._table.table_name,
                archive_bucket=archive.bucket_name,
                deepgram_options=options.of_requests,
                deepgram_prices=options.prices,
                flags=self._flags,
                encoder_weights=shared.encoder_weights,
                rubric=self._rubric,
                channel_roles=_checks.channel_roles(
                    AMAZON_CONNECT_CHANNELS if channel_roles is None else channel_roles
                ),
                transcript_retention_days=retention_days,
            )
        )
        _grants.allow_objects(role, archive, "s3:GetObject", prefix=REPLIES)
        # Read when an older document is written anew.
        _grants.allow_objects(role, archive, "s3:GetObject", "s3:PutObject", prefix=TRANSCRIPTS, write=True)
        _grants.allow_listing(role, archive)
        _grants.allow_items(role, self._table, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
        # What people have corrected stands beside the transcripts.
        _grants.allow_items(role, self._table, "dynamodb:Query", write=False, conditions=leading_keys(CLINICS))
        _nag.acknowledge_wildcards(
            role,
            {
                archive.arn_for_objects(f"{REPLIES}*"): "replies are named by the recording's hash, made at run time",
                archive.arn_for_objects(f"{TRANSCRIPTS}*"): "transcripts are named by clinic, day and call",
            },
        )
        return store

    def _add_score(self) -> RuntimeFunction:
        score = RuntimeFunction(
            self,
            "Score",
            self._shared,
            reads=ScoreQualityEnvironment,
            description="Rates the call by the rubric",
            timeout=Duration.minutes(1),
            memory_mib=512,
        )
        role, archive = score.role, self._archive
        score.configure(
            ScoreQualityEnvironment(
                table_name=self._table.table_name, archive_bucket=archive.bucket_name, rubric=self._rubric
            )
        )
        _grants.allow_objects(role, archive, "s3:GetObject", prefix=TRANSCRIPTS)
        _grants.allow_listing(role, archive)
        _grants.allow_items(role, self._table, "dynamodb:UpdateItem")
        _nag.acknowledge_wildcards(
            role, {archive.arn_for_objects(f"{TRANSCRIPTS}*"): "transcripts are named by clinic, day and call"}
        )
        return score

    def _add_analyse(self, analyst: BedrockAnalyst) -> RuntimeFunction:
        stack = Stack.of(self)
        analyst.check_regions(stack)
        settings = analyst.settings
        analyse = RuntimeFunction(
            self,
            "Analyse",
            self._shared,
            reads=AnalyseCallEnvironment,
            description="Has the call read by a language model, and checks what it cites",
            timeout=Duration.seconds(settings.max_attempts * settings.request_timeout_seconds).plus(_ANALYSIS_MARGIN),
            memory_mib=512,
            without_failed_events="a live call is announced before it is analysed; its item shows that it is not, and "
            "callscribe analyse has it done",
        )
        role, archive = analyse.role, self._archive
        analyse.configure(
            AnalyseCallEnvironment(
                table_name=self._table.table_name,
                archive_bucket=archive.bucket_name,
                flags=self._flags,
                rubric=self._rubric,
                analyst=settings,
            )
        )
        analyst.allow_use(role, stack)
        _grants.allow_objects(role, archive, "s3:GetObject", "s3:PutObject", prefix=TRANSCRIPTS, write=True)
        _grants.allow_listing(role, archive)
        _grants.allow_items(role, self._table, "dynamodb:GetItem", "dynamodb:UpdateItem")
        _nag.acknowledge_wildcards(
            role, {archive.arn_for_objects(f"{TRANSCRIPTS}*"): "transcripts are named by clinic, day and call"}
        )
        # Live calls are transcribed, judged and announced elsewhere.
        detail = "$.detail"
        message = written(
            AnalyseMessage,
            call_id=events.EventField.from_path(f"{detail}.call_id"),
            recording_id=None,
            transcript={
                name: events.EventField.from_path(f"{detail}.transcript.{name}")
                for name in ("pk", "sk", "bucket", "key")
            },
            again=False,
        )
        self.on_call_transcribed(
            "AnalyseLive",
            of="live",
            target=targets.LambdaFunction(analyse.function, event=events.RuleTargetInput.from_object(message)),
        )
        return analyse

    def _add_states(
        self,
        policy: RecordingPolicy,
        limits: RecordingLimits,
        retain_for: Duration | None,
        enrichment: EnrichmentStep | None,
        role_names: Mapping[str, str] | None,
    ) -> Definition:
        return Definition(
            Construct(self, "States"),
            admit_function=self._admit,
            store_function=self._store,
            score_function=self._score,
            queue=self.queue,
            failed_calls=self.failed_calls,
            bus=self.bus,
            table=self._table,
            max_wait=limits.max_wait,
            retain_for=retain_for,
            delete_replies_in=self._archive if policy.replies == "delete" else None,
            analyse_function=self._analyse,
            enrichment=enrichment,
            failed_enrichments=self.failed_enrichments,
            role_names=role_names,
        )

    def _add_state_machine(
        self,
        definition: Definition,
        *,
        timeout: Duration,
        policy: RecordingPolicy,
        enrichment: EnrichmentStep | None,
    ) -> sfn.StateMachine:
        # The log group, too, is named after the machine.
        name = account_wide_name(self, max_length=80)
        role = iam.Role(self, "Role", assumed_by=_keys.service_of_account("states.amazonaws.com"))
        if self._table.encryption_key:
            _grants.allow_key(role, self._table.encryption_key, "dynamodb", write=True)
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
                destination=self._logs.group(self, "Logs", name=f"/aws/vendedlogs/states/{name}"),
                include_execution_data=False,
                level=sfn.LogLevel.ALL,
            ),
        )
        steps = (self._admit, self._store, self._score, self._analyse)
        functions: list[lambda_.IFunction] = [step.function for step in steps if step is not None]
        if enrichment and enrichment.function:
            functions.append(enrichment.function)
        _nag.acknowledge_wildcards(
            role,
            {
                "*": "X-Ray and the delivery of vended logs have no resources to name",
                **(
                    {self._archive.arn_for_objects(f"{REPLIES}*"): "replies are named by the recording's hash"}
                    if policy.replies == "delete"
                    else {}
                ),
                **{f"{function.function_arn}:*": "versions of this one function" for function in functions},
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

    def _failed_enrichments(self, enrichment: EnrichmentStep | None) -> sqs.Queue | None:
        if enrichment is None or enrichment.on_failure == "fail":
            return None
        queue = sqs.Queue(
            self,
            "FailedEnrichments",
            encryption_master_key=self.key,
            enforce_ssl=True,
            retention_period=_QUEUE_RETENTION,
            visibility_timeout=Duration.minutes(15),  # as long as a function that repeats them can run
        )
        _nag.acknowledge(queue, {"AwsSolutions-SQS3": "what is in it has failed already; whoever repeats it takes it"})
        return queue

    def _add_alarms(self, settings: AlarmSettings, *, longest_wait: Duration) -> dict[str, cloudwatch.Alarm]:
        return _monitoring.create_alarms(
            Construct(self, "Alarms"),
            failed_calls=self.metric_failed_calls(),
            stranded_calls=_most_visible(self.stranded_calls),
            oldest_waiting_call=self.metric_oldest_waiting_call(),
            executions_failed=self.state_machine.metric_failed(),
            executions_timed_out=self.state_machine.metric_timed_out(),
            rate_limited=self.transcription.metric_rate_limited(),
            troubled_call_age=self.transcription.metric_troubled_call_age(),
            clinic_conflicts=self.metric_clinic_conflicts(),
            longest_wait=longest_wait,
            failed_enrichments=_most_visible(self.failed_enrichments) if self.failed_enrichments else None,
            failed_analyses=self._metric_failed_analyses(),
            settings=settings,
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

    @_checks.takes_objects
    def on_call_transcribed(
        self,
        construct_id: str,
        *,
        target: events.IRuleTarget,
        of: TranscriptSource | None = None,
        scope: Construct | None = None,
    ) -> events.Rule:
        """Send *target* one event for each transcript: ids and figures, never the words.

        Args:
            construct_id: Identifier of the rule, unique in its scope.
            target: What is told.
            of: Whether only transcripts of recordings (``"batch"``) or of live calls (``"live"``) are told of; those of
                live calls come from a :class:`~constructs_lib.LiveStreamer` on the same :attr:`bus`. Default: of both.
            scope: Where the rule is defined. Default: here. A queue of another stack would refer back to this one: pass
                a construct of the queue's stack.

        Raises:
            ValueError: If the target is a queue of another stack than the rule.
        """
        if of is not None:
            _checks.one_of("of", of, get_args(TranscriptSource))
        _checks.check_target(scope or self, target)
        return events.Rule(
            scope or self,
            construct_id,
            event_bus=self.bus,
            event_pattern=events.EventPattern(
                source=[EVENT_SOURCE],
                detail_type=[CALL_TRANSCRIBED],
                detail=None if of is None else {"source": [of]},
            ),
            targets=[target],
        )

    @_checks.takes_objects
    def on_urgent_call(
        self, construct_id: str, *, target: events.IRuleTarget, scope: Construct | None = None
    ) -> events.Rule:
        """Send *target* one event at once for each call in which something cannot wait: ids, never the words.

        Calls that run are told of by a :class:`~constructs_lib.LiveStreamer` on the same :attr:`bus`.

        Args:
            construct_id: Identifier of the rule, unique in its scope.
            target: What is told.
            scope: Where the rule is defined, as for :meth:`on_call_transcribed`. Default: here.

        Raises:
            ValueError: If the target is a queue of another stack than the rule.
        """
        return on_urgent_call(scope or self, construct_id, bus=self.bus, target=target)

    @_checks.takes_objects
    def on_alarm(self, action: cloudwatch.IAlarmAction) -> None:
        """Take *action* whenever one of :attr:`alarms` goes off, beside the message to :attr:`alarm_topic`."""
        _checks.check_alarm_action(self.alarms, action)
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

    def grant_analyse(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow *grantee* to have stored calls analysed anew.

        To find them, it takes the right to read the table as well.

        Raises:
            ValueError: If there is no analyst.
        """
        if self.analyse_function is None:
            raise ValueError("there is no analyst to be asked: set analyst")
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["lambda:InvokeFunction"],
            resource_arns=[self.analyse_function.function_arn],
        )

    def grant_read_transcripts(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow *grantee* to read the documents that events and enrichments point to, but not Deepgram's replies."""
        return _grants.allow_objects(grantee, self._archive, "s3:GetObject", prefix=TRANSCRIPTS)

    def metric_failed_calls(self) -> cloudwatch.Metric:
        """Count the calls in :attr:`failed_calls`; the most within a minute."""
        return _most_visible(self.failed_calls)

    def metric_oldest_waiting_call(self) -> cloudwatch.Metric:
        """Tell how long the oldest call in :attr:`queue` has waited, in seconds; the longest within a minute."""
        return self.queue.metric_approximate_age_of_oldest_message(period=Duration.minutes(1), statistic="Maximum")

    def metric_clinic_conflicts(self) -> cloudwatch.Metric:
        """Count what named another clinic than the one a call has, once for each call; the sum of 5 minutes."""
        return _clinics.metric_conflicts(self._admit)

    def _metric_failed_analyses(self) -> cloudwatch.Metric | None:
        """Count the calls that the language model failed for; the sum of 5 minutes."""
        if self._analyse is None:
            return None
        return cloudwatch.Metric(
            namespace=metrics.NAMESPACE,
            metric_name=metrics.FunctionMetric.ANALYSES_FAILED,
            dimensions_map={metrics.SERVICE_DIMENSION: self._analyse.service},
            period=Duration.minutes(5),
            statistic="Sum",
        )

    def metric_transcribed(self) -> cloudwatch.Metric:
        """Count the executions that ended well, duplicates included; the sum of 5 minutes."""
        return self.state_machine.metric_succeeded()


def _most_visible(queue: sqs.IQueue) -> cloudwatch.Metric:
    return queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(1), statistic="Maximum")
