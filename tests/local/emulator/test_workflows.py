"""Step Functions in the emulator behaves as AWS's Standard workflows, as far as this project uses them."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator.patches.workflows import retry_delay
from tests.local.emulator.conftest import Account, unique
from tests.patience import PATIENCE_SECONDS, eventually


def waiting_task(queue: str, **fields: Any) -> dict[str, Any]:
    """A state machine that sends its token to a queue and waits for the answer."""
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {"QueueUrl": queue, "MessageBody": {"token": "{% $states.context.Task.Token %}"}},
        "End": True,
        **fields,
    }
    return {"StartAt": "Wait", "States": {"Wait": task}}


def token_from(account: Account, queue: str) -> str:
    message = account.receive(queue)
    account.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    token: str = json.loads(message["Body"])["token"]
    return token


def refusal(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    code: str = caught.value.response["Error"]["Code"]
    return code


def test_a_state_that_waits_takes_as_much_of_its_time_as_the_emulator_is_told(account: Account) -> None:
    longer_than_the_test = 4 * PATIENCE_SECONDS
    waiting = {"Type": "Wait", "Seconds": longer_than_the_test, "End": True}

    execution = account.start({"StartAt": "Wait", "States": {"Wait": waiting}})

    assert account.ended(execution)["status"] == "SUCCEEDED"


def test_an_answered_token_ends_the_task_with_the_answer(account: Account) -> None:
    states, queue = account.client("stepfunctions"), account.queue()
    execution = account.start(waiting_task(queue, Output={"n": "{% $states.result.n %}"}))
    token = token_from(account, queue)

    states.send_task_heartbeat(taskToken=token)
    states.send_task_success(taskToken=token, output=json.dumps({"n": 7}))

    described = account.ended(execution)
    assert (described["status"], json.loads(described["output"])) == ("SUCCEEDED", {"n": 7})


def test_a_task_that_is_told_to_fail_fails_with_that_name(account: Account) -> None:
    queue = account.queue()
    execution = account.start(waiting_task(queue))

    account.client("stepfunctions").send_task_failure(
        taskToken=token_from(account, queue), error="Deepgram.HTTP402", cause="no credit"
    )

    described = account.ended(execution)
    assert (described["status"], described["error"], described["cause"]) == ("FAILED", "Deepgram.HTTP402", "no credit")


def test_a_token_is_answered_once(account: Account) -> None:
    states, queue = account.client("stepfunctions"), account.queue()
    account.start(waiting_task(queue))
    token = token_from(account, queue)
    states.send_task_success(taskToken=token, output="{}")

    assert refusal(states.send_task_success, taskToken=token, output="{}") == "TaskTimedOut"
    assert refusal(states.send_task_failure, taskToken=token) == "TaskTimedOut"
    assert refusal(states.send_task_heartbeat, taskToken=token) == "TaskTimedOut"


def test_a_text_that_is_no_token_is_invalid(account: Account) -> None:
    heartbeat = account.client("stepfunctions").send_task_heartbeat

    assert refusal(heartbeat, taskToken="made up") == "InvalidToken"


def test_a_task_that_waits_too_long_times_out_and_its_token_with_it(account: Account) -> None:
    queue = account.queue()
    execution = account.start(waiting_task(queue, TimeoutSeconds=1))
    token = token_from(account, queue)

    assert account.ended(execution)["error"] == "States.Timeout"
    assert refusal(account.client("stepfunctions").send_task_heartbeat, taskToken=token) == "TaskTimedOut"


def test_a_stopped_execution_stays_aborted_and_its_token_is_over(account: Account) -> None:
    states, queue = account.client("stepfunctions"), account.queue()
    execution = account.start(waiting_task(queue))
    token = token_from(account, queue)

    states.stop_execution(executionArn=execution)

    assert refusal(states.send_task_heartbeat, taskToken=token) == "TaskTimedOut"
    assert account.ended(execution)["status"] == "ABORTED"


def test_each_attempt_of_a_task_has_its_own_token(account: Account) -> None:
    queue = account.queue()
    account.start(waiting_task(queue, Retry=[{"ErrorEquals": ["Again"], "IntervalSeconds": 1, "MaxAttempts": 1}]))
    first = token_from(account, queue)
    account.client("stepfunctions").send_task_failure(taskToken=first, error="Again")

    assert token_from(account, queue) != first


@pytest.mark.parametrize(
    ("retrier", "retries", "longest"),
    [
        ({}, 0, 1),
        ({}, 3, 8),
        ({"IntervalSeconds": 30, "BackoffRate": 1.5}, 2, 67.5),
        ({"IntervalSeconds": 30, "MaxDelaySeconds": 45}, 0, 30),
        ({"IntervalSeconds": 30, "MaxDelaySeconds": 45}, 5, 45),
    ],
)
def test_a_retry_waits_no_longer_than_its_interval_or_its_maximum_delay(
    retrier: dict[str, Any], retries: int, longest: float
) -> None:
    assert retry_delay(retrier, retries) == longest
    drawn = [retry_delay({**retrier, "JitterStrategy": "FULL"}, retries) for _ in range(100)]
    assert 0 <= min(drawn) < max(drawn) <= longest


def lambda_task(function: str, **fields: Any) -> dict[str, Any]:
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function, "Payload": "{% $states.input %}"},
        "Output": "{% $states.result.Payload %}",
        "End": True,
        **fields,
    }
    return {"StartAt": "Call", "States": {"Call": task}}


def test_a_function_that_fails_twice_succeeds_on_the_third_attempt(account: Account) -> None:
    counter = account.queue()
    code = (
        "import boto3, os\nclass Busy(Exception): pass\n"
        "def handle(event, context):\n"
        "    sqs = boto3.client('sqs'); url = os.environ['COUNTER']\n"
        "    sqs.send_message(QueueUrl=url, MessageBody='.')\n"
        "    names = ['ApproximateNumberOfMessages']\n"
        "    count = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)['Attributes'][names[0]]\n"
        "    if int(count) < 3: raise Busy\n"
        "    return {'attempts': int(count)}\n"
    )
    retry = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxDelaySeconds": 1, "MaxAttempts": 3}]

    described = account.ended(account.start(lambda_task(account.function(code, COUNTER=counter), Retry=retry)))

    assert json.loads(described["output"]) == {"attempts": 3}


def test_a_throttled_function_is_named_so(account: Account) -> None:
    function = account.function("def handle(event, context): pass\n")
    account.client("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)

    described = account.ended(account.start(lambda_task(function)))

    assert described["error"] == "Lambda.TooManyRequestsException"


def test_an_error_of_the_state_machine_itself_is_not_caught_by_a_catch_all(account: Account) -> None:
    catch_all = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    unknown = {
        "Type": "Task", "Resource": "arn:aws:states:::nothing:here", "Arguments": {}, "Catch": catch_all, "End": True
    }  # fmt: skip

    described = account.ended(
        account.start({"StartAt": "Call", "States": {"Call": unknown, "Caught": {"Type": "Succeed"}}})
    )

    assert (described["status"], described["error"]) == ("FAILED", "States.Runtime")


def test_a_caught_error_reaches_the_next_state_with_assigned_variables(account: Account) -> None:
    function = account.function("class Bad(Exception): pass\ndef handle(event, context): raise Bad('why')\n")
    definition = lambda_task(
        function,
        Catch=[
            {
                "ErrorEquals": ["States.ALL"],
                "Assign": {"failure": "{% $states.errorOutput.Error %}"},
                "Output": "{% $states.input %}",
                "Next": "Say",
            }
        ],
    )
    definition["States"]["Say"] = {
        "Type": "Pass", "Output": {"error": "{% $failure %}", "input": "{% $states.input %}"}, "End": True
    }  # fmt: skip

    described = account.ended(account.start(definition, {"n": 1}))

    assert json.loads(described["output"]) == {"error": "Bad", "input": {"n": 1}}


def test_a_refused_condition_is_named_as_the_integration_names_it(account: Account) -> None:
    table = unique("table")
    account.client("dynamodb").create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def update(condition: str) -> dict[str, Any]:
        arguments = {
            "TableName": table,
            "Key": {"PK": {"S": "claim"}},
            "UpdateExpression": "SET #s = :s",
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#s": "status"},
            "ExpressionAttributeValues": {":s": {"S": "{% $states.input.status %}"}},
        }
        task = {
            "Type": "Task", "Resource": "arn:aws:states:::dynamodb:updateItem", "Arguments": arguments, "End": True
        }  # fmt: skip
        return account.ended(account.start({"StartAt": "Update", "States": {"Update": task}}, {"status": "done"}))

    assert update("attribute_not_exists(PK)")["status"] == "SUCCEEDED"
    assert update("attribute_not_exists(PK)")["error"] == "DynamoDB.ConditionalCheckFailedException"
    item = account.client("dynamodb").get_item(TableName=table, Key={"PK": {"S": "claim"}})["Item"]
    assert item["status"] == {"S": "done"}


def putting(entry: dict[str, Any]) -> dict[str, Any]:
    """A state machine that puts one event."""
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::events:putEvents",
        "Arguments": {"Entries": [entry]},
        "End": True,
    }
    return {"StartAt": "Announce", "States": {"Announce": task}}


def test_an_event_put_by_a_state_reaches_the_rules_of_its_bus(account: Account) -> None:
    events, queue, bus = account.client("events"), account.queue(), unique("bus")
    events.create_event_bus(Name=bus)
    events.put_rule(Name=unique("rule"), EventBusName=bus, EventPattern=json.dumps({"source": ["callscribe"]}))
    (rule,) = events.list_rules(EventBusName=bus)["Rules"]
    events.put_targets(Rule=rule["Name"], EventBusName=bus, Targets=[{"Id": "queue", "Arn": account.queue_arn(queue)}])
    entry = {
        "EventBusName": bus, "Source": "callscribe", "DetailType": "Call Transcribed", "Detail": {"call_id": "c1"}
    }  # fmt: skip

    execution = account.start(putting(entry))

    assert account.ended(execution)["status"] == "SUCCEEDED"
    received = json.loads(account.receive(queue)["Body"])
    assert (received["detail-type"], received["detail"]) == ("Call Transcribed", {"call_id": "c1"})


def test_an_event_that_is_refused_fails_the_state(account: Account) -> None:
    entry = {"Source": "aws.forged", "DetailType": "x", "Detail": {}}

    execution = account.start(putting(entry))

    assert account.ended(execution)["error"] == "EventBridge.FailedEntry"


def test_the_history_shows_what_happened(account: Account) -> None:
    queue = account.queue()
    execution = account.start(waiting_task(queue))
    account.client("stepfunctions").send_task_success(taskToken=token_from(account, queue), output="{}")
    account.ended(execution)

    def kinds() -> list[str]:
        history = account.client("stepfunctions").get_execution_history(executionArn=execution)
        return [event["type"] for event in history["events"]]

    eventually(lambda: "ExecutionSucceeded" in kinds())
    assert kinds()[:2] == ["ExecutionStarted", "TaskStateEntered"]
