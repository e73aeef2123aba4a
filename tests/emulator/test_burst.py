"""A burst waits in the queue: Deepgram's limit is kept and every call is transcribed."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.emulator.conftest import PARALLEL_LIMIT
from tests.emulator.deployment import Deployment, new_call, recording

pytestmark = pytest.mark.emulator

CALLS = 4 * PARALLEL_LIMIT


def test_recordings_far_above_the_limit_keep_it_and_are_all_transcribed(deployment: Deployment) -> None:
    deployment.forget_requests()
    calls = [new_call("burst") for _ in range(CALLS)]
    # However slowly requests come, the first ones stay until the limit is reached, and then for long enough that one
    # too many would come meanwhile.
    deployment.fail("burst-", {"action": "answer", "parallel": PARALLEL_LIMIT, "delay": 2, "times": PARALLEL_LIMIT})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda call: deployment.put(call, recording()), calls))
    for call in calls:
        deployment.transcribed(call, seconds=300)

    heard = deployment.heard()
    assert (len(heard["requests"]), heard["refused"]) == (CALLS, 0)
    assert heard["peak_parallel"] == PARALLEL_LIMIT
