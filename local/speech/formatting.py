"""From recognised words to the words of an answer: what the options of a recording and of a stream have in common."""

from __future__ import annotations

from collections.abc import Iterable

from local.speech.engines import Word
from local.speech.parameters import ListenOptions
from local.speech.spoken_numbers import Redaction, as_numerals
from local.speech.transcript import SpokenWord, Utterance, utterances
from local.speech.writing import write

# Seconds without a word that end an utterance (Deepgram's page "Utterance Split", the default).
UTTERANCE_GAP = 0.8


def reworded(recognised: Iterable[Word], redaction: Redaction, options: ListenOptions) -> list[SpokenWord]:
    """Return words with redaction and numerals applied, as far as the options ask for them."""
    words = redaction.apply([SpokenWord.of(word) for word in recognised])
    return as_numerals(words) if options.smart_format else words


def grouped(words: list[SpokenWord], channel: int, options: ListenOptions) -> list[Utterance]:
    """Return the utterances of one channel, with capitals and punctuation if the options ask for them."""
    spoken = utterances(words, channel, UTTERANCE_GAP)
    if options.written:
        for sentence in (sentence for utterance in spoken for sentence in utterance.sentences):
            write(sentence)
    return spoken
