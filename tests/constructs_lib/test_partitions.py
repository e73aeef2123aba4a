"""All constructs in GovCloud, in China, and where only the deployment knows where it is."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest
from aws_cdk import Environment, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Template

from constructs_lib import CallTranscription, LiveCalls
from constructs_lib._logs import LogSettings
from tests.conftest import new_app
from tests.constructs_lib.parts import properties

PARTITIONS = {"cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"}
SUFFIXES = {"cn-north-1": "amazonaws.com.cn", "us-gov-west-1": "amazonaws.com"}


@cache
def template_in(region: str) -> dict[str, Any]:
    stack = Stack(new_app(), "Test", env=Environment(region=region, account="111122223333"))
    instance = f"arn:{PARTITIONS[region]}:connect:{region}:111122223333:instance/12345678-1234-1234-1234-123456789012"
    CallTranscription(stack, "Calls", live=LiveCalls(), instance_arn=instance)
    return dict(Template.from_stack(stack).to_json())


@pytest.mark.parametrize("region", PARTITIONS)
def test_no_arn_is_of_another_partition(region: str) -> None:
    assert re.findall(r"arn:aws:[^\"]*", json.dumps(template_in(region))) == []


@pytest.mark.parametrize("region", PARTITIONS)
def test_keys_are_used_through_services_by_the_suffix_that_all_partitions_have(region: str) -> None:
    # AWS KMS Developer Guide, "kms:ViaService".
    hosts = {*re.findall(r'"kms:ViaService": "([^"]+)"', json.dumps(template_in(region)))}
    assert {host.partition(".")[0] for host in hosts} >= {"s3", "sqs", "dynamodb", "secretsmanager", "kinesisvideo"}
    assert {host.partition(".")[2] for host in hosts} == {f"{region}.amazonaws.com"}


@pytest.mark.parametrize("region", PARTITIONS)
def test_the_service_of_logs_has_the_suffix_of_the_partition(region: str) -> None:
    services = {*re.findall(r'"Service": "([^"]+)"', json.dumps(template_in(region)))}
    assert {one for one in services if region in one} == {f"logs.{region}.{SUFFIXES[region]}"}


def test_where_only_the_deployment_knows_the_region_it_knows_the_suffix() -> None:
    stack = Stack(new_app(), "Test")
    key = kms.Key(stack, "Key")
    LogSettings(key=key, retention=logs.RetentionDays.ONE_DAY).group(stack, "Logs")
    service = {"Fn::Join": ["", ["logs.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}]]}
    policy = properties(Template.from_stack(stack), key)["KeyPolicy"]
    assert service in [statement["Principal"].get("Service") for statement in policy["Statement"]]
