"""A role that is limited to some partitions of a table reads and writes no others."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.conftest import Account, unique

Request = Callable[[Any, str, str], Any]


@pytest.fixture(scope="module")
def table(account: Account) -> str:
    name = unique("table")
    account.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("PK", "SK", "GSI1PK")],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "GSI1",
                "KeySchema": [{"AttributeName": "GSI1PK", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return name


@pytest.fixture(scope="module")
def limited(account: Account, table: str) -> Any:
    """A client that may use the partition ``own``."""
    role = account.role(
        {
            "Effect": "Allow",
            "Action": "dynamodb:*",
            "Resource": f"arn:aws:dynamodb:*:*:table/{table}*",
            "Condition": {
                "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["own"]},
                "Null": {"dynamodb:LeadingKeys": "false"},
            },
        }
    )
    return account.client("dynamodb", **account.assume(role))


def key(partition: str) -> dict[str, Any]:
    return {"PK": {"S": partition}, "SK": {"S": "1"}}


REQUESTS: dict[str, Request] = {
    "get": lambda client, table, name: client.get_item(TableName=table, Key=key(name)),
    "put": lambda client, table, name: client.put_item(TableName=table, Item=key(name)),
    "delete": lambda client, table, name: client.delete_item(TableName=table, Key=key(name)),
    "query": lambda client, table, name: client.query(
        TableName=table,
        KeyConditionExpression="#p = :p AND begins_with(SK, :s)",
        ExpressionAttributeNames={"#p": "PK"},
        ExpressionAttributeValues={":p": {"S": name}, ":s": {"S": "1"}},
    ),
    "query an index": lambda client, table, name: client.query(
        TableName=table,
        IndexName="GSI1",
        KeyConditionExpression="GSI1PK = :p",
        ExpressionAttributeValues={":p": {"S": name}},
    ),
    "get several": lambda client, table, name: client.batch_get_item(
        RequestItems={table: {"Keys": [key("own"), {**key(name), "SK": {"S": "2"}}]}}
    ),
    "write several": lambda client, table, name: client.batch_write_item(
        RequestItems={table: [{"PutRequest": {"Item": {**key(name), "SK": {"S": "3"}}}}]}
    ),
    "a transaction": lambda client, table, name: client.transact_write_items(
        TransactItems=[{"Put": {"TableName": table, "Item": {**key(name), "SK": {"S": "4"}}}}]
    ),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
def test_only_the_own_partition_can_be_used(limited: Any, table: str, request_: Request) -> None:
    request_(limited, table, "own")
    with pytest.raises(ClientError, match="AccessDenied"):
        request_(limited, table, "other")


def test_a_scan_names_no_partition(limited: Any, table: str) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        limited.scan(TableName=table)
