"""Where people of the clinics sign in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from aws_cdk import Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from callscribe.console.access import PROGRAM_REDIRECTS, ConsoleRole
from constructs_lib import _checks, _nag
from constructs_lib._names import account_wide_name

_SIGN_IN_URL: Final = re.compile(r"(?:https://[a-z0-9.-]+(?::\d+)?)?")
_SCOPE: Final = "calls"
_TOKEN: Final = Duration.minutes(5)


class ClinicUsers(Construct):
    """Define where people of the clinics sign in: a Cognito user pool, whose groups are clinics.

    It stands in front of everything that shows them calls, the console and the live feed, so that one sign-in serves
    for both. Only what is given this construct asks the pool for the OAuth scope :attr:`calls_scope`, and only a token
    with that scope opens the live feed: a token for another app of the same pool shows nobody's words.

    Groups are clinics, by their ids, except ``qa`` and ``admin``, which are roles in the same user's clinics.

    Args:
        scope: Parent construct.
        construct_id: Identifier, unique in *scope*. Part of the logical ids: renaming it replaces the user pool.
        clinics: Ids of clinics for which a new pool gets a group. Default: none; groups can be added any time.
        user_pool: Where people sign in. Default: a new pool, in which an administrator makes the users.
        sign_in_url: Base URL of the pool's sign-in pages, such as
            ``https://clinic.auth.eu-central-1.amazoncognito.com``. ``""`` is the console's own host, for a proxy that
            serves both. Default: a domain of Cognito's; a *user_pool* of yours needs it named.
        require_mfa: Whether people of a new pool need a second factor, an authenticator app. Default: they do.
        removal_policy: What deleting the stack does to a new user pool. Default: keep it.

    Raises:
        ValueError: If an option cannot be what it is meant to be, or needs or excludes another one; the message says
            what to do.
    """

    user_pool: cognito.IUserPool
    """Where people sign in."""
    sign_in_url: str
    """Base URL of the sign-in pages; empty for that of the console."""
    calls_scope: str
    """OAuth scope of a token by which calls can be followed."""

    @_checks.takes_objects
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        clinics: Sequence[str] = (),
        user_pool: cognito.IUserPool | None = None,
        sign_in_url: str | None = None,
        require_mfa: bool = True,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, construct_id)
        _check_sign_in(user_pool, sign_in_url, clinics)
        _checks.flag("require_mfa", require_mfa)
        if user_pool is not None:
            # This stack makes clients and scopes in it, and makes nothing in another region.
            _checks.check_region("user_pool", user_pool, Stack.of(self).region)
        # Unique among all accounts of the region, as a domain must be.
        digest = hashlib.sha256(account_wide_name(self, max_length=128).encode()).hexdigest()[:10]
        self.user_pool = user_pool or self._new_pool(require_mfa=require_mfa, removal_policy=removal_policy)
        if user_pool is None:
            for group in (*ConsoleRole, *clinics):
                cognito.CfnUserPoolGroup(
                    self, f"Group-{group}", user_pool_id=self.user_pool.user_pool_id, group_name=str(group)
                )
        identifier = f"callscribe-{digest}"
        self._calls = cognito.ResourceServerScope(scope_name=_SCOPE, scope_description="Calls of one's clinics")
        self._server = cognito.UserPoolResourceServer(
            self, "Calls", user_pool=self.user_pool, identifier=identifier, scopes=[self._calls]
        )
        self.calls_scope = f"{identifier}/{_SCOPE}"
        self.sign_in_url = self._domain_url(digest) if sign_in_url is None else sign_in_url

    def add_page(self, scope: Construct, construct_id: str, *, url: str, lifetime: Duration) -> cognito.UserPoolClient:
        """Let people sign in to a page, by authorization code with PKCE.

        Args:
            scope: Parent construct of the client.
            construct_id: Its identifier, unique in *scope*.
            url: The page's address.
            lifetime: How long a sign-in is renewed without asking again.

        Returns:
            The page, as the pool knows it. Its tokens last for five minutes, the shortest that Cognito offers: who
            loses a group has lost it when the token is renewed.
        """
        own = cognito.OAuthScope.resource_server(self._server, self._calls)
        scopes = [cognito.OAuthScope.OPENID, cognito.OAuthScope.EMAIL, own]
        return self._add_client(
            scope, construct_id, callback_urls=[url], logout_urls=[url], scopes=scopes, lasts=lifetime
        )

    def add_program(self, scope: Construct, construct_id: str, *, lifetime: Duration) -> cognito.UserPoolClient:
        """Let people sign in to a program on their own machine, by authorization code with PKCE.

        The sign-in leads back to the machine's loopback address (RFC 8252, "OAuth 2.0 for Native Apps"), and its
        tokens are without :attr:`calls_scope`: they open no live feed.

        Args:
            scope: Parent construct of the client.
            construct_id: Its identifier, unique in *scope*.
            lifetime: How long a sign-in is renewed without asking again.

        Returns:
            The program, as the pool knows it. Its tokens last as long as a page's.
        """
        scopes = [cognito.OAuthScope.OPENID]
        redirects = list(PROGRAM_REDIRECTS)
        return self._add_client(
            scope, construct_id, callback_urls=redirects, logout_urls=[], scopes=scopes, lasts=lifetime
        )

    def _add_client(
        self,
        scope: Construct,
        construct_id: str,
        *,
        callback_urls: list[str],
        logout_urls: list[str],
        scopes: list[cognito.OAuthScope],
        lasts: Duration,
    ) -> cognito.UserPoolClient:
        return cognito.UserPoolClient(
            scope,
            construct_id,
            user_pool=self.user_pool,
            generate_secret=False,
            auth_flows=cognito.AuthFlow(user_srp=True),
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(authorization_code_grant=True),
                scopes=scopes,
                callback_urls=callback_urls,
                logout_urls=logout_urls,
            ),
            access_token_validity=_TOKEN,
            id_token_validity=_TOKEN,
            refresh_token_validity=lasts,
            enable_token_revocation=True,
            prevent_user_existence_errors=True,
        )

    def _new_pool(self, *, require_mfa: bool, removal_policy: RemovalPolicy) -> cognito.UserPool:
        pool = cognito.UserPool(
            self,
            "Pool",
            user_pool_name=account_wide_name(self, max_length=128),
            self_sign_up_enabled=False,
            sign_in_aliases=cognito.SignInAliases(username=True, email=True),
            sign_in_case_sensitive=False,
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            password_policy=cognito.PasswordPolicy(
                min_length=12,
                require_digits=True,
                require_lowercase=True,
                require_symbols=True,
                require_uppercase=True,
                temp_password_validity=Duration.days(3),
            ),
            mfa=cognito.Mfa.REQUIRED if require_mfa else cognito.Mfa.OFF,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False) if require_mfa else None,
            deletion_protection=removal_policy != RemovalPolicy.DESTROY,
            removal_policy=removal_policy,
        )
        _nag.acknowledge(
            pool,
            {
                "AwsSolutions-COG8": "threat protection is a matter of Cognito's Plus plan, which costs for each user; "
                "whoever wants it brings a pool of that plan",
                **({} if require_mfa else {"AwsSolutions-COG2": "the app says that no second factor is required"}),
            },
        )
        return pool

    def _domain_url(self, digest: str) -> str:
        domain = cognito.UserPoolDomain(
            self,
            "Domain",
            user_pool=self.user_pool,
            cognito_domain=cognito.CognitoDomainOptions(domain_prefix=f"callscribe-{digest}-{Aws.ACCOUNT_ID}"),
        )
        return domain.base_url()


def _check_sign_in(user_pool: cognito.IUserPool | None, sign_in_url: str | None, clinics: Sequence[str]) -> None:
    if sign_in_url is not None and not _SIGN_IN_URL.fullmatch(_checks.text("sign_in_url", sign_in_url)):
        raise ValueError(
            f"sign_in_url of {sign_in_url!r} is no address without a path: use https://{{domain}}, or '' for the "
            "console's own"
        )
    if user_pool is not None and sign_in_url is None:
        raise ValueError("user_pool without sign_in_url: name the base URL of the pool's sign-in pages")
    if user_pool is not None and clinics:
        raise ValueError("clinics with a user_pool of yours: make the groups where the pool is made")
    for clinic in _checks.texts("clinics", clinics):
        _checks.check_clinic_id(clinic)
        if clinic in {*ConsoleRole}:
            raise ValueError(f"clinics has {clinic!r}, which is a role: call the clinic something else")
