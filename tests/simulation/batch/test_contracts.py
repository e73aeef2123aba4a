"""The doubles keep what `contracts` says; `tests/emulator/test_doubles.py` asks the emulator the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation.batch import runner
from tests.simulation.batch.containers import DOOR, Containers
from tests.simulation.batch.contracts import PATHS, SCENARIOS, WHOLE, Place, Stage
from tests.simulation.batch.deployment import deployed, session
from tests.simulation.batch.faults import Outage
from tests.simulation.batch.histories import History, Put
from tests.simulation.batch.invariants import claims, details, named, transcripts
from tests.simulation.batch.world import World, opened

MOST_RECEIVES = 3


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_double_does_what_aws_does(scenario: Callable[[Place], None]) -> None:
    plan = deployed()
    world = World(
        plan,
        Containers(),
        History(seed=0),
        before_request=lambda *_: None,
        before_question=lambda *_: None,
        after_write=lambda _world: None,
    )
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


class Simulated:
    """One call in simulated time."""

    def __init__(self) -> None:
        self._world = World(
            deployed(),
            runner.containers(),
            History(seed=1),
            before_request=lambda *_: None,
            before_question=lambda *_: None,
            after_write=lambda _: None,
        )
        DOOR.inside = self._world

    def put(self, content: int) -> str:
        self._world.put(Put(at=self._world.scheduler.now, call=0, content=content))
        return self._world.announced[-1].version.version_id

    def announce(self, version: str, *, times: int) -> None:
        assert version == self._world.announced[-1].version.version_id
        self._world.tell_again((0.5,) * times)

    def refuse(self, status: int) -> None:
        self._world.vendor.ordered.append(str(status))

    def settle(self, *, recordings: int) -> None:
        self._world.run()
        assert len(claims(self._world)) == recordings

    def redrive(self) -> None:
        self._world.operate(claims=False)

    def statuses(self) -> list[str]:
        by_age = sorted(claims(self._world), key=lambda claim: str(claim["created_at"]))
        return [claim["status"] for claim in by_age]

    def requests(self) -> int:
        return len(self._world.vendor.asked)

    def shown(self) -> str | None:
        (item,) = transcripts(self._world) or [{}]
        return item.get("version_id")

    def announced(self) -> list[str]:
        by_recording = {named(self._world, put): put.version.version_id for put in self._world.announced}
        return [by_recording[event["Detail"]["recording_id"]] for event in details(self._world)]

    def failed(self) -> int:
        return len(self._world.failed_messages())


@pytest.mark.parametrize("scenario", WHOLE, ids=lambda scenario: scenario.__name__)
def test_a_deployment_does_what_it_does_on_the_emulator(scenario: Callable[[Stage], None]) -> None:
    functions = deployed().functions
    with opened():
        runner.containers().renew(functions)
        scenario(Simulated())


def test_the_interpreter_takes_the_paths_that_motos_takes() -> None:
    put = Put(at=0, call=0, content=0)
    refusal = Outage(kind="402", begin=0, seconds=60)

    assert runner.run(History(seed=1, puts=(put,))).paths == (PATHS["transcribed"],)
    assert runner.run(History(seed=1, puts=(put,), outages=(refusal,))).paths == (PATHS["refused"],)
    assert runner.run(History(seed=1, puts=(Put(at=0, call=0, content=-1),))).paths == (PATHS["rejected"],)
