"""An SQS event source mapping in the emulator behaves as AWS's."""

import json
import os
import signal
from typing import Any

from local.emulator.process import Emulator
from tests.local.emulator.conftest import Account, eventually

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


def reports(account: Account, url: str, count: int, *, seconds: float = 30) -> list[dict[str, Any]]:
    received: list[dict[str, Any]] = []
    sqs = account.client("sqs")

    def all_there() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            received.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(received) >= count

    eventually(all_there, seconds=seconds)
    return received


def test_a_burst_is_worked_on_by_so_many_at_once_and_never_more(account: Account) -> None:
    report, queue = account.queue(), account.queue(VisibilityTimeout="60")
    code = REPORT + (
        "def handle(event, context):\n"
        "    start = time.time(); time.sleep(0.3)\n"
        "    report(start=start, end=time.time(), records=len(event['Records']))\n"
    )
    mapping(account, queue, account.function(code, REPORT=report), concurrency=6)
    for number in range(24):
        account.client("sqs").send_message(QueueUrl=queue, MessageBody=str(number))

    seen = reports(account, report, 24)

    assert {entry["records"] for entry in seen} == {1}
    together = [sum(other["start"] <= entry["start"] < other["end"] for other in seen) for entry in seen]
    assert 3 < max(together) <= 6  # a worker that starts slowly may come too late to join the others


def test_a_reported_failure_comes_back_counted_after_the_visibility_that_the_function_set(account: Account) -> None:
    report, queue = account.queue(), account.queue(VisibilityTimeout="600")
    code = REPORT + (
        "def handle(event, context):\n"
        "    (record,) = event['Records']\n"
        "    report(count=record['attributes']['ApproximateReceiveCount'], at=time.time())\n"
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

    assert account.receive(dead, seconds=20)["Body"] == "poison"


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
