import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import pytest

from callscribe.conversation.acts import Act, Acts, ActsFile, Conversation, InvalidActs
from callscribe.conversation.clauses import Answer, Standing, answer, clauses, english
from callscribe.conversation.utterances import Role
from callscribe.data_files import load, names

FILES = [name for name in names("lexicons") if name.startswith("acts-")]
ACTS = {name: Acts(load(ActsFile, "lexicons", name)) for name in FILES}
SHIPPED = ACTS["acts-eye-clinic-en-v1"]


@dataclass(frozen=True)
class Line:
    role: Role
    text: str


def agent(text: str) -> Line:
    return Line(Role.AGENT, text)


def customer(text: str) -> Line:
    return Line(Role.CUSTOMER, text)


def said_by(act: Act, text: str) -> Line:
    return agent(text) if act.by == "agent" else customer(text)


def rules() -> Iterator[tuple[str, str, str]]:
    for file, acts in ACTS.items():
        for name, act in acts.file.acts.items():
            for rule in act.rules:
                yield file, name, rule


@pytest.mark.parametrize(("file", "name", "rule"), list(rules()))
def test_a_rule_finds_its_sentences_and_leaves_the_others(file: str, name: str, rule: str) -> None:
    acts = ACTS[file]
    act = acts.file.acts[name]
    examples = act.rules[rule]
    assert len(examples.finds) >= 3
    assert len(examples.leaves) >= 3
    alone = Acts(
        msgspec.structs.replace(acts.file, acts={name: msgspec.structs.replace(act, rules={rule: act.rules[rule]})})
    )
    silent = [text for text in examples.finds if not Conversation([said_by(act, text)], alone).stands(name)]
    loud = [text for text in examples.leaves if Conversation([said_by(act, text)], acts).stands(name)]
    assert (silent, loud) == ([], [])


def expressions() -> Iterator[tuple[str, str]]:
    for acts in ACTS.values():
        for name, term in acts.file.terms.items():
            yield f"terms.{name}", term
        for name, act in acts.file.acts.items():
            for expression in (act.unless, act.unless_turn):
                if expression is not None:
                    yield name, expression
            for rule_name, rule in act.rules.items():
                for expression in (rule.say, rule.unless, rule.unless_turn, *rule.together):
                    if expression is not None:
                        yield f"{name}.{rule_name}", expression


@pytest.mark.parametrize(("place", "expression"), list(expressions()))
def test_no_expression_names_a_word_that_is_never_left_by_normalising(place: str, expression: str) -> None:
    literal = re.sub(r"<[^>]*>|\\[A-Za-z]", " ", expression)
    file = english().file
    dead = {
        word
        for word in re.findall(r"[a-z]+(?:'[a-z]+)?", literal)
        if file.contractions.get(word, word) != word or file.rewrites.get(word, word) != word
    }
    assert dead == set(), place


def texts(text: str) -> list[str]:
    return [clause.text for clause in clauses(text)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("I'd like to see Dr. Patel, please.", ["i would like to see doctor patel"]),
        ("I, uh, I wanna come in.", ["i want to come in"]),
        ("I don't need a visit I just want my chart", ["i do not need a visit", "i want my chart"]),
        ("Let the man who needs it have my place.", ["let the man who needs it have my place"]),
        ("I got it in there, should I worry?", ["i got it in there", "should i worry"]),
        ("The man who did my exam was late.", ["the man who did my exam was late"]),
        ("i got a bill who do i ask", ["i got a bill", "who do i ask"]),
        ("I'll be late, is that okay?", ["i will be late", "is that okay"]),
        ("I can't do Friday, what else is there?", ["i can not do friday", "what else is there"]),
        ("I have no word for what I do, it's odd.", ["i have no word for what i do", "it is odd"]),
        ("We did and everything went fine.", ["we did and everything went fine"]),
        ("It was 3:30 p.m. on Monday.", ["it was 3:30 pm on monday"]),
        ("If it hurts, I'll call but I won't come.", ["if it hurts", "i will call", "but i will not come"]),
        ("", []),
        ("...", []),
    ],
)
def test_a_text_is_cut_into_normalised_clauses(text: str, parts: list[str]) -> None:
    assert texts(text) == parts


def test_a_clause_knows_the_words_as_they_were_said() -> None:
    (clause,) = clauses("Well, um, I can't see Dr. Patel today.")
    start = clause.text.index("see")
    assert clause.spoken_words(start, start + len("see doctor patel")) == (4, 6)


def standing(text: str, words: str) -> Standing:
    for clause in clauses(text):
        if (start := clause.text.find(words)) >= 0:
            return clause.standing(start, start + len(words))
    raise AssertionError(texts(text))


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("I want an exam.", "want an exam", Standing.STANDS),
        ("I really do not, you know, at this point in my life want an exam.", "want an exam", Standing.NEGATED),
        ("Nobody here would ever want an exam.", "want an exam", Standing.NEGATED),
        ("No, I want an exam.", "want an exam", Standing.STANDS),
        ("I don't know how, but I want an exam.", "want an exam", Standing.STANDS),
        ("Do I need an exam?", "need an exam", Standing.ASKED),
        ("do i need an exam", "need an exam", Standing.ASKED),
        ("I wonder whether I need an exam.", "need an exam", Standing.ASKED),
        ("If I need an exam, I'll come.", "need an exam", Standing.HYPOTHETICAL),
        ("In case I need an exam.", "need an exam", Standing.HYPOTHETICAL),
        ("I would have come for an exam.", "come for an exam", Standing.HYPOTHETICAL),
        ("I was going to book an exam.", "book an exam", Standing.HYPOTHETICAL),
        ("I'd book an exam, but I have no car.", "book an exam", Standing.HYPOTHETICAL),
        ("I'd like an exam, but not on Monday.", "like an exam", Standing.STANDS),
        ("Is it true you need an exam?", "need an exam", Standing.ASKED),
        ("Kids need an exam.", "need an exam", Standing.STRANGER),
        ("My kids need an exam.", "need an exam", Standing.STANDS),
        ("Your letter said to book an exam.", "to book an exam", Standing.REPORTED),
        ("When I need an exam we call.", "need an exam", Standing.TEMPORAL),
        ("They told me to get an exam.", "get an exam", Standing.REPORTED),
        ("I needed an exam last year.", "needed an exam", Standing.PAST),
        ("My neighbor needs an exam.", "needs an exam", Standing.STRANGER),
        ("You people need an exam.", "need an exam", Standing.STANDS),
        ("There is this one exam.", "one exam", Standing.STANDS),
        ("I'm calling for my neighbor who needs an exam.", "needs an exam", Standing.STANDS),
        ("Why don't you call me?", "call me", Standing.ASKED),
        ("Can't you see me today?", "can you see me", Standing.STANDS),
    ],
)
def test_a_clause_says_whether_its_words_are_so(text: str, words: str, expected: Standing) -> None:
    assert standing(text, words) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes, please.", Answer.YES),
        ("That works for me.", Answer.YES),
        ("Uh, sure, go ahead.", Answer.YES),
        ("Please.", Answer.YES),
        ("Oh, absolutely.", Answer.YES),
        ("Might as well.", Answer.YES),
        ("Definitely not.", Answer.NO),
        ("Afraid not.", Answer.NO),
        ("A text is fine.", Answer.UNCLEAR),
        ("No thanks.", Answer.NO),
        ("Okay. No, I'd rather not.", Answer.NO),
        ("I'm good, thank you.", Answer.NO),
        ("Let me think about it.", Answer.NO),
        ("Which doctor would that be?", Answer.UNCLEAR),
        ("", Answer.UNCLEAR),
    ],
)
def test_an_answer_is_yes_or_no_or_unclear(text: str, expected: Answer) -> None:
    assert answer(clauses(text)) is expected


def test_an_offer_is_paired_with_the_other_partys_answer() -> None:
    call = Conversation(
        [
            agent("Would you like to come in on Tuesday?"),
            customer("Hm."),
            agent("At three?"),
            customer("Yes, that works."),
        ],
        SHIPPED,
    )
    assert [(offer.turn, reply.turn, said) for offer, reply, said in call.answered("offer-appointment")][:1] == [
        (0, 3, Answer.YES)
    ]


def test_an_act_is_only_of_those_who_can_do_it() -> None:
    call = Conversation([agent("I need an appointment."), customer("I need an appointment.")], SHIPPED)
    assert [found.turn for found in call.stands("request-appointment")] == [1]


def test_what_does_not_stand_is_found_with_what_speaks_against_it() -> None:
    (found,) = Conversation([customer("I do not need an appointment.")], SHIPPED).find("request-appointment")
    assert (found.standing, found.stands) == (Standing.NEGATED, False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"by": "someone"}, "acts.greet.by"),
        ({"rules": {"hello": {"say": "(", "finds": [], "leaves": []}}}, "acts.greet.rules.hello"),
        ({"rules": {"hello": {"say": "<hello>", "finds": [], "leaves": []}}}, "there is no term hello"),
    ],
)
def test_acts_that_cannot_work_are_refused_by_place(change: dict[str, object], message: str) -> None:
    act = {"by": "agent", "about": ["hello"], "rules": {}} | change
    file = msgspec.convert({"description": "", "language": "en", "terms": {}, "acts": {"greet": act}}, ActsFile)
    with pytest.raises(InvalidActs, match=re.escape(message)):
        Acts(file).check()
