"""Test equipment: an engine that hears no speech."""

from __future__ import annotations

from local.speech.audio import Channel
from local.speech.engines import Engine, Recognition


class Deaf:
    """Answers in the name of another engine, and never with a word.

    Args:
        engine: Named in the replies.
    """

    def __init__(self, engine: Engine) -> None:
        self.name = engine.name
        self.version = engine.version
        self.arch = engine.arch
        self.languages = engine.languages

    async def start(self) -> None:
        """Do nothing: there is nothing to prepare."""

    async def transcribe(self, channel: Channel, vocabulary: tuple[str, ...]) -> Recognition:  # noqa: ARG002
        """Return no words."""
        return Recognition(())

    async def close(self) -> None:
        """Do nothing: there is nothing to stop."""
