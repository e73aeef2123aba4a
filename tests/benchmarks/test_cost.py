from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from benchmarks.cost import CallUsage, bill, comparison_figures, happy_path, item_size, monthly_figures, write_units

LAMBDA = "arn:aws:states:::lambda:invoke"
DEFINITION: dict[str, Any] = {
    "StartAt": "Admit",
    "States": {
        "Admit": {"Type": "Task", "Resource": LAMBDA, "Next": "Decision", "Catch": [{"Next": "Record"}]},
        "Decision": {
            "Type": "Choice",
            "Choices": [{"Next": "Transcribe"}, {"Next": "Nothing to do"}],
            "Default": "Record",
        },
        "Transcribe": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Next": "Announce",
        },
        "Announce": {"Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "Next": "Complete"},
        "Complete": {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:updateItem", "Next": "Transcribed"},
        "Transcribed": {"Type": "Succeed"},
        "Nothing to do": {"Type": "Succeed"},
        "Record": {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:updateItem", "Next": "Tell"},
        "Tell": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Next": "Failed"},
        "Failed": {"Type": "Fail"},
    },
}
USAGE = CallUsage(
    path=happy_path(DEFINITION),
    memory_mib={"admit_recording": 1024, "transcribe_call": 512},
    requests=Counter({"s3:PutObject": 2, "s3:GetObject": 3, "s3:HeadObject": 1, "dynamodb:GetItem": 1}),
    write_units=10,
    claim_bytes=1500,
    transcript_bytes=20_000,
    archive_bytes=100_000,
    recording_bytes=8_000_000,
    log_bytes=5_000,
    deepgram_usd=Decimal("0.04"),
)


def quantity(service: str, what: str) -> Decimal:
    (line,) = (line for line in bill(USAGE) if line.service == service and line.what.startswith(what))
    return line.quantity


def test_the_happy_path_is_the_longest_way_to_success_without_a_failure() -> None:
    assert list(happy_path(DEFINITION)) == ["Admit", "Decision", "Transcribe", "Announce", "Complete", "Transcribed"]


def test_each_state_and_the_end_is_a_transition() -> None:
    assert quantity("Step Functions", "state transitions") == 7


def test_duration_is_billed_by_memory() -> None:
    assert quantity("Lambda", "GB-seconds") == Decimal("0.5") + Decimal("0.5") * 10


def test_tasks_of_the_workflow_are_billed_beside_the_functions() -> None:
    assert quantity("SQS", "send") == 3
    assert quantity("EventBridge", "events") == 2
    assert quantity("DynamoDB", "write units") == 10 + 4


def test_requests_that_read_and_write_have_prices_of_their_own() -> None:
    assert quantity("S3", "reads") == 4
    assert quantity("S3", "writes") == 2
    assert quantity("DynamoDB", "read units") == 1


def test_the_recording_leaves_aws_once() -> None:
    assert quantity("Data transfer", "GB") == Decimal("0.008")


def test_a_line_costs_its_quantity_times_its_price_for_every_call() -> None:
    (line,) = (line for line in bill(USAGE) if line.service == "Data transfer")

    assert line.usd(calls=1000) == Decimal("0.72")


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({"PK": {"S": "CALL#é"}}, 2 + 7),
        ({"n": {"N": "0.98"}}, 1 + 2),
        ({"n": {"N": "-1200"}}, 1 + 3),
        ({"on": {"BOOL": True}}, 3),
        ({"a": {"L": [{"S": "xy"}, {"NULL": True}]}}, 1 + 3 + 1 + 2 + 1 + 1),
        ({"a": {"M": {"b": {"S": "xy"}}}}, 1 + 3 + 1 + 1 + 2),
    ],
)
def test_items_are_sized_as_dynamodb_sizes_them(item: dict[str, Any], size: int) -> None:
    assert item_size(item) == size


@pytest.mark.parametrize(("size", "transactional", "units"), [(1, False, 2), (1025, False, 4), (1025, True, 6)])
def test_a_write_is_billed_by_the_started_kilobyte_in_table_and_index(
    size: int, transactional: bool, units: int
) -> None:
    assert write_units(size, transactional=transactional) == units


def test_amazon_transcribe_is_compared_without_sending_the_audio_out() -> None:
    figures = comparison_figures(bill(USAGE), Decimal("0.04"))

    recognition, aws, total = figures.rows
    assert recognition == ("recognition", "40.00", "96.00", "0.42")
    assert Decimal(aws[1]) - Decimal(aws[2]) == Decimal("0.72")
    assert Decimal(total[1]) == Decimal(recognition[1]) + Decimal(aws[1])


def test_what_stands_ready_is_billed_by_the_month() -> None:
    figures = monthly_figures([{"Type": "AWS::KMS::Key"}] * 2 + [{"Type": "AWS::CloudWatch::Alarm"}])

    assert ("KMS keys", "2", "2.00") in figures.rows
    assert ("alarms", "1", "0.10") in figures.rows
    assert figures.rows[-1] == ("all", "", "2.36")
