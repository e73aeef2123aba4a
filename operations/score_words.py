"""The score of a call in words: why it has its points, and what was said that decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

Item = Mapping[str, Any]

_SHOWN_QUOTES: Final = 2
_SHOWN_CHARACTERS: Final = 70

_MISSING: Final = {
    "salutation": "no greeting",
    "business-name": "did not say which clinic",
    "agent-name": "gave no name",
    "offer-of-help": "did not offer help",
    "name": "the patient's name was not established",
    "date-of-birth": "the date of birth was not established",
    "farewell": "no farewell",
    "anything-else": "did not ask whether there is anything else",
}

# By reason; where a reason has two meanings, the measure that tells them apart comes first. The later of two is without
# figures, for scores that were stored without them.
_WORDS: Final[Mapping[str, Sequence[str]]] = {
    "complete": ("nothing is missing",),
    "asked-enough": ("asked often enough: {questions:g}", "asked often enough"),
    "asked-too-little": ("asked too little: {questions:g}", "asked too little"),
    "answered": ("a kind word for {answered:g} of {troubles:g} troubles", "gave an answer"),
    "not-answered": ("no kind word for {troubles:g} troubles", "no answer"),
    "not-urgent": ("nothing was urgent",),
    "escalated": ("got help",),
    "not-escalated": ("got no help at once",),
    "nobody-else-spoke": ("nobody else spoke",),
    "too-little": ("the agent spoke too little: {agent_share:.0%} of what was said", "the agent spoke too little"),
    "too-much": ("the agent spoke too much: {agent_share:.0%} of what was said", "the agent spoke too much"),
    "balanced": ("the agent spoke {agent_share:.0%} of what was said", "balanced"),
    "no-conversation": ("there was no conversation",),
    "flowing": ("silence in {silence_share:.0%} of the conversation", "hardly any silence"),
    "too-silent": (
        "silence in {silence_share:.0%} of the conversation, up to {longest_silence_seconds:.0f} s",
        "too much silence",
    ),
    "no-long-pause": ("no long pause",),
    "announced": ("every long pause was announced",),
    "not-announced": ("announced {announced:g} of {holds:g} long pauses", "a long pause was not announced"),
    "one-channel": ("cannot be told from one channel",),
    "interrupted": ("interrupted the customer {interruptions:g} times", "interrupted the customer"),
    "none": ("interrupted nobody",),
    "trouble-at-the-end": ("trouble came when nobody could answer any more",),
    "no-trouble": ("no trouble was voiced",),
    "too-few-moods": ("the mood of too few turns is known",),
    "worse": ("the customer's mood got worse",),
    "not-worse": ("the customer's mood did not get worse",),
}


def why(criterion: Item) -> str:
    """Why a criterion has its points; a reason that this version does not know is shown as it is stored."""
    reason = str(criterion["reason"])
    kind, colon, parts = reason.partition(":")
    if kind == "missing" and colon:
        return "; ".join(_MISSING.get(part, f"missing: {part}") for part in parts.split(","))
    measures = {name: float(value) for name, value in (criterion.get("measures") or {}).items()}
    for words in _WORDS.get(reason, ()):
        try:
            text = words.format_map(measures)
        except KeyError:
            continue
        return text.replace(" 1 troubles", " 1 trouble").replace(" 1 times", " once")
    return reason.replace("-", " ")


def points(criterion: Item) -> str:
    """A criterion's points, such as ``6.5 of 8``; a dash where it is not applicable."""
    if not criterion["applicable"]:
        return "-"
    return f"{_rounded(criterion['points'])} of {_rounded(criterion['max_points'])}"


def _rounded(number: Any) -> str:
    """To one decimal place, a half upwards, and none where there is nothing to show in it."""
    rounded = Decimal(str(number)).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return f"{rounded.normalize():f}"


def evidence(criterion: Item, turns: Sequence[Item]) -> str:
    """What was said that decided, the best first: number of the turn from 1, time, and words.

    The item of the table has quotes without words; then it is the turn in which they were said, and the time of the
    words. Scores from before there were quotes have the turns alone.

    Args:
        criterion: With ``quotes``, or with ``evidence`` only.
        turns: The transcript's turns.
    """
    quotes = criterion.get("quotes") or ()
    if not quotes:
        return ", ".join(f"turn {number}" for number in _turns_of(criterion, turns))
    # A turn that decided several things is shown once.
    lines = [*dict.fromkeys(_quoted(quote, turns) for quote in quotes)]
    more = len(lines) - _SHOWN_QUOTES
    return "\n".join([*lines[:_SHOWN_QUOTES], f"and {more} more"] if more > 0 else lines)


def _quoted(quote: Item, turns: Sequence[Item]) -> str:
    turn = int(quote["turn"])
    text = str(quote.get("text") or (turns[turn]["text"] if turn < len(turns) else ""))
    shown = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS].rpartition(' ')[0]} …"
    minutes, seconds = divmod(int(quote["start"]), 60)
    return f"turn {turn + 1}, {minutes}:{seconds:02}" + (f": “{shown}”" if shown else "")


def _turns_of(criterion: Item, turns: Sequence[Item]) -> Iterator[int]:
    """Numbers, from 1, of the turns that have words of the utterances that decided."""
    found = (_turn_of(int(utterance), turns) for utterance in criterion["evidence"])
    return iter(dict.fromkeys(found))


def _turn_of(utterance: int, turns: Sequence[Item]) -> int:
    found = (
        number
        for number, turn in enumerate(turns, start=1)
        if any(int(piece[0]) == utterance for piece in turn.get("pieces") or ())
    )
    return next(found, utterance + 1)


def between_live_and_recorded(item: Item) -> str | None:
    """Why the score of a call's live transcript and that of its recording differ; None where there is one of them.

    Args:
        item: Transcript with its score; that of a recording has the live transcript's as ``live_quality``, where it
            is known.
    """
    if item["source"] == "live":
        return (
            "This score is that of the live transcript. Streams have no moods, so the course of the customer's "
            "mood is not judged. If the recording is transcribed, its score takes the place of this one, and "
            "may differ."
        )
    if not item.get("live"):
        return None
    live = item.get("live_quality")
    if live is None:
        return (
            "This score is that of the recording. It may differ from the score of the live transcript, whose place it "
            "has taken: its words were recognised anew, with moods where they are asked for, and for its whole length."
        )
    if not scored_otherwise(item):
        return "The live transcript, whose place this one has taken, has the same points by the same rubric."
    recorded, live_score = (
        "unknown" if one["score"] is None else f"{one['score']:g} of 100" for one in (item["quality"], live)
    )
    return (
        f"By the same rubric the live transcript, whose place this one has taken, has {live_score}, and the recording "
        f"{recorded}: its words were recognised anew, with moods where they are asked for, and for its whole length."
    )


def scored_otherwise(item: Item) -> list[tuple[Item, Item]]:
    """Criteria that have other points by the recording than by the live transcript, each as the two have it."""
    live = {one["criterion"]: one for one in (item.get("live_quality") or {}).get("criteria", ())}
    both = ((one, live[one["criterion"]]) for one in item["quality"]["criteria"] if one["criterion"] in live)
    return [(one, other) for one, other in both if points(one) != points(other)]
