"""Aimed histories end as they have to."""

from __future__ import annotations

import pytest

from tests.simulation.batch import runner
from tests.simulation.batch.aimed import AIMED

# Executions that fail, and requests to the speech service, the ones of a redrive among them.
_ENDS = {
    "one event five times": (0, 1),
    "the same bytes twice at once": (0, 1),
    "the same bytes twice at once, of which the first fails": (2, 1),
    "an execution that is stopped": (1, 1),
    "a second delivery while the first one asks": (0, 1),
    "the same bytes after the first failed behind its reply": (1, 1),
    "copies of which one failed behind its reply, and two before they asked": (3, 1),
    "a content that comes back": (0, 2),
    "a version between two with one content, stored last": (0, 2),
    "an older version, stored last": (0, 2),
    "a copy that failed behind the storing of it, after which the first was repeated": (2, 1),
    "a call of which nobody hears that it is completed, and the same bytes again": (1, 1),
    "a recording that is deleted when its transcript is stored, and not announced": (1, 1),
    "an execution that is stopped, and whose repetition fails before it can claim the recording": (2, 1),
    "a recording that waits for its live transcript, told again, and neither can be admitted any more": (2, 1),
    "another version where the first is kept": (0, 1),
    "a recording that failed, and is repeated when another one is to be kept": (1, 2),
    "an archive that takes no reply for a minute": (0, 1),
    "a place of a reply to which somebody else always writes": (1, 1),
    "a second delivery that looks before the reply and makes room after it": (0, 1),
    "a speech service that is out for a while": (0, 1),
    "a failure of which nobody can be told": (1, 0),
    "a live transcript that stands for the recording": (0, 0),
    "a live transcript of a part of the recording": (0, 1),
    "a recording that is wanted although a live transcript stands for it": (0, 1),
    "a copy of a recording that is wanted although a live transcript stands for it": (
        0,
        2,
    ),
    "a recording that nobody wants, of a live call that failed": (0, 0),
    "a recording that somebody wants after all, of a live call that failed": (0, 1),
    "a live transcript that is waited for": (0, 0),
    "an older recording, stored when the live transcript stands for a newer one": (0, 1),
    "a reply that is not to be kept": (0, 1),
    "a reply that is not to be kept, and cannot be deleted": (1, 1),
    "the same bytes after their reply was deleted": (0, 1),
    **dict.fromkeys(
        (
            "an analysis whose function ends before the answer is stored",
            "an analysis that the archive does not take",
            "an analysis whose function ends when it is shown",
            "an analysis that two functions make at once",
            "an analysis that cannot be shown, and is then",
            "a model whose first answers are of no use, and one of them gets lost",
            "a function of analyses that always ends",
        ),
        (0, 1),
    ),
    "a model that declines, and a repetition that it answers": (1, 1),
    "a newer recording, stored while the older one is analysed": (0, 2),
    "a new recording of a call that had a recording before its live transcript": (0, 2),
}
_QUESTIONS = {
    "an analysis whose function ends before the answer is stored": 2,
    "an analysis that the archive does not take": 1,
    "an analysis whose function ends when it is shown": 1,
    "an analysis that two functions make at once": 2,
    "an analysis that cannot be shown, and is then": 1,
    "a model whose first answers are of no use, and one of them gets lost": 3,
    "a model that declines, and a repetition that it answers": 2,
    "a newer recording, stored while the older one is analysed": 2,
}
"""Questions to the language model, where there are any."""


@pytest.mark.parametrize("name", AIMED)
def test_it_ends_well(name: str) -> None:
    outcome = runner.run(AIMED[name])

    assert (outcome.violations, (outcome.failed, outcome.requests)) == ([], _ENDS[name])
    assert outcome.questions == _QUESTIONS.get(name, 0)
    assert bool(outcome.met) == bool(AIMED[name].faults or AIMED[name].outages or AIMED[name].analyst)
