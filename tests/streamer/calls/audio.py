"""What is said in the calls of these tests: numbered frames (`local.speech.engines.frames`).

Deepgram hears frame 17 as the word ``f17``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.speech.engines.frames import encode_frame
from operations.verification.fragments import AGENT_TRACK, CUSTOMER_TRACK, Contact, from_pcm

if TYPE_CHECKING:
    from tests.live.stage import Stage

_FRAMES_PER_SECOND = 50
_SILENCE = bytes(16_000)


def speech(first: int, seconds: float, *, pause: float = 1.0) -> bytes:
    """Frames from number *first* on, then silence; 16-bit PCM."""
    numbers = range(first, first + round(seconds * _FRAMES_PER_SECOND))
    return b"".join(encode_frame(number) for number in numbers) + _SILENCE * round(pause)


def numbers(first: int, seconds: float) -> list[int]:
    """Return the numbers of the frames of `speech`."""
    return list(range(first, first + round(seconds * _FRAMES_PER_SECOND)))


def contact(call_id: str, customer: bytes, agent: bytes = b"", *, start_ms: int, **options: Any) -> Contact:
    """A contact with this audio."""
    length = max(len(customer), len(agent))
    sources = {
        CUSTOMER_TRACK: from_pcm(customer.ljust(length, b"\0")),
        AGENT_TRACK: from_pcm(agent.ljust(length, b"\0")),
    }
    return Contact(contact_id=call_id, sources=sources, start_ms=start_ms, **options)


async def frames(stage: Stage, call_id: str, channel: int = 0) -> list[int]:
    """Return the numbers of the frames that are stored as words of a channel, in order."""
    return (await stage.transcript(call_id)).numbers(channel)
