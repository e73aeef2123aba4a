"""What transcribes calls while they run."""

from __future__ import annotations

from typing import Any

from aws_cdk import Annotations, CfnOutput, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from constructs_lib import (
    ConnectWiring,
    LiveStreamer,
    LiveTranscriptFeed,
    MediaStreamStorage,
    RecordingStorage,
    TaskSettings,
)
from constructs_lib.policies import acknowledge
from stacks.batch_stack import BatchStack
from stacks.environments import Live, Settings
from stacks.storage_stack import StorageStack


class LiveStack(Stack):
    """Transcribe every call that a contact flow streams, into the table of the storage stack.

    Vocabularies and bus are those of the batch stack: a clinic's words are kept once, and who listens for transcripts
    is told of both kinds.
    """

    streamer: LiveStreamer
    feed: LiveTranscriptFeed
    wiring: ConnectWiring | None

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        storage: StorageStack,
        batch: BatchStack,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        live = settings.live
        self.feed = LiveTranscriptFeed(self, "Feed", users=storage.users)
        network = None if live.image is None else self._unused_network()
        self.streamer = LiveStreamer(
            self,
            "Streamer",
            table=storage.table.table,
            archive=storage.archive.bucket,
            secret=storage.deepgram.secret,
            options=settings.options,
            vocabulary_path=batch.workflow.transcription.vocabulary_path,
            clinics=settings.clinic_rules,
            instance_arn=live.connect_instance_arn,
            stream_prefix=live.stream_prefix,
            bus=batch.workflow.bus,
            feed=self.feed,
            retain_for=settings.retain_for,
            capacity=live.capacity,
            limits=live.limits,
            tasks=TaskSettings(
                architecture=settings.functions.architecture,
                image=None if live.image is None else ecs.ContainerImage.from_registry(live.image),
                vpc=network,
                vpc_subnets=None
                if network is None
                else ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
                nat_gateways=live.nat_gateways,
                egress=live.egress,
            ),
            functions=settings.functions,
            encoder=settings.encoder,
        )
        if network is not None:
            Annotations.of(self.streamer).acknowledge_warning(
                "callscribe:isolatedSubnets", "nothing runs in this network: tasks run on this machine"
            )
        self.wiring = self._wiring(live, storage)
        if settings.older_runtime:
            acknowledge(self, {"AwsSolutions-L1": "the emulator runs functions on this machine's own Python"})
        for address in settings.alarm_emails:
            self.streamer.alarm_topic.add_subscription(subscriptions.EmailSubscription(address))
        CfnOutput(self, "LiveCallsQueueUrl", value=self.streamer.queue.queue_url)
        CfnOutput(self, "FailedLiveCallsQueueUrl", value=self.streamer.failed_calls.queue_url)
        CfnOutput(self, "StartLiveCallFunctionName", value=self.streamer.start_function.function_name)
        CfnOutput(self, "StartLiveCallFunctionArn", value=self.streamer.start_function.function_arn)
        CfnOutput(self, "EndLiveCallFunctionName", value=self.streamer.end_function.function_name)
        CfnOutput(self, "StreamerTaskDefinitionArn", value=self.streamer.task_definition.task_definition_arn)
        CfnOutput(self, "StreamerTaskRoleArn", value=self.streamer.task_role.role_arn)
        CfnOutput(self, "StreamerServiceName", value=self.streamer.service.service_name)
        CfnOutput(self, "StreamerClusterName", value=self.streamer.cluster.cluster_name)
        CfnOutput(self, "MediaStreamPrefix", value=self.streamer.stream_prefix)
        CfnOutput(self, "FeedHttpUrl", value=self.feed.http_url)
        CfnOutput(self, "FeedRealtimeUrl", value=self.feed.realtime_url)
        CfnOutput(self, "FeedApiId", value=self.feed.api.api_id)

    def _wiring(self, live: Live, storage: StorageStack) -> ConnectWiring | None:
        if live.connect_instance_arn is None:
            return None
        wiring = ConnectWiring(
            self,
            "Connect",
            instance_arn=live.connect_instance_arn,
            start_function=self.streamer.start_function,
            end_function=self.streamer.end_function,
            recordings=RecordingStorage(bucket=storage.recordings.bucket) if live.connect_recordings else None,
            media_streams=MediaStreamStorage(prefix=live.stream_prefix),
        )
        CfnOutput(self, "ConnectInstanceArn", value=wiring.instance_arn)
        wiring.grant_read_streams(self.streamer.task_role)
        return wiring

    def _unused_network(self) -> ec2.Vpc:
        """Create what a service asks for where nothing runs its tasks."""
        vpc = ec2.Vpc(
            self,
            "Network",
            availability_zones=[f"{self.region}a"],
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
            ],
            restrict_default_security_group=False,
        )
        reason = "nothing runs in this network: the emulator records tasks and leaves running them to this machine"
        acknowledge(
            vpc,
            {
                "AwsSolutions-VPC7": reason,
                "HIPAA.Security-VPCFlowLogsEnabled": reason,
                "HIPAA.Security-VPCDefaultSecurityGroupClosed": reason,
            },
        )
        return vpc
