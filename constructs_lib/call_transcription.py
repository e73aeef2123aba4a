"""Everything that transcribes the calls of a contact centre, in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct
from msgspec import structs

from callscribe.conversation.flags import DEFAULT_FLAG_SET, FlagSetSource
from callscribe.environments.functions import ChannelRole
from callscribe.judgement.quality import DEFAULT_RUBRIC, RubricSource
from callscribe.recordings.clinics import ClinicRules
from constructs_lib import _checks, _keys
from constructs_lib.alarm_settings import AlarmSettings
from constructs_lib.bedrock_analyst import BedrockAnalyst
from constructs_lib.connect_wiring import ConnectWiring, MediaStreamStorage, RecordingStorage, check_folder
from constructs_lib.deepgram_options import DeepgramOptions
from constructs_lib.deepgram_secret import DeepgramSecret
from constructs_lib.enrichment_step import EnrichmentStep
from constructs_lib.function_settings import FunctionSettings
from constructs_lib.live_streamer import LiveStreamer
from constructs_lib.live_transcript_feed import LiveTranscriptFeed
from constructs_lib.operator_outputs import export_for_operators
from constructs_lib.recording_bucket import RecordingBucket
from constructs_lib.recording_limits import RecordingLimits, RecordingPolicy, RequestLimits
from constructs_lib.sentence_encoder import SentenceEncoder
from constructs_lib.streamer_settings import CallLimits, Capacity, TaskSettings
from constructs_lib.transcript_archive import TranscriptArchive
from constructs_lib.transcript_table import TranscriptTable
from constructs_lib.transcription_workflow import TranscriptionWorkflow, TranscriptSource


@dataclass(frozen=True, kw_only=True)
class LiveCalls:
    """How :class:`CallTranscription` transcribes calls while they run.

    Raises:
        ValueError: If options exclude each other.
    """

    media_streams: MediaStreamStorage = field(default_factory=MediaStreamStorage)
    """The Kinesis video streams of the calls: streamers read those that begin with its prefix, and an instance that is
    wired streams there. Its ``configure`` must be off where the instance streams already. Default:
    ``MediaStreamStorage()``, encrypted with the key of all parts."""
    wire: bool = True
    """Whether the instance of ``instance_arn`` is wired: audio's storage, permissions and flow modules. Default: it is.
    Without an instance there is nothing to wire: :attr:`CallTranscription.streamer` has the functions for its flows."""
    recordings_prefix: str | None = None
    """Folder of the bucket of recordings that the wired instance is told to put recordings in. Default: it goes on
    storing them as it does."""
    capacity: Capacity = field(default_factory=Capacity)
    """How many calls can be followed at once. Default: ``Capacity()``."""
    limits: CallLimits = field(default_factory=CallLimits)
    """When a call is over, and when another streamer takes it. Default: ``CallLimits()``."""
    tasks: TaskSettings = field(default_factory=TaskSettings)
    """What the tasks run on, and where. Default: ``TaskSettings()``."""
    feed: LiveTranscriptFeed | None = None
    """Where words go as they are heard. Default: a new feed."""
    user_pool: cognito.IUserPool | None = None
    """Where a clinic's people sign in who follow calls on the new feed. Default: nobody but roles subscribes."""
    clinic_claim: str | None = None
    """Claim of the token that names the clinic. Default: the user's groups."""
    alarms: AlarmSettings | None = None
    """Which alarms of live calls there are, and when they go off. Default: all of them, or none where recordings have
    none."""

    def __post_init__(self) -> None:
        """Check that the options go together."""
        _checks.check_fields(self)
        _checks.flag("wire", self.wire)
        if self.feed is not None and (self.user_pool is not None or self.clinic_claim is not None):
            raise ValueError("user_pool and clinic_claim are for the new feed: drop them or feed")
        if self.clinic_claim is not None:
            _checks.word("clinic_claim", self.clinic_claim)
        if self.recordings_prefix is not None:
            check_folder("recordings_prefix", self.recordings_prefix)
        if self.recordings_prefix is not None and not self.wire:
            raise ValueError(
                "recordings_prefix is for an instance that is wired: drop it, or wire=False, and tell the instance by "
                "hand where to store recordings"
            )


class CallTranscription(Construct):
    """Transcribe every call of a contact centre: each recording and, if asked for, each call while it runs.

    One statement defines the bucket of recordings, the table and the archive of transcripts, the secret for Deepgram's
    key and the workflow; with *live*, also the streamer, the feed of words and the wiring of the Connect instance. All
    parts share one key, one secret, one bus, one topic for alarms, the vocabularies and the name and key of the
    streams. Every part can be brought instead, and is an attribute for what is not said here.

    Everything is in the scope's stack. To keep data in a stack of its own, make the parts there and bring them; to
    split further, use the parts themselves, which this construct only puts together.

    Outputs of the stack name the parts, so that ``callscribe calls --stack NAME``, as every command of an operator,
    finds them.

    Args:
        scope: Parent construct. Its stack needs a region, unless *table* is brought.
        construct_id: Identifier, unique in *scope*. Part of the logical ids: renaming it replaces what it holds.
        recordings: Bucket of the recordings, which must send its events to EventBridge. One that is imported and
            encrypted with a key of yours must come with it (``Bucket.from_bucket_attributes(encryption_key=…)``).
            Default: a new :class:`RecordingBucket`.
        table: Table of transcripts, claims and live calls, keyed as :class:`TranscriptTable` is. Default: a new one.
        archive: Bucket for Deepgram's replies and the transcripts. Default: a new :class:`TranscriptArchive`.
        secret: Deepgram's API key, plain or as ``{"api_key": "…"}``. Default: a new :class:`DeepgramSecret` without a
            value, to be filled once after the first deployment.
        key: Key that encrypts all that is made here. Its policy must admit the services that use it, which CDK sees to
            for keys of the same app. Default: a new key with rotation on.
        bus: Where transcripts and ends of calls are announced. Default: a new bus.
        alarm_topic: Where alarms go. Default: a new topic, without subscribers.
        alarms: Which alarms of recordings there are, and when they go off. Default: ``AlarmSettings()``, all of them.
        live: How calls are transcribed while they run. Default: recordings only.
        instance_arn: Amazon Connect instance. It is asked for clinic, queue and number of a recording's contact; with
            *live*, its flows alone may start calls, and it is wired. Default: none.
        contact_details: Whether *instance_arn* is also asked for agent, queue and direction of each recording's
            contact; see :class:`TranscriptionWorkflow`. Default: it is not.
        options: What Deepgram is asked for. Default: ``DeepgramOptions()``.
        vocabulary: Words Deepgram should expect, by clinic id, beside ``options.keyterms``. Default: none.
        clinics: Whose a call is where neither key nor flow say so. Rules by queue and dialled number are for live calls
            and, with *instance_arn*, for recordings. Default: none; a call that nothing names a clinic for is rejected.
        channel_roles: Who speaks on which channel of a recording. Default: Amazon Connect's order, customer left and
            agent right.
        key_prefixes: Prefixes of the keys of recordings, for a bucket with other objects in it. Default: any key.
        policy: Which recordings are transcribed where there is a transcript already. Default: ``RecordingPolicy()``;
            with *live*, a recording only where the live transcript does not cover it.
        limits: How long a recording may be, and how long it waits. Default: ``RecordingLimits()``.
        requests: How long Deepgram may take for a recording, and how often it is asked. Default: ``RequestLimits()``.
        flags: What is noted of a call, and of what somebody is told at once: the name of a flag set that ships, or one
            of your own, as the path of a JSON file or what stands in one. Default: ``"eye-clinic-v1"``.
        rubric: What calls are rated by: the name of a rubric that ships, or one of your own, as the path of a JSON file
            or what stands in one. Default: ``"clinic-call-v1"``.
        encoder: What looks for flags by wording, beside the rules. Default: the rules look for them alone.
        analyst: A language model that reads each call after the rules have. Default: the rules alone.
        enrichment: A step of your own, before a recording's transcript is announced. Default: none.
        functions: What the functions run on, and where. Default: ``FunctionSettings()``.
        role_names: What parties of a call are called where people read it, by role (``customer``, ``agent``,
            ``announcement``), as in ``{"customer": "patient"}``. Commands and events tell of it; what is stored keeps
            the roles. Default: as the roles.
        time_zones: Time zones in which operators are shown times, by clinic id, ``*`` for all others, as in
            ``{"*": "America/Chicago"}``. Default: UTC.
        retain_for: Age at which recordings and transcripts are deleted from what is made here, and items from *table*.
            Default: never.
        log_retention: How long logs are kept. Default: a year.
        removal_policy: What deleting the stack does to recordings, transcripts, secret and key that are made here.
            Default: keep them.

    Raises:
        ValueError: If an option cannot be what it is meant to be, or needs or excludes another one; the message says
            what to do.
    """

    recordings: s3.IBucket
    """The recordings."""
    table: dynamodb.ITable
    """Transcripts, claims and live calls."""
    archive: s3.IBucket
    """Deepgram's replies and the transcripts in full."""
    secret: secretsmanager.ISecret
    """Deepgram's API key."""
    key: kms.IKey
    """Encrypts all that is made here."""
    workflow: TranscriptionWorkflow
    """Transcribes recordings."""
    streamer: LiveStreamer | None
    """Transcribes calls while they run; None without *live*."""
    feed: LiveTranscriptFeed | None
    """Where the words of running calls can be followed; None without *live*."""
    wiring: ConnectWiring | None
    """The Connect instance, wired; None without *live* or *instance_arn*, or if it is wired by hand."""

    @_checks.takes_objects
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        recordings: s3.IBucket | None = None,
        table: dynamodb.ITable | None = None,
        archive: s3.IBucket | None = None,
        secret: secretsmanager.ISecret | None = None,
        key: kms.IKey | None = None,
        bus: events.IEventBus | None = None,
        alarm_topic: sns.ITopic | None = None,
        alarms: AlarmSettings | None = None,
        live: LiveCalls | None = None,
        instance_arn: str | None = None,
        contact_details: bool = False,
        options: DeepgramOptions | None = None,
        vocabulary: Mapping[str, Sequence[str]] | None = None,
        clinics: ClinicRules | None = None,
        channel_roles: Mapping[int, ChannelRole] | None = None,
        key_prefixes: Sequence[str] = (),
        policy: RecordingPolicy | None = None,
        limits: RecordingLimits | None = None,
        requests: RequestLimits | None = None,
        flags: FlagSetSource = DEFAULT_FLAG_SET,
        rubric: RubricSource = DEFAULT_RUBRIC,
        encoder: SentenceEncoder | None = None,
        analyst: BedrockAnalyst | None = None,
        enrichment: EnrichmentStep | None = None,
        functions: FunctionSettings | None = None,
        role_names: Mapping[str, str] | None = None,
        time_zones: Mapping[str, str] | None = None,
        retain_for: Duration | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, construct_id)
        _check_live(live, instance_arn)
        _checks.retention_days(retain_for)
        role_names, time_zones = _checks.role_names(role_names), _checks.time_zones(time_zones)
        options, clinics = options or DeepgramOptions(), clinics or ClinicRules()
        self.key = key or _keys.own_key(self, removal_policy=removal_policy, description="Calls and their transcripts")
        access_logs: s3.IBucket | None = None
        if recordings is None:
            own = RecordingBucket(
                self, "Recordings", key=self.key, expire_after=retain_for, removal_policy=removal_policy
            )
            recordings, access_logs = own.bucket, own.access_logs
        self.recordings = recordings
        self.table = table or TranscriptTable(self, "Transcripts", key=self.key, removal_policy=removal_policy).table
        self.archive = (
            archive
            or TranscriptArchive(
                self,
                "Archive",
                key=self.key,
                access_logs=access_logs,
                expire_after=retain_for,
                removal_policy=removal_policy,
            ).bucket
        )
        self.secret = secret or DeepgramSecret(self, "Deepgram", key=self.key, removal_policy=removal_policy).secret
        self.workflow = TranscriptionWorkflow(
            self,
            "Workflow",
            recordings=self.recordings,
            table=self.table,
            archive=self.archive,
            secret=self.secret,
            options=options,
            vocabulary=vocabulary,
            clinics=clinics if live is None or instance_arn is not None else _without_contacts(clinics),
            instance_arn=instance_arn,
            contact_details=contact_details,
            channel_roles=channel_roles,
            key_prefixes=key_prefixes,
            policy=policy or (RecordingPolicy(live_transcripts="when-incomplete") if live else None),
            limits=limits,
            requests=requests,
            retain_for=retain_for,
            flags=flags,
            rubric=rubric,
            encoder=encoder,
            role_names=role_names,
            analyst=analyst,
            enrichment=enrichment,
            functions=functions,
            key=self.key,
            bus=bus,
            alarm_topic=alarm_topic,
            alarms=alarms,
            log_retention=log_retention,
        )
        self.streamer, self.feed, self.wiring = None, None, None
        if live is None:
            self._export(clinics, role_names, time_zones)
            return
        streams = live.media_streams
        if streams.configure and streams.key is None and live.wire and instance_arn is not None:
            streams = replace(streams, key=self.key)
        self.feed = live.feed or LiveTranscriptFeed(
            self,
            "Feed",
            user_pool=live.user_pool,
            clinic_claim=live.clinic_claim,
            key=self.key,
            log_retention=log_retention,
        )
        self.streamer = LiveStreamer(
            self,
            "Streamer",
            table=self.table,
            archive=self.archive,
            stream_prefix=streams.prefix,
            secret=self.secret,
            options=options,
            vocabulary_path=self.workflow.transcription.vocabulary_path,
            clinics=clinics,
            instance_arn=instance_arn,
            stream_key=streams.key,
            capacity=live.capacity,
            limits=live.limits,
            tasks=live.tasks,
            functions=functions,
            feed=self.feed,
            flags=flags,
            rubric=rubric,
            encoder=encoder,
            role_names=role_names,
            retain_for=retain_for,
            key=self.key,
            bus=self.bus,
            alarm_topic=self.alarm_topic,
            alarms=live.alarms or AlarmSettings(enabled=alarms is None or alarms.enabled),
            log_retention=log_retention,
        )
        if live.wire and instance_arn is not None:
            self.wiring = ConnectWiring(
                self,
                "Connect",
                instance_arn=instance_arn,
                start_function=self.streamer.start_function,
                end_function=self.streamer.end_function,
                recordings=None
                if live.recordings_prefix is None
                else RecordingStorage(bucket=self.recordings, prefix=live.recordings_prefix),
                media_streams=streams,
                removal_policy=removal_policy,
            )
        self._export(clinics, role_names, time_zones)

    def _export(
        self, clinics: ClinicRules, role_names: Mapping[str, str] | None, time_zones: Mapping[str, str] | None
    ) -> None:
        export_for_operators(
            self,
            recordings=self.recordings,
            table=self.table,
            archive=self.archive,
            secret=self.secret,
            workflow=self.workflow,
            streamer=self.streamer,
            feed=self.feed,
            wiring=self.wiring,
            default_clinic_id=clinics.default_clinic_id,
            time_zones=time_zones,
            role_names=role_names,
        )

    @property
    def bus(self) -> events.IEventBus:
        """Where transcripts and ends of calls are announced."""
        return self.workflow.bus

    @property
    def alarm_topic(self) -> sns.ITopic:
        """Where alarms go."""
        return self.workflow.alarm_topic

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
            of: Whether only transcripts of recordings (``"batch"``) or of live calls (``"live"``) are told of. Default:
                of both.
            scope: Where the rule is defined: a construct of the target's stack, where that is another one. Default:
                here.
        """
        return self.workflow.on_call_transcribed(construct_id, target=target, of=of, scope=scope or self)

    @_checks.takes_objects
    def on_urgent_call(
        self, construct_id: str, *, target: events.IRuleTarget, scope: Construct | None = None
    ) -> events.Rule:
        """Send *target* one event at once for each call in which something cannot wait: ids, never the words.

        With *live*, while the call runs. With *scope*, the rule is defined there, as for :meth:`on_call_transcribed`.
        """
        return self.workflow.on_urgent_call(construct_id, target=target, scope=scope or self)

    @_checks.takes_objects
    def on_alarm(self, action: cloudwatch.IAlarmAction) -> None:
        """Take *action* whenever an alarm of any part goes off, beside the message to :attr:`alarm_topic`."""
        self.workflow.on_alarm(action)
        if self.streamer is not None:
            self.streamer.on_alarm(action)

    def grant_redrive(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow *grantee* to repeat failed calls, of recordings and live ones."""
        grant = self.workflow.grant_redrive(grantee)
        return grant if self.streamer is None else grant.combine(self.streamer.grant_redrive(grantee))

    def grant_read_transcripts(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow *grantee* to read the documents that events point to, of every clinic, but not Deepgram's replies."""
        return self.workflow.grant_read_transcripts(grantee)


def _check_live(live: LiveCalls | None, instance_arn: str | None) -> None:
    if live is None:
        return
    if live.recordings_prefix is not None and instance_arn is None:
        raise ValueError(
            "recordings_prefix without instance_arn: name the Amazon Connect instance that is told to store recordings"
        )


def _without_contacts(clinics: ClinicRules) -> ClinicRules:
    """Return the rules that decide for a recording where no instance can be asked for its contact."""
    return structs.replace(clinics, clinic_by_queue={}, clinic_by_dialled_number={})
