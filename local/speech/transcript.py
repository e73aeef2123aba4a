"""Recognised words grouped as Deepgram groups them: utterances, and sentences within them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from local.speech.engines import Word
from local.speech.sentence_breaks import begins_sentence, ends_sentence


@dataclass(slots=True)
class SpokenWord:
    """A recognised word on its way into the reply.

    Attributes:
        text: As the reply's `word`.
        written: As the reply's `punctuated_word`.
        start: Seconds.
        end: Seconds.
        confidence: 0 to 1.
        speaker: Speaker number, with diarization.
        speaker_confidence: 0 to 1, with diarization.
        sentiment: Score from -1 to 1, with sentiment.
        punctuated: As the engine writes it; `None` if it writes neither capitals nor punctuation.
    """

    text: str
    written: str
    start: float
    end: float
    confidence: float
    punctuated: str | None = None
    speaker: int | None = None
    speaker_confidence: float = 0.0
    sentiment: float | None = None

    @classmethod
    def of(cls, word: Word) -> SpokenWord:
        """Take a word from the engine."""
        return cls(word.text, word.text, word.start, word.end, word.confidence, word.punctuated)

    @property
    def marks(self) -> tuple[str, str]:
        """The punctuation that the engine has put before and after the word."""
        before, found, after = (self.punctuated or "").lower().partition(self.text)
        return (before, after) if found else ("", "")


def merge(spoken: list[SpokenWord], text: str) -> SpokenWord:
    """Return one word with the given text in place of several consecutive ones."""
    first, last = spoken[0], spoken[-1]
    confidence = sum(word.confidence for word in spoken) / len(spoken)
    punctuated = None if last.punctuated is None else f"{first.marks[0]}{text}{last.marks[1]}"
    return SpokenWord(text, text, first.start, last.end, confidence, punctuated, first.speaker)


@dataclass
class Sentence:
    """A sentence of one speaker.

    Attributes:
        words: At least one.
        sentiment: Score from -1 to 1, with sentiment.
    """

    words: list[SpokenWord]
    sentiment: float | None = None

    @property
    def text(self) -> str:
        """The sentence as it is written."""
        return " ".join(word.written for word in self.words)

    @property
    def spoken(self) -> str:
        """The sentence's plain words."""
        return " ".join(word.text for word in self.words)


@dataclass
class Utterance:
    """What one speaker says without a long pause."""

    channel: int
    sentences: list[Sentence] = field(default_factory=list)

    @property
    def words(self) -> list[SpokenWord]:
        """All words, in order."""
        return [word for sentence in self.sentences for word in sentence.words]

    @property
    def text(self) -> str:
        """The utterance as it is written."""
        return " ".join(sentence.text for sentence in self.sentences)

    @property
    def start(self) -> float:
        """Seconds."""
        return self.sentences[0].words[0].start

    @property
    def end(self) -> float:
        """Seconds."""
        return self.sentences[-1].words[-1].end

    @property
    def speaker(self) -> int | None:
        """Speaker number, with diarization."""
        return self.sentences[0].words[0].speaker


def utterances(spoken: Sequence[SpokenWord], channel: int, gap: float) -> list[Utterance]:
    """Group the words of one channel.

    Args:
        spoken: The words in order of time.
        channel: The channel's index.
        gap: Seconds without a word that end an utterance; so does another speaker.
    """
    found: list[Utterance] = []
    last: SpokenWord | None = None
    for word, after in zip_longest(spoken, (following.text for following in spoken[1:])):
        if last is None or word.start - last.end >= gap or word.speaker != last.speaker:
            found.append(Utterance(channel, [Sentence([word])]))
        elif _begins_sentence(found[-1].sentences[-1], word, after):
            found[-1].sentences.append(Sentence([word]))
        else:
            found[-1].sentences[-1].words.append(word)
        last = word
    return found


def _begins_sentence(sentence: Sentence, word: SpokenWord, after: str | None) -> bool:
    last = sentence.words[-1]
    if last.punctuated is not None and word.punctuated is not None:
        return ends_sentence(last.punctuated, word.punctuated)
    return begins_sentence([earlier.text for earlier in sentence.words], word.text, after, word.start - last.end)


def confidence(spoken: list[SpokenWord]) -> float:
    """Return the mean confidence, 0 without words."""
    return round(sum(word.confidence for word in spoken) / len(spoken), 6) if spoken else 0.0
