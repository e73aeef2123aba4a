"""The encoder and its heads as an engine of wordings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from callscribe.conversation.flags import load_flag_set
from callscribe.conversation.wording import LEAST_WORDS, Score, WordingVersion
from callscribe.encoder.heads import Heads, load_heads
from callscribe.encoder.model import MEANS, Figures, SentenceEncoder

_NEAREST: Final = 2


class EncoderEngine:
    """Knows flags by wording; see `callscribe.conversation.wording.WordingEngine`.

    A score is the mean of what the heads say and of what the flag set's weights of words do: each errs elsewhere.

    Attributes:
        encoder: the model.

    Args:
        folder: the model's files, as `SentenceEncoder` takes them.

    Raises:
        EncoderUnavailable: a file is missing, or does not fit; the message says what to do.
    """

    def __init__(self, folder: Path) -> None:
        self._heads: Heads = load_heads()
        self._words = load_flag_set(self._heads.about.flag_set).wording
        self.encoder = SentenceEncoder(folder, self._heads.corrections)

    @property
    def version(self) -> WordingVersion:
        """Name and version of the heads."""
        return WordingVersion(name=self._heads.about.name, version=self._heads.about.version)

    def read(self, text: str) -> Mapping[str, Score]:
        """Score a piece for each flag; of fewer than three words nothing is known."""
        if len(text.split()) < LEAST_WORDS:
            return {}
        about = self._heads.about
        figures = self.encoder.encode(text)
        heard = self._heads.weights @ figures + self._heads.biases
        words = {} if self._words is None else self._words.read(text)
        scores = [
            (float(score) + words[flag].score) / 2 if flag in words else float(score)
            for flag, score in zip(about.flags, heard, strict=True)
        ]
        return {
            flag: Score(
                score,
                about.thresholds[flag],
                self._nearest(flag, figures) if score > about.thresholds[flag].add else (),
            )
            for flag, score in zip(about.flags, scores, strict=True)
        }

    def _nearest(self, flag: str, figures: Figures) -> tuple[str, ...]:
        likeness = self._heads.examples @ figures[MEANS]
        examples = self._heads.about.examples
        of_flag = (index for index, (raised, _) in enumerate(examples) if raised == flag)
        nearest = sorted(of_flag, key=lambda index: (-float(likeness[index]), index))[:_NEAREST]
        return tuple(examples[index][1] for index in nearest)
