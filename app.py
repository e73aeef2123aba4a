#!/usr/bin/env python3
"""``cdk deploy 'Dev/*'``: one stage per environment, all of them synthesised every time."""

from __future__ import annotations

from aws_cdk import App, Stage, Tags

from constructs_lib.policies import enforce
from stacks import environments
from stacks.batch_stack import BatchStack
from stacks.console_stack import ConsoleStack
from stacks.environments import Settings
from stacks.live_stack import LiveStack
from stacks.storage_stack import StorageStack

LOCAL_SPEECH_URL_CONTEXT = "callscribe:local-speech-url"
"""Context key: where the Local environment finds its speech server. Default: the port that ``make demo`` uses."""
LOCAL_ANALYST_URL_CONTEXT = "callscribe:local-analyst-url"
"""Context key: where the Local environment finds a stand-in for Amazon Bedrock. Default: it has no analyst."""


class EnvironmentStage(Stage):
    """The stacks of one environment."""

    def __init__(self, app: App, settings: Settings) -> None:
        super().__init__(app, settings.name, env=settings.env)
        Tags.of(self).add("environment", settings.name.lower())
        protected = settings.termination_protection
        storage = StorageStack(self, "Storage", settings=settings, termination_protection=protected)
        batch = BatchStack(self, "Batch", settings=settings, storage=storage, termination_protection=protected)
        live = LiveStack(
            self, "Live", settings=settings, storage=storage, batch=batch, termination_protection=protected
        )
        if settings.console is not None:
            ConsoleStack(
                self,
                "Console",
                settings=settings,
                storage=storage,
                batch=batch,
                live=live,
                termination_protection=protected,
            )


def build(app: App) -> App:
    """Define every environment in *app* and hold it to the policies."""
    speech_url = app.node.try_get_context(LOCAL_SPEECH_URL_CONTEXT) or environments.LOCAL_SPEECH_URL
    local = environments.local(speech_url=speech_url, analyst_url=app.node.try_get_context(LOCAL_ANALYST_URL_CONTEXT))
    for settings in (local, environments.dev(), environments.prod()):
        EnvironmentStage(app, settings)
    enforce(app)
    return app


if __name__ == "__main__":
    build(App()).synth()
