"""What makes the words of calls searchable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from callscribe.contract.object_keys import SEARCH, SEARCH_STATE, TRANSCRIPTS
from callscribe.contract.table_keys import CLINICS, transcript_range
from callscribe.environments.functions import UpdateSearchEnvironment
from constructs_lib import _buckets, _checks, _grants, _keys, _nag
from constructs_lib._functions import RuntimeFunction, SharedByFunctions
from constructs_lib._logs import LogSettings
from constructs_lib._monitoring import Alarms
from constructs_lib.alarm_settings import AlarmSettings
from constructs_lib.function_settings import FunctionSettings

_BATCH: Final = 100
_WINDOW: Final = Duration.seconds(2)
# A stream keeps changes for 24 hours (DynamoDB Developer Guide, "Change data capture for DynamoDB Streams").
_OLDEST_CHANGE: Final = Duration.hours(20)
_BEHIND: Final = Duration.hours(1)
_QUEUE_RETENTION: Final = Duration.days(14)


class TranscriptSearch(Construct):
    """Define what makes the words of calls searchable, without a search service: packed shards in S3.

    A function follows the table's stream, reads the documents of calls that have changed, and keeps a shard of words
    for each clinic and month. Words that were superseded, or deleted, leave the shards within seconds: the bucket keeps
    no versions. All of it can be made anew from table and archive, by the command ``callscribe index``, which also
    takes the calls that were stored before.

    Args:
        scope: Parent construct.
        construct_id: Identifier, unique in *scope*. Part of the logical ids: renaming it replaces the bucket.
        table: Table of the transcripts, with a stream; that of :class:`TranscriptTable` has one.
        archive: Bucket of the transcripts. One that is imported and encrypted with a key of yours must come with it
            (``Bucket.from_bucket_attributes(encryption_key=…)``).
        functions: What the function runs on, and where. Default: ``FunctionSettings()``.
        key: Key that encrypts shards and logs. Default: a new key with rotation on.
        access_logs: Bucket that server access logs go to. Default: a new bucket that keeps them for a year.
        alarms: Which alarms there are, and when they go off. Default: ``AlarmSettings()``.
        log_retention: How long logs, which hold no words, are kept. Default: a year.
        removal_policy: What deleting the stack does to the shards. Default: they are deleted, as nobody would keep them
            up to date; CloudFormation deletes a bucket only once it is empty.

    Raises:
        ValueError: If *table* has no stream, or an option is not what it is meant to be; the message says what to do.
    """

    bucket: s3.Bucket
    """The shards."""
    function: lambda_.Function
    """Keeps them up to date."""
    failed_updates: sqs.Queue
    """Notes that changes could not be followed for most of a day; ``callscribe index`` makes up for them."""
    key: kms.IKey
    """Encrypts shards and logs."""
    alarms: Mapping[str, cloudwatch.Alarm]
    """The alarms, by name."""

    @_checks.takes_objects
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        table: dynamodb.ITable,
        archive: s3.IBucket,
        functions: FunctionSettings | None = None,
        key: kms.IKey | None = None,
        access_logs: s3.IBucket | None = None,
        alarms: AlarmSettings | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
    ) -> None:
        super().__init__(scope, construct_id)
        if table.table_stream_arn is None:
            raise ValueError(
                "table has no stream, by which its changes are followed: make it with dynamo_stream="
                "StreamViewType.KEYS_ONLY, as TranscriptTable does, or import it by "
                "TableV2.from_table_attributes(table_stream_arn=…)"
            )
        self.key = key or _keys.own_key(self, removal_policy=removal_policy, description="Searched words of calls")
        self.bucket = _buckets.private_bucket(
            self,
            "Bucket",
            key=self.key,
            access_logs=access_logs or _buckets.access_log_bucket(self, removal_policy=removal_policy),
            expire_after=None,
            removal_policy=removal_policy,
            versioned=False,
        )
        _nag.acknowledge(
            self.bucket,
            {
                "HIPAA.Security-S3BucketVersioningEnabled": "words that are erased must be gone; what is in it can be "
                "made anew from table and archive"
            },
        )
        runtime_function = RuntimeFunction(
            self,
            "Function",
            SharedByFunctions(
                table=table,
                settings=functions or FunctionSettings(),
                logs=LogSettings(key=self.key, retention=log_retention),
            ),
            reads=UpdateSearchEnvironment,
            description="Keeps the words of calls searchable",
            timeout=Duration.minutes(2),
            memory_mib=1024,
            without_failed_events="the stream sends changes again, and what it gives up is noted in a queue",
        )
        self.function = runtime_function.function
        self._allow(runtime_function.role, table, archive)
        runtime_function.configure(
            UpdateSearchEnvironment(
                table_name=table.table_name, archive_bucket=archive.bucket_name, search_bucket=self.bucket.bucket_name
            )
        )
        self.failed_updates = self._add_queue()
        self._follow(table)
        self.alarms = self._add_alarms(alarms or AlarmSettings())

    def _allow(self, role: iam.Role, table: dynamodb.ITable, archive: s3.IBucket) -> None:
        _grants.allow_items(
            role,
            table,
            "dynamodb:BatchGetItem",
            "dynamodb:Query",
            write=False,
            conditions={
                "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{CLINICS}*"]},
                "Null": {"dynamodb:LeadingKeys": "false"},
            },
        )
        _grants.allow_objects(role, archive, "s3:GetObject", prefix=TRANSCRIPTS)
        _grants.allow_listing(role, archive)
        _grants.allow_listing(role, self.bucket)
        reasons = {archive.arn_for_objects(f"{TRANSCRIPTS}*"): "transcripts are named by clinic, day and call"}
        for name in (f"{SEARCH}*", SEARCH_STATE):
            _grants.allow_objects(
                role, self.bucket, "s3:GetObject", "s3:PutObject", prefix=name.removesuffix("*"), write=True
            )
            resource = self.bucket.arn_for_objects(f"{name.removesuffix('*')}*")
            reasons[resource] = "shards are named by clinic and month"
        _nag.acknowledge_wildcards(role, reasons)

    def _add_queue(self) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "FailedUpdates",
            # Not by the key: that it cannot be used is a likely reason for the updates to fail. No words are in it.
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_QUEUE_RETENTION,
        )
        _nag.acknowledge(queue, {"AwsSolutions-SQS3": "it is itself the last place for what could not be done"})
        return queue

    def _follow(self, table: dynamodb.ITable) -> None:
        """Have the function follow the stream: whatever fails is sent again, until the stream forgets it."""
        self.function.add_event_source(
            event_sources.DynamoEventSource(
                table,
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=_BATCH,
                max_batching_window=_WINDOW,
                bisect_batch_on_error=True,
                max_record_age=_OLDEST_CHANGE,
                on_failure=event_sources.SqsDlq(self.failed_updates),
                filters=[
                    lambda_.FilterCriteria.filter(
                        {
                            "dynamodb": {
                                "Keys": {
                                    "PK": {"S": lambda_.FilterRule.begins_with(CLINICS)},
                                    "SK": {"S": lambda_.FilterRule.begins_with(transcript_range())},
                                }
                            }
                        }
                    )
                ],
            )
        )

    def _add_alarms(self, settings: AlarmSettings) -> dict[str, cloudwatch.Alarm]:
        alarms = Alarms(Construct(self, "Alarms"), settings)
        alarms.add(
            "FailedUpdates",
            self.metric_failed_updates(),
            "Changes of calls could not be followed for most of a day: fix the cause, then run callscribe index",
            above=0,
        )
        alarms.add(
            "UpdatesBehind",
            self.metric_updates_behind(),
            "What is searched is far behind the table: words that were deleted may stand in the shards still",
            above=_BEHIND.to_milliseconds(),
        )
        return alarms.checked()

    def on_alarm(self, action: cloudwatch.IAlarmAction) -> None:
        """Take *action* whenever one of :attr:`alarms` goes off."""
        _checks.check_alarm_action(self.alarms, action)
        for alarm in self.alarms.values():
            alarm.add_alarm_action(action)

    def grant_search(self, grantee: iam.IGrantable, *, clinic_id: str | None = None) -> iam.Grant:
        """Allow *grantee* to list and read the shards of one clinic or of all, and what is known of all together."""
        folder = SEARCH if clinic_id is None else f"{SEARCH}{_checks.check_clinic_id(clinic_id)}/"
        listing = iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["s3:ListBucket"],
            resource_arns=[self.bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": [f"{folder}*", SEARCH_STATE]}},
        )
        state = iam.Grant.add_to_principal(
            grantee=grantee, actions=["s3:GetObject"], resource_arns=[self.bucket.arn_for_objects(SEARCH_STATE)]
        )
        shards = _grants.allow_objects(grantee, self.bucket, "s3:GetObject", prefix=folder)
        return listing.combine(state).combine(shards)

    def metric_failed_updates(self) -> cloudwatch.Metric:
        """Count the notes in :attr:`failed_updates`; the most of 5 minutes."""
        return self.failed_updates.metric_approximate_number_of_messages_visible(
            statistic="Maximum", period=Duration.minutes(5)
        )

    def metric_updates_behind(self) -> cloudwatch.Metric:
        """Age in milliseconds of the oldest change that is worked on; the most of 5 minutes."""
        return self.function.metric("IteratorAge", statistic="Maximum", period=Duration.minutes(5))
