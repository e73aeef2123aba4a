"""Mistakes that an app of another team makes, one of each kind; prints what it is told of each as JSON.

Runs in an environment that holds the wheel and nothing of the checkout.
"""

import json
from collections.abc import Callable
from typing import Any

from aws_cdk import App, CfnParameter, Duration, Environment, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs

from constructs_lib import (
    AlarmSettings,
    CallTranscription,
    DeepgramOptions,
    FunctionSettings,
    FunctionSize,
    LiveCalls,
    MediaStreamStorage,
    TaskSettings,
)

INSTANCE = "arn:aws:connect:eu-west-1:111122223333:instance/12345678-1234-1234-1234-123456789012"
ELSEWHERE = "arn:aws:secretsmanager:us-east-1:111122223333:secret:deepgram-AbCdEf"


def calls(stack: Stack, **options: Any) -> CallTranscription:
    """Define everything but the table, so that the stack needs nothing else."""
    table = dynamodb.Table.from_table_name(stack, "Table", "contact-centre")
    return CallTranscription(stack, "Calls", table=table, **options)


def isolated(stack: Stack) -> ec2.Vpc:
    """Define a network without a way out."""
    kind = ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    return ec2.Vpc(stack, "Network", nat_gateways=0, subnet_configuration=[kind])


def known_by_arn(stack: Stack) -> ecs.ICluster:
    """Import a cluster without its network."""
    return ecs.Cluster.from_cluster_arn(stack, "Cluster", "arn:aws:ecs:eu-west-1:111122223333:cluster/calls")


# By the option that the message has to name.
MISTAKES: dict[str, Callable[[Stack], object]] = {
    "keyterms": lambda _: DeepgramOptions(keyterms="drug"),  # type: ignore[arg-type]
    "tags": lambda _: DeepgramOptions(tags="dev"),  # type: ignore[arg-type]
    "vocabulary": lambda stack: calls(stack, vocabulary={"main": "glaucoma"}),
    "key_prefixes": lambda stack: calls(stack, key_prefixes="recordings/"),
    "key_prefixes is known only": lambda stack: calls(
        stack, key_prefixes=[CfnParameter(stack, "Prefix").value_as_string]
    ),
    "channel_roles": lambda stack: calls(stack, channel_roles={0: "doctor"}),
    "retain_for": lambda stack: calls(stack, retain_for=Duration.hours(36)),
    "summarize": lambda _: DeepgramOptions(summarize="false"),  # type: ignore[arg-type]
    "secret": lambda stack: calls(
        stack, secret=secretsmanager.Secret.from_secret_complete_arn(stack, "Secret", ELSEWHERE)
    ),
    "nat_gateways": lambda _: TaskSettings(nat_gateways=0),
    "egress": lambda _: TaskSettings(egress="nat"),  # type: ignore[arg-type]
    "vpc": lambda stack: calls(stack, functions=FunctionSettings(vpc=isolated(stack))),
    "runtime": lambda _: FunctionSettings(runtime=lambda_.Runtime.NODEJS_22_X),
    "visibility_timeout": lambda stack: calls(stack).workflow.transcription.consume(sqs.Queue(stack, "Queue")),
    "prefix": lambda _: LiveCalls(media_streams=MediaStreamStorage(prefix="calls*")),
    "recordings_prefix": lambda stack: calls(stack, live=LiveCalls(recordings_prefix="connect")),
    "instance_arn": lambda stack: calls(stack, instance_arn=INSTANCE.replace("eu-west-1", "eu-west-2")),
    "alarm": lambda stack: calls(stack, alarms=AlarmSettings(without=["FailedCall"])),
    "function": lambda _: FunctionSettings(sizes={"admit": FunctionSize(memory_mib=2048)}),
    "role_names": lambda stack: calls(stack, role_names={"caller": "patient"}),
    "time_zones": lambda stack: calls(stack, time_zones={"main": "CEST"}),
    "cluster": lambda stack: TaskSettings(vpc=ec2.Vpc(stack, "Network"), cluster=known_by_arn(stack)),
}


def told(mistake: Callable[[Stack], object]) -> str:
    """Make one mistake in an app of its own, and return what it is told."""
    app = App(context={"aws:cdk:bundling-stacks": []})
    try:
        mistake(Stack(app, "Foreign", env=Environment(region="eu-west-1")))
    except ValueError as refused:
        return str(refused)
    return "nothing"


if __name__ == "__main__":
    print(json.dumps({option: told(mistake) for option, mistake in MISTAKES.items()}))  # noqa: T201
