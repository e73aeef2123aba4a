"""Where people of the clinics look at their calls."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from aws_cdk.aws_cloudwatch_actions import SnsAction
from constructs import Construct

from constructs_lib import CallConsole, ConsoleDomain, TranscriptSearch
from constructs_lib.policies import acknowledge
from stacks.batch_stack import BatchStack
from stacks.environments import Domain, Settings
from stacks.live_stack import LiveStack
from stacks.storage_stack import StorageStack


class ConsoleStack(Stack):
    """Show the calls of the storage stack, and those that run, to the people of their clinics."""

    search: TranscriptSearch
    console: CallConsole

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        storage: StorageStack,
        batch: BatchStack,
        live: LiveStack,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        self.search = TranscriptSearch(
            self,
            "Search",
            table=storage.table.table,
            archive=storage.archive.bucket,
            functions=settings.functions,
        )
        self.search.on_alarm(SnsAction(batch.workflow.alarm_topic))
        self.console = CallConsole(
            self,
            "Console",
            recordings=storage.recordings.bucket,
            table=storage.table.table,
            archive=storage.archive.bucket,
            workflow=batch.workflow,
            streamer=live.streamer,
            feed=live.feed,
            search=self.search,
            users=storage.users,
            time_zones=settings.time_zones,
            program_access=settings.console is not None and settings.console.program_access,
            domain=None if settings.console is None else self._domain(settings.console.domain),
            functions=settings.functions,
        )
        if settings.older_runtime:
            acknowledge(self, {"AwsSolutions-L1": "the emulator runs functions on this machine's own Python"})
        CfnOutput(self, "SearchFunctionName", value=self.search.function.function_name)
        CfnOutput(self, "SearchBucketName", value=self.search.bucket.bucket_name)
        CfnOutput(self, "ConsoleUrl", value=self.console.url)
        CfnOutput(self, "ConsoleClientId", value=self.console.client.user_pool_client_id)

    def _domain(self, domain: Domain | None) -> ConsoleDomain | None:
        if domain is None:
            return None
        zone = domain.hosted_zone_id
        return ConsoleDomain(
            name=domain.name,
            certificate=acm.Certificate.from_certificate_arn(self, "Certificate", domain.certificate_arn),
            hosted_zone=None if zone is None else route53.HostedZone.from_hosted_zone_id(self, "Zone", zone),
            web_acl=domain.web_acl,
        )
