"""Where people of the clinics look at their calls."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from constructs_lib import CallConsole
from constructs_lib.policies import acknowledge
from stacks.environments import Console, Settings
from stacks.storage_stack import StorageStack


class ConsoleStack(Stack):
    """Show the calls of the storage stack to the people of their clinics."""

    console: CallConsole

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        console: Console,
        storage: StorageStack,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        default = settings.default_clinic_id
        named = {*settings.clinics.vocabulary, *(() if default is None else (default,))}
        self.console = CallConsole(
            self,
            "Console",
            recordings=storage.recordings.bucket,
            table=storage.table.table,
            archive=storage.archive.bucket,
            clinics=sorted(named),
            require_mfa=console.require_mfa,
            sign_in_url=console.sign_in_url,
            time_zones=settings.time_zones,
            functions=settings.functions,
            removal_policy=settings.removal_policy,
        )
        if settings.older_runtime:
            acknowledge(self, {"AwsSolutions-L1": "the emulator runs functions on this machine's own Python"})
        CfnOutput(self, "ConsoleUrl", value=self.console.url)
        CfnOutput(self, "ConsoleUserPoolId", value=self.console.user_pool.user_pool_id)
        CfnOutput(self, "ConsoleClientId", value=self.console.client.user_pool_client_id)
