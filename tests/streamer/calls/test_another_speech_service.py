"""The seam for calls holds: another speech service than Deepgram, from the announcement to the stored transcript."""

import gzip
from datetime import UTC, datetime

import boto3
from moto import mock_aws

from callscribe.documents import from_document
from callscribe.judgement.quality import load_rubric
from lambdas.common.archive import Archive
from lambdas.store_live_transcript.store import LiveTranscriptStore
from tests.fakes.other_speech import OPTIONS, Frames, Script
from tests.live.stage import SimulatedStage
from tests.simulation.table import Resource
from tests.streamer.calls.audio import contact, frames, numbers, speech

CALL = "call-7"
NOWHERE = "ws://127.0.0.1:9"
"""Deepgram, should anybody look for it."""


def store(stage: SimulatedStage) -> bytes:
    """Store the call's transcript as the function does, and return its document."""
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
        s3.create_bucket(Bucket="archive")
        stored = LiveTranscriptStore(
            table=Resource(stage.around.account.table),  # type: ignore[arg-type]
            archive=Archive(s3=s3, bucket="archive"),
            transcriptions=Script(),
            rubric=load_rubric(),
            retention=None,
        ).store(CALL, created_at=datetime(2026, 11, 20, tzinfo=UTC))
        assert stored is not None
        assert not stored.superseded
        body = s3.get_object(Bucket="archive", Key=stored.pointers.transcript_key)["Body"].read()
    return gzip.decompress(body)


async def test_a_call_becomes_a_stored_transcript(stage: SimulatedStage) -> None:
    await stage.announce(CALL)
    async with stage.streamer(speech=Frames(), deepgram_stream_url=NOWHERE):
        stage.put(contact(CALL, speech(0, 2), speech(500, 1), start_ms=stage.started_at_ms))
        await stage.words(2, CALL)
        await stage.hang_up(CALL)
        item = await stage.until(CALL, announced=True)
    assert (item["status"], item["complete"], item["gaps"]) == ("completed", True, [])
    assert (item["model"], item["options"], item["reconnects"]) == ("frames-1", OPTIONS, 0)
    assert await frames(stage, CALL, 0) == numbers(0, 2)
    assert await frames(stage, CALL, 1) == numbers(500, 1)
    assert {"final", "interim", "state"} == {event["type"] for event in stage.feed.events["/calls/harbour/call-7"]}
    transcript = from_document(store(stage))
    assert {said.role: said.word_count for said in transcript.utterances} == {"customer": 100, "agent": 50}
    assert (transcript.source, dict(transcript.options), transcript.cost.total_usd) == ("live", OPTIONS, None)


async def test_a_call_is_handed_over_word_for_word(stage: SimulatedStage) -> None:
    played = contact(CALL, speech(0, 6, pause=3), speech(500, 6, pause=3), start_ms=stage.started_at_ms)
    await stage.announce(CALL)
    async with stage.streamer(speech=Frames(), deepgram_stream_url=NOWHERE) as first:
        stage.put(played, until=4)
        await stage.words(1, CALL)
        await stage.hand_over(first)
    async with stage.streamer(speech=Frames(), deepgram_stream_url=NOWHERE):
        stage.put(played, first=4)
        await stage.hang_up(CALL)
        item = await stage.until(CALL, announced=True)
    assert (item["complete"], item["handovers"]) == (True, 1)
    assert await frames(stage, CALL, 0) == numbers(0, 6)
    assert await frames(stage, CALL, 1) == numbers(500, 6)
