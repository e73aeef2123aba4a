"""What the parts of live transcription may do."""

from __future__ import annotations

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from callscribe.contract.table_keys import CALLS
from constructs_lib import _grants, _nag


def allow_live_items(grantee: iam.IGrantable, table: dynamodb.ITable, *actions: str, write: bool = True) -> iam.Grant:
    """Allow *actions* on calls and their words, not on recordings' claims and clinics' transcripts."""
    return _grants.allow_items(grantee, table, *actions, write=write, conditions=leading_keys(CALLS))


def leading_keys(partitions: str) -> dict[str, dict[str, list[str]]]:
    """Condition that narrows a permission to items whose partition keys begin with *partitions*."""
    return {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{partitions}*"]}}


def allow_events(grantee: iam.IGrantable, bus: events.IEventBus) -> iam.Grant:
    """Allow putting events on *bus*."""
    return iam.Grant.add_to_principal(grantee=grantee, actions=["events:PutEvents"], resource_arns=[bus.event_bus_arn])


class MediaStreams:
    """The Kinesis video streams that an Amazon Connect instance makes for its calls.

    Args:
        scope: Construct that works with them.
        prefix: How their names begin.
        key: Encrypts them. Default: Kinesis Video Streams' own key.
    """

    def __init__(self, scope: Construct, *, prefix: str, key: kms.IKey | None) -> None:
        self._key = key
        self._arn = Stack.of(scope).format_arn(
            service="kinesisvideo",
            resource="stream",
            resource_name=f"{prefix}*",
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )

    def allow_reading(self, role: iam.Role) -> None:
        """Allow *role* to read and decrypt the audio."""
        self._allow(role, "kinesisvideo:GetDataEndpoint", "kinesisvideo:GetMedia")
        if self._key:
            _grants.allow_key(role, self._key, "kinesisvideo", write=False)
        self._acknowledge(role)

    def allow_describing(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow *grantee* to ask what the streams keep, not to read it."""
        if isinstance(grantee, iam.Role):
            self._acknowledge(grantee)
        return self._allow(grantee, "kinesisvideo:DescribeStream")

    def _acknowledge(self, role: iam.Role) -> None:
        _nag.acknowledge_wildcards(
            role, {self._arn: "Amazon Connect makes streams as it needs them and names them with this prefix"}
        )

    def _allow(self, grantee: iam.IGrantable, *actions: str) -> iam.Grant:
        return iam.Grant.add_to_principal(grantee=grantee, actions=[*actions], resource_arns=[self._arn])
