"""An app whose calls are recognised for real: by rules alone, recorded and live, and recorded with a sentence encoder.

Synthesises it into a folder. The second stack is there only where the encoder's weights are.
"""

import platform
import sys

from aws_cdk import App, CfnOutput, Environment, RemovalPolicy, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from constructs_lib import (
    CallTranscription,
    ClinicRules,
    DeepgramOptions,
    FunctionSettings,
    LiveCalls,
    SentenceEncoder,
    TaskSettings,
)

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


def main(folder: str, region: str, speech_url: str, weights: str) -> None:
    """Synthesise the app."""
    app = App(outdir=folder, builtin_cloud_formation_validation=False)
    is_arm = platform.machine().lower() in ("arm64", "aarch64")
    architecture = lambda_.Architecture.ARM_64 if is_arm else lambda_.Architecture.X86_64
    functions = FunctionSettings(
        runtime=lambda_.Runtime(PYTHON, lambda_.RuntimeFamily.PYTHON),
        architecture=architecture,
        bundling_platform=f"{'aarch64' if is_arm else 'x86_64'}-apple-darwin" if sys.platform == "darwin" else None,
    )
    live = LiveCalls(tasks=TaskSettings(architecture=architecture, image=ecs.ContainerImage.from_registry("streamer")))
    stack = Stack(app, "Spoken", env=Environment(region=region))
    calls = CallTranscription(
        stack,
        "Calls",
        options=DeepgramOptions(endpoint=speech_url),
        clinics=ClinicRules(default_clinic_id="west"),
        functions=functions,
        live=live,
        removal_policy=RemovalPolicy.DESTROY,
    )
    on_duty = sqs.Queue(stack, "OnDuty")
    calls.on_urgent_call("Tell", target=targets.SqsQueue(on_duty))
    CfnOutput(stack, "OnDutyUrl", value=on_duty.queue_url)
    if weights:
        CallTranscription(
            Stack(app, "Weighed", env=Environment(region=region)),
            "Calls",
            options=DeepgramOptions(endpoint=speech_url),
            clinics=ClinicRules(default_clinic_id="west"),
            encoder=SentenceEncoder(weights=weights),
            functions=functions,
            removal_policy=RemovalPolicy.DESTROY,
        )
    app.synth()


if __name__ == "__main__":
    main(*sys.argv[1:])
