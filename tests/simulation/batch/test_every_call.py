"""A single recording, with a fault at every single call that anybody makes for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.batch import faults as f
from tests.simulation.batch import runner
from tests.simulation.batch.faults import Fault, Outage
from tests.simulation.batch.histories import DAY, HOUR, Again, History, Put

FUNCTIONS = ("admit_recording", "transcribe_call", "store_transcript", "score_quality", "analyse_call")
CALLS_OF_THE_MACHINE = ("lambda.Invoke", "sqs.SendMessage", "events.PutEvents", "dynamodb.UpdateItem")
_MOST_CALLS = 40


def one_recording(*, faults: tuple[Fault, ...] = (), outages: tuple[Outage, ...] = ()) -> History:
    put = Put(at=0, call=0, content=0)
    return History(seed=1, deployment="analysed", puts=(put,), faults=faults, outages=outages)


def at_every_call(kind: str, step: str, *, times: int = 1, delay: float = 0.0) -> Iterator[runner.BatchOutcome]:
    """Play the history with a fault at each of a function's calls, one after the other."""
    for number in range(1, _MOST_CALLS):
        fault = Fault(kind=kind, by=step, seconds=DAY, at_call=number, times=times, delay=delay)
        outcome = runner.run(one_recording(faults=(fault,)))
        if not outcome.met:
            assert number > 1
            return
        assert outcome.violations == [], f"call {number} of {step}"
        yield outcome
    raise AssertionError(f"{step} makes more calls than these")


def unpaid(outcome: runner.BatchOutcome) -> bool:
    """Whether nothing was asked for a second time."""
    return outcome.requests == 1


@pytest.mark.parametrize("step", FUNCTIONS)
@pytest.mark.parametrize("kind", [f.KILL, f.KILL_AFTER])
def test_a_function_may_die_at_every_call(kind: str, step: str) -> None:
    asked = [outcome.requests for outcome in at_every_call(kind, step)]

    # Of a worker, what lies between sending the request and storing its reply cannot be told apart.
    assert [requests for requests in asked if requests > 1] == (
        [2] if step == "transcribe_call" and kind == f.KILL else []
    )


@pytest.mark.parametrize("step", FUNCTIONS)
@pytest.mark.parametrize("times", [1, 4], ids=["once", "also when repeated"])
def test_every_answer_may_get_lost(step: str, times: int) -> None:
    assert all(map(unpaid, at_every_call(f.LOSE, step, times=times)))


@pytest.mark.parametrize("step", FUNCTIONS)
def test_every_call_may_be_in_vain(step: str) -> None:
    assert all(map(unpaid, at_every_call(f.CUT, step, times=4)))


@pytest.mark.parametrize("of", CALLS_OF_THE_MACHINE)
@pytest.mark.parametrize("kind", [f.LOSE, f.CUT])
@pytest.mark.parametrize("times", [1, 3])
def test_every_call_of_the_state_machine_may_fail(of: str, kind: str, times: int) -> None:
    outcome = runner.run(one_recording(faults=(Fault(kind=kind, by="machine", of=of, seconds=DAY, times=times),)))

    assert (outcome.violations, outcome.met[kind], outcome.requests) == ([], times, 1)


@pytest.mark.parametrize(
    ("by", "of", "code"),
    [
        ("admit_recording", "s3.HeadObject", "ServiceUnavailable"),
        ("admit_recording", "s3.GetObject", "SlowDown"),
        ("admit_recording", "dynamodb.PutItem", "ThrottlingException"),
        ("admit_recording", "dynamodb.GetItem", "ProvisionedThroughputExceededException"),
        ("transcribe_call", "s3.PutObject", "SlowDown"),
        ("transcribe_call", "s3.PutObject", "ConditionalRequestConflict"),
        ("transcribe_call", "s3.GetObject", "InternalError"),
        ("transcribe_call", "dynamodb.UpdateItem", "ThrottlingException"),
        ("transcribe_call", "stepfunctions.", "ThrottlingException"),
        ("transcribe_call", "secretsmanager.", "InternalServiceError"),
        ("transcribe_call", "sts.", "Throttling"),
        ("store_transcript", "s3.GetObject", "SlowDown"),
        ("store_transcript", "s3.PutObject", "ServiceUnavailable"),
        ("store_transcript", "dynamodb.TransactWriteItems", "ThrottlingException"),
        ("store_transcript", "dynamodb.TransactWriteItems", "TransactionCanceledException"),
        ("score_quality", "s3.GetObject", "InternalError"),
        ("score_quality", "dynamodb.UpdateItem", "ProvisionedThroughputExceededException"),
        ("machine", "sqs.SendMessage", "KmsThrottled"),
        ("machine", "sqs.SendMessage", "RequestThrottled"),
        ("machine", "events.PutEvents", "ThrottlingException"),
        ("machine", "dynamodb.UpdateItem", "ThrottlingException"),
        ("machine", "dynamodb.UpdateItem", "InternalServerError"),
        ("machine", "lambda.", "TooManyRequestsException"),
    ],
)
def test_a_minute_of_refusals_is_waited_out(by: str, of: str, code: str) -> None:
    fault = Fault(kind=f.REFUSE, by=by, of=of, code=code, seconds=60)

    outcome = runner.run(one_recording(faults=(fault,)))

    assert outcome.met[f.REFUSE] > 1
    assert (outcome.violations, outcome.failed, outcome.requests) == ([], 0, 1)


@pytest.mark.parametrize("seconds", [60, 6 * HOUR])
@pytest.mark.parametrize("kind", ["408", "429", "500", "503", "cut"])
def test_an_outage_of_the_speech_service_is_waited_out(kind: str, seconds: float) -> None:
    outcome = runner.run(one_recording(outages=(Outage(kind=kind, begin=0, seconds=seconds),)))

    assert (outcome.violations, outcome.failed, outcome.requests) == ([], 0, 1)
    assert outcome.met[kind] >= 1


def test_a_message_may_be_delivered_again_while_it_is_worked_on() -> None:
    for second in range(1, 20):
        history = one_recording()
        outcome = runner.run(History(seed=1, puts=history.puts, again=(Again(at=float(second)),)))
        assert (outcome.violations, outcome.requests) == ([], 1)


def test_a_second_delivery_that_is_late_takes_nothing_back() -> None:
    slow = Fault(kind=f.SLOW, by="transcribe_call", of="s3.GetObject", begin=6, seconds=HOUR, times=1, delay=9.0)
    for second in range(6, 16):
        history = one_recording(faults=(slow,))
        outcome = runner.run(
            History(seed=1, puts=history.puts, faults=history.faults, again=(Again(at=float(second)),))
        )
        assert (outcome.violations, outcome.requests) == ([], 1)
