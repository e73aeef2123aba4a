"""The console: who may sign in, what is for everybody, and what its roles may read."""

from __future__ import annotations

import json
from typing import cast
from urllib.parse import urlsplit

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk.assertions import Template

from constructs_lib import ClinicUsers, LiveTranscriptFeed
from tests.conftest import REGION
from tests.constructs_lib.live_parts import STREAM_PREFIX, new_streamer
from tests.constructs_lib.parts import (
    actions,
    environment,
    logical_id,
    new_console,
    new_stack,
    new_workflow,
    permissions,
    properties,
)


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
    assert signed_in == {"GET /api/{proxy+}", "POST /api/{proxy+}", "PUT /api/{proxy+}"}


def test_a_token_is_of_this_pool_and_for_this_page(stack: Stack) -> None:
    console = new_console(stack)
    Template.from_stack(stack).has_resource_properties(
        "AWS::ApiGatewayV2::Authorizer",
        {"AuthorizerType": "JWT", "JwtConfiguration": {"Audience": [{"Ref": logical_id(console.client)}]}},
    )


def test_programs_sign_in_only_where_that_is_said_and_lead_back_to_the_same_machine(stack: Stack) -> None:
    assert new_console(stack).program_client is None
    other = new_stack("Other")
    console = new_console(other, program_access=True)
    template = Template.from_stack(other)
    assert console.program_client is not None
    client = properties(template, console.program_client)
    assert client["AllowedOAuthScopes"] == ["openid"]
    assert {urlsplit(url).hostname for url in client["CallbackURLs"]} == {"127.0.0.1"}
    assert (client["AllowedOAuthFlows"], client["GenerateSecret"]) == (["code"], False)
    assert client["AccessTokenValidity"] == 5
    audience = [{"Ref": logical_id(one)} for one in (console.client, console.program_client)]
    template.has_resource_properties("AWS::ApiGatewayV2::Authorizer", {"JwtConfiguration": {"Audience": audience}})


def test_people_sign_in_by_code_and_lose_a_group_within_minutes(stack: Stack) -> None:
    console = new_console(stack)
    client = properties(Template.from_stack(stack), console.client)
    assert (client["AllowedOAuthFlows"], client["GenerateSecret"]) == (["code"], False)
    assert client["AccessTokenValidity"] == 5
    assert client["TokenValidityUnits"]["AccessToken"] == "minutes"
    assert client["CallbackURLs"] == [stack.resolve(console.url)]


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
            "dynamodb:LeadingKeys": ["CLINIC#*", "CALL#*", "LIVE#*", "FAILED", "RECORDING#*"]
        }
    assert not [action for permission in granted for action in permission.actions if "Put" in action or "*" in action]
    for permission in granted:
        if "s3:GetObject" in permission.actions:
            assert all(resource.endswith("/transcripts/*") for resource in permission.resources)


def test_the_writer_writes_what_people_say_of_calls_and_no_transcript(stack: Stack) -> None:
    console = new_console(stack)
    granted = permissions(Template.from_stack(stack), console.writer_role)
    [items] = [permission for permission in granted if "dynamodb:PutItem" in permission.actions]
    assert items.actions == {"dynamodb:PutItem"}
    condition = json.loads(items.condition)
    assert condition["ForAllValues:StringLike"] == {"dynamodb:LeadingKeys": ["CLINIC#*"]}
    written = condition["ForAllValues:StringEquals"]["dynamodb:Attributes"]
    assert {"PK", "SK", "scores", "speakers"} <= {*written}
    assert {"transcript_key", "full_transcript", "flags", "quality"}.isdisjoint(written)
    assert {action for permission in granted for action in permission.actions} <= {
        "dynamodb:PutItem",
        "kms:Decrypt",
        "kms:GenerateDataKey",
    }


def test_calls_are_judged_anew_by_the_functions_that_stored_them(stack: Stack) -> None:
    workflow = new_workflow(Stack(cast(App, stack.node.root), "Other", env=Environment(region=REGION)))
    console = new_console(stack, workflow=workflow)
    template = Template.from_stack(stack)
    assert console.function.role is not None
    [invoke] = [one for one in permissions(template, console.function.role) if "lambda:InvokeFunction" in one.actions]
    drawing = f"<{logical_id(console.waveform_function)}.Arn>"
    assert len(invoke.resources - {drawing}) == 1
    told = environment(template, console.function)
    assert logical_id(workflow.store_function) in json.dumps(told["STORE_FUNCTION"])
    assert told["LIVE_STORE_FUNCTION"] == ""


def test_what_draws_waveforms_reads_recordings_and_can_touch_no_transcript(stack: Stack) -> None:
    console = new_console(stack)
    role = console.waveform_function.role
    assert role is not None
    granted = permissions(Template.from_stack(stack), role)
    for permission in granted:
        if "s3:PutObject" in permission.actions:
            assert all(resource.endswith("/transcripts/*.waveform.json.gz") for resource in permission.resources)
        if "dynamodb:GetItem" in permission.actions:
            assert "RECORDING#*" in permission.condition
    assert not [
        action
        for permission in granted
        for action in permission.actions
        if action.startswith("dynamodb:") and action != "dynamodb:GetItem"
    ]


def test_every_transcribed_recording_is_drawn_once_it_is_announced(stack: Stack) -> None:
    workflow = new_workflow(Stack(cast(App, stack.node.root), "Other", env=Environment(region=REGION)))
    console = new_console(stack, workflow=workflow)
    message = '{"recording_id":<detail-recording_id>,"document":<detail-transcript-key>}'
    Template.from_stack(stack).has_resource_properties(
        "AWS::Events::Rule",
        {
            "EventPattern": {"detail-type": ["Call Transcribed"], "detail": {"source": ["batch"]}},
            "Targets": [
                {
                    "Arn": {"Fn::GetAtt": [logical_id(console.waveform_function), "Arn"]},
                    "InputTransformer": {"InputTemplate": message},
                }
            ],
        },
    )


def test_with_streamers_a_live_call_can_be_given_back_to_them_and_nothing_else_sent(stack: Stack) -> None:
    streamer = new_streamer(stack)
    console = new_console(Stack(cast(App, stack.node.root), "Other", env=Environment(region=REGION)), streamer=streamer)
    template = Template.from_stack(Stack.of(console))
    assert console.function.role is not None
    granted = permissions(template, console.function.role)
    [sending] = [one for one in granted if "sqs:SendMessage" in one.actions]
    assert len(sending.resources) == 1
    assert logical_id(streamer.queue) in next(iter(sending.resources))
    [looking] = [one for one in granted if "kinesisvideo:DescribeStream" in one.actions]
    assert all(f"stream/{STREAM_PREFIX}" in resource for resource in looking.resources)
    assert not [action for one in granted for action in one.actions if action.startswith("kinesisvideo:Get")]


def test_only_the_function_may_take_the_roles(stack: Stack) -> None:
    console = new_console(stack)
    template = Template.from_stack(stack)
    assert console.function.role is not None
    for role in (console.reader_role, console.writer_role, console.audio_role):
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


def test_the_page_is_told_of_the_feed(stack: Stack) -> None:
    users = ClinicUsers(stack, "Users")
    feed = LiveTranscriptFeed(stack, "Feed", users=users)
    console = new_console(stack, users=users, feed=feed)
    told = environment(Template.from_stack(stack), console.function)
    assert told["FEED_REALTIME_URL"] == stack.resolve(feed.realtime_url)
    assert told["CALLS_SCOPE"] == users.calls_scope


@pytest.mark.parametrize("own", [False, True])
def test_a_feed_that_other_people_follow_is_refused(stack: Stack, own: bool) -> None:
    others = LiveTranscriptFeed(stack, "Feed", users=ClinicUsers(stack, "Others"))
    users = ClinicUsers(stack, "Users") if own else None
    with pytest.raises(ValueError, match="feed without its users: make ClinicUsers and pass them to the feed"):
        new_console(stack, feed=others, users=users)


def test_what_a_role_is_called_is_checked(stack: Stack) -> None:
    with pytest.raises(ValueError, match="role of role_names"):
        new_console(stack, role_names={"doctor": "x"})
