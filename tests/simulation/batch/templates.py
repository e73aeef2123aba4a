"""The templates of stacks with a workflow, synthesised once for each state of the code.

Processes that find them there load nothing of the CDK, which takes longer than most of what they do.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from local.cdk import assembly_for
from local.programs import finished, make_once
from local.server_process import ROOT
from tests.simulation.batch.analyst import MODEL
from tests.workflow.cloudformation import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import App, Stack

    from constructs_lib import EnrichmentStep
    from constructs_lib.enrichment_step import OnFailure
    from tests.simulation.batch.deployment import Setup

ENRICH: Final = "enrich"
"""The step of an operator's own, which is no function of ours."""

_KEPT: Final = 3


def templates(setups: Mapping[str, Setup]) -> Mapping[str, Any]:
    """Return the templates, by stack.

    Args:
        setups: What tells the stacks from one another, by their names.
    """
    this = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    folder = assembly_for(ROOT / ".local" / "simulated", {"setups": repr(setups), "synthesised by": this})
    make_once(folder, partial(_synthesise, setups))
    for old in finished(folder.parent)[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    found: Mapping[str, Any] = json.loads((folder / "templates.json").read_text(encoding="utf-8"))
    return found


def _synthesise(setups: Mapping[str, Setup], into: Path) -> None:
    from tests.conftest import new_app

    with TemporaryDirectory() as outdir:
        app = new_app(outdir=outdir)  # without bundling: the functions run from the sources
        for name, setup in setups.items():
            _stack(app, name, setup)
        made = {
            artifact.stack_name: json.loads(Path(artifact.template_full_path).read_text())
            for artifact in app.synth().stacks_recursively
        }
    into.mkdir()
    (into / "templates.json").write_text(json.dumps(made), encoding="utf-8")


def _stack(app: App, name: str, setup: Setup) -> None:
    from aws_cdk import Environment, RemovalPolicy, Stack
    from aws_cdk import aws_kms as kms

    from constructs_lib import (
        BedrockAnalyst,
        ClinicRules,
        DeepgramOptions,
        RecordingBucket,
        RecordingPolicy,
        TranscriptArchive,
        TranscriptionWorkflow,
        TranscriptTable,
    )

    stack = Stack(app, name, env=Environment(account=ACCOUNT, region=REGION))
    key, removal_policy = kms.Key(stack, "Key"), RemovalPolicy.DESTROY
    TranscriptionWorkflow(
        stack,
        "Workflow",
        recordings=RecordingBucket(stack, "Recordings", key=key, removal_policy=removal_policy).bucket,
        table=TranscriptTable(stack, "Table", key=key, removal_policy=removal_policy).table,
        archive=TranscriptArchive(stack, "Archive", key=key, removal_policy=removal_policy).bucket,
        options=DeepgramOptions(),
        vocabulary={"clinic-7": ("Abernathy",)},
        key=key,
        clinics=ClinicRules(clinic_by_prefix={"connect/lakeside": "lakeside"}),
        policy=RecordingPolicy(
            on_new_version=setup.on_new_version, live_transcripts=setup.live_transcripts, replies=setup.replies
        ),
        enrichment=None if setup.enrichment is None else _enrichment(stack, setup.enrichment),
        analyst=BedrockAnalyst(model=MODEL) if setup.analyst else None,
    )


def _enrichment(stack: Stack, on_failure: OnFailure) -> EnrichmentStep:
    from aws_cdk import Duration
    from aws_cdk import aws_lambda as lambda_

    from constructs_lib import EnrichmentStep

    function = lambda_.Function(
        stack,
        "Mine",
        code=lambda_.Code.from_inline("# World._enrich stands for it"),
        handler=f"mine.{ENRICH}.handle",
        runtime=lambda_.Runtime.PYTHON_3_13,
        timeout=Duration.seconds(30),
    )
    return EnrichmentStep(function=function, on_failure=on_failure)
