"""Where transcripts and the claims of recordings are kept for queries."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import RemovalPolicy, Stack, Token
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from callscribe.contract.table_keys import (
    CALL_INDEX,
    EXPIRY,
    LISTED_ATTRIBUTES,
    LISTING_INDEX,
    ROW_ATTRIBUTES,
    ROW_INDEX,
)
from constructs_lib import _checks, _grants, _keys


class TranscriptTable(Construct):
    """Define the on-demand table of transcripts, with an index by call and two that list without words.

    Its stream tells which items change, without what is in them.

    Deletion protection follows *removal_policy*: a table that outlives its stack cannot be deleted by hand either.

    Args:
        scope: Parent construct.
        construct_id: Identifier, unique in *scope*. Part of the logical ids: renaming it replaces the table.
        key: Key that encrypts the items. Default: a new key with rotation on.
        point_in_time_recovery: Whether the table can be restored to any second of the last 35 days. Default: it can.
        removal_policy: What deleting the stack does to the table. Default: keep it.

    Raises:
        ValueError: If the stack has no region, or *point_in_time_recovery* is no bool.
    """

    table: dynamodb.TableV2
    """The items."""
    key: kms.IKey
    """Encrypts :attr:`table`."""

    @_checks.takes_objects
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: kms.IKey | None = None,
        point_in_time_recovery: bool = True,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, construct_id)
        _checks.flag("point_in_time_recovery", point_in_time_recovery)
        if Token.is_unresolved(Stack.of(self).region):
            raise ValueError(
                f"{self.node.path} needs a stack with a region, which CloudFormation wants beside the key of a table: "
                "pass env=Environment(region=...) to the stack; the account may stay open"
            )
        self.key = key or _keys.own_key(self, removal_policy=removal_policy, description="Transcript table")

        def string(name: str) -> dynamodb.Attribute:
            return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)

        def by_time(name: str, attributes: Sequence[str]) -> dynamodb.GlobalSecondaryIndexPropsV2:
            return dynamodb.GlobalSecondaryIndexPropsV2(
                index_name=name,
                partition_key=string("GSI2PK"),
                sort_key=string("GSI2SK"),
                projection_type=dynamodb.ProjectionType.INCLUDE,
                non_key_attributes=list(attributes),
            )

        self.table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=string("PK"),
            sort_key=string("SK"),
            billing=dynamodb.Billing.on_demand(),
            # Which items change, and nothing of them: whoever follows it reads them by their keys.
            dynamo_stream=dynamodb.StreamViewType.KEYS_ONLY,
            deletion_protection=removal_policy != RemovalPolicy.DESTROY,
            encryption=dynamodb.TableEncryptionV2.customer_managed_key(self.key),
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=CALL_INDEX, partition_key=string("GSI1PK"), sort_key=string("GSI1SK")
                ),
                # One index for two lists: CloudFormation adds one to an existing table in an update (AWS
                # CloudFormation, "AWS::DynamoDB::GlobalTable").
                by_time(LISTING_INDEX, LISTED_ATTRIBUTES),
                by_time(ROW_INDEX, ROW_ATTRIBUTES),
            ],
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=point_in_time_recovery
            ),
            removal_policy=removal_policy,
            time_to_live_attribute=EXPIRY,
        )

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow *grantee* to read items and to query the table and its indexes, but not to scan it."""
        grant = _grants.allow_items(
            grantee, self.table, "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", write=False
        )
        return grant.combine(
            iam.Grant.add_to_principal(
                grantee=grantee,
                actions=["dynamodb:Query"],
                resource_arns=[
                    f"{self.table.table_arn}/index/{index}" for index in (CALL_INDEX, LISTING_INDEX, ROW_INDEX)
                ],
            )
        )
