"""An Amazon Connect instance, wired to live transcription."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final, Unpack, cast

import jsii
from aws_cdk import Annotations, ArnFormat, Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_connect as connect
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct, IValidation

from constructs_lib import _checks, _contact_flow, _grants, _keys, _nag
from constructs_lib._former_options import FormerOptions, FormerWiringOptions, OfMediaStreams
from constructs_lib.live_streamer import LiveStreamer

# Connect makes "{prefix}-connect-{instance alias}-contact-" of it, of at most 128 characters.
_STREAM_PREFIX: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38}[A-Za-z0-9])?")
_FOLDERS: Final = re.compile(r"[\w.-]+(?:/[\w.-]+){0,7}", re.ASCII)
_MOST_RETENTION_HOURS: Final = 87_600
_MODULE_NAME_CHARACTERS: Final = 127


@dataclass(frozen=True, kw_only=True)
class MediaStreamStorage:
    """Where an Amazon Connect instance streams calls to.

    Raises:
        ValueError: If the prefix cannot begin the name of a stream, or the retention is out of range.
    """

    prefix: str = "callscribe"
    """Beginning of the names of the instance's Kinesis video streams, which Connect makes as
    ``{prefix}-connect-{instance alias}-contact-{contact id}`` and uses again for later calls."""
    configure: bool = True
    """Whether the instance is told so. Turn it off when it streams already; its prefix must then be *prefix*."""
    retention: Duration = field(default_factory=lambda: Duration.hours(24))
    """How long streams keep the audio, in whole hours: the longest outage of the streamers that no call suffers from.
    Default: a day."""
    key: kms.IKey | None = None
    """Key that encrypts the streams. Default: a new key with rotation on, or, without *configure*, none."""

    def __post_init__(self) -> None:
        """Check prefix and retention."""
        _checks.check_fields(self)
        _checks.flag("configure of media_streams", self.configure)
        if not _STREAM_PREFIX.fullmatch(_checks.text("prefix of media_streams", self.prefix)):
            raise ValueError(
                f"prefix {self.prefix!r} of media_streams cannot begin the name of a stream: use 1 to 40 letters, "
                "digits and dashes, without a dash first or last; Connect itself appends '-connect-{alias}-contact-'"
            )
        _checks.duration("retention of media_streams", self.retention)
        if not 1 <= self.retention_hours <= _MOST_RETENTION_HOURS or self.retention.to_seconds() % 3600:
            raise ValueError(
                f"retention {self.retention.to_human_string()} of media_streams is out of range: choose whole hours "
                f"from 1 to {_MOST_RETENTION_HOURS}, the longest outage that no call may suffer from or more"
            )

    @property
    def retention_hours(self) -> int:
        """How long streams keep the audio, in hours."""
        return int(self.retention.to_seconds()) // 3600


def check_folder(name: str, value: str) -> None:
    """Check the option *value*, a folder for recordings.

    Raises:
        ValueError: If it is none.
    """
    if not _FOLDERS.fullmatch(_checks.text(name, value)):
        raise ValueError(
            f"{name} {value!r} is no folder: use letters, digits, '.', '_' and '-', with '/' between folders and none "
            "at either end"
        )


@dataclass(frozen=True, kw_only=True)
class RecordingStorage:
    """Where an Amazon Connect instance puts recordings.

    Raises:
        ValueError: If the prefix is no folder, or the bucket's key is not known.
    """

    bucket: s3.IBucket
    """Bucket for the recordings. One that is imported must come with its key
    (``Bucket.from_bucket_attributes(encryption_key=…)``), since Connect can write only with a grant on it."""
    prefix: str = "connect"
    """Folder of the recordings in the bucket; Connect's own ``CallRecordings/{yyyy}/{mm}/{dd}`` follows. Clinics are
    told apart by it."""

    def __post_init__(self) -> None:
        """Check prefix and key."""
        _checks.check_fields(self)
        check_folder("prefix of recordings", self.prefix)
        if self.bucket.encryption_key is None:
            raise ValueError(
                "the key of the bucket for recordings is not known here: import the bucket with it, as "
                "Bucket.from_bucket_attributes(encryption_key=…), since Connect can write only with a grant on it"
            )


@jsii.implements(IValidation)
class ConnectWiring(Construct):
    """Wire an existing Amazon Connect instance to live transcription: nothing is left to import by hand.

    The instance gets a place to stream calls to, optionally a place for its recordings, permission to invoke both
    functions, and two flow modules: one that starts to transcribe a call and one that stops. A module never disturbs
    the flow that invokes it: whatever fails, the flow goes on.

    An instance takes one configuration of each kind of storage. CloudFormation fails with ``Conflict`` where there is
    one already: leave it out here (``MediaStreamStorage(configure=False)``, no ``recordings``), or remove it from the
    instance.
    Connect is allowed nothing beyond that by this construct: it adds the bucket to the policy of the instance's
    service-linked role itself, and a grant to the keys, by the permissions of whoever deploys (Amazon Connect
    Administrator Guide, "Key management in Amazon Connect").

    Args:
        scope: Parent construct.
        construct_id: Identifier, unique in *scope*.
        instance_arn: ARN of the instance. Functions and keys must be in its region.
        start_function: Registers a call; returns ``{"live_transcription": "started" | "refused", "reason"}``.
        end_function: Notes where streaming was stopped.
        recordings: Where the instance puts the recordings of calls. Default: it goes on storing them as it does.
        media_streams: Where it streams calls to. Default: ``MediaStreamStorage()``.
        module_name: Beginning of the modules' names, which are unique in the instance. Default: the stack's name.
        removal_policy: What deleting the stack does to a key made here. Streams stay, with what they hold, and Connect
            uses them again. Default: keep it.

    Raises:
        ValueError: If an argument cannot be what it is meant to be; the message says what to do.
    """

    instance_arn: str
    """The instance."""
    media_stream_prefix: str
    """Beginning of the names of the instance's Kinesis video streams."""
    stream_key: kms.IKey | None
    """Encrypts the streams, as far as known here."""
    start_module: connect.CfnContactFlowModule
    """Starts to transcribe a call; to be invoked in an inbound flow."""
    stop_module: connect.CfnContactFlowModule
    """Stops to transcribe a call, as before a card number is spoken. The start module may follow."""

    @_checks.takes_objects
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        instance_arn: str,
        start_function: lambda_.IFunction,
        end_function: lambda_.IFunction,
        recordings: RecordingStorage | s3.IBucket | None = None,
        media_streams: MediaStreamStorage | None = None,
        module_name: str | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
        **former: Unpack[FormerWiringOptions],
    ) -> None:
        super().__init__(scope, construct_id)
        formerly = FormerOptions(self, former, FormerWiringOptions)
        self.instance_arn = _checks.check_instance(self, instance_arn)
        streams = formerly.into("media_streams", media_streams, MediaStreamStorage, OfMediaStreams)
        streams = streams or MediaStreamStorage()
        self.media_stream_prefix, self.stream_key = streams.prefix, streams.key
        self._streamer, self._readers = _streamer_of(start_function), list[iam.IPrincipal]()
        _check_prefix(self._streamer, streams.prefix)
        self.node.add_validation(self)
        if streams.configure:
            self.stream_key = streams.key or _keys.own_key(
                self, removal_policy=removal_policy, description="Audio of live calls"
            )
            self._store_media_streams(self.stream_key, streams.retention_hours)
        if recordings is not None:
            self._store_recordings(_recording_storage(recordings, formerly))
        name = Stack.of(self).stack_name if module_name is None else _checks.text("module_name", module_name)
        self._module_name, self._configures_streams = name, streams.configure
        self.start_module = self._module(
            "Start",
            start_function,
            name=f"{name}: start live transcription",
            description="Streams the call and has it transcribed while it runs; returns whatever happens",
            content=_contact_flow.start_module(start_function.function_arn),
        )
        self.stop_module = self._module(
            "Stop",
            end_function,
            name=f"{name}: stop live transcription",
            description="Stops to stream the call, for good or until it is started again; returns whatever happens",
            content=_contact_flow.stop_module(end_function.function_arn),
        )

    def validate(self) -> list[str]:
        """Warn of a streamer that may not be able to decrypt the streams, and refuse two wirings that clash."""
        streamer = self._streamer
        if (
            streamer is not None
            and self.stream_key is not None
            and streamer.stream_key is not self.stream_key
            and streamer.task_role not in self._readers
        ):
            Annotations.of(self).add_warning_v2(
                "callscribe:streamKey",
                f"{streamer.node.path} is not known to be able to decrypt the streams: call "
                "grant_read_streams(streamer.task_role), or pass the same key as its stream_key and as key of "
                "media_streams",
            )
        others = (one for one in self.node.root.node.find_all() if isinstance(one, ConnectWiring) and one is not self)
        return [clash for other in others if (clash := self._clash_with(other)) is not None]

    def _clash_with(self, other: ConnectWiring) -> str | None:
        """Say why Connect takes only one of two wirings of an instance; None where it takes both."""
        if other.instance_arn != self.instance_arn:
            return None
        if self._configures_streams and other._configures_streams:
            return (
                f"{other.node.path} wires the same instance, which streams to one place: leave media_streams of one of "
                "them to the other, by MediaStreamStorage(configure=False) with the same prefix"
            )
        if self._module_name == other._module_name:
            return (
                f"{other.node.path} wires the same instance, whose flow modules have names of their own: pass a "
                "module_name to one of them"
            )
        return None

    def grant_read_streams(self, grantee: iam.IGrantable, *, scope: Construct | None = None) -> iam.Grant:
        """Allow *grantee* to read and decrypt the audio of live calls.

        Args:
            grantee: Who may.
            scope: Where the policy that says so is defined, for a role. Default: beside the role; here for the role of
                a streamer in another stack, which would otherwise refer back to the stack that refers to its functions.
        """
        self._readers.append(grantee.grant_principal)
        if scope is None and self._would_refer_back(grantee.grant_principal):
            scope = self
        if scope is not None:
            policy = iam.Policy(scope, f"ReadStreams{len(self._readers)}")
            cast(iam.IRole, grantee.grant_principal).attach_inline_policy(policy)
            _nag.acknowledge(policy, _nag.INLINE_POLICY)
            grantee = policy
        arn = Stack.of(self).format_arn(
            service="kinesisvideo",
            resource="stream",
            resource_name=f"{self.media_stream_prefix}-connect-*",
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )
        grant = iam.Grant.add_to_principal(
            grantee=grantee, actions=["kinesisvideo:GetDataEndpoint", "kinesisvideo:GetMedia"], resource_arns=[arn]
        )
        if self.stream_key:
            grant = grant.combine(_grants.allow_key(grantee, self.stream_key, "kinesisvideo", write=False))
        owner = grantee if isinstance(grantee, iam.Policy) else grantee.grant_principal
        if isinstance(owner, Construct):
            _nag.acknowledge_wildcards(
                owner,
                {arn: "Connect makes the streams, one for each call that runs, as they are needed"},
            )
        return grant

    def _would_refer_back(self, role: iam.IPrincipal) -> bool:
        """Whether a policy beside *role* would name a key of this stack in the stack of the streamer's functions."""
        here = Stack.of(self)
        return (
            isinstance(role, iam.Role)
            and self._streamer is not None
            and self.stream_key is not None
            and Stack.of(self._streamer) is Stack.of(role)
            and Stack.of(self._streamer) is not here
            and Stack.of(self.stream_key) is here
        )

    def _store_media_streams(self, key: kms.IKey, retention_hours: int) -> None:
        config = connect.CfnInstanceStorageConfig
        config(
            self,
            "MediaStreams",
            instance_arn=self.instance_arn,
            resource_type="MEDIA_STREAMS",
            storage_type="KINESIS_VIDEO_STREAM",
            kinesis_video_stream_config=config.KinesisVideoStreamConfigProperty(
                prefix=self.media_stream_prefix,
                retention_period_hours=retention_hours,
                encryption_config=_encryption(key),
            ),
        )

    def _store_recordings(self, storage: RecordingStorage) -> None:
        config = connect.CfnInstanceStorageConfig
        config(
            self,
            "Recordings",
            instance_arn=self.instance_arn,
            resource_type="CALL_RECORDINGS",
            storage_type="S3",
            s3_config=config.S3ConfigProperty(
                bucket_name=storage.bucket.bucket_name,
                bucket_prefix=f"{storage.prefix}/CallRecordings",
                encryption_config=_encryption(cast(kms.IKey, storage.bucket.encryption_key)),
            ),
        )

    def _module(
        self, construct_id: str, function: lambda_.IFunction, *, name: str, description: str, content: dict[str, Any]
    ) -> connect.CfnContactFlowModule:
        if not Token.is_unresolved(name) and len(name) > _MODULE_NAME_CHARACTERS:
            raise ValueError(
                f"{name!r} is longer than the {_MODULE_NAME_CHARACTERS} characters of a module's name: pass a shorter "
                "module_name"
            )
        function.add_permission(
            f"Connect{construct_id}",
            scope=self,
            principal=iam.ServicePrincipal("connect.amazonaws.com"),
            source_arn=self.instance_arn,
            source_account=self._instance_account(),
        )
        association = connect.CfnIntegrationAssociation(
            self,
            f"{construct_id}Function",
            instance_id=self.instance_arn,
            integration_type="LAMBDA_FUNCTION",
            integration_arn=function.function_arn,
        )
        module = connect.CfnContactFlowModule(
            self,
            f"{construct_id}Module",
            instance_arn=self.instance_arn,
            name=name,
            description=description,
            content=Stack.of(self).to_json_string(content),
            state="ACTIVE",
        )
        module.node.add_dependency(association)
        return module

    def _instance_account(self) -> str:
        account = Stack.of(self).split_arn(self.instance_arn, ArnFormat.SLASH_RESOURCE_NAME).account
        return account or Stack.of(self).account


def _recording_storage(recordings: RecordingStorage | s3.IBucket, formerly: FormerOptions) -> RecordingStorage:
    """Return where recordings go, also where that is said in the former way: the bucket, and beside it the rest."""
    if isinstance(recordings, RecordingStorage):
        return recordings
    formerly.warn_of_bucket()
    bucket, prefix = formerly.recordings(recordings), formerly.recording_prefix()
    return RecordingStorage(bucket=bucket) if prefix is None else RecordingStorage(bucket=bucket, prefix=prefix)


def _streamer_of(function: lambda_.IFunction) -> LiveStreamer | None:
    return next((around for around in function.node.scopes if isinstance(around, LiveStreamer)), None)


def _check_prefix(streamer: LiveStreamer | None, prefix: str) -> None:
    if streamer is None or Token.is_unresolved(streamer.stream_prefix):
        return
    if not f"{prefix}-connect-".startswith(streamer.stream_prefix):
        raise ValueError(
            f"prefix {prefix!r} of media_streams is not that of {streamer.node.path}, which reads streams that begin "
            f"with {streamer.stream_prefix!r}: make its stream_prefix and this prefix the same"
        )


def _encryption(key: kms.IKey) -> connect.CfnInstanceStorageConfig.EncryptionConfigProperty:
    return connect.CfnInstanceStorageConfig.EncryptionConfigProperty(encryption_type="KMS", key_id=key.key_arn)
