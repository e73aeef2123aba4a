from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Match, Template

from constructs_lib import ClinicUsers, LiveTranscriptFeed
from local.emulator.channel_handlers import ChannelHandlers
from tests.constructs_lib.parts import Permission, logical_id, permissions, properties, reader

CALL = "0b7a5d5e-5b0c-4c3f-8a0e-2f4f6b1d9c11"


class Handler:
    """The namespace's handler in Node."""

    def __init__(self, code: str, folder: Path) -> None:
        self._code = code
        self._handlers = ChannelHandlers(folder)

    def lets(self, identity: dict[str, Any] | None, *channels: str) -> list[bool]:
        """Say for each channel whether the caller may follow it."""
        return self._handlers.admit(self._code, identity, channels)


def user_pool(stack: Stack) -> cognito.IUserPool:
    return cognito.UserPool.from_user_pool_id(stack, "People", "eu-central-1_AbCdEfGhI")


def code_of(stack: Stack, feed: LiveTranscriptFeed) -> str:
    """The handler's code, with roles by their logical ids."""
    code = properties(Template.from_stack(stack), feed.namespace)["CodeHandlers"]
    if isinstance(code, str):
        return code
    return "".join(part if isinstance(part, str) else part["Ref"] for part in code["Fn::Join"][1])


def person(**claims: Any) -> dict[str, Any]:
    return {"sub": "1", "username": "1", "claims": claims}


def session_of(role: str) -> dict[str, Any]:
    return {"accountId": "111122223333", "userArn": f"arn:aws:sts::111122223333:assumed-role/{role}/dashboard"}


def test_people_follow_the_calls_of_their_clinic_only(stack: Stack, tmp_path: Path) -> None:
    feed = LiveTranscriptFeed(stack, "Feed", user_pool=user_pool(stack))
    handler = Handler(code_of(stack, feed), tmp_path)
    doctor = person(**{"cognito:groups": ["lakeside"]})
    assert handler.lets(doctor, f"/calls/lakeside/{CALL}", "/calls/lakeside/*") == [True, True]
    elsewhere = (f"/calls/hilltop/{CALL}", "/calls/hilltop/*", "/calls/*", "/calls/*/*", "/calls", "/calls/lakeside")
    assert not any(handler.lets(doctor, *elsewhere))
    assert not any(handler.lets(doctor, "/calls/lakeside/*/more", "/calls/lakeside2/*", "/calls/Lakeside/*"))


def test_a_person_of_several_clinics_follows_each(stack: Stack, tmp_path: Path) -> None:
    feed = LiveTranscriptFeed(stack, "Feed", user_pool=user_pool(stack))
    handler = Handler(code_of(stack, feed), tmp_path)
    manager = person(**{"cognito:groups": ["lakeside", "hilltop"]})
    assert handler.lets(manager, "/calls/lakeside/*", "/calls/hilltop/*", "/calls/main/*") == [True, True, False]


def test_a_token_for_another_app_of_the_same_users_follows_nothing(stack: Stack, tmp_path: Path) -> None:
    users = ClinicUsers(stack, "Users")
    handler = Handler(code_of(stack, LiveTranscriptFeed(stack, "Feed", users=users)), tmp_path)
    doctor = {"cognito:groups": ["lakeside"]}
    assert handler.lets(person(**doctor, scope=f"openid {users.calls_scope}"), "/calls/lakeside/*") == [True]
    for claims in (doctor, {**doctor, "scope": "openid"}, {**doctor, "scope": f"{users.calls_scope}s"}):
        assert handler.lets(person(**claims), "/calls/lakeside/*") == [False]


@pytest.mark.parametrize("identity", [None, {}, person(), person(**{"cognito:groups": []})])
def test_who_is_of_no_clinic_follows_nothing(stack: Stack, tmp_path: Path, identity: dict[str, Any] | None) -> None:
    feed = LiveTranscriptFeed(stack, "Feed", user_pool=user_pool(stack))
    handler = Handler(code_of(stack, feed), tmp_path)
    assert not any(handler.lets(identity, "/calls/lakeside/*", "/calls/undefined/*", "/calls/*"))


def test_another_claim_can_name_the_clinic(stack: Stack, tmp_path: Path) -> None:
    feed = LiveTranscriptFeed(stack, "Feed", user_pool=user_pool(stack), clinic_claim="custom:clinic_id")
    handler = Handler(code_of(stack, feed), tmp_path)
    channels = ("/calls/lakeside/*", "/calls/lake/*", "/calls/l/*")
    assert handler.lets(person(**{"custom:clinic_id": "lakeside"}), *channels) == [True, False, False]
    assert not any(handler.lets(person(**{"cognito:groups": ["lakeside"]}), *channels))


def test_a_role_follows_the_clinics_it_was_granted(stack: Stack, tmp_path: Path) -> None:
    feed = LiveTranscriptFeed(stack, "Feed")
    role = reader(stack)
    feed.grant_subscribe(role, clinic_id="lakeside")
    feed.grant_subscribe(role, clinic_id="hilltop")
    handler = Handler(code_of(stack, feed), tmp_path)
    channels = ("/calls/lakeside/*", f"/calls/hilltop/{CALL}", "/calls/main/*", "/calls/*")
    assert handler.lets(session_of(logical_id(role)), *channels) == [True, True, False, False]
    assert not any(handler.lets(session_of("Other"), *channels))
    for user in (logical_id(role), f"{logical_id(role)}/somebody"):
        arn = f"arn:aws:iam::111122223333:user/{user}"
        assert not any(handler.lets({"accountId": "111122223333", "userArn": arn}, *channels))


def test_a_grant_to_subscribe_allows_nothing_but_that(stack: Stack) -> None:
    feed = LiveTranscriptFeed(stack, "Feed")
    role = reader(stack)
    feed.grant_subscribe(role, clinic_id="lakeside")
    api = f"arn:aws:appsync:eu-central-1:<AWS::AccountId>:apis/<{logical_id(feed.api)}.ApiId>"
    assert permissions(Template.from_stack(stack), role) == {
        Permission(frozenset({"appsync:EventSubscribe"}), frozenset({f"{api}/channelNamespace/calls"})),
        Permission(frozenset({"appsync:EventConnect"}), frozenset({api})),
    }


def test_a_grant_to_publish_allows_nothing_but_that(stack: Stack) -> None:
    feed = LiveTranscriptFeed(stack, "Feed")
    role = reader(stack)
    feed.grant_publish(role)
    namespace = (
        f"arn:aws:appsync:eu-central-1:<AWS::AccountId>:apis/<{logical_id(feed.api)}.ApiId>/channelNamespace/calls"
    )
    assert permissions(Template.from_stack(stack), role) == {
        Permission(frozenset({"appsync:EventPublish"}), frozenset({namespace}))
    }


def test_only_iam_publishes_and_nobody_comes_with_a_key(stack: Stack) -> None:
    LiveTranscriptFeed(stack, "Feed", user_pool=user_pool(stack))
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::AppSync::ApiKey", 0)
    both = [{"AuthType": "AWS_IAM"}, {"AuthType": "AMAZON_COGNITO_USER_POOLS"}]
    template.has_resource_properties(
        "AWS::AppSync::Api",
        {
            "EventConfig": {
                "ConnectionAuthModes": both,
                "DefaultPublishAuthModes": [{"AuthType": "AWS_IAM"}],
                "DefaultSubscribeAuthModes": both,
            }
        },
    )
    template.has_resource_properties(
        "AWS::AppSync::ChannelNamespace",
        {"Name": "calls", "PublishAuthModes": [{"AuthType": "AWS_IAM"}], "SubscribeAuthModes": both},
    )


def test_without_a_user_pool_only_roles_subscribe(stack: Stack) -> None:
    LiveTranscriptFeed(stack, "Feed")
    Template.from_stack(stack).has_resource_properties(
        "AWS::AppSync::ChannelNamespace", {"SubscribeAuthModes": [{"AuthType": "AWS_IAM"}]}
    )


def test_logs_hold_errors_encrypted_and_no_words(stack: Stack) -> None:
    feed = LiveTranscriptFeed(stack, "Feed")
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::AppSync::Api",
        {"EventConfig": {"LogConfig": {"LogLevel": "ERROR", "CloudWatchLogsRoleArn": Match.any_value()}}},
    )
    template.has_resource_properties(
        "AWS::Logs::LogGroup",
        {
            "LogGroupName": {"Fn::Join": ["", ["/aws/appsync/apis/", {"Fn::GetAtt": [logical_id(feed.api), "ApiId"]}]]},
            "KmsKeyId": {"Fn::GetAtt": [logical_id(feed.key), "Arn"]},
            "RetentionInDays": 365,
        },
    )


def test_a_deployment_needs_no_custom_resource(stack: Stack) -> None:
    LiveTranscriptFeed(stack, "Feed", user_pool=user_pool(stack))
    Template.from_stack(stack).resource_count_is("AWS::Lambda::Function", 0)


def test_the_urls_are_those_of_the_api(stack: Stack) -> None:
    feed = LiveTranscriptFeed(stack, "Feed")
    api = logical_id(feed.api)
    assert stack.resolve(feed.http_url) == {"Fn::Join": ["", ["https://", {"Fn::GetAtt": [api, "Dns.Http"]}, "/event"]]}
    assert stack.resolve(feed.realtime_url) == {
        "Fn::Join": ["", ["wss://", {"Fn::GetAtt": [api, "Dns.Realtime"]}, "/event/realtime"]]
    }


def test_fails_for_a_claim_of_nobodys_token(stack: Stack) -> None:
    with pytest.raises(ValueError, match=r"clinic_claim 'custom:clinic_id' without a user_pool: pass the pool"):
        LiveTranscriptFeed(stack, "Feed", clinic_claim="custom:clinic_id")


@pytest.mark.parametrize("clinic", ["", "*", "a/b", "a_b", "-a", "x" * 51])
def test_fails_for_a_clinic_that_is_no_part_of_a_channel(stack: Stack, clinic: str) -> None:
    feed = LiveTranscriptFeed(stack, "Feed")
    role = iam.Role.from_role_name(stack, "Theirs", "theirs")
    with pytest.raises(ValueError, match=r"cannot be part of a channel: use 1 to 50 letters, digits and dashes"):
        feed.grant_subscribe(role, clinic_id=clinic)


def test_fails_for_users_of_two_kinds(stack: Stack) -> None:
    with pytest.raises(ValueError, match="users and user_pool: pass the one or the other"):
        LiveTranscriptFeed(stack, "Feed", users=ClinicUsers(stack, "Users"), user_pool=user_pool(stack))
