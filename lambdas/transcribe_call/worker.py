"""Transcribe one call: never two requests where one is enough, never an answer lost.

The order of the steps decides what a crash between any two of them costs:

1. Is anybody waiting? A task token that has timed out ends the work; nothing is sent to Deepgram for it.
2. Is there a reply already? Deepgram's reply is kept in S3, as it came, before anything else is done with it. A
   message delivered again after a crash finds it and finishes without a second request, and so does a later execution.
3. The request lease is taken and the request counted, both by one conditional write, before the request is sent. Of
   two deliveries of one message, one asks and the other waits. The write also refuses an execution that has its reply,
   so that a delivery which looked for the reply a moment too early does not ask for it again.
4. Deepgram is asked once, without retries inside the SDK: every repetition passes through the queue and is counted.
5. The reply is stored, then judged, then noted on the claim, then reported to the state machine.

What remains is the time between sending the request and storing the reply. Deepgram takes no idempotency key, so when
the function dies in that time, or the reply gets lost on its way, a paid transcription may be gone. The redelivered
message then sends the request again, once the lease of the dead one has run out. `deepgram_requests` on the claim
counts every request, so the bill can be explained.

A reply that is stored but holds no transcription (`{}`, an error, no JSON) fails the call. It is not asked for again in
the same execution, also not when the function died before it could say so. A redrive, which is a new execution, asks
again and overwrites it; nothing of worth is lost with it.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import MetricUnit

from lambdas.common.archive import reply_key, request_metadata
from lambdas.common.claims import ClaimLost, Claims, RequestInFlight
from lambdas.common.errors import SafeError, describe
from lambdas.common.observability import logger, metrics
from lambdas.common.scrubbing import scrub
from lambdas.transcribe_call.deepgram_request import DeepgramApi, DeepgramFailure, RawReply
from lambdas.transcribe_call.report import Report, StaleTask
from lambdas.transcribe_call.retry_policy import retry_delay
from transcription.options import (
    InvalidOptions,
    QueryParameters,
    TranscriptionOptions,
    merged_vocabulary,
    query_parameters,
)
from transcription.reply import InvalidReply, parse_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambdas.common.archive import Archive
    from lambdas.transcribe_call.deepgram_key import DeepgramKey
    from lambdas.transcribe_call.presigning import Presigner
    from lambdas.transcribe_call.vocabulary import Vocabulary
    from lambdas.transcribe_call.work import Work

# Names in the metadata of a stored reply.
_EXECUTION = "execution"
_REQUEST_ID = "request-id"


class UnusableReply(SafeError):
    """A reply with a status of success that holds no transcription."""


class RetryLater(Exception):
    """The message belongs back into the queue.

    Attributes:
        delay_seconds: How long it should stay hidden there.
    """

    def __init__(self, delay_seconds: int) -> None:
        super().__init__(f"again in {delay_seconds} s")
        self.delay_seconds = delay_seconds


@dataclass(frozen=True, kw_only=True)
class RetryLimits:
    """How often and how long a call is tried.

    Attributes:
        max_attempts: Deliveries of a message after which a passing failure becomes final.
        max_delay_seconds: Longest wait between two of them.
    """

    max_attempts: int
    max_delay_seconds: float


class Worker:
    """Transcribes calls.

    Args:
        report: Tells the state machine.
        claims: The claims of the recordings.
        archive: Where replies are kept.
        deepgram: Deepgram's API.
        key: Deepgram's API key.
        presigner: Signs the URL by which Deepgram fetches a recording.
        vocabulary: The clinics' own terms.
        options: What is asked of Deepgram.
        limits: How often and how long a call is tried.
        clock: Returns the time (aware, UTC).
        jitter: Returns a number from 0 to 1.
    """

    def __init__(
        self,
        *,
        report: Report,
        claims: Claims,
        archive: Archive,
        deepgram: DeepgramApi,
        key: DeepgramKey,
        presigner: Presigner,
        vocabulary: Vocabulary,
        options: TranscriptionOptions,
        limits: RetryLimits,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._report = report
        self._claims = claims
        self._archive = archive
        self._deepgram = deepgram
        self._key = key
        self._presigner = presigner
        self._vocabulary = vocabulary
        self._options = options
        self._limits = limits
        self._clock = clock
        self._jitter = jitter

    def process(self, work: Work, *, receive_count: int, lifetime: timedelta) -> None:
        """Transcribe the call of one message, or fail its task; when this returns, the message is done with.

        Args:
            work: The message.
            receive_count: How often the message has been delivered, this delivery included.
            lifetime: How long this process can live at most, which is how long its request lease must last.

        Raises:
            RetryLater: The message belongs back into the queue.
        """
        try:
            self._attempt(work, receive_count=receive_count, lifetime=lifetime)
        except StaleTask:
            _drop("nobody waits for this call any more; its reply, if there is one, stays archived")
        except ClaimLost:
            _drop("another execution works on this recording")

    def _attempt(self, work: Work, *, receive_count: int, lifetime: timedelta) -> None:
        try:
            self._report.heartbeat(work.task_token)
            self._transcribe(work, lifetime=lifetime)
        except (StaleTask, ClaimLost, RetryLater):
            raise
        except DeepgramFailure as failure:
            if failure.status == HTTPStatus.TOO_MANY_REQUESTS:
                metrics.add_metric(name="DeepgramRateLimited", unit=MetricUnit.Count, value=1)
            if failure.retriable:
                self._retry_or_fail(work, failure, receive_count=receive_count, retry_after=failure.retry_after)
            else:
                self._fail(work, failure)
        except SafeError as failure:
            self._fail(work, failure)
        except Exception as error:  # noqa: BLE001 - becomes a retry or the task's failure, without its text
            unexpected = SafeError(f"Unexpected.{type(error).__name__}", describe(error))
            self._retry_or_fail(work, unexpected, receive_count=receive_count)

    def _retry_or_fail(
        self, work: Work, failure: SafeError, *, receive_count: int, retry_after: float | None = None
    ) -> None:
        if receive_count >= self._limits.max_attempts:
            self._fail(work, SafeError(failure.code, f"{failure.message}; gave up after {receive_count} attempts"))
            return
        delay = retry_delay(
            receive_count=receive_count,
            retry_after=retry_after,
            max_delay=self._limits.max_delay_seconds,
            random=self._jitter,
        )
        logger.warning(
            "trying again later",
            error_code=failure.code,
            error_message=failure.message,
            attempt=receive_count,
            delay_seconds=delay,
        )
        raise RetryLater(delay)

    def _fail(self, work: Work, failure: SafeError) -> None:
        logger.error("the call cannot be transcribed", error_code=failure.code, error_message=failure.message)
        metrics.add_metric(name="DeepgramFailures", unit=MetricUnit.Count, value=1)
        self._report.failure(work.task_token, failure)

    def _transcribe(self, work: Work, *, lifetime: timedelta) -> None:
        archived = self._archive.read(reply_key(work.recording.recording_id))
        if archived is not None:
            archived_id = archived.metadata.get(_REQUEST_ID, "")
            try:
                request_id = _judge(archived.content, request_id=archived_id)
            except UnusableReply as unusable:
                if archived.metadata.get(_EXECUTION) == work.execution:
                    raise
                logger.warning("asking again: an earlier execution got an unusable reply", error_code=unusable.code)
            else:
                logger.info("no request is sent: the reply is in the archive")
                self._succeed(work, request_id=request_id)
                return
        api_key = self._key.read()
        try:
            request_id = self._ask(work, api_key=api_key, lifetime=lifetime)
        except DeepgramFailure as refused:
            if refused.status != HTTPStatus.UNAUTHORIZED:
                raise
            newer_key = self._key.read(refresh=True)
            if newer_key == api_key:
                raise
            logger.info("asking again: the key was rotated")
            request_id = self._ask(work, api_key=newer_key, lifetime=lifetime)
        self._succeed(work, request_id=request_id)

    def _ask(self, work: Work, *, api_key: str, lifetime: timedelta) -> str:
        """Send one request, keep its reply and return Deepgram's name of the request."""
        recording = work.recording
        vocabulary = self._vocabulary.terms(recording.call.clinic_id)
        try:
            parameters = query_parameters(self._options, channels=recording.audio.channels, vocabulary=vocabulary)
        except InvalidOptions as invalid:
            raise SafeError("DeepgramOptions.Invalid", str(invalid)) from None
        url = self._presigner.presign(recording)
        lease = self._claims.begin_request(
            recording.recording_id, execution=work.execution, now=self._clock(), lease=lifetime
        )
        if isinstance(lease, RequestInFlight):
            logger.info("waiting: another delivery of this message is asking Deepgram")
            raise RetryLater(max(1, lease.until - int(self._clock().timestamp())))
        try:
            reply = self._send(url, parameters=parameters, api_key=api_key)
            self._archive.write(
                reply_key(recording.recording_id),
                reply.content,
                metadata={
                    _EXECUTION: work.execution,
                    _REQUEST_ID: reply.request_id,
                    **request_metadata(
                        self._options, vocabulary_terms=len(merged_vocabulary(self._options, vocabulary))
                    ),
                },
            )
            request_id = _judge(reply.content, request_id=reply.request_id)
        except Exception as error:
            self._claims.end_request(
                recording.recording_id,
                execution=work.execution,
                lease=lease,
                now=self._clock(),
                replied=isinstance(error, UnusableReply),
            )
            raise
        metrics.add_metric(name="AudioSeconds", unit=MetricUnit.Seconds, value=recording.audio.duration_seconds)
        return request_id

    def _send(self, url: str, *, parameters: QueryParameters, api_key: str) -> RawReply:
        metrics.add_metric(name="DeepgramRequests", unit=MetricUnit.Count, value=1)
        started = time.monotonic()
        try:
            return self._deepgram.transcribe(url, parameters=parameters, api_key=api_key)
        finally:
            milliseconds = (time.monotonic() - started) * 1000
            metrics.add_metric(name="RequestMilliseconds", unit=MetricUnit.Milliseconds, value=milliseconds)

    def _succeed(self, work: Work, *, request_id: str) -> None:
        recording_id = work.recording.recording_id
        requests = self._claims.record_reply(
            recording_id,
            execution=work.execution,
            reply_key=reply_key(recording_id),
            request_id=request_id,
            now=self._clock(),
        )
        logger.info("transcribed", request_id=request_id, deepgram_requests=requests)
        self._report.success(
            work.task_token,
            {
                "reply": {"bucket": self._archive.bucket, "key": reply_key(recording_id)},
                "request_id": request_id,
                "deepgram_requests": requests,
            },
        )


def _drop(reason: str) -> None:
    logger.warning("the message is dropped", reason=reason)
    metrics.add_metric(name="MessagesDropped", unit=MetricUnit.Count, value=1)


def _judge(content: bytes, *, request_id: str) -> str:
    """Return Deepgram's name of the request if the reply is a transcription.

    Raises:
        UnusableReply: It is none.
    """
    try:
        return parse_reply(content).request_id or request_id
    except InvalidReply as invalid:
        raise UnusableReply(
            f"Deepgram.InvalidReply.{invalid.code}", f"{scrub(str(invalid))} (request {request_id or 'unknown'})"
        ) from None
