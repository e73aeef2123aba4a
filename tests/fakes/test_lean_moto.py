"""The lean moto answers as the usual one does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any, Final

import boto3
import pytest
from boto3.dynamodb.types import Binary
from moto import mock_aws

from tests.fakes.lean_moto import lean_aws

ITEM: Final[dict[str, Any]] = {
    "id": "one",
    "figure": Decimal("1.50"),
    "flagged": False,
    "not_known": None,
    "wording": "",
    "bits": Binary(b"\x00\xff"),
    "callers": {"a", "b"},
    "figures": {Decimal(1), Decimal(2)},
    "nested": {"parts": [{"deep": {"deeper": [1, "x", None]}}, "y"], "bits": Binary(b"z"), "empty": {}},
    "parts": [[1, 2], {"wording": "w", "start": Decimal("0.25")}, "last"],
    "parts-of-speech": ["none"],
}


def answers(opened: Callable[[], AbstractContextManager[Any]], expression: str | None) -> list[Any]:
    with opened():
        session = boto3.Session("testing", "testing", region_name="eu-central-1")
        table = session.resource("dynamodb").create_table(
            TableName="table",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        table.put_item(Item=ITEM)
        asked: dict[str, Any] = {} if expression is None else {"ProjectionExpression": expression}
        if expression and "#speech" in expression:
            asked["ExpressionAttributeNames"] = {"#speech": "parts-of-speech"}
        got = table.get_item(Key={"id": "one"}, **asked)["Item"]
        updated = table.update_item(
            Key={"id": "one"},
            UpdateExpression="SET wording = :t",
            ExpressionAttributeValues={":t": "new"},
            ReturnValues="ALL_OLD",
        )["Attributes"]
        return [got, table.scan(**asked)["Items"], updated, table.get_item(Key={"id": "one"})["Item"]]


@pytest.mark.parametrize(
    "expression",
    [
        None,
        "id, figure, flagged, not_known, wording",
        "bits, callers, figures",
        "nested, #speech",
        "nested.parts[0].deep, nested.empty, parts[1].wording",
        "parts[0], parts[2], parts[9], absent, absent.more",
    ],
)
def test_items_are_those_of_the_usual_one(expression: str | None) -> None:
    assert answers(lean_aws, expression) == answers(lambda: mock_aws(), expression)
