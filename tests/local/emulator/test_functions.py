"""Lambda in the emulator behaves as AWS's managed Python runtime."""

import json
import os
import signal
import threading
from typing import Any

from local.emulator.process import Emulator
from tests.local.emulator.conftest import Account
from tests.patience import PATIENCE_SECONDS, eventually


def invoke(account: Account, function: str, event: Any = None) -> tuple[Any, dict[str, Any]]:
    answer = account.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read()), answer


def test_a_function_gets_its_event_and_answers(account: Account) -> None:
    function = account.function("def handle(event, context):\n    return {'twice': event['n'] * 2}\n")

    answer, _ = invoke(account, function, {"n": 21})

    assert answer == {"twice": 42}


def test_an_exception_keeps_its_own_name(account: Account) -> None:
    code = "class TooLong(Exception): pass\ndef handle(event, context): raise TooLong('61 s')\n"

    answer, response = invoke(account, account.function(code))

    assert response["FunctionError"] == "Unhandled"
    assert (answer["errorType"], answer["errorMessage"]) == ("TooLong", "61 s")


def test_a_function_sees_its_own_variables_and_not_the_machines(account: Account) -> None:
    code = "import os\ndef handle(event, context): return dict(os.environ)\n"

    variables, _ = invoke(account, account.function(code, TABLE="calls"))

    assert variables["TABLE"] == "calls"
    assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.12"
    assert variables["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert variables["POWERTOOLS_TRACE_DISABLED"] == "1"
    assert not {"GATEWAY_PORT", "AUTH", "VIRTUAL_ENV", "PYTHONPATH"} & variables.keys()


def test_a_function_has_the_context_that_lambda_gives(account: Account) -> None:
    code = "def handle(event, context): return [context.function_name, context.get_remaining_time_in_millis()]\n"
    function = account.function(code, timeout=7)

    (name, remaining), _ = invoke(account, function)

    assert function.endswith(name)
    assert 0 < remaining <= 7000


def test_a_killed_worker_is_an_exit_error_and_the_next_event_gets_a_new_one(
    account: Account, emulator: Emulator
) -> None:
    code = "import time\ndef handle(event, context):\n    time.sleep(event)\n    return 'done'\n"
    function = account.function(code, timeout=900)
    name = function.rsplit(":", 1)[1]
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(invoke(account, function, 600)[0]))
    thread.start()
    (worker,) = eventually(lambda: [w for w in emulator.workers() if w["function"] == name and w["busy"]])

    os.kill(worker["pid"], signal.SIGKILL)
    thread.join(timeout=PATIENCE_SECONDS)

    assert answers[0]["errorType"] == "Runtime.ExitError"
    assert worker["pid"] not in [w["pid"] for w in emulator.workers()]
    assert invoke(account, function, 0)[0] == "done"


def test_a_function_that_takes_too_long_is_stopped(account: Account) -> None:
    code = "import time\ndef handle(event, context): time.sleep(30)\n"

    answer, _ = invoke(account, account.function(code, timeout=1))

    assert answer["errorType"] == "Sandbox.Timedout"


def test_a_burst_of_events_shares_a_bounded_number_of_workers(account: Account, emulator: Emulator) -> None:
    code = "import time\ndef handle(event, context):\n    time.sleep(0.2)\n    return event\n"
    function = account.function(code)
    name = function.rsplit(":", 1)[1]
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda n=n: answers.append(invoke(account, function, n)[0])) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=PATIENCE_SECONDS)

    assert sorted(answers) == list(range(10))
    assert len([w for w in emulator.workers() if w["function"] == name]) <= 4


def test_a_function_can_be_killed_while_a_request_of_its_goes_unheard(account: Account, emulator: Emulator) -> None:
    queue = account.queue()
    code = (
        "import boto3\n"
        "def handle(event, context): boto3.client('sqs').send_message(QueueUrl=event, MessageBody='heard')\n"
    )
    function = account.function(code)
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(invoke(account, function, queue)[0]))

    with emulator.stall("AmazonSQS.SendMessage") as waiting:
        thread.start()
        eventually(waiting)
        name = function.rsplit(":", 1)[1]
        (worker,) = eventually(lambda: [w for w in emulator.workers() if w["function"] == name and w["busy"]])
        os.kill(worker["pid"], signal.SIGKILL)
        thread.join(timeout=PATIENCE_SECONDS)

    assert answers[0]["errorType"] == "Runtime.ExitError"
    assert not account.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages")
