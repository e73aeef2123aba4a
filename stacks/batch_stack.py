"""What turns recordings into transcripts."""

from __future__ import annotations

import json
from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct
from msgspec import structs

from constructs_lib import TranscriptionWorkflow
from constructs_lib.policies import acknowledge
from stacks.environments import Settings
from stacks.storage_stack import StorageStack


class BatchStack(Stack):
    """Transcribe every recording that arrives in the storage stack.

    What it refers to there is read from that stack's outputs at deployment (cdk.json: weak references): no custom
    resource, and no export that would lock the two stacks together.
    """

    workflow: TranscriptionWorkflow

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, storage: StorageStack, **kwargs: Any
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        instance_arn, rules = settings.live.connect_instance_arn, settings.clinic_rules
        self.workflow = TranscriptionWorkflow(
            self,
            "Workflow",
            recordings=storage.recordings.bucket,
            table=storage.table.table,
            archive=storage.archive.bucket,
            secret=storage.deepgram.secret,
            options=settings.options,
            vocabulary=settings.clinics.vocabulary,
            # Queue and number are the instance's to tell; without one, the live half alone decides by them.
            clinics=rules if instance_arn else structs.replace(rules, clinic_by_queue={}, clinic_by_dialled_number={}),
            instance_arn=instance_arn,
            contact_details=settings.live.contact_details,
            policy=settings.policy,
            limits=settings.limits,
            requests=settings.requests,
            encoder=settings.encoder,
            analyst=settings.analyst,
            retain_for=settings.retain_for,
            functions=settings.functions,
        )
        if settings.older_runtime:
            acknowledge(self, {"AwsSolutions-L1": "the emulator runs functions on this machine's own Python"})
        for address in settings.alarm_emails:
            self.workflow.alarm_topic.add_subscription(subscriptions.EmailSubscription(address))
        CfnOutput(self, "StateMachineArn", value=self.workflow.state_machine.state_machine_arn)
        CfnOutput(self, "WorkQueueUrl", value=self.workflow.queue.queue_url)
        CfnOutput(self, "FailedCallsQueueUrl", value=self.workflow.failed_calls.queue_url)
        CfnOutput(self, "StrandedCallsQueueUrl", value=self.workflow.stranded_calls.queue_url)
        CfnOutput(self, "StoreFunctionName", value=self.workflow.store_function.function_name)
        if self.workflow.analyse_function is not None:
            CfnOutput(self, "AnalyseFunctionName", value=self.workflow.analyse_function.function_name)
        if settings.time_zones:
            CfnOutput(self, "ClinicTimeZones", value=json.dumps(settings.time_zones))
        CfnOutput(self, "EventBusName", value=self.workflow.bus.event_bus_name)
        if rules.default_clinic_id is not None:
            CfnOutput(self, "DefaultClinicId", value=rules.default_clinic_id)
