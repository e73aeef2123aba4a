from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from callscribe.contract.call_kind import CallKind
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.transcription import DeepgramTranscriptions
from callscribe.documents import from_document
from callscribe.serialization import encode
from callscribe.transcript import Role
from lambdas.common.archive import VOCABULARY_TERMS, Archive
from lambdas.common.claims import ClaimLost, Claims
from lambdas.common.transcript_builder import UnusableReply
from lambdas.store_transcript.store import StoredTranscript, TranscriptStore
from tests.callscribe.live_calls import live_item
from tests.fakes.deepgram import REQUEST_ID, TELLING_WORDS, transcription
from tests.lambdas.cloud import NOW, Cloud, call, recording, take_claim
from tests.lambdas.corrections import correction_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

    from callscribe.recordings.recording import AdmittedRecording

TRANSCRIPT_KEY = {"PK": "CLINIC#harbour", "SK": "TRANSCRIPT#2026-11-20#call-7"}


class Shelf:
    """One deployment whose recordings have been transcribed."""

    def __init__(self, cloud: Cloud, *, retention: timedelta | None = None, table: Table | None = None) -> None:
        self.cloud = cloud
        self.claims = Claims(table=cloud.table)
        self.archive = Archive(s3=cloud.s3, bucket="archive")
        self.waits: list[float] = []
        self.store = TranscriptStore(
            table=table or cloud.table,
            claims=self.claims,
            archive=self.archive,
            transcriptions=DeepgramTranscriptions(options=TranscriptionOptions()),
            channel_roles={0: Role.CUSTOMER, 1: Role.AGENT},
            retention=retention,
            sleep=self.waits.append,
            jitter=lambda: 1.0,
        )

    def add(self, admitted: AdmittedRecording, reply: Any = None) -> None:
        """Claim the recording and archive its reply, unless that was done before."""
        take_claim(self.claims, admitted)
        if not self.cloud.archived(reply_key(admitted)):
            content = json.dumps(transcription() if reply is None else reply).encode()
            self.archive.write(reply_key(admitted), content, metadata={VOCABULARY_TERMS: "3"})

    def put(self, admitted: AdmittedRecording, reply: Any = None) -> StoredTranscript:
        self.add(admitted, reply)
        return self.store.store(admitted, reply_key=reply_key(admitted), requests=1, now=NOW)

    def item(self) -> dict[str, Any]:
        return self.cloud.table.get_item(Key=TRANSCRIPT_KEY)["Item"]

    def document(self, stored: StoredTranscript) -> dict[str, Any]:
        body = self.cloud.s3.get_object(Bucket="archive", Key=stored.pointers.transcript_key)["Body"].read()
        return cast("dict[str, Any]", json.loads(gzip.decompress(body)))


def reply_key(admitted: AdmittedRecording) -> str:
    return f"replies/{admitted.recording_id}.json.gz"


@pytest.fixture
def shelf(cloud: Cloud) -> Shelf:
    return Shelf(cloud)


def test_the_transcript_is_in_the_table_with_its_origin(shelf: Shelf) -> None:
    admitted = recording()
    stored = shelf.put(admitted)
    item = shelf.item()
    assert item["GSI1PK"] == "CALL#call-7"
    assert (item["call_id"], item["s3_key"], item["version_id"]) == ("call-7", admitted.provenance.key, "v1")
    assert (item["recording_id"], item["request_id"], item["source"]) == (admitted.recording_id, REQUEST_ID, "batch")
    assert [turn["role"] for turn in item["utterances"]][:2] == ["agent", "customer"]
    assert all(word in item["full_transcript"] for word in TELLING_WORDS)
    assert isinstance(item["word_count"], Decimal)
    assert item["word_count"] == stored.transcript.word_count
    assert "expires_at" not in item


def test_the_item_points_to_the_full_document(shelf: Shelf) -> None:
    stored = shelf.put(recording())
    item = shelf.item()
    assert item["transcript_key"] == stored.pointers.transcript_key
    assert item["transcript_key"].startswith("transcripts/harbour/2026-11-20/call-7/")
    assert item["reply_key"] == reply_key(recording())
    assert from_document(json.dumps(shelf.document(stored))) == stored.transcript


def test_the_claim_moves_on(shelf: Shelf) -> None:
    shelf.put(recording())
    assert shelf.cloud.claim(recording().recording_id)["status"] == "stored"


def test_storing_again_changes_nothing(shelf: Shelf) -> None:
    first = shelf.put(recording())
    item, document = shelf.item(), shelf.document(first)
    assert shelf.put(recording()) == first
    assert (shelf.item(), shelf.document(first)) == (item, document)


def test_the_terms_that_were_sent_are_charged(shelf: Shelf) -> None:
    cost = shelf.put(recording()).transcript.cost
    assert any("keyterm" in line.item for line in cost.lines)


def test_items_expire_with_the_retention(cloud: Cloud) -> None:
    shelf = Shelf(cloud, retention=timedelta(days=30))
    stored = shelf.put(recording())
    expected = int((stored.transcript.created_at + timedelta(days=30)).timestamp())
    assert shelf.item()["expires_at"] == expected


def test_a_call_without_speech_says_so(shelf: Shelf) -> None:
    shelf.put(recording(), transcription(()))
    item = shelf.item()
    assert (item["speech"], item["utterances"], item["word_count"]) == (False, [], 0)


def test_a_transcript_too_large_for_an_item_keeps_its_words_in_s3(shelf: Shelf) -> None:
    long_words = "incomprehensibilities-" * 4 + " incomprehensibilities"
    long_call = tuple((turn % 2, turn * 30.0, " ".join([long_words] * 8), 0.1) for turn in range(480))  # four hours
    stored = shelf.put(recording(), transcription(long_call))
    item = shelf.item()
    assert item["utterances_in"] == "s3"
    assert "full_transcript" not in item
    assert item["word_count"] == stored.transcript.word_count
    assert len(from_document(json.dumps(shelf.document(stored))).utterances) == 480


def test_a_newer_version_replaces_an_older_one(shelf: Shelf) -> None:
    shelf.put(recording())
    newer = recording(version_id="v2", last_modified=NOW + timedelta(seconds=1))
    assert not shelf.put(newer).superseded
    assert shelf.item()["version_id"] == "v2"


def test_an_older_version_that_is_late_changes_nothing(shelf: Shelf) -> None:
    newest = shelf.put(recording(version_id="v2", last_modified=NOW + timedelta(seconds=1)))
    late = recording()
    assert shelf.put(late).superseded
    assert shelf.item()["version_id"] == "v2"
    provenance = from_document(json.dumps(shelf.document(newest))).provenance
    assert provenance is not None
    assert provenance.version_id == "v2"
    assert shelf.cloud.claim(late.recording_id)["status"] == "superseded"


def put_again(shelf: Shelf, *, seconds: int) -> None:
    """Note on the item that its content was put again."""
    shelf.cloud.table.update_item(
        Key=TRANSCRIPT_KEY,
        UpdateExpression="SET same_content_last_modified = :time, same_content_sequencer = :sequencer",
        ExpressionAttributeValues={":time": encode(NOW + timedelta(seconds=seconds)), ":sequencer": "01"},
    )


def test_a_version_put_before_the_shown_content_came_again_changes_nothing(shelf: Shelf) -> None:
    shelf.put(recording())
    put_again(shelf, seconds=2)
    between = recording(version_id="v2", last_modified=NOW + timedelta(seconds=1))
    assert shelf.put(between).superseded
    assert shelf.item()["version_id"] != "v2"
    newest = recording(version_id="v3", last_modified=NOW + timedelta(seconds=3))
    assert not shelf.put(newest).superseded
    assert "same_content_last_modified" not in shelf.item()


def test_storing_again_what_was_put_again_supersedes_nothing(shelf: Shelf) -> None:
    shelf.put(recording())
    put_again(shelf, seconds=2)
    assert not shelf.put(recording()).superseded


def test_of_two_versions_of_one_second_the_later_one_wins_whichever_finishes_first(shelf: Shelf) -> None:
    older = recording(version_id="v1", sequencer="0055AED6DCD90281E5")
    newer = recording(version_id="v2", sequencer="0055AED6DCD9028AF0")
    assert not shelf.put(newer).superseded
    assert shelf.put(older).superseded
    assert shelf.item()["version_id"] == "v2"
    assert not shelf.put(newer).superseded  # a repetition of the step


def test_the_two_parts_of_a_contact_stand_side_by_side(shelf: Shelf) -> None:
    shelf.put(recording())
    ivr = shelf.put(recording(version_id="v-ivr", of=call(kind=CallKind.IVR)))
    assert shelf.item()["version_id"] == "v1"
    assert ivr.key.sk == "TRANSCRIPT#2026-11-20#call-7#IVR"
    assert ivr.pointers.transcript_key.startswith("transcripts/harbour/2026-11-20/call-7.ivr/")


@pytest.mark.parametrize("status", ["completed", "superseded"])
def test_a_finished_claim_is_not_moved_back(shelf: Shelf, status: str) -> None:
    shelf.put(recording())
    shelf.cloud.table.update_item(
        Key={"PK": f"RECORDING#{recording().recording_id}", "SK": "CLAIM"},
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": status},
    )
    with pytest.raises(ClaimLost):
        shelf.store.store(recording(), reply_key=reply_key(recording()), requests=1, now=NOW)
    assert shelf.cloud.claim(recording().recording_id)["status"] == status


def test_without_a_claim_nothing_is_stored(shelf: Shelf, cloud: Cloud) -> None:
    shelf.archive.write(reply_key(recording()), json.dumps(transcription()).encode())
    with pytest.raises(ClaimLost):
        shelf.store.store(recording(), reply_key=reply_key(recording()), requests=1, now=NOW)
    assert cloud.items() == []


def test_a_live_transcript_is_replaced_by_that_of_the_recording(shelf: Shelf) -> None:
    shelf.cloud.table.put_item(Item=live_item(call_id="call-7", complete=False, incomplete_reasons=["gap-missing"]))
    shelf.cloud.table.put_item(Item={**TRANSCRIPT_KEY, "source": "live", "live": {"utterances": 5}})
    assert not shelf.put(recording()).superseded
    item = shelf.item()
    assert (item["source"], item["recording_id"]) == ("batch", recording().recording_id)
    assert (item["live"]["complete"], item["live"]["utterances"]) == (False, 5)
    assert item["live"]["incomplete_reasons"] == ["gap-missing"]


def test_a_live_transcript_that_stands_for_a_newer_recording_is_not_replaced_by_an_older_one(shelf: Shelf) -> None:
    shelf.cloud.table.put_item(Item={**TRANSCRIPT_KEY, "source": "live", "live": {"utterances": 5}})
    put_again(shelf, seconds=2)
    assert shelf.put(recording()).superseded
    assert shelf.item()["source"] == "live"
    newest = recording(version_id="v3", last_modified=NOW + timedelta(seconds=3))
    assert not shelf.put(newest).superseded
    assert shelf.item()["version_id"] == "v3"


def test_the_automated_part_of_a_live_call_has_nothing_of_it(shelf: Shelf) -> None:
    shelf.cloud.table.put_item(Item=live_item(call_id="call-7"))
    stored = shelf.put(recording(of=call(kind=CallKind.IVR)))
    assert "live" not in shelf.cloud.table.get_item(Key=stored.key.primary())["Item"]


def test_a_reply_that_is_gone_is_an_error(shelf: Shelf) -> None:
    with pytest.raises(UnusableReply, match=r"Reply\.Missing"):
        shelf.store.store(recording(), reply_key="replies/none.json.gz", requests=1, now=NOW)


def test_a_reply_that_is_no_transcription_never_becomes_an_empty_transcript(shelf: Shelf) -> None:
    shelf.add(recording(), {"unexpected": 1})
    with pytest.raises(UnusableReply, match=r"Deepgram\.InvalidReply"):
        shelf.store.store(recording(), reply_key=reply_key(recording()), requests=1, now=NOW)
    assert not shelf.cloud.archived("transcripts/")


class ConflictingTable:
    """A table whose transactions conflict with another writer's for some time."""

    def __init__(self, table: Table, *, conflicts: int) -> None:
        self._table = table
        self.get_item = table.get_item
        self.query = table.query
        self._conflicts = conflicts
        self.name = table.name
        self.meta = self
        self.client = self

    def transact_write_items(self, **arguments: Any) -> None:
        self._conflicts -= 1
        if self._conflicts >= 0:
            reasons = [{"Code": "TransactionConflict"}, {"Code": "None"}]
            error: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise ClientError(error, "TransactWriteItems")
        self._table.meta.client.transact_write_items(**arguments)


def test_a_conflict_with_another_version_passes(cloud: Cloud) -> None:
    shelf = Shelf(cloud, table=cast("Table", ConflictingTable(cloud.table, conflicts=3)))
    assert not shelf.put(recording()).superseded
    assert shelf.waits == [0.05, 0.1, 0.2]


def test_a_conflict_that_does_not_pass_is_an_error(cloud: Cloud) -> None:
    shelf = Shelf(cloud, table=cast("Table", ConflictingTable(cloud.table, conflicts=99)))
    with pytest.raises(ClientError):
        shelf.put(recording())
    assert len(shelf.waits) == 5


def test_a_mono_recording_has_roles_with_a_confidence(shelf: Shelf) -> None:
    admitted = replace(recording(), audio=replace(recording().audio, channels=1))
    reply = transcription()
    turns = sorted(reply["results"]["utterances"], key=lambda turn: turn["start"])
    for turn in turns:
        turn["speaker"], turn["channel"] = turn["channel"], 0
        for word in turn["words"]:
            word["speaker"] = turn["speaker"]
    words = [word for turn in turns for word in turn["words"]]
    alternative = {"transcript": "x", "confidence": 0.98, "words": words}
    reply["results"]["channels"] = [{"alternatives": [alternative]}]
    reply["metadata"]["channels"] = 1
    shelf.put(admitted, reply)
    roles = {turn["role"] for turn in shelf.item()["utterances"]}
    assert roles == {"agent", "customer"}
    assert all(0 < turn["role_confidence"] < 1 for turn in shelf.item()["utterances"])


def test_the_options_are_those_that_were_asked_for(shelf: Shelf) -> None:
    """A deployment may have changed them between the request and this step."""
    admitted, asked = recording(), TranscriptionOptions(redact=("pci",), model="nova-2", summarize=False)
    shelf.add(admitted)
    record = {**asked.record(), "numerals": True}
    shelf.archive.write(
        reply_key(admitted),
        json.dumps(transcription()).encode(),
        metadata={VOCABULARY_TERMS: "3", "options": json.dumps(record)},
    )
    stored = shelf.put(admitted)
    assert stored.transcript.options == {**record, "vocabulary_terms": 3}
    assert "redaction" in {*(line.item for line in stored.transcript.cost.lines), *stored.transcript.cost.unpriced}
    assert from_document(json.dumps(shelf.document(stored))).options == stored.transcript.options


def test_a_recording_that_is_stored_again_keeps_the_correction_of_its_roles(shelf: Shelf) -> None:
    admitted = recording()
    computed = shelf.put(admitted).transcript
    shelf.cloud.table.put_item(Item=correction_item(shelf.item()))
    corrected = shelf.put(admitted).transcript
    assert corrected.roles != computed.roles
    assert shelf.item()["role_correction"]["author"] == "ann"
    assert corrected.role_correction is not None


def test_a_correction_that_comes_while_the_recording_is_stored_again_holds(shelf: Shelf) -> None:
    admitted = recording()
    shelf.put(admitted)
    item = correction_item(shelf.item())
    client = shelf.cloud.table.meta.client

    def correct(**_: Any) -> None:
        shelf.cloud.table.put_item(Item=item)

    client.meta.events.register("provide-client-params.dynamodb.TransactWriteItems", correct)
    try:
        assert shelf.put(admitted).transcript.role_correction is not None
    finally:
        client.meta.events.unregister("provide-client-params.dynamodb.TransactWriteItems", correct)
    assert shelf.item()["role_correction"]["number"] == 1
