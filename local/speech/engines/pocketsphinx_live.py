"""What runs inside a recognition process for streams with pocketsphinx: its voice activity detector and decoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pocketsphinx import Decoder, Vad  # type: ignore[attr-defined]

from local.speech.engines import Word
from local.speech.engines.live_channel import RATE, Tools
from local.speech.engines.pronunciations import split_vocabulary
from local.speech.engines.recogniser import decoded_words, new_decoder

# The recogniser knows how sure it is only at the end.
INTERIM_CONFIDENCE = 0.5
# Mean cepstrum of 8 kHz telephone speech, measured over the sample calls. A decoder that hears the first seconds of a
# stream has no mean of its own yet, and the model's is that of 16 kHz recordings.
CEPSTRAL_MEAN = "45.3,30.3,-25.7,53.6,-15.5,1.7,15.4,-28.1,13.2,-11.8,4.7,11.5,-10.9"
MAX_IDLE_DECODERS = 4
# Half the time for hardly more mistakes: fewer Gaussians for each frame, and an end to hopeless numbers of hypotheses.
_FASTER = {"topn": 2, "maxhmmpf": 8_000}

_idle: list[tuple[tuple[str, ...], Decoder]] = []


def prepare() -> None:
    """Make a decoder for the first stream, which would have to wait for it."""
    _idle.append(((), new_decoder((), **_FASTER)))


class PocketsphinxVoice:
    """The voice activity detector of WebRTC, which pocketsphinx ships."""

    onset = 0.3

    def __init__(self) -> None:
        self._detector = Vad(sample_rate=RATE)
        self.frame_samples = self._detector.frame_bytes // 2

    def speech(self, pcm: bytes) -> Sequence[bool]:
        """Take whole frames; return for each whether somebody speaks."""
        size = 2 * self.frame_samples
        return [bool(self._detector.is_speech(pcm[start : start + size])) for start in range(0, len(pcm), size)]


class PocketsphinxTurns:
    """Decodes turns while they are spoken. Terms without a pronunciation are left out."""

    def __init__(self, vocabulary: tuple[str, ...]) -> None:
        self._terms = tuple(split_vocabulary(vocabulary)[0])
        self._decoder: Decoder | None = None
        self._open = False

    def begin(self) -> None:
        """Begin a turn."""
        if self._decoder is None:
            self._decoder = _borrowed(self._terms)
        self._decoder.start_utt()
        self._open = True

    def add(self, pcm: bytes) -> None:
        """Decode more of the turn."""
        if self._decoder is not None:
            self._decoder.process_raw(pcm)

    def so_far(self) -> Sequence[Word]:
        """Return what is most likely until now."""
        return [replace(word, confidence=INTERIM_CONFIDENCE) for word in self._words()]

    def end(self) -> Sequence[Word]:
        """End the turn."""
        self._close()
        return self._words()

    def release(self) -> None:
        """Give the decoder to the next stream."""
        if self._decoder is not None:
            self._close()
            _idle.append((self._terms, self._decoder))
            del _idle[:-MAX_IDLE_DECODERS]
            self._decoder = None

    def _words(self) -> list[Word]:
        return [] if self._decoder is None else list(decoded_words(self._decoder, 0.0))

    def _close(self) -> None:
        if self._open and self._decoder is not None:
            self._decoder.end_utt()
        self._open = False


def _borrowed(terms: tuple[str, ...]) -> Decoder:
    fitting = next((idle for idle in _idle if idle[0] == terms), None)
    if fitting is not None:
        _idle.remove(fitting)
    decoder = new_decoder(terms, **_FASTER) if fitting is None else fitting[1]
    decoder.set_cmn(CEPSTRAL_MEAN)
    return decoder


def tools(vocabulary: tuple[str, ...]) -> Tools:
    """Return what one channel needs."""
    return Tools(PocketsphinxVoice(), PocketsphinxTurns(vocabulary))
