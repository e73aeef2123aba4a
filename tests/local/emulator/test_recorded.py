"""Stacks may declare what the emulator does not do: it is recorded, with the attributes that others refer to."""

import pytest

from local.emulator.patches.recorded import AlreadySupported, add_resource_type
from tests.local.emulator.conftest import Account


@pytest.mark.parametrize(
    ("resource_type", "attribute", "value"),
    [
        ("AWS::ApplicationAutoScaling::ScalableTarget", "Id", "service/"),
        ("AWS::ApplicationAutoScaling::ScalingPolicy", "Arn", "arn:aws:autoscaling:"),
        ("AWS::Connect::ContactFlowModule", "ContactFlowModuleArn", "arn:aws:connect:"),
        ("AWS::Connect::InstanceStorageConfig", "AssociationId", "storage-"),
        ("AWS::Connect::IntegrationAssociation", "IntegrationAssociationId", "integration-"),
        ("AWS::EC2::EIP", "AllocationId", "eipalloc-"),
        ("AWS::EC2::FlowLog", "Id", "fl-"),
        ("AWS::EC2::NatGateway", "NatGatewayId", "nat-"),
    ],
)
def test_it_has_an_identity(account: Account, resource_type: str, attribute: str, value: str) -> None:
    outputs = account.deploy(
        {"It": {"Type": resource_type, "Properties": {}}},
        {"Ref": {"Ref": "It"}, "Attribute": {"Fn::GetAtt": ["It", attribute]}},
    )

    assert outputs["Ref"]
    assert outputs["Attribute"].startswith(value)


def test_it_is_deleted_with_its_stack(account: Account) -> None:
    stack = account.deploy({"It": {"Type": "AWS::EC2::NatGateway", "Properties": {"SubnetId": "subnet-1"}}})

    account.client("cloudformation").delete_stack(StackName=stack["StackName"])

    account.gone(stack["StackName"])


def test_a_type_that_ministack_supports_is_left_to_it() -> None:
    with pytest.raises(AlreadySupported, match="AWS::SQS::Queue"):
        add_resource_type("AWS::SQS::Queue", create=lambda *_: ("", {}))
