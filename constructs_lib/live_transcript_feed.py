"""Where the words of running calls can be followed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import jsii
from aws_cdk import IStableStringProducer, Lazy, RemovalPolicy, Stack
from aws_cdk import aws_appsync as appsync
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from callscribe.contract.identifiers import FEED_NAMESPACE
from constructs_lib import _checks, _keys, _nag
from constructs_lib._logs import LogSettings
from constructs_lib._names import account_wide_name
from constructs_lib.clinic_users import ClinicUsers

_HANDLER = Path(__file__).with_name("_live_feed.js")


@jsii.implements(IStableStringProducer)
class _Produced:
    """A string that is made when the template is written."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make

    def produce(self) -> str:
        return self._make()


class LiveTranscriptFeed(Construct):
    """Define an AppSync Event API with a channel for each call below its clinic: ``/calls/{clinic_id}/{call_id}``.

    Only who is granted so publishes (:meth:`grant_publish`). People of a clinic follow its calls, one by one or all of
    them (``/calls/{clinic_id}/*``), and nobody else's: a handler in the API compares the channel with the clinics of
    the caller. Those are named by a claim of Cognito's token, or for a role by :meth:`grant_subscribe`.

    AppSync keeps no events: who joins late reads the words so far from the table.

    Args:
        scope: Parent construct.
        construct_id: Identifier, unique in *scope*.
        users: Where a clinic's people sign in, to this feed and to the console. Default: nobody but roles subscribes.
        user_pool: A pool of which any token will do, whichever app it was issued for; instead of *users*.
        clinic_claim: Claim of the token that names the clinic, or a list of clinics. Default: the user's groups
            (``cognito:groups``), which only an administrator assigns and every token carries. A custom attribute such
            as ``custom:clinic_id`` is in ID tokens only, and a user whose app client may write it chooses the clinic.
        key: Key that encrypts the logs. Default: a new key with rotation on.
        log_retention: How long logs, which hold errors and no words, are kept. Default: a year.

    Raises:
        ValueError: If *clinic_claim* is given without *user_pool*, or both *users* and *user_pool*, or a clinic
            cannot be part of a channel.
    """

    api: appsync.EventApi
    """The Event API."""
    namespace: appsync.ChannelNamespace
    """The namespace of all calls."""
    http_url: str
    """Where to publish."""
    realtime_url: str
    """Where to subscribe, by WebSocket."""
    users: ClinicUsers | None
    """Where a clinic's people sign in."""
    key: kms.IKey
    """Encrypts the logs."""

    @_checks.takes_objects
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        users: ClinicUsers | None = None,
        user_pool: cognito.IUserPool | None = None,
        clinic_claim: str | None = None,
        key: kms.IKey | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
    ) -> None:
        super().__init__(scope, construct_id)
        if clinic_claim is not None:
            _checks.word("clinic_claim", clinic_claim)
        if clinic_claim is not None and user_pool is None:
            raise ValueError(f"clinic_claim {clinic_claim!r} without a user_pool: pass the pool whose tokens carry it")
        if users is not None and user_pool is not None:
            raise ValueError("users and user_pool: pass the one or the other")
        self.users = users
        pool = user_pool if users is None else users.user_pool
        self.key = key or _keys.own_key(self, removal_policy=RemovalPolicy.DESTROY, description="Logs")
        self._claim = clinic_claim or "cognito:groups"
        self._roles: list[dict[str, str]] = []
        iam_provider = appsync.AppSyncAuthProvider(authorization_type=appsync.AppSyncAuthorizationType.IAM)
        providers = [iam_provider]
        if pool is not None:
            providers.append(
                appsync.AppSyncAuthProvider(
                    authorization_type=appsync.AppSyncAuthorizationType.USER_POOL,
                    cognito_config=appsync.AppSyncCognitoConfig(user_pool=pool),
                )
            )
        subscribers = [provider.authorization_type for provider in providers]
        publishers = [appsync.AppSyncAuthorizationType.IAM]
        self.api = appsync.EventApi(
            self,
            "Api",
            api_name=account_wide_name(self, max_length=50),
            authorization_config=appsync.EventApiAuthConfig(
                auth_providers=providers,
                connection_auth_mode_types=subscribers,
                default_publish_auth_mode_types=publishers,
                default_subscribe_auth_mode_types=subscribers,
            ),
        )
        self._add_logs(log_retention)
        self.namespace = self.api.add_channel_namespace(
            "Calls",
            channel_namespace_name=FEED_NAMESPACE,
            authorization_config=appsync.NamespaceAuthConfig(
                publish_auth_mode_types=publishers, subscribe_auth_mode_types=subscribers
            ),
            code=appsync.Code.from_inline(Lazy.string(_Produced(self._handler_code))),
        )
        self.http_url = f"https://{self.api.http_dns}/event"
        self.realtime_url = f"wss://{self.api.realtime_dns}/event/realtime"

    def _add_logs(self, retention: logs.RetentionDays) -> None:
        role = iam.Role(self, "LogRole", assumed_by=_keys.service_of_account("appsync.amazonaws.com"))
        # `log_config=` would bring a custom resource, its function and its role. More than errors would log the words.
        cast(appsync.CfnApi, self.api.node.default_child).add_property_override(
            "EventConfig.LogConfig", {"CloudWatchLogsRoleArn": role.role_arn, "LogLevel": "ERROR"}
        )
        settings = LogSettings(key=self.key, retention=retention)
        group = settings.group(self, "Logs", name=f"/aws/appsync/apis/{self.api.api_id}")
        group.grant(role, "logs:CreateLogStream", "logs:PutLogEvents")
        _nag.acknowledge(role, _nag.INLINE_POLICY)

    def grant_publish(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow *grantee* to publish to the channel of any call."""
        return self.namespace.grant_publish(grantee)

    def grant_subscribe(self, role: iam.IRole, *, clinic_id: str) -> iam.Grant:
        """Allow *role* to follow the calls of one clinic; of several if called once for each.

        A policy can name the namespace and no channel in it (service authorization reference, "AWS AppSync"), so the
        role's name is in the handler too.

        Raises:
            ValueError: If *clinic_id* cannot be part of a channel, or *role* is made in another stack, which would need
                this one first, as this one it.
        """
        if isinstance(role, iam.Role) and _checks.template_of(role) != _checks.template_of(self):
            raise ValueError(
                f"role {role.node.path} is of another stack than the feed, {Stack.of(self).node.path}, and each would "
                "refer to the other: give it a role_name, and pass Role.from_role_name(…) of the feed's stack"
            )
        self._roles.append({"role": role.role_name, "clinic": _checks.check_live_clinic_id(clinic_id)})
        return self.namespace.grant_subscribe(role).combine(self.api.grant_connect(role))

    def _handler_code(self) -> str:
        scope = None if self.users is None else self.users.calls_scope
        access = {"claim": self._claim, "scope": scope, "roles": self._roles}
        return f"{_HANDLER.read_text(encoding='utf-8')}\nconst ACCESS = {Stack.of(self).to_json_string(access)}\n"
