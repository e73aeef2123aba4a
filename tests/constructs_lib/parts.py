"""Readings of a synthesised template that several tests need, and constructs under test with their surroundings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

from aws_cdk import CfnElement, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template
from constructs import IConstruct

from constructs_lib import (
    CallConsole,
    DeepgramSecret,
    RecordingBucket,
    TranscriptArchive,
    TranscriptionFunction,
    TranscriptionWorkflow,
    TranscriptSearch,
    TranscriptTable,
)
from constructs_lib._nag import flat
from tests.conftest import REGION, new_app


def new_stack(name: str = "Test") -> Stack:
    return Stack(new_app(), name, env=Environment(region=REGION))


@dataclass
class Surroundings:
    """What a transcription works on, in the stack of the test."""

    recordings: RecordingBucket
    table: TranscriptTable
    archive: TranscriptArchive
    secret: DeepgramSecret

    @classmethod
    def of(cls, stack: Stack) -> Surroundings:
        table = TranscriptTable(stack, "Table")
        recordings = RecordingBucket(stack, "Recordings")
        return cls(
            recordings=recordings,
            table=table,
            archive=TranscriptArchive(stack, "Archive", access_logs=recordings.access_logs),
            secret=DeepgramSecret(stack, "Deepgram"),
        )


def new_function(stack: Stack, **options: Any) -> TranscriptionFunction:
    around = Surroundings.of(stack)
    arguments = {"recordings": around.recordings.bucket, "secret": around.secret.secret, **options}
    return TranscriptionFunction(
        stack, "Transcription", table=around.table.table, archive=around.archive.bucket, **arguments
    )


def new_workflow(stack: Stack, **options: Any) -> TranscriptionWorkflow:
    around = Surroundings.of(stack)
    arguments = {"recordings": around.recordings.bucket, "secret": around.secret.secret, **options}
    return TranscriptionWorkflow(
        stack, "Workflow", table=around.table.table, archive=around.archive.bucket, **arguments
    )


def new_search(stack: Stack, **options: Any) -> TranscriptSearch:
    around = Surroundings.of(stack)
    arguments = {"table": around.table.table, "archive": around.archive.bucket, **options}
    return TranscriptSearch(stack, "Search", **arguments)


def new_console(stack: Stack, *, searched: bool = False, **options: Any) -> CallConsole:
    around = Surroundings.of(stack)
    arguments = {"recordings": around.recordings.bucket, **options}
    if searched:
        arguments["search"] = TranscriptSearch(stack, "Search", table=around.table.table, archive=around.archive.bucket)
    return CallConsole(stack, "Console", table=around.table.table, archive=around.archive.bucket, **arguments)


def logical_id(construct: IConstruct) -> str:
    """Return the logical id of a construct's resource."""
    resource = cast(CfnElement, construct.node.default_child or construct)
    return cast(str, Stack.of(construct).resolve(resource.logical_id))


def properties(template: Template, construct: IConstruct) -> dict[str, Any]:
    """Return the properties of a construct's resource."""
    return cast(dict[str, Any], template.to_json()["Resources"][logical_id(construct)]["Properties"])


def environment(template: Template, function: lambda_.Function) -> dict[str, Any]:
    return cast(dict[str, Any], properties(template, function)["Environment"]["Variables"])


@dataclass(frozen=True)
class Permission:
    """What one statement allows."""

    actions: frozenset[str]
    resources: frozenset[str]
    condition: str = ""


def permissions(template: Template, role: iam.IRole) -> set[Permission]:
    """Return what the inline policies of *role* allow, with resources as ``<LogicalId.Arn>/prefix``."""
    found = set()
    for policy in template.find_resources("AWS::IAM::Policy").values():
        if {"Ref": logical_id(role)} in policy["Properties"].get("Roles", []):
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
                if statement["Effect"] == "Allow":
                    found.add(_permission(statement))
    return found


def actions(template: Template, role: iam.IRole) -> set[str]:
    """Return every action that the inline policies of *role* allow on something."""
    return {action for permission in permissions(template, role) for action in permission.actions}


def _permission(statement: dict[str, Any]) -> Permission:
    return Permission(
        actions=frozenset(_listed(statement["Action"])),
        resources=frozenset(flat(resource) for resource in _listed(statement["Resource"])),
        condition=json.dumps(statement["Condition"], sort_keys=True) if "Condition" in statement else "",
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def reader(stack: Stack, name: str = "Reader") -> iam.Role:
    """Someone who is granted something."""
    return iam.Role(stack, name, assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
