"""CloudFormation: resource types that are recorded and do nothing.

MiniStack refuses a template that names a type it does not know. These are networking around tasks that nothing runs,
scaling of a service that has no load, and parts of an Amazon Connect instance, which no emulator has. A stack that
declares them is created; what they would do on AWS does not happen here.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services.cloudformation import provisioners

Properties = dict[str, Any]
Attributes = Callable[[str], Mapping[str, str]]


class AlreadySupported(RuntimeError):
    """MiniStack has a resource type of its own now, so that the patch for it must go."""


def apply() -> None:
    """Apply what this module describes."""
    for resource_type, (prefix, attributes) in _TYPES.items():
        add_resource_type(resource_type, create=_recorder(prefix, attributes))


def add_resource_type(
    name: str,
    *,
    create: Callable[[str, Properties, str], tuple[str, Mapping[str, Any]]],
    delete: Callable[[str, Properties], None] = lambda _identifier, _properties: None,
    update: Callable[[str, Properties, Properties, str], tuple[str, Mapping[str, Any]]] | None = None,
) -> None:
    """Teach CloudFormation a type.

    Args:
        name: The type.
        create: Takes logical id, properties and stack; returns what ``Ref`` and ``Fn::GetAtt`` say.
        delete: Takes what ``Ref`` says, and properties.
        update: Takes what ``Ref`` says, old and new properties, and stack. Default: the type is replaced.

    Raises:
        AlreadySupported: MiniStack knows the type.
    """
    if name in provisioners._RESOURCE_HANDLERS:
        raise AlreadySupported(f"MiniStack supports {name} itself: remove the patch for it")
    handlers = {"create": create, "delete": delete}
    provisioners._RESOURCE_HANDLERS[name] = handlers if update is None else {**handlers, "update": update}


def _recorder(prefix: str, attributes: Attributes) -> Callable[[str, Properties, str], tuple[str, Mapping[str, str]]]:
    def create(_logical_id: str, _properties: Properties, _stack: str) -> tuple[str, Mapping[str, str]]:
        identifier = f"{prefix}{new_uuid().replace('-', '')[:17]}"
        return identifier, attributes(identifier)

    return create


def _arn(service: str, path: str) -> str:
    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{path}"


def _nothing(_identifier: str) -> Mapping[str, str]:
    return {}


def _id(identifier: str) -> Mapping[str, str]:
    return {"Id": identifier}


# What Ref begins with, and the attributes of Fn::GetAtt (CloudFormation template reference, "Return values").
_TYPES: Mapping[str, tuple[str, Attributes]] = {
    "AWS::EC2::EIP": ("eip-", lambda identifier: {"AllocationId": f"eipalloc-{identifier}", "PublicIp": "192.0.2.1"}),
    "AWS::EC2::FlowLog": ("fl-", _id),
    "AWS::EC2::NatGateway": ("nat-", lambda identifier: {"NatGatewayId": identifier}),
    "AWS::EC2::SecurityGroupEgress": ("sgr-", _id),
    "AWS::EC2::SecurityGroupIngress": ("sgr-", _id),
    "AWS::ECS::ClusterCapacityProviderAssociations": ("cluster-", _nothing),
    "AWS::ApplicationAutoScaling::ScalableTarget": ("service/", _id),
    "AWS::ApplicationAutoScaling::ScalingPolicy": (
        "policy-",
        lambda identifier: {"Arn": _arn("autoscaling", f"scalingPolicy:{identifier}")},
    ),
    "AWS::Connect::ContactFlowModule": (
        "module-",
        lambda identifier: {
            "ContactFlowModuleArn": _arn("connect", f"instance/recorded/flow-module/{identifier}"),
            "Status": "published",
        },
    ),
    "AWS::Connect::InstanceStorageConfig": ("storage-", lambda identifier: {"AssociationId": identifier}),
    "AWS::Connect::IntegrationAssociation": (
        "integration-",
        lambda identifier: {"IntegrationAssociationId": identifier},
    ),
}
