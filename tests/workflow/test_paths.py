"""moto's interpreter takes the same paths through the definition as that of `tests/simulation`."""

from __future__ import annotations

from tests.fakes.deepgram import FakeDeepgram, refusal
from tests.simulation.batch.contracts import PATHS
from tests.workflow.harness import Workflow
from tests.workflow.recordings import KEY, recording


def test_the_paths_are_those_that_the_simulation_takes(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    deepgram.answer(refusal(402, "ASR_PAYMENT_REQUIRED"))

    refused = workflow.run(workflow.upload(KEY, recording()))
    transcribed = workflow.run(workflow.upload(KEY.replace("0042", "0043"), recording()))
    rejected = workflow.run(workflow.upload(KEY.replace("0042", "0044"), b"minutes of the meeting\n" * 50))

    assert tuple(refused.states) == PATHS["refused"]
    assert tuple(transcribed.states) == PATHS["transcribed"]
    assert tuple(rejected.states) == PATHS["rejected"]
