"""How live calls come in: what a contact flow invokes, and the queue that a call stays in until it has ended."""

from __future__ import annotations

from typing import Final

import msgspec
from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from callscribe.environments.functions import EndLiveCallEnvironment, StartLiveCallEnvironment
from callscribe.recordings.clinics import ClinicRules
from constructs_lib import _checks, _clinics, _grants, _keys
from constructs_lib._functions import RuntimeFunction, SharedByFunctions
from constructs_lib._live_grants import allow_live_items
from constructs_lib._names import account_wide_name

# Of a healthy call, too: one for every hand-over, two for every streamer that dies with it. What fails otherwise is
# counted by the streamers; this bounds how often a call can take its streamer down.
_MAX_RECEIVES = 50
_QUEUE_RETENTION = Duration.days(14)
# A contact flow waits 8 seconds at most (Amazon Connect Administrator Guide, "Invoke AWS Lambda functions").
_FLOW_TIMEOUT = Duration.seconds(7)
# With it comes the processor that makes a cold start fit a flow's patience.
_FLOW_MEMORY_MIB = 512
# Both names of the event (Amazon Connect was renamed), and both spellings of its fields, occur.
_CONTACT_EVENTS: Final = ["Amazon Connect Contact Event", "Connect Customer Contact Event"]


class LiveCallQueues:
    """The queue of live calls and that of failed ones.

    They stand in *scope* itself, whose id their logical ids and the queue's name are made of: another one would replace
    the queues, with the calls in them.

    Args:
        scope: Parent construct.
        key: Encrypts them.
        lease: Time after which the calls of a dead streamer go to others.
    """

    def __init__(self, scope: Construct, *, key: kms.IKey, lease: Duration) -> None:
        # The two name each other, which CloudFormation takes only if it need not create one to know its name.
        name = account_wide_name(scope, max_length=80)
        arn = Stack.of(scope).format_arn(service="sqs", resource=name, arn_format=ArnFormat.NO_RESOURCE_NAME)
        # EventBridge sends events here that it could not hand to a function.
        _keys.allow_service(
            key, "events.amazonaws.com", "kms:Decrypt", "kms:GenerateDataKey", conditions=_keys.same_account()
        )
        self.failed_calls = sqs.Queue(
            scope,
            "FailedCalls",
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=_QUEUE_RETENTION,
            redrive_allow_policy=sqs.RedriveAllowPolicy(
                redrive_permission=sqs.RedrivePermission.BY_QUEUE,
                source_queues=[sqs.Queue.from_queue_arn(scope, "Source", arn)],
            ),
        )
        self.calls = sqs.Queue(
            scope,
            "Queue",
            queue_name=name,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=_QUEUE_RETENTION,
            receive_message_wait_time=Duration.seconds(20),
            visibility_timeout=lease,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.failed_calls, max_receive_count=_MAX_RECEIVES),
        )


class LiveIntake:
    """What registers calls, and their ends.

    Args:
        scope: Parent construct.
        shared: What the functions have in common.
        calls: Queue that calls are put in.
        clinics: Whose a call is of which the flow names no clinic.
        instance_arn: Amazon Connect instance whose flows may start calls and whose contact events count. None: any of
            the account.
        retention_days: Age at which calls are deleted from the table; None for never.
    """

    def __init__(
        self,
        scope: Construct,
        shared: SharedByFunctions,
        *,
        calls: sqs.IQueue,
        clinics: ClinicRules,
        instance_arn: str | None,
        retention_days: int | None,
    ) -> None:
        self._scope, self._shared = scope, shared
        self.start = self._add_start(calls, clinics, instance_arn, retention_days)
        self.end = self._add_end()
        for function in (self.start.function, self.end.function):
            function.add_permission(
                "ContactFlows",
                principal=iam.ServicePrincipal("connect.amazonaws.com"),
                source_account=Stack.of(scope).account,
                source_arn=instance_arn,
            )
        self._end_on_contact_events(instance_arn)

    def _add_start(
        self, calls: sqs.IQueue, clinics: ClinicRules, instance_arn: str | None, retention_days: int | None
    ) -> RuntimeFunction:
        start = RuntimeFunction(
            self._scope,
            "Start",
            self._shared,
            reads=StartLiveCallEnvironment,
            description="Registers a call that a contact flow streams",
            timeout=_FLOW_TIMEOUT,
            memory_mib=_FLOW_MEMORY_MIB,
            without_failed_events="a contact flow invokes the function and is told of its failure at once",
        )
        table = self._shared.table
        start.configure(
            StartLiveCallEnvironment(
                table_name=table.table_name,
                calls_queue_url=calls.queue_url,
                clinics=_clinics.checked_rules(
                    # A call that runs has no key.
                    msgspec.structs.replace(clinics, clinic_by_prefix={}),
                    instance_arn=instance_arn,
                    check=_checks.check_live_clinic_id,
                ),
                retention_days=retention_days,
            )
        )
        _clinics.allow_decisions(start.role, table)  # the right to note the call is among them
        allow_live_items(start.role, table, "dynamodb:GetItem", write=False)
        _grants.allow_messages(start.role, calls, "sqs:SendMessage")
        return start

    def _add_end(self) -> RuntimeFunction:
        end = RuntimeFunction(
            self._scope,
            "End",
            self._shared,
            reads=EndLiveCallEnvironment,
            description="Notes that a call is over",
            timeout=_FLOW_TIMEOUT,
            memory_mib=_FLOW_MEMORY_MIB,
            without_failed_events="a lost event costs the proof of one call's end, not its words: the streamer then "
            "ends the call when its stream has been silent for the idle limit",
        )
        end.configure(EndLiveCallEnvironment(table_name=self._shared.table.table_name))
        allow_live_items(end.role, self._shared.table, "dynamodb:UpdateItem")
        return end

    def _end_on_contact_events(self, instance_arn: str | None) -> None:
        spellings = ("eventType", "instanceArn"), ("EventType", "InstanceArn")
        instance = [instance_arn] if instance_arn else None
        events.Rule(
            self._scope,
            "CallEnded",
            description="Notes the ends of calls",
            event_pattern=events.EventPattern(
                source=["aws.connect"],
                detail_type=_CONTACT_EVENTS,
                detail={
                    "$or": [
                        {event_type: ["DISCONNECTED"], **({instance_name: instance} if instance else {})}
                        for event_type, instance_name in spellings
                    ]
                },
            ),
            targets=[targets.LambdaFunction(self.end.function, max_event_age=Duration.hours(1), retry_attempts=10)],
        )
