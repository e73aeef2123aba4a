"""Test equipment: an engine that recognises nothing and answers from scripts.

It makes tests and benchmarks of everything around recognition fast and deterministic. The words come from the script
of a known recording, found by the digest of the audio, or are made up from that digest, so that two recordings never
share a transcript. It is never the default.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from local.speech.audio import Channel
from local.speech.engines import Recognition, Word

# One for each hexadecimal digit.
_SPELLING = [
    "alpha",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliet",
    "kilo",
    "lima",
    "mike",
    "november",
    "oscar",
    "papa",
]


@dataclass(frozen=True)
class Turn:
    """One turn of a script: who says what, and when, in seconds."""

    channel: int
    start: float
    end: float
    text: str

    def words(self) -> list[Word]:
        """Return the turn's words, each with a share of its time that follows its length."""
        texts = re.findall(r"[a-z0-9']+", self.text.lower())
        letters = sum(len(text) + 1 for text in texts)
        words, start = [], self.start
        for text in texts:
            end = start + (self.end - self.start) * (len(text) + 1) / letters
            words.append(Word(text, round(start, 3), round(end, 3), 1.0))
            start = end
        return words


class ScriptedEngine:
    """Answers with scripts.

    Args:
        folders: Folders with pairs of an audio file and a ``.json`` file of the same name that lists its turns
            (`channel`, `start`, `end`, `text`).
        delay: Seconds that every channel takes.
    """

    name = "local-scripted"
    version = "1"
    arch = "scripted"
    languages: frozenset[str] | None = None

    def __init__(self, folders: Iterable[Path] = (), *, delay: float = 0.0) -> None:
        self._delay = delay
        self._scripts: dict[str, list[Turn]] = {}
        for script in (path for folder in folders for path in sorted(folder.glob("*.json"))):
            turns = [
                Turn(turn["channel"], turn["start"], turn["end"], turn["text"])
                for turn in json.loads(script.read_text("utf-8"))
            ]
            for audio in script.parent.glob(f"{script.stem}.*"):
                if audio.suffix not in {".json", ".txt"}:
                    self._scripts[hashlib.sha256(audio.read_bytes()).hexdigest()] = turns

    async def start(self) -> None:
        """Do nothing: there is nothing to prepare."""

    async def transcribe(self, channel: Channel, vocabulary: tuple[str, ...]) -> Recognition:  # noqa: ARG002
        """Return the script's words for this channel; none when the channel is digital silence."""
        await asyncio.sleep(self._delay)
        if not channel.samples().any():
            return Recognition(())
        turns = self._scripts.get(channel.recording_sha256) or _made_up(channel)
        spoken = [turn for turn in turns if channel.of == 1 or turn.channel == channel.index]
        return Recognition(tuple(word for turn in spoken for word in turn.words()))

    async def close(self) -> None:
        """Do nothing: there is nothing to stop."""


def _made_up(channel: Channel) -> list[Turn]:
    code = " ".join(_SPELLING[int(digit, 16)] for digit in channel.recording_sha256[:8])
    half = channel.duration / 2
    return [
        Turn(1, 0.0, half * 0.8, "Thank you for calling. How can I help you today?"),
        Turn(0, half, half + half * 0.8, f"I would like to make an appointment. My code is {code}."),
    ]
