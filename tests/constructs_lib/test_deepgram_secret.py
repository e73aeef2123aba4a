from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Template

from constructs_lib import DeepgramSecret
from tests.constructs_lib.parts import Permission, logical_id, permissions, properties, reader


def test_the_secret_is_made_without_a_value(stack: Stack) -> None:
    secret = DeepgramSecret(stack, "Deepgram")
    found = properties(Template.from_stack(stack), secret.secret)
    assert found.keys() == {"Description", "KmsKeyId"}
    assert found["KmsKeyId"] == {"Fn::GetAtt": [logical_id(secret.key), "Arn"]}


def test_the_secret_outlives_the_stack(stack: Stack) -> None:
    secret = DeepgramSecret(stack, "Deepgram")
    resources = Template.from_stack(stack).to_json()["Resources"]
    assert resources[logical_id(secret.secret)]["DeletionPolicy"] == "Retain"


def test_destroy_leaves_nothing(stack: Stack) -> None:
    DeepgramSecret(stack, "Deepgram", removal_policy=RemovalPolicy.DESTROY)
    resources = Template.from_stack(stack).to_json()["Resources"].values()
    assert {resource["DeletionPolicy"] for resource in resources} == {"Delete"}


def test_a_key_of_ones_own_is_used_and_none_made(stack: Stack) -> None:
    key = kms.Key(stack, "Mine")
    secret = DeepgramSecret(stack, "Deepgram", key=key)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::KMS::Key", 1)
    assert secret.key is key


def test_grant_write_does_not_allow_reading(stack: Stack) -> None:
    secret, role = DeepgramSecret(stack, "Deepgram"), reader(stack)
    secret.grant_write(role)
    name, key = logical_id(secret.secret), logical_id(secret.key)
    assert permissions(Template.from_stack(stack), role) == {
        Permission(frozenset({"secretsmanager:PutSecretValue"}), frozenset({f"<{name}>"})),
        Permission(
            frozenset({"kms:Decrypt", "kms:GenerateDataKey"}),
            frozenset({f"<{key}.Arn>"}),
            '{"StringEquals": {"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"}}',
        ),
    }
