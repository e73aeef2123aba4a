"""The core and the streamer read what every version wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from callscribe.analysis.stored import Analysis, in_short
from callscribe.console.reviews import ReviewItem, agreements
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.corrections import CorrectionItem
from callscribe.deepgram.reply import parse_reply
from callscribe.documents import ArchivePointers, from_document, stored_form
from callscribe.judgement.quality import load_rubric, score
from callscribe.live.call import LiveCall, LiveUtterance
from callscribe.live.state import LiveState
from callscribe.search.shards import read_part
from callscribe.search.terms import Terms
from callscribe.serialization import decode, decode_json
from callscribe.table_values import plain
from callscribe.waveform import Waveform
from operations.live_transcript import LiveTranscript
from streamer.announcer import detail
from streamer.calls.attributes import from_attributes
from streamer.calls.state import checkpoint_in, hints_in
from streamer.calls.store import CallStore, Finished, Taken
from tests.contracts.golden import FOLDER, Golden, golden, places


def test_what_was_written_stays_as_it_was() -> None:
    recorded = (FOLDER / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    assert [f"{file.sha256()}  {file}.json" for file in golden()] == recorded, "tests/golden is never written anew"


def test_there_is_something_of_every_version() -> None:
    versions = {*range(1, SCHEMA_VERSION + 1)}
    assert {file.version for file in golden()} == versions, f"write tests/golden/v{SCHEMA_VERSION} with this code"


def test_nothing_lies_there_that_nobody_reads() -> None:
    """Of each file one of these patterns is a parameter of a test beside this one, or it is for others to read."""
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_golden*.py"))
    patterns = re.findall(r"""golden\(\"([^"]+)\"\)""", tests)
    unread = {file.path.stem for file in golden() if not any(fnmatch(file.path.stem, pattern) for pattern in patterns)}
    assert unread == {"call-transcribed-event", "call-transcribed-event-live", "urgent-call-event"}


@pytest.mark.parametrize("file", golden("*document"), ids=str)
def test_a_document_is_read_judged_and_written_again(file: Golden) -> None:
    transcript = from_document(file.text)
    assert transcript.full_transcript == file.json()["full_transcript"]
    assert score(transcript, load_rubric()).criteria
    form = stored_form(transcript, archive=ArchivePointers(bucket="archive", transcript_key="t", reply_key="r"))
    assert from_document(form.document) == transcript
    assert json.loads(form.document)["schema_version"] == SCHEMA_VERSION
    assert form.item["schema_version"] == SCHEMA_VERSION


@pytest.mark.parametrize("file", golden("*document"), ids=str)
def test_a_document_of_a_version_that_is_yet_to_come_is_read(file: Golden) -> None:
    newer = {**file.json(), "schema_version": SCHEMA_VERSION + 1, "mood_music": [{"key": "c minor"}]}
    assert from_document(json.dumps(newer)) == from_document(file.text)


@pytest.mark.parametrize("file", golden("analysis"), ids=str)
def test_an_analysis_is_read_shown_and_paid_for(file: Golden) -> None:
    written = file.json()
    analysis = decode_json(Analysis, file.text, "analysis")
    assert (analysis.rules.source, analysis.analyst.source, analysis.analyst.model) == (
        "rules",
        "bedrock",
        written["analyst"]["model"],
    )
    shown = in_short(analysis, key="k")
    assert (shown.status, shown.score, shown.summary) == (
        "succeeded",
        written["analyst"]["score"],
        analysis_text(written),
    )
    assert analysis.usage.input_tokens == written["usage"]["input_tokens"] > 0
    assert analysis.analyst.criteria[0].citations[0].quote == written["analyst"]["criteria"][0]["citations"][0]["quote"]


@pytest.mark.parametrize("file", golden("analysis"), ids=str)
def test_an_analysis_of_before_or_yet_to_come_is_read(file: Golden) -> None:
    known = decode_json(Analysis, file.text, "analysis")
    newer = {**file.json(), "schema_version": SCHEMA_VERSION + 1, "second_opinion": {"source": "oracle"}}
    read = decode_json(Analysis, json.dumps(newer), "analysis")
    assert (read.rules, read.analyst, read.usage) == (known.rules, known.analyst, known.usage)
    # What had a default when it was written may be missing.
    analyst = {name: value for name, value in file.json()["analyst"].items() if name not in ("urgency", "dropped")}
    older = decode_json(Analysis, json.dumps({**file.json(), "analyst": analyst}), "analysis")
    assert (older.analyst.urgency, older.analyst.dropped) == (None, 0)


@pytest.mark.parametrize("file", golden("waveform"), ids=str)
def test_a_waveform_of_before_or_yet_to_come_is_read(file: Golden) -> None:
    known = decode_json(Waveform, file.text, "waveform")
    assert known.channels is not None
    assert [list(levels) for levels in known.channels] == file.json()["channels"]
    newer = {**file.json(), "schema_version": SCHEMA_VERSION + 1, "loudness_lufs": -23.0}
    assert replace(decode_json(Waveform, json.dumps(newer), "waveform"), schema_version=known.schema_version) == known
    newest = decode_json(Waveform, json.dumps(newer | {"channels": None, "reason": "too-quiet"}), "waveform")
    assert (newest.channels, newest.reason) == (None, "too-quiet")


@pytest.mark.parametrize("file", golden("correction-item"), ids=str)
def test_a_correction_is_read_and_written_again_as_it_was(file: Golden) -> None:
    item = plain(file.item())
    correction = decode(CorrectionItem, item, "correction")
    assert plain(correction.attributes()) == item
    newer = decode(CorrectionItem, {**item, "schema_version": SCHEMA_VERSION + 1, "mood": "sure"}, "correction")
    assert replace(newer, schema_version=correction.schema_version) == correction


@pytest.mark.parametrize("file", golden("review-item"), ids=str)
def test_a_review_is_read_counted_and_written_again_as_it_was(file: Golden) -> None:
    item = plain(file.item())
    review = decode(ReviewItem, item, "review")
    assert plain(review.attributes()) == item
    counted = {one.criterion: (one.reviews, one.pairs) for one in agreements([review])}
    assert counted == {"greeting": (1, 1), "empathy": (1, 0)}
    newer = decode(ReviewItem, {**item, "schema_version": SCHEMA_VERSION + 1, "mood": "sure"}, "review")
    assert replace(newer, schema_version=review.schema_version) == review


def analysis_text(written: Mapping[str, Any]) -> str:
    return " ".join(statement["text"] for statement in written["analyst"]["summary"])


@pytest.mark.parametrize("file", golden("live-call-item-*"), ids=str)
def test_a_live_call_is_read_by_functions_and_streamers_alike(file: Golden) -> None:
    state = LiveState.from_item(file.item())
    wire = from_attributes(file.json())
    checkpoint = checkpoint_in(wire)
    assert (state.call_id, state.clinic_id, state.status) == (wire["call_id"], wire["clinic_id"], wire["status"])
    assert state.coverage.utterances == checkpoint.next_seq - 1
    assert state.coverage.gaps == checkpoint.gaps
    assert hints_in(wire).disconnected == ("disconnected_at" in wire)
    if state.status == "completed":
        assert detail(wire).utterances == state.coverage.utterances


class OneItem:
    """DynamoDB with one item in it, which takes every write."""

    def __init__(self, item: Mapping[str, Any]) -> None:
        self.item = dict(item)

    async def get_item(self, **_: Any) -> dict[str, Any]:
        return {"Item": self.item}

    async def update_item(self, **request: Any) -> dict[str, Any]:
        names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
        self.item |= {name: values[f":{name}"] for name in names.values() if f":{name}" in values}
        return {"Attributes": self.item}


@pytest.mark.parametrize("file", golden("live-call-item-*"), ids=str)
async def test_a_streamer_takes_a_call_that_another_version_left(file: Golden) -> None:
    table, wire = OneItem(file.json()), from_attributes(file.json())
    store = CallStore(dynamodb=table, table="transcripts", streamer="new", lease=timedelta(seconds=30))
    call = LiveCall(
        call_id=wire["call_id"],
        clinic_id=wire["clinic_id"],
        stream_arn=wire["stream_arn"],
        start_fragment=wire["start_fragment"],
        started_at_ms=wire["started_at_ms"],
    )
    taken = await store.take(call, "another message")
    if wire["status"] == "completed":
        assert isinstance(taken, Finished)
        return
    assert isinstance(taken, Taken)
    assert taken.state.checkpoint == checkpoint_in(wire)
    assert table.item["schema_version"] == {"N": str(SCHEMA_VERSION)}


@pytest.mark.parametrize("file", golden("live-utterance-item-*"), ids=str)
def test_an_utterance_is_read_by_functions_and_streamers_alike(file: Golden) -> None:
    said = decode(LiveUtterance, from_attributes(file.json()), "utterance")
    assert decode(LiveUtterance, plain(file.item()), "utterance") == said
    assert said.text


@pytest.mark.parametrize("file", golden("live-call-message"), ids=str)
def test_an_announced_call_is_read(file: Golden) -> None:
    assert LiveCall.from_json(file.text).call_id == file.json()["call_id"]


@pytest.mark.parametrize("file", golden("feed-events"), ids=str)
def test_the_events_of_the_feed_are_read(file: Golden) -> None:
    transcript = LiveTranscript(lambda _: [])
    shown = [
        utterance["text"] for event in file.json() if event["type"] != "state" for utterance in transcript.take(event)
    ]
    assert shown == [event["text"] for event in file.json() if event["type"] == "final"]


@pytest.mark.parametrize("file", golden("reply"), ids=str)
def test_a_reply_is_read(file: Golden) -> None:
    assert parse_reply(file.text.encode()).utterances


NAMES = sorted({file.path.stem for file in golden()})


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("reply")])
def test_no_version_leaves_out_what_an_earlier_one_wrote(name: str) -> None:
    """Others read documents, items and events, too, and know them by the names of then."""
    earlier: set[str] = set()
    for file in golden(name):
        written = {*places(file.item() if "-item" in name else file.json())}
        assert earlier - written == set()
        earlier |= written


@pytest.mark.parametrize("file", golden("live-call-item-completed"), ids=str)
def test_a_state_of_a_version_that_is_yet_to_come_is_read(file: Golden) -> None:
    item = file.item() | {"schema_version": SCHEMA_VERSION + 1, "end_reason": "by-telepathy", "mood": {"of": ["music"]}}
    item["gaps"] = [{"start": 1, "end": 2, "reason": "whispered", "loudness": "low"}]
    state = LiveState.from_item(item)
    assert state.coverage.end_reason == "by-telepathy"
    assert not state.coverage.end_reason.proven
    checkpoint = checkpoint_in(plain(item))
    assert [gap.reason for gap in checkpoint.gaps] == ["whispered"]
    # A streamer that takes the call gives the reason on as it is.
    assert checkpoint.attributes()["gaps"][0]["reason"] == "whispered"


@pytest.mark.parametrize("file", golden("search-part"), ids=str)
def test_a_shard_of_before_or_yet_to_come_is_searched(file: Golden) -> None:
    [entry] = read_part(file.text.encode()).entries
    assert entry.text is not None
    assert Terms.of("voucher").places(entry.text.split("\n"))
    assert (entry.row().call_id, entry.row().score) == (entry.key.call_id, 35)
    newer = {**file.json(), "schema_version": SCHEMA_VERSION + 1, "language": "en"}
    newer["entries"] = [{**newer["entries"][0], "tones": [1]}]
    [again] = read_part(json.dumps(newer).encode()).entries
    assert (again.key, again.text, again.starts, again.roles) == (entry.key, entry.text, entry.starts, entry.roles)
    # What had a default when it was written may be missing.
    bare = {name: newer["entries"][0][name] for name in ("key", "listed", "version", "figures")}
    assert read_part(json.dumps({"entries": [bare]}).encode()).entries[0].text is None
