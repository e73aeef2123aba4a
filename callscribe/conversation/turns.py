"""The turns of a call: what one speaker says until another takes the floor.

A speech service cuts at pauses for breath, and may put two voices into one utterance. Whoever judges a call needs what
was said in one go: an utterance is cut where the voice of its words changes, and a speaker's words are one turn across
short pauses and over what the other says without taking the floor. Turns of speakers who talk at the same time overlap.

Only words, their times and their voices count, never where the service cut: the same words in other utterances are the
same turns. An utterance whose words are not known is one piece.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Protocol, TypeAlias

import msgspec

from callscribe.conversation.announcements import CONFIDENCE, stretches
from callscribe.conversation.backchannels import backchannel
from callscribe.conversation.floor import Unit, spoken_in_one_go
from callscribe.conversation.utterances import Role, TimedWord, Utterance, mean_confidence
from callscribe.recognition import RecognisedUtterance, Recognition, Sentiment
from callscribe.serialization import shared


class Piece(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Words of an utterance; in a document a list, `[3, 0, 12]`.

    Attributes:
        utterance: index into the transcript's utterances.
        first: index of the first word among the utterance's words; None for the whole utterance, by its text.
        after: index after the last word; None for the whole utterance.
    """

    utterance: int
    first: int | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnText:
    """What one speaker said in one go.

    Attributes:
        speaker: as in `SpeakerRole.speaker`.
        channel: audio channel, counted from 0.
        role: the part the speaker plays in this turn.
        role_confidence: 0 to 1, how sure the role is; 0 for an unknown role.
        text: the words as the service formatted them.
        start: seconds from the beginning of the recording to the first word.
        end: seconds from the beginning of the recording to the end of the last word.
        confidence: 0 to 1, mean over the words; None where the service did not say.
        word_count: number of words.
        sentiment: mean mood of the utterances that the words are in; None where the service gave none.
        pieces: where the words are, in order.
    """

    speaker: str
    channel: int
    role: Role
    role_confidence: float
    text: str
    start: float
    end: float
    confidence: float | None
    word_count: int
    sentiment: Sentiment | None = None
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn(TurnText):
    """What one speaker said in one go, with its single words.

    Attributes:
        words: each word with its times, in order; None where those of some are not known.
    """

    words: tuple[TimedWord, ...] | None = None

    @property
    def utterances(self) -> tuple[int, ...]:
        """Indexes of the utterances that its words are in, in order."""
        return tuple(dict.fromkeys(piece.utterance for piece in self.pieces))

    @property
    def backchannel(self) -> bool:
        """Whether all of it is listening, such as "mhm" or "okay"."""
        return backchannel(self.text) is not None

    def utterance_of(self, word: int) -> int | None:
        """The utterance that a word is in; its first one where that is not known, None where it has none.

        Args:
            word: index of the word, as `str.split` counts those of the text.
        """
        # A word that was formatted to several shifts those behind it.
        if self.words is not None and len(self.words) == len(self.text.split()):
            for piece in self.pieces:
                word -= (piece.after or 0) - (piece.first or 0)
                if word < 0:
                    return piece.utterance
        return self.utterances[0] if self.utterances else None

    def times(self, first: int, after: int) -> tuple[float, float]:
        """When some of its words were said, in seconds; the times of the turn where those of words are not known.

        Args:
            first: index of the first word.
            after: index after the last word.
        """
        words = (self.words or ())[first:after]
        return (words[0].start, max(word.end for word in words)) if words else (self.start, self.end)


class SaidWord(Protocol):
    """A word, as it was recognised or as it is stored."""

    @property
    def text(self) -> str:
        """The word with its punctuation."""

    @property
    def start(self) -> float:
        """Where it begins, in seconds."""

    @property
    def end(self) -> float:
        """Where it ends, in seconds."""

    @property
    def confidence(self) -> float | None:
        """How sure the service is of it."""


class Said(Protocol):
    """An utterance, as it was recognised or as it is stored."""

    @property
    def channel(self) -> int:
        """Audio channel, counted from 0."""

    @property
    def text(self) -> str:
        """The words."""

    @property
    def start(self) -> float:
        """Where it begins, in seconds."""

    @property
    def end(self) -> float:
        """Where it ends, in seconds."""

    @property
    def confidence(self) -> float | None:
        """How sure the service is of the words."""

    @property
    def words(self) -> Sequence[SaidWord] | None:
        """The single words; none where they are not known."""


SpeakersOfWords: TypeAlias = Sequence[str]
"""Who says each word of an utterance; of one without words, its only speaker."""


def speakers_heard(recognition: Recognition) -> list[SpeakersOfWords]:
    """Name the speaker of each word of each utterance.

    Where there are several channels a speaker has the name of the channel, `channel-0`, else of the voice that
    diarization found, `speaker-0`. Voices that were told apart on one of several channels are `channel-0-speaker-1`.
    """
    numbers = [_voices(said) for said in recognition.utterances]
    voices = {(said.channel, voice) for said, one in zip(recognition.utterances, numbers, strict=True) for voice in one}
    on_channel = Counter(channel for channel, _ in voices)

    def name(channel: int, voice: int) -> str:
        if recognition.channel_count <= 1:
            return f"speaker-{voice}"
        return f"channel-{channel}" if on_channel[channel] == 1 else f"channel-{channel}-speaker-{voice}"

    names = {voice: name(*voice) for voice in voices}
    return [
        [names[said.channel, voice] for voice in one] for said, one in zip(recognition.utterances, numbers, strict=True)
    ]


def _voices(said: RecognisedUtterance) -> list[int]:
    """The voice of each word; a word without one has that of the word before it."""
    voice = said.speaker
    if voice is None:
        voice = next((word.speaker for word in said.words if word.speaker is not None), 0)
    if not said.words:
        return [voice]
    voices = []
    for word in said.words:
        voice = voice if word.speaker is None else word.speaker
        voices.append(voice)
    return voices


def speaker_of(said: RecognisedUtterance, speakers: SpeakersOfWords) -> str:
    """The speaker that an utterance is filed under: that of the voice it came with, else of its first word.

    Args:
        said: the utterance.
        speakers: who says its words, from `speakers_heard`.
    """
    named = zip(_voices(said), speakers, strict=True)
    return next((name for voice, name in named if voice == said.speaker), speakers[0])


def turns_heard(said: Sequence[Said], speakers: Sequence[SpeakersOfWords]) -> list[Turn]:
    """Put together what each speaker says in one go, in order of time.

    Announcements are told from what people say, and have their role. Other roles, and moods, are not known yet.

    Args:
        said: the utterances, in order of time.
        speakers: who says their words, from `speakers_heard`.
    """
    units = (
        unit
        for index, (utterance, names) in enumerate(zip(said, speakers, strict=True))
        for unit in _units(index, utterance, names)
    )
    turns = [
        _turn(turn, said, Role.ANNOUNCEMENT if played else Role.UNKNOWN, CONFIDENCE if played else 0.0)
        for turn, played in _announced(spoken_in_one_go(units))
    ]
    return sorted(turns, key=attrgetter("start", "end", "channel", "speaker"))


def turns_stored(utterances: Sequence[Utterance], turns: Sequence[TurnText] | None) -> tuple[Turn, ...]:
    """The turns of a stored transcript, with their words.

    Args:
        utterances: its utterances.
        turns: its turns; None where it was stored before turns were told apart: then every utterance has one speaker.

    Raises:
        IndexError: a turn names an utterance that is not there.
    """
    if turns is not None:
        return tuple(Turn(**shared(TurnText, turn), words=_timed(turn.pieces, utterances)) for turn in turns)
    roles = {said.speaker: (said.role, said.role_confidence) for said in utterances}
    heard = turns_heard(utterances, [[said.speaker] * max(1, len(said.words or ())) for said in utterances])
    moods = [said.sentiment for said in utterances]
    return tuple(
        with_role(turn, *roles[turn.speaker], sentiment=mood_of(turn.pieces, utterances, moods)) for turn in heard
    )


def with_role(turn: Turn, role: Role, role_confidence: float, *, sentiment: Sentiment | None) -> Turn:
    """A turn whose mood is known, and its speaker's role; an announcement is nobody's part."""
    if turn.role is Role.ANNOUNCEMENT:
        role, role_confidence = turn.role, turn.role_confidence
    return replace(turn, role=role, role_confidence=role_confidence, sentiment=sentiment)


def mood_of(pieces: Sequence[Piece], said: Sequence[Said], moods: Sequence[Sentiment | None]) -> Sentiment | None:
    """The mean mood of the utterances that words are in, by the number of words; None where none has one."""
    parts = ((moods[piece.utterance], _count(piece, said)) for piece in pieces)
    known = [(mood.score, count) for mood, count in parts if mood is not None and count]
    total = sum(count for _, count in known)
    return Sentiment.of(sum(score * count for score, count in known) / total) if total else None


def _announced(turns: Iterable[list[Unit]]) -> Iterator[tuple[list[Unit], bool]]:
    for turn in turns:
        for stretch in stretches([unit.text for unit in turn]):
            yield turn[stretch.first : stretch.after], stretch.played


def _units(index: int, said: Said, speakers: SpeakersOfWords) -> Iterator[Unit]:
    words = said.words or ()
    if words and _has_all_words(said.text, words):
        for number, (word, speaker) in enumerate(zip(words, speakers, strict=True)):
            yield Unit(word.start, word.end, said.channel, speaker, word.text, index, number)
    elif said.text:
        yield Unit(said.start, said.end, said.channel, speakers[0], said.text, index, None)


def _has_all_words(text: str, words: Sequence[SaidWord]) -> bool:
    joined = " ".join(word.text for word in words)
    return joined == text or _letters(joined) >= _letters(text)


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def _pieces(turn: Sequence[Unit]) -> Iterator[Piece]:
    """Words that follow each other in an utterance are one piece."""
    begin = 0
    for index, unit in enumerate(turn):
        following = turn[index + 1] if index + 1 < len(turn) else None
        if unit.word is None:
            yield Piece(unit.utterance)
        elif following is None or (following.utterance, following.word) != (unit.utterance, unit.word + 1):
            yield Piece(unit.utterance, turn[begin].word, unit.word + 1)
        else:
            continue
        begin = index + 1


def _turn(units: Sequence[Unit], said: Sequence[Said], role: Role, role_confidence: float) -> Turn:
    pieces = tuple(_pieces(units))
    return Turn(
        speaker=units[0].speaker,
        channel=units[0].channel,
        role=role,
        role_confidence=role_confidence,
        text=" ".join(unit.text for unit in units),
        start=units[0].start,
        end=max(unit.end for unit in units),
        confidence=mean_confidence(part for piece in pieces for part in _confidences(piece, said)),
        word_count=sum(_count(piece, said) for piece in pieces),
        pieces=pieces,
        words=_timed(pieces, said),
    )


def _words(piece: Piece, said: Sequence[Said]) -> Sequence[SaidWord]:
    return (said[piece.utterance].words or ())[piece.first : piece.after]


def _timed(pieces: Sequence[Piece], said: Sequence[Said]) -> tuple[TimedWord, ...] | None:
    words: list[SaidWord] = []
    for piece in pieces:
        part = _words(piece, said)
        if not part:
            return None
        words.extend(part)
    return tuple(TimedWord(word.text, word.start, word.end, word.confidence) for word in words)


def _confidences(piece: Piece, said: Sequence[Said]) -> Iterator[tuple[float | None, int]]:
    """The confidence of the words, else that of their utterance for all of them."""
    known = [word.confidence for word in _words(piece, said) if word.confidence is not None]
    if known:
        yield sum(known) / len(known), len(known)
    else:
        yield said[piece.utterance].confidence, _count(piece, said)


def _count(piece: Piece, said: Sequence[Said]) -> int:
    """Number of words."""
    if piece.first is None or piece.after is None:
        utterance = said[piece.utterance]
        return len(utterance.words or ()) or len(utterance.text.split())
    return piece.after - piece.first
