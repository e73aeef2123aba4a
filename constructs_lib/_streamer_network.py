"""Where streamers run: a network of their own, or a corner of one that is there."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from constructs_lib import _keys, _nag
from constructs_lib._logs import LogSettings
from constructs_lib.streamer_settings import ZONES

MOST_PUBLIC_TASKS: Final = 250
"""Tasks for which the new network's public subnets have addresses, also while a deployment doubles them: AWS keeps 5 of
the 256 of each (VPC user guide, "Subnet CIDR blocks")."""


def streamer_vpc(scope: Construct, *, public_addresses: bool, nat_gateways: int | None, logs: LogSettings) -> ec2.Vpc:
    """Create a network in two zones with a way out, private unless tasks have public addresses, and flow logs.

    S3 (the layers of the image) and DynamoDB are reached through gateway endpoints, which cost nothing. The rest, most
    of it audio, takes the NAT gateways: an interface endpoint is paid by the hour, the zone and the service, which pays
    off only for what is bought in bulk, and Deepgram, half of the traffic, is behind none.

    The public subnets are the same either way, so that a network changes from one to the other without replacing what
    tasks run in.
    """
    public = ec2.SubnetConfiguration(
        name="Public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24, map_public_ip_on_launch=False
    )
    private = ec2.SubnetConfiguration(name="Streamers", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=20)
    if public_addresses:
        nat_gateways = 0
    elif nat_gateways is None:
        # One in each zone: the loss of a zone must not silence the calls in the other.
        nat_gateways = ZONES
    vpc = ec2.Vpc(
        scope,
        "Vpc",
        max_azs=ZONES,
        nat_gateways=nat_gateways,
        subnet_configuration=[public] if public_addresses else [public, private],
        gateway_endpoints={
            "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
            "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
        },
        # CDK would empty the default security group with a custom resource.
        restrict_default_security_group=False,
    )
    _flow_logs(vpc, logs)
    _nag.acknowledge(
        vpc,
        {
            "HIPAA.Security-VPCDefaultSecurityGroupClosed": "nothing is put into the default security group: streamers "
            "have one of their own, and the subnets hold nothing else",
            "HIPAA.Security-VPCNoUnrestrictedRouteToIGW": "egress of streamers was chosen to be by public addresses: "
            "their security group lets nothing in"
            if public_addresses
            else "only the NAT gateways' subnets lead there; streamers run in the private ones",
        },
    )
    return vpc


def _flow_logs(vpc: ec2.Vpc, logs: LogSettings) -> None:
    group = logs.group(vpc, "FlowLogGroup")
    role = iam.Role(vpc, "FlowLogRole", assumed_by=_keys.service_of_account("vpc-flow-logs.amazonaws.com"))
    vpc.add_flow_log("FlowLog", destination=ec2.FlowLogDestination.to_cloud_watch_logs(group, role))
    _nag.acknowledge(role, _nag.INLINE_POLICY)


def streamer_security_group(scope: Construct, vpc: ec2.IVpc, *, stream_url: str) -> ec2.SecurityGroup:
    """Create the security group of streamers: nothing in, TLS out."""
    group = ec2.SecurityGroup(scope, "SecurityGroup", vpc=vpc, allow_all_outbound=False, description="Out by TLS only")
    group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "AWS and Deepgram")
    port = urlsplit(stream_url).port
    if port not in (None, 443):
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(port), "Deepgram")
    return group
