"""What holds for every function there is, whichever is added: words stay in, and a death costs nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from moto.moto_api._internal.models import moto_api_backend

from callscribe.environments.functions import FunctionEnvironment
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.console_request import console_request
from tests.fakes.deepgram import FakeDeepgram, refusal
from tests.lambdas.cloud import Cloud, Tasks
from tests.lambdas.scenes import FUNCTIONS, KEY, SCENES, Killed, Stage
from tests.lambdas.transcribe_call.test_handler import tasks

__all__ = ["tasks"]

SAID = ("Karen", "Tuesday", r"appointment(?!_requested\b)", "doctor", "Marla", "calling")
"""What is said in the scenes, not the name of the flag that it raises."""
SECRETS = re.compile(
    "|".join([*SAID, KEY, "X-Amz-", "Signature=", r"\+?1?[ .-]?555[ .-]?010[ .-]?7788"]), re.IGNORECASE
)
# The death of a worker whose request is under way is waited out by its lease: see tests/simulation/batch.
WAITS_FOR_A_LEASE = {"transcribe_call"}
# What notes that it asks, before it does: the bill of one that dies is *at least* that. See tests/simulation/batch.
ASKS = {"analyse_call"}
# What writes nothing of its own; what a user has it change is tested with the function.
SHOWS = {"call_console"}


@pytest.fixture
def stage(
    cloud: Cloud,
    function_environment: pytest.MonkeyPatch,
    deepgram: FakeDeepgram,
    bedrock: FakeBedrock,
    tasks: Tasks,
) -> Stage:
    return Stage(cloud=cloud, environment=function_environment, deepgram=deepgram, bedrock=bedrock, tasks=tasks)


def test_every_function_has_a_scene() -> None:
    assert SCENES.keys() == {*FUNCTIONS}, "write a scene in tests/lambdas/scenes.py"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_said_stands_in_the_table_and_the_archive_only(
    stage: Stage, output: Callable[[], str], caplog: pytest.LogCaptureFixture, function: str
) -> None:
    event = SCENES[function](stage)
    output()
    caplog.clear()
    with stage.watched():
        result = stage.invoke(function, event)
    told = [json.dumps(result), json.dumps(stage.tasks.results), output(), caplog.text]
    # What Deepgram and AWS are asked with their own credentials is for them alone.
    told += [text for text in stage.sent if "SecretId" not in text]
    assert SECRETS.findall(" ".join(told)) == []
    assert '"_aws"' in told[2], "the function counts nothing: did it run?"


HOSTILE: list[dict[str, Any]] = [
    {},
    {"detail": {"contactId": "Karen", "eventType": "DISCONNECTED", "call_id": "c-1"}, "time": "+15550107788"},
    {"Name": "ContactFlowEvent", "Details": {"ContactData": {"ContactId": "+15550107788", "Channel": "Marla"}}},
    {"recording": {"call_id": "c-1", "recording_id": "r-1", "audio": "Marla"}, "transcript": "Karen", "reply": KEY},
    {"event": {"detail": {"bucket": {"name": KEY}, "object": {"key": ["Karen"]}}}, "execution": "+15550107788"},
    {"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": "+15550107788 Marla", "attributes": {}}]},
]


@pytest.mark.parametrize("event", HOSTILE, ids=lambda event: next(iter(event), "nothing"))
@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_event_of_another_kind_is_not_quoted(
    stage: Stage, output: Callable[[], str], caplog: pytest.LogCaptureFixture, function: str, event: dict[str, Any]
) -> None:
    SCENES[function](stage)
    output()
    caplog.clear()
    try:
        told = json.dumps(stage.invoke(function, event))
    except Exception as error:  # noqa: BLE001 - Lambda shows it, and so does Step Functions
        told = f"{type(error).__name__}: {error}"
    assert SECRETS.findall(told + output() + caplog.text) == []


_CONSOLE_PATHS = ("/config.json", "/api/session", "/api/clinics/harbour/failed")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_variable_that_a_function_is_told_is_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    """What constructs tell is what the struct has (tests/constructs_lib/test_environments.py); nobody tells in vain."""
    (struct,) = (struct for struct in FunctionEnvironment.__subclasses__() if function == struct.MODULE)
    events = [
        SCENES[function](stage),
        {"rebuild": {"key": "transcripts/none", "dry_run": True}},
        *(console_request(path, groups="[harbour]") for path in _CONSOLE_PATHS),
        *HOSTILE,
    ]
    stage.deepgram.answer(then=refusal(503, "UNAVAILABLE"))
    read: set[str] = set()

    def noted(environment: FunctionEnvironment, name: str) -> Any:
        read.add(name)
        return object.__getattribute__(environment, name)

    monkeypatch.setattr(struct, "__getattribute__", noted, raising=False)
    for event in events:
        with suppress(Exception):
            stage.invoke(function, event)
    assert {*struct.__struct_fields__} <= read


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("function", sorted({*FUNCTIONS} - WAITS_FOR_A_LEASE - ASKS - SHOWS))
def test_a_function_that_dies_at_any_write_does_its_work_when_it_is_invoked_again(
    stage: Stage, function: str, after: bool
) -> None:
    event = SCENES[function](stage)
    with stage.watched():
        expected = stage.invoke(function, event)
    expected, left, writes = timeless(expected), timeless(stage.left()), [*stage.writes]
    assert writes, "the function writes nothing: did it run?"
    for index in range(len(writes)):
        moto_api_backend.reset()
        stage.cloud = Cloud()
        event = SCENES[function](stage)
        with stage.watched(killed_at=index, after=after), pytest.raises(Killed):
            stage.invoke(function, event)
        assert timeless(stage.invoke(function, event)) == expected, writes[index]
        assert timeless(stage.left()) == left, writes[index]


def timeless(value: Any) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d[T ][0-9:.]+", "<time>", json.dumps(value, default=str))
