"""The search: what it follows, what it may, and that nothing stays of what is deleted."""

from __future__ import annotations

import json

import pytest
from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from constructs_lib import AlarmSettings
from tests.constructs_lib.parts import actions, environment, new_console, new_search, permissions, properties


def test_the_shards_keep_no_versions_and_are_encrypted(stack: Stack) -> None:
    search = new_search(stack)
    bucket = properties(Template.from_stack(stack), search.bucket)
    assert "VersioningConfiguration" not in bucket
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


def test_changes_of_transcripts_are_followed_from_the_first_one_on_and_sent_again_until_they_are_done(
    stack: Stack,
) -> None:
    new_search(stack)
    [mapping] = Template.from_stack(stack).find_resources("AWS::Lambda::EventSourceMapping").values()
    told = mapping["Properties"]
    assert (told["StartingPosition"], told["BisectBatchOnFunctionError"]) == ("TRIM_HORIZON", True)
    assert "MaximumRetryAttempts" not in told
    assert told["MaximumRecordAgeInSeconds"] == 20 * 3600
    assert told["DestinationConfig"]["OnFailure"]
    [pattern] = told["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {
        "dynamodb": {"Keys": {"PK": {"S": [{"prefix": "CLINIC#"}]}, "SK": {"S": [{"prefix": "TRANSCRIPT#"}]}}}
    }


def test_the_stream_tells_no_words(stack: Stack) -> None:
    new_search(stack)
    [table] = Template.from_stack(stack).find_resources("AWS::DynamoDB::GlobalTable").values()
    assert table["Properties"]["StreamSpecification"] == {"StreamViewType": "KEYS_ONLY"}


def test_the_function_writes_shards_and_nothing_else(stack: Stack) -> None:
    search = new_search(stack)
    template = Template.from_stack(stack)
    assert search.function.role is not None
    granted = permissions(template, search.function.role)
    written = [one for one in granted if "s3:PutObject" in one.actions]
    assert sorted(resource.rpartition("Arn>")[2] for one in written for resource in one.resources) == [
        "/search/*",
        "/state.json.gz*",
    ]
    allowed = {action for one in granted for action in one.actions}
    assert not {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "s3:DeleteObject"} & allowed
    [items] = [one for one in granted if "dynamodb:BatchGetItem" in one.actions]
    assert json.loads(items.condition)["ForAllValues:StringLike"] == {"dynamodb:LeadingKeys": ["CLINIC#*"]}


def test_a_table_without_a_stream_is_refused_with_what_to_do(stack: Stack) -> None:
    table = dynamodb.Table(
        stack, "Bare", partition_key=dynamodb.Attribute(name="PK", type=dynamodb.AttributeType.STRING)
    )
    with pytest.raises(ValueError, match=r"table has no stream.*KEYS_ONLY"):
        new_search(stack, table=table)


def test_who_may_search_one_clinic_reads_no_others_shards(stack: Stack) -> None:
    search = new_search(stack)
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    search.grant_search(role, clinic_id="harbour")
    granted = permissions(Template.from_stack(stack), role)
    read = {
        resource.rpartition("Arn>")[2] for one in granted if "s3:GetObject" in one.actions for resource in one.resources
    }
    assert read == {"/search/harbour/*", "/state.json.gz"}
    [listing] = [one for one in granted if "s3:ListBucket" in one.actions]
    assert json.loads(listing.condition) == {"StringLike": {"s3:prefix": ["search/harbour/*", "state.json.gz"]}}
    with pytest.raises(ValueError, match="clinic"):
        search.grant_search(role, clinic_id="*")


def test_alarms_can_be_chosen(stack: Stack) -> None:
    search = new_search(stack, alarms=AlarmSettings(without=("UpdatesBehind",), thresholds={"FailedUpdates": 3}))
    assert {*search.alarms} == {"FailedUpdates"}


def test_an_alarm_that_there_is_not_is_refused(stack: Stack) -> None:
    with pytest.raises(ValueError, match="alarm"):
        new_search(stack, alarms=AlarmSettings(without=("Nothing",)))


def test_the_console_is_told_of_the_search_and_its_reader_may_read_it(stack: Stack) -> None:
    console = new_console(stack, searched=True)
    template = Template.from_stack(stack)
    assert environment(template, console.function)["SEARCH_BUCKET"] != ""
    assert "s3:ListBucket" in actions(template, console.reader_role)
    read = [resource for one in permissions(template, console.reader_role) for resource in one.resources]
    assert any(resource.endswith("/search/*") for resource in read)


def test_a_console_without_search_is_told_of_none(stack: Stack) -> None:
    console = new_console(stack)
    assert environment(Template.from_stack(stack), console.function)["SEARCH_BUCKET"] == ""
