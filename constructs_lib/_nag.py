"""Acknowledgements of what cdk-nag finds, each with its reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct

INLINE_POLICY: Final = {
    "HIPAA.Security-IAMNoInlinePolicy": "the policy belongs to this one role and changes with it; a managed policy "
    "could be attached to others"
}
"""Why roles carry their policy inline."""


def acknowledge(scope: IConstruct, reasons: Mapping[str, str]) -> None:
    """Acknowledge ``{rule id: reason}`` of cdk-nag on *scope* and everything below it.

    The ids are qualified with their pack (``AwsSolutions::AwsSolutions-S1``): the bare id silences the finding too, but
    only the qualified one is kept, with its reason, in ``validation-report.json``.
    """
    Validations.of(scope).acknowledge(
        *(Acknowledgment(id=f"{rule.partition('-')[0]}::{rule}", reason=why) for rule, why in reasons.items())
    )


def acknowledge_wildcards(scope: IConstruct, reasons: Mapping[str, str]) -> None:
    """Acknowledge ``{resource with a wildcard: reason}`` in the policies below *scope*.

    Args:
        scope: Construct that owns the policies.
        reasons: Why each resource is named by a wildcard. Each resource as it stands in the policy; a reference to a
            resource of another stack counts as that resource (:mod:`constructs_lib.policies` sees to it).
    """
    resolved = Stack.of(scope).resolve([*reasons])
    found = zip(resolved, reasons.values(), strict=True)
    acknowledge(scope, {f"AwsSolutions-IAM5[Resource::{flat(arn)}]": why for arn, why in found})


def flat(value: Any) -> str:
    """Write a resolved ARN the way cdk-nag names it in a finding: ``<LogicalId.Arn>/*``."""
    match value:
        case str():
            return value
        case {"Fn::Join": [delimiter, [*parts]]}:
            return str(delimiter).join(map(flat, parts))
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Ref": resource}:
            return f"<{resource}>"
        case _:
            return json.dumps(value, separators=(",", ":"))
