"""The function that has Deepgram transcribe one recording at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Unpack
from urllib.parse import urlsplit

import msgspec
from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from callscribe.contract import metrics
from callscribe.contract.object_keys import REPLIES
from callscribe.environments.functions import ChannelRole, TranscribeCallEnvironment
from constructs_lib import _checks, _grants, _keys, _nag
from constructs_lib._former_options import FormerFunctionOptions, FormerOptions, OfNetwork, OfRequests, OfRuntime
from constructs_lib._functions import RuntimeFunction, SharedByFunctions
from constructs_lib._logs import LogSettings
from constructs_lib._vocabulary import add_vocabulary, allow_vocabulary, vocabulary_path
from constructs_lib.deepgram_options import DeepgramOptions
from constructs_lib.deepgram_secret import DeepgramSecret
from constructs_lib.function_settings import FunctionSettings
from constructs_lib.recording_limits import RequestLimits

AMAZON_CONNECT_CHANNELS: Final[Mapping[int, ChannelRole]] = {0: "customer", 1: "agent"}
"""Amazon Connect's order: customer left and agent right."""
_PRESIGNED_URL_SECONDS = 900
# Beyond the attempts, and as many deliveries that end before a request: functions that are killed.
_SPARE_RECEIVES = 20
# Between Deepgram's answer and the end of the run: keep the reply, tell the workflow.
_AFTERWORK = Duration.minutes(1)


class TranscriptionFunction(Construct):
    """Define the function that hands recordings to Deepgram and keeps its replies.

    Deepgram fetches the audio itself, from a URL signed by :attr:`presigning_role`, which can read recordings and
    nothing else. Work comes from a queue (:meth:`consume`), at most as many recordings at once as Deepgram allows.

    Args:
        scope: Parent construct.
        construct_id: Identifier, unique in *scope*.
        recordings: Bucket of the recordings. One that is imported and encrypted with a key of yours must come with it
            (``Bucket.from_bucket_attributes(encryption_key=…)``).
        table: Table of transcripts and claims.
        archive: Bucket for Deepgram's replies.
        secret: Deepgram's API key, plain or as ``{"api_key": "…"}``. Default: a new secret without a value.
        options: What Deepgram is asked for. Default: ``DeepgramOptions()``.
        vocabulary: Words Deepgram should expect, by clinic id, beside ``options.keyterms``. Default: none.
        channel_roles: Who speaks on which channel; a reply is judged by building its transcript. Default: Amazon
            Connect's order, customer left and agent right.
        requests: How long Deepgram may take for a recording, and how often it is asked. Default: ``RequestLimits()``.
        functions: What the function runs on, and where. Default: ``FunctionSettings()``.
        key: Key that encrypts the logs. Default: a new key with rotation on.
        log_retention: How long logs are kept. Default: a year.

    Raises:
        ValueError: If an option cannot be what it is meant to be; the message says what to do.
    """

    function: lambda_.Function
    """Hands recordings to Deepgram."""
    timeout: Duration
    """Longest run of :attr:`function`; what it works on must stay hidden in the queue for longer."""
    max_receives: int
    """Deliveries of a message after which it is put aside: the function itself ends every call before, unless it is
    killed again and again."""
    presigning_role: iam.Role
    """Signs the URLs from which Deepgram fetches recordings."""
    secret: secretsmanager.ISecret
    """Deepgram's API key."""
    key: kms.IKey
    """Encrypts the logs."""
    options: DeepgramOptions
    """What Deepgram is asked for."""
    vocabulary_path: str
    """Parameter Store path of the vocabularies, one parameter per clinic id, a JSON array of terms. An operator may
    change them there without a deployment."""

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
        channel_roles: Mapping[int, ChannelRole] | None = None,
        requests: RequestLimits | None = None,
        functions: FunctionSettings | None = None,
        key: kms.IKey | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        **former: Unpack[FormerFunctionOptions],
    ) -> None:
        super().__init__(scope, construct_id)
        formerly = FormerOptions(self, former, FormerFunctionOptions)
        requests = formerly.into("requests", requests, RequestLimits, OfRequests)
        functions = formerly.into("functions", functions, FunctionSettings, OfRuntime, OfNetwork)
        recordings = formerly.recordings(recordings)
        self.options = options or DeepgramOptions()
        self.options.annotate(self)
        self.key = key or _keys.own_key(self, removal_policy=RemovalPolicy.DESTROY, description="Logs")
        self.secret = secret or DeepgramSecret(self, "DeepgramSecret").secret
        _checks.check_secret(self, self.secret)
        self.vocabulary_path = vocabulary_path(self)
        requests, functions = requests or RequestLimits(), functions or FunctionSettings()
        self.max_receives = 2 * requests.max_attempts + _SPARE_RECEIVES
        self._runtime_function = RuntimeFunction(
            self,
            "Transcribe",
            SharedByFunctions(table=table, settings=functions, logs=LogSettings(key=self.key, retention=log_retention)),
            reads=TranscribeCallEnvironment,
            description="Has Deepgram transcribe one recording and keeps its reply",
            timeout=requests.request_timeout.plus(_AFTERWORK),
            memory_mib=512,
        )
        self.function, self.timeout = self._runtime_function.function, self._runtime_function.timeout
        self._open_way_to_deepgram(functions.vpc)
        add_vocabulary(self, self.vocabulary_path, {} if vocabulary is None else vocabulary, options=self.options)
        self.presigning_role = self._presigning_role(recordings)
        retry_delay = requests.max_retry_delay
        self._environment = TranscribeCallEnvironment(
            table_name=table.table_name,
            archive_bucket=archive.bucket_name,
            deepgram_secret_arn=self.secret.secret_arn,
            deepgram_base_url=self.options.base_url,
            deepgram_options=self.options.of_requests,
            vocabulary_path=self.vocabulary_path,
            presigner_role_arn=self.presigning_role.role_arn,
            presigned_url_seconds=_PRESIGNED_URL_SECONDS,
            request_timeout_seconds=int(requests.request_timeout.to_seconds()),
            max_attempts=requests.max_attempts,
            max_retry_delay_seconds=None if retry_delay is None else int(retry_delay.to_seconds()),
            channel_roles=_checks.channel_roles(AMAZON_CONNECT_CHANNELS if channel_roles is None else channel_roles),
        )
        self._runtime_function.configure(self._environment)
        self._allow(table, archive)

    def _open_way_to_deepgram(self, vpc: ec2.IVpc | None) -> None:
        port = urlsplit(self.options.base_url).port
        if vpc and port not in (None, 443):
            self.function.connections.allow_to_any_ipv4(ec2.Port.tcp(port), "Deepgram")

    def _presigning_role(self, recordings: s3.IBucket) -> iam.Role:
        role = iam.Role(
            self,
            "PresigningRole",
            description="Signs the URLs from which Deepgram fetches recordings",
            assumed_by=iam.ArnPrincipal(self._runtime_function.role.role_arn),
        )
        _grants.allow_objects(role, recordings, "s3:GetObject", "s3:GetObjectVersion")
        iam.Grant.add_to_principal(
            grantee=self._runtime_function.role, actions=["sts:AssumeRole"], resource_arns=[role.role_arn]
        )
        _nag.acknowledge_wildcards(
            role,
            {
                recordings.arn_for_objects("*"): "recordings are named by the contact centre; each session is narrowed "
                "to the one recording it signs for"
            },
        )
        _nag.acknowledge(role, _nag.INLINE_POLICY)
        return role

    def _allow(self, table: dynamodb.ITable, archive: s3.IBucket) -> None:
        role = self._runtime_function.role
        _grants.allow_items(role, table, "dynamodb:GetItem", "dynamodb:UpdateItem")
        _grants.allow_objects(role, archive, "s3:GetObject", "s3:PutObject", prefix=REPLIES, write=True)
        _grants.allow_listing(role, archive)
        _grants.allow_secret(role, self.secret)
        allow_vocabulary(role, self.vocabulary_path)
        _nag.acknowledge_wildcards(
            role,
            {archive.arn_for_objects(f"{REPLIES}*"): "replies are named by the recording's hash, made at run time"},
        )

    @_checks.takes_objects
    def consume(self, queue: sqs.IQueue, *, failed_calls: sqs.IQueue | None = None) -> None:
        """Work off the messages of *queue*, as many at once as Deepgram allows.

        The visibility timeout of *queue* must exceed :attr:`timeout`, and its redrive policy should allow
        :attr:`max_receives`.

        Args:
            queue: Where the messages are.
            failed_calls: Where a message goes at once that cannot be read. Default: it comes back until the redrive
                policy of *queue* takes it.

        Raises:
            ValueError: If the visibility timeout of *queue* is known and too short, or fewer runs of the function are
                reserved than Deepgram takes recordings at once.
        """
        _checks.check_visibility(queue, longer_than=self.timeout)
        reserved, parallel = self._runtime_function.reserved_concurrency, self.options.parallel_requests
        if reserved is not None and reserved < parallel:
            raise ValueError(
                f"reserved_concurrency of {reserved} for transcribe_call is less than the {parallel} recordings that "
                "Deepgram takes at once: reserve that many, or lower max_parallel_requests of options"
            )
        self._environment = msgspec.structs.replace(
            self._environment,
            queue_url=queue.queue_url,
            failed_calls_queue_url=None if failed_calls is None else failed_calls.queue_url,
        )
        self._runtime_function.configure(self._environment)
        if failed_calls is not None:
            _grants.allow_messages(self._runtime_function.role, failed_calls, "sqs:SendMessage")
        self.function.add_event_source(
            event_sources.SqsEventSource(
                queue,
                batch_size=1,
                report_batch_item_failures=True,
                max_concurrency=self.options.parallel_requests,
            )
        )

    def grant_set_vocabulary(self, grantee: iam.IGrantable, clinic_id: str) -> iam.Grant:
        """Allow *grantee* to change the vocabulary of one clinic."""
        name = f"{self.vocabulary_path.removeprefix('/')}{_checks.check_clinic_id(clinic_id)}"
        arn = Stack.of(self).format_arn(service="ssm", resource="parameter", resource_name=name)
        return iam.Grant.add_to_principal(grantee=grantee, actions=["ssm:PutParameter"], resource_arns=[arn])

    def metric_rate_limited(self) -> cloudwatch.Metric:
        """Count the times Deepgram refused a request because too many were in flight; the sum of 5 minutes."""
        return self._metric(metrics.FunctionMetric.RATE_LIMITED)

    def metric_requests(self) -> cloudwatch.Metric:
        """Count the requests sent to Deepgram, refused and failed ones included; the sum of 5 minutes."""
        return self._metric(metrics.FunctionMetric.REQUESTS)

    def metric_audio_seconds(self) -> cloudwatch.Metric:
        """Count the seconds of audio transcribed, whatever its channels; the sum of 5 minutes."""
        return self._metric(metrics.FunctionMetric.AUDIO_SECONDS)

    def metric_troubled_call_age(self) -> cloudwatch.Metric:
        """Tell how long calls have waited that could not be transcribed once more, in seconds; the longest in an hour.

        SQS does not: its age of the oldest message leaves out messages that were received more than three times (Amazon
        SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS").
        """
        return self._metric(metrics.FunctionMetric.TROUBLED_CALL_AGE, period=Duration.hours(1), statistic="Maximum")

    def _metric(self, name: str, *, period: Duration | None = None, statistic: str = "Sum") -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=metrics.NAMESPACE,
            metric_name=name,
            dimensions_map={metrics.SERVICE_DIMENSION: self._runtime_function.service},
            period=period or Duration.minutes(5),
            statistic=statistic,
        )
