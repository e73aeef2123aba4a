"""A second pass of redaction over the words of a call, for what a speech service has left in them.

Services redact what their models take for a number or a name. What is spoken digit by digit, said in pieces or answered
to a question often stays. The rules here are few and can be read: they go by words and their order, and rather take too
much than too little. They know English, and the digits of Spanish.

- *Numbers*: four digits or more said one after the other, six in any wording, or four in any wording near a word such
  as "card" or "account", where letters count as well ("policy A B one two"). What somebody else says meanwhile, and
  fillers such as "uh", do not end a number; nor does a piece that the service has redacted. Times of day, amounts of
  money, fractions and decimals stay, and so does a single numeral that can be a year.
- *Dates of birth*: the date after "date of birth", "birthday" or "born", whoever says it, and its repetition.
- *Names*: up to three words after "my name is" and its like, the letters it is spelled by, and the same words wherever
  else they are said. Words with a capital letter after "this is", and where somebody says that they speak or call.
- *Letters* that spell something: four one after the other, two after "spell", or with "as in Sam". With names.
- *E-mail addresses*, written or spoken ("tom dot b at mail dot com"). With names.

Each word is replaced by itself, so that the number of words and their times stay.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from callscribe.number_words import DIGITS, SCALES, TEENS, TENS

if TYPE_CHECKING:
    from callscribe.recognition import RecognisedUtterance, Recognition, Word

NUMBER: Final = "[NUMBER]"
BIRTH_DATE: Final = "[DOB]"
NAME: Final = "[NAME]"
EMAIL: Final = "[EMAIL]"
"""What stands for a word that was redacted here. A service's own placeholders are written like it, such as
`[PHONE_NUMBER_1]` (Deepgram docs, page "Redaction")."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _numbered(text: str) -> dict[str, int]:
    return {word: number for number, word in enumerate(text.split(), 1)}


_PLACEHOLDER: Final = re.compile(r"\[(?P<kind>[A-Z][A-Z_]*?)(?:_\d+)?\]")
_NUMBER_KINDS: Final = re.compile(r"NUMBER|CARD|SSN|CVV|ACCOUNT|NUMERICAL|LICENSE")

_ZEROS: Final = frozenset({"oh", "o", "nought", "naught"})
_SPANISH: Final = _words("cero uno una dos tres cuatro cinco seis siete ocho nueve")
_ONES: Final = frozenset(DIGITS) | _ZEROS | _SPANISH
_REPEATS: Final = {"double": 1, "triple": 2}
_FILLERS: Final = frozenset({"uh", "um", "er", "erm", "hmm", "and", "then", "dash", "hyphen", "space"})
# Near these a number is one of somebody's, however it is worded.
_CUES: Final = _words(
    "account card cards cell chart claim code confirmation cvc cvv digits ending ends extension fax group id "
    "license member mobile mrn number numbers phone pin policy routing security social ssn zip"
)
_TIME_PREPOSITIONS: Final = frozenset({"at", "around", "about", "by", "until", "till", "before", "after", "from", "to"})
_CUE_WORDS: Final = 8
_ONE_BY_ONE: Final = 4
_IN_ANY_WORDING: Final = 6

_QUANTITY: Final = re.compile(r"\d{1,3}(?:,\d{3})+")
_NO_NUMBER: Final = re.compile(r"\d{1,2}:\d{2}(?:[ap]\.?m\.?)?|\d*\.\d{1,2}|\d{1,3}/\d{1,3}|\d+(?:st|nd|rd|th|%|s)")
_DATE: Final = re.compile(r"\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|\d{4}-\d{2}-\d{2}")
_YEAR: Final = re.compile(r"(?:19|20)\d{2}")
_DAY: Final = re.compile(r"\d{1,2}(?:st|nd|rd|th)?")

_MONTHS: Final = _numbered(
    "january february march april may june july august september october november december"
) | _numbered("jan feb mar apr may jun jul aug sep oct nov dec")
# Words of the language, too: months only beside a number.
_AMBIGUOUS_MONTHS: Final = frozenset({"march", "may", "mar", "jan", "dec", "august"})
_ORDINALS: Final = _numbered(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
) | {"thirtieth": 30}
_PART: Final = re.compile(r"\d+|[^\W\d_]+")
_VALUES: Final = DIGITS | TEENS | TENS | _MONTHS | _ORDINALS
# Day and month, or day and year, make a date the same.
_SAME_PARTS: Final = 2
_BIRTH: Final = re.compile(r"date of birth|birth ?dates?|birthdays?|\bd(?: |\.)?o(?: |\.)?b\b|\bborn\b")
_BIRTH_WORDS: Final = 30
_IN_DATES: Final = _FILLERS | {"the", "of", "day", "year"}

_NAME_CUES: Final = frozenset({"name's", ("name", "is"), ("me", "llamo"), ("nombre", "es")})
_NAME_WORDS: Final = 3
_SPELLED_WITHIN: Final = 30
_NO_NAMES: Final = _words(
    "a about again also am and are as at because born but by calling can could date did do does for from had has "
    "have he her here hers his how i i'd i'll i'm i've in is it it's its just like me mine my no not of on one or "
    "our please she so spelled that that's the their them there they this to uh um under was we were what when "
    "where who with would yes yeah you your yours patient mother father wife husband daughter son doctor dr mr "
    "mrs ms last first middle maiden correct right okay ok"
)
_COMMON_WORDS: Final = _words(
    "will may mark rose bill grace hope joy faith art dawn june april august sunny summer sky rich rob pat jack "
    "gene frank young long short brown white black green gray good well love day page price case cook king park "
    "wood hill lane stone rice snow frost woods fields banks bush bell ball bishop cross church"
)
# After these a word with a capital letter is a name; after the others two are, or one with "speaking" or "calling".
_THIS_IS: Final = frozenset({("this", "is"), ("this", "will")})
_IT_IS: Final = frozenset({"it's", "i'm", ("it", "is"), ("i", "am"), ("here", "is")})
_SPEAKING: Final = frozenset({"speaking", "calling"})
_OF_NOBODY: Final = _words(
    "monday tuesday wednesday thursday friday saturday sunday medicare medicaid english spanish german french italian "
    "chinese russian polish portuguese american god christmas easter thanksgiving eye eyes clinic clinics vision "
    "center centre care hospital pharmacy insurance office department optical associates medical health group billing "
    "front desk institute practice surgery reception scheduling generally honestly frankly thank thanks good hello hi "
    "sorry well great everything nobody somebody everybody something nothing"
)
_SPELL: Final = frozenset({"spell", "spelled", "spelling", "spells", "spelt"})
_SPELLED_ALONE: Final = 4
_SPELLED_AFTER_CUE: Final = 2
_SPELL_CUE_WORDS: Final = 8

_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+")
_TOP_DOMAINS: Final = _words("com org net edu gov mil info biz io co us uk de es mx me")
_EMAIL_JOINTS: Final = frozenset({"dot", "period", "point", "underscore", "dash", "hyphen", "plus"})
_NO_DOMAINS: Final = frozenset({"the", "a", "an", "our", "your", "my", "this", "that"})
_DOMAIN_WORDS: Final = 4

_LETTERS: Final = re.compile(r"[^\W\d_](?:-[^\W\d_])*")

_LETTERS_THAT_ARE_WORDS: Final = frozenset({"a", "i"})

_HISTORY: Final = 8
_NOBODY: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """What is redacted: numbers and dates of birth in any case.

    Attributes:
        names: Whether names are, too.
    """

    names: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What one speaker says in one go.

    Attributes:
        speaker: Whoever it is; only compared.
        words: The words as they stand in the text, with their punctuation.
    """

    speaker: object
    words: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What a word looks like, whoever says it and wherever.

    Attributes:
        core: without punctuation, in small letters; "" for a placeholder.
        placeholder: kind of a placeholder of a service's or of our own.
        numbers: the kinds of number that it consists of and the digits of each; empty if it is no number.
        date_digits: how many digits of a date it may stand for.
        ends_a_clause: whether punctuation follows.
    """

    core: str
    placeholder: str | None
    numbers: tuple[tuple[str, int], ...]
    date_digits: int
    ends_a_clause: bool


@dataclass(slots=True)
class _Word:
    """A word of the call, and what stands for it."""

    text: str
    speaker: object
    shape: _Shape
    core: str
    label: str | None = None

    @property
    def written(self) -> str:
        """The word, or what stands for it, with the punctuation at its end, by which sentences are told apart."""
        if self.label is None:
            return self.text
        end = self.text.rstrip("\"')]}")[-1:]
        return self.label + (end if end in ".,?!;:" else "")


# The same words are said again and again.
@lru_cache(maxsize=4096)
def _shape(text: str) -> _Shape:
    found = _PLACEHOLDER.match(text.lstrip("(\"'"))
    inner = text.strip("".join(character for character in set(text) if not character.isalnum()))
    core = "" if found else inner.casefold().replace("’", "'")
    numbers = tuple(_numbers(core, text[: text.find(inner)], found["kind"] if found else None))
    return _Shape(
        core=core,
        placeholder=found["kind"] if found else None,
        numbers=numbers,
        date_digits=_date_digits(core, numbers),
        ends_a_clause=text.rstrip("\"')")[-1:] in (".", ",", "?", "!", ";", ":"),
    )


def _words_of(passages: Iterable[Passage]) -> list[list[_Word]]:
    return [[_word(text, passage.speaker) for text in passage.words] for passage in passages]


def _word(text: str, speaker: object) -> _Word:
    shape = _shape(text)
    return _Word(text, speaker, shape, shape.core)


def redacted_words(
    passages: Sequence[Passage], wanted: Redaction, *, known_names: AbstractSet[str] = frozenset()
) -> list[list[str]]:
    """Redact what is said in a call.

    What was redacted before stays so, and doing it twice changes nothing more.

    Args:
        passages: The call in order of time.
        wanted: What is redacted.
        known_names: Names found elsewhere in the call (`names_in`), in small letters.

    Returns:
        The words of each passage, one for one.
    """
    call = _words_of(passages)
    if wanted.names:
        _redact_emails(call)
    _redact_numbers(call)
    _redact_birth_dates(call)
    if wanted.names:
        _redact_spelling(call)
        _redact_names(call, _introduced(call) | known_names)
    return [[word.written for word in passage] for passage in call]


def names_in(passages: Sequence[Passage]) -> frozenset[str]:
    """Find the names that people in a call give as theirs or the patient's, in small letters."""
    return frozenset(_introduced(_words_of(passages)))


def redacted(recognition: Recognition, wanted: Redaction) -> Recognition:
    """Redact everything that a speech service heard and concluded, as far as it is kept.

    The pieces of text that topics, intents and moods were found in stay: they are only used to find their utterances.
    """
    said = recognition.utterances
    by_text = [Passage(speaker=(one.channel, one.speaker), words=one.text.split()) for one in said]
    by_word = [Passage(speaker=(one.channel, one.speaker), words=[word.text for word in one.words]) for one in said]
    names = names_in(by_text) | names_in(by_word) if wanted.names else frozenset()
    texts = redacted_words(by_text, wanted, known_names=names)
    words = redacted_words(by_word, wanted, known_names=names)

    def alone(text: str) -> str:
        return _rewritten(
            text, redacted_words([Passage(speaker=None, words=text.split())], wanted, known_names=names)[0]
        )

    summary = recognition.summary
    return replace(
        recognition,
        utterances=tuple(map(_with_words, said, texts, words)),
        entities=tuple(replace(entity, value=alone(entity.value)) for entity in recognition.entities),
        topics=tuple(replace(topic, label=alone(topic.label)) for topic in recognition.topics),
        intents=tuple(replace(intent, label=alone(intent.label)) for intent in recognition.intents),
        summary=None if summary is None else replace(summary, text=alone(summary.text)),
    )


def _with_words(said: RecognisedUtterance, text: Sequence[str], words: Sequence[str]) -> RecognisedUtterance:
    timed: tuple[Word, ...] = tuple(
        word if word.text == written else msgspec.structs.replace(word, text=written)
        for word, written in zip(said.words, words, strict=True)
    )
    return replace(said, text=_rewritten(said.text, text), words=timed)


def _rewritten(text: str, words: Sequence[str]) -> str:
    """Return a text with other words; its white space stays where it was."""
    written = iter(words)
    return re.sub(r"\S+", lambda _: next(written), text)


class LiveRedactor:
    """Redacts a call while it runs: each piece by what came before it.

    A number that goes on over several pieces is noticed at its fourth digit, so that up to three of it have gone out by
    then; the transcript that is made after the call has none of them.

    Args:
        wanted: What is redacted.
        resumed: Whether others have heard the beginning of the call. Digits at the beginning of each speaker's first
            piece may then continue a number and are redacted, however few.
    """

    def __init__(self, wanted: Redaction, *, resumed: bool = False) -> None:
        self._wanted = wanted
        self._resumed = resumed
        self._history: deque[Passage] = deque(maxlen=_HISTORY)
        self._heard: set[object] = set()
        self._names: frozenset[str] = frozenset()

    def interim(self, speaker: object, words: Sequence[str], *, late: bool = False) -> list[str]:
        """Redact what may still change, as `final` does, and forget it."""
        return self._redacted(Passage(speaker=speaker, words=words), late=late)

    def final(self, speaker: object, words: Sequence[str], *, late: bool = False) -> list[str]:
        """Redact what will not change any more.

        Args:
            speaker: Whose words they are.
            words: The words.
            late: Whether they were said before others that came earlier. Digits at both their ends are then redacted.
        """
        passage = Passage(speaker=speaker, words=words)
        written = self._redacted(passage, late=late)
        if words and not late:
            self._history.append(passage)
            self._heard.add(speaker)
            if self._wanted.names:
                self._names |= names_in(list(self._history))
        return written

    def _redacted(self, passage: Passage, *, late: bool) -> list[str]:
        unknown = Passage(speaker=passage.speaker, words=[NUMBER])
        before = [] if passage.speaker in self._heard or not self._resumed else [unknown]
        after = [unknown] if late else []
        passages = [*before, *self._history, *after, passage, *after]
        return redacted_words(passages, self._wanted, known_names=self._names)[-1 - len(after)]


# Numbers


@dataclass(slots=True)
class _Run:
    """Words of one speaker that say a number, with what speaks for its being somebody's."""

    words: list[_Word] = field(default_factory=list)
    digits: int = 0
    longest: int = 0
    placeholder: bool = False
    cue: bool = False
    time: bool = False
    numerals: bool = False
    _row: int = 0
    _after_ten: bool = False

    def add(self, word: _Word, parts: Collection[tuple[str, int]]) -> None:
        """Count a word's digits: all of them, and those that are said one by one."""
        self.words.append(word)
        self.numerals |= any(kind not in ("letter", "plain") for kind, _ in parts)
        for kind, digits in parts:
            if kind == "one":
                self.digits += 0 if self._after_ten else digits
                self._row += digits
            elif kind == "placeholder":
                self.placeholder = True
            elif kind == "letter":
                self.digits += digits
                self._row += digits
            elif kind == "plain":
                continue
            else:
                self.digits += digits
                self._row = 0
            self._after_ten = kind == "ten"
            self.longest = max(self.longest, self._row)

    @property
    def personal(self) -> bool:
        """Whether it is redacted."""
        if not self.numerals:  # letters that spell a name
            return False
        if self.placeholder or self.digits >= _IN_ANY_WORDING:
            return True
        if len(self.words) == 1 and _YEAR.fullmatch(self.words[0].core):
            return self.cue
        return self.longest >= _ONE_BY_ONE or (self.cue and not self.time and self.digits >= _ONE_BY_ONE)


def _redact_numbers(call: Sequence[Sequence[_Word]]) -> None:
    running: dict[object, _Run] = {}
    recent: deque[str] = deque(maxlen=_CUE_WORDS)
    for passage in call:
        dated, spelled = _date_parts(passage), _spelling(passage)
        for place, word in enumerate(passage):
            parts = () if place in dated else word.shape.numbers
            run = running.get(word.speaker)
            if not parts and place in spelled and _may_be_of_a_number(run, recent):
                # "B as in boy": the words that make a letter plain say no more of the number.
                parts = (("letter", 1),) if spelled[place] else (("plain", 0),)
            if parts:
                if run is None:
                    run = running[word.speaker] = _Run(
                        cue=not _CUES.isdisjoint(recent), time=bool(recent) and recent[-1] in _TIME_PREPOSITIONS
                    )
                run.add(word, parts)
            elif run is not None and word.core not in _FILLERS:
                _close(running.pop(word.speaker))
            recent.append(word.core)
    for run in running.values():
        _close(run)


def _may_be_of_a_number(run: _Run | None, recent: Iterable[str]) -> bool:
    """Whether a letter can be part of a number: one that has begun near a word such as "policy", or begins there."""
    return not _CUES.isdisjoint(recent) if run is None else run.cue


def _close(run: _Run) -> None:
    if run.personal:
        for word in run.words:
            if word.shape.placeholder is None:
                word.label = NUMBER


def _numbers(core: str, before: str, placeholder: str | None) -> list[tuple[str, int]]:
    """Return the kinds of number that a word consists of and the digits of each; nothing if it is no number."""
    if placeholder is not None:
        return [("placeholder", 0)] if _NUMBER_KINDS.search(placeholder) else []
    if not core or _NO_NUMBER.fullmatch(core) or _DATE.fullmatch(core) or any(sign in before for sign in "$€£"):
        return []
    if any(character.isdigit() for character in core):
        digits = sum(character.isdigit() for character in core)
        return [("quantity" if _QUANTITY.fullmatch(core) else "one", digits)]
    parts = [_word_part(part) for part in re.split(r"[-–\s]+", core) if part]
    known = [part for part in parts if part is not None]
    return known if len(known) == len(parts) else []


def _word_part(part: str) -> tuple[str, int] | None:
    if part in _ONES:
        return ("one", 1)
    if part in _REPEATS:
        return ("one", _REPEATS[part])
    if part in TEENS:
        return ("teen", 2)
    if part in TENS:
        return ("ten", 2)
    return ("scale", 0) if part in SCALES else None


def _date_parts(passage: Sequence[_Word]) -> set[int]:
    """Return the places of numerals that are day or year of a date whose month is named."""
    found: set[int] = set()
    if _MONTHS.keys().isdisjoint(word.core for word in passage):
        return found
    for place, word in enumerate(passage):
        before = passage[place - 1].core if place else ""
        after = passage[place + 1].core if place + 1 < len(passage) else ""
        is_day = _DAY.fullmatch(word.core) and (before in _MONTHS or after in _MONTHS)
        if is_day or (_YEAR.fullmatch(word.core) and (before in _MONTHS or place - 1 in found)):
            found.add(place)
    return found


# Dates of birth


def _redact_birth_dates(call: Sequence[Sequence[_Word]]) -> None:
    left = 0
    given: set[int] = set()
    open_ended: object = _NOBODY
    for passage in call:
        asked = _ends_of(_BIRTH, passage)
        goes_on = bool(passage) and passage[0].speaker == open_ended
        if goes_on:
            open_ended = _NOBODY
        place = 0
        while place < len(passage):
            if place in asked:
                left, given = _BIRTH_WORDS, set()
            end = _date_end(passage, place) if left > 0 else place
            date = [word for word in passage[place:end] if word.core not in _IN_DATES]
            values = _values(date)
            # It may be repeated in other words; a date of which less is the same is another one.
            same = not given or len(values & given) >= min(len(values), _SAME_PARTS)
            if date and (goes_on or (_is_date(date) and same)):
                for word in date:
                    word.label = BIRTH_DATE if word.shape.placeholder is None else None
                left = max(left, 0 if goes_on else _BIRTH_WORDS)
                given |= values
                open_ended = passage[0].speaker if end == len(passage) else open_ended
            goes_on = goes_on and end == place and passage[place].core in _IN_DATES
            left -= max(end - place, 1)
            place = max(end, place + 1)
        if len(passage) in asked:
            left, given = _BIRTH_WORDS, set()


def _ends_of(pattern: re.Pattern[str], passage: Sequence[_Word]) -> set[int]:
    """Return the places of the words that come after what a pattern finds."""
    starts = [0]
    for word in passage:
        starts.append(starts[-1] + len(word.core) + 1)
    text = "".join(f"{word.core} " for word in passage)
    return {bisect_left(starts, match.end()) for match in pattern.finditer(text)}


def _date_end(passage: Sequence[_Word], start: int) -> int:
    """Return where the words end, from *start* on, that can be parts of a date; fillers at the end do not count."""
    end = place = start
    while place < len(passage):
        if _is_date_part(passage, place):
            end = place + 1
        elif place == start or passage[place].core not in _IN_DATES:
            break
        place += 1
    return end


def _is_date_part(passage: Sequence[_Word], place: int) -> bool:
    word = passage[place]
    if word.core in _AMBIGUOUS_MONTHS:
        around = (passage[near] for near in range(max(0, place - 2), min(len(passage), place + 3)) if near != place)
        return any(one.shape.date_digits for one in around)
    return word.core in _MONTHS or word.shape.date_digits > 0


def _date_digits(core: str, numbers: Sequence[tuple[str, int]]) -> int:
    """Return how many digits of a date a word may stand for."""
    if _DATE.fullmatch(core) or _DAY.fullmatch(core):
        return sum(character.isdigit() for character in core)
    if any(part in _ORDINALS for part in re.split(r"[-–]", core)):
        return 2
    return max(1, sum(digits for _, digits in numbers)) if numbers else 0


def _values(words: Sequence[_Word]) -> set[int]:
    """Return day, month and year of a date as far as its words tell, centuries by themselves."""
    found: list[int] = []
    ten = False
    for word in words:
        for part in _PART.findall(word.core):
            value = _VALUES.get(part)
            if part.isdecimal():
                found += [int(part)] if len(part) < 4 else [int(part[:2]), int(part[2:4])]
            elif value is not None and ten and value < 10:
                found[-1] += value
            elif value is not None:
                found.append(value)
            ten = value is not None and value >= 20 and value % 10 == 0
    return set(found)


def _is_date(words: Sequence[_Word]) -> bool:
    """Whether words are a date, and not some number, such as that of "one second"."""
    return any(word.core in _MONTHS for word in words) or sum(word.shape.date_digits for word in words) >= _ONE_BY_ONE


# Names


def _introduced(call: Sequence[Sequence[_Word]]) -> set[str]:
    """Return the words that are given as names, in small letters."""
    capitals = any(word.text[:1].isupper() and len(word.core) > 1 for passage in call for word in passage)
    return {
        word.core
        for word in (*_given_names(call), *_named_runs(call))
        if not _LETTERS.fullmatch(word.core) and (word.text[:1].isupper() or not capitals)
    }


def _given_names(call: Sequence[Sequence[_Word]]) -> Iterator[_Word]:
    """Yield the words after "my name is" and its like, and the letters that spell them."""
    due: dict[object, int] = {}
    spelled: dict[object, int] = {}
    for passage in call:
        before = ""
        for place, word in enumerate(passage):
            speaker, cue = word.speaker, (before, word.core) in _NAME_CUES or word.core in _NAME_CUES
            before = word.core
            if cue:
                due[speaker], spelled[speaker] = _NAME_WORDS, _SPELLED_WITHIN
                continue
            if spelled.get(speaker, 0) > 0:
                spelled[speaker] -= 1
                if _is_letter(passage, place):
                    yield word
                    continue
            if due.get(speaker, 0) == 0 or word.core in _FILLERS:
                continue
            if word.core in _NO_NAMES or not word.core.replace("-", "").replace("'", "").isalpha():
                due[speaker] = 0
                continue
            yield word
            due[speaker] = 0 if word.shape.ends_a_clause else due[speaker] - 1


def _is_letter(passage: Sequence[_Word], place: int) -> bool:
    """Whether a word is a letter that spells something; "a" and "I" are only beside another one."""
    if passage[place].core in _LETTERS_THAT_ARE_WORDS:
        beside = passage[max(0, place - 1) : place + 2]
        return any(_LETTERS.fullmatch(one.core) and one.core not in _LETTERS_THAT_ARE_WORDS for one in beside)
    return _LETTERS.fullmatch(passage[place].core) is not None


def _spelling(passage: Sequence[_Word]) -> dict[int, bool]:
    """Places of letters that are said by themselves: true, and of what makes them plain, as in "S as in Sam": false."""
    found: dict[int, bool] = {}
    place = 0
    while place < len(passage):
        after = [word.core for word in passage[place + 1 : place + 3]]
        plain = 3 if after == ["as", "in"] else 2 if after[:1] == ["like"] and _is_one_letter(passage[place]) else 0
        if plain and _LETTERS.fullmatch(passage[place].core):
            found[place] = True
            found |= dict.fromkeys(range(place + 1, min(place + 1 + plain, len(passage))), False)
            place += plain
        elif _is_letter(passage, place):
            found[place] = True
        place += 1
    return found


def _is_one_letter(word: _Word) -> bool:
    return len(word.core) == 1 and word.core not in _LETTERS_THAT_ARE_WORDS


def _redact_spelling(call: Sequence[Sequence[_Word]]) -> None:
    """Redact letters that spell something: enough of them, or fewer where somebody says so."""
    cue = 0
    for passage in call:
        spelled = _spelling(passage)
        run: list[int] = []
        for place, word in enumerate([*passage, None]):
            if word is not None and (place in spelled or (run and word.core in _FILLERS)):
                run += [place] if place in spelled else []
                continue
            letters = sum(len(passage[one].core.split("-")) for one in run if spelled[one])
            plain = any(not spelled[one] for one in run)
            if letters >= (_SPELLED_AFTER_CUE if cue > 0 or plain else _SPELLED_ALONE):
                for one in run:
                    passage[one].label = passage[one].label or NAME
            run = []
            if word is not None:
                cue = _SPELL_CUE_WORDS if word.core in _SPELL else cue - 1


# E-mail addresses


def _redact_emails(call: Sequence[Sequence[_Word]]) -> None:
    for passage in call:
        for place, word in enumerate(passage):
            if _EMAIL.fullmatch(word.core):
                word.label = EMAIL
            elif word.core == "at" and (end := _domain_end(passage, place + 1)):
                for one in passage[_mailbox_start(passage, place) : end]:
                    one.label = EMAIL if one.shape.placeholder is None else None


def _domain_end(passage: Sequence[_Word], start: int) -> int:
    """Where a spoken domain ends that begins at a place, such as "gmail dot com"; 0 where none does."""
    for place in range(start, min(start + _DOMAIN_WORDS, len(passage))):
        word, after = passage[place].core, passage[place + 1].core if place + 1 < len(passage) else ""
        if word in _NO_DOMAINS:
            return 0
        if place > start and word == "dot" and after in _TOP_DOMAINS:
            further = [one.core for one in passage[place + 2 : place + 4]]
            return place + (4 if len(further) == 2 and further[0] == "dot" and further[1] in _TOP_DOMAINS else 2)
        if place == start and word.rpartition(".")[2] in _TOP_DOMAINS and "." in word:
            return place + 1
    return 0


def _mailbox_start(passage: Sequence[_Word], at: int) -> int:
    """Where the spoken name of a mailbox begins that ends before "at": joined words, and letters and digits."""
    start = max(0, at - 1)
    while start > 0:
        before, here = passage[start - 1], passage[start]
        joined = before.core in _EMAIL_JOINTS or here.core in _EMAIL_JOINTS
        single = _LETTERS.fullmatch(before.core) is not None or bool(before.shape.numbers)
        if not (joined or single) or (before.shape.ends_a_clause and not single):
            break
        start -= 1
    return start


def _named_runs(call: Sequence[Sequence[_Word]]) -> Iterator[_Word]:
    """Yield words with a capital letter where somebody says who they are: "this is Tom", "Anna Smith speaking"."""
    for passage in call:
        place = 0
        while place < len(passage):
            end = _capitals_end(passage, place)
            run = passage[place:end]
            if run and _says_who(passage, place, end):
                yield from run
            place = max(end, place + 1)


def _capitals_end(passage: Sequence[_Word], start: int) -> int:
    """Where up to three words with a capital letter end that may be somebody's name."""
    end = start
    while end < min(start + _NAME_WORDS, len(passage)):
        word = passage[end]
        is_name = word.text[:1].isupper() and word.core.replace("-", "").replace("'", "").isalpha()
        if not is_name or len(word.core) == 1 or word.core in _NO_NAMES:
            break
        end += 1
        if word.shape.ends_a_clause:
            break
    return end


def _says_who(passage: Sequence[_Word], start: int, end: int) -> bool:
    words = passage[start:end]
    if not {word.core.removesuffix("'s") for word in words}.isdisjoint(_OF_NOBODY | _MONTHS.keys() - _COMMON_WORDS):
        return False
    follows = passage[end].core if end < len(passage) and not words[-1].shape.ends_a_clause else ""
    # "This is Lakeside Eye Clinic" goes on with what no person has in a name.
    if follows in _OF_NOBODY:
        return False
    one, two = (passage[start - back].core if start >= back else "" for back in (1, 2))
    speaks = follows in _SPEAKING
    if (two, one) in _THIS_IS or speaks:
        return True
    return bool({one, (two, one)} & _IT_IS) and len(words) > 1


def _redact_names(call: Sequence[Sequence[_Word]], known: AbstractSet[str]) -> None:
    for word in (*_given_names(call), *_named_runs(call)):
        word.label = word.label or NAME
    for passage in call:
        for word in passage:
            name = word.core.removesuffix("'s")
            if name in known and (name not in _COMMON_WORDS or word.text[:1].isupper()):
                word.label = word.label or NAME
