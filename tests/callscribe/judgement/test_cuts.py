"""The same words in other utterances are the same call: no flag, score, role or doubt depends on where it was cut."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callscribe.deepgram.reply import parse_reply
from callscribe.documents import from_document, to_document
from callscribe.judgement.quality import load_rubric, score
from callscribe.recognition import RecognisedUtterance, Recognition, Word
from callscribe.serialization import encode_json
from callscribe.transcript import Transcript
from tests.callscribe.replies import (
    AGENT,
    APPOINTMENT,
    BILLING,
    CUSTOMER,
    URGENT,
    body,
    mono,
    stereo,
    talk,
    transcript_of_recognition,
)

ACCEPTED = talk(
    (AGENT, "Birch Vision, this is Omar, how can I help?"),
    (CUSTOMER, "I do not want to cancel my visit. I lost my drops, could I get more of them?"),
    (AGENT, "Would you like to come in on Thursday at ten?"),
    (CUSTOMER, "Yes, please. And have somebody call me back if there is an earlier one."),
    (AGENT, "We will call you. Your call may be recorded. Goodbye."),
    pause=0.9,
)
CALLS = [make(turns) for turns in (APPOINTMENT, BILLING, URGENT, ACCEPTED) for make in (stereo, mono)]


def cut_anew(heard: Recognition, cuts: random.Random) -> Recognition:
    """The words of a call in other utterances, with several voices in one where they share a channel."""
    utterances = []
    for channel in range(heard.channel_count):
        said = sorted(
            (word for one in heard.utterances if one.channel == channel for word in one.words), key=lambda w: w.start
        )
        while said:
            length = cuts.randint(1, 25)
            utterances.append(_utterance(channel, said[:length]))
            said = said[length:]
    utterances.sort(key=lambda one: (one.start, one.end, one.channel))
    return replace(heard, utterances=tuple(utterances))


def _utterance(channel: int, said: list[Word]) -> RecognisedUtterance:
    return RecognisedUtterance(
        channel=channel,
        speaker=said[0].speaker,
        text=" ".join(word.text for word in said),
        start=said[0].start,
        end=max(word.end for word in said),
        words=tuple(said),
    )


def concluded(transcript: Transcript) -> dict[str, Any]:
    """All that is concluded, but for the indexes of utterances and the text of an extract."""
    stored = from_document(encode_json(to_document(transcript)))
    quality = score(stored, load_rubric())
    return {
        "roles": transcript.roles,
        "reliability": transcript.reliability,
        "turns": [(turn.role, turn.text) for turn in transcript.turns_spoken()],
        "flags": [
            (flag.name, [(one.source, one.rule, one.quote, one.certainty) for one in flag.evidence])
            for flag in transcript.summary.flags
        ],
        "score": quality.score,
        "criteria": [
            (one.criterion, one.applicable, one.points, one.reason, one.measures, one.quotes)
            for one in quality.criteria
        ],
    }


@pytest.mark.parametrize("reply", CALLS, ids=["two channels", "one channel"] * 4)
@settings(max_examples=15)
@given(seed=st.integers(0, 2**16))
def test_where_a_call_was_cut_changes_nothing_that_is_concluded(reply: dict[str, Any], seed: int) -> None:
    heard = parse_reply(body(reply))
    words_alone = replace(
        heard,
        utterances=tuple(_utterance(one.channel, list(one.words)) for one in heard.utterances),
    )
    as_it_came = concluded(transcript_of_recognition(words_alone))
    assert concluded(transcript_of_recognition(cut_anew(heard, random.Random(seed)))) == as_it_came
    assert any(evidence for _, evidence in as_it_came["flags"])
