"""The recordings of all histories, and what the speech service hears in them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Final

from tests.fakes.deepgram import transcription
from tests.workflow.recordings import recording

# One for each content: nothing else says it, so that a word found anywhere tells whose it is.
_NAMES: Final = (
    *("Farrowdale", "Wintergreen", "Ashcombe", "Merriwether", "Thistlewood", "Brackenbury"),
    *("Holloway", "Quillfeather", "Rosenkranz", "Umbridge", "Vandermeer", "Yarborough"),
)
NOT_AUDIO: Final = b"minutes of the meeting\n" * 50


@dataclass(frozen=True)
class Content:
    """A recording.

    Attributes:
        audio: Its bytes.
        reply: The speech service's answer.
        name: The word that nobody but its caller says.
    """

    audio: bytes
    reply: bytes
    name: str


@cache
def contents() -> tuple[Content, ...]:
    """Return the recordings."""
    return tuple(map(_content, range(len(_NAMES))))


@cache
def telling_words() -> tuple[str, ...]:
    """Return the words that no log line, event or state may hold."""
    return (*_NAMES, "glaucoma", "fourth of March")


def _content(number: int) -> Content:
    name = _NAMES[number]
    turns = (
        (1, 0.4, "Thank you for calling, how may I help you today?", 0.6),
        (0, 4.8, f"Hello, this is {name}, I would like to schedule a glaucoma screening.", 0.1),
        (1, 11.9, "Certainly. May I have your date of birth, please?", 0.4),
        (0, 16.2, "The fourth of March nineteen sixty one.", 0.0),
        (1, 21.5, "You are booked for Tuesday at nine thirty.", 0.5),
    )
    reply = transcription(turns)
    reply["metadata"]["request_id"] = f"0f6c8a34-5d1e-4b7a-9c2f-{number:012d}"
    return Content(
        audio=recording(seconds=0.25 + 0.01 * number, level=0.05 + 0.01 * number),
        reply=json.dumps(reply).encode(),
        name=name,
    )
