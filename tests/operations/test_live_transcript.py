"""A call's words come out in order and once, whatever the feed does."""

import random
from collections.abc import Sequence
from typing import Any

from operations.live_transcript import LiveTranscript


def final(seq: int, *, channel: int = 0, start: float | None = None) -> dict[str, Any]:
    begin = float(seq) if start is None else start
    return {"type": "final", "seq": seq, "channel": channel, "start": begin, "end": begin + 1, "text": f"u{seq}"}


def interim(text: str, *, channel: int = 0, start: float = 0, end: float = 1) -> dict[str, Any]:
    return {"type": "interim", "channel": channel, "start": start, "end": end, "text": text}


class Table:
    """Utterances that are stored, and how often they were read."""

    def __init__(self, *stored: dict[str, Any]) -> None:
        self.stored = list(stored)
        self.reads = 0

    def __call__(self, after: int) -> Sequence[dict[str, Any]]:
        self.reads += 1
        return [utterance for utterance in self.stored if utterance["seq"] > after]


def seqs(utterances: Sequence[Any]) -> list[int]:
    return [utterance["seq"] for utterance in utterances]


def test_finals_in_order_need_no_table() -> None:
    table = Table()
    transcript = LiveTranscript(table)

    assert [seqs(transcript.take(final(seq))) for seq in (1, 2, 3)] == [[1], [2], [3]]
    assert table.reads == 0


def test_a_final_that_comes_again_is_dropped() -> None:
    transcript = LiveTranscript(Table())

    assert [seqs(transcript.take(final(seq))) for seq in (1, 2, 1, 2)] == [[1], [2], [], []]


def test_a_hole_is_filled_from_the_table() -> None:
    transcript = LiveTranscript(Table(*(final(seq) for seq in range(1, 5))))
    transcript.take(final(1))

    assert seqs(transcript.take(final(4))) == [2, 3, 4]


def test_what_was_said_before_comes_first() -> None:
    transcript = LiveTranscript(Table(final(1), final(2)))

    assert seqs(transcript.catch_up()) == [1, 2]
    assert seqs(transcript.take(final(2))) == []
    assert seqs(transcript.take(final(3))) == [3]


def test_any_mix_of_losses_repeats_and_delays_gives_every_utterance_once_in_order() -> None:
    for seed in range(200):
        rng = random.Random(seed)
        table = Table()
        transcript, shown = LiveTranscript(table), list[int]()
        for seq in range(1, 30):
            table.stored.append(final(seq))
            for event in rng.choices(table.stored, k=rng.randrange(3)):  # none is the newest for sure
                shown += seqs(transcript.take(event))
        shown += seqs(transcript.catch_up())

        assert shown == list(range(1, 30)), seed


def test_only_the_newest_interim_of_a_channel_is_shown() -> None:
    transcript = LiveTranscript(Table())
    for event in (interim("how", end=1), interim("how are", end=2), interim("fine", channel=1)):
        transcript.take(event)

    assert [shown["text"] for shown in transcript.interims] == ["how are", "fine"]


def test_a_final_takes_the_place_of_its_interim_and_of_no_other() -> None:
    transcript = LiveTranscript(Table())
    transcript.take(interim("how are", start=1, end=2))
    transcript.take(interim("fine", channel=1, start=1, end=2))

    transcript.take(final(1, start=1))

    assert [shown["text"] for shown in transcript.interims] == ["fine"]


def test_an_interim_that_comes_after_its_final_is_not_shown() -> None:
    transcript = LiveTranscript(Table())
    transcript.take(final(1, start=1))

    transcript.take(interim("late", start=1, end=2))

    assert transcript.interims == []
