"""Options by the names they had before those that travel together became value objects.

Apps that use them go on working until the next major version: they become fields of those objects and are checked as
such, and CDK's deprecation warning names the new form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypedDict, TypeVar

from aws_cdk import Annotations, Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from callscribe.environments.functions import LiveTranscripts, OnNewVersion

T = TypeVar("T")


class OfRuntime(TypedDict, total=False):
    """Of ``FunctionSettings``."""

    runtime: lambda_.Runtime
    architecture: lambda_.Architecture
    bundling_platform: str | None


class OfNetwork(TypedDict, total=False):
    """Of ``FunctionSettings`` for recordings, of ``TaskSettings`` for live calls."""

    vpc: ec2.IVpc | None
    vpc_subnets: ec2.SubnetSelection | None


class OfRequests(TypedDict, total=False):
    """Of ``RequestLimits``."""

    request_timeout: Duration | None
    max_attempts: int
    max_retry_delay: Duration | None


class OfLiveClinics(TypedDict, total=False):
    """Of ``ClinicRules``, for live calls."""

    clinic_by_queue: Mapping[str, str] | None
    clinic_by_dialled_number: Mapping[str, str] | None
    default_clinic_id: str | None


class OfClinics(OfLiveClinics, total=False):
    """Of ``ClinicRules``, for recordings."""

    clinic_by_prefix: Mapping[str, str] | None


class OfPolicy(TypedDict, total=False):
    """Of ``RecordingPolicy``."""

    on_new_version: OnNewVersion
    live_transcripts: LiveTranscripts
    live_patience: Duration | None


class OfRecordingLimits(TypedDict, total=False):
    """Of ``RecordingLimits``."""

    max_duration: Duration | None
    max_wait: Duration | None
    waiting_alarm_after: Duration | None


class OfCapacity(TypedDict, total=False):
    """Of ``Capacity``."""

    slots_per_task: int
    min_tasks: int
    max_tasks: int | None


class OfCallLimits(TypedDict, total=False):
    """Of ``CallLimits``."""

    max_call_duration: Duration | None
    idle_limit: Duration | None
    start_wait: Duration | None
    lease: Duration | None


class OfTasks(OfNetwork, total=False):
    """Of ``TaskSettings``."""

    architecture: lambda_.Architecture
    image: ecs.ContainerImage | None
    base_image: str | None
    nat_gateways: int | None
    cluster: ecs.ICluster | None


class OfMediaStreams(TypedDict, total=False):
    """Of ``MediaStreamStorage``, whose fields have other names."""

    store_media_streams: bool
    media_stream_prefix: str
    media_retention: Duration | None
    stream_key: kms.IKey | None


class OfRecordings(TypedDict, total=False):
    """Of the bucket of the recordings."""

    recording_key: kms.IKey | None


class FormerFunctionOptions(OfRecordings, OfRuntime, OfNetwork, OfRequests, total=False):
    """Those of :class:`~constructs_lib.TranscriptionFunction`."""


class FormerWorkflowOptions(FormerFunctionOptions, OfClinics, OfPolicy, OfRecordingLimits, total=False):
    """Those of :class:`~constructs_lib.TranscriptionWorkflow`."""


class FormerStreamerOptions(OfLiveClinics, OfCapacity, OfCallLimits, OfTasks, total=False):
    """Those of :class:`~constructs_lib.LiveStreamer`."""

    runtime: lambda_.Runtime
    bundling_platform: str | None


class FormerWiringOptions(OfRecordings, OfMediaStreams, total=False):
    """Those of :class:`~constructs_lib.ConnectWiring`."""

    recording_prefix: str


_FIELDS: Final = {
    "store_media_streams": "configure",
    "media_stream_prefix": "prefix",
    "media_retention": "retention",
    "stream_key": "key",
    "recording_prefix": "prefix",
}
"""Names of fields, where they are not those of the options."""


class FormerOptions:
    """What a construct was given by former names.

    Args:
        construct: The construct.
        given: The options by name. Those that are None are as if they were not given: all of them had a default.
        known: All that the construct had.

    Raises:
        TypeError: If the construct never had such an option.
    """

    def __init__(self, construct: Construct, given: Mapping[str, Any], known: type) -> None:
        self._construct, self._name = construct, type(construct).__name__
        for name in given:
            if name not in known.__annotations__:
                raise TypeError(f"{self._name}() has no option {name!r}")
        self._given = {name: value for name, value in given.items() if value is not None}

    def into(self, option: str, value: T | None, kind: type[T], *groups: type) -> T | None:
        """Return the value of a present option, made of what was given of some groups of former ones.

        Args:
            option: The present option.
            value: What was given of it; returned if no former one was.
            kind: What it takes.
            *groups: Former options that are fields of it.

        Raises:
            ValueError: If it was given in both ways.
        """
        names = [name for group in groups for name in group.__annotations__ if name in self._given]
        if not names:
            return value
        if value is not None:
            raise ValueError(f"{names[0]} and {option}: {names[0]} is a field of {option}, so pass it there alone")
        for name in names:
            self._warn(name, f"pass {option}={kind.__name__}({_FIELDS.get(name, name)}=…)")
        return kind(**{_FIELDS.get(name, name): self._given[name] for name in names})

    def recordings(self, bucket: s3.IBucket) -> s3.IBucket:
        """Return the bucket with the key that was given beside it, unless it has one."""
        key: kms.IKey | None = self._given.get("recording_key")
        if key is None:
            return bucket
        self._warn("recording_key", "import the bucket with it, as Bucket.from_bucket_attributes(encryption_key=…)")
        if bucket.encryption_key is not None:
            return bucket
        return s3.Bucket.from_bucket_attributes(
            self._construct,
            "RecordingsWithKey",
            bucket_arn=bucket.bucket_arn,
            account=bucket.env.account,
            region=bucket.env.region,
            encryption_key=key,
        )

    def recording_prefix(self) -> str | None:
        """Return the folder of recordings that was given beside their bucket."""
        prefix: str | None = self._given.get("recording_prefix")
        if prefix is not None:
            self._warn("recording_prefix", "pass recordings=RecordingStorage(prefix=…)")
        return prefix

    def warn_of_bucket(self) -> None:
        """Say how a bucket is passed now."""
        self._warn("recordings as a bucket", "pass recordings=RecordingStorage(bucket=…)")

    def _warn(self, name: str, fix: str) -> None:
        Annotations.of(self._construct).add_deprecation(f"{self._name}: {name}", fix)
