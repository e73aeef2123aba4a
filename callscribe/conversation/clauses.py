"""Clauses: what was said, cut and normalised, so that an expression can ask who says what and whether it is so.

How the words of a language work (contractions, fillers, negators, what opens a question) is data,
`lexicons/english-v1.json`. The text is read as speech: punctuation is used where there is some and not needed where
there is none.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from itertools import pairwise
from re import Pattern
from typing import Final

from callscribe.conversation.phrases import phrase
from callscribe.data_files import load

MAX_CLAUSE_WORDS: Final = 60
"""Words after which a clause is cut, where nothing else cuts it: so the time that an expression takes is bounded."""

_WORD: Final = re.compile(r"\d+(?:[.:,]\d+)*|[^\W_]+(?:'[^\W_]+)*")
_HARD_MARK: Final = re.compile(r"[.?!;:]+[\"')\]]*$")
_SOFT_MARK: Final = re.compile(r"(?:[,…]|--|[–—]|\.{2,})[\"')\]]*$")
_ELLIPSIS: Final = re.compile(r"(?:\.{2,}|…)[\"')\]]*$")
_HALF_DAY: Final = re.compile(r"([ap])\.m\.?,?$")


class Standing(StrEnum):
    """Whether what the words say is so.

    `stands`, or what speaks against it: it is denied, asked, only supposed, tied to another time, reported of others'
    words, past, or said of somebody who is no party to the call.
    """

    STANDS = "stands"
    NEGATED = "negated"
    ASKED = "asked"
    HYPOTHETICAL = "hypothetical"
    TEMPORAL = "temporal"
    REPORTED = "reported"
    PAST = "past"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True, kw_only=True)
class _LanguageFile:
    abbreviations: frozenset[str]
    contractions: Mapping[str, str]
    is_after: frozenset[str]
    rewrites: Mapping[str, str]
    alone: Mapping[str, str]
    asides: tuple[str, ...]
    starters: frozenset[str]
    subjects: frozenset[str]
    nominative: frozenset[str]
    auxiliaries: frozenset[str]
    question_words: frozenset[str]
    after_question_words: frozenset[str]
    takes_clause: frozenset[str]
    asks_whether: frozenset[str]
    hypothetical: frozenset[str]
    temporal: frozenset[str]
    joins: frozenset[str]
    prepositions: frozenset[str]
    asks_when: frozenset[str]
    have_and_do: frozenset[str]
    determiners: frozenset[str]
    adverbial: frozenset[str]
    verbs_of_it: frozenset[str]
    negators: tuple[str, ...]
    no_negation: tuple[str, ...]
    reported: str
    counterfactual: str
    would: str
    stranger: str
    past_verbs: str
    past_times: str
    yes: tuple[str, ...]
    no: tuple[str, ...]


class Language:
    """How the clauses of one language are read."""

    def __init__(self, name: str) -> None:
        file = load(_LanguageFile, "lexicons", name)
        self.file = file
        self.phrases = _by_first_word({tuple(old.split()): tuple(new.split()) for old, new in file.rewrites.items()})
        self.asides = _by_first_word({tuple(aside.split()): () for aside in file.asides})
        self.negator = _any_of(file.negators)
        self.no_negation = _any_of(file.no_negation)
        self.reported = phrase(file.reported)
        self.counterfactual = phrase(file.counterfactual)
        self.would = phrase(file.would)
        self.stranger = phrase(file.stranger)
        self.past_verb = phrase(file.past_verbs)
        self.past_time = phrase(file.past_times)
        self.yes = _any_of(file.yes)
        self.no = _any_of(file.no)


_Phrases = Mapping[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]]


def _by_first_word(phrases: Mapping[tuple[str, ...], tuple[str, ...]]) -> _Phrases:
    found: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
    for old, new in sorted(phrases.items(), key=lambda pair: -len(pair[0])):
        found.setdefault(old[0], []).append((old, new))
    return {first: tuple(pairs) for first, pairs in found.items()}


def _any_of(expressions: Sequence[str]) -> Pattern[str]:
    return phrase("|".join(expressions))


@cache
def english() -> Language:
    """The English of `lexicons/english-v1.json`."""
    return Language("english-v1")


@dataclass(slots=True)
class Token:
    """A normalised word.

    Attributes:
        word: the word.
        origin: index of the word that it comes from, as `str.split` counts them.
        mark: the punctuation that follows it: `.`, `?`, `!`, `;`, `,` or none.
    """

    word: str
    origin: int
    mark: str = ""


@dataclass(frozen=True)
class Clause:
    """A clause, in normalised words.

    Attributes:
        text: the words, joined by single spaces: lower case, contractions written out, fillers left out.
        origins: for each of them the index of the word as it was said, as `str.split` counts them.
        parts: offsets in `text` at which a part begins, at its start and after each comma.
        anchors: offsets at which what is said may begin: of the parts, and behind "well", "no", "so" and the like.
        sentence: which sentence of the text it belongs to.
        asks: whether a question mark ends the sentence.
        follows: what opens the clause and makes it less than a plain statement, `hypothetical` or `temporal`.
        opened: offset in `text` at which a question opens; None where none does.
    """

    text: str
    origins: tuple[int, ...]
    parts: tuple[int, ...]
    anchors: frozenset[int]
    sentence: int
    asks: bool
    follows: Standing | None
    opened: int | None
    language: Language

    @cached_property
    def words(self) -> frozenset[str]:
        """The different words of it."""
        return frozenset(self.text.split())

    def spoken_words(self, start: int, end: int) -> tuple[int, int]:
        """First and last index of the words as they were said, for a stretch of `text`."""
        first = self.text.count(" ", 0, start)
        last = self.text.count(" ", 0, max(start, end - 1))
        return self.origins[first], self.origins[last]

    def part_of(self, offset: int) -> int:
        """Offset at which the part begins that holds this offset."""
        return max(start for start in self.parts if start <= offset)

    def standing(
        self, start: int, end: int, *, within: Pattern[str] | None = None, by_question: bool = True
    ) -> Standing:
        """Whether what the words from offset `start` to `end` say is so.

        Args:
            start: where the stretch begins.
            end: where it ends.
            within: the expression that found the stretch. A negator within it that it needs to match belongs to its
                meaning, as in "can't make it"; one that stands in a gap of it denies it.
            by_question: whether a question that opens the stretch is as good as a statement, as in "can you call me".
        """
        begin = self.part_of(start)
        before, whole = self.text[begin:start], self.text[begin:end]
        language = self.language
        if self._negated(begin, start, end, within):
            return Standing.NEGATED
        if self.opened is not None and (self.opened < start or (self.opened < end and not by_question)):
            return Standing.ASKED
        if self.follows is not None:
            return self.follows
        unreal = language.counterfactual.search(whole)
        if unreal is not None and unreal.start() < start - begin:
            return Standing.HYPOTHETICAL
        if language.reported.search(f"{before}to" if _TO.match(whole, start - begin) else before) is not None:
            return Standing.REPORTED
        if language.past_verb.search(whole) is not None and language.past_time.search(self.text, begin) is not None:
            return Standing.PAST
        stranger = language.stranger.search(before)
        if stranger is not None and not before[: stranger.start()].endswith("for "):
            return Standing.STRANGER
        return Standing.STANDS

    def _negated(self, begin: int, start: int, end: int, within: Pattern[str] | None) -> bool:
        for negator in denials(self.text[begin:], end - begin, self.language):
            place = begin + negator.start()
            if place < start or within is None:
                return True
            without = f"{self.text[:place]}{self.text[begin + negator.end() :].lstrip()}"
            if within.match(without, start) is not None:
                return True
        return False


def denials(part: str, end: int, language: Language) -> Iterator[re.Match[str]]:
    """The negators of a part of a clause that stand before offset `end` and deny what follows them."""
    excused = [match.span() for match in language.no_negation.finditer(part)]
    for negator in language.negator.finditer(part[:end]):
        if not _answers(part, negator) and not any(first <= negator.start() < last for first, last in excused):
            yield negator


def _answers(part: str, negator: re.Match[str]) -> bool:
    """Whether a "no" answers rather than denies: it opens the part, and a clause of its own follows."""
    return negator[0] == "no" and negator.start() == 0 and _AFTER_NO.match(part, negator.end()) is not None


_AFTER_NO: Final = re.compile(
    r" (?:no|but|so|and|okay|well|it|i|we|he|she|they|you|that|this|there|my|the|can|could|what|let|not)\b"
)


def clauses(text: str, language: Language | None = None) -> tuple[Clause, ...]:
    """Cut a text into clauses."""
    language = language or english()
    said = tokens(text, language)
    found: list[Clause] = []
    sentence = 0
    start = 0
    for end in range(1, len(said) + 1):
        if end < len(said) and said[end - 1].mark not in _SENTENCE_MARKS:
            continue
        mark = said[end - 1].mark
        found.extend(_clauses_of(said[start:end], language, sentence, asks=mark == "?"))
        sentence, start = sentence + 1, end
    return tuple(found)


_SENTENCE_MARKS: Final = (".", "?", "!", ";")
_TO: Final = re.compile(r"to ")


def tokens(text: str, language: Language | None = None) -> list[Token]:
    """Normalise a text: lower case, contractions written out, fillers and repetitions left out."""
    language = language or english()
    spoken = list(words_said(text, language))
    said = _rewritten(spoken, language.phrases)
    if not said:
        # "Please." and "Absolutely." are fillers beside other words, and an answer by themselves.
        alone = language.file.alone
        said = [Token(alone[token.word], token.origin, token.mark) for token in spoken if token.word in alone]
    said = _without_repetition(_without_asides(said, language.asides))
    return _positive_questions(said, language)


def words_said(text: str, language: Language) -> Iterator[Token]:
    """Cut a text into words, with contractions written out and the marks that follow them; nothing is left out."""
    file = language.file
    last: Token | None = None
    for origin, raw in enumerate(text.casefold().replace("’", "'").split()):
        if raw.isalpha() and raw not in file.contractions:  # most words; the rest is for the others
            last = Token(raw, origin)
            yield last
            continue
        spoken = _HALF_DAY.sub(r"\1m", raw)
        words = _WORD.findall(spoken)
        mark = _mark(spoken)
        if words and mark == "." and (words[-1] in file.abbreviations or _INITIAL.fullmatch(words[-1])):
            mark = ""
        if not words:
            if last is not None and not last.mark:
                last.mark = mark or ("," if _DASH.fullmatch(spoken) else "")
            continue
        expanded = [part for word in words for part in _expanded(word, file)]
        if not expanded and last is not None and (not last.mark or last.mark == ","):
            last.mark = mark if mark != "," else last.mark
        for index, word in enumerate(expanded):
            last = Token(word, origin, mark if index + 1 == len(expanded) else "")
            yield last


_INITIAL: Final = re.compile(r"[a-hj-z]")
_DASH: Final = re.compile(r"-+")


def _mark(spoken: str) -> str:
    if _ELLIPSIS.search(spoken) or _SOFT_MARK.search(spoken):
        return ","
    found = _HARD_MARK.search(spoken)
    if found is None:
        return ""
    if "?" in found[0]:
        return "?"
    return "," if found[0][0] == ":" else found[0][0]


def _expanded(word: str, file: _LanguageFile) -> list[str]:
    known = file.contractions.get(word)
    if known is not None:
        return known.split()
    base, apostrophe, ending = word.rpartition("'")
    if not apostrophe or not base:
        return [word]
    if ending == "t" and base.endswith("n"):
        return [base[:-1], "not"]
    if ending in _ENDINGS:
        return [*_expanded(base, file), _ENDINGS[ending]]
    if ending == "s":
        return [*_expanded(base, file), "is" if base in file.is_after else "'s"]
    return [word]


_ENDINGS: Final = {"d": "would", "ll": "will", "re": "are", "ve": "have", "m": "am"}


def _rewritten(tokens: list[Token], phrases: _Phrases) -> list[Token]:
    """Put standard forms in the place of variants, and leave fillers out; their marks go with them."""
    result: list[Token] = []
    index = 0
    while index < len(tokens):
        if tokens[index].word not in phrases:
            result.append(tokens[index])
            index += 1
            continue
        old, new = next(
            (
                (old, new)
                for old, new in phrases.get(tokens[index].word, ())
                if tuple(token.word for token in tokens[index : index + len(old)]) == old
                and not any(token.mark for token in tokens[index : index + len(old) - 1])
            ),
            ((), ()),
        )
        if not old:
            result.append(tokens[index])
            index += 1
            continue
        last = tokens[index + len(old) - 1]
        result.extend(Token(word, tokens[index].origin, last.mark if word is new[-1] else "") for word in new)
        if not new and result:
            _close(result[-1], last.mark)
        index += len(old)
    return result


def _close(token: Token, mark: str) -> None:
    """What stood between two words is left out: a comma on each side of it goes, a sentence's end stays."""
    if mark == "," and token.mark == ",":
        token.mark = ""
    elif mark and mark != ",":
        token.mark = mark


def _without_asides(tokens: list[Token], asides: _Phrases) -> list[Token]:
    """Leave out what is said by the way: "you know", "if possible", between marks."""
    result: list[Token] = []
    index = 0
    while index < len(tokens):
        if tokens[index].word not in asides:
            result.append(tokens[index])
            index += 1
            continue
        opens = not result or result[-1].mark
        length = next(
            (
                len(old)
                for old, _ in asides.get(tokens[index].word, ())
                if tuple(token.word for token in tokens[index : index + len(old)]) == old
                and (tokens[index + len(old) - 1].mark or (index + len(old) == len(tokens) and len(old) > 1))
                and (opens or len(old) > 1)
            ),
            0,
        )
        if not length or length == len(tokens):
            result.append(tokens[index])
            index += 1
            continue
        if result:
            _close(result[-1], tokens[index + length - 1].mark)
        index += length
    return result


def _without_repetition(tokens: list[Token]) -> list[Token]:
    """Leave out what is said twice in a row: "I I want", "can you, can you"."""
    result: list[Token] = []
    for token in tokens:
        result.append(token)
        for length in (3, 2, 1):
            if len(result) < 2 * length or result[-1 - length].word != token.word:
                continue
            one, other = result[-2 * length : -length], result[-length:]
            if [part.word for part in one] == [part.word for part in other] and not any(
                part.mark in _SENTENCE_MARKS for part in one
            ):
                one[-1].mark = other[-1].mark
                del result[-length:]
                break
    return result


def _positive_questions(tokens: list[Token], language: Language) -> list[Token]:
    """Read "can't you …" and "don't you …" as the questions that they are."""
    file = language.file
    result: list[Token] = []
    for index, token in enumerate(tokens):
        if (
            token.word == "not"
            and result
            and result[-1].word in file.auxiliaries
            and not result[-1].mark
            and not token.mark
            and index + 1 < len(tokens)
            and tokens[index + 1].word in file.subjects
            and (
                len(result) == 1
                or result[-2].mark
                or (result[-2].word in file.question_words and result[-2].word != "why")
                or result[-2].word in file.starters
            )
        ):
            continue
        result.append(token)
    return result


def _clauses_of(tokens: list[Token], language: Language, sentence: int, *, asks: bool) -> Iterator[Clause]:
    """Cut a sentence at its joints: "but", "because", "if", a new subject."""
    file = language.file
    cuts = [0]
    conditional = tokens[0].word in file.hypothetical or tokens[0].word in file.temporal
    for index in range(1, len(tokens)):
        if _cuts(tokens, cuts[-1], index, file, after_condition=conditional) or index - cuts[-1] >= MAX_CLAUSE_WORDS:
            cuts.append(index)
            conditional = _opens_condition(tokens, index, file) is not None
    for begin, end in zip(cuts, [*cuts[1:], len(tokens)], strict=True):
        yield _clause(tokens, begin, end, language, sentence, asks=asks)


def _cuts(tokens: list[Token], cut: int, index: int, file: _LanguageFile, *, after_condition: bool) -> bool:
    word, previous = tokens[index].word, tokens[index - 1]
    following = tokens[index + 1].word if index + 1 < len(tokens) else ""
    opens = following in file.subjects or following in file.auxiliaries or following in file.question_words
    if previous.mark == "," and after_condition:
        return True
    if word in file.joins:
        return True
    if _opens_condition(tokens, index, file) is not None:
        return True
    if word in ("since", "after"):
        return following in file.nominative
    if word in ("and", "or", "so", "then"):
        return opens or following in ("my", "the", "need", "want", "please", "if", "now", "then")
    if word in file.nominative:
        return previous.word not in file.takes_clause and not all(
            token.word in file.adverbial for token in tokens[cut:index]
        )
    if word in ("it", "you", "that", "this", "there"):
        opens = following in file.auxiliaries or (word == "it" and following in file.verbs_of_it)
        if (word == "it" and following == "have") or (word == "there" and previous.word in file.prepositions):
            return False  # "… who needs it have my place", "… got in there should I …"
        return opens and (previous.mark == "," or previous.word not in file.takes_clause) and previous.word != "about"
    return _begins_question(tokens, index, file)


def _begins_question(tokens: list[Token], index: int, file: _LanguageFile) -> bool:
    """Whether a question begins, with a mark before it or without: "… on tuesday can you …", "…, what else …"."""
    word, previous = tokens[index].word, tokens[index - 1]
    following, next_but_one = (tokens[place].word if place < len(tokens) else "" for place in (index + 1, index + 2))
    if word in file.auxiliaries:
        subject = following in ("i", "you", "we") or (previous.mark == "," and following in file.subjects)
        return subject and previous.word not in file.question_words and not _asking(tokens, index, file)
    if word == "who" and not previous.mark and previous.word not in file.starters:
        # "the man who did my exam" goes on; "… my bill who do I ask" asks.
        return following in file.auxiliaries and next_but_one in file.nominative
    return (
        word in file.question_words
        and (following in file.auxiliaries or following in file.after_question_words)
        and previous.word not in file.takes_clause
        and previous.word not in file.prepositions
    )


def _asking(tokens: list[Token], index: int, file: _LanguageFile) -> bool:
    """Whether one of the two words before asks: "what time can you"."""
    return any(token.word in file.question_words for token in tokens[max(0, index - 3) : index]) and not any(
        token.mark for token in tokens[max(0, index - 3) : index]
    )


def _opens_condition(tokens: list[Token], index: int, file: _LanguageFile) -> Standing | None:
    word = tokens[index].word
    following = tokens[index + 1].word if index + 1 < len(tokens) else ""
    previous = tokens[index - 1].word if index and not tokens[index - 1].mark else ""
    if previous == "it" and index > 1:
        # "I'd appreciate it if …"
        previous = tokens[index - 2].word
    if word in ("in", "just") and following == "case":
        return Standing.HYPOTHETICAL
    if word in file.hypothetical and previous not in file.asks_whether:
        return Standing.HYPOTHETICAL
    if word in file.temporal and previous not in file.asks_when:
        opens = following in file.subjects or (word in ("when", "once", "while") and following in file.determiners)
        return Standing.TEMPORAL if opens else None
    return None


def _clause(tokens: list[Token], begin: int, end: int, language: Language, sentence: int, *, asks: bool) -> Clause:
    file = language.file
    words = [token.word for token in tokens[begin:end]]
    offsets = []
    position = 0
    for word in words:
        offsets.append(position)
        position += len(word) + 1
    anchors, parts = [], []
    after_mark = opens = True
    for index, word in enumerate(words):
        if after_mark:
            parts.append(offsets[index])
        if after_mark or opens:
            anchors.append(offsets[index])
        after_mark = bool(tokens[begin + index].mark)
        opens = offsets[index] in anchors and word in file.starters
    opened = _question(words, file, asks=asks)
    return Clause(
        text=" ".join(words),
        origins=tuple(token.origin for token in tokens[begin:end]),
        parts=tuple(parts),
        anchors=frozenset(anchors),
        sentence=sentence,
        asks=asks,
        follows=_condition(tokens, begin, end, language),
        opened=None if opened is None else offsets[opened],
        language=language,
    )


def _condition(tokens: list[Token], begin: int, end: int, language: Language) -> Standing | None:
    """What makes a clause less than a statement: it opens with "if", "and if", "what if", "when", or "I'd …, but"."""
    file, index = language.file, begin
    if (
        end < len(tokens)
        and tokens[end].word == "but"
        and language.would.search(" ".join(token.word for token in tokens[begin:end])) is not None
    ):
        return Standing.HYPOTHETICAL
    while index < end - 1 and (tokens[index].word in file.starters or tokens[index].word in ("what", "just")):
        index += 1
    return _opens_condition(tokens, begin, file) or _opens_condition(tokens, index, file)


def _question(words: list[str], file: _LanguageFile, *, asks: bool) -> int | None:
    """Index of the word that opens a question: an auxiliary before its subject, a question word, "if" after "know"."""
    first = 0
    while first < len(words) - 1 and words[first] in file.starters:
        first += 1
    for index, (word, following) in enumerate(pairwise(words)):
        if word in ("if", "whether") and index and words[index - 1] in file.asks_whether:
            return index
        if index and words[index - 1] in file.subjects and word in file.auxiliaries:
            continue  # "there is this …" has its subject already
        if word in file.auxiliaries and (
            following in file.nominative
            or following == "you"
            or (word not in file.have_and_do and following in file.subjects)
        ):
            before = words[:index]
            if (
                index == first
                or any(one in file.question_words for one in before[-3:])
                or not any(one in file.nominative for one in before)
            ):
                return index
    following = words[first + 1] if first + 1 < len(words) else ""
    tied = words[first] in file.temporal and (following in file.subjects or following in file.determiners)
    if words[first] in file.question_words and not tied and following not in ("", "a", "an"):
        return first
    if words[first] in file.auxiliaries and (following in file.determiners or (asks and following not in ("not", ""))):
        return first
    return None


class Answer(StrEnum):
    """What somebody answers to an offer or a question."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


def answer(said: Sequence[Clause]) -> Answer:
    """Read the answer to an offer, or to a question for yes or no, from the clauses of the turn after it.

    A refusal counts wherever it stands in the first two sentences: "Okay. No, I'd rather not."
    """
    found = Answer.UNCLEAR
    for clause in said:
        if clause.sentence > 1:
            break
        for start in sorted(clause.anchors):
            if (match := clause.language.no.match(clause.text, start)) is not None:
                positive = clause.language.yes.match(clause.text, start)
                if positive is None or positive.end() <= match.end():
                    return Answer.NO
            if found is Answer.UNCLEAR and clause.language.yes.match(clause.text, start) is not None:
                found = Answer.YES
    return found
