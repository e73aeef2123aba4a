"""Every word has its times and its confidence in the document, and nowhere else."""

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from callscribe.conversation.utterances import TimedWord
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.documents import ArchivePointers, from_document, stored_form, to_document
from callscribe.live.call import LiveUtterance
from callscribe.live.state import LiveState
from callscribe.transcript import Transcript
from tests.callscribe.live_calls import CONVERSATION, live_item, live_transcript
from tests.callscribe.replies import APPOINTMENT, mono, stereo, transcript_of
from tests.contracts.golden import golden

ARCHIVE = ArchivePointers(bucket="archive", transcript_key="t", reply_key="r")


def live(*utterances: LiveUtterance) -> Transcript:
    state = LiveState.from_item(live_item(utterances=len(utterances)))
    return live_transcript(state, utterances, created_at=datetime(2026, 11, 20, 9, 6, tzinfo=UTC))


def timed(said: LiveUtterance) -> LiveUtterance:
    """The result with its words, half a second each."""
    words = said.text.split()
    times = [round(said.start + index / 2, 3) for index in range(len(words) + 1)]
    return replace(
        said, words=tuple(TimedWord(word, times[index], times[index + 1], 0.9) for index, word in enumerate(words))
    )


@pytest.mark.parametrize("reply", [stereo(APPOINTMENT), stereo(APPOINTMENT, utterances=False), mono(APPOINTMENT)])
def test_every_word_of_a_recording_has_its_times(reply: dict[str, Any]) -> None:
    transcript = transcript_of(reply)
    for said in transcript.utterances:
        assert said.words is not None
        assert " ".join(word.text for word in said.words) == said.text
        assert (said.words[0].start, said.words[-1].end) == (said.start, said.end)
        assert len(said.words) == said.word_count
        assert all(word.confidence == 0.98 for word in said.words)
    first = json.loads(stored_form(transcript, archive=ARCHIVE).document)["utterances"][0]["words"][0]
    assert first == ["Thank", 0.5, 0.833, 0.98]


def test_an_unknown_confidence_is_null_and_not_zero() -> None:
    reply = stereo(APPOINTMENT)
    words = [word for said in reply["results"]["utterances"] for word in said["words"]]
    del words[0]["confidence"]
    words[1]["confidence"] = None
    words[2]["confidence"] = "high"
    known = {word.confidence for said in transcript_of(reply).utterances for word in said.words or ()}
    assert known == {None, 0.98}


def test_words_that_the_reply_does_not_time_are_unknown_and_not_none() -> None:
    reply = stereo(APPOINTMENT)
    for said in reply["results"]["utterances"]:
        said["words"] = []
    transcript = transcript_of(reply)
    assert {said.words for said in transcript.utterances} == {None}
    assert transcript.word_count > 0
    document = json.loads(stored_form(transcript, archive=ARCHIVE).document)
    assert {said["words"] for said in document["utterances"]} == {None}


@pytest.mark.parametrize("file", golden("*document"), ids=str)
def test_words_of_documents_before_schema_version_3_are_unknown(file: Any) -> None:
    words = [said.words for said in from_document(file.text).utterances]
    assert any(words) == (file.version >= 3)


def test_an_item_has_no_words_however_small_it_is() -> None:
    item = stored_form(transcript_of(stereo(APPOINTMENT)), archive=ARCHIVE).item
    assert item["utterances"]
    assert not [said for said in item["utterances"] if "words" in said]


def test_words_take_less_room_than_in_the_reply() -> None:
    reply = stereo(APPOINTMENT)
    document = stored_form(transcript_of(reply), archive=ARCHIVE).document
    bare = to_document(transcript_of(reply))
    for said in bare["utterances"]:
        del said["words"]
    packed = len(gzip.compress(document)) - len(gzip.compress(json.dumps(bare).encode()))
    assert 0 < packed < len(gzip.compress(json.dumps(reply["results"]["utterances"]).encode()))


def test_every_word_of_a_live_call_has_its_times() -> None:
    transcript = live(*map(timed, CONVERSATION))
    first = transcript.utterances[0]
    assert first.words is not None
    assert " ".join(word.text for word in first.words) == first.text
    assert [word.start for word in first.words[:2]] == [0.5, 1.0]
    # Two results are one turn: the second one's words have its own times.
    assert first.words[10] == TimedWord("How", 3.9, 4.4, 0.9)
    assert from_document(json.dumps(to_document(transcript))) == transcript
    assert transcript.word_count == live(*CONVERSATION).word_count


def test_a_turn_of_which_a_part_is_unknown_has_unknown_words() -> None:
    """As of a call that was handed over from a streamer of an earlier version."""
    transcript = live(CONVERSATION[0], *map(timed, CONVERSATION[1:]))
    assert transcript.utterances[0].words is None
    assert transcript.utterances[1].words is not None


def multilingual(*languages: list[str], words: str = "es es en es") -> dict[str, Any]:
    reply = stereo(APPOINTMENT)
    for channel, named in zip(reply["results"]["channels"], languages, strict=False):
        best = channel["alternatives"][0]
        best["languages"] = named
        for word, language in zip(best["words"], words.split(), strict=False):
            word["language"] = language
    return reply


MULTI = TranscriptionOptions(language="multi", sentiment=False, topics=False, intents=False, summarize=False)


def test_the_languages_of_a_call_are_told_the_most_spoken_first() -> None:
    transcript = transcript_of(multilingual(["en", "es"], ["en"]), options=MULTI)
    assert (transcript.language, transcript.languages) == ("es", ("es", "en"))
    form = stored_form(transcript, archive=ARCHIVE)
    assert from_document(form.document).languages == ("es", "en")
    assert form.item["languages"] == ["es", "en"]
    assert form.item["options"]["language"] == "multi"


def test_languages_without_a_word_of_their_own_count_in_the_order_they_are_named() -> None:
    transcript = transcript_of(multilingual(["fr", "en"], ["en", "de-CH"], words=""), options=MULTI)
    assert (transcript.language, transcript.languages) == ("fr", ("fr", "en", "de-CH"))


@pytest.mark.parametrize("odd", ["en", {"en": 1}, [None, 5, "My name is Miller", "x" * 99], 7])
def test_odd_languages_cost_only_themselves(odd: Any) -> None:
    transcript = transcript_of(multilingual(odd, words=""), options=MULTI)
    assert (transcript.language, transcript.languages) == ("multi", None)
    assert "languages: unreadable" in transcript.warnings


def test_a_reply_in_one_language_names_none() -> None:
    transcript = transcript_of(stereo(APPOINTMENT))
    assert (transcript.language, transcript.languages) == ("en", None)


def test_a_live_call_tells_its_languages() -> None:
    said = [replace(one, languages=("es", "en") if one.channel else ("en",)) for one in CONVERSATION]
    transcript = live(*said)
    assert (transcript.language, transcript.languages) == ("es", ("es", "en"))


def test_a_live_call_has_the_options_that_its_streamer_asked_for() -> None:
    record = {**TranscriptionOptions(model="nova-2", redact=("pci",)).record(), "numerals": True}
    state = LiveState.from_item(live_item(options=record, vocabulary_terms=2))
    transcript = live_transcript(state, CONVERSATION, created_at=datetime(2026, 11, 20, 9, 6, tzinfo=UTC))
    assert (transcript.options["model"], transcript.options["numerals"]) == ("nova-2", True)
    assert transcript.options["sentiment"] is False
    assert transcript.options["vocabulary_terms"] == 2
