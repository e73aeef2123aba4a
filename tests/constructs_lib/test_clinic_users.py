"""Where people of the clinics sign in: who is let in, and what their tokens are for."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk.assertions import Match, Template

from constructs_lib import ClinicUsers
from tests.constructs_lib.parts import properties


def test_only_administrators_make_users_and_they_need_a_second_factor(stack: Stack) -> None:
    users = ClinicUsers(stack, "Users", clinics=["harbour"])
    template = Template.from_stack(stack)
    pool = properties(template, users.user_pool)
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert (pool["MfaConfiguration"], pool["EnabledMfas"]) == ("ON", ["SOFTWARE_TOKEN_MFA"])
    groups = template.find_resources("AWS::Cognito::UserPoolGroup").values()
    assert {group["Properties"]["GroupName"] for group in groups} == {"harbour", "qa", "admin"}


def test_a_new_pool_outlives_its_stack(stack: Stack) -> None:
    ClinicUsers(stack, "Users")
    Template.from_stack(stack).has_resource(
        "AWS::Cognito::UserPool",
        {"DeletionPolicy": "Retain", "Properties": Match.object_like({"DeletionProtection": "ACTIVE"})},
    )


def test_a_pool_of_the_apps_own_is_taken(stack: Stack) -> None:
    pool = cognito.UserPool(stack, "Pool")
    users = ClinicUsers(stack, "Users", user_pool=pool, sign_in_url="https://sign-in.example.com")
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::Cognito::UserPool", 1)
    template.resource_count_is("AWS::Cognito::UserPoolDomain", 0)
    template.resource_count_is("AWS::Cognito::UserPoolGroup", 0)
    assert users.user_pool is pool
    assert users.sign_in_url == "https://sign-in.example.com"


def test_a_pages_token_is_for_calls_and_ends_within_minutes(stack: Stack) -> None:
    users = ClinicUsers(stack, "Users")
    page = users.add_page(stack, "Page", url="https://page.example.com/", lifetime=Duration.hours(1))
    template = Template.from_stack(stack)
    client = properties(template, page)
    [server] = template.find_resources("AWS::Cognito::UserPoolResourceServer").items()
    assert users.calls_scope == f"{server[1]['Properties']['Identifier']}/calls"
    assert client["AllowedOAuthScopes"] == ["openid", "email", {"Fn::Join": ["", [{"Ref": server[0]}, "/calls"]]}]
    assert (client["AllowedOAuthFlows"], client["GenerateSecret"]) == (["code"], False)
    assert (client["AccessTokenValidity"], client["TokenValidityUnits"]["AccessToken"]) == (5, "minutes")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sign_in_url": "sign-in.example.com"}, "sign_in_url of 'sign-in.example.com' is no address"),
        ({"sign_in_url": "https://example.com/login"}, "no address without a path"),
        ({"clinics": ["qa"]}, "clinics has 'qa', which is a role"),
        ({"clinics": "harbour"}, "clinics of 'harbour' is not a sequence"),
        ({"clinics": ["a/b"]}, "a/b"),
        ({"require_mfa": "no"}, "require_mfa of 'no' is not a bool"),
    ],
)
def test_options_that_cannot_be_are_refused_by_name(stack: Stack, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClinicUsers(stack, "Users", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "user_pool without sign_in_url"),
        ({"sign_in_url": "https://a.example.com", "clinics": ["harbour"]}, "clinics with a user_pool of yours"),
    ],
)
def test_a_pool_of_the_apps_own_needs_company(stack: Stack, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClinicUsers(stack, "Users", user_pool=cognito.UserPool(stack, "Pool"), **options)
