"""An app of another team, whose one statement follows recordings and live calls; synthesises it into a folder.

Runs in an environment that holds the wheel and nothing of the checkout. Options that are not the defaults are those of
the laptop: where Deepgram is spoken, what functions run on, and an image that nobody builds.
"""

import platform
import sys

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_lambda as lambda_

from constructs_lib import CallTranscription, ClinicRules, DeepgramOptions, FunctionSettings, LiveCalls, TaskSettings

FLAGS = {
    "name": "shop",
    "version": 3,
    "acts": "acts-eye-clinic-en-v1",
    "least_label_confidence": 0.5,
    "flags": {"wants_to_come": {"title": "somebody wants to come", "acts": ["request-appointment"]}},
}
RUBRIC = {
    "name": "shop-calls",
    "version": 2,
    "language": "en",
    "direction": "incoming",
    "criteria": [
        {
            "id": "hello",
            "kind": "greeting",
            "title": "Greets",
            "salutation": 0,
            "business_name": 0,
            "agent_name": 0,
            "offer_of_help": 3,
        },
        {"id": "goodbye", "kind": "closing", "title": "Says goodbye", "farewell": 1, "anything_else": 0, "last": 2},
    ],
}
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


def main(folder: str, region: str, speech_url: str) -> None:
    """Synthesise the app."""
    app = App(outdir=folder, builtin_cloud_formation_validation=False)
    is_arm = platform.machine().lower() in ("arm64", "aarch64")
    architecture = lambda_.Architecture.ARM_64 if is_arm else lambda_.Architecture.X86_64
    CallTranscription(
        Stack(app, "Shop", env=Environment(region=region)),
        "Calls",
        options=DeepgramOptions(endpoint=speech_url),
        clinics=ClinicRules(default_clinic_id="west"),
        flags=FLAGS,
        rubric=RUBRIC,
        role_names={"customer": "patient"},
        functions=FunctionSettings(
            runtime=lambda_.Runtime(PYTHON, lambda_.RuntimeFamily.PYTHON),
            architecture=architecture,
            bundling_platform=f"{'aarch64' if is_arm else 'x86_64'}-apple-darwin" if sys.platform == "darwin" else None,
        ),
        live=LiveCalls(
            tasks=TaskSettings(architecture=architecture, image=ecs.ContainerImage.from_registry("streamer"))
        ),
    )
    app.synth()


if __name__ == "__main__":
    main(*sys.argv[1:])
