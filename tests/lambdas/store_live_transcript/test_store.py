from __future__ import annotations

import gzip
import json
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from callscribe.contract.messages import LiveRebuildRequest
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.transcription import DeepgramTranscriptions
from callscribe.documents import from_document
from callscribe.judgement.quality import load_rubric
from lambdas.common.archive import Archive
from lambdas.store_live_transcript.store import LiveCallUnusable, LiveTranscriptStore, StoredLiveTranscript
from tests.callscribe.live_calls import CALL_ID, CONVERSATION, live_item, utterance, utterance_item
from tests.lambdas.cloud import NOW, Cloud
from tests.lambdas.corrections import correction_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

TRANSCRIPT_KEY = {"PK": "CLINIC#harbour", "SK": f"TRANSCRIPT#2026-11-20#{CALL_ID}"}
DOCUMENT_KEY = f"transcripts/harbour/2026-11-20/{CALL_ID}/live.json.gz"


class Desk:
    """One deployment that has followed a call."""

    def __init__(self, cloud: Cloud, *, retention: timedelta | None = None, table: Table | None = None) -> None:
        self.cloud = cloud
        self.store = LiveTranscriptStore(
            table=table or cloud.table,
            archive=Archive(s3=cloud.s3, bucket="archive"),
            transcriptions=DeepgramTranscriptions(options=TranscriptionOptions()),
            rubric=load_rubric(),
            retention=retention,
        )

    def follow(self, **changes: Any) -> None:
        self.cloud.table.put_item(Item=live_item(**changes))
        for said in CONVERSATION:
            self.cloud.table.put_item(Item=utterance_item(said))

    def put(self, *, at: timedelta = timedelta()) -> StoredLiveTranscript:
        stored = self.store.store(CALL_ID, created_at=NOW + at)
        assert stored is not None
        return stored

    def item(self) -> dict[str, Any]:
        return self.cloud.table.get_item(Key=TRANSCRIPT_KEY)["Item"]

    def document(self) -> dict[str, Any]:
        body = self.cloud.s3.get_object(Bucket="archive", Key=DOCUMENT_KEY)["Body"].read()
        document: dict[str, Any] = json.loads(gzip.decompress(body))
        return document


@pytest.fixture
def desk(cloud: Cloud) -> Desk:
    return Desk(cloud)


def test_a_live_call_has_a_transcript_with_its_score_in_the_table_and_the_archive(desk: Desk) -> None:
    desk.follow()
    stored = desk.put()
    assert not stored.superseded
    item = desk.item()
    assert (item["source"], item["live"]["complete"], item["quality"]["rubric"]) == ("live", True, "clinic-call-v1")
    assert (item["archive_bucket"], item["transcript_key"]) == ("archive", DOCUMENT_KEY)
    assert [said["role"] for said in item["utterances"]] == ["agent", "customer", "agent", "customer"]
    assert from_document(json.dumps(desk.document())) == stored.transcript
    assert "expires_at" not in item


def test_what_is_missing_is_carried(desk: Desk) -> None:
    gap = {"start": Decimal(8000), "end": Decimal(16000), "reason": "missing"}
    desk.follow(complete=False, incomplete_reasons=["gap-missing"], gaps=[gap])
    desk.put()
    assert (desk.item()["live"]["complete"], desk.item()["live"]["gaps"]) == (False, [gap])
    assert desk.document()["live"]["incomplete_reasons"] == ["gap-missing"]


def test_a_call_in_which_nobody_spoke_has_a_transcript(desk: Desk) -> None:
    desk.cloud.table.put_item(Item=live_item(utterances=0))
    desk.put()
    assert (desk.item()["speech"], desk.item()["quality"]["score"]) == (False, None)


def test_a_transcript_expires_with_the_retention(cloud: Cloud) -> None:
    desk = Desk(cloud, retention=timedelta(days=30))
    desk.follow()
    desk.put()
    assert desk.item()["expires_at"] == int((NOW + timedelta(days=30)).timestamp())


def test_an_event_that_comes_twice_changes_nothing(desk: Desk) -> None:
    desk.follow()
    first = desk.put()
    before = desk.item(), desk.document()
    assert desk.put() == first
    assert (desk.item(), desk.document()) == before


def test_the_transcript_of_a_recording_is_not_written_over(desk: Desk) -> None:
    desk.follow()
    desk.cloud.table.put_item(Item={**TRANSCRIPT_KEY, "source": "batch", "recording_id": "r"})
    assert desk.put().superseded
    assert desk.item() == {**TRANSCRIPT_KEY, "source": "batch", "recording_id": "r"}
    # Both can still be compared.
    assert desk.document()["source"] == "live"


def test_a_call_that_went_on_gets_a_longer_transcript_and_not_the_shorter_one_again(desk: Desk) -> None:
    desk.follow(utterances=3)
    desk.put()
    desk.follow()
    longer = desk.put(at=timedelta(minutes=9))
    assert not longer.superseded
    desk.follow(utterances=3)
    assert desk.put().superseded
    assert desk.item()["live"]["utterances"] == 5


def test_a_longer_transcript_stands_for_the_recordings_that_the_shorter_one_covers(desk: Desk) -> None:
    desk.follow(utterances=3)
    desk.put()
    noted = {"same_content_last_modified": "2026-11-20T09:05:00Z", "same_content_sequencer": "01"}
    desk.cloud.table.put_item(Item={**desk.item(), **noted})
    desk.follow()
    assert not desk.put(at=timedelta(minutes=9)).superseded
    item = desk.item()
    assert (item["live"]["utterances"], {name: item[name] for name in noted}) == (5, noted)
    desk.follow(utterances=3)
    assert desk.put().superseded


def test_a_call_that_goes_on_has_no_transcript_yet(desk: Desk) -> None:
    desk.follow(status="streaming", complete=None)
    assert desk.store.store(CALL_ID, created_at=NOW) is None
    assert desk.cloud.archived("transcripts/") == []


def test_what_is_said_while_the_words_are_read_belongs_to_the_next_end(desk: Desk) -> None:
    desk.follow()
    desk.cloud.table.put_item(Item=utterance_item(utterance(6, 0, "One more thing.", 20.0)))
    assert [said.text for said in desk.put().transcript.utterances][-1] == "Tuesday is fine."


@pytest.mark.parametrize("missing", [1, 3, 5])
def test_a_missing_result_is_an_error_and_no_transcript(desk: Desk, missing: int) -> None:
    desk.follow()
    desk.cloud.table.delete_item(Key={"PK": f"CALL#{CALL_ID}", "SK": f"UTTERANCE#{missing:08d}"})
    with pytest.raises(LiveCallUnusable, match=r"LiveCall\.Hole: .* 1 to 5"):
        desk.put()
    assert desk.cloud.archived("transcripts/") == []


def test_a_live_call_that_is_gone_is_an_error(desk: Desk) -> None:
    with pytest.raises(LiveCallUnusable, match=r"LiveCall\.Missing"):
        desk.put()


class PagingTable:
    """A table that returns two items in a page, as DynamoDB does with a megabyte."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def query(self, **arguments: Any) -> Any:
        assert arguments["ConsistentRead"]
        return self._table.query(**arguments, Limit=2)


def test_every_page_of_a_long_call_is_read(cloud: Cloud) -> None:
    desk = Desk(cloud, table=cast("Table", PagingTable(cloud.table)))
    desk.follow()
    assert desk.put().transcript.word_count == sum(said.word_count for said in CONVERSATION)


def test_a_table_that_refuses_is_an_error(cloud: Cloud) -> None:
    class RefusingTable(PagingTable):
        def put_item(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "PutItem")

    desk = Desk(cloud, table=cast("Table", RefusingTable(cloud.table)))
    desk.follow()
    with pytest.raises(ClientError):
        desk.put()


def _rebuild(desk: Desk, *, clinic_id: str = "harbour", dry_run: bool = False) -> str:
    request = LiveRebuildRequest(call_id=CALL_ID, clinic_id=clinic_id, day="2026-11-20", dry_run=dry_run)
    return desk.store.rebuild(request).outcome


def test_a_corrected_call_is_written_anew_from_the_words_that_were_stored_while_it_ran(desk: Desk) -> None:
    desk.follow()
    desk.put()
    before = desk.item()
    analysed: dict[str, Any] = {"analysis": {"status": "failed"}, "cost": {"total_usd": Decimal("1.5")}}
    desk.cloud.table.put_item(Item={**before, **analysed})
    desk.cloud.table.put_item(Item=correction_item(before))
    assert _rebuild(desk, dry_run=True) == "rebuilt"
    assert "role_correction" not in desk.item()
    assert _rebuild(desk) == "rebuilt"
    item = desk.item()
    assert [said["role"] for said in item["utterances"]] == ["customer", "agent", "customer", "agent"]
    assert item["quality"] != before["quality"]
    assert {name: item[name] for name in analysed} == analysed
    assert item["created_at"] == before["created_at"]
    assert from_document(json.dumps(desk.document())).role_correction is not None


def test_a_call_that_goes_on_after_a_correction_keeps_it(desk: Desk) -> None:
    desk.follow()
    desk.put()
    desk.cloud.table.put_item(Item=correction_item(desk.item()))
    assert desk.put(at=timedelta(minutes=5)).transcript.role_correction is not None


def test_only_a_live_transcript_of_the_same_clinic_is_written_anew(desk: Desk) -> None:
    desk.follow()
    assert _rebuild(desk) == "impossible"
    desk.put()
    assert _rebuild(desk, clinic_id="lakeside") == "impossible"
    lakeside = {**desk.item(), "PK": "CLINIC#lakeside", "clinic_id": "lakeside"}
    desk.cloud.table.put_item(Item=lakeside)
    assert _rebuild(desk, clinic_id="lakeside") == "impossible"
    desk.cloud.table.put_item(Item={**desk.item(), "source": "batch"})
    assert _rebuild(desk) == "impossible"


def test_a_call_whose_words_are_gone_cannot_be_written_anew(desk: Desk) -> None:
    desk.follow()
    desk.put()
    desk.cloud.table.delete_item(Key={"PK": f"CALL#{CALL_ID}", "SK": "UTTERANCE#00000001"})
    assert _rebuild(desk) == "impossible"
