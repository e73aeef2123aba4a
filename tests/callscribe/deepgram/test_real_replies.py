"""Deepgram's published replies, from a folder outside the repository: `prerecorded/*.json` and `errors/*.json`."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from callscribe.deepgram.reply import parse_reply
from callscribe.documents import from_document, to_document
from callscribe.recognition import InvalidReply
from tests.callscribe.replies import body, transcript_of

FOLDER = os.environ.get("CALLSCRIBE_DEEPGRAM_FIXTURES")
pytestmark = pytest.mark.skipif(FOLDER is None, reason="CALLSCRIBE_DEEPGRAM_FIXTURES names no folder")


def files(kind: str) -> list[Path]:
    return sorted(Path(FOLDER, kind).glob("*.json")) if FOLDER else []


def expected_refusal(reply: dict[str, Any]) -> str | None:
    """What must be refused, by content: documentation pages show pieces of replies as well as whole ones."""
    if "results" not in reply:
        return "AcceptedOnly" if "request_id" in reply else "NoResults"
    if "channels" not in reply["results"]:
        return "NoChannels"
    words = any(
        alternative.get("transcript") for c in reply["results"]["channels"] for alternative in c["alternatives"]
    )
    return None if words or reply["metadata"].get("duration") else "IncompleteReply"


@pytest.mark.parametrize("path", files("prerecorded"), ids=lambda path: path.stem)
def test_a_published_reply_becomes_a_transcript_or_is_refused_by_name(path: Path) -> None:
    reply = json.loads(path.read_bytes())
    refusal = expected_refusal(reply)
    if refusal is not None:
        with pytest.raises(InvalidReply) as error:
            parse_reply(path.read_bytes())
        assert error.value.code == refusal
        return
    transcript = transcript_of(reply)
    best = reply["results"]["channels"][0]["alternatives"][0]
    said = [word for utterance in transcript.utterances for word in utterance.text.split()]
    # Documentation pages leave words out of the list, but not of the transcript.
    assert said == best["transcript"].split()
    if len(best["words"]) == len(said):
        assert said == [word.get("punctuated_word", word["word"]) for word in best["words"]]
    assert transcript.word_count == len(said)
    results = reply["results"]
    assert len(parse_reply(body(reply)).sentiments) == len(results.get("sentiments", {}).get("segments", []))
    assert {label.label for label in transcript.topics} == labels_of(results, "topics", "topic")
    assert {label.label for label in transcript.intents} == labels_of(results, "intents", "intent")
    assert not any("unreadable" in warning for warning in transcript.warnings)
    if results.get("summary", {}).get("result") == "success":
        assert transcript.summary.text == results["summary"]["short"].strip()
    assert from_document(json.dumps(to_document(transcript))) == transcript


def labels_of(results: dict[str, Any], feature: str, name: str) -> set[str]:
    return {found[name] for segment in results.get(feature, {}).get("segments", []) for found in segment[feature]}


@pytest.mark.parametrize("path", files("prerecorded"), ids=lambda path: path.stem)
def test_intelligence_of_any_published_form_is_read_beside_words(path: Path) -> None:
    """Pieces that show topics and intents alone, also in the nested form once published, are laid beside words."""
    results = json.loads(path.read_bytes()).get("results", {})
    extras = {name: value for name, value in results.items() if name not in ("channels", "utterances")}
    best = {"transcript": "Yes.", "words": [{"word": "yes", "start": 0, "end": 1, "confidence": 1}]}
    reply = parse_reply(body({"results": {**extras, "channels": [{"alternatives": [best]}]}}))
    for feature in ("topics", "intents"):
        assert bool(getattr(reply, feature)) == (feature in extras)
        assert f"{feature}: unreadable" not in reply.warnings


@pytest.mark.parametrize("path", files("errors"), ids=lambda path: path.stem)
def test_a_published_error_is_refused_as_an_error(path: Path) -> None:
    with pytest.raises(InvalidReply) as error:
        parse_reply(path.read_bytes())
    assert error.value.code == "ErrorReply"
