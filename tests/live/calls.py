"""What is said in a call: numbered frames, so that each of them can be looked for in what is stored."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from callscribe.live.call import SAMPLE_RATE
from local.speech.engines.frames import FRAME_BYTES, FRAME_SAMPLES, encode_frame
from operations.verification.fragments import AGENT_TRACK, CUSTOMER_TRACK, Contact, from_pcm

BLOCK_SAMPLES: Final = 512
FRAGMENT_SAMPLES: Final = 16 * BLOCK_SAMPLES
WORD: Final = re.compile(r"\bf[12]\d{4}\b", re.IGNORECASE)
"""Any word of any call here. Numbers of five digits, so that no part of an id looks like one."""

_FIRST: Final = (10_000, 20_000)
# The frames that a channel says in a row, of 20 ms, and the silence after them: short answers, long speeches that
# Deepgram has to cut, both at once, and each alone.
_TURNS: Final = (
    ((0, 0), (75, 25), (160, 60), (60, 45), (230, 30), (90, 65)),
    ((0, 60), (90, 110), (55, 25), (140, 130), (45, 75), (70, 40)),
)


def numbers(channel: int, *, lost: range = range(0)) -> list[int]:
    """The numbers that are said on a channel, in order.

    Args:
        channel: 0 the customer, 1 the agent.
        lost: Samples of the call that were lost, and with them the frames that have one of those.
    """
    said, number, begin = [], _FIRST[channel], 0
    for frames, pause in _TURNS[channel]:
        for start in range(begin, begin + frames * FRAME_SAMPLES, FRAME_SAMPLES):
            if start + FRAME_SAMPLES <= lost.start or start >= lost.stop:
                said.append(number)
            number += 1
        begin += (frames + pause) * FRAME_SAMPLES
    return said


def speech(channel: int, *, first: int = 0) -> bytes:
    """A channel's audio: 16-bit PCM.

    Args:
        channel: 0 the customer, 1 the agent.
        first: Added to each number, for another call.
    """
    said = iter(range(_FIRST[channel] + first, 1 << 16))
    turns = (
        (*(encode_frame(next(said)) for _ in range(frames)), bytes(FRAME_BYTES) * pause)
        for frames, pause in _TURNS[channel]
    )
    return b"".join(chain.from_iterable(turns))


SECONDS: Final = len(speech(0)) / 2 / SAMPLE_RATE


def contact(call_id: str, *, start_ms: int, sources: Mapping[str, bytes] | None = None, **options: Any) -> Contact:
    """A contact that says it.

    Args:
        call_id: Contact id.
        start_ms: Time of its first sample.
        sources: Audio by track, where it is to differ.
        options: Of `Contact`.
    """
    audio = sources or {CUSTOMER_TRACK: speech(0), AGENT_TRACK: speech(1)}
    return Contact(
        contact_id=call_id,
        sources={track: from_pcm(pcm) for track, pcm in audio.items()},
        start_ms=start_ms,
        **options,
    )


def silent_blocks(channel: int) -> list[int]:
    """Which blocks of a channel hold nothing but silence."""
    pcm, size = speech(channel), 2 * BLOCK_SAMPLES
    return [at // size for at in range(0, len(pcm) - size, size) if not any(pcm[at : at + size])]


@dataclass(frozen=True)
class Transcript:
    """What is stored of a call, comparable.

    Attributes:
        channels: Text, role, first and last sample, number of words, confidence and whether the speaker paused, of each
            channel's utterances in order.
    """

    channels: tuple[list[tuple[Any, ...]], ...]

    @classmethod
    def of(cls, items: Sequence[Mapping[str, Any]]) -> Transcript:
        """Read it from the utterances' items, whose numbers have no hole."""
        assert [item["seq"] for item in items] == list(range(1, len(items) + 1))
        return cls(tuple([_comparable(item) for item in items if item["channel"] == channel] for channel in (0, 1)))

    def numbers(self, channel: int) -> list[int]:
        """The numbers that were understood on a channel, in order."""
        words = (word for text, *_ in self.channels[channel] for word in text.split())
        return [int(word.strip(".,?").lower().removeprefix("f")) for word in words]

    def only(self, channel: int) -> Transcript:
        """What remains when nothing is heard of the other channel."""
        return Transcript(tuple(utterances if at == channel else [] for at, utterances in enumerate(self.channels)))


def _comparable(item: Mapping[str, Any]) -> tuple[Any, ...]:
    samples = [round(item[name] * SAMPLE_RATE) for name in ("start", "end")]
    return item["text"], item["role"], *samples, item["word_count"], float(item["confidence"]), item["speech_final"]
