"""Outputs of stacks that operators' commands read, told from those of others."""

import pytest

from callscribe.contract.outputs import DeploymentOutput, exported


@pytest.mark.parametrize(
    ("key", "path", "name"),
    [
        ("CallScribeTableName0A1B2C3D", "", "TableName"),
        ("CallsCallScribeLiveCallsQueueUrl0A1B2C3D", "Calls", "LiveCallsQueueUrl"),
        ("CallsCallScribeFailedLiveCallsQueueUrl0A1B2C3D", "Calls", "FailedLiveCallsQueueUrl"),
        ("ShopCallScribeCallScribeStateMachineArn0A1B2C3D", "ShopCallScribe", "StateMachineArn"),
    ],
)
def test_a_key_names_the_construct_and_the_part(key: str, path: str, name: str) -> None:
    assert exported(key) == (path, DeploymentOutput(name))


@pytest.mark.parametrize(
    "key", ["TableName", "CallScribeTableName", "ShopTableName0A1B2C3D", "CallScribeOther0A1B2C3D"]
)
def test_an_output_of_somebody_else_is_none_of_ours(key: str) -> None:
    assert exported(key) is None
