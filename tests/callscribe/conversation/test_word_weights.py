"""Weights of words: what they know of a piece, and that the shipped ones fit the flag set."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from callscribe.conversation.flags import FlagSet, InvalidFlagSet, alerts_of, load_flag_set, read_flag_set
from callscribe.conversation.utterances import Role
from callscribe.conversation.word_weights import WordWeights, WordWeightsFile, features
from callscribe.conversation.wording import Threshold
from callscribe.written_calls import Line, WrittenCall, transcript_of

MISSED_BY_RULES = "The box of lenses is on its last pair, same as before please."
FILE = WordWeightsFile(
    name="weights",
    version=3,
    description="",
    language="en",
    flag_set="mine",
    flags=("urgent", "complaint"),
    thresholds={"urgent": Threshold(add=1.0, veto=-1.0), "complaint": Threshold(add=1.0, veto=None)},
    classes={"monday": "#day", "friday": "#day"},
    biases=(-50, -500),
    weights={"help": (400, 0), "#day": (0, 100), "help #day": (200, -100)},
)


def test_a_score_is_the_bias_and_the_weights_of_known_features_over_the_root_of_their_number() -> None:
    (urgent, complaint) = WordWeights(FILE).read("Help Friday, unknown words.").values()
    assert urgent.score == pytest.approx((600 / 3**0.5 - 50) / 100)
    assert urgent.adds
    assert not urgent.vetoes
    assert complaint.score == pytest.approx(-5.0)
    assert not complaint.vetoes


def test_words_of_a_class_are_the_same_word() -> None:
    assert features("On Monday", FILE.classes) == features("On Friday", FILE.classes)
    assert features("room 12", {}) == features("room 7", {})


def test_pairs_do_not_reach_across_sentences() -> None:
    assert "no thanks" not in features("No. Thanks.", {})
    assert "no thanks" in features("No, thanks.", {})


def test_of_two_words_nothing_is_known() -> None:
    assert WordWeights(FILE).read("Help! Friday!") == {}


@given(st.text())
def test_every_text_is_read(text: str) -> None:
    assert WordWeights(FILE).read(text).keys() <= {"urgent", "complaint"}


def _flags(text: str) -> set[str]:
    call = WrittenCall(lines=(Line("agent", "Eye clinic, hello."), Line("customer", text)))
    return {flag.name for flag in transcript_of(call).summary.flags if flag.raised}


def test_the_shipped_ones_find_what_no_rule_does() -> None:
    assert _flags(MISSED_BY_RULES) == {"prescription_refill"}


def test_they_fit_the_flag_set() -> None:
    flag_set = load_flag_set()
    assert flag_set.wording is not None
    assert flag_set.wording.file.flag_set == flag_set.file.name
    assert flag_set.wording.file.flags == flag_set.names
    assert {len(weights) for weights in flag_set.wording.file.weights.values()} == {len(flag_set.names)}


class _Heard(NamedTuple):
    role: Role
    text: str


def test_what_words_alone_find_urgent_is_told_at_once_too() -> None:
    text = "There is a smudge over the middle of my sight since this morning."
    flag_set = load_flag_set()
    acts_alone = FlagSet(replace(flag_set.file, wording=None), flag_set.acts)
    assert [*alerts_of([_Heard(Role.CUSTOMER, text)], flag_set)] == ["urgent"]
    assert [*alerts_of([_Heard(Role.CUSTOMER, text)], acts_alone)] == []


def test_a_flag_set_without_wording_goes_by_its_acts() -> None:
    file = replace(load_flag_set().file, name="acts-alone", wording=None)
    assert read_flag_set(file).wording is None


def test_a_wording_that_is_none_is_refused_by_name() -> None:
    file = replace(load_flag_set().file, name="mine", wording="wording-eye-clinic-en-v2")
    with pytest.raises(InvalidFlagSet, match="wording: there is no lexicon wording-eye-clinic-en-v2: did you mean"):
        read_flag_set(file)
