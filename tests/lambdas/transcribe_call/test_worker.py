from __future__ import annotations

import gzip
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.transcription import DeepgramTranscriptions
from lambdas.common.archive import Archive
from lambdas.common.claims import Claims, Taken
from lambdas.store_transcript.store import TranscriptStore
from lambdas.transcribe_call.deepgram.api import DeepgramApi
from lambdas.transcribe_call.deepgram.service import DeepgramService
from lambdas.transcribe_call.report import Report
from lambdas.transcribe_call.work import Work
from lambdas.transcribe_call.worker import RetryLater, RetryLimits, Worker
from tests.callscribe.replies import CHANNEL_ROLES
from tests.fakes.deepgram import REQUEST_ID, Answer, FakeDeepgram, refusal, transcription
from tests.lambdas.cloud import (
    EXECUTION,
    LEASE,
    NOW,
    OTHER_EXECUTION,
    AtomicTable,
    Cloud,
    Tasks,
    recording,
    take_claim,
)
from tests.patience import PATIENCE_SECONDS, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_stepfunctions import SFNClient

    from callscribe.recordings.recording import AdmittedRecording
    from lambdas.common.presigning import Presigner
    from lambdas.transcribe_call.deepgram.key import DeepgramKey
    from lambdas.transcribe_call.vocabulary import Vocabulary

URL = "https://recordings.s3.eu-central-1.amazonaws.com/call.wav?X-Amz-Signature=5c0ffee5"
LIFETIME = timedelta(minutes=2)
# As long as a busy machine may need to answer; within the lifetime there has to be time to keep the reply.
REQUEST_SECONDS = 60.0
MAX_ATTEMPTS = 4
MAX_WAIT = timedelta(days=1)


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


class ProcessTime:
    """The time of a process, which passes while it sleeps; what is given happens after each sleep."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.now += seconds
        self.slept.append(seconds)
        self.meanwhile()


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
        self.process_time = ProcessTime()
        self.waiting_since: datetime | None = NOW
        self.keys = Keys()
        self.words = Words()
        self.signer = Signer()
        self.recording = recording()
        self.take(EXECUTION)

    def take(self, execution: str) -> None:
        taken = take_claim(self.claims, self.recording, execution=execution, now=self.now)
        assert taken == Taken()

    def fail(self) -> None:
        """Note the failure of the execution, as the state machine does."""
        self.cloud.table.update_item(
            Key={"PK": f"RECORDING#{self.recording.recording_id}", "SK": "CLAIM"},
            UpdateExpression="SET #s = :failed",
            ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues={":failed": "failed"},
        )

    def worker(self, archive: Archive | None = None, timeout: float = REQUEST_SECONDS) -> Worker:
        return Worker(
            report=Report(step_functions=cast("SFNClient", self.tasks)),
            claims=self.claims,
            archive=archive or self.archive,
            service=DeepgramService(
                api=DeepgramApi(base_url=self.deepgram.url, timeout=timedelta(seconds=timeout)),
                key=cast("DeepgramKey", self.keys),
                options=TranscriptionOptions(),
            ),
            transcriptions=DeepgramTranscriptions(options=TranscriptionOptions()),
            presigner=cast("Presigner", self.signer),
            vocabulary=cast("Vocabulary", self.words),
            limits=RetryLimits(max_attempts=MAX_ATTEMPTS, max_delay_seconds=None),
            channel_roles=CHANNEL_ROLES,
            clock=lambda: self.now,
            process_clock=self.process_time,
            jitter=lambda: 1.0,
        )

    def deliver(
        self,
        *,
        receive_count: int = 1,
        execution: str = EXECUTION,
        token: str = "token",
        archive: Archive | None = None,
        timeout: float = REQUEST_SECONDS,
    ) -> None:
        self.worker(archive, timeout).process(
            Work(
                task_token=token,
                execution=execution,
                recording=self.recording,
                waiting_since=self.waiting_since,
                max_wait=MAX_WAIT,
            ),
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
        "refused-requests": "0",
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
        try:
            eventually(lambda: site.deepgram.requests or first.done())
            with pytest.raises(RetryLater):
                site.deliver(receive_count=2)
        finally:
            hold.set()
        first.result(timeout=PATIENCE_SECONDS)
    assert len(site.deepgram.requests) == 1
    assert "token" in site.tasks.results


@pytest.mark.parametrize("body", [transcription(), {}])
def test_a_delivery_that_looked_for_the_reply_too_early_does_not_ask_for_it_again(site: Site, body: Any) -> None:
    site.deepgram.answer(Answer(body=body))
    site.signer.meanwhile = site.deliver
    with pytest.raises(RetryLater) as later:
        site.deliver(receive_count=1)
    assert later.value.delay_seconds == 5
    assert len(site.deepgram.requests) == 1
    site.deliver(receive_count=2)
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


def test_the_wait_grows_with_each_request_and_not_with_each_delivery(site: Site) -> None:
    site.deepgram.answer(then=refusal(503, "BUSY"))
    waits = []
    for receive_count in (1, 40, 41):
        with pytest.raises(RetryLater) as later:
            site.deliver(receive_count=receive_count)
        waits.append(later.value.delay_seconds)
    # The last request is kept for the end of the wait.
    assert waits[:2] == [5, 10]
    assert waits[2] == 12 * 3600 - 15 * 60


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
    site.deliver(receive_count=2 * MAX_ATTEMPTS)
    error, cause = site.tasks.failures["token"]
    assert error == "Unexpected.KeyError"
    assert cause.startswith("KeyError at ")
    assert "5550107788" not in cause


def test_mono_recordings_are_diarized(site: Site) -> None:
    site.recording = replace(site.recording, audio=replace(site.recording.audio, channels=1))
    site.deliver()
    assert site.deepgram.requests[0].parameters["diarize_model"] == ["latest"]


def aws_error(code: str, operation: str = "PutObject") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, operation)


class Unwilling(Archive):
    """An archive that takes no reply for a number of times, although it took what was written before."""

    def __init__(self, site: Site, *, code: str = "SlowDown", times: int = 10**6) -> None:
        super().__init__(s3=site.cloud.s3, bucket="archive")
        self._code = code
        self._times = times
        self.tries = 0

    def write(self, key: str, content: bytes, *, metadata: Any = None) -> None:
        self.tries += 1
        if self.tries <= self._times:
            raise aws_error(self._code)
        super().write(key, content, metadata=metadata)


REFUSALS = ["AccessDenied", "KMS.DisabledException", "SlowDown", "InternalError"]


@pytest.mark.parametrize("code", REFUSALS)
def test_a_paid_reply_is_held_until_the_archive_takes_it(site: Site, code: str) -> None:
    archive = Unwilling(site, code=code, times=6)
    site.deliver(archive=archive)
    assert archive.tries == 7
    assert len(site.process_time.slept) == 6
    assert site.tasks.results["token"].items() >= SUCCESS.items()
    assert json.loads(site.stored_reply()) == transcription()
    assert len(site.deepgram.requests) == 1


@pytest.mark.parametrize("code", REFUSALS)
def test_a_paid_reply_that_is_never_taken_fails_the_call_and_is_not_asked_for_again(site: Site, code: str) -> None:
    started = site.process_time.now
    site.deliver(archive=Unwilling(site, code=code))
    error, cause = site.tasks.failures["token"]
    assert error == "Reply.NotStored"
    assert "paid" in cause
    # All of the process's life but what it takes to say so.
    assert site.process_time.now - started == LIFETIME.total_seconds() - 15
    assert len(site.deepgram.requests) == 1
    site.tasks.waiting.add("token")
    site.deliver(receive_count=2)
    assert site.tasks.failures["token"][0] == "Reply.NotStored"
    assert len(site.deepgram.requests) == 1


def test_a_redrive_after_a_lost_reply_asks_again_and_the_cost_says_so(site: Site) -> None:
    site.deliver(archive=Unwilling(site))
    site.fail()
    site.take(OTHER_EXECUTION)
    site.tasks.waiting.add("second")
    site.deliver(execution=OTHER_EXECUTION, token="second")
    assert site.tasks.results["second"]["deepgram_requests"] == 2
    metadata = site.cloud.s3.head_object(Bucket="archive", Key=site.reply_key)["Metadata"]
    assert metadata["refused-requests"] == "0"


def test_a_function_killed_while_it_holds_a_reply_does_not_make_another_one_pay(site: Site) -> None:
    def die() -> None:
        raise Killed

    site.process_time.meanwhile = die
    with pytest.raises(Killed):
        site.deliver(archive=Unwilling(site))
    site.process_time.meanwhile = lambda: None
    site.now += LIFETIME + timedelta(seconds=1)
    site.deliver(receive_count=2)
    assert site.tasks.failures["token"][0] == "Reply.NotStored"
    assert len(site.deepgram.requests) == 1


def test_a_held_reply_is_kept_although_the_claim_cannot_be_written(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def throttled(*_: Any, **__: Any) -> None:
        raise aws_error("ThrottlingException", "UpdateItem")

    monkeypatch.setattr(site.claims, "note_answer", throttled)
    site.deliver(archive=Unwilling(site, times=3))
    assert site.tasks.results["token"].items() >= SUCCESS.items()


class Refusing:
    """An S3 client that refuses what it is told to."""

    def __init__(self, s3: Any, operation: str, code: str) -> None:
        self._s3, self._operation, self._code = s3, operation, code

    def __getattr__(self, name: str) -> Any:
        if name == self._operation:
            raise_it: Callable[..., None] = lambda **_: (_ for _ in ()).throw(aws_error(self._code))  # noqa: E731
            return raise_it
        return getattr(self._s3, name)


@pytest.mark.parametrize("operation", ["put_object", "get_object"])
@pytest.mark.parametrize("code", ["AccessDenied", "KMS.DisabledException", "KMS.NotFoundException", "NoSuchBucket"])
def test_an_archive_that_refuses_fails_the_call_before_anything_is_paid(site: Site, operation: str, code: str) -> None:
    archive = Archive(s3=cast("Any", Refusing(site.cloud.s3, operation, code)), bucket="archive")
    site.deliver(archive=archive)
    error, cause = site.tasks.failures["token"]
    assert error == "Archive.Refused"
    assert code in cause
    assert (site.deepgram.requests, site.claim["deepgram_requests"]) == ([], 0)


@pytest.mark.parametrize("operation", ["put_object", "get_object"])
def test_an_archive_in_passing_trouble_is_waited_for_before_anything_is_paid(site: Site, operation: str) -> None:
    archive = Archive(s3=cast("Any", Refusing(site.cloud.s3, operation, "SlowDown")), bucket="archive")
    with pytest.raises(RetryLater):
        site.deliver(archive=archive)
    assert (site.deepgram.requests, site.claim["deepgram_requests"]) == ([], 0)
    site.deliver(receive_count=2)
    assert site.tasks.results["token"].items() >= SUCCESS.items()


def test_what_stands_for_an_awaited_reply_is_taken_for_none(site: Site) -> None:
    site.deepgram.answer(refusal(503, "BUSY"))
    with pytest.raises(RetryLater):
        site.deliver()
    assert site.stored_reply() == b"{}"
    site.deliver(receive_count=2)
    assert json.loads(site.stored_reply()) == transcription()
    assert site.tasks.results["token"]["deepgram_requests"] == 2


def test_an_unusable_reply_stays_until_there_is_a_better_one(site: Site) -> None:
    site.deepgram.answer(Answer(200, {"request_id": REQUEST_ID}), refusal(503, "BUSY"))
    site.deliver()
    site.fail()
    site.take(OTHER_EXECUTION)
    site.tasks.waiting.add("second")
    with pytest.raises(RetryLater):
        site.deliver(execution=OTHER_EXECUTION, token="second")
    assert json.loads(site.stored_reply()) == {"request_id": REQUEST_ID}


def test_an_unusable_reply_is_replaced_by_that_to_the_same_content(site: Site) -> None:
    site.deepgram.answer(Answer(200, {"request_id": REQUEST_ID}))
    site.deliver()
    site.fail()
    site.take(OTHER_EXECUTION)
    site.tasks.waiting.add("second")
    site.archive.write(
        "replies/the-other.json.gz", json.dumps(transcription()).encode(), metadata={"execution": "another"}
    )
    site.recording = replace(site.recording, same_content_as="the-other")
    site.deliver(execution=OTHER_EXECUTION, token="second")
    assert site.tasks.results["second"]["deepgram_requests"] == 1
    assert json.loads(site.stored_reply()) == transcription()
    assert len(site.deepgram.requests) == 1


def test_a_reply_that_another_execution_keeps_meanwhile_is_neither_written_over_nor_paid_again(site: Site) -> None:
    site.signer.meanwhile = lambda: site.archive.write(
        site.reply_key, json.dumps(transcription()).encode(), metadata={"execution": OTHER_EXECUTION}
    )
    with pytest.raises(RetryLater) as later:
        site.deliver()
    assert later.value.delay_seconds == 5
    assert site.deepgram.requests == []
    site.deliver(receive_count=2)
    assert json.loads(site.stored_reply()) == transcription()
    assert site.deepgram.requests == []


def test_a_place_that_others_always_write_to_ends_the_call_before_its_message_is_put_away(site: Site) -> None:
    archive = Archive(
        s3=cast("Any", Refusing(site.cloud.s3, "put_object", "ConditionalRequestConflict")), bucket="archive"
    )
    waits = []
    for receive_count in range(1, 2 * MAX_ATTEMPTS):
        with pytest.raises(RetryLater) as later:
            site.deliver(archive=archive, receive_count=receive_count)
        waits.append(later.value.delay_seconds)
    assert waits[:4] == [5, 10, 20, 40]
    site.deliver(archive=archive, receive_count=2 * MAX_ATTEMPTS)
    assert site.tasks.failures["token"][0] == "Reply.Changed"
    assert site.deepgram.requests == []


def test_a_lost_answer_is_not_looked_for_in_an_unusable_one_of_before(site: Site) -> None:
    site.deepgram.answer(Answer(200, {"request_id": REQUEST_ID}))
    site.deliver()
    site.fail()
    site.take(OTHER_EXECUTION)
    site.tasks.waiting.add("second")
    repeated: dict[str, Any] = {"execution": OTHER_EXECUTION, "token": "second"}
    site.deliver(archive=Unwilling(site), **repeated)
    assert site.tasks.failures["second"][0] == "Reply.NotStored"
    site.tasks.waiting.add("second")  # nobody heard of it
    site.deliver(receive_count=2, **repeated)
    assert site.tasks.failures["second"][0] == "Reply.NotStored"
    assert len(site.deepgram.requests) == 2


def test_nothing_is_asked_that_could_not_be_kept_in_time(site: Site) -> None:
    def linger() -> None:
        site.process_time.now += LIFETIME.total_seconds() - 40

    site.signer.meanwhile = linger
    with pytest.raises(RetryLater):
        site.deliver()
    assert (site.deepgram.requests, site.claim["deepgram_requests"]) == ([], 0)


@pytest.mark.parametrize("write", ["record_reply", "end_request"])
def test_a_claim_that_cannot_be_written_after_the_answer_costs_no_second_request(
    site: Site, monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    def throttled(*_: Any, **__: Any) -> None:
        raise aws_error("ThrottlingException", "UpdateItem")

    site.deepgram.answer(Answer(body=transcription() if write == "record_reply" else {}))
    with monkeypatch.context() as patch:
        patch.setattr(site.claims, write, throttled)
        if write == "record_reply":
            with pytest.raises(RetryLater):
                site.deliver()
        else:
            site.deliver()
            site.tasks.waiting.add("token")
    site.deliver(receive_count=2)
    assert len(site.deepgram.requests) == 1


def test_a_refusal_counts_as_one_although_the_lease_cannot_be_given_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(*_: Any, **__: Any) -> None:
        raise aws_error("ThrottlingException", "UpdateItem")

    site.deepgram.answer(refusal(402, "ASR_PAYMENT_REQUIRED"))
    monkeypatch.setattr(site.claims, "end_request", throttled)
    site.deliver()
    assert site.tasks.failures["token"][0] == "Deepgram.ASR_PAYMENT_REQUIRED"


def test_a_state_machine_that_cannot_be_told_is_told_later(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def throttled(**_: str) -> None:
        raise aws_error("ThrottlingException", "SendTaskSuccess")

    with monkeypatch.context() as patch:
        patch.setattr(site.tasks, "send_task_success", throttled)
        with pytest.raises(RetryLater):
            site.deliver()
    site.deliver(receive_count=2)
    assert site.tasks.results["token"].items() >= SUCCESS.items()
    assert len(site.deepgram.requests) == 1


def poison() -> list[Any]:
    """Replies that were taken for good, and could be stored by nobody."""
    words = json.dumps(transcription()).encode()
    long, warned = transcription(), transcription()
    long["results"]["summary"] = {"result": "success", "short": "s" * 420_000}
    warned["metadata"]["warnings"] = [{"parameter": f"p{number}", "type": "t"} for number in range(10_000)]
    return [
        pytest.param(words.replace(b"Certainly.", b"Certainly \\ud83d."), id="lone surrogate"),
        pytest.param(json.dumps(long).encode(), id="long summary"),
        pytest.param(json.dumps(warned).encode(), id="many warnings"),
        pytest.param(words.replace(b'"confidence": 0.98', b'"confidence": NaN'), id="nan"),
    ]


@pytest.mark.parametrize("body", poison())
def test_a_reply_that_passes_the_judge_can_be_stored(site: Site, body: bytes) -> None:
    site.deepgram.answer(Answer(body=body))
    site.deliver()
    result = site.tasks.results["token"]
    stored = TranscriptStore(
        table=site.cloud.table,
        claims=site.claims,
        archive=site.archive,
        transcriptions=DeepgramTranscriptions(options=TranscriptionOptions()),
        channel_roles=CHANNEL_ROLES,
        retention=None,
    ).store(site.recording, reply_key=result["reply"]["key"], requests=1, now=site.now)
    item: dict[str, Any] = site.cloud.table.get_item(Key=stored.key.primary())["Item"]
    assert (item["call_id"], item["cost"]["requests"], item["cost"]["refused"]) == ("call-7", 1, 0)


def test_a_reply_on_which_our_code_breaks_is_kept_and_not_paid_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(**_: Any) -> None:
        raise KeyError("+15550107788")

    with monkeypatch.context() as patch:
        patch.setattr("lambdas.common.transcript_builder.build_transcript", breaks)
        site.deliver()
    error, cause = site.tasks.failures["token"]
    assert error == "Transcript.Unbuildable"
    assert "5550107788" not in cause
    site.fail()
    site.take(OTHER_EXECUTION)
    site.tasks.waiting.add("second")
    site.deliver(execution=OTHER_EXECUTION, token="second")
    assert site.tasks.results["second"]["deepgram_requests"] == 1
    assert len(site.deepgram.requests) == 1


def test_a_reply_packed_in_an_unknown_way_is_kept_and_named(site: Site) -> None:
    site.deepgram.answer(Answer(body=b"\x8b\x00\x80hi\x03", headers={"Content-Encoding": "br"}))
    site.deliver()
    error, cause = site.tasks.failures["token"]
    assert error == "Deepgram.InvalidReply.MalformedJson"
    assert "packed as br" in cause
    assert site.stored_reply() == b"\x8b\x00\x80hi\x03"


def test_a_reply_that_is_too_large_is_paid_for_and_not_asked_for_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambdas.transcribe_call.deepgram.api.MAX_REPLY_BYTES", 1000)
    site.deliver()
    assert site.tasks.failures["token"][0] == "Deepgram.ReplyTooLarge"
    assert (site.claim["deepgram_requests"], site.claim.get("deepgram_refused")) == (1, None)
    site.tasks.waiting.add("token")
    site.deliver(receive_count=2)
    assert site.tasks.failures["token"][0] == "Reply.NotStored"
    assert len(site.deepgram.requests) == 1


def test_refused_requests_are_told_from_those_that_may_have_been_billed(site: Site) -> None:
    site.deepgram.answer(refusal(503, "BUSY"), Answer(reset=True))
    for receive_count in (1, 2):
        with pytest.raises(RetryLater):
            site.deliver(receive_count=receive_count)
    site.deliver(receive_count=3)
    assert (site.claim["deepgram_requests"], site.claim["deepgram_refused"]) == (3, 1)
    metadata = site.cloud.s3.head_object(Bucket="archive", Key=site.reply_key)["Metadata"]
    assert metadata["refused-requests"] == "1"


def test_deliveries_that_only_waited_are_no_attempts(site: Site) -> None:
    site.deepgram.answer(then=refusal(503, "BUSY"))
    with pytest.raises(RetryLater) as later:
        site.deliver(receive_count=90)
    assert later.value.delay_seconds == 5
    assert site.claim["deepgram_requests"] == 1


def test_functions_that_die_in_the_middle_of_a_request_spend_attempts_but_no_more_than_there_are(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise Killed

    monkeypatch.setattr(DeepgramApi, "transcribe", die)
    for receive_count in range(1, MAX_ATTEMPTS + 1):
        with pytest.raises(Killed):
            site.deliver(receive_count=receive_count)
        site.now += LIFETIME + timedelta(seconds=1)
    site.deliver(receive_count=MAX_ATTEMPTS + 1)
    assert site.tasks.failures["token"][0] == "Deepgram.Unanswered"
    assert site.claim["deepgram_requests"] == MAX_ATTEMPTS


def test_a_call_is_given_up_with_deepgrams_code_before_its_execution_stops_waiting(site: Site) -> None:
    site.deepgram.answer(then=refusal(503, "BUSY"))
    site.now = NOW + MAX_WAIT - timedelta(minutes=10)
    with pytest.raises(RetryLater) as later:
        site.deliver()
    site.now += timedelta(seconds=later.value.delay_seconds)
    while "token" in site.tasks.waiting:
        try:
            site.deliver()
        except RetryLater as again:
            site.now += timedelta(seconds=again.delay_seconds)
    assert site.tasks.failures["token"][0] == "Deepgram.BUSY"
    assert NOW + MAX_WAIT - timedelta(minutes=2) < site.now < NOW + MAX_WAIT
