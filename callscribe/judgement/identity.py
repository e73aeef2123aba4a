"""Who the patient is: a name and a date of birth, or an account number, asked and answered or given unasked."""

from collections.abc import Iterator, Sequence
from re import Pattern
from typing import Final

from callscribe.judgement.cues import Cues, named
from callscribe.judgement.heard import Call, Place
from callscribe.judgement.sentences import Sentence, said

ANSWERED_WITHIN: Final = 3
"""The customer's turns after a question in which its answer is looked for."""

_SHORT_ANSWER: Final = 6
_SHORTEST_NAME: Final = 2


def is_name(written: Sequence[str], cues: Cues) -> bool:
    """Whether words can be somebody's name: none of the everyday ones, and written with a capital where others are."""
    plain = [word.strip(".,?!;:\"'’").casefold().removesuffix("'s").removesuffix("’s") for word in written]
    if not plain or any(len(word) < _SHORTEST_NAME or word[0].isdigit() for word in plain):
        return False
    return cues.everyday_words.isdisjoint(plain) and not any(
        word.endswith("ing") and written[index][0].islower() for index, word in enumerate(plain)
    )


def names_given(call: Call) -> Iterator[Place]:
    """Where the patient's name is given."""
    cues = call.cues
    for turn in call.customer:
        for sentence in call.sentences(turn):
            for match in cues["gives-name"].finditer(sentence.text):
                group = named(match)
                if group is not None and _is_written_name(call, turn, sentence.written(match, group)):
                    yield Place(turn, sentence.place(match))
    for asked in call.agent:
        if not _asks(call, asked, cues["asks-name"]):
            by_name = any(
                (group := named(match)) is not None and is_name(sentence.written(match, group), cues)
                for sentence in call.sentences(asked)
                for match in cues["asks-by-name"].finditer(sentence.text)
            )
            if by_name:
                yield from _affirmed(call, asked, most=1)
            continue
        if _says_a_name(call, asked):
            yield from _affirmed(call, asked, most=1)
        for turn in call.customer_after(asked, ANSWERED_WITHIN):
            yield from call.where(turn, lambda sentence: _answers_with_name(sentence, call))


def births_given(call: Call) -> Iterator[Place]:
    """Where the date of birth, or the number of an account, is given."""
    cues = call.cues
    for turn in call.customer:
        yield from call.where(turn, lambda sentence: _gives_birth(sentence, cues))
        if _introduces(call, turn):
            yield from call.where(turn, lambda sentence: cues["date-with-year"].search(sentence.text) is not None)
    for asked in call.agent:
        if not _asks(call, asked, cues["asks-birth"]) or call.says(asked, cues["asks-birth-not"]):
            continue
        if any(cues["date"].search(sentence.text) for sentence in call.sentences(asked)):
            yield from _affirmed(call, asked, most=1)
        account = call.says(asked, cues["asks-account"])
        for turn in call.customer_after(asked, ANSWERED_WITHIN):
            if call.says(turn, cues["refuses"]) and not call.says(turn, cues["date-with-year"]):
                continue
            for sentence in call.sentences(turn):
                if _answers_with_date(sentence, cues, account=account):
                    yield Place(turn, sentence.whole)


def _asks(call: Call, turn: int, what: Pattern[str]) -> bool:
    return any(said(sentence, what) for sentence in call.sentences(turn))


def _says_a_name(call: Call, turn: int) -> bool:
    return any(word[:1].isupper() and is_name([word], call.cues) for word in call.turns[turn].text.split()[1:])


def _affirmed(call: Call, asked: int, *, most: int) -> Iterator[Place]:
    for turn in call.customer_after(asked, most):
        for sentence in call.sentences(turn):
            for match in call.cues["affirms"].finditer(sentence.text):
                yield Place(turn, sentence.place(match))


def _introduces(call: Call, turn: int) -> bool:
    """Whether a name is given in a turn, so that a date beside it is that of the birth."""
    return any(
        (group := named(match)) is not None and _is_written_name(call, turn, sentence.written(match, group))
        for sentence in call.sentences(turn)
        for match in call.cues["gives-name"].finditer(sentence.text)
    )


def _is_written_name(call: Call, turn: int, written: Sequence[str]) -> bool:
    """Whether words are a name; where a turn has capitals, a name has one."""
    capitals = any(character.isupper() for character in call.turns[turn].text)
    return is_name(written, call.cues) and (not capitals or all(word[:1].isupper() for word in written))


def _answers_with_name(sentence: Sentence, call: Call) -> bool:
    cues = call.cues
    if sentence.question or said(sentence, cues["refuses"]):
        return False
    if said(sentence, cues["spelled"]):
        return True
    written = [word for word in sentence.raw if word.strip(".,?!;:-")]
    if not any(word[:1].isupper() for word in written):
        return any(is_name([word], cues) for word in written) and (
            len(sentence.words) <= _SHORT_ANSWER or said(sentence, cues["names-somebody"])
        )
    capital = [word[:1].isupper() and is_name([word], cues) for word in written]
    # The first word of a sentence has a capital anyway.
    return any(capital[1:]) or (capital[0] and len(written) == 1)


def _gives_birth(sentence: Sentence, cues: Cues) -> bool:
    # "It's Ann Lee, date of birth two twelve eighty three, are they in?" gives it in a question.
    date = cues["date-with-year" if sentence.question else "date"]
    if said(sentence, cues["birth-given"]) and said(sentence, date):
        return True
    if sentence.question:
        return False
    return any(True for _ in sentence.affirmed(cues["account-given"])) and said(sentence, cues["digits"])


def _answers_with_date(sentence: Sentence, cues: Cues, *, account: bool) -> bool:
    if sentence.question and not said(sentence, cues["date-with-year"]):
        return False
    if said(sentence, cues["other-number"]) and not said(sentence, cues["birth-given"]):
        return False
    if said(sentence, cues["date"]):
        return True
    return account and said(sentence, cues["digits"])
