"""What is looked for, and where a turn has it."""

from __future__ import annotations

import unicodedata
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.search.terms import InvalidTerms, Terms, chosen, normalised, snippet


def has(query: str, *turns: str) -> bool:
    terms = Terms.of(query)
    found = bool(terms.places(turns))
    assert terms.maybe_in("\n".join(turns)) or not found, "what is passed over quickly must not have it"
    return found


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("refund", "I want my REFUND now."),
        ("refund", "Two refunds, please."),
        ("müller", "This is Mueller? No, Muller."),
        ("Muller", "Frau Müller ruft an."),
        ("strasse", "In der Hauptstraße? Nein, Straße."),
        ("don't", "We don’t do that."),
        ("dont", "We don't do that."),
        ("follow-up", "A follow up, please."),
        ('"no thank you"', "No, thank you!"),
        ("“no thank you”", "no -- thank you"),
        ('"20/20"', "You have 20/20 and more."),
        ("is it refund", "It is a refund, is it?"),
        ("½ refund", "Refund of ½ of it."),
        ('"cafe', "At the café."),
    ],
)
def test_it_is_found(query: str, said: str) -> None:
    assert has(query, said)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("fund", "I want my refund."),
        ('"refund"', "Two refunds, please."),
        ('"thank you no"', "No, thank you."),
        ('"refund it"', "refund items"),
        ("it refund", "Items and a refund."),
        ("refund glasses", "A refund."),
    ],
)
def test_it_is_not_found(query: str, said: str) -> None:
    assert not has(query, said)


def test_words_may_stand_in_turns_of_their_own_and_a_phrase_may_not() -> None:
    assert has("refund glasses", "A refund.", "Glasses.")
    assert not has('"refund glasses"', "A refund.", "Glasses.")


def test_every_place_counts_and_the_first_of_each_term_is_shown() -> None:
    turns = ["A refund, a refund.", "Glasses."]
    places = Terms.of("refund glasses").places(turns)
    assert [place[:2] for place in places] == [(0, 1), (0, 3), (1, 0)]
    assert [place[:2] for place in chosen(places, 2)] == [(0, 1), (1, 0)]


def test_a_snippet_shows_what_was_said_as_it_was_said() -> None:
    text = f"{'Well, ' * 40}it’s the Café’s “vouchers” - I think{', you know' * 40}."
    [place] = Terms.of('"cafes vouchers"').places([text])
    shown = snippet(text, place, start=2.5, role="agent")
    assert shown.match == "Café’s “vouchers"
    assert shown.before.startswith("…")
    assert shown.after.endswith("…")
    assert f"{shown.before[1:]}{shown.match}{shown.after[:-1]}" in text
    assert len(shown.before) < 90 > len(shown.after)


@pytest.mark.parametrize(
    "query", ["", " ", "of", "of it", '"a b"', "x" * 201, "…!?", " ".join(f"w{number}a" for number in range(9))]
)
def test_what_cannot_be_looked_for_is_refused_without_quoting_it(query: str) -> None:
    with pytest.raises(InvalidTerms) as refused:
        Terms.of(query)
    assert len(query.strip()) < 4 or query not in str(refused.value)


SPOKEN = st.text(st.sampled_from("abcdéßİŉ½'’- .,\"ü\u0301_3"), max_size=40)


@given(SPOKEN)
def test_text_without_marks_is_read_alike_whichever_way(text: str) -> None:
    plain = "".join(character for character in text if character.isascii())
    assert normalised(plain).split() == normalised(f"{plain} é").split()[:-1]


@given(SPOKEN, SPOKEN)
def test_what_is_passed_over_quickly_does_not_have_it(query: str, text: str) -> None:
    with suppress(InvalidTerms):
        has(query, text)


@given(SPOKEN)
def test_a_place_is_always_shown_whole(text: str) -> None:
    words = normalised(text).split()
    for word in words:
        if len(word) >= 3:
            for place in Terms.of(word).places([text]):
                shown = snippet(text, place, start=0, role="agent").match
                assert normalised(shown).strip().startswith(word)


@given(SPOKEN)
def test_a_text_is_found_however_its_marks_are_written(text: str) -> None:
    composed, taken_apart = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert normalised(composed) == normalised(taken_apart)
