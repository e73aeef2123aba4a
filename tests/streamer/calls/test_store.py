import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError, CredentialRetrievalError, ReadTimeoutError

from callscribe.failures import SafeError
from callscribe.live.call import EndReason, Gap, GapReason, LiveCall
from callscribe.live.coverage import Bound, Interval, Streaming
from callscribe.live.state import LiveState
from streamer.calls.state import Checkpoint, Completion, EndHints, Lease
from streamer.calls.store import (
    AlreadyRunning,
    CallStore,
    Finished,
    Gone,
    LeaseLost,
    NotYet,
    StreamingResumed,
    Taken,
)
from streamer.deepgram.result_tracker import MAX_TEXT, MAX_WORDS
from streamer.deepgram.session import MAX_COMMIT
from tests.live.stage import Cloud
from tests.streamer.calls.utterances import utterance

START_MS = 1_795_000_000_000
CALL = LiveCall(
    call_id="call-7",
    clinic_id="harbour",
    stream_arn="arn:aws:kinesisvideo:eu-central-1:123456789012:stream/connect-1/1",
    start_fragment="1",
    started_at_ms=START_MS,
)
LEASE = timedelta(seconds=30)


class Clock:
    now = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store_of(dynamodb: Any, clock: Clock) -> Callable[..., CallStore]:
    def make(
        streamer: str = "one", *, behind: Callable[[Any], Any] = lambda client: client, **options: Any
    ) -> CallStore:
        return CallStore(
            dynamodb=behind(dynamodb),
            table="transcripts",
            streamer=streamer,
            lease=LEASE,
            clock=clock,
            persist_seconds=options.pop("persist_seconds", 30),
            **options,
        )

    return make


@pytest.fixture
def store(store_of: Callable[..., CallStore]) -> CallStore:
    return store_of()


async def taken(store: CallStore, call: LiveCall = CALL, message_id: str = "message-1") -> Taken:
    result = await store.take(call, message_id)
    assert isinstance(result, Taken)
    return result


CHECKPOINT = Checkpoint(
    origin_ms=START_MS + 250,
    watermarks=(8000, 16000),
    next_seq=3,
    published_seq=1,
    resume_token="91343852333181432392682062607743920146264293901",
    gaps=(Gap(start=10, end=20, reason=GapReason.MISSING),),
    word_count=4,
    reconnects=1,
)
COMPLETION = Completion(
    end_reason=EndReason.DISCONNECTED,
    ended_at_ms=START_MS + 60_000,
    duration_seconds=60.0,
    incomplete_reasons=(),
    intervals=(Interval(start_ms=START_MS + 250, end_ms=START_MS + 60_250),),
    beginning=Bound(heard_at_ms=START_MS + 250, told_at_ms=START_MS, source="start-fragment", missing=False),
    end=Bound(heard_at_ms=START_MS + 60_250, told_at_ms=START_MS + 60_000, source="stop-timestamp", missing=False),
)


class Racing:
    """A table whose first reading is answered only when everybody has read."""

    def __init__(self, dynamodb: Any, everybody: asyncio.Barrier) -> None:
        self._dynamodb = dynamodb
        self._everybody: asyncio.Barrier | None = everybody

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dynamodb, name)

    async def get_item(self, **arguments: Any) -> Any:
        response = await self._dynamodb.get_item(**arguments)
        if self._everybody is not None:
            everybody, self._everybody = self._everybody, None
            await everybody.wait()
        return response


async def race(store_of: Callable[..., CallStore]) -> list[object]:
    """Have five streamers take the call at the same moment."""
    everybody = asyncio.Barrier(5)
    stores = [store_of(f"streamer-{number}", behind=partial(Racing, everybody=everybody)) for number in range(5)]
    return await asyncio.gather(*(store.take(CALL, "message-1") for store in stores))


class TestTaking:
    async def test_a_call_that_nobody_has_is_taken(self, store: CallStore, table: Cloud, clock: Clock) -> None:
        mine = await taken(store)
        told = EndHints(stream_arn=CALL.stream_arn, streaming=Streaming(starts_ms=(START_MS,), start_fragment="1"))
        assert (mine.lease.epoch, mine.state.checkpoint, mine.state.hints) == (1, Checkpoint(), told)
        item = await table.live("call-7")
        assert item["lease_until"] == int(clock.now.timestamp()) + 30
        assert {name: item[name] for name in ("type", "status", "day", "handovers", "message_id", "GSI1PK")} == {
            "type": "live-call",
            "status": "streaming",
            "day": "2026-11-18",
            "handovers": 0,
            "message_id": "message-1",
            "GSI1PK": "LIVE#harbour#2026-11-18",
        }

    @pytest.mark.parametrize("status", ["announced", "released", "failed", "completed"])
    async def test_a_call_stays_with_the_clinic_that_it_has(
        self, store_of: Callable[..., CallStore], table: Cloud, status: str
    ) -> None:
        if status == "announced":
            await table.change("call-7", clinic_id="harbour", clinic_source="queue")
        else:
            await table.change("call-7", clinic_source="queue")
            mine = await taken(store_of("one"))
            await store_of("one").commit(mine.lease, [utterance(1)], replace(CHECKPOINT, next_seq=2))
            await table.change("call-7", status=status, lease_until=0, ended_at_ms=START_MS + 1)
        elsewhere = replace(CALL, clinic_id="lakeside", started_at_ms=START_MS + 60_000)

        theirs = await taken(store_of("two"), elsewhere, "message-2")

        assert (theirs.lease.clinic_id, theirs.state.clinic_id) == ("harbour", "harbour")
        await store_of("two").commit(theirs.lease, [utterance(2)], replace(CHECKPOINT, next_seq=3))
        item = await table.live("call-7")
        assert (item["clinic_id"], item["clinic_source"]) == ("harbour", "queue")
        assert item["GSI1PK"].startswith("LIVE#harbour#")
        assert {said["clinic_id"] for said in await table.utterances("call-7")} == {"harbour"}

    async def test_of_many_that_race_for_a_call_one_gets_it(self, store_of: Callable[..., CallStore]) -> None:
        results = await race(store_of)
        assert sorted(type(result).__name__ for result in results) == 4 * ["NotYet"] + ["Taken"]

    async def test_of_many_that_race_for_an_expired_lease_one_gets_it(
        self, store_of: Callable[..., CallStore], clock: Clock
    ) -> None:
        await taken(store_of("dead"))
        clock.pass_(31)
        results = await race(store_of)
        assert [result.lease.epoch for result in results if isinstance(result, Taken)] == [2]

    async def test_a_second_announcement_of_a_running_call_is_not_needed(self, store: CallStore) -> None:
        await taken(store)
        assert await store.take(CALL, "message-2") == AlreadyRunning()

    async def test_a_message_that_comes_too_early_waits_for_its_lease(self, store: CallStore, clock: Clock) -> None:
        await taken(store)
        assert await store.take(CALL, "message-1") == NotYet(lease_until=int(clock.now.timestamp()) + 30)

    async def test_the_next_streamer_goes_on_where_the_last_one_was(
        self, store_of: Callable[..., CallStore], clock: Clock, table: Cloud
    ) -> None:
        first = store_of("one")
        mine = await taken(first)
        await first.commit(mine.lease, [utterance(1), utterance(2)], CHECKPOINT)
        clock.pass_(31)
        theirs = await taken(store_of("two"))
        assert theirs.state.checkpoint == CHECKPOINT
        assert theirs.lease.epoch == 2
        assert (await table.live("call-7"))["handovers"] == 1

    async def test_a_released_call_is_taken_at_once(self, store_of: Callable[..., CallStore]) -> None:
        first = store_of("one")
        mine = await taken(first)
        await first.commit(mine.lease, [], CHECKPOINT)
        await first.release(mine.lease, CHECKPOINT)
        assert (await taken(store_of("two"))).state.checkpoint == CHECKPOINT

    async def test_giving_back_leaves_the_position_to_the_write_that_stores_words(
        self, store_of: Callable[..., CallStore]
    ) -> None:
        first = store_of("one")
        mine = await taken(first)
        before = replace(CHECKPOINT, watermarks=(0, 0), next_seq=1, resume_token=None, gaps=(), word_count=0)
        await first.commit(mine.lease, [], CHECKPOINT)  # and whoever asked for it gave up waiting for the answer
        await first.release(mine.lease, before)
        assert (await taken(store_of("two"))).state.checkpoint == CHECKPOINT

    async def test_a_failed_call_is_taken_again_when_it_is_redriven(self, store: CallStore, table: Cloud) -> None:
        mine = await taken(store)
        await store.commit(mine.lease, [], CHECKPOINT)
        await store.fail(mine.lease, CHECKPOINT, SafeError("StreamNotFound", "there is no stream"))
        item = await table.live("call-7")
        assert (item["status"], item["error_code"], item["error_message"]) == (
            "failed",
            "StreamNotFound",
            "there is no stream",
        )
        again = await taken(store, message_id="message-9")
        assert again.state.checkpoint == CHECKPOINT
        assert "error_code" not in await table.live("call-7")

    @pytest.mark.parametrize(
        ("message_id", "held", "expected"),
        [
            ("message-1", False, Gone),
            ("message-1", True, Taken),
            ("message-9", False, Taken),
        ],
    )
    async def test_a_failed_call_is_not_taken_by_a_delivery_whose_message_was_put_aside_since(
        self, store: CallStore, table: Cloud, message_id: str, held: bool, expected: type
    ) -> None:
        async def holds() -> bool:
            return held

        mine = await taken(store)
        await store.fail(mine.lease, CHECKPOINT, SafeError("StreamNotFound", "there is no stream"))
        assert isinstance(await store.take(CALL, message_id, holds=holds), expected)
        assert (await table.live("call-7"))["status"] == ("failed" if expected is Gone else "streaming")

    async def test_what_a_function_has_noted_stays(self, store: CallStore, table: Cloud) -> None:
        await table.change(
            "call-7",
            status="announced",
            day="2026-11-17",
            started_at_ms=START_MS,
            announced_at="2026-11-17T23:59:59+00:00",
            disconnected_at="2026-11-18T00:10:00+00:00",
            stop_fragment="9",
            stopped_at_ms=START_MS + 1,
        )
        mine = await taken(store)
        over = datetime(2026, 11, 18, 0, 10, tzinfo=UTC)
        assert mine.state.hints == EndHints(
            disconnected=True,
            stop_fragment="9",
            stream_arn=CALL.stream_arn,
            streaming=Streaming(
                starts_ms=(START_MS,),
                stops_ms=(START_MS + 1,),
                start_fragment="1",
                disconnected_at_ms=round(over.timestamp() * 1000),
            ),
        )
        assert mine.state.day == "2026-11-17"
        assert (await table.live("call-7"))["announced_at"] == "2026-11-17T23:59:59+00:00"


class TestCompletedCalls:
    async def test_a_completed_call_is_finished_until_the_world_knows(self, store: CallStore) -> None:
        mine = await taken(store)
        item = await store.complete(mine.lease, CHECKPOINT, COMPLETION)
        assert (item["status"], item["complete"], item["end_reason"]) == ("completed", True, "disconnected")
        assert await store.take(CALL, "message-1") == Finished(to_announce=item)
        await store.mark_announced(item)
        assert await store.take(CALL, "message-1") == Finished(to_announce=None)

    async def test_what_proves_its_ends_is_kept_with_it(self, store: CallStore, table: Cloud) -> None:
        mine = await taken(store)
        await store.complete(mine.lease, CHECKPOINT, COMPLETION)
        item = await table.live("call-7")
        coverage = LiveState.from_item(item).coverage
        assert (coverage.intervals, coverage.beginning, coverage.end) == (
            COMPLETION.intervals,
            COMPLETION.beginning,
            COMPLETION.end,
        )
        await taken(store, replace(CALL, started_at_ms=COMPLETION.ended_at_ms + 1), "message-2")
        assert (await table.live("call-7")).keys().isdisjoint({"intervals", "beginning", "end"})

    async def test_every_start_of_its_streaming_is_kept(self, store: CallStore, table: Cloud) -> None:
        mine = await taken(store)
        for later_ms in (40_000, 20_000, 40_000, 60_000):
            assert await store.take(replace(CALL, started_at_ms=START_MS + later_ms), "message-2") == AlreadyRunning()
        await table.change("call-7", stops_ms=frozenset({START_MS + 30_000, START_MS + 10_000}))
        streaming = (await store.hints("call-7")).streaming
        assert streaming.starts_ms == tuple(START_MS + later_ms for later_ms in (0, 40_000, 60_000))
        assert [(pause.start_ms - START_MS, pause.end_ms - START_MS) for pause in streaming.pauses] == [
            (30_000, 40_000)
        ]
        assert (await store.renew(mine.lease)).streaming == streaming

    async def test_streaming_that_began_later_reopens_it(self, store: CallStore, table: Cloud) -> None:
        mine = await taken(store)
        await store.complete(mine.lease, CHECKPOINT, COMPLETION)
        later = replace(CALL, started_at_ms=COMPLETION.ended_at_ms + 1)
        again = await taken(store, later, "message-2")
        assert again.state.checkpoint == CHECKPOINT
        assert again.state.began_at_ms == later.started_at_ms
        item = await table.live("call-7")
        assert "complete" not in item
        assert item["started_at_ms"] == START_MS

    async def test_streaming_that_began_again_while_the_first_part_runs_is_told_its_streamer(
        self, store: CallStore
    ) -> None:
        mine = await taken(store)
        later = replace(CALL, started_at_ms=COMPLETION.ended_at_ms + 1)
        assert await store.take(later, "message-2") == AlreadyRunning()
        assert (await store.renew(mine.lease)).resumed_at_ms == later.started_at_ms
        with pytest.raises(StreamingResumed):
            await store.complete(mine.lease, CHECKPOINT, COMPLETION)

    async def test_whoever_takes_the_call_reads_the_stream_on_which_it_was_started_again(
        self, store: CallStore
    ) -> None:
        mine = await taken(store)
        other = CALL.stream_arn.replace("connect-1", "connect-2")
        later = replace(CALL, started_at_ms=COMPLETION.ended_at_ms + 1, stream_arn=other)
        assert await store.take(later, "message-2") == AlreadyRunning()
        await store.release(mine.lease, CHECKPOINT)
        again = await taken(store)
        assert (again.state.stream_arn, again.state.began_at_ms) == (other, later.started_at_ms)

    async def test_a_streamer_that_has_read_through_the_pause_may_complete_the_call(self, store: CallStore) -> None:
        mine = await taken(store)
        assert await store.take(replace(CALL, started_at_ms=START_MS + 30_000), "message-2") == AlreadyRunning()
        await store.complete(mine.lease, CHECKPOINT, COMPLETION)

    async def test_a_stop_before_streaming_began_again_is_no_hint(self, store: CallStore, table: Cloud) -> None:
        mine = await taken(store)
        await table.change("call-7", stop_fragment="9", stopped_at_ms=START_MS + 20_000)
        assert (await store.hints("call-7")).stop_fragment == "9"
        await store.take(replace(CALL, started_at_ms=START_MS + 30_000), "message-2")
        assert (await store.renew(mine.lease)).stop_fragment is None

    async def test_nor_where_the_announcement_of_the_second_start_comes_first(
        self, store: CallStore, table: Cloud
    ) -> None:
        await table.change("call-7", started_at_ms=START_MS, stop_fragment="9", stopped_at_ms=START_MS + 20_000)
        mine = await taken(store, replace(CALL, started_at_ms=START_MS + 30_000))
        assert (mine.state.hints.stop_fragment, mine.state.hints.resumed_at_ms) == (None, START_MS + 30_000)


class TestFence:
    async def test_a_result_that_fills_its_bounds_can_be_stored_fifty_times_at_once(
        self, store: CallStore, table: Cloud
    ) -> None:
        """Whatever Deepgram says: of how long a piece is, how sure it is, and in which characters."""
        mine = await taken(store)
        longest = [
            replace(utterance(seq), text="\U0001f600" * MAX_TEXT, word_count=MAX_WORDS, confidence=None)
            for seq in range(1, MAX_COMMIT + 1)
        ]
        await store.commit(mine.lease, longest, CHECKPOINT)
        assert await store.utterances("call-7", after=0, before=MAX_COMMIT + 1) == longest
        items = await table.utterances("call-7")
        sizes = [len(json.dumps(item, default=str, ensure_ascii=False).encode()) for item in items]
        assert max(sizes) < 100_000  # of 400 kB
        assert sum(sizes) < 2_000_000  # of 4 MB

    async def test_words_and_position_are_stored_together(self, store: CallStore, table: Cloud) -> None:
        mine = await taken(store)
        await store.commit(mine.lease, [utterance(1), utterance(2)], CHECKPOINT)
        assert [item["text"] for item in await table.utterances("call-7")] == ["word 1", "word 2"]
        assert await store.utterances("call-7", after=0, before=3) == [utterance(1), utterance(2)]
        assert await store.utterances("call-7", after=1, before=3) == [utterance(2)]
        assert await store.utterances("call-7", after=0, before=2) == [utterance(1)]

    @pytest.mark.parametrize(
        "write",
        [
            lambda store, lease: store.commit(lease, [utterance(1)], CHECKPOINT),
            lambda store, lease: store.release(lease, CHECKPOINT),
            lambda store, lease: store.complete(lease, CHECKPOINT, COMPLETION),
            lambda store, lease: store.fail(lease, CHECKPOINT, SafeError("Code", "message")),
        ],
        ids=["commit", "release", "complete", "fail"],
    )
    async def test_who_has_lost_the_lease_writes_nothing(
        self,
        store_of: Callable[..., CallStore],
        clock: Clock,
        table: Cloud,
        write: Callable[[CallStore, Lease], Awaitable[None]],
    ) -> None:
        late = store_of("late")
        mine = await taken(late)
        clock.pass_(31)
        await taken(store_of("next"))
        before = await table.live("call-7")
        with pytest.raises(LeaseLost):
            await write(late, mine.lease)
        with pytest.raises(LeaseLost):
            await late.renew(mine.lease)
        assert await table.live("call-7") == before
        assert await table.utterances("call-7") == []

    async def test_a_lease_that_has_run_out_is_still_ours_until_somebody_takes_it(
        self, store: CallStore, clock: Clock
    ) -> None:
        mine = await taken(store)
        clock.pass_(1000)
        await store.commit(mine.lease, [utterance(1)], CHECKPOINT)

    async def test_renewing_prolongs_the_lease(self, store: CallStore, clock: Clock, table: Cloud) -> None:
        mine = await taken(store)
        clock.pass_(10)
        await store.renew(mine.lease)
        assert (await table.live("call-7"))["lease_until"] == int(clock.now.timestamp()) + 30

    async def test_a_released_lease_is_not_renewed(self, store: CallStore) -> None:
        mine = await taken(store)
        await store.release(mine.lease, CHECKPOINT)
        with pytest.raises(LeaseLost):
            await store.renew(mine.lease)


async def test_with_a_retention_everything_expires(
    store_of: Callable[..., CallStore], table: Cloud, clock: Clock
) -> None:
    store = store_of(retention=timedelta(days=30))
    mine = await taken(store)
    await store.commit(mine.lease, [utterance(1)], CHECKPOINT)
    expected = int((clock.now + timedelta(days=30)).timestamp())
    (stored,) = await table.utterances("call-7")
    assert (stored["expires_at"], (await table.live("call-7"))["expires_at"]) == (expected, expected)


class Unreliable:
    """A table whose calls fail as told, before or after they were carried out."""

    def __init__(self, dynamodb: Any, *, before: list[Exception], after: list[Exception]) -> None:
        self._dynamodb = dynamodb
        self._before = before
        self._after = after

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._dynamodb, name)
        if name not in {"update_item", "transact_write_items"}:
            return operation

        async def call(**arguments: Any) -> Any:
            if self._before:
                raise self._before.pop()
            response = await operation(**arguments)
            if self._after:
                raise self._after.pop()
            return response

        return call


class Overdue:
    """A table of which one update gets no answer and is carried out when it was asked for again and is done.

    Attributes:
        next: Whether the next update is that one.
    """

    def __init__(self, dynamodb: Any) -> None:
        self._dynamodb = dynamodb
        self._held: dict[str, Any] = {}
        self.next = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dynamodb, name)

    async def update_item(self, **arguments: Any) -> Any:
        if self.next:
            self.next, self._held = False, arguments
            raise LOST_ANSWER
        return await self._dynamodb.update_item(**arguments)

    async def carry_out(self) -> None:
        """Carry it out, which its condition may prevent."""
        assert self._held
        with contextlib.suppress(ClientError):
            await self._dynamodb.update_item(**self._held)


def _error(code: str, status: int = 400, **fields: Any) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}, **fields}
    return ClientError(response, "UpdateItem")


LOST_ANSWER = ReadTimeoutError(endpoint_url="https://dynamodb")


class TestOutages:
    @pytest.mark.parametrize(
        "failure",
        [
            LOST_ANSWER,
            CredentialRetrievalError(provider="container-role", error_msg="timed out"),
            _error("ThrottlingException"),
            _error("Unknown", 503),
            _error(
                "TransactionCanceledException", CancellationReasons=[{"Code": "None"}, {"Code": "TransactionConflict"}]
            ),
        ],
    )
    async def test_a_passing_failure_only_delays(
        self, store_of: Callable[..., CallStore], table: Cloud, failure: Exception
    ) -> None:
        store = store_of(behind=partial(Unreliable, before=[failure], after=[]))
        mine = await taken(store)
        await store.commit(mine.lease, [utterance(1)], CHECKPOINT)
        assert len(await table.utterances("call-7")) == 1

    async def test_writes_whose_answers_got_lost_have_happened_once(
        self, store_of: Callable[..., CallStore], table: Cloud
    ) -> None:
        store = store_of(behind=partial(Unreliable, before=[], after=[]))
        dynamodb = store._dynamodb
        dynamodb._after = [LOST_ANSWER]
        mine = await taken(store)
        assert mine.lease.epoch == 1
        dynamodb._after = [LOST_ANSWER]
        await store.commit(mine.lease, [utterance(1)], CHECKPOINT)
        dynamodb._after = [LOST_ANSWER]
        await store.complete(mine.lease, CHECKPOINT, COMPLETION)
        assert len(await table.utterances("call-7")) == 1

    async def test_an_end_that_is_written_late_once_more_leaves_the_call_announced(
        self, store_of: Callable[..., CallStore]
    ) -> None:
        store = store_of(behind=Overdue)
        overdue = store._dynamodb
        mine = await taken(store)
        overdue.next = True
        item = await store.complete(mine.lease, CHECKPOINT, COMPLETION)
        await store.mark_announced(item)
        await overdue.carry_out()
        assert await store.take(CALL, "message-1") == Finished(to_announce=None)

    async def test_a_start_of_streaming_that_is_noted_late_once_more_leaves_a_later_one(
        self, store_of: Callable[..., CallStore]
    ) -> None:
        store = store_of(behind=Overdue)
        overdue = store._dynamodb
        mine = await taken(store)
        second = replace(CALL, started_at_ms=START_MS + 30_000, stream_arn=CALL.stream_arn + "2")
        third = replace(CALL, started_at_ms=START_MS + 50_000, stream_arn=CALL.stream_arn + "3")
        overdue.next = True
        assert await store.take(second, "message-2") == AlreadyRunning()
        assert await store.take(third, "message-3") == AlreadyRunning()
        await overdue.carry_out()
        hints = await store.renew(mine.lease)
        assert (hints.resumed_at_ms, hints.stream_arn) == (third.started_at_ms, third.stream_arn)

    async def test_an_outage_is_borne_for_so_long_only(self, store_of: Callable[..., CallStore]) -> None:
        failures: list[Exception] = [_error("ThrottlingException") for _ in range(100)]
        store = store_of(behind=partial(Unreliable, before=failures, after=[]), persist_seconds=0)
        with pytest.raises(ClientError, match="ThrottlingException"):
            await store.take(CALL, "message-1")

    async def test_what_does_not_pass_is_not_repeated(self, store_of: Callable[..., CallStore]) -> None:
        failures: list[Exception] = [_error("AccessDeniedException"), _error("AccessDeniedException")]
        store = store_of(behind=partial(Unreliable, before=failures, after=[]))
        with pytest.raises(ClientError, match="AccessDeniedException"):
            await store.take(CALL, "message-1")
        assert len(failures) == 1
