"""A call goes through every function, well and badly; its words show in the table and the archive only."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

import pytest

from lambdas.admit_recording import handler as admit
from lambdas.common.errors import SafeError
from lambdas.score_quality import handler as score
from lambdas.store_transcript import handler as store
from tests.fakes.deepgram import TELLING_WORDS, Answer, FakeDeepgram, refusal, transcription
from tests.lambdas.cloud import EXECUTION, Cloud, Context, Tasks, secrets_manager
from tests.lambdas.transcribe_call.test_handler import Queue, queue, tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

__all__ = ["queue", "tasks"]

CONTEXT = cast("LambdaContext", Context())
KEY = "0123456789abcdef0123456789abcdef01234567"
PHONE = "+1 555 010 7788"
SECRETS = re.compile(
    "|".join([*TELLING_WORDS, KEY, "X-Amz-", "Signature=", r"\+?1?[ .-]?555[ .-]?010[ .-]?7788"]), re.IGNORECASE
)


@pytest.fixture
def _key_in_place(queue: Queue) -> None:
    secrets_manager().put_secret_value(SecretId="deepgram", SecretString=KEY)


def told() -> dict[str, Any]:
    """Return a reply in which somebody says a phone number."""
    return transcription(((1, 0.4, "Thank you for calling Lakeside Vision, this is Marla.", 0.6), (0, 4.0, PHONE, 0.1)))


def admit_call(cloud: Cloud) -> dict[str, Any]:
    return admit.handle({"event": cloud.upload(), "execution": EXECUTION}, CONTEXT)


def send(queue: Queue, decision: dict[str, Any]) -> None:
    body = {"task_token": "token", "execution": EXECUTION, "recording": decision["recording"]}
    queue.send(json.dumps(body))


@pytest.mark.usefixtures("_key_in_place")
def test_a_transcribed_call_leaves_no_words_outside(
    cloud: Cloud,
    queue: Queue,
    tasks: Tasks,
    deepgram: FakeDeepgram,
    output: Callable[[], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    deepgram.answer(Answer(body=told()))
    seen: list[Any] = [admit_call(cloud)]
    send(queue, seen[0])
    seen += [queue.deliver(), tasks.results["token"]]
    recording = {"recording": seen[0]["recording"]}
    seen.append(store.handle(recording | tasks.results["token"], CONTEXT))
    seen.append(score.handle(recording | {"transcript": seen[-1]["transcript"]}, CONTEXT))
    shown = json.dumps(seen) + output() + caplog.text
    assert SECRETS.findall(shown) == []
    # The words were there to be told.
    item = cloud.table.get_item(Key={"PK": "CLINIC#harbour", "SK": "TRANSCRIPT#2026-11-20#call-7"})["Item"]
    assert "Marla" in str(item["full_transcript"])
    assert "quality" in item


TROUBLE = [
    refusal(400, "REMOTE_CONTENT_ERROR", f"https://b.s3.amazonaws.com/k?X-Amz-Signature=1 refused {KEY} of {PHONE}"),
    refusal(429, "TOO_MANY_REQUESTS", PHONE),
    Answer(200, {"results": {"channels": "Lakeside"}, "metadata": {"Marla": PHONE}}),
    Answer(200, b'{"results": "Lakeside Marla'),
    Answer(200, {"err_code": "X", "err_msg": PHONE}),
    Answer(500, f"<html>{PHONE}</html>".encode()),
]


@pytest.mark.usefixtures("_key_in_place")
@pytest.mark.parametrize("trouble", TROUBLE)
def test_a_failed_call_tells_its_reason_and_nothing_else(
    cloud: Cloud,
    queue: Queue,
    tasks: Tasks,
    deepgram: FakeDeepgram,
    output: Callable[[], str],
    caplog: pytest.LogCaptureFixture,
    function_environment: pytest.MonkeyPatch,
    trouble: Answer,
) -> None:
    function_environment.setenv("MAX_ATTEMPTS", "1")
    deepgram.answer(then=trouble)
    send(queue, admit_call(cloud))
    queue.deliver()
    assert tasks.failures.keys() == {"token"}
    assert SECRETS.findall(json.dumps(tasks.failures) + output() + caplog.text) == []


@pytest.mark.usefixtures("_key_in_place")
def test_a_function_that_breaks_on_a_reply_does_not_quote_it(
    cloud: Cloud,
    queue: Queue,
    tasks: Tasks,
    deepgram: FakeDeepgram,
    output: Callable[[], str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deepgram.answer(Answer(body=told()))
    decision = admit_call(cloud)
    send(queue, decision)
    queue.deliver()

    def breaks(**arguments: Any) -> None:
        raise ValueError(arguments["transcription"].recognition.utterances[0].text)

    monkeypatch.setattr("lambdas.common.transcript_builder.build_transcript", breaks)
    with pytest.raises(Exception, match=r"^ValueError at test_privacy\.py:") as raised:
        store.handle({"recording": decision["recording"]} | tasks.results["token"], CONTEXT)
    assert not isinstance(raised.value, SafeError)
    assert SECRETS.findall(str(raised.value) + output() + caplog.text) == []
