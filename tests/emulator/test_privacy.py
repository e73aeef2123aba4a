"""What patients say stays in the table and the archive."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.emulator.deployment import Deployment, new_call, recording

pytestmark = pytest.mark.emulator

PHONE_NUMBER = "+1 555 010 7788"
# As an error message of Deepgram may quote what it was sent.
TELLING = f"cannot fetch https://bucket/call.wav?X-Amz-Signature=1f2e3d for {PHONE_NUMBER}"


def test_no_word_number_signature_or_key_leaves_table_and_archive(deployment: Deployment) -> None:
    transcribed, failed, again = new_call(), new_call(), new_call()
    deployment.fail(failed, {"status": 400, "body": {"err_code": "Bad Request", "err_msg": TELLING}})
    deployment.fail(again, {"status": 503, "body": {"err_code": "Busy", "err_msg": TELLING}})
    for call in (transcribed, failed, again):
        deployment.put(call, recording(seconds=4))
    words = [deployment.transcribed(call)["full_transcript"] for call in (transcribed, again)]
    deployment.failed(failed)

    told = dict(traces(deployment))

    assert {"log", "execution", "history", "event", "queue", "emulator", "speech"} <= {name for name, _ in told}
    phrases = {phrase for text in words for phrase in phrases_of(text)}
    assert len(phrases) > 20
    for place, text in told.items():
        assert not [phrase for phrase in phrases if phrase in " ".join(plain(text))], place
        assert deployment.session.key not in text, place
        assert deployment.session.access_key.secret_access_key not in text, place
        assert "X-Amz-Signature" not in text, place
        assert "X-Amz-Security-Token" not in text, place
        assert not re.search(r"\+1\D?555\D?010\D?7788", text), place


def traces(deployment: Deployment) -> Iterator[tuple[tuple[str, int], str]]:
    """Everything that is written anywhere beside table and archive, by kind and number."""
    states = deployment.environment.step_functions()
    for number, line in enumerate(deployment.logs()):
        yield ("log", number), line
    for number, execution in enumerate(deployment.executions()):
        yield ("execution", number), json.dumps(execution, default=str)
        history = states.get_paginator("get_execution_history").paginate(executionArn=execution["executionArn"])
        yield ("history", number), json.dumps([page["events"] for page in history], default=str)
    for number, event in enumerate(deployment.announced()):
        yield ("event", number), json.dumps(event)
    for name in ("FailedCallsQueueUrl", "WorkQueueUrl"):
        for number, body in enumerate(deployment.peek(deployment.environment.output(name))):
            yield ("queue", number), body
    yield ("emulator", 0), deployment.session.emulator.log.read_text(errors="replace")
    yield ("speech", 0), deployment.session.speech.log.read_text(errors="replace")
    yield ("kinesis_video", 0), deployment.session.media.log.read_text(errors="replace")


def phrases_of(text: str) -> Iterator[str]:
    """Every four words in a row."""
    said = plain(text)
    for start in range(len(said) - 3):
        yield " ".join(said[start : start + 4])


def plain(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())
