"""English words for numbers, and what each is worth."""

from typing import Final


def _values(words: str, first: int, step: int = 1) -> dict[str, int]:
    return {word: first + step * place for place, word in enumerate(words.split())}


DIGITS: Final = _values("zero one two three four five six seven eight nine", 0)
TEENS: Final = _values("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen", 10)
TENS: Final = _values("twenty thirty forty fifty sixty seventy eighty ninety", 20, 10)
SCALES: Final = {"hundred": 100, "thousand": 1000}
