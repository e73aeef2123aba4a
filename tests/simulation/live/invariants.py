"""What must hold after every history of live calls, whatever went wrong."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from callscribe.contract.identifiers import feed_channel
from callscribe.live.call import SAMPLE_RATE
from callscribe.live.coverage import COINCIDENCE_MS, unproven_ms
from streamer.calls.attributes import from_attributes
from tests.simulation.live.histories import FRAME_MS, Call, Word
from tests.simulation.live.surroundings import KEYS
from tests.simulation.live.world import TERMINAL, World
from tests.simulation.outcomes import Violation

_WORD: Final = re.compile(r"\bf\d{5}\b", re.IGNORECASE)
_PHONE_NUMBER: Final = re.compile(r"\+\d{7,15}\b")
_PLACE_MS: Final = 2.0
"""By how much the place of a word may differ from when it was said."""

# Connect's clocks and ours are compared (`callscribe.live.coverage`); what is closer to its limits proves nothing here.
_EARLIEST_MS, _COINCIDING_MS, _LATEST_MS = -400, 400, 1_800
_WORD_SECONDS: Final = 12.0
_MOST_SPOILED: Final = 2
_MOST_AHEAD: Final = 4.5
"""Seconds of audio beyond the pace that Deepgram takes: what a `Pacer` lets out at once, and a message."""
_FOR_GOOD: Final = ("AccessDeniedException", "KMS_KEY_DISABLED")


def violations(world: World, *, redriven: bool) -> list[Violation]:
    """Return what does not hold of a history that is over.

    Args:
        world: The world after it.
        redriven: Whether what had failed was repeated.
    """
    return [
        *_everything_ended(world),
        *_nothing_held(world),
        *_written_by_owners(world),
        *_delivered_once(world),
        *_failures_told(world),
        *_paced(world),
        *_private(world),
        *(one for call in world.history.calls if call.followed for one in _call(world, call, redriven=redriven)),
    ]


def _everything_ended(world: World) -> Iterator[Violation]:
    for message in world.account.calls.messages:
        yield Violation("a message stays in the queue", f"received {message.receives} times")
    for streamer in world.streamers:
        if not streamer.running.done() or streamer.running.cancelled():
            continue
        error = streamer.running.exception()
        if error is not None and not _is_late_drain(world, error):
            yield Violation("a streamer has failed", f"{streamer.name}: {error!r}")


def _is_late_drain(world: World, error: BaseException) -> bool:
    """Whether a streamer that was frozen while it drained gave up after `DRAIN_SECONDS`."""
    if not {"drain", "freeze"} <= {fault.kind for fault in world.history.faults}:
        return False
    group = error if isinstance(error, BaseExceptionGroup) else BaseExceptionGroup("", [error])
    return group.split(TimeoutError)[1] is None


def _written_by_owners(world: World) -> Iterator[Violation]:
    for stray in world.account.strays:
        yield Violation("words are written by a streamer that has lost the call", stray)


def _delivered_once(world: World) -> Iterator[Violation]:
    """Whether messages come again where neither a streamer nor a service in between gave a cause."""
    history = world.history
    if any(fault.kind not in ("vendor", "stream", "rotate") for fault in history.faults) or history.troubles:
        return
    if any(harms(world, call) for call in history.calls):  # a call that failed is repeated
        return
    came_again = Counter(json.loads(message.body)["call_id"] for message in world.account.calls.repeated)
    for call in history.calls:
        # Streaming that was started again while the end of what came before was settled hands the call over, once.
        if (times := came_again[call.call_id]) > len(call.pieces) - 1:
            yield Violation("a message came again without a cause", f"{call.call_id}: {times} times")


def _nothing_held(world: World) -> Iterator[Violation]:
    for streamer in world.running:
        if used := streamer.service.intake.slots_used:
            yield Violation("a slot is not free", f"{streamer.name} has {used}")
        if world.protected.get(streamer.name):
            yield Violation("a task stays protected", streamer.name)
        if streamer.service.health.status == "dead":
            yield Violation("a streamer counts as dead", streamer.name)
    for stream in world.account.streams.matching():
        if stream.readers:
            yield Violation("a body stays open", stream.name)


def _paced(world: World) -> Iterator[Violation]:
    # What froze sends what has come meanwhile in one burst, as its pace counts its own time; so does a network that
    # held up what was sent in time.
    if any(fault.kind in ("freeze", "cut") for fault in world.history.faults):
        return
    for stream in world.deepgram.journal.entries:
        if stream.ahead_seconds > _MOST_AHEAD:
            yield Violation("audio is sent too fast", f"{stream.ahead_seconds:.1f} s ahead")


def _failures_told(world: World) -> Iterator[Violation]:
    items = {item["call_id"]: item for item in map(from_attributes, world.live_items())}
    told: Counter[str] = Counter()
    for message in world.account.failed.messages:
        call_id = json.loads(message.body)["call_id"]
        told[call_id] += 1
        code = message.attributes.get("error_code", {}).get("StringValue")
        status, noted = items[call_id].get("status"), items[call_id].get("error_code")
        if (status != "failed" or code != noted) and not _came_again(world, call_id):
            yield Violation("a failure is told that is none", f"{call_id} {code}: {status} {noted}")
    for call_id, item in items.items():
        where = f"{call_id} {item.get('error_code')}: {told[call_id]} messages"
        if item["status"] == "failed" and not told[call_id]:
            yield Violation("a failure is told nowhere", where)
        if told[call_id] > 1 and not _came_again(world, call_id):
            yield Violation("a failure is told more than once", where)


def _came_again(world: World, call_id: str) -> bool:
    """Whether a call may have been followed again after it had failed: another message came, or the same one."""
    (call,) = (call for call in world.history.calls if call.call_id == call_id)
    announced = sum(len(piece.told) for piece in call.pieces)
    disturbed = any(fault.kind not in ("vendor", "stream", "rotate") for fault in world.history.faults)
    return announced > 1 or disturbed or any(trouble.service == "sqs" for trouble in world.history.troubles)


def _private(world: World) -> Iterator[Violation]:
    messages = (*world.account.calls.messages, *world.account.failed.messages)
    texts = {
        "log": world.log.getvalue(),
        "metrics": "".join(streamer.metrics.getvalue() for streamer in world.streamers),
        "messages": "".join(message.body for message in messages),
        "events": json.dumps(world.account.events),
    }
    for where, text in texts.items():
        for what, found in (
            ("a word", _WORD.search(text)),
            ("the key", next((key for key in KEYS if key in text), None)),
            ("a phone number", _PHONE_NUMBER.search(text)),
        ):
            if found is not None:
                yield Violation("not private", f"{what} in {where}")


def _call(world: World, call: Call, *, redriven: bool) -> Iterator[Violation]:
    items = [from_attributes(item) for item in world.account.table if item["PK"]["S"] == f"CALL#{call.call_id}"]
    lives = [item for item in items if item["type"] == "live-call"]
    if len(lives) != 1:
        yield Violation("a call is not noted once", f"{call.call_id}: {len(lives)}")
        return
    (live,) = lives
    if live["status"] not in TERMINAL:
        yield Violation("a call has not ended", f"{call.call_id}: {live['status']}")
        return
    if live.get("lease_until"):
        yield Violation("a lease is not free", call.call_id)
    utterances = sorted((item for item in items if item["type"] == "live-utterance"), key=lambda item: item["seq"])
    yield from _numbered(call, live, utterances)
    yield from _words(world, call, live, utterances)
    yield from _under_its_clinic(call, items)
    yield from _announced(world, call, live, utterances)
    yield from _published(world, call, live, utterances)
    reasons = harms(world, call)
    if redriven and live["status"] == "failed":
        yield Violation("a call that was repeated failed again", f"{call.call_id}: {live.get('error_code')}")
    if live["epoch"] > 1 and not _changes_hands(world, call):
        yield Violation("a call changed hands without a cause", f"{call.call_id}: {live['epoch']} times")
    if not reasons and live["status"] == "failed":
        yield Violation("a call failed without a cause", f"{call.call_id}: {live.get('error_code')}")
    if not reasons and live["status"] == "completed" and not live["complete"]:
        yield Violation("a call is incomplete without a cause", f"{call.call_id}: {live['incomplete_reasons']}")


def _changes_hands(world: World, call: Call) -> bool:
    """Whether a call may have been taken more than once."""
    history = world.history
    handed = any(fault.kind in ("kill", "freeze", "cut", "drain") for fault in history.faults)
    # After a pause a call may be reopened; one that meets AWS's trouble comes again.
    troubled = {trouble.service for trouble in history.troubles} - {"feed"}
    return handed or len(call.pieces) > 1 or bool(troubled or harms(world, call)) or call.call_id in world.failed_once


def _numbered(call: Call, live: dict[str, Any], utterances: list[dict[str, Any]]) -> Iterator[Violation]:
    numbers, following = [item["seq"] for item in utterances], live.get("next_seq", 1)
    if numbers != list(range(1, following)):
        yield Violation("the numbers of utterances have a hole", f"{call.call_id}: {numbers}, next {following}")
    counted = sum(item["word_count"] for item in utterances)
    if counted != live.get("word_count", 0):
        yield Violation("words are counted wrongly", f"{call.call_id}: {counted} not {live.get('word_count')}")


def _words(world: World, call: Call, live: dict[str, Any], utterances: list[dict[str, Any]]) -> Iterator[Violation]:
    said = {word.number: word for word in call.words}
    stored: Counter[int] = Counter()
    origin_ms = live.get("origin_ms")
    for item in utterances:
        numbers = [int(text.strip(".,?").lower().removeprefix("f")) for text in item["text"].split()]
        for number, (_, start, *_rest) in zip(numbers, item["words"], strict=True):
            stored[number] += 1
            word = said.get(number)
            if word is None:
                yield Violation("a word of another call is stored", f"{call.call_id}: f{number}")
            elif word.channel != item["channel"]:
                yield Violation("a word is on the wrong channel", f"{call.call_id}: f{number}")
            elif abs(origin_ms + start * 1000 - word.ms) > _PLACE_MS:
                off = origin_ms + start * 1000 - word.ms
                yield Violation("a word is in the wrong place", f"{call.call_id}: f{number}, {off:.1f} ms off")
    twice = [number for number, times in stored.items() if times > 1]
    if twice:
        yield Violation("words are stored twice", f"{call.call_id}: {_ranges(twice)}")
    if live["status"] == "completed":
        yield from _missing(call, live, [word for word in call.words if word.number not in stored])


def _is_beside_a_pause(call: Call, word: Word) -> bool:
    """Whether a word never arrived, and lies in a pause as Connect tells it, or so close that it is no gap.

    Sources: `callscribe.live.coverage`.
    """
    if word.arrived:
        return False
    starts = [contact.start_ms - call.clock_ms for contact in call.contacts]
    return any(
        start + round(piece.seconds * 1000) - COINCIDENCE_MS < word.ms + FRAME_MS
        and word.ms < following + COINCIDENCE_MS
        for piece, (start, following) in zip(call.pieces, pairwise(starts), strict=False)
        if piece.stopped
    )


def _is_said_to_be_unproven(call: Call, live: dict[str, Any], word: Word) -> bool:
    """Whether a word never arrived, and the call says of its last moments that nothing proves them."""
    end = live["end"]
    if word.arrived or end["missing"] is not False or (unproven := unproven_ms(end)) is None:
        return False
    return bool(-FRAME_MS < word.ms - end["heard_at_ms"] < unproven + max(0, call.clock_ms))


def _missing(call: Call, live: dict[str, Any], missing: list[Word]) -> Iterator[Violation]:
    promised = [
        word.number
        for word in missing
        if not _is_beside_a_pause(call, word) and not _is_said_to_be_unproven(call, live, word)
    ]
    if promised and live["complete"]:
        yield Violation("complete, and words are missing", f"{call.call_id}: {_ranges(promised)}")
    covered = [
        word.number
        for word in missing
        if any(one["start_ms"] <= word.ms and word.ms + FRAME_MS <= one["end_ms"] for one in live["intervals"])
    ]
    if covered:
        yield Violation("words are missing where all is told to be there", f"{call.call_id}: {_ranges(covered)}")
    lost = [word.number for word in missing if word.arrived and not _is_told(word, live)]
    if lost:
        yield Violation("words are lost", f"{call.call_id}: {_ranges(lost)}, {live['incomplete_reasons']}")


def _is_told(word: Word, live: dict[str, Any]) -> bool:
    """Whether it is told that a word is, or may be, missing."""
    reasons, origin_ms = live["incomplete_reasons"], live.get("origin_ms")
    if origin_ms is None:
        return bool(reasons)
    start = (word.ms - origin_ms) * SAMPLE_RATE // 1000
    end = start + FRAME_MS * SAMPLE_RATE // 1000
    gaps = [gap for gap in live["gaps"] if gap.get("channel") in (None, word.channel)]
    if any(gap["start"] < end and start < gap["end"] for gap in gaps):
        return True
    # What arrived behind the end is nothing that could be missing: the call was not over.
    return word.ms < origin_ms and any(reason.startswith("beginning-") for reason in reasons)


def _under_its_clinic(call: Call, items: list[dict[str, Any]]) -> Iterator[Violation]:
    wrong = {item.get("clinic_id") for item in items if "clinic_id" in item} - {_clinic(items)}
    if wrong:
        yield Violation("a part of the call is under another clinic", f"{call.call_id}: {sorted(map(str, wrong))}")
    if _clinic(items) not in (call.clinic, call.other_clinic):
        yield Violation("the call is under a clinic that nobody named", call.call_id)


def _clinic(items: list[dict[str, Any]]) -> str:
    return next(str(item["clinic_id"]) for item in items if item["type"] == "clinic-decision")


def _announced(world: World, call: Call, live: dict[str, Any], utterances: list[dict[str, Any]]) -> Iterator[Violation]:
    told = [json.loads(event["Detail"]) for event in world.account.events]
    told = [detail for detail in told if detail["call_id"] == call.call_id]
    if live["status"] != "completed":
        return
    if not told or not live.get("announced"):
        yield Violation("a completed call is not announced", call.call_id)
        return
    # An event that an earlier end could not get rid of may come after those of later ones.
    last = max(told, key=lambda detail: datetime.fromisoformat(detail["ended_at"]))
    if (last["complete"], last["utterances"]) != (live["complete"], len(utterances)):
        yield Violation("the last end was not announced as it is", call.call_id)


def _published(world: World, call: Call, live: dict[str, Any], utterances: list[dict[str, Any]]) -> Iterator[Violation]:
    own = feed_channel(live["clinic_id"], call.call_id)
    for channel, events in world.feed.events.items():
        if channel != own and channel.endswith(f"/{call.call_id}"):
            yield Violation("words are told to another clinic", f"{call.call_id}: {len(events)}")
    for early in world.feed.early:
        if early.startswith(f"{call.call_id} "):
            yield Violation("words are told before they are stored", early)
    events = [event for event in world.feed.events.get(own, []) if event["type"] == "final"]
    texts = {item["seq"]: (item["text"], item["channel"]) for item in utterances}
    if any(texts.get(event["seq"]) != (event["text"], event["channel"]) for event in events):
        yield Violation("words are told that are not stored", call.call_id)
    undisturbed = not any(trouble.service in ("feed", "dynamodb") for trouble in world.history.troubles)
    untold = set(texts) - {event["seq"] for event in events}
    if undisturbed and untold and not any(fault.kind in ("cut", "freeze") for fault in world.history.faults):
        yield Violation("words are not told", f"{call.call_id}: {sorted(untold)}")


def harms(world: World, call: Call) -> list[str]:
    """Return why a call may be incomplete, or fail; nothing where only what passes went wrong."""
    history = world.history
    orders = [fault.order for fault in history.faults if fault.kind in ("vendor", "stream")]
    spoiled = [order.get("times", 1) for order in orders if order.get("action") in ("wrong-types", "malformed-json")]
    found = {
        "fragments never arrived": bool(call.lost),
        "Connect told nothing of the end, or late": min(call.hung_up, default=60.0) > _WORD_SECONDS,
        "Connect told nothing of a stop": any(not piece.stopped for piece in call.pieces[:-1]),
        "the clocks differ": not _EARLIEST_MS <= call.clock_ms <= _LATEST_MS
        or call.ends_late_ms - call.clock_ms > _LATEST_MS
        or (len(call.pieces) > 1 and call.clock_ms != 0)
        or (not call.knows_fragment and call.clock_ms > _COINCIDING_MS),
        "Deepgram failed for good": any(order.get("status") == 402 or order.get("times", 1) > 4 for order in orders),
        "results stayed unreadable": sum(spoiled) >= _MOST_SPOILED,
        "the stream was refused": any(order.get("code") in _FOR_GOOD for order in orders),
        "AWS refused for a while": any(trouble.kind == "refused" for trouble in history.troubles),
    }
    return [what for what, so in found.items() if so]


def _ranges(numbers: list[int]) -> str:
    """Tell numbers shortly."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(f"f{first}" if first == last else f"f{first}-f{last}" for first, last in parts)
