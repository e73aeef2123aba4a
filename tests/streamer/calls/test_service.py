"""Calls from their announcement to their end, through a whole streamer."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any, NoReturn

import pytest

from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.contract.table_keys import utterance_key
from callscribe.live_reliability import LATEST_RESULTS
from streamer.calls.attributes import to_attributes
from streamer.calls.ending import EndLimits
from streamer.calls.queue import CallQueue, Message
from streamer.calls.state import EndHints, Lease
from streamer.calls.store import CallStore
from streamer.service import Service
from tests.live.stage import SimulatedStage
from tests.streamer.calls.audio import contact, frames, numbers, speech

HALF_A_WORD = 4_000
CALL = "call-7"
OTHER = "call-8"
LEASE = 6
CHANNEL = "/calls/harbour/call-7"
ANNOUNCEMENT = {
    "version": "1",
    "call_id": CALL,
    "clinic_id": "harbour",
    "stream_arn": "arn:aws:kinesisvideo:eu-central-1:123456789012:stream/live-1/1",
    "start_fragment": "1",
    "started_at_ms": 1_795_165_200_000,
}


async def idle(streamer: Service) -> None:
    """Wait until a streamer has no call."""
    await streamer.intake.wait_until(lambda: not streamer.intake.slots_used)


async def test_a_call_is_transcribed_to_its_end(stage: SimulatedStage) -> None:
    await stage.announce(CALL)
    async with stage.streamer():
        stage.put(contact(CALL, speech(0, 2), speech(500, 1), start_ms=stage.started_at_ms))
        await stage.words(2, CALL)
        await stage.hang_up(CALL)
        item = await stage.until(CALL, announced=True)
        await stage.until_messages(visible=0, hidden=0)
    assert item["complete"] is True
    assert (item["status"], item["end_reason"], item["incomplete_reasons"]) == ("completed", "disconnected", [])
    assert item["duration_seconds"] == pytest.approx(3.0, abs=0.1)
    assert await frames(stage, CALL, 0) == numbers(0, 2)
    assert await frames(stage, CALL, 1) == numbers(500, 1)
    assert (item["word_count"], item["vocabulary_terms"], item["model"]) == (150, 1, "local-frames")
    assert stage.counted("CallsCompleted") == 1
    assert stage.counted("WaitedMs") > 0


async def test_another_contact_on_the_stream_ends_the_call(stage: SimulatedStage) -> None:
    stage.put(contact("call-6", speech(900, 1), start_ms=stage.started_at_ms - 20_000))
    stage.put(contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
    stage.put(contact(OTHER, speech(700, 1), start_ms=stage.started_at_ms + 20_000))
    await stage.announce(CALL)
    await stage.hang_up(CALL)
    async with stage.streamer():
        item = await stage.until(CALL, status="completed")
    assert (item["end_reason"], item["complete"]) == ("other-contact", True)
    assert await frames(stage, CALL) == numbers(0, 1)


async def test_a_call_without_a_word_completes(stage: SimulatedStage) -> None:
    await stage.announce(CALL)
    async with stage.streamer():
        await stage.until(CALL, status="streaming")
        await stage.hang_up(CALL)
        item = await stage.until(CALL, status="completed")
    assert (item["complete"], item["duration_seconds"], item["next_seq"]) == (True, 0.0, 1)


async def test_another_contact_does_not_prove_that_the_end_was_heard(stage: SimulatedStage) -> None:
    stage.put(contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
    stage.put(contact(OTHER, speech(700, 1), start_ms=stage.started_at_ms + 20_000))
    await stage.announce(CALL)
    async with stage.streamer(end_limits=EndLimits(word=0.5)):
        item = await stage.until(CALL, status="completed")
    assert (item["end_reason"], item["incomplete_reasons"]) == ("other-contact", ["end-not-proven"])


async def test_a_call_that_only_falls_silent_is_not_proven_to_be_over(stage: SimulatedStage) -> None:
    stage.put(contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
    await stage.announce(CALL)
    async with stage.streamer(end_limits=EndLimits(idle=1.0)):
        item = await stage.until(CALL, status="completed")
    assert (item["complete"], item["incomplete_reasons"]) == (False, ["end-not-proven"])
    assert await frames(stage, CALL) == numbers(0, 1)


async def test_a_call_over_the_limit_is_cut_off_and_says_so(stage: SimulatedStage) -> None:
    stage.put(contact(CALL, speech(0, 3), start_ms=stage.started_at_ms))
    await stage.announce(CALL)
    async with stage.streamer(end_limits=EndLimits(call=1.0)):
        item = await stage.until(CALL, status="completed")
    assert (item["end_reason"], item["incomplete_reasons"]) == ("limit", ["over-limit"])


class TestFailures:
    async def test_a_stream_that_does_not_exist(self, stage: SimulatedStage) -> None:
        await stage.announce(CALL)
        stage.streams.delete(stage.stream().arn)
        async with stage.streamer(end_limits=EndLimits(start_wait=0.5)):
            item = await stage.until(CALL, status="failed")
            await stage.until_failed()
            await stage.until_messages(visible=0, hidden=0)
        assert item["error_code"] == "StreamNotFound"

    async def test_a_stream_that_never_starts(self, stage: SimulatedStage) -> None:
        await stage.announce(CALL)
        async with stage.streamer(end_limits=EndLimits(start_wait=0.5)):
            item = await stage.until(CALL, status="failed")
            await stage.until_failed()
        assert item["error_code"] == "StreamNeverStarted"

    async def test_audio_that_is_not_what_is_supported(self, stage: SimulatedStage) -> None:
        stage.put(contact(CALL, speech(0, 1), start_ms=stage.started_at_ms, mime_type="audio/opus"))
        await stage.announce(CALL)
        async with stage.streamer():
            item = await stage.until(CALL, status="failed")
            await stage.until_failed()
        assert item["error_code"] == "UnsupportedAudio.media-type"

    async def test_words_that_were_heard_before_a_failure_are_stored(self, stage: SimulatedStage) -> None:
        refused = {"action": "error", "code": "KMS_KEY_ACCESS_DENIED", "id": "4500", "times": None}
        stage.streams_fail({**refused, "after": 3, "times": 1}, refused)
        stage.put(contact(CALL, speech(0, 5), speech(500, 5), start_ms=stage.started_at_ms))
        await stage.announce(CALL)
        async with stage.streamer():
            item = await stage.until(CALL, status="failed")
            await stage.until_failed()
        assert item["error_code"] == "KinesisVideo.KMS_KEY_ACCESS_DENIED"
        # Of the third fragment the track that lags behind waits for more; what may be half a word there is left out.
        certain = 2.9 * 8_192 - HALF_A_WORD
        for channel, first in ((0, 0), (1, 500)):
            heard = await frames(stage, CALL, channel)
            assert heard == numbers(first, 5)[: len(heard)]
            assert len(heard) >= certain // 160 - 1
        assert min(item["watermarks"]) >= certain - 160

    async def test_words_before_audio_of_another_kind_are_stored(self, stage: SimulatedStage) -> None:
        stream = stage.stream()
        fragments = list(contact(CALL, speech(0, 5), start_ms=stage.started_at_ms).fragments())
        for index, fragment in enumerate(fragments):
            strange = {**fragment.tags, "MimeType": "audio/opus"} if index == 3 else fragment.leading_tags
            stream.append(replace(fragment, leading_tags=strange))
        await stage.announce(CALL)
        async with stage.streamer():
            item = await stage.until(CALL, status="failed")
        assert item["error_code"] == "UnsupportedAudio.media-type"
        assert await frames(stage, CALL) == numbers(0, 5)[: (3 * 8_192 - HALF_A_WORD) // 160]

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
    async def test_a_message_that_is_no_announcement(self, stage: SimulatedStage, unusable: str) -> None:
        await stage.cloud.send(unusable)
        async with stage.streamer():
            assert await stage.until_failed() == (unusable, "InvalidAnnouncement")
            await stage.until_messages(visible=0, hidden=0)
        assert stage.counted("MessagesRefused") == 1

    @pytest.mark.parametrize("unusable", [{"gaps": ["xyzzy"]}, {"watermarks": [1]}, {"epoch": "xyzzy"}])
    async def test_a_call_whose_state_is_unreadable(self, stage: SimulatedStage, unusable: dict[str, Any]) -> None:
        await stage.cloud.change(CALL, status="released", **unusable)
        await stage.announce(CALL)
        async with stage.streamer():
            await stage.until_failed()
            await stage.until_messages(visible=0, hidden=0)
        assert stage.counted("MessagesRefused") == 1

    async def test_a_failed_call_goes_on_when_it_is_redriven(self, stage: SimulatedStage) -> None:
        await stage.announce(CALL)
        async with stage.streamer(end_limits=EndLimits(start_wait=0.5, settle=0.5)):
            await stage.until(CALL, status="failed")
            stage.put(contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
            await stage.hang_up(CALL)
            await stage.announce(CALL)
            item = await stage.until(CALL, status="completed")
        assert item["complete"] is True
        assert "error_code" not in item
        assert await frames(stage, CALL) == numbers(0, 1)


class TestUnforeseenFailures:
    @pytest.fixture
    def defect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def raise_it(*_: object) -> NoReturn:
            raise ZeroDivisionError

        monkeypatch.setattr("streamer.calls.call.StreamReader", raise_it)

    @pytest.mark.usefixtures("defect")
    async def test_the_call_comes_again_however_often_its_message_was_delivered(self, stage: SimulatedStage) -> None:
        await stage.announce(CALL)
        for _ in range(5):
            assert stage.around.account.calls.receive(1, hidden=0)
        async with stage.streamer() as streamer:
            item = await stage.until(CALL, status="released")
            await idle(streamer)
            await stage.until_messages(visible=0, hidden=1)
        assert (item["failures"], item["lease_until"]) == (1, 0)

    @pytest.mark.usefixtures("defect")
    async def test_the_third_in_a_row_is_final_and_a_redrive_has_new_attempts(self, stage: SimulatedStage) -> None:
        await stage.cloud.change(CALL, failures=2)
        await stage.announce(CALL)
        async with stage.streamer():
            item = await stage.until(CALL, status="failed")
            await stage.until_failed()
        assert (item["error_code"], item["failures"]) == ("Streamer.Unexpected", 0)

    async def test_they_are_forgotten_once_words_are_stored(self, stage: SimulatedStage) -> None:
        stage.put(contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
        await stage.cloud.change(CALL, failures=2)
        await stage.announce(CALL)
        async with stage.streamer():
            await stage.words(1, CALL)
        assert (await stage.cloud.live(CALL))["failures"] == 0


class TestHandOver:
    async def test_a_drained_streamer_hands_its_calls_over_word_for_word(self, stage: SimulatedStage) -> None:
        played = contact(CALL, speech(0, 5), speech(500, 5), start_ms=stage.started_at_ms)
        stage.put(played, until=3)
        await stage.announce(CALL)
        async with stage.streamer() as first:
            await stage.words(1, CALL)
            await stage.hand_over(first)
            assert first.health.status == "draining"
            item = await stage.cloud.live(CALL)
            assert (item["status"], item["lease_until"]) == ("released", 0)
        await stage.until_messages(visible=1, hidden=0)
        stage.put(played, first=3)
        await stage.hang_up(CALL)
        async with stage.streamer():
            item = await stage.until(CALL, status="completed")
        assert (item["complete"], item["handovers"], item["epoch"]) == (True, 1, 2)
        assert await frames(stage, CALL, 0) == numbers(0, 5)
        assert await frames(stage, CALL, 1) == numbers(500, 5)
        assert [item["seq"] for item in await stage.cloud.utterances(CALL)] == list(range(1, item["next_seq"]))

    async def test_a_streamer_that_dies_is_followed_by_the_next_word_for_word(self, stage: SimulatedStage) -> None:
        played = contact(CALL, speech(0, 5), start_ms=stage.started_at_ms)
        stage.put(played, until=3)
        await stage.announce(CALL)
        async with stage.streamer(lease_seconds=LEASE):
            await stage.words(1, CALL)
        assert (await stage.cloud.live(CALL))["status"] == "streaming"
        stage.put(played, first=3)
        await stage.hang_up(CALL)
        async with stage.streamer(lease_seconds=LEASE):
            item = await stage.until(CALL, status="completed")
        assert (item["complete"], item["epoch"]) == (True, 2)
        assert await frames(stage, CALL) == numbers(0, 5)

    async def test_who_has_lost_its_lease_in_mid_call_writes_no_more(self, stage: SimulatedStage) -> None:
        played = contact(CALL, speech(0, 4), start_ms=stage.started_at_ms)
        stage.put(played, until=3)
        await stage.announce(CALL)
        async with stage.streamer() as late:
            await stage.words(1, CALL)
            await stage.cloud.change(CALL, lease_owner="another", epoch=9)
            before = await stage.cloud.utterances(CALL)
            stage.put(played, first=3)
            await idle(late)
            assert await stage.cloud.utterances(CALL) == before
            item = await stage.cloud.live(CALL)
        assert (item["lease_owner"], item["status"]) == ("another", "streaming")
        assert stage.counted("LeasesLost") == 1

    async def test_a_call_longer_than_a_lease_stays_with_its_streamer(self, stage: SimulatedStage) -> None:
        played = contact(CALL, speech(0, 3), start_ms=stage.started_at_ms)
        stage.put(played, until=1)
        await stage.announce(CALL)
        async with stage.streamer(lease_seconds=LEASE), stage.streamer(lease_seconds=LEASE):
            item = await stage.until(CALL, status="streaming")
            until = item["lease_until"] + LEASE
            await stage.until(CALL, lambda item: item["lease_until"] >= until)
            stage.put(played, first=1)
            await stage.hang_up(CALL)
            item = await stage.until(CALL, status="completed")
        assert (item["epoch"], item["handovers"]) == (1, 0)
        assert await frames(stage, CALL) == numbers(0, 3)

    async def test_leases_are_renewed_one_by_one_over_a_sixth_of_their_time_and_still_every_third_of_it(
        self, stage: SimulatedStage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls = [f"call-{number}" for number in range(6)]
        asked: dict[str, list[float]] = {call: [] for call in calls}
        renew, clock = CallStore.renew, asyncio.get_running_loop().time
        rounds = 4

        async def noted(store: CallStore, lease: Lease) -> EndHints:
            asked[lease.call_id].append(clock())
            return await renew(store, lease)

        monkeypatch.setattr(CallStore, "renew", noted)
        for call in calls:
            await stage.announce(call, stream=call)
        async with stage.streamer(lease_seconds=LEASE) as streamer:
            await streamer.intake.wait_until(lambda: len(streamer.intake.runs) == len(calls))
            for times in asked.values():
                times.clear()
            async with asyncio.timeout(rounds * LEASE):
                while min(map(len, asked.values())) < rounds:
                    await asyncio.sleep(LEASE / 100)
        step = LEASE / 6 / len(calls)
        for together in list(zip(*asked.values(), strict=False))[1:rounds]:
            between = [later - earlier for earlier, later in pairwise(sorted(together))]
            assert between == pytest.approx([step] * (len(calls) - 1), abs=step / 10)
        for times in asked.values():
            assert max(later - earlier for earlier, later in pairwise(times)) == pytest.approx(LEASE / 3, abs=step)

    async def test_messages_are_renewed_while_the_table_is_out_of_reach(
        self, stage: SimulatedStage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        renewed = asyncio.Semaphore(0)
        renew = CallQueue.renew

        async def counted(queue: CallQueue, messages: Iterable[Message]) -> None:
            ours = list(messages)
            await renew(queue, ours)
            if ours:
                renewed.release()

        async def hangs(store: CallStore, lease: Lease) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(CallQueue, "renew", counted)
        monkeypatch.setattr(CallStore, "renew", hangs)
        await stage.announce(CALL)
        async with stage.streamer(lease_seconds=LEASE):
            for _ in range(3):
                await renewed.acquire()

    async def test_a_message_that_comes_again_while_its_call_runs_belongs_to_it(self, stage: SimulatedStage) -> None:
        await stage.announce(CALL)
        async with stage.streamer() as streamer:
            await stage.until(CALL, status="streaming")
            ((_, work),) = streamer.intake._work.items()
            first = work.message
            await streamer.intake._queue.release(first)
            await stage.until_messages(visible=0, hidden=1)
            await streamer.intake.wait_until(lambda: work.message != first)
            stage.put(contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
            await stage.hang_up(CALL)
            item = await stage.until(CALL, announced=True)
            await stage.until_messages(visible=0, hidden=0)
        assert item["epoch"] == 1


class TestFeed:
    async def test_words_are_told_to_the_clinic_that_the_call_has(self, stage: SimulatedStage) -> None:
        stage.put(contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
        await stage.cloud.change(CALL, clinic_id="harbour")
        await stage.announce(CALL, clinic_id="lakeside")
        async with stage.streamer():
            await stage.words(1, CALL)
            await stage.hang_up(CALL)
            item = await stage.until(CALL, announced=True)
        assert set(stage.feed.events) == {CHANNEL}
        assert item["clinic_id"] == "harbour"

    async def test_subscribers_see_words_after_they_are_stored_and_how_the_call_stands(
        self, stage: SimulatedStage
    ) -> None:
        stage.put(contact(CALL, speech(0, 2), start_ms=stage.started_at_ms))
        await stage.announce(CALL)
        async with stage.streamer():
            await stage.words(1, CALL)
            await stage.hang_up(CALL)
            item = await stage.until(CALL, announced=True)
        assert set(stage.feed.events) == {CHANNEL}
        states = [event for event in stage.feed.events[CHANNEL] if event["type"] == "state"]
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
        finals = [event for event in stage.feed.events[CHANNEL] if event["type"] == "final"]
        assert all(event["reliability"]["level"] in ("doubtful", "high", "unusable") for event in finals)
        assert not any("nobody-else-spoke" in event["reliability"]["reasons"] for event in finals)
        stored = [item["text"] for item in await stage.cloud.utterances(CALL)]
        assert [event["text"] for event in stage.feed.events[CHANNEL] if event["type"] == "final"] == stored

    async def test_a_feed_that_is_down_costs_the_call_nothing(self, stage: SimulatedStage) -> None:
        stage.put(contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
        await stage.announce(CALL)
        stage.feed.down = True
        async with stage.streamer():
            await stage.words(1, CALL)
            await stage.hang_up(CALL)
            item = await stage.until(CALL, announced=True)
        assert (item["complete"], item["published_seq"]) == (True, 0)
        assert await frames(stage, CALL) == numbers(0, 1)

    async def test_whoever_takes_a_call_over_publishes_what_was_not(self, stage: SimulatedStage) -> None:
        stage.put(contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
        await stage.announce(CALL)
        stage.feed.down = True
        async with stage.streamer() as first:
            await stage.words(1, CALL)
            await stage.hand_over(first)
        stage.feed.down = False
        async with stage.streamer():
            await stage.until(CALL, status="streaming")
            await stage.hang_up(CALL)
            await stage.until(CALL, announced=True)
        assert [event["seq"] for event in stage.feed.events[CHANNEL] if event["type"] == "final"] == [1]


async def test_whoever_takes_a_call_over_tells_of_what_was_said_before(stage: SimulatedStage) -> None:
    stage.put(contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
    await stage.announce(CALL)
    async with stage.streamer() as first:
        await stage.words(1, CALL)
        await stage.hand_over(first)
    (stored,) = await stage.cloud.utterances(CALL)
    # Said and stored, and told to nobody when the first streamer died.
    urgent = {**stored, "text": "I am seeing flashes in my left eye.", "words": None, "word_count": 8}
    stage.around.account.table.put_item(Item=to_attributes(urgent))
    async with stage.streamer():
        await stage.hang_up(CALL)
        item = await stage.until(CALL, announced=True)
    assert item["alerted"] == ["urgent"]


async def test_whoever_takes_over_a_call_that_was_unusable_so_far_tells_of_what_was_said_long_before(
    stage: SimulatedStage,
) -> None:
    stage.put(contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
    await stage.announce(CALL)
    async with stage.streamer() as first:
        await stage.words(1, CALL)
        await stage.hand_over(first)
    (stored,) = await stage.cloud.utterances(CALL)
    (item,) = stage.around.live_items()
    table, results = stage.around.account.table, 2 * LATEST_RESULTS
    for seq in range(1, results + 1):
        text = "I am seeing flashes in my left eye." if seq == 1 else "One moment please, I am looking for your name."
        said = {**stored, "SK": utterance_key(CALL, seq).sk, "seq": seq, "text": text, "words": None}
        table.put_item(Item=to_attributes({**said, "start": 4 * seq, "end": 4 * seq + 3, "confidence": 1}))
    unusable = {"level": "unusable", "reasons": ["low-confidence"]}
    table.put_item(Item={**item, **to_attributes({"next_seq": results + 1, "reliability": unusable})})
    async with stage.streamer():
        await stage.hang_up(CALL)
        item = await stage.until(CALL, announced=True)
    assert item["alerted"] == ["urgent"]


async def test_a_call_announced_twice_is_transcribed_once(stage: SimulatedStage) -> None:
    await stage.announce(CALL)
    await stage.announce(CALL)
    async with stage.streamer():
        await stage.until_messages(visible=0, hidden=1)
        stage.put(contact(CALL, speech(0, 1), start_ms=stage.started_at_ms))
        await stage.hang_up(CALL)
        await stage.until(CALL, announced=True)
        await stage.announce(CALL)
        await stage.until_messages(visible=0, hidden=0)
    assert await frames(stage, CALL) == numbers(0, 1)
    assert stage.counted("CallsStarted") == 1


@pytest.mark.parametrize("handed_over", [False, True])
async def test_a_clock_that_is_set_back_loses_no_word(stage: SimulatedStage, handed_over: bool) -> None:
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
    stage.put(played, until=4)
    await stage.announce(CALL)
    async with stage.streamer() as first:
        await stage.words(2, CALL)
        if handed_over:
            await stage.hand_over(first)
        for fragment in later[:2]:
            stream.append(fragment)
        if not handed_over:
            await stage.words(4, CALL)
            await stage.hand_over(first)
    async with stage.streamer():
        for fragment in later[2:]:
            stream.append(fragment)
        await stage.hang_up(CALL)
        item = await stage.until(CALL, status="completed")
    assert (item["complete"], item["gaps"], item["epoch"]) == (True, [], 2)
    assert await frames(stage, CALL, 0) == numbers(0, 8)
    assert await frames(stage, CALL, 1) == numbers(500, 8)
    (step,) = item["clock_steps"]
    assert (step["position"], step["milliseconds"]) == (4 * 8_192, 3_000)
    assert item["duration_seconds"] == pytest.approx(9.0, abs=0.1)
    assert stage.counted("ClockSteps") >= 1


@pytest.mark.parametrize("stop_told", [False, True])
async def test_a_call_that_goes_on_in_another_stream_is_followed(stage: SimulatedStage, stop_told: bool) -> None:
    stream, other = stage.stream(), stage.stream("other")
    again_ms = stage.started_at_ms + 20_000
    stage.put(contact(CALL, speech(0, 2), start_ms=stage.started_at_ms))
    await stage.announce(CALL)
    async with stage.streamer() as streamer:
        await stage.words(1, CALL)
        if stop_told:
            await stage.cloud.change(CALL, stopped_at_ms=stage.started_at_ms + 3_000)
        await stage.announce(CALL, stream="other", started_at_ms=again_ms)
        stage.put(contact("call-6", speech(900, 1), start_ms=stage.started_at_ms + 9_000), stream="other")
        stage.put(contact(CALL, speech(300, 2), start_ms=again_ms, segment_uid=b"second segment !"), stream="other")
        await stage.words(2, CALL)
        assert streamer.intake.slots_used == 1
        await stage.hang_up(CALL)
        item = await stage.until(CALL, status="completed")
    assert await frames(stage, CALL) == numbers(0, 2) + numbers(300, 2)
    assert item["epoch"] == 1
    # Without a stop nobody knows whether anything was said meanwhile.
    assert (item["complete"], item["incomplete_reasons"]) == (stop_told, [] if stop_told else ["gap-missing"])
    assert item["resume"]["stream"] == other.arn
    assert item["first_fragment"] == next(iter(stream)).number


async def test_streaming_that_is_started_again_goes_on_in_the_same_call(stage: SimulatedStage) -> None:
    stream = stage.stream()
    first = contact(CALL, speech(0, 1), start_ms=stage.started_at_ms)
    again_ms = stage.started_at_ms + 20_000
    await stage.announce(CALL)
    async with stage.streamer():
        stage.put(first)
        fragment = list(stream)[-1].number
        await stage.words(1, CALL)
        await stage.cloud.change(CALL, stop_fragment=fragment, stopped_at_ms=stage.started_at_ms + 2000)
        item = await stage.until(CALL, status="completed")
        assert item["end_reason"] == "stop-fragment"
        await stage.announce(CALL, started_at_ms=again_ms)
        stage.put(contact(CALL, speech(300, 1), start_ms=again_ms, segment_uid=b"second segment !"))
        await stage.words(2, CALL)
        await stage.hang_up(CALL)
        item = await stage.until(CALL, status="completed")
    assert await frames(stage, CALL) == numbers(0, 1) + numbers(300, 1)
    assert (item["complete"], item["gaps"]) == (True, [])
    assert [item["seq"] for item in await stage.cloud.utterances(CALL)] == [1, 2]
