"""Words that an expression cannot match without are never more than that."""

from collections.abc import Mapping

import pytest

from callscribe.conversation.clauses import clauses
from callscribe.conversation.flags import load_flag_set
from callscribe.conversation.needed_words import NeededWords, Term, WordIndex, shape

TERMS: Mapping[str, Term] = {
    "visit": Term(shape("appointments?|check up|slot", {})),
    "g2": Term(shape(r"(?:\S+ ){0,2}?", {})),
}


def _needed(expression: str) -> NeededWords:
    return NeededWords(shape(expression, TERMS))


@pytest.mark.parametrize(
    ("expression", "words", "stems"),
    [
        ("cancel it", {"cancel"}, ()),
        ("my (?:visit|exam)", {"visit", "exam"}, ()),
        ("(?:the )?doctors?", {"doctor", "doctors"}, ()),
        ("pharmac(?:y|ies) (?:my|our)", {"pharmacy", "pharmacies"}, ()),
        (r"allerg\S*", set(), ("allerg",)),
        ("(?:need|want) <g2><visit>", {"appointment", "appointments", "check", "slot"}, ()),
        ("(?:give|get) (?:me )?back", {"back"}, ()),
        (r"(?<!auto )insurance(?! card)", {"insurance"}, ()),
        (r"^yes|not$", {"yes", "not"}, ()),
        ("(?:very )+sorry", {"sorry"}, ()),
    ],
)
def test_the_rarest_words_without_which_nothing_matches_are_found(
    expression: str, words: set[str], stems: tuple[str, ...]
) -> None:
    needed = _needed(expression)

    assert (needed.known, needed.words, needed.stems) == (True, frozenset(words), stems)


@pytest.mark.parametrize(
    "expression",
    [r"\S+teen", "(?:now)?", "(?:now|)", "sick|.+", r"(a)\1", "[a-z]+", "(?i:now)", r"\S+(?:ing|ed)", "(?:now){0,3}"],
)
def test_an_expression_that_may_match_without_known_words_can_match_anywhere(expression: str) -> None:
    assert _needed(expression).can_match(frozenset({"anything"}))


def test_part_of_a_word_is_not_taken_for_the_word() -> None:
    assert _needed("un(?:happy|kind) today|(?:re|pre)order").can_match(frozenset({"unkind", "today"}))
    assert _needed("un(?:happy|kind) today|(?:re|pre)order").can_match(frozenset({"preorder"}))
    assert _needed(r"(?:o'clock|\d+)(?:am|pm)?").can_match(frozenset({"10pm"}))


def test_an_index_names_what_can_match_in_the_order_that_was_given() -> None:
    index = WordIndex(map(_needed, ["cancel", r"\S+ing", r"allerg\S*", "cancel|refill"]))

    assert index.matching(frozenset({"cancel"})) == [0, 1, 3]
    assert index.matching(frozenset({"allergic"})) == [1, 2]


def test_no_rule_matches_a_sentence_of_the_lexicon_without_its_words() -> None:
    acts = load_flag_set().acts
    for name, act in acts.file.acts.items():
        for rule in act.rules.values():
            for sentence in rule.finds:
                for clause in clauses(sentence):
                    can = dict(acts.of(name).rules_for(clause))
                    matching = {
                        other for other, one in acts.of(name).rules.items() if one.say.pattern.search(clause.text)
                    }
                    if not acts.of(name).about.isdisjoint(clause.words):
                        assert matching <= can.keys(), sentence
