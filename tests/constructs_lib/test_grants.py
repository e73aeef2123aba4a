"""Permissions for what an importing app names by a reference that says less than the resource itself."""

from __future__ import annotations

import pytest
from aws_cdk import CfnParameter, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.assertions import Template

from constructs_lib import DeepgramSecret, _grants, _vocabulary
from tests.constructs_lib.live_parts import new_streamer
from tests.constructs_lib.parts import Permission, permissions, reader

SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:deepgram"


def resources(stack: Stack, secret: secretsmanager.ISecret) -> list[str]:
    role = reader(stack)
    _grants.allow_secret(role, secret)
    [permission] = permissions(Template.from_stack(stack), role)
    return sorted(permission.resources)


def test_a_secret_by_its_partial_arn_is_read_by_any_suffix(stack: Stack) -> None:
    secret = secretsmanager.Secret.from_secret_partial_arn(stack, "Mine", SECRET)
    assert resources(stack, secret) == [f"{SECRET}-??????"]


def test_a_secret_by_its_name_is_read_by_any_suffix(stack: Stack) -> None:
    secret = secretsmanager.Secret.from_secret_name_v2(stack, "Mine", "deepgram")
    [arn] = resources(stack, secret)
    assert arn.endswith(":secret:deepgram-??????")


def test_a_secret_by_its_whole_arn_is_read_by_that(stack: Stack) -> None:
    secret = secretsmanager.Secret.from_secret_complete_arn(stack, "Mine", f"{SECRET}-AbCdEf")
    assert resources(stack, secret) == [f"{SECRET}-AbCdEf"]


def test_a_secret_of_the_app_is_read_by_its_reference(stack: Stack) -> None:
    secret, role = DeepgramSecret(stack, "Deepgram").secret, reader(stack)
    _grants.allow_secret(role, secret)
    assert not [p for p in permissions(Template.from_stack(stack), role) if "?" in str(p.resources)]


def test_a_key_is_used_through_the_service_of_its_own_region(stack: Stack) -> None:
    arn = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"
    role = reader(stack)
    _grants.allow_key(role, kms.Key.from_key_arn(stack, "Mine", arn), "s3", write=False)
    assert permissions(Template.from_stack(stack), role) == {
        Permission(
            frozenset({"kms:Decrypt"}),
            frozenset({arn}),
            '{"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}',
        )
    }


def test_vocabularies_below_a_path_that_only_the_deployment_knows_can_be_read(stack: Stack) -> None:
    path, role = CfnParameter(stack, "Path").value_as_string, reader(stack)
    _vocabulary.allow_vocabulary(role, path)
    [permission] = permissions(Template.from_stack(stack), role)
    [arn] = permission.resources
    assert arn.endswith(":parameter<Path>*")


@pytest.mark.parametrize("path", ["callscribe/vocabulary/", "/callscribe/vocabulary"])
def test_a_path_of_vocabularies_begins_and_ends_with_a_slash(stack: Stack, path: str) -> None:
    with pytest.raises(ValueError, match="is not a path of parameters: begin and end it with '/'"):
        new_streamer(stack, vocabulary_path=path)
