"""The synthesised templates, resolved once: definition, functions, queues, rules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import boto3
from moto import mock_aws
from moto.events.models import EventPattern

from callscribe.environments.functions import LiveTranscripts, OnNewVersion
from tests.fakes.thrifty_session import ThriftySession
from tests.simulation.batch.templates import templates
from tests.workflow.cloudformation import REGION, Deployed, Resource

if TYPE_CHECKING:  # the CDK takes seconds to load, and most processes find the templates made
    from constructs_lib.enrichment_step import OnFailure
    from constructs_lib.recording_limits import Replies


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What tells one deployment from another.

    Attributes:
        on_new_version: What a new version of a recording does.
        live_transcripts: When the recording of a live call is transcribed.
        replies: What becomes of the speech service's replies.
        enrichment: What the failure of a step of one's own does; `None` for no such step.
        analyst: Whether a language model reads each call.
    """

    on_new_version: OnNewVersion = "supersede"
    live_transcripts: LiveTranscripts = "always"
    replies: Replies = "keep"
    enrichment: OnFailure | None = None
    analyst: bool = False


USUAL: Final = "supersede"
SETUPS: Final[Mapping[str, Setup]] = {
    USUAL: Setup(),
    "keep": Setup(on_new_version="keep", live_transcripts="when-incomplete"),
    "sparing": Setup(live_transcripts="when-incomplete", enrichment="continue"),
    "enriched": Setup(enrichment="fail"),
    "never": Setup(live_transcripts="never"),
    "deleting": Setup(replies="delete"),
    "analysed": Setup(analyst=True),
    "all": Setup(replies="delete", enrichment="continue", analyst=True),
}
"""The deployments in which histories happen, by their stacks' names; in `never` aimed ones only."""


@dataclass(frozen=True, kw_only=True)
class FunctionPlan:
    """One function of the templates."""

    name: str
    handler: str
    environment: Mapping[str, str]
    timeout: float

    @property
    def step(self) -> str:
        """The folder below `lambdas` the handler lives in, such as `admit_recording`."""
        return self.handler.split(".")[1]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is deployed."""

    setup: Setup
    functions: Mapping[str, FunctionPlan]
    definition: Mapping[str, Any]
    machine: str
    queues: tuple[tuple[str, str, Mapping[str, Any]], ...]
    table: str
    recordings: str
    archive: str
    work_queue: str
    failed_calls: str
    stranded_calls: str
    failed_enrichments: str | None
    workers: int
    announcements: Any
    ends: Any
    most_attempts: int

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of the stacks, by which operators find what is deployed."""
        return {
            "FailedCallsQueueUrl": self.failed_calls,
            "StrandedCallsQueueUrl": self.stranded_calls,
            "WorkQueueUrl": self.work_queue,
            "StateMachineArn": self.machine,
            "TableName": self.table,
            "ArchiveBucketName": self.archive,
            "StoreFunctionName": self.functions["store_transcript"].name,
        }


@cache
def session() -> boto3.Session:
    """Return the session of every process, and of whoever deploys."""
    return ThriftySession(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION)


@cache
def deployed(name: str = USUAL) -> Plan:
    """Synthesise and resolve a stack with a workflow.

    Args:
        name: Which of `SETUPS`.
    """
    return _resolved(SETUPS[name], {name: _templates()[name]})


@cache
def _templates() -> Mapping[str, Any]:
    return templates(SETUPS)


def _resolved(setup: Setup, templates: Mapping[str, Any]) -> Plan:
    with mock_aws(), patch.object(boto3, "DEFAULT_SESSION", session()):
        made = Deployed(templates)
    functions = {plan.step: plan for plan in map(_function, made.all("AWS::Lambda::Function"))}
    rules = {rule.properties["EventPattern"]["source"][0]: rule for rule in made.all("AWS::Events::Rule")}
    announcements, ends = rules["aws.s3"], rules["aws.states"]
    (target,), (end_target,) = announcements.properties["Targets"], ends.properties["Targets"]
    (mapping,) = made.all("AWS::Lambda::EventSourceMapping")
    (machine,) = made.all("AWS::StepFunctions::StateMachine")
    urls = {queue.made.attributes["Arn"]: queue.made.ref for queue in made.all("AWS::SQS::Queue")}
    # Queues for dead letters come first.
    queues = sorted(made.all("AWS::SQS::Queue"), key=lambda queue: "RedrivePolicy" in queue.properties)
    enrichments = [queue.made.ref for queue in queues if "FailedEnrichments" in queue.logical_id]
    return Plan(
        setup=setup,
        functions=functions,
        definition=_definition(machine),
        machine=target["Arn"],
        queues=tuple((queue.made.ref, queue.made.attributes["Arn"], queue.properties) for queue in queues),
        table=functions["admit_recording"].environment["TABLE_NAME"],
        recordings=announcements.properties["EventPattern"]["detail"]["bucket"]["name"][0],
        archive=functions["store_transcript"].environment["ARCHIVE_BUCKET"],
        work_queue=urls[mapping.properties["EventSourceArn"]],
        failed_calls=urls[target["DeadLetterConfig"]["Arn"]],
        stranded_calls=urls[end_target["DeadLetterConfig"]["Arn"]],
        failed_enrichments=enrichments[0] if enrichments else None,
        workers=int(mapping.properties["ScalingConfig"]["MaximumConcurrency"]),
        announcements=EventPattern.load(json.dumps(announcements.properties["EventPattern"])),
        ends=EventPattern.load(json.dumps(ends.properties["EventPattern"])),
        most_attempts=int(functions["transcribe_call"].environment["MAX_ATTEMPTS"]),
    )


def _function(resource: Resource) -> FunctionPlan:
    properties = resource.properties
    return FunctionPlan(
        name=resource.made.ref,
        handler=properties["Handler"],
        environment={
            **properties.get("Environment", {}).get("Variables", {}),
            "AWS_LAMBDA_FUNCTION_NAME": resource.made.ref,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        },
        timeout=float(properties["Timeout"]),
    )


def _definition(machine: Resource) -> Mapping[str, Any]:
    text = machine.properties.get("DefinitionString") or json.dumps(machine.properties["Definition"])
    for key, value in machine.properties.get("DefinitionSubstitutions", {}).items():
        text = text.replace(f"${{{key}}}", value)
    definition: dict[str, Any] = json.loads(text)
    return definition
