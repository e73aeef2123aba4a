"""Deepgram as it might be: what is sent in place of each result, and whether every word is accounted for."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from callscribe.live.gaps import merged
from local.speech.engines.frames import FRAME_SAMPLES
from tests.streamer.deepgram.calls import Call, Outcome
from tests.streamer.deepgram.fake_deepgram import Message, Sent

Edit = Callable[[Message], list[Sent]]


def words(message: Message) -> list[Message]:
    found: list[Message] = message["channel"]["alternatives"][0]["words"]
    return found


def with_words(message: Message, chosen: list[Message], **fields: object) -> Message:
    """A result with other words."""
    best = message["channel"]["alternatives"][0]
    text = " ".join(word["word"] for word in chosen)
    return {**message, **fields, "channel": {"alternatives": [{**best, "transcript": text, "words": chosen}]}}


def emptied(message: Message) -> Message:
    return with_words(message, [])


def silent_about_silence(message: Message) -> list[Sent]:
    """No final result without words, whether asked to finalise or not."""
    return [] if message["is_final"] and not words(message) else [message]


def interim_about_silence(message: Message) -> list[Sent]:
    """No final result without words, but interim ones."""
    return [message if words(message) else {**message, "is_final": False}]


def no_last_words(message: Message) -> list[Sent]:
    """No final result of the end of an utterance."""
    return [] if message["is_final"] and message["speech_final"] else [message]


def never_final(message: Message) -> list[Sent]:
    return [{**message, "is_final": False}]


def of_channel(channel: int, edit: Edit) -> Edit:
    return lambda message: edit(message) if message["channel_index"][0] == channel else [message]


def nothing(message: Message) -> list[Sent]:
    return []


@dataclass
class Shown:
    """The frames that any result has had, by channel."""

    frames: tuple[set[int], set[int]] = field(default_factory=lambda: (set(), set()))

    def watch(self, edit: Edit) -> Edit:
        def watched(message: Message) -> list[Sent]:
            sent = edit(message)
            for item in sent:
                if isinstance(item, dict):
                    shown = (word["word"] for word in words(item))
                    self.frames[item["channel_index"][0]].update(int(word[1:]) for word in shown if word[0] == "f")
            return sent

        return watched


@dataclass(frozen=True)
class Moods:
    """How often a whimsical Deepgram does what it should not; each is a share of the results concerned.

    Attributes:
        withheld: final results with words that never come.
        emptied: final results without the words that interim ones have had.
        split: final results in two.
        late: final results that come after others.
        twice: final results that come again.
        moved: interim results whose words are up to 0.1 s from where they are.
        ghosts: interim results with a word too many.
        dropped: interim results that do not come.
    """

    withheld: float = 0.0
    emptied: float = 0.0
    split: float = 0.0
    late: float = 0.0
    twice: float = 0.0
    moved: float = 0.0
    ghosts: float = 0.0
    dropped: float = 0.0

    def edit(self, seed: int) -> Edit:
        chance = Random(seed)
        waiting: list[Message] = []
        shown = [False, False]

        def edit(message: Message) -> list[Sent]:
            due: list[Sent] = [waiting.pop(0)] if waiting and chance.random() < 0.5 else []
            channel = message["channel_index"][0]
            if not message["is_final"]:
                interim = [] if chance.random() < self.dropped else [self._interim(message, chance)]
                shown[channel] |= bool(interim)
                return [*interim, *due]
            if words(message):
                known, shown[channel] = shown[channel], False
                if chance.random() < self.withheld:
                    return due
                if known and chance.random() < self.emptied:
                    return [emptied(message), *due]
                if chance.random() < self.late:
                    waiting.append(message)
                    return due
            parts: list[Sent] = [*(halves(message) if chance.random() < self.split else [message])]
            return [*parts, *(parts if chance.random() < self.twice else []), *due]

        return edit

    def _interim(self, message: Message, chance: Random) -> Message:
        chosen = deepcopy(words(message))
        if chance.random() < self.moved:
            for word in chosen:
                by = chance.uniform(-0.1, 0.1)
                word["start"], word["end"] = max(0.0, word["start"] + by), max(0.0, word["end"] + by)
        if chosen and chance.random() < self.ghosts:
            end = chosen[-1]["end"]
            chosen.append({"word": "ghost", "start": end, "end": end + 0.2, "confidence": 0.3})
        return with_words(message, chosen)


def halves(message: Message) -> list[Message]:
    """Cut a final result in two, between two words."""
    chosen = words(message)
    if len(chosen) < 2:
        return [message]
    half = len(chosen) // 2
    cut, end = chosen[half]["start"], message["start"] + message["duration"]
    return [
        with_words(message, chosen[:half], duration=cut - message["start"], speech_final=False),
        with_words(message, chosen[half:], start=cut, duration=end - cut),
    ]


def unaccounted(outcome: Outcome, call: Call, channel: int) -> list[int]:
    """The frames of a channel that are neither stored nor in a gap."""
    gaps = [range(gap.start, gap.end + 1) for gap in merged(gap for gap in outcome.sink.gaps if gap.channel == channel)]
    stored = set(outcome.sink.words(channel))
    return [
        number
        for number in call.frames(channel)
        if number not in stored
        and not any(number * FRAME_SAMPLES in gap and (number + 1) * FRAME_SAMPLES in gap for gap in gaps)
    ]


def assert_accounted(outcome: Outcome, call: Call) -> None:
    """Every frame of each channel is stored once or lies in a gap, and every sample is covered."""
    for channel in (0, 1):
        assert_once(outcome, call, channel)
        assert unaccounted(outcome, call, channel) == []
    assert outcome.session.watermarks == (call.end, call.end)
    assert outcome.session.buffered_seconds == 0


def assert_once(outcome: Outcome, call: Call, channel: int) -> None:
    stored = sorted(number for final in outcome.sink.of(channel) for number in numbers(final.text))
    assert all(one < other for one, other in pairwise(stored))
    assert set(stored) <= set(call.frames(channel))


def numbers(text: str) -> list[int]:
    return [int(word[1:]) for word in text.split() if word[0] == "f"]


def audio_sent(outcome: Outcome) -> float:
    """Seconds of audio over all connections."""
    return sum(stream.received for stream in outcome.server.streams) / 8000
