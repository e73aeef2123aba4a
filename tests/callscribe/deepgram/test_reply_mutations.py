"""Whatever becomes of a valid reply: it has all its words or is refused by name, and what is read can be stored."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given, settings
from hypothesis import strategies as st

from callscribe.deepgram.reply import parse_reply
from callscribe.documents import (
    MAX_ITEM_BYTES,
    MAX_SUMMARY_CHARACTERS,
    ArchivePointers,
    check_item,
    from_document,
    item_size,
    quality_attribute,
    stored_form,
)
from callscribe.judgement.quality import load_rubric, score
from callscribe.recognition import InvalidReply
from tests.callscribe.replies import APPOINTMENT, BILLING, body, mono, stereo, transcript_from

ARCHIVE = ArchivePointers(bucket="archive", transcript_key="transcripts/c-1.json.gz", reply_key="replies/a.json.gz")
CODES = {
    *("EmptyReply", "MalformedJson", "ErrorReply", "AcceptedOnly", "NoResults", "NoChannels", "IncompleteReply"),
    "UnexpectedShape",
}
MISSING = {"channel 0: nothing told", "channel 1: nothing told", "channels: fewer than the reply counts"}
Path = tuple[str | int, ...]


def with_everything(reply: dict[str, Any]) -> dict[str, Any]:
    """Add what Deepgram can say beside the words."""
    place = {"text": "I would like to make an appointment", "start_word": 20, "end_word": 26}
    reply["metadata"] |= {
        f"{feature}_info": {"model_uuid": "x", "input_tokens": 900, "output_tokens": 20}
        for feature in ("summary", "sentiment", "topics", "intents")
    }
    reply["metadata"]["warnings"] = [{"parameter": "sentiment", "type": "unsupported_language", "message": "no"}]
    reply["results"] |= {
        "summary": {"result": "success", "short": "An appointment."},
        "topics": {"segments": [{**place, "topics": [{"topic": "Appointment", "confidence_score": 0.7}]}]},
        "intents": {"segments": [{**place, "intents": [{"intent": "Make appointment", "confidence_score": 0.9}]}]},
        "sentiments": {
            "segments": [{**place, "sentiment": "positive", "sentiment_score": 0.5}],
            "average": {"sentiment": "positive", "sentiment_score": 0.5},
        },
    }
    best = reply["results"]["channels"][0]["alternatives"][0]
    best["entities"] = [{"label": "ORG", "value": "clinic", "confidence": 1, "start_word": 4, "end_word": 5}]
    return reply


BASES = (
    with_everything(stereo(APPOINTMENT[:4])),
    with_everything(stereo(BILLING[:4], utterances=False)),
    with_everything(mono(APPOINTMENT[:4])),
)


def letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def said_in(raw: bytes) -> int:
    return sum(letters(utterance.text) for utterance in parse_reply(raw).utterances)


WORDS = {index: said_in(body(base)) for index, base in enumerate(BASES)}


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in a document, but not every word of a long list."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, part in value.items():
            yield from places(part, (*path, name))
    elif isinstance(value, list):
        for index in sorted({0, 1, len(value) // 2, len(value) - 1} & set(range(len(value)))):
            yield from places(value[index], (*path, index))


PLACES = {index: list(places(base)) for index, base in enumerate(BASES)}
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 1e200, -1e130, 1e-320, 10**400, float("nan"), float("inf"), "", "0", " "),
    *("\ud800", "x\0y", "x" * 100_000, [], {}, [None], [[]], [{}], {"": None}, {"name": 5}, {"segments": 5}),
)
NESTED: Any = []
for _ in range(300):
    NESTED = [NESTED]
VALUES = st.sampled_from((*ODD, NESTED)) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[]), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def change(reply: Any, path: Path, how: str, value: Any) -> None:
    """Change one place of a document, as far as it is still there."""
    place = reply
    for step in path[:-1]:
        try:
            place = place[step]
        except (IndexError, KeyError, TypeError):
            return
    last = path[-1]
    if isinstance(place, list):
        known = isinstance(last, int) and last < len(place)
    else:
        known = isinstance(place, dict) and last in place
    if not known:
        return
    if how == "replace":
        place[last] = value
    elif how == "delete":
        del place[last]
    elif isinstance(place, list):
        place.insert(int(last), copy.deepcopy(place[int(last)]))
    else:
        place[f"{last}_more"] = place[last]


CHANGES = st.tuples(st.sampled_from(["replace", "replace", "delete", "repeat"]), VALUES)


@st.composite
def mutations(draw: st.DrawFn, most: int) -> tuple[int, bytes]:
    index = draw(st.integers(0, len(BASES) - 1))
    reply = copy.deepcopy(BASES[index])
    for path in draw(st.lists(st.sampled_from(PLACES[index]), min_size=1, max_size=most)):
        change(reply, path, *draw(CHANGES))
    return index, json.dumps(reply).encode()


def refusal(raw: bytes) -> str | None:
    try:
        parse_reply(raw)
    except InvalidReply as invalid:
        return invalid.code
    return None


def stored(raw: bytes) -> None:
    """Store a reply as the functions do, as far as that is possible without AWS."""
    transcript = transcript_from(raw)
    form = stored_form(transcript, archive=ARCHIVE)
    assert item_size(form.item) <= MAX_ITEM_BYTES
    TypeSerializer().serialize(form.item)
    for warning in transcript.warnings:
        assert len(warning) < 300
    read = from_document(form.document)
    assert read.utterances == transcript.utterances
    quality = score(read, load_rubric("clinic-call-v1"))
    scored = {**form.item, "quality": quality_attribute(quality)}
    TypeSerializer().serialize(scored)
    check_item(scored)


@given(mutations(most=1))
@settings(max_examples=400)
def test_one_change_leaves_all_words_or_says_what_is_missing(mutation: tuple[int, bytes]) -> None:
    index, raw = mutation
    refused = refusal(raw)
    if refused:
        assert refused in CODES
    elif MISSING.isdisjoint(parse_reply(raw).warnings):
        assert said_in(raw) >= WORDS[index]


@given(mutations(most=4))
@settings(max_examples=150)
def test_what_is_read_can_be_stored(mutation: tuple[int, bytes]) -> None:
    _, raw = mutation
    refused = refusal(raw)
    if refused:
        assert refused in CODES
    else:
        stored(raw)


SIDE_FIELDS = [
    path
    for path in PLACES[0]
    if path[0] == "metadata"
    or {"summary", "topics", "intents", "sentiments"} & set(path)
    or path[-1] in {"confidence", "id", "entities", "sentiment_score"}
]


ODD_TEXTS = [json.dumps(value) for value in ODD]


@pytest.mark.parametrize("path", SIDE_FIELDS, ids=lambda path: ".".join(map(str, path)))
def test_nothing_but_the_words_refuses_a_reply(path: Path) -> None:
    place = "what stands here is another thing each time"
    replies = {how: copy.deepcopy(BASES[0]) for how in ("replace", "delete")}
    for how, reply in replies.items():
        change(reply, path, how, place)
    before, _, after = json.dumps(replies["replace"]).partition(json.dumps(place))
    for text in ODD_TEXTS:
        assert said_in(f"{before}{text}{after}".encode()) == WORDS[0], text[:80]
    assert said_in(json.dumps(replies["delete"]).encode()) == WORDS[0]


def large(results: dict[str, Any] | None = None, metadata: dict[str, Any] | None = None) -> bytes:
    reply = copy.deepcopy(BASES[0])
    reply["results"] |= results or {}
    reply["metadata"] |= metadata or {}
    return json.dumps(reply).encode()


SEGMENT = {"text": "word " * 20_000, "start_word": 0, "end_word": 9}


def summary(result: str, text: str) -> dict[str, Any]:
    return {"summary": {"result": result, "short": text}}


def topics(*names: str) -> dict[str, Any]:
    return {"topics": {"segments": [{**SEGMENT, "topics": [{"topic": name} for name in names]}]}}


LARGE = {
    "summary": large(results=summary("success", "s" * 420_000)),
    "damaged summary": large(results=summary("success", "\ud800" * 420_000)),
    "failed summary": large(results=summary("failure", "s" * 420_000)),
    "one label": large(results=topics("T" * 450_000)),
    "many labels": large(results=topics(*(f"T{number}" for number in range(20_000)))),
    "warnings": large(
        metadata={"warnings": [{"parameter": f"p{number}" * 60, "type": "t" * 500} for number in range(10_000)]}
    ),
    "model": large(metadata={"model_info": {"m": {"name": "m" * 300_000}}}),
    "request id": large(metadata={"request_id": "r" * 300_000}),
    "language": large(results={"channels": [{"detected_language": "l" * 300_000, "alternatives": []}] * 3}),
    "channels": large(results={"channels": BASES[0]["results"]["channels"] + [{"alternatives": []}] * 20_000}),
}


@pytest.mark.parametrize("raw", LARGE.values(), ids=LARGE.keys())
def test_what_is_too_long_for_an_item_is_cut_or_in_s3_only(raw: bytes) -> None:
    stored(raw)


def test_a_summary_that_is_too_long_says_so_and_is_whole_in_the_document() -> None:
    form = stored_form(transcript_from(LARGE["summary"]), archive=ARCHIVE)
    assert (len(form.item["summary"]), form.item["summary"][-1]) == (MAX_SUMMARY_CHARACTERS, "…")
    assert (form.item["only_in_s3"], form.item["utterances_in"]) == (["summary"], "item")
    assert len(json.loads(form.document)["summary"]["text"]) == 420_000


def test_ten_thousand_speakers_fit_into_an_item() -> None:
    words = [{"word": f"w{n}", "start": n, "end": n + 0.5, "confidence": 1, "speaker": n} for n in range(9_000)]
    best = {"transcript": " ".join(str(word["word"]) for word in words), "confidence": 1, "words": words}
    raw = body({"metadata": {"duration": 9_000}, "results": {"channels": [{"alternatives": [best]}]}})
    form = stored_form(transcript_from(raw), archive=ARCHIVE)
    assert {"roles", "warnings"} <= set(form.item["only_in_s3"])
    assert item_size(form.item) <= MAX_ITEM_BYTES
