"""What Deepgram answers: what passes is waited out, what does not fails at once and can be repeated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulation.batch import runner
from tests.simulation.batch.containers import DOOR
from tests.simulation.batch.deployment import deployed
from tests.simulation.batch.histories import History, Put
from tests.simulation.batch.invariants import Check, claims, details, transcripts
from tests.simulation.batch.world import World, opened


class Scene:
    """A recording, and what becomes of it; every rule of histories is held against it as well."""

    def __init__(self) -> None:
        self._check = Check()
        self._world = World(
            deployed(),
            runner.containers(),
            History(seed=1, puts=(Put(at=0, call=0, content=0),)),
            before_request=self._check.before_request,
            before_question=self._check.before_question,
            after_write=self._check.after_write,
        )
        DOOR.inside = self._world

    def order(self, *answers: str | bytes) -> None:
        """Have the next requests get these answers."""
        self._world.vendor.ordered += answers

    def play(self) -> None:
        """Let it be announced and worked on, to its end."""
        self._world.run()
        self._check.at_rest(self._world)
        assert self._check.violations == []

    def redrive(self) -> None:
        """Have an operator repeat what failed, and let that come to its end."""
        self._world.operate(claims=False)
        self._world.run()
        self._check.at_end(self._world)
        assert self._check.violations == []

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return self._world.scheduler.now

    @property
    def executions(self) -> list[tuple[str, str | None]]:
        """How each execution ended, and with which error."""
        return [(execution.status, execution.error) for execution in self._world.machine.executions.values()]

    @property
    def claim(self) -> dict[str, Any]:
        """The recording's claim."""
        (claim,) = claims(self._world)
        return claim

    @property
    def failures(self) -> list[dict[str, Any]]:
        """The messages in the queues of failed calls."""
        return [json.loads(body) for _, body in self._world.failed_messages()]

    @property
    def shown(self) -> int:
        """How many transcripts there are."""
        return len(transcripts(self._world))

    @property
    def announced(self) -> int:
        """How many were announced."""
        return len(details(self._world))


@pytest.fixture
def scene() -> Iterator[Scene]:
    functions = deployed().functions
    with opened():
        runner.containers().renew(functions)
        yield Scene()


@pytest.mark.parametrize("trouble", ["429", "408", "500", "502", "504", "cut", "lost"])
def test_passing_trouble_is_waited_out(scene: Scene, trouble: str) -> None:
    scene.order(trouble, trouble)

    scene.play()

    assert scene.executions == [("SUCCEEDED", None)]
    assert scene.claim["deepgram_requests"] == 3
    assert (scene.failures, scene.shown, scene.announced) == ([], 1, 1)


def test_an_answer_that_does_not_come_in_time_is_asked_for_again(scene: Scene) -> None:
    scene.order("slow")

    scene.play()

    assert scene.executions == [("SUCCEEDED", None)]
    assert (scene.claim["deepgram_requests"], scene.shown) == (2, 1)
    # The request's own time, which the construct sets.
    assert scene.seconds > float(deployed().functions["transcribe_call"].environment["REQUEST_TIMEOUT_SECONDS"])


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("400", "REMOTE_CONTENT_ERROR"),
        ("401", "INVALID_AUTH"),
        ("402", "ASR_PAYMENT_REQUIRED"),
        ("403", "INSUFFICIENT_PERMISSIONS"),
    ],
)
def test_a_refusal_fails_at_once_and_is_repeated_once_its_cause_is_mended(scene: Scene, status: str, code: str) -> None:
    error = f"Deepgram.{code}"
    scene.order(status)

    scene.play()

    assert scene.executions == [("FAILED", error)]
    claim = scene.claim
    assert (claim["status"], claim["error_code"], claim["failed_step"]) == ("failed", error, "Transcribe")
    assert (claim["deepgram_requests"], scene.shown) == (1, 0)
    assert "not like this" in claim["error_message"]
    (message,) = scene.failures
    assert (message["error"], message["step"], message["call_id"]) == (error, "Transcribe", claim["call_id"])

    scene.redrive()

    assert scene.executions == [("FAILED", error), ("SUCCEEDED", None)]
    claim = scene.claim
    assert (claim["status"], claim["attempts"], claim["deepgram_requests"]) == ("completed", 2, 2)
    assert "error_code" not in claim
    assert (scene.failures, scene.shown, scene.announced) == ([], 1, 1)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"{}", "EmptyReply", id="empty object"),
        pytest.param(b"", "EmptyReply", id="nothing"),
        pytest.param(b'{"results": {"channels": [', "MalformedJson", id="malformed"),
        pytest.param(b'{"err_code": "OOPS", "err_msg": "no"}', "ErrorReply", id="error"),
        pytest.param(b'{"request_id": "0f6c8a34"}', "AcceptedOnly", id="accepted"),
    ],
)
def test_a_reply_that_is_no_transcription_fails_and_never_becomes_an_item(scene: Scene, body: bytes, code: str) -> None:
    error = f"Deepgram.InvalidReply.{code}"
    scene.order(body)

    scene.play()

    assert scene.executions == [("FAILED", error)]
    assert (scene.shown, scene.announced) == (0, 0)
    assert [message["error"] for message in scene.failures] == [error]

    scene.redrive()

    assert scene.executions == [("FAILED", error), ("SUCCEEDED", None)]
    assert (scene.claim["deepgram_requests"], scene.failures, scene.shown) == (2, [], 1)
