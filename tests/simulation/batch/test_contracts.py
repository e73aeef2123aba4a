"""The doubles keep what `contracts` says; `tests/emulator` and `tests/workflow` ask what they stand for the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation.batch import runner
from tests.simulation.batch.containers import DOOR, Containers
from tests.simulation.batch.contracts import PATHS, SCENARIOS, Place
from tests.simulation.batch.deployment import deployed
from tests.simulation.batch.faults import Outage
from tests.simulation.batch.histories import History, Put
from tests.simulation.batch.world import World, opened, session

MOST_RECEIVES = 3


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_double_does_what_aws_does(scenario: Callable[[Place], None]) -> None:
    plan = deployed()
    world = World(plan, Containers(), History(seed=0), before_request=lambda *_: None, after_write=lambda _world: None)
    for url, dead_letters in (("letters", None), ("messages", "arn:aws:sqs:us-east-1:1:letters")):
        policy = {"deadLetterTargetArn": dead_letters, "maxReceiveCount": MOST_RECEIVES}
        properties = {} if dead_letters is None else {"RedrivePolicy": policy}
        world.queues.create(url, f"arn:aws:sqs:us-east-1:1:{url}", properties)
    DOOR.inside = world
    done: list[str] = []
    with opened():
        place = Place(
            table=session().resource("dynamodb").Table(plan.table),
            s3=session().client("s3"),
            bucket=plan.archive,
            sqs=session().client("sqs"),
            queue="messages",
            dead_letters="letters",
            most_receives=MOST_RECEIVES,
            name=scenario.__name__,
        )

        def work() -> None:
            scenario(place)
            done.append(scenario.__name__)

        world.scheduler.spawn("scenario", "scenario", work)
        world.run()
    assert done == [scenario.__name__]


def test_the_interpreter_takes_the_paths_that_motos_takes() -> None:
    put = Put(at=0, call=0, content=0)
    refusal = Outage(kind="402", begin=0, seconds=60)

    assert runner.run(History(seed=1, puts=(put,))).paths == (PATHS["transcribed"],)
    assert runner.run(History(seed=1, puts=(put,), outages=(refusal,))).paths == (PATHS["refused"],)
    assert runner.run(History(seed=1, puts=(Put(at=0, call=0, content=-1),))).paths == (PATHS["rejected"],)
