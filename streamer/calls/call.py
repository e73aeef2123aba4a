"""One live call: from its stream through the speech service into the table, then to those who watch.

    StreamReader -> CallMedia -> SpeechSession -> CallStore -> CallFeed

Words and the position they reach are stored in one write. Whatever happens to this process, the next one finds a
position and exactly the words before it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from callscribe.contract.identifiers import feed_channel
from callscribe.contract.metrics import StreamerCount
from callscribe.conversation.flags import load_flag_set
from callscribe.failures import SafeError, describe
from callscribe.live.call import CHANNEL_ROLES, LiveCall, LiveStatus, LiveUtterance
from callscribe.live.coverage import without_pauses
from callscribe.live.gaps import merged
from callscribe.live_reliability import LATEST_RESULTS, RunningReliability
from streamer.aws import is_transient
from streamer.calls.alerts import CallAlerts
from streamer.calls.reader import StreamReader
from streamer.calls.state import completion
from streamer.calls.store import LeaseLost, StreamingResumed
from streamer.feed import CallFeed, Publisher
from streamer.logs import failure
from streamer.media.call_media import CallMedia, UnsupportedAudio
from streamer.metrics import Metrics
from streamer.speech import Counts

if TYPE_CHECKING:
    from callscribe.conversation.flags import FlagSet
    from callscribe.live.call import EndReason, Gap
    from streamer.announcer import Announcer
    from streamer.calls.ending import EndLimits
    from streamer.calls.reader import Streams
    from streamer.calls.state import Checkpoint, EndHints
    from streamer.calls.store import CallStore, Item, Taken
    from streamer.speech import FinalResult, InterimResult, SpeechService, SpeechSession
    from streamer.vocabulary import Vocabulary

_FEED_SECONDS: Final = 5.0
"""How long what is still to be published may hold up the end of a call."""

_ASK_SECONDS: Final = 1.0

_MOST_FAILURES: Final = 3
"""Failures in a row that nobody foresaw, at which a call has failed. Deliveries of its message are no measure: they
count hand-overs and streamers that died as well."""

_log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What becomes of a call and its message.

    `completed`: it is over. `failed`: it cannot be followed. `handed-over`: somebody else is to take it now. `lost`:
    somebody else has taken it.
    """

    COMPLETED = "completed"
    FAILED = "failed"
    HANDED_OVER = "handed-over"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How the work on a call ended.

    Attributes:
        outcome: What becomes of it.
        item: The call's item, of a completed one.
        error_code: Why it failed.
    """

    outcome: Outcome
    item: Item | None = None
    error_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What every call of a process works with.

    Attributes:
        store: The table.
        streams: The audio.
        speech: What transcribes.
        vocabulary: The clinics' own terms.
        publisher: The live feed; `None` where there is none.
        metrics: Where things are counted.
        end_limits: When a call is over.
        announcer: Tells of what cannot wait; `None` tells nobody.
        flag_set: What cannot wait; `None` takes the default set.
    """

    store: CallStore
    streams: Streams
    speech: SpeechService
    vocabulary: Vocabulary
    publisher: Publisher | None
    metrics: Metrics
    end_limits: EndLimits
    announcer: Announcer | None = None
    flag_set: FlagSet | None = None


class CallRun:
    """The work of this process on one call that it has taken.

    Args:
        call: The call as it was announced.
        taken: Our lease, and where the call stands.
        services: What every call works with.
    """

    def __init__(self, *, call: LiveCall, taken: Taken, services: Services) -> None:
        self.lease = taken.lease
        self._call = call
        self._services = services
        self._state = taken.state
        self._checkpoint = taken.state.checkpoint
        self._hints = taken.state.hints
        self._first_reconnects = taken.state.checkpoint.reconnects
        self._counted = Counts()
        self._handing_over = asyncio.Event()
        self._lost = False
        resume, announced = self._checkpoint.resume, self._state.stream_arn
        self._stream_arn = announced if resume is None else resume.stream
        if self._has_no_token:
            self._stream_arn = self._state.first_stream_arn
        self._media = CallMedia(
            call_id=call.call_id,
            origin_ms=self._checkpoint.origin_ms,
            position=min(self._checkpoint.watermarks),
            resume=resume,
            clock_steps=self._checkpoint.clock_steps,
            # What Connect has said is about the stream that was announced last.
            stop_fragment=self._hints.stop_fragment if self._stream_arn == announced else None,
            resumed_ms=self._hints.resumed_at_ms if self._stream_arn == announced else None,
            stream=self._stream_arn,
            begun_in=self._checkpoint.first_fragment if self._has_no_token else "",
        )
        self._reliability = RunningReliability(known=self._checkpoint.reliability)
        self._found_gaps: list[Gap] = []
        self._clock_steps = len(self._checkpoint.clock_steps)
        self._feed = CallFeed(
            publisher=services.publisher,
            channel=feed_channel(self.lease.clinic_id, call.call_id),
            metrics=services.metrics,
            published_seq=self._checkpoint.published_seq,
        )
        self._alerts = (
            CallAlerts(
                announcer=services.announcer,
                flag_set=services.flag_set or load_flag_set(),
                call_id=call.call_id,
                clinic_id=self.lease.clinic_id,
                day=taken.state.day,
                told=self._checkpoint.alerted,
            )
            if services.announcer
            else None
        )
        self._reader: StreamReader | None = None
        self._session: SpeechSession | None = None

    def hand_over(self) -> None:
        """Stop, store what is final and let go of the call, unless it is being completed already."""
        self._handing_over.set()

    def lose(self) -> None:
        """Stop without another write: somebody else has the call."""
        self._lost = True
        self._handing_over.set()

    def report_lag(self) -> None:
        """Count how far the call is behind while it waits for its words to be stored."""
        if self._reader is not None:
            self._reader.report_lag()

    def apply_hints(self, hints: EndHints) -> None:
        """Take what Connect has said about the end."""
        self._hints = hints
        if self._reader is not None:
            self._reader.apply_hints(hints)

    async def run(self) -> Result:
        """Transcribe the call until it is over, fails or is to be handed over, and note in the table how that went."""
        beside = {asyncio.create_task(self._publish())}
        if self._alerts is not None:
            beside.add(asyncio.create_task(self._alerts.run()))
        try:
            return await self._run()
        except LeaseLost:
            self._services.metrics.add(StreamerCount.LEASES_LOST)
            _log.warning("the call was taken by another streamer")
            return Result(outcome=Outcome.LOST)
        finally:
            self._feed.close()
            if self._alerts is not None:
                self._alerts.close()
            _, unfinished = await asyncio.wait(beside, timeout=_FEED_SECONDS)
            for task in unfinished:
                task.cancel()
            await asyncio.wait(beside)

    async def _run(self) -> Result:
        try:
            self._feed.state(LiveStatus.STREAMING)
            end = await self._transcribe()
            return await (self._release() if end is None else self._complete(end))
        except StreamingResumed:
            return await self._release()
        except LeaseLost:
            raise
        except SafeError as error:
            return await self._fail(error)
        except UnsupportedAudio as error:
            return await self._fail(SafeError(f"UnsupportedAudio.{error.code}", error.message))
        except Exception as error:
            # What passes is AWS's trouble, not the call's.
            if is_transient(error) or await self._comes_again():
                raise
            _log.exception("the call failed unexpectedly")
            return await self._fail(SafeError("Streamer.Unexpected", describe(error)))

    # The sink of the session.

    def interim(self, result: InterimResult) -> None:
        """Take an interim result."""
        self._feed.interim(result)

    async def commit(self, finals: Sequence[FinalResult], gaps: Sequence[Gap]) -> None:
        """Store final results and how far they reach."""
        if self._lost:
            raise LeaseLost
        self._note_gaps()
        utterances = self._utterances(finals)
        watermarks = list(self._checkpoint.watermarks)
        for final in finals:
            watermarks[final.channel] = max(watermarks[final.channel], final.end)
        reached = min(watermarks)
        # A gap beyond would be found again by whoever takes the call over; of one that has begun, only the rest.
        passed = [gap for gap in self._found_gaps if gap.start < reached]
        resume = self._media.resume_point(reached) or self._checkpoint.resume
        checkpoint = replace(
            self._current(gaps=[*gaps, *passed]),
            origin_ms=self._media.origin_ms,
            watermarks=(watermarks[0], watermarks[1]),
            next_seq=self._checkpoint.next_seq + len(utterances),
            resume_token=self._checkpoint.resume_token if resume is None else resume.token,
            resume=resume,
            clock_steps=self._media.clock_steps,
            word_count=self._checkpoint.word_count + sum(utterance.word_count for utterance in utterances),
            failures=0,
        )
        reliability = self._reliability.heard(utterances, gaps=bool(checkpoint.gaps))
        checkpoint = replace(checkpoint, reliability=reliability)
        await self._services.store.commit(self.lease, utterances, checkpoint)
        self._checkpoint = checkpoint
        self._found_gaps = [gap for gap in self._found_gaps if gap.end > reached]
        self._feed.finals(utterances, reliability)
        if self._alerts is not None:
            self._alerts.heard(utterances, self._reliability)
        self._services.metrics.add(StreamerCount.UTTERANCES_COMMITTED, len(utterances))
        self._count_trouble()

    async def _transcribe(self) -> EndReason | None:
        """Return why the call is over, or `None` if it is to be handed over."""
        services = self._services
        stream = services.speech.prepare(vocabulary=await services.vocabulary.terms(self.lease.clinic_id))
        self._checkpoint = replace(self._checkpoint, vocabulary_terms=stream.vocabulary_terms, options=stream.options)
        await self._recall(language=str(stream.options.get("language") or ""))
        session = self._session = stream.open(sink=self, watermarks=self._checkpoint.watermarks)
        reader = self._reader = StreamReader(
            streams=services.streams,
            stream_arn=self._stream_arn,
            media=self._media,
            began_at_ms=self._unread_from_ms(),
            resume_token=self._checkpoint.resume_token,
            token_stream=None if self._checkpoint.resume is None else self._checkpoint.resume.stream,
            hints=lambda: services.store.hints(self._call.call_id),
            take=session.send,
            room=session.room,
            behind=self._look,
            limits=services.end_limits,
        )
        reader.apply_hints(self._hints)
        end: EndReason | None = None

        async def read() -> None:
            nonlocal end
            try:
                reason = await reader.read()
            except (SafeError, UnsupportedAudio):
                # What was heard until then is to be stored before the call fails. Whoever repeats it reads on there.
                await session.finish(cut=True)
                raise
            _log.info("the call is over", extra={"end_reason": reason})
            await session.finish()
            end = reason
            stopping.cancel()

        async def stop() -> None:
            await self._handing_over.wait()
            reading.cancel()
            await session.abandon()

        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(session.run())
                reading = tasks.create_task(read())
                stopping = tasks.create_task(stop())
        except BaseExceptionGroup as group:
            raise _cause(group) from None
        finally:
            self._count_trouble()
        if self._lost:
            raise LeaseLost
        return end

    async def _recall(self, *, language: str) -> None:
        """Hear once more what was said last before this process took the call.

        Args:
            language: The language asked for; "" where the service's options name none.
        """
        self._reliability = RunningReliability(known=self._checkpoint.reliability, language=language)
        before = self._checkpoint.next_seq
        if before == 1:
            return
        # Where nothing could be concluded from the call, an alert of whenever may be held.
        known = self._checkpoint.reliability
        held = self._alerts is not None and known is not None and not known.usable
        said = await self._services.store.utterances(
            self._call.call_id, after=0 if held else max(0, before - 1 - LATEST_RESULTS), before=before
        )
        self._reliability.heard(said, gaps=bool(self._checkpoint.gaps))
        if self._alerts is not None:
            self._alerts.heard(said, self._reliability)

    @property
    def _has_no_token(self) -> bool:
        """Whether no fragment of the call was stored whole, so that it is read on from a time."""
        return self._checkpoint.resume is None and self._checkpoint.resume_token is None

    def _unread_from_ms(self) -> int:
        """Return when streaming began of which something is still to be read."""
        checkpoint, began_at_ms = self._checkpoint, self._state.began_at_ms
        if checkpoint.origin_ms is None:  # all of it, however often it was stopped and started again
            return min((*self._hints.streaming.starts_ms, began_at_ms))
        # Of a token alone, which earlier streamers noted, it is not known whether it is of streaming that was stopped.
        if checkpoint.resume is None and checkpoint.resume_token is not None:
            return began_at_ms
        # The rest of what was streamed before it was stopped, too, also where the token of it is not taken any more.
        return checkpoint.origin_ms

    def _look(self, behind_ms: int) -> None:
        """Count how far the call is behind, and note what its stream has shown since the last time."""
        self._services.metrics.behind_live(behind_ms)
        self._note_gaps()
        self._note_clock_steps()

    def _note_gaps(self) -> None:
        if found := self._media.take_gaps():
            self._found_gaps = [*merged((*self._found_gaps, *found))]

    def _note_clock_steps(self) -> None:
        steps = self._media.clock_steps
        for step in steps[self._clock_steps :]:
            self._services.metrics.add(StreamerCount.CLOCK_STEPS)
            _log.warning("the producer's clock was set", extra={"milliseconds": step.milliseconds})
        self._clock_steps = len(steps)

    async def _release(self) -> Result:
        await self._services.store.release(self.lease, self._current())
        self._feed.state(LiveStatus.RELEASED)
        self._services.metrics.add(StreamerCount.HAND_OVERS)
        _log.info("the call is handed over", extra={"watermarks": self._checkpoint.watermarks})
        return Result(outcome=Outcome.HANDED_OVER)

    async def _comes_again(self) -> bool:
        """Count an unforeseen failure and give the call back, unless it was the last one."""
        failures = self._checkpoint.failures + 1
        if failures >= _MOST_FAILURES:
            return False
        await self._services.store.release(self.lease, replace(self._current(), failures=failures))
        self._feed.state(LiveStatus.RELEASED)
        return True

    async def _complete(self, end: EndReason) -> Result:
        self._hints = await self._last_hints(end)
        checkpoint = self._current(gaps=[*self._found_gaps, *self._media.take_gaps()])
        ended = completion(
            checkpoint,
            end_reason=end,
            began_at_ms=self._state.began_at_ms,
            position=self._media.position,
            streaming=self._hints.streaming,
        )
        reliability = self._reliability.over(incomplete=not ended.complete)
        item = await self._services.store.complete(self.lease, replace(checkpoint, reliability=reliability), ended)
        self._feed.completed(complete=ended.complete, reliability=reliability)
        metrics = self._services.metrics
        metrics.add(StreamerCount.CALLS_COMPLETED)
        metrics.add(StreamerCount.CALLS_INCOMPLETE, not ended.complete)
        metrics.add(StreamerCount.GAPS, len(checkpoint.gaps))
        metrics.add(StreamerCount.GAP_SECONDS, sum(gap.seconds for gap in checkpoint.gaps))
        _log.info(
            "the call is completed",
            extra={
                "end_reason": end,
                "incomplete_reasons": ended.incomplete_reasons,
                "duration_seconds": ended.duration_seconds,
                "utterances": checkpoint.next_seq - 1,
            },
        )
        return Result(outcome=Outcome.COMPLETED, item=item)

    async def _last_hints(self, end: EndReason) -> EndHints:
        """Return what Connect has told at last, which decides whether something is missing at the end."""
        clock = asyncio.get_running_loop().time
        until = clock() + (self._services.end_limits.word if end.proven else 0)
        while True:
            hints = await self._services.store.hints(self._call.call_id)
            if hints.streaming.end.told_at_ms is not None or clock() >= until:
                return hints
            await asyncio.sleep(_ASK_SECONDS)

    async def _fail(self, error: SafeError) -> Result:
        _log.error("the call cannot be transcribed", extra=failure(error))
        # Whoever repeats the call gives it new attempts.
        await self._services.store.fail(self.lease, replace(self._current(), failures=0), error)
        self._feed.state(LiveStatus.FAILED)
        self._services.metrics.add(StreamerCount.CALLS_FAILED)
        return Result(outcome=Outcome.FAILED, error_code=error.code)

    async def _publish(self) -> None:
        """Publish what an earlier streamer may not have, then whatever comes."""
        checkpoint = self._checkpoint
        try:
            if self._services.publisher is not None and checkpoint.published_seq < checkpoint.next_seq - 1:
                stored = self._services.store.utterances(
                    self._call.call_id, after=checkpoint.published_seq, before=checkpoint.next_seq
                )
                self._feed.finals(await stored, checkpoint.reliability)
            await self._feed.run()
        except Exception:  # noqa: BLE001 - the feed never fails a call
            _log.exception("the live feed of the call has ended")

    def _utterances(self, finals: Sequence[FinalResult]) -> list[LiveUtterance]:
        return [
            LiveUtterance(
                seq=seq,
                channel=final.channel,
                role=CHANNEL_ROLES[final.channel],
                text=final.text,
                start=final.words_start,
                end=final.words_end,
                confidence=final.confidence,
                word_count=final.word_count,
                speech_final=final.speech_final,
                words=final.words,
                languages=final.languages,
            )
            for seq, final in enumerate((final for final in finals if final.text), self._checkpoint.next_seq)
        ]

    def _current(self, gaps: Sequence[Gap] = ()) -> Checkpoint:
        """Return the stored checkpoint with what has come to be known beside the words."""
        holes = merged((*self._checkpoint.gaps, *self._checkpoint.paused, *gaps))
        told = self._without_pauses(holes)
        known = frozenset(told)
        return replace(
            self._checkpoint,
            origin_ms=self._media.origin_ms,
            first_fragment=self._media.first_fragment or self._checkpoint.first_fragment,
            published_seq=self._feed.published_seq,
            alerted=self._checkpoint.alerted if self._alerts is None else self._alerts.told,
            gaps=told,
            paused=tuple(hole for hole in holes if hole not in known),
            reconnects=self._first_reconnects + (0 if self._session is None else self._session.counts.reconnects),
            model=(self._session.model if self._session is not None else "") or self._checkpoint.model,
        )

    def _without_pauses(self, gaps: tuple[Gap, ...]) -> tuple[Gap, ...]:
        origin_ms = self._media.origin_ms
        if origin_ms is None:
            return gaps
        return without_pauses(gaps, origin_ms=origin_ms, pauses=self._hints.streaming.pauses)

    def _count_trouble(self) -> None:
        if self._session is None:
            return
        counts, before = self._session.counts, self._counted
        for name, now, then in (
            (StreamerCount.RECONNECTS, counts.reconnects, before.reconnects),
            (StreamerCount.RATE_LIMITED, counts.rate_limited, before.rate_limited),
            (StreamerCount.STALLS, counts.stalls, before.stalls),
            (StreamerCount.UNKNOWN_MESSAGES, counts.unknown_messages, before.unknown_messages),
            (StreamerCount.UNREADABLE_MESSAGES, counts.malformed_messages, before.malformed_messages),
            (StreamerCount.ODD_MESSAGES, counts.odd_messages, before.odd_messages),
        ):
            self._services.metrics.add(name, now - then)
        self._counted = replace(counts)


def _cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return why the tasks of a call ended: the loss of the lease before all, else what came first."""
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves.append(_cause(error) if isinstance(error, BaseExceptionGroup) else error)
    return next((error for error in leaves if isinstance(error, LeaseLost)), leaves[0])
