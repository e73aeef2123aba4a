"""Recognition engines behind one seam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from local.speech.audio import Channel

# Language codes under which English is asked for; "multi" covers it.
ENGLISH = frozenset({"en", "en-US", "en-GB", "en-AU", "en-IN", "en-NZ", "multi"})


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word.

    Attributes:
        text: Lower case, without the punctuation around it.
        start: Seconds from the start of the audio.
        end: Seconds from the start of the audio.
        confidence: 0 to 1.
        punctuated: As the engine writes it, with capitals and punctuation; `None` if it writes neither.
    """

    text: str
    start: float
    end: float
    confidence: float
    punctuated: str | None = None


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was recognised in one channel.

    Attributes:
        words: In order of time.
        unknown_terms: Terms of the requested vocabulary that the engine cannot use.
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


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """How one channel of a stream is to be recognised.

    Attributes:
        rate: Samples per second.
        interim: Whether words are wanted before they are final.
        endpointing: Seconds of silence that end an utterance.
        vocabulary: Terms made more likely.
    """

    rate: int
    interim: bool
    endpointing: float
    vocabulary: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """What was recognised in a piece of a stream.

    Attributes:
        start: Seconds from the start of the stream: the end of the last final passage.
        end: Seconds. Whatever is said after it comes in a later passage, whole.
        words: In order of time; none in silence.
        final: Whether the words will not change any more.
        speech_final: Whether the speaker paused at the end.
        from_finalize: Whether it is final because that was asked for.
    """

    start: float
    end: float
    words: tuple[Word, ...]
    final: bool = True
    speech_final: bool = False
    from_finalize: bool = False


class ChannelStream(Protocol):
    """One channel of a stream in recognition. One call at a time."""

    async def feed(self, pcm: bytes) -> Sequence[Passage]:
        """Take the next 16-bit little-endian mono samples, or none.

        Returns:
            What has been recognised since the last call, whatever audio it belongs to.
        """
        ...

    async def finalize(self) -> Sequence[Passage]:
        """Make everything final that was fed so far. The last passage of it says that it is from this.

        Returns:
            As `feed`: that passage may come later.
        """
        ...

    async def finish(self) -> Sequence[Passage]:
        """End the stream and return the rest."""
        ...

    async def release(self) -> None:
        """Let go of everything the stream holds, at its end or before. More than once does no harm."""

    def report(self) -> dict[str, Any]:
        """Return what the journal is to say of the audio, JSON-ready and without a word of it."""
        ...


class StreamEngine(Protocol):
    """An engine that also recognises audio while it arrives.

    Attributes:
        name: As `Engine.name`.
        version: As `Engine.version`.
        arch: As `Engine.arch`.
        languages: As `Engine.languages`.
        writes: Whether its words are language, to be given capitals, full stops and numerals.
    """

    name: str
    version: str
    arch: str
    languages: frozenset[str] | None
    writes: bool

    async def start(self) -> None:
        """Begin whatever takes time. Does not wait for it."""

    async def close(self) -> None:
        """Stop every process and task of the engine."""

    def open_stream(self, request: StreamRequest, news: Callable[[], None]) -> ChannelStream:
        """Begin one channel. Does not wait for anything.

        Args:
            request: How it is to be recognised.
            news: Called when something was recognised that a call would return, although no audio came.
        """
        ...
