"""Customer-managed keys and what AWS services may do with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

_ACCOUNT: Final = Aws.ACCOUNT_ID


def own_key(scope: Construct, *, removal_policy: RemovalPolicy, description: str) -> kms.Key:
    """Create the customer-managed key of a construct that was given none."""
    return kms.Key(scope, "Key", description=description, enable_key_rotation=True, removal_policy=removal_policy)


def service_of_account(service: str) -> iam.ServicePrincipal:
    """Return the principal by which an AWS service takes a role for this account only."""
    return iam.ServicePrincipal(service, conditions=same_account())


def same_account() -> dict[str, dict[str, str]]:
    """Condition under which a service acts for this account only."""
    return {"StringEquals": {"aws:SourceAccount": _ACCOUNT}}


def allow_service(key: kms.IKey, service: str, *actions: str, conditions: Mapping[str, Mapping[str, str]]) -> None:
    """Let an AWS service use *key* under *conditions*. A key that CDK only knows by reference stays as it is."""
    key.add_to_resource_policy(
        iam.PolicyStatement(
            actions=list(actions),
            principals=[iam.ServicePrincipal(service)],
            resources=["*"],
            conditions=dict(conditions),
        )
    )
