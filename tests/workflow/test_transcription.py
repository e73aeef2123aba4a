from tests.fakes.deepgram import FakeDeepgram
from tests.workflow.harness import Workflow
from tests.workflow.recordings import KEY, stereo_call


def test_a_recording_becomes_a_transcript(workflow: Workflow, deepgram: FakeDeepgram) -> None:
    execution = workflow.run(workflow.upload(KEY, stereo_call()))
    print(execution.error, execution.cause, execution.states)
    assert execution.status == "SUCCEEDED"
