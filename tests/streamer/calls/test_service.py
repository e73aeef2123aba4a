"""Calls from their announcement to their end, through a whole streamer."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NoReturn

import pytest

from callscribe.contract.schema import SCHEMA_VERSION
from streamer.calls.ending import EndLimits
from streamer.calls.queue import CallQueue, Message
from streamer.calls.state import Lease
from streamer.calls.store import CallStore
from tests.patience import PATIENCE_SECONDS
from tests.streamer.calls.stage import Stage, contact, numbers, speech

CALL = "call-7"
OTHER = "call-8"
LEASE = 6
ANNOUNCEMENT = {
    "version": "1",
    "call_id": CALL,
    "clinic_id": "harbour",
    "stream_arn": "arn:aws:kinesisvideo:eu-central-1:123456789012:stream/live-1/1",
    "start_fragment": "1",
    "started_at_ms": 1_795_165_200_000,
}


async def test_a_call_is_transcribed_to_its_end(stage: Stage) -> None:
    stream = stage.stream()
    await stage.announce(stage.call(stream, CALL))
    async with stage.streamer():
        stage.play(stream, contact(CALL, speech(0, 2), speech(500, 1), start_ms=stage.started_at_ms))
        await stage.until_words(CALL, 2)
        await stage.hang_up(CALL)
        item = await stage.until(CALL, announced=True)
        await stage.until_messages(stage.cloud.queue_url, visible=0, hidden=0)
    assert item["complete"] is True
    assert (item["status"], item["end_reason"], item["incomplete_reasons"]) == ("completed", "disconnected", [])
    assert item["duration_seconds"] == pytest.approx(3.0, abs=0.1)
    assert await stage.frames(CALL, 0) == numbers(0, 2)
    assert await stage.frames(CALL, 1) == numbers(500, 1)
    assert (item["word_count"], item["vocabulary_terms"], item["model"]) == (150, 0, "local-frames")
    assert stage.counted("CallsCompleted") == 1
    assert stage.counted("WaitedMs") > 0


async def test_another_contact_on_the_stream_ends_the_call(stage: Stage) -> None:
    stream = stage.stream()
    stage.play(stream, contact("call-6", speech(900, 1), start_ms=stage.started_at_ms - 20_000))
    stage.play(stream, contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
    stage.play(stream, contact(OTHER, speech(700, 1), start_ms=stage.started_at_ms + 20_000))
    await stage.announce(stage.call(stream, CALL))
    await stage.hang_up(CALL)
    async with stage.streamer():
        item = await stage.until(CALL, status="completed")
    assert (item["end_reason"], item["complete"]) == ("other-contact", True)
    assert await stage.frames(CALL) == numbers(0, 1)


async def test_a_call_without_a_word_completes(stage: Stage) -> None:
    stream = stage.stream()
    await stage.announce(stage.call(stream, CALL))
    async with stage.streamer():
        await stage.until(CALL, status="streaming")
        await stage.hang_up(CALL)
        item = await stage.until(CALL, status="completed")
    assert (item["complete"], item["duration_seconds"], item["next_seq"]) == (True, 0.0, 1)


async def test_another_contact_does_not_prove_that_the_end_was_heard(stage: Stage) -> None:
    stream = stage.stream()
    stage.play(stream, contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
    stage.play(stream, contact(OTHER, speech(700, 1), start_ms=stage.started_at_ms + 20_000))
    await stage.announce(stage.call(stream, CALL))
    async with stage.streamer(end_limits=EndLimits(word=0.5)):
        item = await stage.until(CALL, status="completed")
    assert (item["end_reason"], item["incomplete_reasons"]) == ("other-contact", ["end-not-proven"])


async def test_a_call_that_only_falls_silent_is_not_proven_to_be_over(stage: Stage) -> None:
    stream = stage.stream()
    stage.play(stream, contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
    await stage.announce(stage.call(stream, CALL))
    async with stage.streamer(end_limits=EndLimits(idle=1.0)):
        item = await stage.until(CALL, status="completed")
    assert (item["complete"], item["incomplete_reasons"]) == (False, ["end-not-proven"])
    assert await stage.frames(CALL) == numbers(0, 1)


async def test_a_call_over_the_limit_is_cut_off_and_says_so(stage: Stage) -> None:
    stream = stage.stream()
    stage.play(stream, contact(CALL, speech(0, 3), start_ms=stage.started_at_ms))
    await stage.announce(stage.call(stream, CALL))
    async with stage.streamer(end_limits=EndLimits(call=1.0)):
        item = await stage.until(CALL, status="completed")
    assert (item["end_reason"], item["incomplete_reasons"]) == ("limit", ["over-limit"])


class TestFailures:
    async def test_a_stream_that_does_not_exist(self, stage: Stage) -> None:
        stream = stage.stream()
        call = stage.call(stream, CALL)
        stage.streams.delete(stream.arn)
        await stage.announce(call)
        async with stage.streamer(end_limits=EndLimits(start_wait=0.5)):
            item = await stage.until(CALL, status="failed")
            await stage.until_messages(stage.cloud.failed_queue_url, visible=1)
            await stage.until_messages(stage.cloud.queue_url, visible=0, hidden=0)
        assert item["error_code"] == "StreamNotFound"

    async def test_a_stream_that_never_starts(self, stage: Stage) -> None:
        await stage.announce(stage.call(stage.stream(), CALL))
        async with stage.streamer(end_limits=EndLimits(start_wait=0.5)):
            item = await stage.until(CALL, status="failed")
            await stage.until_messages(stage.cloud.failed_queue_url, visible=1)
        assert item["error_code"] == "StreamNeverStarted"

    async def test_audio_that_is_not_what_is_supported(self, stage: Stage) -> None:
        stream = stage.stream()
        stage.play(stream, contact(CALL, speech(0, 1), start_ms=stage.started_at_ms, mime_type="audio/opus"))
        await stage.announce(stage.call(stream, CALL))
        async with stage.streamer():
            item = await stage.until(CALL, status="failed")
            await stage.until_messages(stage.cloud.failed_queue_url, visible=1)
        assert item["error_code"] == "UnsupportedAudio.media-type"

    async def test_words_that_were_heard_before_a_failure_are_stored(self, stage: Stage) -> None:
        stream = stage.stream()
        refused = {"action": "error", "code": "KMS_KEY_ACCESS_DENIED", "id": "4500", "times": None}
        await stage.streams_fail({**refused, "after": 3, "times": 1}, refused)
        stage.play(stream, contact(CALL, speech(0, 5), speech(500, 5), start_ms=stage.started_at_ms))
        await stage.announce(stage.call(stream, CALL))
        async with stage.streamer():
            item = await stage.until(CALL, status="failed")
            await stage.until_messages(stage.cloud.failed_queue_url, visible=1)
        assert item["error_code"] == "KinesisVideo.KMS_KEY_ACCESS_DENIED"
        # Of the third fragment the track that lags behind waits for more.
        for channel, first in ((0, 0), (1, 500)):
            heard = await stage.frames(CALL, channel)
            assert heard == numbers(first, 5)[: len(heard)]
            assert len(heard) >= 2.9 * 51
        assert min(item["watermarks"]) >= 2.9 * 8_192

    async def test_words_before_audio_of_another_kind_are_stored(self, stage: Stage) -> None:
        stream = stage.stream()
        fragments = list(contact(CALL, speech(0, 5), start_ms=stage.started_at_ms).fragments())
        for index, fragment in enumerate(fragments):
            strange = {**fragment.tags, "MimeType": "audio/opus"} if index == 3 else fragment.leading_tags
            stream.append(replace(fragment, leading_tags=strange))
        await stage.announce(stage.call(stream, CALL))
        async with stage.streamer():
            item = await stage.until(CALL, status="failed")
        assert item["error_code"] == "UnsupportedAudio.media-type"
        assert await stage.frames(CALL) == numbers(0, 5)[: 3 * 8_192 // 160]

    @pytest.mark.parametrize(
        "unusable",
        [
            pytest.param("hello", id="words"),
            pytest.param("[" * 100_000, id="brackets"),
            pytest.param(json.dumps({**ANNOUNCEMENT, "started_at_ms": 10**17}), id="no time"),
            pytest.param(json.dumps({**ANNOUNCEMENT, "started_at_ms": 1e300}), id="no integer"),
            pytest.param(json.dumps({**ANNOUNCEMENT, "start_fragment": "\ud800"}), id="no text"),
            pytest.param(json.dumps({**ANNOUNCEMENT, "start_fragment": "9" * 1000}), id="no fragment"),
        ],
    )
    async def test_a_message_that_is_no_announcement(self, stage: Stage, unusable: str) -> None:
        await stage.cloud.sqs.send_message(QueueUrl=stage.cloud.queue_url, MessageBody=unusable)
        async with stage.streamer():
            await stage.until_messages(stage.cloud.failed_queue_url, visible=1)
            await stage.until_messages(stage.cloud.queue_url, visible=0, hidden=0)
        response = await stage.cloud.sqs.receive_message(
            QueueUrl=stage.cloud.failed_queue_url, MessageAttributeNames=["All"]
        )
        (message,) = response["Messages"]
        assert message["Body"] == unusable
        assert message["MessageAttributes"]["error_code"]["StringValue"] == "InvalidAnnouncement"
        assert stage.counted("MessagesRefused") == 1

    @pytest.mark.parametrize("unusable", [{"gaps": ["xyzzy"]}, {"watermarks": [1]}, {"epoch": "xyzzy"}])
    async def test_a_call_whose_state_is_unreadable(self, stage: Stage, unusable: dict[str, Any]) -> None:
        await stage.cloud.change(CALL, status="released", **unusable)
        await stage.announce(stage.call(stage.stream(), CALL))
        async with stage.streamer():
            await stage.until_messages(stage.cloud.failed_queue_url, visible=1)
            await stage.until_messages(stage.cloud.queue_url, visible=0, hidden=0)
        assert stage.counted("MessagesRefused") == 1

    async def test_a_failed_call_goes_on_when_it_is_redriven(self, stage: Stage) -> None:
        stream = stage.stream()
        call = stage.call(stream, CALL)
        await stage.announce(call)
        async with stage.streamer(end_limits=EndLimits(start_wait=0.5, settle=0.5)):
            await stage.until(CALL, status="failed")
            stage.play(stream, contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
            await stage.hang_up(CALL)
            await stage.announce(call)
            item = await stage.until(CALL, status="completed")
        assert item["complete"] is True
        assert "error_code" not in item
        assert await stage.frames(CALL) == numbers(0, 1)


class TestUnforeseenFailures:
    @pytest.fixture
    def defect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def raise_it(*_: object) -> NoReturn:
            raise ZeroDivisionError

        monkeypatch.setattr("streamer.calls.call.StreamReader", raise_it)

    @pytest.mark.usefixtures("defect")
    async def test_the_call_comes_again_however_often_its_message_was_delivered(self, stage: Stage) -> None:
        await stage.announce(stage.call(stage.stream(), CALL))
        for _ in range(5):
            response = await stage.cloud.sqs.receive_message(
                QueueUrl=stage.cloud.queue_url, WaitTimeSeconds=20, VisibilityTimeout=0
            )
            assert response["Messages"]
        async with stage.streamer() as streamer:
            item = await stage.until(CALL, status="released")
            await streamer.until_idle()
            await stage.until_messages(stage.cloud.queue_url, visible=0, hidden=1)
        assert (item["failures"], item["lease_until"]) == (1, 0)

    @pytest.mark.usefixtures("defect")
    async def test_the_third_in_a_row_is_final_and_a_redrive_has_new_attempts(self, stage: Stage) -> None:
        await stage.cloud.change(CALL, failures=2)
        await stage.announce(stage.call(stage.stream(), CALL))
        async with stage.streamer():
            item = await stage.until(CALL, status="failed")
            await stage.until_messages(stage.cloud.failed_queue_url, visible=1)
        assert (item["error_code"], item["failures"]) == ("Streamer.Unexpected", 0)

    async def test_they_are_forgotten_once_words_are_stored(self, stage: Stage) -> None:
        stream = stage.stream()
        stage.play(stream, contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
        await stage.cloud.change(CALL, failures=2)
        await stage.announce(stage.call(stream, CALL))
        async with stage.streamer():
            await stage.until_words(CALL, 1)
        assert (await stage.cloud.live(CALL))["failures"] == 0


class TestHandOver:
    async def test_a_drained_streamer_hands_its_calls_over_word_for_word(self, stage: Stage) -> None:
        stream = stage.stream()
        played = contact(CALL, speech(0, 5), speech(500, 5), start_ms=stage.started_at_ms)
        stage.play(stream, played, until=3)
        await stage.announce(stage.call(stream, CALL))
        async with stage.streamer() as first:
            await stage.until_words(CALL, 1)
            await first.drain()
            assert first.service.health.status == "draining"
            item = await stage.cloud.live(CALL)
            assert (item["status"], item["lease_until"]) == ("released", 0)
        stage.play(stream, played, first=3)
        await stage.hang_up(CALL)
        async with stage.streamer():
            item = await stage.until(CALL, status="completed")
        assert (item["complete"], item["handovers"], item["epoch"]) == (True, 1, 2)
        assert await stage.frames(CALL, 0) == numbers(0, 5)
        assert await stage.frames(CALL, 1) == numbers(500, 5)
        assert [item["seq"] for item in await stage.cloud.utterances(CALL)] == list(range(1, item["next_seq"]))

    async def test_a_streamer_that_dies_is_followed_by_the_next_word_for_word(self, stage: Stage) -> None:
        stream = stage.stream()
        played = contact(CALL, speech(0, 5), start_ms=stage.started_at_ms)
        stage.play(stream, played, until=3)
        await stage.announce(stage.call(stream, CALL))
        async with stage.streamer(lease_seconds=LEASE):
            await stage.until_words(CALL, 1)
        assert (await stage.cloud.live(CALL))["status"] == "streaming"
        stage.play(stream, played, first=3)
        await stage.hang_up(CALL)
        async with stage.streamer(lease_seconds=LEASE):
            item = await stage.until(CALL, status="completed")
        assert (item["complete"], item["epoch"]) == (True, 2)
        assert await stage.frames(CALL) == numbers(0, 5)

    async def test_who_has_lost_its_lease_in_mid_call_writes_no_more(self, stage: Stage) -> None:
        stream = stage.stream()
        played = contact(CALL, speech(0, 4), start_ms=stage.started_at_ms)
        stage.play(stream, played, until=3)
        await stage.announce(stage.call(stream, CALL))
        async with stage.streamer() as late:
            await stage.until_words(CALL, 1)
            await stage.cloud.change(CALL, lease_owner="another", epoch=9)
            before = await stage.cloud.utterances(CALL)
            stage.play(stream, played, first=3)
            await late.until_idle()
            assert await stage.cloud.utterances(CALL) == before
            item = await stage.cloud.live(CALL)
        assert (item["lease_owner"], item["status"]) == ("another", "streaming")
        assert stage.counted("LeasesLost") == 1

    async def test_a_call_longer_than_a_lease_stays_with_its_streamer(self, stage: Stage) -> None:
        stream = stage.stream()
        played = contact(CALL, speech(0, 3), start_ms=stage.started_at_ms)
        stage.play(stream, played, until=1)
        await stage.announce(stage.call(stream, CALL))
        async with stage.streamer(lease_seconds=LEASE), stage.streamer(lease_seconds=LEASE):
            item = await stage.until(CALL, status="streaming")
            await stage.until_renewed(CALL, item["lease_until"] + LEASE)
            stage.play(stream, played, first=1)
            await stage.hang_up(CALL)
            item = await stage.until(CALL, status="completed")
        assert (item["epoch"], item["handovers"]) == (1, 0)
        assert await stage.frames(CALL) == numbers(0, 3)

    async def test_messages_are_renewed_while_the_table_is_out_of_reach(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        renewed = asyncio.Semaphore(0)
        renew = CallQueue.renew

        async def counted(queue: CallQueue, messages: Iterable[Message]) -> None:
            ours = list(messages)
            await renew(queue, ours)
            if ours:
                renewed.release()

        async def hangs(store: CallStore, leases: Iterable[Lease]) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(CallQueue, "renew", counted)
        monkeypatch.setattr(CallStore, "renew", hangs)
        await stage.announce(stage.call(stage.stream(), CALL))
        async with stage.streamer(lease_seconds=LEASE), asyncio.timeout(PATIENCE_SECONDS):
            for _ in range(3):
                await renewed.acquire()

    async def test_a_message_that_comes_again_while_its_call_runs_belongs_to_it(self, stage: Stage) -> None:
        stream = stage.stream()
        await stage.announce(stage.call(stream, CALL))
        async with stage.streamer() as streamer:
            await stage.until(CALL, status="streaming")
            ((_, work),) = streamer.service.intake._work.items()
            first = work.message
            await streamer.service.intake._queue.release(first)
            await stage.until_messages(stage.cloud.queue_url, visible=0, hidden=1)
            await streamer.until(lambda: work.message != first)
            stage.play(stream, contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
            await stage.hang_up(CALL)
            item = await stage.until(CALL, announced=True)
            await stage.until_messages(stage.cloud.queue_url, visible=0, hidden=0)
        assert item["epoch"] == 1


class TestFeed:
    async def test_words_are_told_to_the_clinic_that_the_call_has(self, stage: Stage) -> None:
        stream = stage.stream()
        stage.play(stream, contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
        await stage.cloud.change(CALL, clinic_id="harbour")
        await stage.announce(stage.call(stream, CALL, clinic_id="lakeside"))
        async with stage.feed() as feed, stage.streamer(feed_url=feed.url):
            await stage.until_words(CALL, 1)
            await stage.hang_up(CALL)
            item = await stage.until(CALL, announced=True)
        assert feed.channels == {"/calls/harbour/call-7"}
        assert item["clinic_id"] == "harbour"

    async def test_subscribers_see_words_after_they_are_stored_and_how_the_call_stands(self, stage: Stage) -> None:
        stream = stage.stream()
        stage.play(stream, contact(CALL, speech(0, 2), start_ms=stage.started_at_ms))
        await stage.announce(stage.call(stream, CALL))
        async with stage.feed() as feed, stage.streamer(feed_url=feed.url):
            await stage.until_words(CALL, 1)
            await stage.hang_up(CALL)
            item = await stage.until(CALL, announced=True)
        assert feed.channels == {"/calls/harbour/call-7"}
        states = [event for event in feed.events if event["type"] == "state"]
        assert states == [
            {"schema_version": SCHEMA_VERSION, "type": "state", "status": "streaming"},
            {
                "schema_version": SCHEMA_VERSION,
                "type": "state",
                "status": "completed",
                "complete": True,
                "reliability": item["reliability"],
            },
        ]
        # Nobody but the customer spoke, in words that are no English: known when the call is over.
        assert item["reliability"]["level"] == "unusable"
        assert "nobody-else-spoke" in item["reliability"]["reasons"]
        finals = [event for event in feed.events if event["type"] == "final"]
        assert all(event["reliability"]["level"] in ("doubtful", "high", "unusable") for event in finals)
        assert not any("nobody-else-spoke" in event["reliability"]["reasons"] for event in finals)
        stored = [item["text"] for item in await stage.cloud.utterances(CALL)]
        assert [event["text"] for event in feed.events if event["type"] == "final"] == stored

    async def test_a_feed_that_is_down_costs_the_call_nothing(self, stage: Stage) -> None:
        stream = stage.stream()
        stage.play(stream, contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
        await stage.announce(stage.call(stream, CALL))
        async with stage.streamer(feed_url="http://127.0.0.1:1/event"):
            await stage.until_words(CALL, 1)
            await stage.hang_up(CALL)
            item = await stage.until(CALL, announced=True)
        assert (item["complete"], item["published_seq"]) == (True, 0)
        assert await stage.frames(CALL) == numbers(0, 1)

    async def test_whoever_takes_a_call_over_publishes_what_was_not(self, stage: Stage) -> None:
        stream = stage.stream()
        stage.play(stream, contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
        await stage.announce(stage.call(stream, CALL))
        async with stage.streamer(feed_url="http://127.0.0.1:1/event") as first:
            await stage.until_words(CALL, 1)
            await first.drain()
        async with stage.feed() as feed, stage.streamer(feed_url=feed.url):
            await stage.until(CALL, status="streaming")
            await stage.hang_up(CALL)
            await stage.until(CALL, announced=True)
        assert [event["seq"] for event in feed.events if event["type"] == "final"] == [1]


async def test_a_call_announced_twice_is_transcribed_once(stage: Stage) -> None:
    stream = stage.stream()
    call = stage.call(stream, CALL)
    await stage.announce(call)
    await stage.announce(call)
    async with stage.streamer():
        await stage.until_messages(stage.cloud.queue_url, visible=0, hidden=1)
        stage.play(stream, contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
        await stage.hang_up(CALL)
        await stage.until(CALL, announced=True)
        await stage.announce(call)
        await stage.until_messages(stage.cloud.queue_url, visible=0, hidden=0)
    assert await stage.frames(CALL) == numbers(0, 1)
    assert stage.counted("CallsStarted") == 1


@pytest.mark.parametrize("handed_over", [False, True])
async def test_a_clock_that_is_set_back_loses_no_word(stage: Stage, handed_over: bool) -> None:
    stream = stage.stream()
    played = contact(CALL, speech(0, 8), speech(500, 8), start_ms=stage.started_at_ms)
    later = [
        replace(
            fragment,
            start_ms=fragment.start_ms - 3_000,
            blocks=[replace(block, ms=block.ms - 3_000) for block in fragment.blocks],
            segment_uid=b"another session!",
        )
        for fragment in list(played.fragments())[4:]
    ]
    stage.play(stream, played, until=4)
    await stage.announce(stage.call(stream, CALL))
    async with stage.streamer() as first:
        await stage.until_words(CALL, 2)
        if handed_over:
            await first.drain()
        for fragment in later[:2]:
            stream.append(fragment)
        if not handed_over:
            await stage.until_words(CALL, 4)
            await first.drain()
    async with stage.streamer():
        for fragment in later[2:]:
            stream.append(fragment)
        await stage.hang_up(CALL)
        item = await stage.until(CALL, status="completed")
    assert (item["complete"], item["gaps"], item["epoch"]) == (True, [], 2)
    assert await stage.frames(CALL, 0) == numbers(0, 8)
    assert await stage.frames(CALL, 1) == numbers(500, 8)
    (step,) = item["clock_steps"]
    assert (step["position"], step["milliseconds"]) == (4 * 8_192, 3_000)
    assert item["duration_seconds"] == pytest.approx(9.0, abs=0.1)
    assert stage.counted("ClockSteps") >= 1


@pytest.mark.parametrize("stop_told", [False, True])
async def test_a_call_that_goes_on_in_another_stream_is_followed(stage: Stage, stop_told: bool) -> None:
    stream, other = stage.stream(), stage.stream("other")
    again_ms = stage.started_at_ms + 20_000
    stage.play(stream, contact(CALL, speech(0, 2), start_ms=stage.started_at_ms))
    await stage.announce(stage.call(stream, CALL))
    async with stage.streamer() as streamer:
        await stage.until_words(CALL, 1)
        if stop_told:
            await stage.cloud.change(CALL, stopped_at_ms=stage.started_at_ms + 3_000)
        await stage.announce(stage.call(other, CALL, started_at_ms=again_ms))
        stage.play(other, contact("call-6", speech(900, 1), start_ms=stage.started_at_ms + 9_000))
        stage.play(other, contact(CALL, speech(300, 2), start_ms=again_ms, segment_uid=b"second segment !"))
        await stage.until_words(CALL, 2)
        assert streamer.service.intake.slots_used == 1
        await stage.hang_up(CALL)
        item = await stage.until(CALL, status="completed")
    assert await stage.frames(CALL) == numbers(0, 2) + numbers(300, 2)
    assert item["epoch"] == 1
    # Without a stop nobody knows whether anything was said meanwhile.
    assert (item["complete"], item["incomplete_reasons"]) == (stop_told, [] if stop_told else ["gap-missing"])
    assert item["resume"]["stream"] == other.arn
    assert item["first_fragment"] == next(iter(stream)).number


async def test_streaming_that_is_started_again_goes_on_in_the_same_call(stage: Stage) -> None:
    stream = stage.stream()
    first = contact(CALL, speech(0, 1), start_ms=stage.started_at_ms)
    again_ms = stage.started_at_ms + 20_000
    await stage.announce(stage.call(stream, CALL))
    async with stage.streamer():
        stage.play(stream, first)
        fragment = list(stream)[-1].number
        await stage.until_words(CALL, 1)
        await stage.cloud.change(CALL, stop_fragment=fragment, stopped_at_ms=stage.started_at_ms + 2000)
        item = await stage.until(CALL, status="completed")
        assert item["end_reason"] == "stop-fragment"
        await stage.announce(stage.call(stream, CALL, started_at_ms=again_ms))
        stage.play(stream, contact(CALL, speech(300, 1), start_ms=again_ms, segment_uid=b"second segment !"))
        await stage.until_words(CALL, 2)
        await stage.hang_up(CALL)
        item = await stage.until(CALL, status="completed")
    assert await stage.frames(CALL) == numbers(0, 1) + numbers(300, 1)
    assert (item["complete"], item["gaps"]) == (True, [])
    assert [item["seq"] for item in await stage.cloud.utterances(CALL)] == [1, 2]
