"""Where people of the clinics look at their calls."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from constructs_lib import CallConsole
from constructs_lib.policies import acknowledge
from stacks.batch_stack import BatchStack
from stacks.environments import Settings
from stacks.live_stack import LiveStack
from stacks.storage_stack import StorageStack


class ConsoleStack(Stack):
    """Show the calls of the storage stack, and those that run, to the people of their clinics."""

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
        self.console = CallConsole(
            self,
            "Console",
            recordings=storage.recordings.bucket,
            table=storage.table.table,
            archive=storage.archive.bucket,
            workflow=batch.workflow,
            streamer=live.streamer,
            feed=live.feed,
            users=storage.users,
            time_zones=settings.time_zones,
            functions=settings.functions,
        )
        if settings.older_runtime:
            acknowledge(self, {"AwsSolutions-L1": "the emulator runs functions on this machine's own Python"})
        CfnOutput(self, "ConsoleUrl", value=self.console.url)
        CfnOutput(self, "ConsoleClientId", value=self.console.client.user_pool_client_id)
