"""The console: who may sign in, what is for everybody, and what its roles may read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk.assertions import Match, Template

from constructs_lib import LiveTranscriptFeed
from tests.constructs_lib.parts import actions, environment, logical_id, new_console, permissions, properties


def test_nothing_but_the_page_and_the_sign_in_is_for_everybody(stack: Stack) -> None:
    new_console(stack)
    routes = Template.from_stack(stack).find_resources("AWS::ApiGatewayV2::Route").values()
    open_to_all = {
        route["Properties"]["RouteKey"] for route in routes if route["Properties"]["AuthorizationType"] == "NONE"
    }
    signed_in = {
        route["Properties"]["RouteKey"] for route in routes if route["Properties"]["AuthorizationType"] == "JWT"
    }
    assert open_to_all == {"GET /", "GET /config.json", "GET /page/{proxy+}"}
    assert signed_in == {"GET /api/{proxy+}"}


def test_a_token_is_of_this_pool_and_for_this_page(stack: Stack) -> None:
    console = new_console(stack)
    Template.from_stack(stack).has_resource_properties(
        "AWS::ApiGatewayV2::Authorizer",
        {"AuthorizerType": "JWT", "JwtConfiguration": {"Audience": [{"Ref": logical_id(console.client)}]}},
    )


def test_people_sign_in_by_code_and_lose_a_group_within_minutes(stack: Stack) -> None:
    console = new_console(stack)
    client = properties(Template.from_stack(stack), console.client)
    assert (client["AllowedOAuthFlows"], client["GenerateSecret"]) == (["code"], False)
    assert client["AccessTokenValidity"] == 5
    assert client["TokenValidityUnits"]["AccessToken"] == "minutes"
    assert client["CallbackURLs"] == [stack.resolve(console.url)]


def test_only_administrators_make_users_and_they_need_a_second_factor(stack: Stack) -> None:
    console = new_console(stack, clinics=["harbour"])
    template = Template.from_stack(stack)
    pool = properties(template, console.user_pool)
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert (pool["MfaConfiguration"], pool["EnabledMfas"]) == ("ON", ["SOFTWARE_TOKEN_MFA"])
    groups = template.find_resources("AWS::Cognito::UserPoolGroup").values()
    assert {group["Properties"]["GroupName"] for group in groups} == {"harbour", "qa", "admin"}


def test_the_function_itself_reads_no_call(stack: Stack) -> None:
    console = new_console(stack)
    role = console.function.role
    assert role is not None
    allowed = actions(Template.from_stack(stack), role)
    assert allowed >= {"sts:AssumeRole"}
    assert not [action for action in allowed if action.startswith(("dynamodb:", "s3:", "kms:"))]


def test_the_reader_reads_transcripts_and_lists_no_other_items(stack: Stack) -> None:
    console = new_console(stack)
    template = Template.from_stack(stack)
    granted = permissions(template, console.reader_role)
    items = [permission for permission in granted if "dynamodb:Query" in permission.actions]
    assert items
    for permission in items:
        assert json.loads(permission.condition)["ForAllValues:StringLike"] == {
            "dynamodb:LeadingKeys": ["CLINIC#*", "CALL#*"]
        }
    assert not [action for permission in granted for action in permission.actions if "Put" in action or "*" in action]
    for permission in granted:
        if "s3:GetObject" in permission.actions:
            assert all(resource.endswith("/transcripts/*") for resource in permission.resources)


def test_only_the_function_may_take_the_roles(stack: Stack) -> None:
    console = new_console(stack)
    template = Template.from_stack(stack)
    assert console.function.role is not None
    for role in (console.reader_role, console.audio_role):
        [statement] = properties(template, role)["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"AWS": {"Fn::GetAtt": [logical_id(console.function.role), "Arn"]}}


def test_the_audio_role_reads_recordings_and_nothing_else(stack: Stack) -> None:
    console = new_console(stack)
    granted = permissions(Template.from_stack(stack), console.audio_role)
    assert {action for permission in granted for action in permission.actions} == {
        "s3:GetObject",
        "s3:GetObjectVersion",
        "kms:Decrypt",
    }


def test_neither_tokens_nor_what_is_searched_for_are_written(stack: Stack) -> None:
    new_console(stack)
    [stage] = Template.from_stack(stack).find_resources("AWS::ApiGatewayV2::Stage").values()
    written = stage["Properties"]["AccessLogSettings"]["Format"]
    assert json.loads(written)["path"] == "$context.path"
    assert "query" not in written.lower()
    assert "header" not in written.lower()
    assert stage["Properties"]["DefaultRouteSettings"]["ThrottlingRateLimit"] == 50


def test_a_pool_of_the_apps_own_is_taken(stack: Stack) -> None:
    pool = cognito.UserPool(stack, "Pool")
    console = new_console(stack, user_pool=pool, sign_in_url="https://sign-in.example.com")
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::Cognito::UserPool", 1)
    template.resource_count_is("AWS::Cognito::UserPoolDomain", 0)
    template.resource_count_is("AWS::Cognito::UserPoolGroup", 0)
    assert console.user_pool is pool
    assert environment(template, console.function)["SIGN_IN_URL"] == "https://sign-in.example.com"


def test_the_page_is_told_of_the_feed(stack: Stack) -> None:
    feed = LiveTranscriptFeed(stack, "Feed")
    console = new_console(stack, feed=feed)
    told = environment(Template.from_stack(stack), console.function)
    assert told["FEED_REALTIME_URL"] == stack.resolve(feed.realtime_url)


def test_a_new_pool_outlives_its_stack(stack: Stack) -> None:
    new_console(stack)
    Template.from_stack(stack).has_resource(
        "AWS::Cognito::UserPool",
        {"DeletionPolicy": "Retain", "Properties": Match.object_like({"DeletionProtection": "ACTIVE"})},
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sign_in_url": "sign-in.example.com"}, "sign_in_url of 'sign-in.example.com' is no address"),
        ({"sign_in_url": "https://example.com/login"}, "no address without a path"),
        ({"clinics": ["qa"]}, "clinics has 'qa', which is a role"),
        ({"clinics": "harbour"}, "clinics of 'harbour' is not a sequence"),
        ({"clinics": ["a/b"]}, "a/b"),
        ({"require_mfa": "no"}, "require_mfa of 'no' is not a bool"),
        ({"role_names": {"doctor": "x"}}, "role of role_names"),
    ],
)
def test_options_that_cannot_be_are_refused_by_name(stack: Stack, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new_console(stack, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "user_pool without sign_in_url"),
        ({"sign_in_url": "https://a.example.com", "clinics": ["harbour"]}, "clinics with a user_pool of yours"),
    ],
)
def test_a_pool_of_the_apps_own_needs_company(stack: Stack, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new_console(stack, user_pool=cognito.UserPool(stack, "Pool"), **options)
