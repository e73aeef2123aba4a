from __future__ import annotations

import gzip
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from lambdas.common.archive import Archive
from lambdas.common.claims import Claims, Taken
from lambdas.transcribe_call.deepgram_request import DeepgramApi
from lambdas.transcribe_call.report import Report
from lambdas.transcribe_call.work import Work
from lambdas.transcribe_call.worker import RetryLater, RetryLimits, Worker
from tests.fakes.deepgram import REQUEST_ID, Answer, FakeDeepgram, refusal, transcription
from tests.lambdas.cloud import (
    EXECUTION,
    LEASE,
    NOW,
    OTHER_EXECUTION,
    AtomicTable,
    Cloud,
    Tasks,
    candidate_of,
    recording,
)
from transcription.codec import SCHEMA_VERSION
from transcription.options import TranscriptionOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_stepfunctions import SFNClient

    from lambdas.common.recordings import AdmittedRecording
    from lambdas.transcribe_call.deepgram_key import DeepgramKey
    from lambdas.transcribe_call.presigning import Presigner
    from lambdas.transcribe_call.vocabulary import Vocabulary

URL = "https://recordings.s3.eu-central-1.amazonaws.com/call.wav?X-Amz-Signature=5c0ffee5"
LIFETIME = timedelta(minutes=2)
MAX_ATTEMPTS = 4


class Keys:
    """A secret that may be rotated while its old value is cached."""

    def __init__(self, cached: str = "current-key", rotated: str | None = None) -> None:
        self._cached = cached
        self._rotated = rotated or cached

    def read(self, *, refresh: bool = False) -> str:
        if refresh:
            self._cached = self._rotated
        return self._cached


class Signer:
    """The presigner; what is given happens, once, just before a URL is signed."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], None] | None = None

    def presign(self, _: AdmittedRecording) -> str:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return URL


class Words:
    def __init__(self, *terms: str) -> None:
        self._terms = terms

    def terms(self, _: str) -> tuple[str, ...]:
        return self._terms


class Site:
    """One deployment with one admitted recording."""

    def __init__(self, cloud: Cloud, deepgram: FakeDeepgram) -> None:
        self.cloud = cloud
        self.deepgram = deepgram
        self.tasks = Tasks()
        self.table = cast("Table", AtomicTable(cloud.table))
        self.claims = Claims(table=self.table)
        self.archive = Archive(s3=cloud.s3, bucket="archive")
        self.now = NOW
        self.keys = Keys()
        self.words = Words()
        self.signer = Signer()
        self.recording = recording()
        self.take(EXECUTION)

    def take(self, execution: str) -> None:
        taken = self.claims.take(candidate_of(self.recording), execution=execution, now=self.now, lease=LEASE)
        assert taken == Taken()

    def fail(self) -> None:
        """Note the failure of the execution, as the state machine does."""
        self.cloud.table.update_item(
            Key={"PK": f"RECORDING#{self.recording.recording_id}", "SK": "CLAIM"},
            UpdateExpression="SET #s = :failed",
            ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues={":failed": "failed"},
        )

    def worker(self, archive: Archive | None = None, timeout: float = 5.0) -> Worker:
        return Worker(
            report=Report(step_functions=cast("SFNClient", self.tasks)),
            claims=self.claims,
            archive=archive or self.archive,
            deepgram=DeepgramApi(base_url=self.deepgram.url, timeout=timedelta(seconds=timeout)),
            key=cast("DeepgramKey", self.keys),
            presigner=cast("Presigner", self.signer),
            vocabulary=cast("Vocabulary", self.words),
            options=TranscriptionOptions(),
            limits=RetryLimits(max_attempts=MAX_ATTEMPTS, max_delay_seconds=600),
            clock=lambda: self.now,
            jitter=lambda: 1.0,
        )

    def deliver(
        self,
        *,
        receive_count: int = 1,
        execution: str = EXECUTION,
        token: str = "token",
        archive: Archive | None = None,
        timeout: float = 5.0,
    ) -> None:
        self.worker(archive, timeout).process(
            Work(task_token=token, execution=execution, recording=self.recording),
            receive_count=receive_count,
            lifetime=LIFETIME,
        )

    @property
    def claim(self) -> dict[str, Any]:
        return self.cloud.claim(self.recording.recording_id)

    @property
    def reply_key(self) -> str:
        return f"replies/{self.recording.recording_id}.json.gz"

    def stored_reply(self) -> bytes:
        return gzip.decompress(self.cloud.s3.get_object(Bucket="archive", Key=self.reply_key)["Body"].read())


@pytest.fixture
def site(cloud: Cloud, deepgram: FakeDeepgram) -> Site:
    return Site(cloud, deepgram)


SUCCESS = {"request_id": REQUEST_ID, "deepgram_requests": 1}


def test_a_call_is_transcribed_and_its_reply_kept_as_it_came(site: Site) -> None:
    body = json.dumps(transcription(), indent=2).encode()
    site.deepgram.answer(Answer(body=body))
    site.deliver()
    assert site.stored_reply() == body
    assert site.tasks.results["token"] == {"reply": {"bucket": "archive", "key": site.reply_key}, **SUCCESS}
    claim = site.claim
    assert (claim["status"], claim["reply_key"], claim["request_id"]) == ("transcribed", site.reply_key, REQUEST_ID)
    assert (claim["deepgram_requests"], "request_lease_until" in claim) == (1, False)


def test_deepgram_is_asked_with_the_clinics_words(site: Site) -> None:
    site.words = Words("Dr. Abernathy", "OCT")
    site.deliver()
    (request,) = site.deepgram.requests
    assert request.body == {"url": URL}
    assert request.parameters["keyterm"] == ["Dr. Abernathy", "OCT"]
    assert request.parameters["multichannel"] == ["true"]
    metadata = site.cloud.s3.head_object(Bucket="archive", Key=site.reply_key)["Metadata"]
    assert json.loads(metadata.pop("options")) == TranscriptionOptions().record()
    assert metadata == {
        "schema-version": str(SCHEMA_VERSION),
        "execution": EXECUTION,
        "request-id": REQUEST_ID,
        "vocabulary-terms": "2",
    }


def test_a_call_without_speech_is_transcribed(site: Site) -> None:
    site.deepgram.answer(Answer(body=transcription(())))
    site.deliver()
    assert "token" in site.tasks.results


def test_nothing_is_asked_when_nobody_waits(site: Site, output: Callable[[], str]) -> None:
    site.tasks.waiting.clear()
    site.deliver()
    assert site.deepgram.requests == []
    assert "the message is dropped" in output()


def test_a_reply_that_comes_after_the_task_timed_out_stays_in_the_archive(site: Site) -> None:
    class TimesOut(Archive):
        def write(self, key: str, content: bytes, *, metadata: Any = None) -> None:
            super().write(key, content, metadata=metadata)
            site.tasks.waiting.clear()

    site.deliver(archive=TimesOut(s3=site.cloud.s3, bucket="archive"))
    assert site.tasks.results == {}
    site.fail()
    site.take(OTHER_EXECUTION)
    site.tasks.waiting.add("second")
    site.deliver(execution=OTHER_EXECUTION, token="second")
    assert site.tasks.results["second"]["deepgram_requests"] == 1
    assert len(site.deepgram.requests) == 1


class Killed(BaseException):
    """The process ends at once: nothing may handle this."""


def test_a_function_killed_after_the_reply_was_stored_asks_no_second_time(site: Site) -> None:
    class Dies(Archive):
        def write(self, key: str, content: bytes, *, metadata: Any = None) -> None:
            super().write(key, content, metadata=metadata)
            raise Killed

    with pytest.raises(Killed):
        site.deliver(archive=Dies(s3=site.cloud.s3, bucket="archive"))
    site.deliver(receive_count=2)
    assert len(site.deepgram.requests) == 1
    assert site.tasks.results["token"].items() >= SUCCESS.items()


def test_a_function_killed_before_it_could_report_asks_no_second_time(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(**_: str) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(site.tasks, "send_task_success", die)
        with pytest.raises(Killed):
            site.deliver()
    site.deliver(receive_count=2)
    assert len(site.deepgram.requests) == 1
    assert site.tasks.results["token"].items() >= SUCCESS.items()


def test_a_function_killed_before_the_reply_was_stored_asks_again_after_its_lease(site: Site) -> None:
    class Dies(Archive):
        def write(self, key: str, content: bytes, *, metadata: Any = None) -> None:
            raise Killed

    with pytest.raises(Killed):
        site.deliver(archive=Dies(s3=site.cloud.s3, bucket="archive"))
    with pytest.raises(RetryLater) as later:
        site.deliver(receive_count=2)
    assert later.value.delay_seconds == LIFETIME.total_seconds()
    site.now += LIFETIME + timedelta(seconds=1)
    site.deliver(receive_count=3)
    assert site.tasks.results["token"]["deepgram_requests"] == 2


def test_the_same_message_delivered_twice_at_once_asks_once(site: Site) -> None:
    hold = threading.Event()
    site.deepgram.answer(Answer(hold=hold, body=transcription()))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(site.deliver)
        while not site.deepgram.requests:
            assert not first.done() or first.result() is None
        with pytest.raises(RetryLater):
            site.deliver(receive_count=2)
        hold.set()
        first.result(timeout=10)
    assert len(site.deepgram.requests) == 1
    assert "token" in site.tasks.results


@pytest.mark.parametrize("body", [transcription(), {}])
def test_a_delivery_that_looked_for_the_reply_too_early_does_not_ask_for_it_again(site: Site, body: Any) -> None:
    site.deepgram.answer(Answer(body=body))
    site.signer.meanwhile = site.deliver
    with pytest.raises(RetryLater) as later:
        site.deliver(receive_count=2)
    assert later.value.delay_seconds == 1
    assert len(site.deepgram.requests) == 1
    site.deliver(receive_count=3)
    assert len(site.deepgram.requests) == 1


def test_an_execution_that_was_taken_over_asks_nothing(site: Site, output: Callable[[], str]) -> None:
    site.now += LEASE * 2
    site.take(OTHER_EXECUTION)
    site.deliver()
    assert site.deepgram.requests == []
    assert site.tasks.failures == {}
    assert "another execution works on this recording" in output()


PASSING = [
    refusal(408, "REQUEST_TIMEOUT"),
    refusal(429, "TOO_MANY_REQUESTS"),
    refusal(500, "INTERNAL_SERVER_ERROR"),
    Answer(502, b"<html>"),
    Answer(503, b""),
    refusal(504, "GATEWAY_TIMEOUT"),
    Answer(reset=True),
]


@pytest.mark.parametrize("trouble", PASSING, ids=lambda answer: str(answer.status if not answer.reset else "reset"))
def test_a_passing_failure_is_tried_again_later(site: Site, trouble: Answer) -> None:
    site.deepgram.answer(trouble)
    with pytest.raises(RetryLater):
        site.deliver()
    assert site.tasks.waiting == {"token"}
    site.deliver(receive_count=2)
    assert site.tasks.results["token"]["deepgram_requests"] == 2
    assert len(site.deepgram.requests) == 2


def test_a_request_that_timed_out_is_counted_and_tried_again(site: Site) -> None:
    hold = threading.Event()
    site.deepgram.answer(Answer(hold=hold, body={}))
    try:
        with pytest.raises(RetryLater):
            site.deliver(timeout=0.2)
    finally:
        hold.set()
    assert site.claim["deepgram_requests"] == 1
    site.deliver(receive_count=2)
    assert site.tasks.results["token"]["deepgram_requests"] == 2


@pytest.mark.parametrize(("receive_count", "longest"), [(1, 5), (2, 10), (3, 20)])
def test_the_wait_grows_with_each_attempt(site: Site, receive_count: int, longest: int) -> None:
    site.deepgram.answer(refusal(503, "BUSY"))
    with pytest.raises(RetryLater) as later:
        site.deliver(receive_count=receive_count)
    assert later.value.delay_seconds == longest


def test_the_wait_is_at_least_what_deepgram_asks_for(site: Site) -> None:
    site.deepgram.answer(Answer(429, {}, headers={"Retry-After": "120"}))
    with pytest.raises(RetryLater) as later:
        site.deliver()
    assert later.value.delay_seconds == 125


def test_a_failure_that_does_not_pass_ends_after_the_last_attempt(site: Site) -> None:
    site.deepgram.answer(then=refusal(429, "TOO_MANY_REQUESTS", "Too many requests."))
    for attempt in range(1, MAX_ATTEMPTS):
        with pytest.raises(RetryLater):
            site.deliver(receive_count=attempt)
    site.deliver(receive_count=MAX_ATTEMPTS)
    assert site.tasks.failures["token"] == (
        "Deepgram.TOO_MANY_REQUESTS",
        f"429 Too many requests. (request {REQUEST_ID}); gave up after 4 attempts",
    )
    assert site.claim["deepgram_requests"] == 4


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (refusal(400, "Bad Request", "failed to process audio: corrupt or unsupported data"), "Deepgram.BadRequest"),
        (refusal(400, "REMOTE_CONTENT_ERROR"), "Deepgram.REMOTE_CONTENT_ERROR"),
        (refusal(401, "INVALID_AUTH", "Invalid credentials."), "Deepgram.INVALID_AUTH"),
        (refusal(402, "ASR_PAYMENT_REQUIRED"), "Deepgram.ASR_PAYMENT_REQUIRED"),
        (refusal(403, "INSUFFICIENT_PERMISSIONS"), "Deepgram.INSUFFICIENT_PERMISSIONS"),
        (Answer(200, {}), "Deepgram.InvalidReply."),
        (Answer(200, b""), "Deepgram.InvalidReply.EmptyReply"),
        (Answer(200, b'{"results": '), "Deepgram.InvalidReply.MalformedJson"),
        (Answer(200, {"err_code": "X", "err_msg": "y", "request_id": REQUEST_ID}), "Deepgram.InvalidReply.ErrorReply"),
        (Answer(200, {"request_id": REQUEST_ID}), "Deepgram.InvalidReply.AcceptedOnly"),
        (Answer(200, {"metadata": {}, "results": {"channels": []}}), "Deepgram.InvalidReply."),
    ],
)
def test_a_final_failure_fails_the_task_at_once(site: Site, trouble: Answer, code: str) -> None:
    site.deepgram.answer(trouble)
    site.deliver()
    error, cause = site.tasks.failures["token"]
    assert error.startswith(code)
    assert REQUEST_ID in cause
    assert len(site.deepgram.requests) == 1
    assert (site.claim["deepgram_requests"], "request_lease_until" in site.claim) == (1, False)


@pytest.mark.parametrize("trouble", [refusal(402, "ASR_PAYMENT_REQUIRED"), Answer(200, {})])
def test_a_final_failure_can_be_repeated_after_its_cause_is_mended(site: Site, trouble: Answer) -> None:
    site.deepgram.answer(trouble)
    site.deliver()
    site.fail()
    site.take(OTHER_EXECUTION)
    site.tasks.waiting.add("second")
    site.deliver(execution=OTHER_EXECUTION, token="second")
    assert site.tasks.results["second"]["deepgram_requests"] == 2
    assert json.loads(site.stored_reply()) == transcription()


def test_an_invalid_reply_is_not_asked_for_again_in_the_same_execution(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(**_: str) -> None:
        raise Killed

    site.deepgram.answer(Answer(200, {}))
    with monkeypatch.context() as patch:
        patch.setattr(site.tasks, "send_task_failure", die)
        with pytest.raises(Killed):
            site.deliver()
    site.deliver(receive_count=2)
    assert site.tasks.failures["token"][0].startswith("Deepgram.InvalidReply.")
    assert len(site.deepgram.requests) == 1


def test_a_refused_key_is_read_again_and_used_if_it_was_rotated(site: Site) -> None:
    site.keys = Keys("old-key", rotated="new-key")
    site.deepgram.answer(refusal(401, "INVALID_AUTH"))
    site.deliver()
    assert [request.headers["authorization"] for request in site.deepgram.requests] == [
        "Token old-key",
        "Token new-key",
    ]
    assert site.tasks.results["token"]["deepgram_requests"] == 2


def test_a_refused_key_that_was_not_rotated_is_not_tried_again(site: Site) -> None:
    site.deepgram.answer(refusal(401, "INVALID_AUTH"))
    site.deliver()
    assert len(site.deepgram.requests) == 1
    assert site.tasks.failures["token"][0] == "Deepgram.INVALID_AUTH"


def test_a_vocabulary_that_deepgram_would_refuse_is_not_sent(site: Site) -> None:
    site.words = Words(*(f"term-{number}" for number in range(101)))
    site.deliver()
    assert site.tasks.failures["token"][0] == "DeepgramOptions.Invalid"
    assert (site.deepgram.requests, site.claim["deepgram_requests"]) == ([], 0)


def test_an_unforeseen_failure_is_tried_again_and_then_named_by_its_place(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise KeyError("+15550107788")

    monkeypatch.setattr(Words, "terms", fail)
    with pytest.raises(RetryLater):
        site.deliver()
    site.deliver(receive_count=MAX_ATTEMPTS)
    error, cause = site.tasks.failures["token"]
    assert error == "Unexpected.KeyError"
    assert cause.startswith("KeyError at ")
    assert "5550107788" not in cause


def test_a_reply_that_could_not_be_stored_is_asked_for_again(site: Site) -> None:
    class Full(Archive):
        def write(self, key: str, content: bytes, *, metadata: Any = None) -> None:
            raise ClientError({"Error": {"Code": "SlowDown", "Message": ""}}, "PutObject")

    with pytest.raises(RetryLater):
        site.deliver(archive=Full(s3=site.cloud.s3, bucket="archive"))
    site.deliver(receive_count=2)
    assert site.tasks.results["token"]["deepgram_requests"] == 2


def test_mono_recordings_are_diarized(site: Site) -> None:
    site.recording = replace(site.recording, audio=replace(site.recording.audio, channels=1))
    site.deliver()
    assert site.deepgram.requests[0].parameters["diarize_model"] == ["latest"]
