"""The seam for recordings holds: another speech service than Deepgram, from the queue to the stored transcript."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from callscribe.conversation.utterances import Role
from callscribe.documents import from_document
from callscribe.judgement.quality import load_rubric, score
from lambdas.common.archive import Archive
from lambdas.common.claims import Claims, Taken
from lambdas.common.transcript_builder import UnusableReply
from lambdas.store_transcript.store import TranscriptStore
from lambdas.transcribe_call.report import Report
from lambdas.transcribe_call.speech import SpeechFailure
from lambdas.transcribe_call.work import Work
from lambdas.transcribe_call.worker import RetryLater, RetryLimits, Worker
from tests.fakes.other_speech import OPTIONS, SUMMARY, Script
from tests.lambdas.cloud import EXECUTION, NOW, AtomicTable, Cloud, Tasks, recording, take_claim

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_stepfunctions import SFNClient

    from lambdas.common.presigning import Presigner
    from lambdas.transcribe_call.vocabulary import Vocabulary

ROLES = {0: Role.CUSTOMER, 1: Role.AGENT}
URL = "https://recordings/call.wav"


class Around:
    """What signs URLs and knows the clinic's terms."""

    def presign(self, _: object) -> str:
        return URL

    def terms(self, _: str) -> tuple[str, ...]:
        return ("glaucoma",)


class Office:
    """One deployment with one admitted recording and the other service."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.service = Script()
        self.tasks = Tasks()
        self.claims = Claims(table=cast("Table", AtomicTable(cloud.table)))
        self.archive = Archive(s3=cloud.s3, bucket="archive")
        self.recording = recording()
        assert take_claim(self.claims, self.recording, execution=EXECUTION, now=NOW) == Taken()

    def transcribe(self) -> None:
        around = Around()
        Worker(
            report=Report(step_functions=cast("SFNClient", self.tasks)),
            claims=self.claims,
            archive=self.archive,
            service=self.service,
            transcriptions=self.service,
            presigner=cast("Presigner", around),
            vocabulary=cast("Vocabulary", around),
            limits=RetryLimits(max_attempts=4, max_delay_seconds=None),
            channel_roles=ROLES,
            clock=lambda: NOW,
            jitter=lambda: 1.0,
        ).process(
            Work(task_token="token", execution=EXECUTION, recording=self.recording, waiting_since=NOW),
            receive_count=1,
            lifetime=timedelta(minutes=2),
        )

    def store(self) -> dict[str, Any]:
        """Store the transcript as the next step does, and return its item."""
        result = self.tasks.results["token"]
        stored = TranscriptStore(
            table=self.cloud.table,
            claims=self.claims,
            archive=self.archive,
            transcriptions=self.service,
            channel_roles=ROLES,
            retention=None,
        ).store(self.recording, reply_key=result["reply"]["key"], requests=result["deepgram_requests"], now=NOW)
        return dict(self.cloud.table.get_item(Key=stored.key.primary())["Item"])


@pytest.fixture
def office(cloud: Cloud) -> Office:
    return Office(cloud)


def test_a_recording_becomes_a_stored_transcript(office: Office) -> None:
    office.transcribe()
    item = office.store()
    assert office.service.asked == [URL]
    assert office.tasks.results["token"]["request_id"] == "script-request"
    body = office.cloud.s3.get_object(Bucket="archive", Key=item["transcript_key"])["Body"].read()
    transcript = from_document(gzip.decompress(body))
    assert transcript.full_transcript.splitlines() == [
        "Customer: Hello. I would like to make an appointment with the doctor.",
        "Agent: Of course. We have an opening on Tuesday. Would that work for you?",
    ]
    assert (transcript.summary.text, transcript.summary.source) == (SUMMARY, "scripted")
    assert transcript.summary.flag("appointment_requested").raised
    assert (transcript.model, dict(transcript.options)) == ("script-1", dict(OPTIONS))
    assert (transcript.cost.total_usd, transcript.cost.unpriced) == (None, ("transcription",))
    assert score(transcript, load_rubric()).score is not None


def test_its_reply_is_kept_as_it_came_and_what_was_asked_with_it(office: Office) -> None:
    office.transcribe()
    archived = office.archive.read(office.tasks.results["token"]["reply"]["key"])
    assert archived is not None
    assert archived.content == office.service.reply
    assert (json.loads(archived.metadata["options"]), archived.metadata["vocabulary-terms"]) == (OPTIONS, "1")


def test_a_refusal_of_the_moment_is_tried_again_and_one_for_good_fails_the_call(office: Office) -> None:
    office.service.failures = [
        SpeechFailure("Scripted.Busy", "not now", refused=True, retriable=True, retry_after=30),
        SpeechFailure("Scripted.Never", "not that", refused=True),
    ]
    with pytest.raises(RetryLater) as later:
        office.transcribe()
    assert later.value.delay_seconds >= 30
    office.transcribe()
    assert office.tasks.failures["token"][0] == "Scripted.Never"


def test_a_rotated_key_is_read_again_at_once(office: Office) -> None:
    office.service.cached_key = "old"
    office.transcribe()
    assert office.tasks.results["token"]["deepgram_requests"] == 2


def test_a_reply_that_is_none_fails_the_call_by_the_name_of_the_service(office: Office) -> None:
    office.service.reply = b"{}"
    office.transcribe()
    assert office.tasks.failures["token"][0] == "Scripted.InvalidReply.NoScript"


def test_a_reply_that_is_damaged_later_is_not_stored(office: Office) -> None:
    office.transcribe()
    office.archive.write(office.tasks.results["token"]["reply"]["key"], b"", metadata={})
    with pytest.raises(UnusableReply, match=r"Scripted\.InvalidReply\.NoScript"):
        office.store()
