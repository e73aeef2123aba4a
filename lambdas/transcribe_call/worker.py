"""Transcribe one call: never two requests where one is enough, never an answer lost.

The order of the steps decides what a crash between any two of them costs:

1. Is anybody waiting? A task token that has timed out ends the work; nothing is sent to the speech service for it.
2. Is there a reply already? The service's reply is kept in S3, as it came, before anything else is done with it. A
   message delivered again after a crash finds it and finishes without a second request, and so does a later execution.
3. Will the archive take the reply, and is there time to wait for it and to keep it? Otherwise nothing is sent.
4. The request lease is taken and the request counted, both by one conditional write, before the request is sent. Of
   two deliveries of one message, one asks and the other waits. The write also refuses an execution that has its reply,
   so that a delivery which looked for the reply a moment too early does not ask for it again.
5. The service is asked once, without retries inside its SDK: every repetition passes through the queue and is counted.
6. The reply is stored, then judged, then noted on the claim, then reported to the state machine. An archive that does
   not take it is tried until the function must end; before the second try the claim learns that there was an answer.

What remains is the time between sending the request and storing the reply. There is no idempotency key, so when
the function dies in that time, or the reply gets lost on its way, a paid transcription may be gone. The redelivered
message then sends the request again, once the lease of the dead one has run out. `deepgram_requests` on the claim
counts every request and `deepgram_refused` those that the service answered with an error, so the bill can be explained.

A reply is judged by building what is stored of it. One that holds no transcription (`{}`, an error, no JSON) fails the
call. It is not asked for again in the same execution, also not when the function died before it could say so. A
redrive, which is a new execution, asks again and overwrites it; nothing of worth is lost with it. A reply that our own
code cannot work with fails the call as well, but stays: a redrive builds from it and asks nobody.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from callscribe.contract.metrics import FunctionMetric
from callscribe.contract.object_keys import reply_key
from callscribe.scrubbing import scrub
from lambdas.common.archive import REFUSED_REQUESTS, ArchivedObject, request_metadata
from lambdas.common.claims import (
    AlreadyAnswered,
    AttemptsSpent,
    ClaimLost,
    Claims,
    RequestInFlight,
    RequestLease,
)
from lambdas.common.errors import SafeError, TransientError, describe
from lambdas.common.observability import logger, metrics
from lambdas.common.transcript_builder import TranscriptBuilder, UnusableReply
from lambdas.transcribe_call.kept_replies import Clock, KeptReplies, Place, ReplyNotStored, changed, lost
from lambdas.transcribe_call.report import Report, StaleTask
from lambdas.transcribe_call.retry_policy import pause_before_next_try
from lambdas.transcribe_call.speech import SpeechFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from callscribe.transcript import Role
    from lambdas.common.archive import Archive
    from lambdas.common.presigning import Presigner
    from lambdas.common.transcript_builder import Transcriptions
    from lambdas.transcribe_call.speech import RawReply, SpeechRequest, SpeechService
    from lambdas.transcribe_call.vocabulary import Vocabulary
    from lambdas.transcribe_call.work import Work

TIME_TO_KEEP = timedelta(seconds=40)
"""What must be left of a process when the service's time for an answer is over: to keep the reply and to tell of it."""

# Of that, what telling takes: a write to the claim and one to the state machine.
_TIME_TO_TELL_SECONDS = 15.0

# Tries after which trouble has lasted for minutes at least: how long the call has waited then becomes a metric.
_LASTING_TRIES = 8

# Names in the metadata of a stored reply.
_EXECUTION = "execution"
_REQUEST_ID = "request-id"


class UnbuildableTranscript(SafeError):
    """A reply that our code cannot work with; it is kept, and a later version may."""


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
    """How often and how long a call is tried, beside the time that its execution waits for it.

    Attributes:
        max_attempts: Requests that one execution sends for a call at most. Deliveries of its message that come to
            nothing before a request is sent have as many tries of their own.
        max_delay_seconds: Longest pause between two tries; `None` has the tries last for the whole wait.
    """

    max_attempts: int
    max_delay_seconds: float | None


@dataclass(kw_only=True)
class _Delivery:
    """One delivery of a message.

    Attributes:
        work: The message.
        receive_count: How often it has been delivered, this time included.
        lifetime: How long this process can live at most.
        ends: When that is over, by its monotonic clock.
        attempts: Requests that the execution has sent; 0 as long as this delivery has sent none.
    """

    work: Work
    receive_count: int
    lifetime: timedelta
    ends: float
    attempts: int = 0


class Worker:
    """Transcribes calls.

    Args:
        report: Tells the state machine.
        claims: The claims of the recordings.
        archive: Where replies are kept.
        service: Transcribes recordings.
        transcriptions: Reads the service's replies.
        presigner: Signs the URL by which the service fetches a recording.
        vocabulary: The clinics' own terms.
        limits: How often and how long a call is tried.
        channel_roles: Who speaks on which channel, since replies are judged by building their transcripts; none leaves
            the roles unknown.
        clock: Returns the time (aware, UTC).
        process_clock: The time of this process.
        jitter: Returns a number from 0 to 1.
    """

    def __init__(
        self,
        *,
        report: Report,
        claims: Claims,
        archive: Archive,
        service: SpeechService,
        transcriptions: Transcriptions,
        presigner: Presigner,
        vocabulary: Vocabulary,
        limits: RetryLimits,
        channel_roles: Mapping[int, Role] = MappingProxyType({}),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        process_clock: Clock = time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._report = report
        self._claims = claims
        self._bucket = archive.bucket
        self._replies = KeptReplies(archive, clock=process_clock, jitter=jitter)
        self._builder = TranscriptBuilder(
            bucket=archive.bucket, transcriptions=transcriptions, channel_roles=channel_roles
        )
        self._service = service
        self._presigner = presigner
        self._vocabulary = vocabulary
        self._limits = limits
        self._clock = clock
        self._process_clock = process_clock
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
        ends = self._process_clock.monotonic() + lifetime.total_seconds()
        delivery = _Delivery(work=work, receive_count=receive_count, lifetime=lifetime, ends=ends)
        try:
            self._attempt(delivery)
        except StaleTask:
            _drop("nobody waits for this call any more; its reply, if there is one, stays archived")
        except ClaimLost:
            _drop("another execution works on this recording")

    def _attempt(self, delivery: _Delivery) -> None:
        try:
            self._report.heartbeat(delivery.work.task_token)
            self._transcribe(delivery)
        except (StaleTask, ClaimLost, RetryLater):
            raise
        except SpeechFailure as failure:
            if failure.rate_limited:
                metrics.add_metric(name=FunctionMetric.RATE_LIMITED, unit=MetricUnit.Count, value=1)
            if failure.retriable:
                self._ask_again_or_fail(delivery, failure)
            else:
                self._fail(delivery.work, failure)
        except TransientError as transient:
            self._try_again_or_fail(delivery, transient)
        except SafeError as failure:
            self._fail(delivery.work, failure)
        except Exception as error:  # noqa: BLE001 - becomes a retry or the task's failure, without its text
            self._try_again_or_fail(delivery, SafeError(f"Unexpected.{type(error).__name__}", describe(error)))

    def _ask_again_or_fail(self, delivery: _Delivery, failure: SpeechFailure) -> None:
        """Bound the requests that are sent, and only those: a delivery that only waited is none."""
        pause = pause_before_next_try(
            tries=delivery.attempts,
            max_tries=self._limits.max_attempts,
            remaining=self._remaining(delivery.work),
            max_pause=self._limits.max_delay_seconds,
            retry_after=failure.retry_after,
            random=self._jitter,
        )
        self._pause_or_fail(delivery, failure, pause=pause, tries=delivery.attempts, of="attempts")

    def _try_again_or_fail(self, delivery: _Delivery, failure: SafeError) -> None:
        """Bound the deliveries that came to nothing before the service was asked, those that did ask counted beside."""
        pause = pause_before_next_try(
            tries=delivery.receive_count,
            max_tries=2 * self._limits.max_attempts,
            remaining=self._remaining(delivery.work),
            max_pause=self._limits.max_delay_seconds,
            random=self._jitter,
        )
        self._pause_or_fail(delivery, failure, pause=pause, tries=delivery.receive_count, of="deliveries")

    def _pause_or_fail(
        self, delivery: _Delivery, failure: SafeError, *, pause: int | None, tries: int, of: str
    ) -> None:
        if pause is None:
            self._fail(delivery.work, SafeError(failure.code, f"{failure.message}; gave up after {tries} {of}"))
            return
        logger.warning(
            "trying again later",
            error_code=failure.code,
            error_message=failure.message,
            attempts=delivery.attempts,
            receive_count=delivery.receive_count,
            delay_seconds=pause,
        )
        # A single refusal of a call that has only waited for its turn is no trouble.
        if tries >= _LASTING_TRIES:
            waited = self._waited(delivery.work).total_seconds()
            metrics.add_metric(name=FunctionMetric.TROUBLED_CALL_AGE, unit=MetricUnit.Seconds, value=waited)
        raise RetryLater(pause)

    def _waited(self, work: Work) -> timedelta:
        now = self._clock()
        return now - min(now, work.waiting_since or now)

    def _remaining(self, work: Work) -> float:
        """Return the seconds until the last moment at which a request can still be answered in time.

        Of a short wait a part is left, so that it is not all spent on waiting for the last request.
        """
        request = min(self._service.timeout + TIME_TO_KEEP, work.max_wait / 4)
        return (work.max_wait - request - self._waited(work)).total_seconds()

    def _fail(self, work: Work, failure: SafeError) -> None:
        logger.error("the call cannot be transcribed", error_code=failure.code, error_message=failure.message)
        metrics.add_metric(name=FunctionMetric.FAILURES, unit=MetricUnit.Count, value=1)
        self._report.failure(work.task_token, failure)

    def _transcribe(self, delivery: _Delivery) -> None:
        work = delivery.work
        place = self._known_reply(work)
        if place.reply is not None:
            try:
                request_id = self._judge(work, place.reply)
            except UnusableReply as unusable:
                if place.reply.metadata.get(_EXECUTION) == work.execution:
                    raise
                logger.warning("asking again: an earlier execution got an unusable reply", error_code=unusable.code)
            else:
                logger.info("no request is sent: the reply is in the archive")
                self._succeed(work, request_id=request_id)
                return
        channels = work.recording.audio.channels
        vocabulary = self._vocabulary.terms(work.recording.call.clinic_id)
        request = self._service.prepare(channels=channels, vocabulary=vocabulary)
        try:
            request_id = self._ask(delivery, place, request)
        except SpeechFailure as failure:
            if not failure.key_refused:
                raise
            newer = self._service.prepare(channels=channels, vocabulary=vocabulary, renew_key=True)
            if newer == request:
                raise
            logger.info("asking again: the key was rotated")
            place = self._replies.look(work.recording.recording_id)
            request_id = self._ask(delivery, place, newer)
        self._succeed(work, request_id=request_id)

    def _known_reply(self, work: Work) -> Place:
        """Look for the reply to a recording; one to the same content, from which a transcript can be built, is as good.

        That one is copied, so that each recording has its own.
        """
        recording = work.recording
        place = self._replies.look(recording.recording_id)
        if recording.same_content_as is None or (place.reply is not None and self._is_usable(work, place.reply)):
            return place
        other = self._replies.look(recording.same_content_as).reply
        if other is None or not self._is_usable(work, other):
            return place
        logger.info("the reply to another recording with the same content is taken")
        self._replies.keep(recording.recording_id, other.content, metadata=other.metadata)
        return self._replies.look(recording.recording_id)

    def _is_usable(self, work: Work, reply: ArchivedObject) -> bool:
        try:
            self._judge(work, reply)
        except (UnusableReply, UnbuildableTranscript):
            return False
        return True

    def _ask(self, delivery: _Delivery, place: Place, request: SpeechRequest) -> str:
        """Send one request, keep its reply and return the service's name of the request."""
        recording = delivery.work.recording
        url = self._presigner.presign(recording.provenance)
        self._replies.make_room(place)
        lease = self._lease(delivery, place)
        reply = self._send(delivery, lease, request, url)
        kept = ArchivedObject(
            content=reply.content,
            metadata={
                _EXECUTION: delivery.work.execution,
                _REQUEST_ID: reply.request_id,
                REFUSED_REQUESTS: str(lease.refused),
                **request_metadata(request.options, vocabulary_terms=request.vocabulary_terms),
            },
            last_modified=self._clock(),
        )
        try:
            self._keep(delivery, lease, kept)
            request_id = self._judge(delivery.work, kept, encoding=reply.encoding)
        except (ReplyNotStored, UnusableReply, UnbuildableTranscript):
            self._end_request(delivery, lease, replied=True)
            raise
        metrics.add_metric(
            name=FunctionMetric.AUDIO_SECONDS, unit=MetricUnit.Seconds, value=recording.audio.duration_seconds
        )
        return request_id

    def _lease(self, delivery: _Delivery, place: Place) -> RequestLease:
        """Take the request lease, as the last thing before the request."""
        recording_id = delivery.work.recording.recording_id
        needed = self._service.timeout + TIME_TO_KEEP
        if self._process_clock.monotonic() + needed.total_seconds() > delivery.ends:
            raise TransientError(
                "Worker.TooLate", "what comes before the request left no time to await and keep the reply"
            )
        lease = self._claims.begin_request(
            recording_id,
            execution=delivery.work.execution,
            now=self._clock(),
            lease=delivery.lifetime,
            most=self._limits.max_attempts,
        )
        match lease:
            case RequestInFlight():
                logger.info("waiting: another delivery of this message is asking the speech service")
                raise RetryLater(max(1, lease.until - int(self._clock().timestamp())))
            case AlreadyAnswered():
                # A reply that was there before is of an earlier execution, and unusable.
                if _same(self._replies.look(recording_id).reply, place.reply):
                    raise lost()
                raise changed()
            case AttemptsSpent():
                raise SafeError(
                    f"{self._service.error_prefix}.Unanswered",
                    f"gave up after {lease.attempts} attempts, of which none brought a reply",
                )
        delivery.attempts = lease.attempts
        return lease

    def _send(self, delivery: _Delivery, lease: RequestLease, request: SpeechRequest, url: str) -> RawReply:
        metrics.add_metric(name=FunctionMetric.REQUESTS, unit=MetricUnit.Count, value=1)
        started = self._process_clock.monotonic()
        try:
            return request.send(url)
        except SpeechFailure as failure:
            self._end_request(delivery, lease, replied=failure.answered, refused=failure.refused)
            raise
        except Exception:
            self._end_request(delivery, lease, replied=False)
            raise
        finally:
            milliseconds = (self._process_clock.monotonic() - started) * 1000
            metrics.add_metric(
                name=FunctionMetric.REQUEST_MILLISECONDS, unit=MetricUnit.Milliseconds, value=milliseconds
            )

    def _keep(self, delivery: _Delivery, lease: RequestLease, reply: ArchivedObject) -> None:
        """Write a reply into the archive: it is paid for, so for as long as this process may live.

        Raises:
            ReplyNotStored: The archive did not take it.
        """
        recording_id = delivery.work.recording.recording_id
        try:
            self._replies.keep(recording_id, reply.content, metadata=reply.metadata)
        except (ClientError, BotoCoreError) as error:
            logger.error("the reply is held: the archive does not take it", error=describe(error))
            metrics.add_metric(name=FunctionMetric.REPLIES_HELD, unit=MetricUnit.Count, value=1)
        else:
            return
        # Whatever becomes of this process: there was an answer, and this execution must not pay for another one.
        try:
            self._claims.note_answer(recording_id, execution=delivery.work.execution, lease=lease, now=self._clock())
        except (ClaimLost, ClientError, BotoCoreError) as error:
            logger.warning("the answer could not be noted on the claim", error=describe(error))
        self._replies.keep_trying(
            recording_id, reply.content, metadata=reply.metadata, until=delivery.ends - _TIME_TO_TELL_SECONDS
        )

    def _end_request(self, delivery: _Delivery, lease: RequestLease, *, replied: bool, refused: bool = False) -> None:
        """Give the request lease back. If that fails, it runs out by itself, and what happened counts all the same."""
        try:
            self._claims.end_request(
                delivery.work.recording.recording_id,
                execution=delivery.work.execution,
                lease=lease,
                now=self._clock(),
                replied=replied,
                refused=refused,
            )
        except (ClientError, BotoCoreError) as error:
            logger.warning("the request lease could not be given back", error=describe(error))

    def _judge(self, work: Work, reply: ArchivedObject, *, encoding: str = "") -> str:
        """Return the service's name of the request if a transcript can be built from the reply, and stored.

        Raises:
            UnusableReply: The reply holds no transcription.
            UnbuildableTranscript: It may hold one, but our code breaks on it.
        """
        recording, request_id = work.recording, reply.metadata.get(_REQUEST_ID, "")
        about = f"(request {request_id or 'unknown'})"
        try:
            built = self._builder.build(
                call=recording.call,
                audio=recording.audio,
                provenance=recording.provenance,
                reply=reply,
                reply_key=reply_key(recording.recording_id),
                requests=1,
            )
        except UnusableReply as unusable:
            packed = f"; it came packed as {encoding}" if encoding else ""
            raise UnusableReply(unusable.code, f"{scrub(unusable.message)}{packed} {about}") from None
        except Exception as error:  # noqa: BLE001 - told without its text
            raise UnbuildableTranscript(
                "Transcript.Unbuildable",
                f"{describe(error)} {about}. The reply is kept: after an update, a redrive builds from it, unpaid",
            ) from None
        return built.transcript.request_id or request_id

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
                "reply": {"bucket": self._bucket, "key": reply_key(recording_id)},
                "request_id": request_id,
                "deepgram_requests": requests,
            },
        )


def _same(one: ArchivedObject | None, other: ArchivedObject | None) -> bool:
    """Tell whether two looks have seen the same reply, which may have been written over with itself between them."""
    if one is None or other is None:
        return one is other
    return (one.content, one.metadata) == (other.content, other.metadata)


def _drop(reason: str) -> None:
    logger.warning("the message is dropped", reason=reason)
    metrics.add_metric(name=FunctionMetric.MESSAGES_DROPPED, unit=MetricUnit.Count, value=1)
