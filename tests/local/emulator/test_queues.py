"""An SQS event source mapping in the emulator behaves as AWS's."""

import json
import os
import signal
from pathlib import Path
from typing import Any

from local.emulator.process import Emulator
from tests.local.emulator.conftest import Account
from tests.patience import eventually

# Reports each event to a queue, so that a test sees what the function saw.
REPORT = """
import boto3, json, os, time
def report(**what):
    boto3.client("sqs").send_message(QueueUrl=os.environ["REPORT"], MessageBody=json.dumps(what))
"""


def mapping(account: Account, queue: str, function: str, *, concurrency: int = 2) -> str:
    uuid: str = account.client("lambda").create_event_source_mapping(
        EventSourceArn=account.queue_arn(queue),
        FunctionName=function,
        BatchSize=1,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        ScalingConfig={"MaximumConcurrency": concurrency},
    )["UUID"]
    return uuid


def reports(account: Account, url: str, count: int) -> list[dict[str, Any]]:
    received: list[dict[str, Any]] = []
    sqs = account.client("sqs")

    def all_there() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            received.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(received) >= count

    eventually(all_there)
    return received


def test_a_burst_is_worked_on_by_so_many_at_once_and_never_more(account: Account, tmp_path: Path) -> None:
    report, queue = account.queue(), account.queue(VisibilityTimeout="600")
    # However slowly workers start, the first six wait for each other, and then for long enough that one too many would
    # join them.
    code = REPORT + (
        "def handle(event, context):\n"
        "    start, there = time.time(), os.environ['THERE']\n"
        "    open(f'{there}/{context.aws_request_id}', 'w').close()\n"
        "    while len(os.listdir(there)) < 6: time.sleep(0.02)\n"
        "    time.sleep(0.5)\n"
        "    report(start=start, end=time.time(), records=len(event['Records']))\n"
    )
    mapping(account, queue, account.function(code, timeout=300, REPORT=report, THERE=str(tmp_path)), concurrency=6)
    for number in range(24):
        account.client("sqs").send_message(QueueUrl=queue, MessageBody=str(number))

    seen = reports(account, report, 24)

    assert {entry["records"] for entry in seen} == {1}
    together = [sum(other["start"] <= entry["start"] < other["end"] for other in seen) for entry in seen]
    assert max(together) == 6


def test_a_reported_failure_comes_back_counted_after_the_visibility_that_the_function_set(account: Account) -> None:
    report, queue = account.queue(), account.queue(VisibilityTimeout="600")
    code = REPORT + (
        "def handle(event, context):\n"
        "    (record,) = event['Records']\n"
        "    count = record['attributes']['ApproximateReceiveCount']\n"
        "    report(count=count, at=time.time())\n"
        "    if count == '2': return\n"
        "    boto3.client('sqs').change_message_visibility(\n"
        "        QueueUrl=os.environ['QUEUE'], ReceiptHandle=record['receiptHandle'], VisibilityTimeout=1)\n"
        "    return {'batchItemFailures': [{'itemIdentifier': record['messageId']}]}\n"
    )
    mapping(account, queue, account.function(code, REPORT=report, QUEUE=queue))
    account.client("sqs").send_message(QueueUrl=queue, MessageBody="again")

    first, second = reports(account, report, 2)[:2]

    assert (first["count"], second["count"]) == ("1", "2")
    assert second["at"] - first["at"] >= 1


def test_a_message_that_always_fails_goes_to_the_dead_letter_queue(account: Account) -> None:
    dead = account.queue()
    redrive = json.dumps({"deadLetterTargetArn": account.queue_arn(dead), "maxReceiveCount": 2})
    queue = account.queue(VisibilityTimeout="1", RedrivePolicy=redrive)
    mapping(account, queue, account.function("def handle(event, context): raise ValueError\n"))

    account.client("sqs").send_message(QueueUrl=queue, MessageBody="poison")

    assert account.receive(dead)["Body"] == "poison"


def test_a_message_comes_back_after_its_visibility_when_the_worker_is_killed(
    account: Account, emulator: Emulator
) -> None:
    report, queue = account.queue(), account.queue(VisibilityTimeout="2")
    code = REPORT + (
        "def handle(event, context):\n"
        "    count = event['Records'][0]['attributes']['ApproximateReceiveCount']\n"
        "    report(count=count)\n"
        "    time.sleep(60 if count == '1' else 0)\n"
    )
    function = account.function(code, timeout=120, REPORT=report)
    mapping(account, queue, function)
    account.client("sqs").send_message(QueueUrl=queue, MessageBody="once more")
    reports(account, report, 1)

    (worker,) = [w for w in emulator.workers() if w["function"] == function.rsplit(":", 1)[1] and w["busy"]]
    os.kill(worker["pid"], signal.SIGKILL)

    assert reports(account, report, 1)[0] == {"count": "2"}
