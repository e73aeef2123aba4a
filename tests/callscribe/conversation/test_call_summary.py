from typing import Any

import pytest

from callscribe.conversation.call_summary import CallSummary, SummarySource
from tests.callscribe.replies import (
    AGENT,
    BILLING,
    CUSTOMER,
    silent,
    stereo,
    talk,
    transcript_of,
)


def summary_of(*lines: tuple[int, str]) -> CallSummary:
    """The summary of a call in which both speak."""
    silent_one = {CUSTOMER, AGENT} - {speaker for speaker, _ in lines}
    return transcript_of(stereo(talk(*lines, *((speaker, "Mhm.") for speaker in silent_one)))).summary


def test_deepgrams_summary_is_taken_where_there_is_one() -> None:
    reply = stereo(BILLING)
    reply["results"]["summary"] = {"result": "success", "short": "A bill is disputed."}
    summary = transcript_of(reply).summary
    assert (summary.text, summary.source) == ("A bill is disputed.", SummarySource("deepgram"))


@pytest.mark.parametrize(
    "given", [None, {"result": "failure", "short": "English only."}, {"result": "success", "short": ""}]
)
def test_otherwise_concern_and_outcome_are_quoted(given: Any) -> None:
    reply = stereo(BILLING)
    if given is not None:
        reply["results"]["summary"] = given
    summary = transcript_of(reply).summary
    assert summary.source is SummarySource.EXTRACT
    assert summary.text == (
        "Customer: Good morning. I got a bill for two hundred dollars, and I think it is wrong. "
        "Agent: It will take about thirty days. You do not have to pay anything until then."
    )


def test_a_long_turn_is_quoted_in_part() -> None:
    text = summary_of((CUSTOMER, "word " * 200)).text
    assert text.endswith("word …")
    assert len(text) < 260


def test_a_few_words_are_quoted_as_they_are() -> None:
    assert transcript_of(stereo(talk((AGENT, "Hello?")))).summary.text == "Agent: Hello?"


def test_silence_is_summed_up_as_silence() -> None:
    summary = transcript_of(silent()).summary
    assert summary.source is SummarySource.NONE
    assert summary.text == "No speech was recognised in this recording."
