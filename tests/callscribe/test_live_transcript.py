import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callscribe.conversation.roles import RoleMethod
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.documents import ArchivePointers, from_document, to_document, to_item
from callscribe.judgement.quality import load_rubric, score
from callscribe.live.call import LiveUtterance
from callscribe.live.state import LiveState
from callscribe.live_transcript import MissingUtterances, joined, recognition_of
from callscribe.transcript import Role, Transcript
from tests.callscribe.live_calls import CONVERSATION, live_item, live_transcript, utterance

NOW = datetime(2026, 11, 20, 9, 6, tzinfo=UTC)
STATE = LiveState.from_item(live_item())


def transcript_of(
    *utterances: LiveUtterance, state: LiveState = STATE, options: TranscriptionOptions | None = None
) -> Transcript:
    counted = replace(state, coverage=replace(state.coverage, utterances=len(utterances)))
    return live_transcript(counted, utterances, options=options, created_at=NOW)


def texts(*utterances: LiveUtterance) -> list[str]:
    return [" ".join(said.text for said in piece) for piece in joined(utterances)]


# Utterances


def test_results_of_one_sentence_are_one_utterance() -> None:
    assert texts(*CONVERSATION)[:2] == [
        "Thank you for calling the eye clinic, this is Karen. How can I help you today?",
        "I would like an appointment with the doctor.",
    ]


def test_an_utterance_ends_where_deepgram_says_so() -> None:
    said = utterance(1, 0, "Yes.", 1.0, 2.0), utterance(2, 0, "No.", 2.0, 3.0)
    assert texts(*said) == ["Yes.", "No."]


def test_the_other_side_does_not_end_an_utterance() -> None:
    said = (
        utterance(1, 0, "I was there", 1.0, 2.0, speech_final=False),
        utterance(2, 1, "Mhm.", 1.8, 2.1),
        utterance(3, 0, "last year.", 2.1, 3.0),
    )
    assert texts(*said) == ["I was there last year.", "Mhm."]


@pytest.mark.parametrize(("pause", "count"), [(0.79, 1), (0.81, 2)])
def test_a_pause_ends_an_utterance_whose_last_result_had_no_words(pause: float, count: int) -> None:
    said = utterance(1, 0, "Yes", 1.0, 2.0, speech_final=False), utterance(2, 0, "please", 2.0 + pause)
    assert len(joined(said)) == count


def test_who_speaks_without_a_pause_gets_a_new_utterance_every_minute() -> None:
    said = [utterance(n + 1, 0, "and so on", 3.0 * n, 3.0 * n + 3, speech_final=False) for n in range(60)]
    assert [len(piece) for piece in joined(said)] == [20, 20, 20]


TALK = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.lists(st.sampled_from(["yes", "no", "eyes"]), min_size=1, max_size=4),
        st.booleans(),
        st.floats(0, 2),
        st.floats(0, 40),
    ),
    max_size=30,
)


def laid_out(talk: list[tuple[int, list[str], bool, float, float]]) -> list[LiveUtterance]:
    """Results as they are stored: those of a channel in order of time, the channels mixed."""
    now = [0.0, 0.0]
    said = []
    for seq, (channel, words, final, pause, length) in enumerate(talk, start=1):
        start = now[channel] + pause
        now[channel] = start + length
        said.append(utterance(seq, channel, " ".join(words), start, now[channel], speech_final=final))
    return said


@given(TALK)
def test_every_result_is_in_one_utterance_of_its_channel_in_its_order(
    talk: list[tuple[int, list[str], bool, float, float]],
) -> None:
    said = laid_out(talk)
    pieces = joined(said)
    for channel in (0, 1):
        of_channel = [one for piece in pieces for one in piece if piece[0].channel == channel]
        assert of_channel == [one for one in said if one.channel == channel]
    assert all(one.channel == piece[0].channel for piece in pieces for one in piece)
    assert all(first[0].start <= second[0].start for first, second in pairwise(pieces))


@given(TALK, st.randoms(use_true_random=False))
def test_the_order_in_which_results_are_read_does_not_matter(
    talk: list[tuple[int, list[str], bool, float, float]], shuffler: Random
) -> None:
    said = laid_out(talk)
    shuffled = list(said)
    shuffler.shuffle(shuffled)
    assert joined(shuffled) == joined(said)


@given(st.lists(st.sampled_from(["yes", "no", "eyes", "glaucoma"]), min_size=1, max_size=30), st.data())
def test_a_sentence_is_the_same_utterance_however_deepgram_cut_it(words: list[str], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(words)), max_size=6)) | {0, len(words)})
    pieces = [
        utterance(seq, 1, " ".join(words[first:last]), first, last, speech_final=last == len(words))
        for seq, (first, last) in enumerate(pairwise(cuts), start=1)
    ]
    [said] = transcript_of(*pieces).utterances
    assert (said.text, said.start, said.end, said.word_count) == (" ".join(words), 0, len(words), len(words))
    assert said.confidence == 0.9


# The transcript


def test_a_live_call_has_the_transcript_of_a_recorded_one() -> None:
    transcript = transcript_of(*CONVERSATION)
    assert transcript.source == "live"
    assert transcript.provenance is None
    assert transcript.live is not None
    assert transcript.live.complete
    assert (transcript.recording.clinic_id, transcript.recording.day) == ("harbour", "2026-11-20")
    assert transcript.roles.method is RoleMethod.CHANNEL
    assert [(said.role, said.role_confidence) for said in transcript.utterances] == [
        (Role.AGENT, 1.0),
        (Role.CUSTOMER, 1.0),
        (Role.AGENT, 1.0),
        (Role.CUSTOMER, 1.0),
    ]
    assert (transcript.utterances[0].start, transcript.utterances[0].end) == (0.5, 5.5)
    assert (transcript.word_count, transcript.confidence, transcript.duration_seconds) == (34, 0.9, 14.0)
    assert transcript.summary.flag("appointment_requested").raised
    assert "appointment" in transcript.summary.text
    assert (transcript.topics, transcript.intents, transcript.sentiment) == ((), (), None)
    assert score(transcript, load_rubric()).score is not None


def test_the_confidence_of_an_utterance_counts_its_words() -> None:
    said = (
        utterance(1, 0, "one two three", 0.0, 1.0, speech_final=False, confidence=1.0),
        utterance(2, 0, "four", 1.0, 2.0, confidence=0.5),
    )
    [piece] = transcript_of(*said).utterances
    assert piece.confidence == 0.875


def test_what_deepgram_does_not_say_of_its_confidence_is_not_known() -> None:
    unsure = utterance(2, 0, "four", 1.0, 2.0, confidence=None)
    said = utterance(1, 0, "one two three", 0.0, 1.0, speech_final=False, confidence=0.9)
    assert [piece.confidence for piece in transcript_of(said, unsure).utterances] == [0.9]
    transcript = transcript_of(replace(unsure, seq=1))
    assert [piece.confidence for piece in transcript.utterances] == [None]
    assert transcript.confidence is None


def test_a_call_in_which_nobody_spoke_has_a_transcript_that_says_so() -> None:
    transcript = transcript_of()
    assert (transcript.speech, transcript.full_transcript, transcript.warnings) == (False, "", ("no-speech",))


def test_a_live_call_costs_what_streams_cost() -> None:
    state = replace(STATE, sessions=3, vocabulary_terms=4)
    cost = transcript_of(*CONVERSATION, state=state, options=TranscriptionOptions(redact=("pci",))).cost
    assert (cost.billed_seconds, cost.channels, cost.requests) == (14, 2, 3)
    assert {line.item: line.rate_usd for line in cost.lines} == {
        "transcription nova-3": Decimal("0.0048"),
        "redaction": Decimal("0.0020"),
        "keyterm": Decimal("0.0013"),
    }
    assert all(line.quantity == Decimal("0.466667") for line in cost.lines)


def test_what_streams_do_not_offer_counts_as_not_asked_for() -> None:
    options = transcript_of(*CONVERSATION, options=TranscriptionOptions(detect_entities=True, tags=("a",))).options
    assert not any(options[name] for name in ("sentiment", "topics", "intents", "summarize", "detect_entities"))
    assert (options["speakers"], options["tags"]) == ("multichannel", ["a"])


@pytest.mark.parametrize(
    "stored",
    [CONVERSATION[1:], CONVERSATION[:-1], (*CONVERSATION[:2], *CONVERSATION[3:]), CONVERSATION + CONVERSATION[:1]],
)
def test_results_that_are_not_all_there_are_no_transcript(stored: tuple[LiveUtterance, ...]) -> None:
    with pytest.raises(MissingUtterances, match="not numbered 1 to 5"):
        recognition_of(STATE, stored)


# As document and item


@given(TALK)
@settings(max_examples=30)
def test_any_live_transcript_survives_json(talk: list[tuple[int, list[str], bool, float, float]]) -> None:
    transcript = transcript_of(*laid_out(talk))
    assert from_document(json.dumps(to_document(transcript))) == transcript


def test_the_item_names_no_recording_and_says_what_is_missing() -> None:
    gap = {"start": Decimal(0), "end": Decimal(8000), "reason": "unreadable"}
    state = LiveState.from_item(live_item(complete=False, incomplete_reasons=["gap-unreadable"], gaps=[gap]))
    item = to_item(
        transcript_of(*CONVERSATION, state=state),
        archive=ArchivePointers(bucket="archive", transcript_key="transcripts/live.json.gz", reply_key=None),
    )
    assert (item["PK"], item["SK"]) == (f"CLINIC#{state.clinic_id}", f"TRANSCRIPT#{state.day}#{state.call_id}")
    assert (item["source"], item["layout"], item["kind"]) == ("live", "live", "agent")
    assert item["live"] == {
        "complete": False,
        "incomplete_reasons": ["gap-unreadable"],
        "end_reason": "disconnected",
        "utterances": Decimal(5),
        "gaps": [gap],
        "duration_seconds": Decimal("14.0"),
        **{name: value for name, value in live_item().items() if name in ("intervals", "beginning", "end")},
    }
    assert not item.keys() & {"recording_id", "s3_key", "recording_last_modified", "reply_key", "version_id"}
