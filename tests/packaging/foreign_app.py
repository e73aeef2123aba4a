"""An app of another team: its own bucket, keys, table and network; two stacks for one account, one that follows live
calls, and one with everything in one statement.

Runs in an environment that holds the wheel and nothing of the checkout. Prints what it synthesised as JSON.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager

import constructs_lib
from constructs_lib import (
    CallTranscription,
    ClinicRules,
    DeepgramOptions,
    EnrichmentStep,
    FunctionSettings,
    LiveCalls,
    LiveStreamer,
    LiveTranscriptFeed,
    TaskSettings,
    TranscriptionWorkflow,
)
from constructs_lib._python_code import _digest
from constructs_lib.policies import Report, enforce

ENV = Environment(region="eu-west-1")
NAMES = {"Name", "LogGroupName", "StateMachineName"}


class Shared(Stack):
    """What the team has already."""

    def __init__(self, app: App) -> None:
        super().__init__(app, "Shared", env=ENV)
        self.key = kms.Key(self, "Key", enable_key_rotation=True)
        self.vpc = ec2.Vpc(self, "Vpc", max_azs=2)
        self.recordings = s3.Bucket.from_bucket_attributes(
            self, "Recordings", bucket_name="contact-centre-recordings", encryption_key=self.key
        )
        self.archive = s3.Bucket.from_bucket_attributes(
            self, "Archive", bucket_arn="arn:aws:s3:::contact-centre-transcripts", encryption_key=self.key
        )
        self.enrich = lambda_.Function.from_function_name(self, "Enrich", "contact-centre-enrich")
        self.secret = secretsmanager.Secret.from_secret_name_v2(self, "Deepgram", "deepgram")

    def table(self, name: str) -> dynamodb.ITableV2:
        return dynamodb.TableV2.from_table_attributes(
            self, name, table_name=name, encryption_key=self.key, grant_index_permissions=True
        )


def build(app: App) -> list[Stack]:
    """Define two stacks for one account, and one for live calls."""
    shared = Shared(app)
    stacks = []
    for name in ("First", "Second"):
        stack = Stack(app, name, env=ENV)
        TranscriptionWorkflow(
            stack,
            "Transcription",
            recordings=shared.recordings,
            table=shared.table(name.lower()),
            archive=shared.archive,
            secret=shared.secret,
            key=shared.key,
            functions=FunctionSettings(vpc=shared.vpc),
            enrichment=EnrichmentStep(function=shared.enrich),
            options=DeepgramOptions(region="eu"),
            key_prefixes=[f"connect/{name.lower()}/CallRecordings/"],
            clinics=ClinicRules(default_clinic_id=name.lower()),
        )
        stacks.append(stack)
    return [*stacks, live(app, shared), whole(app)]


def whole(app: App) -> Stack:
    """Define both halves in one statement, with a table of the CDK's older kind."""
    stack = Stack(app, "Whole", env=ENV)
    CallTranscription(
        stack,
        "Calls",
        table=dynamodb.Table.from_table_name(stack, "Table", "contact-centre"),
        instance_arn="arn:aws:connect:eu-west-1:111122223333:instance/12345678-1234-1234-1234-123456789012",
        live=LiveCalls(recordings_prefix="connect"),
    )
    return stack


def live(app: App, shared: Shared) -> Stack:
    """Define what follows calls while they run."""
    stack = Stack(app, "Live", env=ENV)
    pool = cognito.UserPool.from_user_pool_id(stack, "Staff", "eu-west-1_AbCdEfGhI")
    LiveStreamer(
        stack,
        "Calls",
        table=shared.table("live"),
        archive=shared.archive,
        secret=shared.secret,
        key=shared.key,
        tasks=TaskSettings(vpc=shared.vpc),
        options=DeepgramOptions(region="eu"),
        stream_prefix="contact-centre",
        stream_key=shared.key,
        clinics=ClinicRules(default_clinic_id="main"),
        feed=LiveTranscriptFeed(stack, "Feed", user_pool=pool, key=shared.key),
    )
    return stack


def images(app: App, stack: Stack) -> list[str]:
    manifest = json.loads((Path(app.outdir) / f"{stack.stack_name}.assets.json").read_text(encoding="utf-8"))
    return list(manifest.get("dockerImages", {}))


def resources(app: App, stack: Stack) -> list[dict[str, Any]]:
    template = json.loads((Path(app.outdir) / stack.template_file).read_text(encoding="utf-8"))
    return list(template["Resources"].values())


def main() -> None:
    """Synthesise and print."""
    app = App(context={"aws:cdk:bundling-stacks": []})
    stacks = build(app)
    enforce(app)
    report = Report.of(app)
    made = {stack.stack_name: resources(app, stack) for stack in stacks}
    functions = {
        name: [resource["Properties"] for resource in found if resource["Type"] == "AWS::Lambda::Function"]
        for name, found in made.items()
    }
    ours = tuple(f"{stack.stack_name}/" for stack in stacks)
    print(  # noqa: T201
        json.dumps(
            {
                "constructs_lib": constructs_lib.__file__,
                "digest": _digest("3.14", "aarch64-manylinux_2_28"),
                "types": {name: sorted({resource["Type"] for resource in found}) for name, found in made.items()},
                "counts": {name: Counter(resource["Type"] for resource in found) for name, found in made.items()},
                "functions": {name: len(found) for name, found in functions.items()},
                "functions_in_vpc": {
                    name: sum("VpcConfig" in function for function in found) for name, found in functions.items()
                },
                "assets": sorted(
                    {json.dumps(function["Code"]["S3Key"]) for found in functions.values() for function in found}
                ),
                "images": [image for stack in stacks for image in images(app, stack)],
                "names": {
                    name: [
                        json.dumps([resource["Type"], value])
                        for resource in found
                        for key, value in resource["Properties"].items()
                        if key in NAMES
                    ]
                    for name, found in made.items()
                },
                "open": [finding for finding in report.open if finding.partition(" @ ")[2].startswith(ours)],
                "stale": report.stale,
            }
        )
    )


if __name__ == "__main__":
    main()
