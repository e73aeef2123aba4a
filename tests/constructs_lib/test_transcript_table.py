import pytest
from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Template

from callscribe.documents import ArchivePointers, to_item
from constructs_lib import TranscriptTable
from tests.callscribe.replies import APPOINTMENT, stereo, transcript_of
from tests.constructs_lib.parts import Permission, logical_id, permissions, properties, reader


def test_items_are_keyed_by_clinic_and_day_and_by_call(stack: Stack) -> None:
    table = TranscriptTable(stack, "Transcripts")
    found = properties(Template.from_stack(stack), table.table)
    assert found["KeySchema"] == [
        {"AttributeName": "PK", "KeyType": "HASH"},
        {"AttributeName": "SK", "KeyType": "RANGE"},
    ]
    by_call, listing, rows = found["GlobalSecondaryIndexes"]
    assert by_call == {
        "IndexName": "GSI1",
        "KeySchema": [
            {"AttributeName": "GSI1PK", "KeyType": "HASH"},
            {"AttributeName": "GSI1SK", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "ALL"},
    }
    assert listing["IndexName"] == "GSI2"
    assert [key["AttributeName"] for key in listing["KeySchema"]] == ["GSI2PK", "GSI2SK"]
    assert (rows["IndexName"], rows["KeySchema"]) == ("GSI3", listing["KeySchema"])
    assert {attribute["AttributeType"] for attribute in found["AttributeDefinitions"]} == {"S"}


@pytest.mark.parametrize("number", [1, 2])
def test_a_list_holds_figures_and_no_words(stack: Stack, number: int) -> None:
    table = TranscriptTable(stack, "Transcripts")
    listing = properties(Template.from_stack(stack), table.table)["GlobalSecondaryIndexes"][number]["Projection"]
    assert listing["ProjectionType"] == "INCLUDE"
    item = to_item(
        transcript_of(stereo(APPOINTMENT)),
        archive=ArchivePointers(bucket="b", transcript_key="t", reply_key="r"),
    )
    listed = {name: item[name] for name in listing["NonKeyAttributes"] if name in item}
    assert len(listing["NonKeyAttributes"]) <= 20
    assert {"started_at", "duration_seconds", "cost"} <= listed.keys()
    assert not {word for turn in APPOINTMENT for word in turn.text.split() if len(word) > 5} & set(str(listed).split())


def test_the_table_is_on_demand_and_expires_items(stack: Stack) -> None:
    table = TranscriptTable(stack, "Transcripts")
    found = properties(Template.from_stack(stack), table.table)
    assert found["BillingMode"] == "PAY_PER_REQUEST"
    assert found["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert "TableName" not in found


def test_the_table_can_be_restored_and_is_encrypted_and_protected(stack: Stack) -> None:
    table = TranscriptTable(stack, "Transcripts")
    template = Template.from_stack(stack)
    found = properties(template, table.table)
    [replica] = found["Replicas"]
    assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert replica["SSESpecification"] == {"KMSMasterKeyId": {"Fn::GetAtt": [logical_id(table.key), "Arn"]}}
    assert replica["DeletionProtectionEnabled"] is True
    assert found["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    assert template.to_json()["Resources"][logical_id(table.table)]["DeletionPolicy"] == "Retain"


def test_a_table_that_goes_with_its_stack_is_not_protected_from_it(stack: Stack) -> None:
    table = TranscriptTable(stack, "Transcripts", removal_policy=RemovalPolicy.DESTROY)
    template = Template.from_stack(stack)
    [replica] = properties(template, table.table)["Replicas"]
    assert replica["DeletionProtectionEnabled"] is False
    assert template.to_json()["Resources"][logical_id(table.table)]["DeletionPolicy"] == "Delete"


def test_point_in_time_recovery_can_be_off(stack: Stack) -> None:
    table = TranscriptTable(stack, "Transcripts", point_in_time_recovery=False)
    [replica] = properties(Template.from_stack(stack), table.table)["Replicas"]
    assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": False}


def test_a_key_of_ones_own_is_used_and_none_made(stack: Stack) -> None:
    key = kms.Key(stack, "Mine")
    table = TranscriptTable(stack, "Transcripts", key=key)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::KMS::Key", 1)
    [replica] = properties(template, table.table)["Replicas"]
    assert replica["SSESpecification"] == {"KMSMasterKeyId": {"Fn::GetAtt": [logical_id(key), "Arn"]}}


def test_grant_read_allows_queries_but_no_scan(stack: Stack) -> None:
    table, role = TranscriptTable(stack, "Transcripts"), reader(stack)
    table.grant_read(role)
    name, key = logical_id(table.table), logical_id(table.key)
    assert permissions(Template.from_stack(stack), role) == {
        Permission(
            frozenset({"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"}), frozenset({f"<{name}.Arn>"})
        ),
        Permission(
            frozenset({"dynamodb:Query"}), frozenset({f"<{name}.Arn>/index/GSI{number}" for number in (1, 2, 3)})
        ),
        Permission(
            frozenset({"kms:Decrypt"}),
            frozenset({f"<{key}.Arn>"}),
            '{"StringEquals": {"kms:ViaService": "dynamodb.eu-central-1.amazonaws.com"}}',
        ),
    }


def test_fails_in_a_stack_without_a_region() -> None:
    with pytest.raises(ValueError, match=r"Anywhere/Transcripts needs a stack with a region.*env=Environment"):
        TranscriptTable(Stack(App(), "Anywhere"), "Transcripts")
