"""The emulator passes Kinesis Video's control plane on to the simulator, to those who may."""

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.conftest import Account
from tests.local.kinesis_video_control import STREAM, Simulator

OTHER = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/elsewhere-1/1763812345678"


@pytest.fixture
def simulator(kinesis_video: Simulator) -> Simulator:
    kinesis_video.asked.clear()
    return kinesis_video


def test_the_data_endpoint_is_the_simulators(account: Account, simulator: Simulator) -> None:
    client = account.client("kinesisvideo")

    answer = client.get_data_endpoint(StreamARN=STREAM, APIName="GET_MEDIA")

    assert answer["DataEndpoint"] == "http://127.0.0.1:8789"
    assert simulator.asked == [("/getDataEndpoint", {"StreamARN": STREAM, "APIName": "GET_MEDIA"})]


def test_its_errors_come_through(account: Account, simulator: Simulator) -> None:
    client = account.client("kinesisvideo")

    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_data_endpoint(StreamName="missing", APIName="GET_MEDIA")


def test_a_role_gets_at_the_streams_it_may(account: Account, simulator: Simulator) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "kinesisvideo:GetDataEndpoint",
        "Resource": "arn:aws:kinesisvideo:us-east-1:000000000000:stream/connect-lakeside-*/*",
    }
    client = account.client("kinesisvideo", **account.assume(account.role(statement)))

    assert client.get_data_endpoint(StreamARN=STREAM, APIName="GET_MEDIA")["DataEndpoint"]
    assert client.get_data_endpoint(StreamName="connect-lakeside-1", APIName="GET_MEDIA")["DataEndpoint"]
    for request in ({"StreamARN": OTHER}, {"StreamName": "elsewhere-1"}):
        with pytest.raises(ClientError, match="AccessDenied"):
            client.get_data_endpoint(**request, APIName="GET_MEDIA")
    assert len(simulator.asked) == 2


def test_a_stack_declares_a_stream(account: Account, simulator: Simulator) -> None:
    properties = {"Name": "connect-lakeside-1", "DataRetentionInHours": 24}
    stream = {"Type": "AWS::KinesisVideo::Stream", "Properties": properties}

    outputs = account.deploy({"Stream": stream}, {"Arn": {"Fn::GetAtt": ["Stream", "Arn"]}})

    assert outputs["Arn"] == STREAM
    assert simulator.asked == [("/createStream", {"StreamName": "connect-lakeside-1", "DataRetentionInHours": 24})]
    account.client("cloudformation").delete_stack(StackName=outputs["StackName"])
    account.gone(outputs["StackName"])
    assert simulator.asked[-1] == ("/deleteStream", {"StreamARN": STREAM})
