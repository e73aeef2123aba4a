"""The policies that every synthesis of an app is held to.

``enforce(app)`` makes ``app.synth()`` fail on a finding of cdk-nag's packs AwsSolutions and HIPAA.Security and of the
house rules for DynamoDB tables of type ``AWS::DynamoDB::GlobalTable`` (``TableV2``), which cdk-nag does not look at.
A finding is fixed, or acknowledged beside the resource with a reason.

It needs cdk-nag 3: ``pip install 'callscribe[policies]'``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jsii
from aws_cdk import (
    App,
    CfnOutput,
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
    Stack,
    Validations,
)

from constructs_lib._nag import acknowledge, flat

try:
    from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NagPack
except ImportError as missing:
    raise ImportError(
        "constructs_lib.policies needs cdk-nag 3, which the constructs do without: install callscribe[policies]",
        name="cdk_nag",
    ) from missing

__all__ = ["Report", "TableRules", "acknowledge", "enforce"]

_AWS_SOLUTIONS: Final = "AwsSolutions"
_HIPAA_SECURITY: Final = "HIPAA.Security"
_HOUSE: Final = "CallScribe"
_PLUGINS: Final = frozenset({_AWS_SOLUTIONS, _HIPAA_SECURITY, _HOUSE})

_ACKNOWLEDGED: Final = "aws:cdk:acknowledged-rules"
# A reference to another stack's output as cdk-nag writes it: weak ones as JSON, strong ones as the export's name.
_OTHER_STACK: Final = re.compile(
    r'(?P<weak>\{"Fn::GetStackOutput":\{[^}]*\}\})|(?P<stack>[\w-]+):(?P<output>ExportsOutput\w+)'
)

Resource = Mapping[str, Any]
"""A resource of a CloudFormation template."""


def enforce(app: App) -> None:
    """Make ``app.synth()`` fail while a finding is neither fixed nor acknowledged."""
    Validations.of(app).add_plugins(
        _StableFindings(AwsSolutionsChecks(app), _AWS_SOLUTIONS),
        _StableFindings(HIPAASecurityChecks(app), _HIPAA_SECURITY),
        TableRules(),
    )


@jsii.implements(IPolicyValidationPlugin)
class _StableFindings:
    """Run a pack, and name what lies in another stack in its findings as if it lay in the same one.

    cdk-nag names a wildcard resource as the template writes it. For a resource of another stack that is the name of a
    generated output, which nobody who writes an acknowledgement beside the resource can know.
    """

    def __init__(self, pack: NagPack, name: str) -> None:
        self._pack, self._name = pack, name

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> str | None:
        return None

    @property
    def rule_ids(self) -> list[str] | None:
        return None

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        report = self._pack.validate(context)
        outputs = _output_values(context) if any(_OTHER_STACK.search(v.rule_name) for v in report.violations) else {}
        return PolicyValidationPluginReport(
            success=report.success,
            violations=[
                PolicyViolation(
                    rule_name=_OTHER_STACK.sub(lambda match: outputs[_output(match)], violation.rule_name),
                    description=violation.description,
                    severity=violation.severity,
                    violating_resources=violation.violating_resources,
                )
                for violation in report.violations
            ],
        )


def _output(match: re.Match[str]) -> tuple[str, str]:
    if match["weak"]:
        reference = json.loads(match["weak"])["Fn::GetStackOutput"]
        return reference["StackName"], reference["OutputName"]
    return match["stack"], match["output"]


def _output_values(context: IPolicyValidationContext) -> dict[tuple[str, str], str]:
    """Map ``(stack name, output)`` to what the output stands for."""
    values = {}
    for node in context.app_construct.node.find_all():
        if isinstance(node, CfnOutput):
            stack = Stack.of(node)
            values[stack.stack_name, stack.get_logical_id(node)] = flat(stack.resolve(node.value))
    return values


@dataclass(frozen=True, kw_only=True)
class _TableRule:
    rule_id: str
    description: str
    fix: str
    location: str
    holds: Callable[[Resource], bool]


def _replicas(table: Resource) -> list[Mapping[str, Any]]:
    return list(table["Properties"].get("Replicas", []))


_TABLE_RULES: Final = (
    _TableRule(
        rule_id="CallScribe-PointInTimeRecovery",
        description="The table cannot be restored to a point in time",
        fix="enable point-in-time recovery",
        location="Properties/Replicas/PointInTimeRecoverySpecification",
        holds=lambda table: all(
            replica.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled") is True
            for replica in _replicas(table)
        ),
    ),
    _TableRule(
        rule_id="CallScribe-CustomerManagedKey",
        description="The table is not encrypted with a key of yours",
        fix="encrypt with TableEncryptionV2.customer_managed_key",
        location="Properties/Replicas/SSESpecification",
        holds=lambda table: all(
            replica.get("SSESpecification", {}).get("KMSMasterKeyId") for replica in _replicas(table)
        ),
    ),
    _TableRule(
        rule_id="CallScribe-DeletionProtection",
        description="The table outlives its stack but can be deleted by hand",
        fix="enable deletion protection, or let the stack delete the table (RemovalPolicy.DESTROY)",
        location="Properties/Replicas/DeletionProtectionEnabled",
        holds=lambda table: (
            table.get("DeletionPolicy") == "Delete"
            or all(replica.get("DeletionProtectionEnabled") is True for replica in _replicas(table))
        ),
    ),
)


@jsii.implements(IPolicyValidationPlugin)
class TableRules:
    """House rules for tables of type ``AWS::DynamoDB::GlobalTable``, which cdk-nag does not look at.

    Every replica has point-in-time recovery and a customer-managed key, and is protected from deletion unless the
    stack itself deletes the table. Expiry and indexes are a matter of taste.
    """

    @property
    def name(self) -> str:
        """Name under which findings are reported and acknowledged."""
        return _HOUSE

    @property
    def version(self) -> str | None:
        """No version of its own."""
        return None

    @property
    def rule_ids(self) -> list[str] | None:
        """Ids of the rules."""
        return [rule.rule_id for rule in _TABLE_RULES]

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Check every table of every template."""
        found: dict[_TableRule, list[PolicyViolatingResource]] = {}
        for path in context.template_paths:
            for logical_id, table in _tables(Path(path)):
                for rule in _TABLE_RULES:
                    if not rule.holds(table):
                        found.setdefault(rule, []).append(
                            PolicyViolatingResource(
                                resource_logical_id=logical_id, template_path=path, locations=[rule.location]
                            )
                        )
        return PolicyValidationPluginReport(
            success=not found,
            violations=[
                PolicyViolation(
                    rule_name=rule.rule_id,
                    description=rule.description,
                    fix=rule.fix,
                    severity="error",
                    violating_resources=resources,
                )
                for rule, resources in found.items()
            ],
        )


def _tables(template: Path) -> Iterator[tuple[str, Resource]]:
    for logical_id, resource in json.loads(template.read_text()).get("Resources", {}).items():
        if resource["Type"] == "AWS::DynamoDB::GlobalTable":
            yield logical_id, resource


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the policies found in an app, for its tests."""

    open: list[str]
    """Findings neither fixed nor acknowledged, as ``rule @ construct path``."""
    acknowledged: dict[str, str]
    """Reasons by ``rule @ path of the acknowledgement``."""
    stale: list[str]
    """Acknowledgements that match no finding any more, as ``rule @ path of the acknowledgement``."""

    @classmethod
    def of(cls, app: App) -> Report:
        """Synthesise *app*, whose policies :func:`enforce` has set, and read the validation report."""
        try:
            app.synth()
        except RuntimeError as error:  # how jsii raises JavaScript's ValidationFailed
            if "ValidationFailed" not in str(error):
                raise
        plugins = json.loads((Path(app.outdir) / "validation-report.json").read_text())["pluginReports"]
        acknowledged = {
            f"{violation['acknowledgedId']} @ {violation['acknowledgedAt']}": violation["reason"]
            for plugin in plugins
            for violation in plugin.get("suppressedViolations", ())
        }
        declared = {
            f"{rule} @ {node.node.path}"
            for node in app.node.find_all()
            for entry in node.node.metadata
            if entry.type == _ACKNOWLEDGED
            for rule in entry.data
            if rule.partition("::")[0] in _PLUGINS  # CDK acknowledges findings of its own rules, too
        }
        return cls(
            open=sorted(
                f"{violation['ruleName']} @ {construct['constructPath']}"
                for plugin in plugins
                for violation in plugin["violations"]
                for construct in violation["violatingConstructs"]
            ),
            acknowledged=acknowledged,
            stale=sorted(declared - acknowledged.keys()),
        )
