import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given, settings
from hypothesis import strategies as st

from callscribe.contract.call_kind import CallKind
from callscribe.documents import (
    ArchivePointers,
    InvalidDocument,
    from_document,
    item_size,
    quality_attribute,
    to_document,
    to_item,
)
from callscribe.judgement.quality import load_rubric, score
from callscribe.recognition import Sentiment
from callscribe.transcript import Label, Role, Transcript, Utterance
from tests.callscribe.replies import APPOINTMENT, RECORDING, Turn, mono, silent, stereo, transcript_of

ARCHIVE = ArchivePointers(bucket="archive", transcript_key="transcripts/c-1.json.gz", reply_key="replies/a.json.gz")


def four_hours() -> Transcript:
    turns = [
        Turn(
            index % 2,
            f"This is sentence number {index} of a very long call about nothing.",
            4.0 * index,
            4.0 * index + 3,
        )
        for index in range(3600)
    ]
    return transcript_of(stereo(turns))


@pytest.mark.parametrize("reply", [stereo(APPOINTMENT), mono(APPOINTMENT), silent()])
def test_nothing_is_lost_in_json(reply: dict[str, Any]) -> None:
    transcript = transcript_of(reply)
    document = to_document(transcript)
    assert from_document(json.dumps(document)) == transcript
    assert document["full_transcript"] == transcript.full_transcript


TEXTS = st.text(max_size=12)
SHARES = st.floats(0, 1)
MOODS = st.none() | st.floats(-1, 1).map(Sentiment.of)
UTTERANCES = st.builds(
    Utterance,
    speaker=TEXTS,
    channel=st.integers(0, 9),
    role=st.sampled_from(Role),
    role_confidence=SHARES,
    text=TEXTS,
    start=st.floats(0, 1e5),
    end=st.floats(0, 1e5),
    confidence=SHARES,
    word_count=st.integers(0, 1000),
    sentiment=MOODS,
)
BASE = transcript_of(stereo(APPOINTMENT))
TRANSCRIPTS = st.builds(
    replace,
    st.just(BASE),
    utterances=st.lists(UTTERANCES, max_size=4).map(tuple),
    created_at=st.datetimes(timezones=st.just(UTC)),
    sentiment=MOODS,
    topics=st.lists(st.builds(Label, label=TEXTS, confidence=SHARES, mentions=st.integers(1, 99)), max_size=3).map(
        tuple
    ),
    cost=st.builds(
        replace, st.just(BASE.cost), total_usd=st.decimals(0, 1000, places=6, allow_nan=False, allow_infinity=False)
    ),
    provenance=st.builds(replace, st.just(BASE.provenance), version_id=st.none() | TEXTS),
    recording=st.builds(
        replace,
        st.just(RECORDING),
        kind=st.sampled_from(CallKind),
        started_at=st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)),
    ),
    warnings=st.lists(TEXTS, max_size=2).map(tuple),
)


@given(TRANSCRIPTS)
@settings(max_examples=50)
def test_any_transcript_survives_json_and_fits_dynamodb(transcript: Transcript) -> None:
    assert from_document(json.dumps(to_document(transcript))) == transcript
    item = to_item(transcript, archive=ARCHIVE)
    # boto3's own serializer refuses floats and numbers DynamoDB would round.
    TypeSerializer().serialize(item)
    assert not any(value is None or isinstance(value, float) for value in leaves(item))


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for part in value.values():
            yield from leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from leaves(part)
    else:
        yield value


def test_a_document_of_a_newer_writer_is_read() -> None:
    newer = {**to_document(BASE), "mood_music": [], "schema_version": 99}
    assert from_document(json.dumps(newer)) == BASE


def test_options_are_a_record_that_is_never_checked() -> None:
    """What was asked for once may be an option no more, or one that this code does not know yet."""
    record = {"model": "whisper-huge", "speakers": "by-smell", "numerals": ["all"], "summarize": None}
    read = from_document(json.dumps({**to_document(BASE), "options": record}))
    assert read.options == record
    assert "smart_format" not in read.options
    assert to_document(read)["options"] == record
    assert to_item(read, archive=ARCHIVE)["options"] == {key: record[key] for key in ("model", "speakers", "numerals")}


def test_names_that_came_later_are_kept() -> None:
    document = json.loads(json.dumps(to_document(BASE)))
    document["roles"]["method"] = "voice-print"
    document["utterances"][0]["role"] = "interpreter"
    read = from_document(json.dumps(document))
    assert read.roles.method == "voice-print"
    assert read.utterances[0].role not in Role.__members__.values()
    assert score(read, load_rubric()).criteria
    assert json.loads(json.dumps(to_document(read))) == document | {"full_transcript": read.full_transcript}


def test_a_document_of_the_first_schema_version_is_read() -> None:
    document = to_document(BASE)
    del document["live"]
    assert from_document(json.dumps({**document, "schema_version": 1})) == BASE


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"schema_version": 0}, "schema_version"),
        ({"schema_version": None}, "schema_version"),
        ({"schema_version": True}, "schema_version"),
        ({"utterances": "xyzzy"}, "transcript.utterances is of another type"),
        ({"utterances": [7]}, r"transcript.utterances\[0\] is of another type"),
        ({"word_count": 1.5}, "transcript.word_count"),
        ({"confidence": True}, "transcript.confidence"),
        ({"created_at": "xyzzy"}, "transcript.created_at"),
        ({"summary": {}}, "transcript.summary has no text"),
        ({"roles": {"method": "Xyzzy said so", "speakers": []}}, "transcript.roles.method"),
        ({"source": None}, "transcript.source"),
        ({"options": ["xyzzy"]}, "transcript.options is of another type"),
    ],
)
def test_a_document_that_is_no_transcript_is_refused_by_place(change: dict[str, Any], place: str) -> None:
    document = {**to_document(transcript_of(stereo(APPOINTMENT))), **change}
    with pytest.raises(InvalidDocument, match=place) as error:
        from_document(json.dumps(document))
    assert "xyzzy" not in str(error.value)


@pytest.mark.parametrize("document", [None, [], {}, {"schema_version": "1"}])
def test_anything_else_is_refused(document: Any) -> None:
    with pytest.raises(InvalidDocument):
        from_document(json.dumps(document))


def test_an_item_carries_what_the_table_promises() -> None:
    item = to_item(transcript_of(stereo(APPOINTMENT)), archive=ARCHIVE)
    assert (item["PK"], item["SK"]) == ("CLINIC#downtown", "TRANSCRIPT#2026-03-02#c-1")
    assert (item["GSI1PK"], item["GSI1SK"]) == ("CALL#c-1", "TRANSCRIPT")
    assert (item["type"], item["source"], item["schema_version"]) == ("transcript", "batch", Decimal(3))
    assert (item["clinic_id"], item["call_id"], item["day"]) == ("downtown", "c-1", "2026-03-02")
    assert item["s3_key"] == "recordings/downtown/2026-03-02/c-1.wav"
    assert item["recording_last_modified"] == "2026-03-02T10:30:00+00:00"
    assert (item["archive_bucket"], item["transcript_key"], item["reply_key"]) == (
        "archive",
        "transcripts/c-1.json.gz",
        "replies/a.json.gz",
    )
    assert (item["appointment_requested"], item["complaint"]) == (True, False)
    assert item["utterances_in"] == "item"
    assert item["utterances"][0] == {
        "speaker": "channel-1",
        "channel": Decimal(1),
        "role": "agent",
        "role_confidence": Decimal("1.0"),
        "text": APPOINTMENT[0].text,
        "start": Decimal("0.5"),
        "end": Decimal(str(APPOINTMENT[0].end)),
        "confidence": Decimal("0.97"),
        "word_count": Decimal(17),
    }
    assert item["cost"]["total_usd"] == BASE.cost.total_usd
    promised = {
        "full_transcript",
        "word_count",
        "duration_seconds",
        "confidence",
        "topics",
        "intents",
        "summary",
        "model",
    }
    assert (
        promised | {"options", "request_id", "created_at", "insurance_mentioned", "callback_requested"} <= item.keys()
    )
    assert "only_in_s3" not in item


def test_a_four_hour_call_keeps_summary_and_pointers() -> None:
    transcript = four_hours()
    assert transcript.duration_seconds > 4 * 3600 - 10
    item = to_item(transcript, archive=ARCHIVE)
    assert item_size(item) < 100_000
    assert item["utterances_in"] == "s3"
    assert item["only_in_s3"] == ["turns", "utterances", "full_transcript"]
    assert not {"utterances", "full_transcript"} & item.keys()
    assert item["summary"]
    assert item["transcript_key"] == "transcripts/c-1.json.gz"
    assert len(from_document(json.dumps(to_document(transcript))).utterances) == 3600


def test_other_long_lists_leave_too_when_they_must() -> None:
    topics = tuple(Label(label=f"topic {index}", confidence=0.5, mentions=1) for index in range(20_000))
    item = to_item(replace(BASE, topics=topics), archive=ARCHIVE)
    assert item_size(item) < 350_000
    assert item["only_in_s3"][-4:] == ["entities", "topics", "intents", "flag_evidence"]
    assert "topics" not in item


def test_an_item_just_small_enough_keeps_everything() -> None:
    whole = to_item(BASE, archive=ARCHIVE)
    assert to_item(BASE, archive=ARCHIVE, max_bytes=item_size(whole)) == whole
    without_turns = to_item(BASE, archive=ARCHIVE, max_bytes=item_size(whole) - 1)
    assert whole.keys() - without_turns.keys() == {"turns"}
    assert (without_turns["only_in_s3"], without_turns["utterances_in"]) == (["turns"], "item")
    shorter = to_item(BASE, archive=ARCHIVE, max_bytes=item_size(without_turns) - 1)
    assert "utterances" not in shorter
    assert shorter["utterances_in"] == "s3"


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("", 0),
        ("äb", 3),
        (True, 1),
        (None, 1),
        (Decimal(0), 1),
        (Decimal(7), 2),
        (Decimal("12.5"), 3),
        (Decimal("1200"), 2),
        (Decimal("-12"), 3),
        ([], 3),
        (["ab", Decimal(7)], 3 + 2 + 4),
        ({"ab": "c"}, 3 + 1 + 3),
    ],
)
def test_sizes_are_counted_as_dynamodb_counts(value: Any, size: int) -> None:
    assert item_size({"name": value}) == 4 + size


def test_a_score_on_an_item_has_no_words() -> None:
    """The list of calls has the score, and whoever may read the list may not read what was said."""
    quality = score(BASE, load_rubric())
    quotes = [quote for criterion in quality.criteria for quote in criterion.quotes]
    assert quotes
    assert all(quote.text for quote in quotes)
    written = json.dumps(quality_attribute(quality), default=str)
    assert not any(quote.text in written for quote in quotes if " " in quote.text)
