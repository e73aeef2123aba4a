import importlib
import sys
from collections.abc import Callable

import pytest
from aws_cdk import App, CfnOutput, Environment, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib import TranscriptTable
from constructs_lib._nag import acknowledge_wildcards
from constructs_lib.policies import Report, acknowledge, enforce
from tests.conftest import REGION

Table = Callable[[Construct], object]


def new_table(
    scope: Construct, *, recovery: bool = True, own_key: bool = True, protected: bool = True, kept: bool = True
) -> dynamodb.TableV2:
    key = kms.Key(scope, "Key", enable_key_rotation=True)
    encryption = dynamodb.TableEncryptionV2
    return dynamodb.TableV2(
        scope,
        "Table",
        partition_key=dynamodb.Attribute(name="PK", type=dynamodb.AttributeType.STRING),
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=recovery
        ),
        encryption=encryption.customer_managed_key(key) if own_key else encryption.aws_managed_key(),
        deletion_protection=protected,
        removal_policy=RemovalPolicy.RETAIN if kept else RemovalPolicy.DESTROY,
    )


def enforced(app: App) -> Stack:
    enforce(app)
    return Stack(app, "Test", env=Environment(region=REGION))


@pytest.mark.parametrize(
    ("table", "rules"),
    [
        (new_table, []),
        (lambda scope: new_table(scope, protected=False, kept=False), []),
        (lambda scope: new_table(scope, recovery=False), ["CallScribe-PointInTimeRecovery"]),
        (lambda scope: new_table(scope, own_key=False), ["CallScribe-CustomerManagedKey"]),
        (lambda scope: new_table(scope, protected=False), ["CallScribe-DeletionProtection"]),
        (
            lambda scope: dynamodb.TableV2(
                scope, "Table", partition_key=dynamodb.Attribute(name="PK", type=dynamodb.AttributeType.STRING)
            ),
            ["CallScribe-CustomerManagedKey", "CallScribe-DeletionProtection", "CallScribe-PointInTimeRecovery"],
        ),
    ],
)
def test_tables_that_cdk_nag_does_not_see_are_held_to_the_house_rules(
    make_app: Callable[..., App], table: Table, rules: list[str]
) -> None:
    app = make_app()
    table(enforced(app))
    assert Report.of(app).open == [f"{rule} @ Test/Table/Resource" for rule in rules]


def test_a_finding_fails_the_synthesis(make_app: Callable[..., App]) -> None:
    app = make_app()
    new_table(enforced(app), recovery=False)
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()


def test_a_house_rule_can_be_acknowledged_with_a_reason(make_app: Callable[..., App]) -> None:
    app = make_app()
    table = TranscriptTable(enforced(app), "Transcripts", point_in_time_recovery=False)
    acknowledge(table, {"CallScribe-PointInTimeRecovery": "a copy that can be made again"})
    report = Report.of(app)
    assert report.open == []
    assert report.acknowledged["CallScribe::CallScribe-PointInTimeRecovery @ Test/Transcripts"] == (
        "a copy that can be made again"
    )


def test_a_bare_bucket_is_a_finding_of_both_packs(make_app: Callable[..., App]) -> None:
    app = make_app()
    s3.Bucket(enforced(app), "Bucket")
    packs = {finding.partition("-")[0] for finding in Report.of(app).open}
    assert packs == {"AwsSolutions", "HIPAA.Security"}


def test_an_acknowledgement_without_a_finding_is_stale(make_app: Callable[..., App]) -> None:
    app = make_app()
    table = new_table(enforced(app))
    acknowledge(table, {"AwsSolutions-S1": "no bucket here"})
    assert Report.of(app).stale == ["AwsSolutions::AwsSolutions-S1 @ Test/Table"]


@pytest.mark.parametrize("strength", ["strong", "weak"])
def test_a_wildcard_below_another_stacks_bucket_is_acknowledged_by_that_bucket(
    make_app: Callable[..., App], strength: str
) -> None:
    app = make_app(context={"@aws-cdk/core:defaultCrossStackReferences": strength})
    bucket = s3.Bucket(Stack(app, "Other", env=Environment(region=REGION)), "Bucket")
    role = iam.Role(enforced(app), "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=[bucket.arn_for_objects("*")]))
    acknowledge_wildcards(role, {bucket.arn_for_objects("*"): "the names are not known before"})
    report = Report.of(app)
    assert not [finding for finding in report.open if "IAM5" in finding]
    assert report.stale == []


def test_other_errors_of_a_synthesis_are_not_taken_for_findings(make_app: Callable[..., App]) -> None:
    app = make_app()
    elsewhere = s3.Bucket(Stack(make_app(), "Elsewhere", env=Environment(region=REGION)), "Bucket")
    CfnOutput(enforced(app), "Name", value=elsewhere.bucket_name)
    with pytest.raises(RuntimeError, match="across apps"):
        Report.of(app)


def test_without_cdk_nag_the_policies_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "constructs_lib.policies")
    monkeypatch.setitem(sys.modules, "cdk_nag", None)  # as if it were not installed
    with pytest.raises(ImportError, match=r"install callscribe\[policies\]"):
        importlib.import_module("constructs_lib.policies")
