"""Where Deepgram's API key is kept."""

from __future__ import annotations

from typing import cast

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from constructs_lib import _checks, _grants, _keys, _nag


class DeepgramSecret(Construct):
    """Define an encrypted secret for Deepgram's API key, without a value.

    The key never passes through a template or a build: an operator puts it in once, after the first deployment, as the
    plain key or as ``{"api_key": "…"}``, and later rotates it the same way; no deployment is needed. Until then calls
    fail with ``DeepgramKey.Missing`` and can be repeated.

    Args:
        scope: Parent construct.
        construct_id: Identifier, unique in *scope*. Part of the logical ids: renaming it replaces the secret.
        key: Key that encrypts the secret. Default: a new key with rotation on.
        removal_policy: What deleting the stack does to the secret. Default: keep it.
    """

    secret: secretsmanager.Secret
    """Deepgram's API key."""
    key: kms.IKey
    """Encrypts :attr:`secret`."""

    @_checks.takes_objects
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: kms.IKey | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, construct_id)
        self.key = key or _keys.own_key(self, removal_policy=removal_policy, description="Deepgram's API key")
        self.secret = secretsmanager.Secret(
            self,
            "Secret",
            description='API key of Deepgram: the plain key, or {"api_key": "..."}',
            encryption_key=self.key,
            removal_policy=removal_policy,
        )
        # The L2 would put a random password in, which only fails when Deepgram refuses it.
        cast(secretsmanager.CfnSecret, self.secret.node.default_child).add_property_deletion_override(
            "GenerateSecretString"
        )
        reason = (
            "a function that rotates it would hold a key that may create keys, worth more than the one it rotates; an "
            "operator rotates it without a deployment"
        )
        _nag.acknowledge(
            self.secret,
            {"AwsSolutions-SMG4": reason, "HIPAA.Security-SecretsManagerRotationEnabled": reason},
        )

    def grant_write(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow *grantee* to put a new key in, but not to read the present one."""
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["secretsmanager:PutSecretValue"],
            resource_arns=[self.secret.secret_arn],
        ).combine(_grants.allow_key(grantee, self.key, "secretsmanager", write=True))
