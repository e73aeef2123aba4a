"""One synthesis for all tests of the workflow, and a fresh deployment of it in moto for each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from moto.core.config import DefaultConfig

from app import EnvironmentStage
from constructs_lib import (
    BedrockAnalyst,
    ClinicRules,
    DeepgramOptions,
    EnrichmentStep,
    RecordingBucket,
    RecordingPolicy,
    RequestLimits,
    TranscriptArchive,
    TranscriptionWorkflow,
    TranscriptTable,
)
from constructs_lib.enrichment_step import OnFailure
from stacks import environments
from tests.conftest import ROOT, new_app
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.deepgram import FakeDeepgram
from tests.fakes.lean_moto import lean_aws
from tests.fakes.thrifty_session import ThriftySession
from tests.workflow.cloudformation import ACCOUNT, REGION
from tests.workflow.harness import Calls, Workflow

INSTANCE_ARN = f"arn:aws:connect:{REGION}:{ACCOUNT}:instance/12345678-1234-1234-1234-123456789012"
QUEUE_ID = "2f1a7c8e-0001-4000-8000-00000000000a"
HARBOUR_NUMBER = "+493012345678"
CHAIN: dict[str, Any] = {
    "instance_arn": INSTANCE_ARN,
    "clinics": ClinicRules(
        clinic_by_queue={f"{INSTANCE_ARN}/queue/{QUEUE_ID}": "hilltop"},
        clinic_by_dialled_number={HARBOUR_NUMBER: "harbour"},
        clinic_by_prefix={"connect/old": "old"},
        default_clinic_id="main",
    ),
}
"""Several clinics that share one Amazon Connect instance, and so a prefix."""

API_KEY = "0123456789abcdef0123456789abcdef01234567"
ANALYST_MODEL = "amazon.nova-lite-v1:0"
MAX_ATTEMPTS = 4
MOTO: DefaultConfig = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}


@pytest.fixture(scope="session", autouse=True)
def authorities() -> Iterator[None]:
    """Let containers, each of which reads the authorities' certificates once, share what the first has read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx, "create_ssl_context", cache(httpx.create_ssl_context))
        yield


@pytest.fixture(scope="session")
def deepgram_server() -> Iterator[FakeDeepgram]:
    with FakeDeepgram().running() as server:
        yield server


@pytest.fixture
def deepgram(deepgram_server: FakeDeepgram) -> FakeDeepgram:
    deepgram_server.reset()
    return deepgram_server


@pytest.fixture(scope="session")
def bedrock_server() -> Iterator[FakeBedrock]:
    with FakeBedrock().running() as server:
        yield server


@pytest.fixture
def bedrock(bedrock_server: FakeBedrock) -> FakeBedrock:
    bedrock_server.reset()
    return bedrock_server


@pytest.fixture(scope="session")
def templates(
    deepgram_server: FakeDeepgram, bedrock_server: FakeBedrock, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Any]:
    """The templates, by stack, of the Local environment and of stacks with a workflow and little else.

    These differ in what a new version of a recording does, in whether a live call's recording is transcribed, in how
    long anything is kept, in a step of one's own, and in an analyst.
    """
    app = new_app(
        outdir=str(tmp_path_factory.mktemp("cdk.out"))
    )  # without bundling: the functions run from the sources
    EnvironmentStage(app, environments.local(speech_url=deepgram_server.url))
    _stack(app, "supersede", endpoint=deepgram_server.url)
    _stack(app, "keep", endpoint=deepgram_server.url, policy=RecordingPolicy(on_new_version="keep"))
    _stack(app, "forgetful", endpoint=deepgram_server.url, retain_for=Duration.days(30))
    when_incomplete = RecordingPolicy(live_transcripts="when-incomplete")
    _stack(app, "when-incomplete", endpoint=deepgram_server.url, policy=when_incomplete)
    _stack(app, "enriched", endpoint=deepgram_server.url, enrich=_by_function)
    _stack(app, "enriched-or-failed", endpoint=deepgram_server.url, enrich=partial(_by_function, on_failure="fail"))
    _stack(app, "enriched-by-states", endpoint=deepgram_server.url, enrich=_by_states)
    _stack(app, "forgets-replies", endpoint=deepgram_server.url, policy=RecordingPolicy(replies="delete"))
    analyst = BedrockAnalyst(model=ANALYST_MODEL, endpoint=bedrock_server.url)
    _stack(app, "analysed", endpoint=deepgram_server.url, analyst=analyst)
    _stack(app, "analysed-and-enriched", endpoint=deepgram_server.url, analyst=analyst, enrich=_by_function)
    _stack(app, "chain", endpoint=deepgram_server.url, policy=when_incomplete, **CHAIN)
    assembly = app.synth()
    return {
        artifact.stack_name: json.loads(Path(artifact.template_full_path).read_text())
        for artifact in assembly.stacks_recursively
    }


def _stack(
    app: App, name: str, *, endpoint: str, enrich: Callable[[Stack], EnrichmentStep] | None = None, **options: Any
) -> None:
    stack = Stack(app, name, env=Environment(account=ACCOUNT, region=REGION))
    key, removal_policy = kms.Key(stack, "Key"), RemovalPolicy.DESTROY
    TranscriptionWorkflow(
        stack,
        "Workflow",
        recordings=RecordingBucket(stack, "Recordings", key=key, removal_policy=removal_policy).bucket,
        table=TranscriptTable(stack, "Table", key=key, removal_policy=removal_policy).table,
        archive=TranscriptArchive(stack, "Archive", key=key, removal_policy=removal_policy).bucket,
        options=DeepgramOptions(endpoint=endpoint),
        vocabulary={"clinic-7": ("Abernathy",)},
        requests=RequestLimits(max_attempts=MAX_ATTEMPTS),
        key=key,
        enrichment=None if enrich is None else enrich(stack),
        **{"clinics": ClinicRules(clinic_by_prefix={"connect/lakeside": "lakeside"}), **options},
    )


def _callbacks(stack: Stack) -> dynamodb.TableV2:
    return dynamodb.TableV2(
        stack,
        "Callbacks",
        partition_key=dynamodb.Attribute(name="call_id", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="kind", type=dynamodb.AttributeType.STRING),
    )


def _by_function(stack: Stack, *, on_failure: OnFailure = "continue") -> EnrichmentStep:
    """The step of the how-to, with the function as it stands there."""
    page = (ROOT / "docs" / "how-to" / "enrichment-step.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0]
    function = lambda_.Function(
        stack,
        "Mine",
        code=lambda_.Code.from_inline(code),
        handler="index.handle",
        runtime=lambda_.Runtime.PYTHON_3_13,
        timeout=Duration.seconds(30),
        environment={"CALLBACKS_TABLE": _callbacks(stack).table_name},
    )
    return EnrichmentStep(function=function, on_failure=on_failure)


def _by_states(stack: Stack) -> EnrichmentStep:
    string = tasks.DynamoAttributeValue.from_string
    note = tasks.DynamoPutItem.jsonata(
        stack,
        "Note",
        table=_callbacks(stack),
        item={
            "call_id": string("{% $states.input.call_id %}"),
            "kind": string("{% $states.input.kind %}"),
            "document": string("{% $states.input.transcript.key %}"),
        },
        task_timeout=sfn.Timeout.duration(Duration.seconds(30)),
    )
    return EnrichmentStep(states=sfn.Pass.jsonata(stack, "Begin").next(note), on_failure="fail", max_attempts=2)


@pytest.fixture(scope="session")
def session() -> boto3.Session:
    return ThriftySession(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION)


@pytest.fixture(scope="session")
def calls(session: boto3.Session) -> Calls:
    return Calls(session)


@pytest.fixture
def deploy(
    templates: Mapping[str, Any], session: boto3.Session, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Workflow]]:
    """Deploy stacks together, perhaps changed ones."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    calls.forget()

    def deployed(*stacks: str, changed: Mapping[str, Any] | None = None) -> Workflow:
        chosen = changed or {stack: templates[stack] for stack in stacks}
        workflow = Workflow(chosen, session=session, calls=calls, monkeypatch=monkeypatch)
        workflow.set_key(API_KEY)
        return workflow

    with lean_aws(MOTO):
        # moto drops the default session when it starts.
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
        # Powertools makes a session for each of its clients.
        monkeypatch.setattr(boto3.session, "Session", lambda: session)
        yield deployed


@pytest.fixture
def impatient(deploy: Callable[..., Workflow], templates: Mapping[str, Any]) -> Workflow:
    """The workflow with a wait of one second for a transcription; the construct's shortest is a minute."""
    text = json.dumps(templates["supersede"])
    day, second = (
        json.dumps(json.dumps({"TimeoutSeconds": seconds})[1:-1].replace(": ", ":"))[1:-1] for seconds in (86400, 1)
    )
    if text.count(f"{day},") != 1:
        raise AssertionError("the wait for the transcription is not where it was")
    return deploy(changed={"supersede": json.loads(text.replace(f"{day},", f"{second},"))})


@pytest.fixture
def workflow(deploy: Callable[..., Workflow]) -> Workflow:
    return deploy("supersede")
