"""No field of what is stored or sent is lost on its way, whichever is added."""

from __future__ import annotations

import ast
import json
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import msgspec
import pytest
from msgspec import structs

from callscribe.analysis.opinion import Opinion
from callscribe.analysis.prices import Usage
from callscribe.analysis.stored import Analysis, AnalysisItem
from callscribe.console.live import LiveWords
from callscribe.console.reviews import ReviewItem
from callscribe.contract.call_kind import CallKind
from callscribe.contract.messages import DrawMessage, IndexAnswer, IndexMessage, IndexRequest, RebuildAnswer
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.corrections import CorrectionItem
from callscribe.cost import Cost
from callscribe.deepgram.options import TranscriptionOptions, live_query_parameters, query_parameters
from callscribe.documents import ArchivePointers, analysis_attributes, from_document, to_document, to_item
from callscribe.judgement.quality import QualityScore
from callscribe.live.call import LiveCall, LiveUtterance
from callscribe.live.state import LiveCoverage, LiveState
from callscribe.recordings.calls import CallRecording
from callscribe.recordings.recording import AdmittedRecording, RecordingObject
from callscribe.search.shards import CallKey, Entry, Part, SearchState, read_part, written_part
from callscribe.serialization import OpenEnum, decode, decode_json, encode, encode_json
from callscribe.table_values import attribute, plain
from callscribe.transcript import Transcript
from callscribe.waveform import NoWaveform, Waveform
from constructs_lib import DeepgramOptions, DeepgramPrices
from lambdas.common.claims import Claims
from lambdas.transcribe_call.work import Work
from streamer.calls.attributes import from_attributes, to_attributes
from streamer.calls.state import Checkpoint, checkpoint_in
from tests.callscribe.live_calls import live_item
from tests.conftest import ROOT
from tests.contracts.fields import classes, filled, leaves, other_value

TRANSCRIPT = filled(Transcript)


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def test_a_document_keeps_every_field() -> None:
    assert from_document(json.dumps(to_document(TRANSCRIPT))) == TRANSCRIPT


def test_an_item_keeps_every_field_of_the_transcript() -> None:
    pointers = filled(ArchivePointers)
    item = to_item(TRANSCRIPT, archive=pointers)
    said = tuple(replace(utterance, words=None) for utterance in TRANSCRIPT.utterances)
    wanted = encode(replace(TRANSCRIPT, utterances=said))
    assert {*leaves(wanted), *leaves(encode(pointers))} <= {*leaves(item)}


def test_an_analysis_keeps_every_field() -> None:
    analysis = Analysis(
        schema_version=SCHEMA_VERSION + 1,
        created_at=datetime(2026, 11, 20, tzinfo=UTC),
        document="transcripts/d.json.gz",
        rules=filled(Opinion),
        analyst=filled(Opinion),
        usage=filled(Usage),
    )
    assert decode_json(Analysis, encode_json(analysis), "analysis") == analysis


def test_a_waveform_keeps_every_field() -> None:
    waveform = Waveform(
        schema_version=SCHEMA_VERSION + 1,
        created_at=datetime(2026, 11, 20, tzinfo=UTC),
        recording_id="r",
        duration_seconds=1.5,
        channels=((1, 2), (3, 4)),
        reason=NoWaveform.GONE,
    )
    assert decode_json(Waveform, encode_json(waveform), "waveform") == waveform


def test_what_asks_for_a_waveform_keeps_every_field() -> None:
    message = filled(DrawMessage)
    assert decode(DrawMessage, through_json(encode(message)), "message") == message


def test_an_item_keeps_every_field_of_an_analysis() -> None:
    shown = filled(AnalysisItem)
    written = analysis_attributes(shown, filled(Cost))
    assert decode(AnalysisItem, plain(written["analysis"]), "analysis") == shown
    assert decode(Cost, plain(written["cost"]), "cost") == filled(Cost)


@pytest.mark.parametrize("kind", [CorrectionItem, ReviewItem])
def test_what_people_say_of_a_call_is_kept_whole(kind: type[CorrectionItem | ReviewItem]) -> None:
    said = filled(kind)
    item = said.attributes()
    assert decode(kind, plain(item), "item") == said
    assert {"PK", "SK", "GSI1PK", "GSI1SK"} <= item.keys()


def test_a_score_keeps_every_field_in_the_item() -> None:
    score = filled(QualityScore)
    assert decode(QualityScore, plain(attribute(score.to_dict())), "score") == score


def test_an_answer_to_a_rebuild_keeps_every_field() -> None:
    answer = filled(RebuildAnswer)
    assert decode_json(RebuildAnswer, encode_json(answer), "answer") == answer


def test_what_the_console_shows_of_a_live_utterance_is_what_was_stored() -> None:
    said = filled(LiveUtterance)
    shown = encode(decode(LiveWords, plain(attribute(encode(said))), "utterance"))
    assert shown.items() <= encode(said).items()


def test_an_item_has_no_single_words() -> None:
    item = to_item(TRANSCRIPT, archive=filled(ArchivePointers))
    words = {*leaves(encode([utterance.words for utterance in TRANSCRIPT.utterances]))}
    assert words
    assert words.isdisjoint(leaves(item))


def test_an_announcement_keeps_every_field() -> None:
    call = filled(LiveCall, stream_arn="arn:aws:kinesisvideo:eu-central-1:123456789012:stream/live-1/1")
    assert LiveCall.from_json(call.to_json()) == call


def test_a_work_message_keeps_every_field_of_the_recording() -> None:
    recording = filled(AdmittedRecording)
    body = {"task_token": "token", "execution": "execution", "recording": recording.to_payload()}
    assert Work.from_body(json.dumps(body)) == Work(task_token="token", execution="execution", recording=recording)


def test_a_checkpoint_keeps_every_field() -> None:
    checkpoint = filled(Checkpoint)
    assert checkpoint_in(from_attributes(to_attributes(checkpoint.attributes()))) == checkpoint


def test_a_release_notes_whatever_does_not_belong_to_the_words() -> None:
    checkpoint = filled(Checkpoint)
    words = {"watermarks", "next_seq", "resume_token", "resume", "clock_steps", "gaps", "paused", "word_count"}
    assert checkpoint.notes().keys() == {field.name for field in fields(Checkpoint)} - words


def test_a_live_utterance_keeps_every_field() -> None:
    said = filled(LiveUtterance)
    assert decode(LiveUtterance, from_attributes(to_attributes(encode(said))), "utterance") == said
    assert decode(LiveUtterance, plain(attribute(encode(said))), "utterance") == said


def test_a_coverage_keeps_every_field() -> None:
    coverage = filled(LiveCoverage)
    assert decode(LiveCoverage, plain(attribute(encode(coverage))), "coverage") == coverage


NOT_YET: Any = dict.fromkeys(
    (
        *("ended_at_ms", "end_reason", "complete", "incomplete_reasons", "duration_seconds", "announced", "epoch"),
        *("lease_until", "origin_ms", "watermarks", "next_seq", "gaps", "reconnects", "handovers"),
        *("agent_joined_at", "disconnected_at"),
    )
)
BEGUN = live_item(
    status="announced",
    **NOT_YET,
)
OVER = live_item(
    call_id="another-call",
    clinic_id="another-clinic",
    clinic_source="queue",
    direction="outgoing",
    queue_id="2f1a7c8e-0001-4000-8000-00000000000a",
    day="2026-12-01",
    started_at_ms=1_796_000_000_000,
    status="completed",
    complete=True,
    incomplete_reasons=["gap-missing"],
    end_reason="idle",
    next_seq=8,
    gaps=[{"start": 1, "end": 2, "reason": "missing"}],
    duration_seconds=12.5,
    reconnects=3,
    agent_joined_at="2026-12-01T09:00:03+00:00",
    disconnected_at="2026-12-01T09:10:00+00:00",
    vocabulary_terms=4,
    options={"model": "nova-3"},
    model="nova-3",
    lease_until=1_797_000_000,
    alerted=["urgent"],
)


@pytest.mark.parametrize("field", [*fields(LiveState), *fields(LiveCoverage)], ids=lambda field: field.name)
def test_every_field_of_a_live_state_is_read_from_the_item(field: Any) -> None:
    begun, over = LiveState.from_item(BEGUN), LiveState.from_item(OVER)
    if not hasattr(begun, field.name):
        begun, over = begun.coverage, over.coverage  # type: ignore[assignment]
    assert getattr(over, field.name) != getattr(begun, field.name), f"nothing in OVER sets {field.name}"


class Puts:
    """A table that keeps what it is given."""

    def put_item(self, *, Item: dict[str, Any], ConditionExpression: str) -> None:  # noqa: N803
        self.item = Item


def test_a_claim_keeps_every_field_of_its_recording_and_the_call_by_name() -> None:
    table, recording, call = Puts(), filled(RecordingObject), filled(CallRecording)
    Claims(table=table).take(  # type: ignore[arg-type]
        recording,
        call=call,
        size_bytes=7,
        digest="MD5:d",
        execution="execution",
        now=datetime(2026, 11, 20, tzinfo=UTC),
        lease=timedelta(hours=1),
    )
    named = {call.clinic_id, str(call.clinic_source), call.call_id, call.kind.value}
    assert {*leaves(encode(recording)), *named, 7.0, "MD5:d"} <= {*leaves(table.item)}


# Options: from the constructs by the functions' settings to Deepgram.

VALID: dict[str, Any] = {
    "model": "nova-2",
    "language": "en-GB",
    "redact": ("ssn",),
    "language_hint": ("en", "es"),
    "endpoint": "https://deepgram.example",
    "max_parallel_requests": 7,
    "speakers": "diarize",
    "stream_encoding": "linear16",
    "extra_parameters": {"numerals": "true"},
    "extra_stream_parameters": {"search": ("refund", "pain")},
    "prices": DeepgramPrices(plan="growth"),
}
"""Values of options that are not free."""

COMPANIONS: dict[str, dict[str, Any]] = {
    "language_hint": {
        "language": "multi",
        **dict.fromkeys(("sentiment", "topics", "intents", "summarize"), False),
    }
}
"""What an option cannot do without."""

RECORDINGS_ONLY = {"speakers", "sentiment", "topics", "intents", "summarize", "detect_entities", "extra_parameters"}
"""Options that change nothing about a stream."""
STREAMS_ONLY = {"extra_stream_parameters", "stream_encoding"}
"""Options that change nothing about a recording."""


def changed(kind: type[Any], name: str) -> Any:
    return kind(**COMPANIONS.get(name, {}), **{name: VALID[name] if name in VALID else other_value(kind, name)})


@pytest.mark.parametrize("name", DeepgramOptions.__struct_fields__)
def test_every_option_of_a_deployment_reaches_the_functions_or_stays(name: str) -> None:
    options = changed(DeepgramOptions, name)
    usual = DeepgramOptions(**COMPANIONS.get(name, {})).of_requests
    travels = name in TranscriptionOptions.__struct_fields__ and name != "keyterms"
    assert options.of_requests == (structs.replace(usual, **{name: getattr(options, name)}) if travels else usual)


@pytest.mark.parametrize("name", TranscriptionOptions.__struct_fields__)
def test_every_option_changes_what_deepgram_is_asked(name: str) -> None:
    options = changed(TranscriptionOptions, name)
    usual = TranscriptionOptions(**COMPANIONS.get(name, {}))
    recorded = query_parameters(options, channels=2), query_parameters(usual, channels=2)
    assert (recorded[0] == recorded[1]) == (name in STREAMS_ONLY)
    streamed = live_query_parameters(options), live_query_parameters(usual)
    assert (streamed[0] == streamed[1]) == (name in RECORDINGS_ONLY)


@pytest.mark.parametrize("name", TranscriptionOptions.__struct_fields__)
def test_every_option_is_noted_for_the_transcript_but_the_vocabulary(name: str) -> None:
    options = changed(TranscriptionOptions, name)
    assert (options.record() == TranscriptionOptions().record()) == (name == "keyterms")
    assert TranscriptionOptions.from_record(through_json(options.record())) == structs.replace(options, keyterms=())


# The guard over this list.


def test_all_of_a_shard_survives() -> None:
    key = CallKey(day="2026-11-20", call_id="c", kind=CallKind.IVR)
    entry = Entry(
        key=key,
        listed="l",
        version="v",
        figures=msgspec.Raw(b'{"a":1}'),
        text="t",
        starts=(1.5,),
        roles=("agent",),
        expires_at=9,
    )
    part = Part(until="05", entries=(entry,), moving=(entry,), moving_until="09")
    read = read_part(written_part(part))
    assert written_part(read) == written_part(part)
    assert structs.replace(read.entries[0], figures=entry.figures) == entry
    state = SearchState(schema_version=SCHEMA_VERSION + 1, since="2026-11-20", whole=True)
    assert decode_json(SearchState, encode_json(state), "state") == state


def test_all_that_is_said_of_an_index_survives() -> None:
    request = IndexRequest(clinic_id="c", month="2026-11", after="05", sort_keys=("s",))
    for kind, said in ((IndexMessage, IndexMessage(index=request, whole=True)), (IndexAnswer, filled(IndexAnswer))):
        assert decode(kind, through_json(encode(said)), "message") == said


COVERED = {
    *("Transcript", "LiveUtterance", "LiveCoverage", "Checkpoint", "LiveItem", "LiveCallEnded"),
    *("TranscribeMessage", "_Addressed", "datetime", "_Seconds"),  # the parts of `Work`
    # Written by the state machine, which tests/workflow executes.
    *("AdmitMessage", "StoreMessage", "ScoreMessage", "AnalyseMessage"),
    *("answer", "_FunctionError"),  # of a function that an operator invokes: tests/operations
    *("_Form", "_Work", "_Failure", "_Announcement", "_ExecutionEnded"),  # only read: test_golden_operations.py
    "ClinicRules",  # a setting: tests/callscribe/environments
    *("Rubric", "WrittenCall", "_PriceFile", "_Secret"),  # written by people, not by code
    *("cls", "kind"),  # `LiveCall` and `AdmittedRecording` read themselves; a data file is no message
    "LiveCall",  # read from its item as well, which has all of it: tests/lambdas/start_live_call
    "_Versioned",
    *("Analysis", "AnalysisItem", "Cost"),
    "Reliability",  # a part of `LiveItem`
    *("_Channel", "Acknowledgement"),  # what AWS answers a probe of `operations.verification`
    *("_Options", "_Finalized"),  # a part of `TranscriptionOptions`, and what Deepgram answers such a probe
    *("RebuildMessage", "LiveRebuildMessage"),  # an operator's, and the console's: tests/lambdas/store_*
    *("CorrectionItem", "RoleCorrection", "ReviewItem", "QualityScore", "RebuildAnswer", "LiveWords"),
    *("Waveform", "DrawMessage"),
    *("Part", "SearchState", "IndexMessage"),
    "StreamEvent",  # DynamoDB's, only read: tests/lambdas/update_search
    "_FeedMessage",  # the feed's own frames, only read: tests/operations/test_watch.py
    "_Answer",  # a model's, of which nothing is taken on trust: tests/callscribe/analysis
}


def test_whatever_the_code_reads_is_covered_here() -> None:
    read = {
        node.args[0].id
        for package in ("callscribe", "lambdas", "streamer", "operations")
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("decode", "decode_json")
        and len(node.args) == 3
        and isinstance(node.args[0], ast.Name)
    }
    assert read - COVERED == set(), "a struct is read that no test here sends through every field"


CLOSED = {
    "CallKind": "part of the table's keys",
    "LiveStatus": "says who may take a call",
    "SentimentLabel": "made from a score by ourselves",
}
"""Enums in what is read that have no further members in any version, and why."""


READ = {
    kind
    for struct in (
        Transcript,
        Analysis,
        AnalysisItem,
        LiveState,
        LiveUtterance,
        LiveCall,
        Checkpoint,
        AdmittedRecording,
        TranscriptionOptions,
    )
    for kind in classes(struct)
}


def test_names_in_what_is_read_are_open_to_later_versions() -> None:
    enums = {kind for kind in READ if issubclass(kind, Enum)}
    assert {kind.__name__ for kind in enums if not issubclass(kind, OpenEnum)} == {*CLOSED}


@pytest.mark.parametrize("kind", sorted(filter(is_dataclass, READ), key=str))
def test_what_is_read_can_be_written_again_with_its_defaults(kind: type) -> None:
    assert "__slots__" in vars(kind)
