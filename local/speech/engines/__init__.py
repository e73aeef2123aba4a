"""Recognition engines behind one seam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from local.speech.audio import Channel


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word.

    Attributes:
        text: Lower case, without punctuation.
        start: Seconds from the start of the audio.
        end: Seconds from the start of the audio.
        confidence: 0 to 1.
    """

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was recognised in one channel.

    Attributes:
        words: In order of time.
        unknown_terms: Terms of the requested vocabulary that the engine has no pronunciation for.
    """

    words: tuple[Word, ...]
    unknown_terms: tuple[str, ...] = ()


class Engine(Protocol):
    """What the server needs of an engine.

    Attributes:
        name: Reported as ``model_info.name``; begins with ``local-``, so that it is not taken for Deepgram's.
        version: Reported as ``model_info.version``.
        arch: Reported as ``model_info.arch``.
        languages: Language codes it recognises; `None` for any.
    """

    name: str
    version: str
    arch: str
    languages: frozenset[str] | None

    async def start(self) -> None:
        """Begin whatever takes time. Does not wait for it."""

    async def transcribe(self, channel: Channel, vocabulary: tuple[str, ...]) -> Recognition:
        """Recognise one channel, with the terms in `vocabulary` made more likely."""
        ...

    async def close(self) -> None:
        """Stop every process and task of the engine."""
