"""What runs inside a recognition process for streams: one decoder and one voice activity detector for each channel."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import soxr
from pocketsphinx import Decoder, Endpointer  # type: ignore[attr-defined]

from local.speech.engines import Heard, Passage, SpeechStart, StreamRequest, Word
from local.speech.engines.recogniser import (
    RATE,
    VAD_RATIO,
    LanguageModel,
    decoded_words,
    decoder_for,
    teach_terms,
)

# Seconds of silence that end an utterance lie between these: the detector needs some frames to decide on.
SHORTEST_WINDOW = 0.3
LONGEST_WINDOW = 2.0
# Seconds before the detected beginning of speech that are decoded too.
LEAD_IN = 0.2
INTERIM_SECONDS = 0.6
# Words cannot stay open for ever: from the first on a passage ends in the next silence, at the second in any case.
LONG_SECONDS = 8.0
LONGEST_SECONDS = 15.0
SILENCE_SECONDS = 5.0
# The recogniser knows how sure it is only at the end.
INTERIM_CONFIDENCE = 0.5
# Mean cepstrum of 8 kHz telephone speech, measured over the sample calls. A decoder that hears the first seconds of a
# stream has no mean of its own yet, and the model's is that of 16 kHz recordings.
CEPSTRAL_MEAN = "45.3,30.3,-25.7,53.6,-15.5,1.7,15.4,-28.1,13.2,-11.8,4.7,11.5,-10.9"
MAX_IDLE_DECODERS = 4
# Half the time for hardly more mistakes: fewer Gaussians for each frame, and an end to hopeless numbers of hypotheses.
_FASTER = {"topn": 2, "maxhmmpf": 8_000}

_streams: dict[str, LiveChannel] = {}
_idle: list[tuple[tuple[LanguageModel, tuple[str, ...]], Decoder]] = []


def _borrow(language_model: LanguageModel, spoken_terms: tuple[str, ...]) -> Decoder:
    key = (language_model, spoken_terms)
    if (fitting := next((idle for idle in _idle if idle[0] == key), None)) is not None:
        _idle.remove(fitting)
    decoder = _new(*key) if fitting is None else fitting[1]
    decoder.set_cmn(CEPSTRAL_MEAN)
    return decoder


def prepare(language_model: LanguageModel) -> None:
    """Make a decoder for the first stream, which would have to wait for it."""
    _idle.append(((language_model, ()), _new(language_model, ())))


def _new(language_model: LanguageModel, spoken_terms: tuple[str, ...]) -> Decoder:
    if language_model == "general":
        decoder = Decoder(loglevel="FATAL", **_FASTER)
        teach_terms(decoder, spoken_terms, in_model=True)
        return decoder
    decoder = Decoder(loglevel="FATAL", lm=None, **_FASTER)
    teach_terms(decoder, spoken_terms, in_model=False)
    decoder.add_lm("clinic", decoder_for(language_model, spoken_terms).get_lm("clinic"))
    decoder.activate_search("clinic")
    return decoder


class LiveChannel:
    """One channel of a stream: resampled, taken apart into utterances, decoded while it is spoken.

    Positions are samples at 16 kHz. `_position` is what the detector has seen, `_decoded` what the decoder has,
    `_final` where the last final passage ended. `_speaking` says whether an utterance is open in the decoder.
    """

    def __init__(self, request: StreamRequest, language_model: LanguageModel, spoken_terms: tuple[str, ...]) -> None:
        self._rate = request.rate
        self._interim = request.interim
        self._window = min(max(request.endpointing, SHORTEST_WINDOW), LONGEST_WINDOW)
        self._key = (language_model, spoken_terms)
        self._wanted = self._key
        self._decoder = _borrow(*self._key)
        self._resampler = (
            None if request.rate == RATE else soxr.ResampleStream(request.rate, RATE, 1, dtype="int16", quality="LQ")
        )
        self._rest = b""
        self._speaking = False
        self._recent = bytearray()
        self._recent_bytes = 2 * round((self._window + LEAD_IN + 0.1) * RATE)
        self._position = self._decoded = self._final = self._utterance = self._interim_due = self._origin = 0
        self._detector = self._new_detector()

    def feed(self, pcm: bytes) -> list[Heard]:
        """Take samples at the stream's rate."""
        if self._resampler is not None:
            pcm = self._resampler.resample_chunk(np.frombuffer(pcm, "<i2")).astype("<i2").tobytes()
        return list(self._take(pcm))

    def finalize(self) -> list[Heard]:
        """Make final what was fed; in silence only what can be no beginning of speech."""
        if self._speaking:
            self._decode_rest(b"")
            passage = self._passage_to(self._position, from_finalize=True)
            self._detector = self._new_detector()
            return [passage]
        return [self._silence_to(max(self._final, self._quiet), from_finalize=True)]

    def finish(self) -> list[Heard]:
        """End the stream."""
        heard: list[Heard] = []
        if self._resampler is not None:
            tail = self._resampler.resample_chunk(np.zeros(0, np.int16), last=True)
            heard += self._take(tail.astype("<i2").tobytes())
        end = self._position + len(self._rest) // 2
        if self._speaking:
            self._decode_rest(self._rest)
            heard.append(self._passage_to(end))
        elif end > self._final:
            heard.append(self._silence_to(end))
        return heard

    def replace_vocabulary(self, spoken_terms: tuple[str, ...]) -> None:
        """Use other terms from the next utterance on."""
        self._wanted = (self._key[0], spoken_terms)

    def release(self) -> None:
        """Give the decoder to the next stream."""
        if self._speaking:
            self._decoder.end_utt()
        _idle.append((self._key, self._decoder))
        del _idle[:-MAX_IDLE_DECODERS]

    @property
    def _quiet(self) -> int:
        """Up to where silence is certain: what comes after may be the beginning of speech."""
        return self._position - round((self._window + LEAD_IN) * RATE)

    def _new_detector(self) -> Endpointer:
        self._origin = self._position
        return Endpointer(window=self._window, ratio=VAD_RATIO, sample_rate=RATE)

    def _take(self, pcm: bytes) -> Iterator[Heard]:
        data = self._rest + pcm
        size = self._detector.frame_bytes
        whole = len(data) - len(data) % size
        for start in range(0, whole, size):
            yield from self._frame(data[start : start + size])
        self._rest = data[whole:]

    def _frame(self, frame: bytes) -> Iterator[Heard]:
        speech = self._detector.process(frame)
        self._position += len(frame) // 2
        self._recent += frame
        del self._recent[: -self._recent_bytes]
        if speech is None:
            if self._quiet - self._final >= SILENCE_SECONDS * RATE:
                yield self._silence_to(self._quiet)
            return
        if not self._speaking:
            yield self._begin()
        self._decoder.process_raw(speech)
        self._decoded += len(speech) // 2
        if not self._detector.in_speech:
            yield self._passage_to(self._decoded, speech_final=True)
        else:
            yield from self._go_on()

    def _begin(self) -> SpeechStart:
        if self._wanted != self._key:
            _idle.append((self._key, self._decoder))
            self._key, self._decoder = self._wanted, _borrow(*self._wanted)
        onset = self._origin + round(self._detector.speech_start * RATE)
        self._start_utterance(max(onset - round(LEAD_IN * RATE), self._final))
        if lead_in := self._since(self._utterance)[: 2 * (onset - self._utterance)]:
            self._decoder.process_raw(lead_in)
        self._decoded = onset
        return SpeechStart(onset / RATE)

    def _start_utterance(self, position: int) -> None:
        self._decoder.start_utt()
        self._speaking = True
        self._utterance = position
        self._interim_due = position + round(INTERIM_SECONDS * RATE)

    def _go_on(self) -> Iterator[Heard]:
        """Yield what is due in the middle of an utterance."""
        if self._decoded < self._interim_due:
            return
        self._interim_due = self._decoded + round(INTERIM_SECONDS * RATE)
        length = (self._decoded - self._utterance) / RATE
        words = self._words(lambda _: INTERIM_CONFIDENCE)
        if length >= LONGEST_SECONDS or (length >= LONG_SECONDS and self._pausing(words)):
            yield self._passage_to(self._decoded)
            self._start_utterance(self._decoded)
        elif self._interim and words:
            yield Passage(self._final / RATE, self._decoded / RATE, words, final=False)

    def _pausing(self, words: tuple[Word, ...]) -> bool:
        return not words or words[-1].end < self._decoded / RATE - 0.1

    def _decode_rest(self, unseen: bytes) -> None:
        """Decode what the detector still holds back, and samples that it has not seen."""
        if rest := self._since(self._decoded) + unseen:
            self._decoder.process_raw(rest)

    def _since(self, position: int) -> bytes:
        return bytes(self._recent[len(self._recent) - 2 * (self._position - position) :])

    def _words(self, confidence: Callable[[Word], float]) -> tuple[Word, ...]:
        found = decoded_words(self._decoder, self._utterance / RATE)
        return tuple(Word(word.text, word.start, word.end, confidence(word)) for word in found)

    def _passage_to(self, end: int, *, speech_final: bool = False, from_finalize: bool = False) -> Passage:
        self._decoder.end_utt()
        self._speaking = False
        words = self._words(lambda word: word.confidence)
        start, self._final = self._final, end
        return Passage(start / RATE, end / RATE, words, speech_final=speech_final, from_finalize=from_finalize)

    def _silence_to(self, end: int, *, from_finalize: bool = False) -> Passage:
        start, self._final = self._final, end
        return Passage(start / RATE, end / RATE, (), from_finalize=from_finalize)


def open_channel(
    key: str, request: StreamRequest, language_model: LanguageModel, spoken_terms: tuple[str, ...]
) -> None:
    """Begin a channel."""
    _streams[key] = LiveChannel(request, language_model, spoken_terms)


def feed(key: str, pcm: bytes) -> list[Heard]:
    """Feed a channel."""
    return _streams[key].feed(pcm)


def finalize(key: str) -> list[Heard]:
    """Make final what a channel was fed."""
    return _streams[key].finalize()


def finish(key: str) -> list[Heard]:
    """End a channel and return the rest."""
    return _streams[key].finish()


def replace_vocabulary(key: str, spoken_terms: tuple[str, ...]) -> None:
    """Give a channel other terms."""
    _streams[key].replace_vocabulary(spoken_terms)


def release(key: str) -> None:
    """Forget a channel, if it is there."""
    if channel := _streams.pop(key, None):
        channel.release()
