"""What a listener says without taking the floor: "mhm", "okay", "I see"."""

from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from re import Pattern
from typing import Final

from callscribe.conversation.phrases import phrase, spoken
from callscribe.data_files import load

_MOST_CHARACTERS: Final = 40


class Backchannel(Enum):
    """What a listener's words can be besides a sign of listening.

    `continuer`: nothing else. `acknowledgement`: an answer, where there is something to answer.
    """

    CONTINUER = auto()
    ACKNOWLEDGEMENT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class _BackchannelsFile:
    continuers: tuple[str, ...]
    acknowledgements: tuple[str, ...]


def backchannel(text: str) -> Backchannel | None:
    """Say whether all of a text is listening, by `lexicons/backchannels-v1.json`; None where it says more."""
    if len(text) > _MOST_CHARACTERS:
        return None
    return _backchannel(spoken(text).text)


@cache
def _patterns() -> tuple[Pattern[str], Pattern[str]]:
    file = load(_BackchannelsFile, "lexicons", "backchannels-v1")
    continuer = "|".join(file.continuers)
    either = f"{continuer}|{'|'.join(file.acknowledgements)}"
    return phrase(f"(?:{continuer})(?: (?:{continuer}))*"), phrase(f"(?:{either})(?: (?:{either}))*")


def _backchannel(text: str) -> Backchannel | None:
    continuer, either = _patterns()
    if continuer.fullmatch(text):
        return Backchannel.CONTINUER
    return Backchannel.ACKNOWLEDGEMENT if either.fullmatch(text) else None
