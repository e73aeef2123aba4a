"""``python -m benchmarks.wording``: finds the weights of words that are weighed against rules, and writes them.

A logistic regression for each flag over words and pairs of words. How far it is believed is chosen for each flag with
scores that have not seen the sentence: in five parts, each scored by weights of all the rest.
It needs scikit-learn, which nothing else here does and so no lock has: ``uv pip install scikit-learn``.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.samples import Figures, Sample, chosen, column, compared_with, samples, tell
from callscribe.conversation.flags import DEFAULT_FLAG_SET, load_flag_set
from callscribe.conversation.word_weights import PER_UNIT, WordWeightsFile, features
from callscribe.conversation.wording import Threshold

NAME: Final = "wording-eye-clinic-en-v1"
OUTPUT: Final = Path(__file__).parent.parent / "callscribe" / "lexicons" / f"{NAME}.json"
_VERSION: Final = 1
_FOLDS: Final = 5
_STRENGTH: Final = 30.0
"""Inverse of the strength of regularisation, as scikit-learn counts it."""
_LEAST_SAMPLES: Final = 2
"""Samples that a feature has to stand in; one that stands in a single one knows that sentence by heart."""

_CLASSES: Final = {
    "#day": "monday tuesday wednesday thursday friday saturday sunday",
    "#days": "mondays tuesdays wednesdays thursdays fridays saturdays sundays",
    "#month": "january february march april june july august september october november december",
    "#number": "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand couple several few",
    "#ordinal": "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth thirtieth",
    "#family": "wife husband son daughter mother father mom dad mama papa grandma grandpa granny grandson "
    "granddaughter brother sister uncle aunt grandmother grandfather",
    "#child": "kid boy girl baby child toddler",
    "#children": "kids boys girls twins children",
    "#span": "minute minutes hour hours day days week weeks month months year years",
    "#insurer": "vsp eyemed aetna cigna humana tricare medicare medicaid kaiser anthem uhc bcbs",
    "#medicine": "latanoprost timolol restasis xiidra prednisolone cosopt lumigan travatan dorzolamide brimonidine "
    "combigan alphagan azopt xalatan bimatoprost cyclosporine rhopressa rocklatan vyzulta simbrinza betimol istalol "
    "durezol lotemax ketorolac ofloxacin moxifloxacin vigamox tobradex erythromycin pataday patanol atropine cequa "
    "pilocarpine",
    "#pharmacy": "walgreens cvs costco walmart kroger publix safeway pharmacy drugstore druggist pharmacist",
    "#chemical": "bleach ammonia acid lye cleaner detergent solvent gasoline lime cement chlorine",
}


def classes() -> dict[str, str]:
    """Words that stand for one another, with the name of their class."""
    return {word: name for name, words in _CLASSES.items() for word in words.split()}


class Fitted:
    """Weights of features."""

    def __init__(self, heard: Sequence[Sample]) -> None:
        from scipy.sparse import csr_matrix
        from sklearn.linear_model import LogisticRegression

        found = [features(sample.text, classes()) for sample in heard]
        counts = Counter(feature for some in found for feature in some)
        self.names = sorted(feature for feature, count in counts.items() if count >= _LEAST_SAMPLES)
        self._places = {feature: place for place, feature in enumerate(self.names)}
        matrix = self._matrix(found, csr_matrix)
        raised, known = column(heard, "raised"), column(heard, "known")
        fits = [
            LogisticRegression(C=_STRENGTH, max_iter=500).fit(matrix[known[:, flag]], raised[known[:, flag], flag])
            for flag in range(raised.shape[1])
        ]
        self.weights: Figures = np.round(np.array([fit.coef_[0] for fit in fits]).T * PER_UNIT)
        self.biases: Figures = np.round(np.array([fit.intercept_[0] for fit in fits]) * PER_UNIT)

    def _matrix(self, found: Sequence[frozenset[str]], kind: Any) -> Any:
        places = [sorted(self._places[feature] for feature in some if feature in self._places) for some in found]
        values = [1 / max(1, len(some)) ** 0.5 for some in places for _ in some]
        rows = [row for row, some in enumerate(places) for _ in some]
        columns = [place for some in places for place in some]
        return kind((values, (rows, columns)), shape=(len(found), len(self.names)))

    def scores(self, heard: Sequence[Sample]) -> Figures:
        """Log odds of each flag, of each sample."""
        from scipy.sparse import csr_matrix

        found = [features(sample.text, classes()) for sample in heard]
        scores: Figures = (self._matrix(found, csr_matrix) @ self.weights + self.biases) / PER_UNIT
        return scores


def unseen_scores(heard: Sequence[Sample]) -> tuple[NDArray[np.int_], Figures]:
    """Places of the samples that thresholds are chosen with, and their scores by weights that have not seen them."""
    places = np.flatnonzero(compared_with(heard))
    scores = np.zeros((len(heard), len(heard[0].raised)), np.float32)
    for part in range(_FOLDS):
        left_out = places[part::_FOLDS]
        kept = Fitted([heard[place] for place in sorted(set(range(len(heard))) - set(left_out.tolist()))])
        scores[left_out] = kept.scores([heard[place] for place in left_out])
    return places, scores[places]


def main(argv: Sequence[str] | None = None) -> int:
    """Choose thresholds, fit to all samples, print what was found, and write the file."""
    parser = argparse.ArgumentParser(prog="benchmarks.wording", description="Find the weights of words.")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FILE", help="where to (default: the package)")
    options = parser.parse_args(argv)
    flags = load_flag_set(DEFAULT_FLAG_SET).names
    heard = [*samples()]
    places, scores = unseen_scores(heard)
    compared = [heard[place] for place in places]
    thresholds = chosen(flags, compared, scores)
    print(thresholds)
    for name, is_plain in (("plain", True), ("adversarial", False)):
        half = [place for place, sample in enumerate(compared) if sample.plain == is_plain]
        print(name)
        tell(flags, [compared[place] for place in half], scores[half], thresholds)
    options.output.write_bytes(written(flags, thresholds, Fitted(heard)))
    return 0


def written(flags: Sequence[str], thresholds: Mapping[str, Threshold], fitted: Fitted) -> bytes:
    """The file of a model, one feature to a line."""
    file = WordWeightsFile(
        name=NAME,
        version=_VERSION,
        description="Weights of words and pairs of words, in hundredths of log odds; benchmarks.wording finds them.",
        language="en",
        flag_set=DEFAULT_FLAG_SET,
        flags=tuple(flags),
        thresholds=thresholds,
        classes=classes(),
        biases=tuple(int(bias) for bias in fitted.biases),
        weights={
            name: tuple(int(weight) for weight in weights)
            for name, weights in zip(fitted.names, fitted.weights, strict=True)
        },
    )
    lines = msgspec.json.format(msgspec.json.encode(file), indent=0)
    return lines.replace(b'], "', b'],\n"') + b"\n"


if __name__ == "__main__":
    sys.exit(main())
