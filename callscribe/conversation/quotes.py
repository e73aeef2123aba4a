"""Words of a call that speak for a conclusion, and when they were said."""

from dataclasses import dataclass

from callscribe.conversation.turns import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Words that decided, and when they were said.

    Attributes:
        turn: index into the transcript's turns.
        text: the words; "" in the score on an item of the table, whose turns have them.
        start: seconds from the beginning of the recording.
        end: seconds from the beginning of the recording.
    """

    turn: int
    text: str
    start: float
    end: float


def quote(turns: tuple[Turn, ...], turn: int, first: int, last: int) -> Quote:
    """Quote words of a turn.

    Args:
        turns: the transcript's turns.
        turn: index of the turn.
        first: index of the first word, as `str.split` counts them.
        last: index of the last word.
    """
    said = turns[turn]
    written = said.text.split()
    # A word that was formatted to several has no times of its own: then those of the turn are as near as is known.
    timed = said.words is not None and len(said.words) == len(written)
    start, end = said.times(first, last + 1) if timed else (said.start, said.end)
    return Quote(turn=turn, text=" ".join(written[first : last + 1]), start=start, end=end)
