"""Histories of live calls: what is said, what Connect tells of it, and what goes wrong. Each comes from its seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from typing import Any, Final, TypeVar

from local.speech.engines.frames import FRAME_BYTES, FRAME_SAMPLES, encode_frame
from operations.verification.fragments import AGENT_TRACK, CUSTOMER_TRACK, Contact, from_pcm
from tests.simulation.clock import EPOCH
from tests.simulation.live.network import Trouble

CLINICS: Final = ("harbour", "lakeside")
FRAME_MS: Final = 20
_FRAMES_OF_A_CALL: Final = 2_500
_FIRST_FRAME: Final = 10_000
_encoded: Final = cache(encode_frame)
_FRAMES_PER_SECOND: Final = 50

T = TypeVar("T")

Turns = tuple[tuple[int, int], ...]
"""Frames that are said in a row, and frames of silence after them, again and again."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What is streamed of a call from a start of streaming to a stop.

    Attributes:
        turns: What the customer and the agent say.
        stream: Name of the stream.
        pause: Seconds in which nothing was streamed before it.
        told: Seconds after the start at which the flow's function runs, each time it does.
        stopped: Seconds after the stop at which the function runs that notes it; nothing for the last piece.
    """

    turns: tuple[Turns, Turns]
    stream: str
    pause: float = 0.0
    told: tuple[float, ...] = (0.3,)
    stopped: tuple[float, ...] = ()

    @property
    def frames(self) -> int:
        """Its length."""
        return max(sum(said + silent for said, silent in turns) for turns in self.turns)

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.frames / _FRAMES_PER_SECOND


@dataclass(frozen=True, slots=True)
class Word:
    """A word that was said: a frame.

    Attributes:
        number: What it says.
        channel: Who says it.
        ms: When, by the producer's clock, milliseconds since 1970.
        arrived: Whether it came into the stream.
    """

    number: int
    channel: int
    ms: int
    arrived: bool


@dataclass(frozen=True, kw_only=True)
class Call:
    """A contact.

    Attributes:
        index: Tells its words from those of others.
        clinic: Whose it is by the first announcement.
        other_clinic: Whose it is by later ones.
        begins: Second at which it begins to be streamed.
        pieces: What is streamed.
        followed: Whether it is announced at all. Other contacts only use the same stream.
        hung_up: Seconds after its end at which Connect's event arrives, each time it does.
        ends_late_ms: By how much the contact outlasts its audio.
        clock_ms: By how much the producer's clock is ahead of Connect's.
        upload: Seconds that a fragment takes into the stream.
        lost: Numbers of the fragments that never arrive, counted over all pieces.
        knows_fragment: Whether the flow knows the start fragment.
        shape: How the audio lies in the stream: options of `Contact`.
    """

    index: int
    clinic: str
    other_clinic: str
    begins: float
    pieces: tuple[Piece, ...]
    followed: bool = True
    hung_up: tuple[float, ...] = (1.0,)
    ends_late_ms: int = 100
    clock_ms: int = 0
    upload: float = 0.1
    lost: tuple[int, ...] = ()
    knows_fragment: bool = True
    shape: Mapping[str, Any] = field(default_factory=dict)

    @property
    def call_id(self) -> str:
        """Its contact id."""
        return f"call-{self.index}"

    def piece_begins(self, number: int) -> float:
        """Second at which a piece begins."""
        at = self.begins
        for piece in self.pieces[:number]:
            at += piece.seconds
        return at + sum(piece.pause for piece in self.pieces[: number + 1])

    @property
    def ends(self) -> float:
        """Second at which the last audio was said."""
        return self.piece_begins(len(self.pieces) - 1) + self.pieces[-1].seconds

    @cached_property
    def contacts(self) -> tuple[Contact, ...]:
        """What each piece puts into its stream."""
        return tuple(self._contact(number) for number in range(len(self.pieces)))

    def _contact(self, number: int) -> Contact:
        piece = self.pieces[number]
        pcm = [bytearray(piece.frames * FRAME_BYTES) for _ in piece.turns]
        for at, channel, frame in self._frames(number):
            pcm[channel][at * FRAME_BYTES : (at + 1) * FRAME_BYTES] = _encoded(frame)
        return Contact(
            contact_id=self.call_id,
            sources={CUSTOMER_TRACK: from_pcm(bytes(pcm[0])), AGENT_TRACK: from_pcm(bytes(pcm[1]))},
            start_ms=self._starts_ms(number),
            segment_uid=f"{self.call_id:>12}{number:>4}".encode()[:16],
            **self.shape,
        )

    def _starts_ms(self, number: int) -> int:
        return round((EPOCH + self.piece_begins(number)) * 1000) + self.clock_ms

    def _frames(self, number: int) -> list[tuple[int, int, int]]:
        """Place, channel and number of each frame of a piece."""
        found = []
        for channel in (0, 1):
            frame = _FIRST_FRAME + (2 * self.index + channel) * _FRAMES_OF_A_CALL
            frame += sum(said for piece in self.pieces[:number] for said, _ in piece.turns[channel])
            at = 0
            for said, silent in self.pieces[number].turns[channel]:
                found += [(at + step, channel, frame + step) for step in range(said)]
                frame, at = frame + said, at + said + silent
        return found

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """What was said while it was streamed, in order of time."""
        found, fragments = [], 0
        for number, contact in enumerate(self.contacts):
            samples = contact.block_ms * 8 * contact.blocks_per_fragment
            for at, channel, frame in self._frames(number):
                first, last = at * FRAME_SAMPLES // samples, ((at + 1) * FRAME_SAMPLES - 1) // samples
                arrived = not any(fragments + part in self.lost for part in (first, last))
                found.append(Word(frame, channel, contact.start_ms + at * FRAME_MS, arrived))
            fragments += -(-self.pieces[number].frames * FRAME_SAMPLES // samples)
        return tuple(sorted(found, key=lambda word: (word.ms, word.channel)))


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that happens at a time.

    Attributes:
        at: Second.
        kind: `kill`, `freeze`, `cut`, `drain`, `vendor`, `stream`, `rotate` or `repeat`.
        target: Which streamer, of those that run.
        seconds: How long; of `kill` and `drain`: until the next one starts.
        order: What is ordered of Deepgram or Kinesis Video.
    """

    at: float
    kind: str
    target: int = 0
    seconds: float = 0.0
    order: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class History:
    """A history.

    Attributes:
        seed: What it came from.
        calls: Who calls.
        skews: By how much the clock of each streamer goes wrong, seconds; those that come later take turns.
        slots: Calls that a streamer takes.
        lease: Seconds for which a call stays with a streamer that is silent.
        faults: What goes wrong at a time.
        troubles: What goes wrong for a while.
    """

    seed: int
    calls: tuple[Call, ...]
    skews: tuple[float, ...]
    slots: int
    lease: float
    faults: tuple[Fault, ...] = ()
    troubles: tuple[Trouble, ...] = ()

    @property
    def over(self) -> float:
        """Second after which nothing more goes wrong or is said."""
        ends = [call.ends + max(call.hung_up, default=0.0) for call in self.calls]
        told = [
            call.piece_begins(number) + piece.seconds + max((*piece.told, *piece.stopped), default=0.0)
            for call in self.calls
            for number, piece in enumerate(call.pieces)
        ]
        faults = [fault.at + fault.seconds for fault in self.faults]
        return max([*ends, *told, *faults, *(trouble.until for trouble in self.troubles)], default=0.0)

    def smaller(self) -> Iterator[History]:
        """Yield it with one thing less each."""
        for index in range(len(self.calls)):
            if len(self.calls) > 1:
                yield replace(self, calls=_without(self.calls, index))
        for index in range(len(self.faults)):
            yield replace(self, faults=_without(self.faults, index))
        for index in range(len(self.troubles)):
            yield replace(self, troubles=_without(self.troubles, index))
        if len(self.skews) > 1:
            yield replace(self, skews=self.skews[:-1])
        if any(self.skews):
            yield replace(self, skews=(0.0,) * len(self.skews))
        for index, call in enumerate(self.calls):
            for plainer in _plainer(call):
                if plainer != call:
                    yield replace(self, calls=(*self.calls[:index], plainer, *self.calls[index + 1 :]))

    def lines(self) -> list[str]:
        """Tell it, a line for each thing."""
        told = [f"seed {self.seed}: streamers' skews {self.skews}, {self.slots} slots, lease {self.lease}"]
        for call in self.calls:
            told.append(f"  {call.begins:.2f} {call.call_id}: {_changed(call, 'index', 'begins', 'pieces')}")
            told += [f"    piece of {piece.seconds:.2f} s: {_changed(piece, 'turns')}" for piece in call.pieces]
        told += [f"  {fault.at:.2f} {fault.kind}: {_changed(fault, 'at', 'kind')}" for fault in self.faults]
        told += [f"  {trouble.since:.2f} {_changed(trouble, 'since')}" for trouble in self.troubles]
        return told


def _plainer(call: Call) -> list[Call]:
    once = [replace(piece, told=piece.told[:1], stopped=piece.stopped[:1]) for piece in call.pieces]
    return [
        replace(call, pieces=call.pieces[:1]),
        replace(call, pieces=tuple(once)),
        replace(call, lost=()),
        replace(call, shape={}),
        replace(call, clock_ms=0),
        replace(call, other_clinic=call.clinic),
        replace(call, hung_up=call.hung_up[:1]),
    ]


def _without(items: tuple[T, ...], index: int) -> tuple[T, ...]:
    return (*items[:index], *items[index + 1 :])


def _changed(thing: Any, *without: str) -> str:
    shown = ((one.name, getattr(thing, one.name)) for one in fields(thing) if one.name not in without)
    return ", ".join(
        f"{name}={value!r}" for name, value in shown if value and value != getattr(type(thing), name, None)
    )


# What can be ordered of Deepgram: the failures of the matrix that leave nothing out, then those that may.
_VENDOR: Final[tuple[dict[str, Any], ...]] = (
    {"action": "close", "code": 1011},
    {"action": "close", "code": 1011, "times": 3},
    {"action": "close", "code": 1008, "reason": "DATA-0000"},
    {"action": "reset"},
    {"status": 503, "times": 3},
    {"status": 429, "headers": {"Retry-After": "2"}, "times": 2},
    {"action": "hang"},
    {"action": "stall", "seconds": None},
    {"action": "stall", "seconds": 12.0},
    {"action": "half-open"},
    {"action": "late", "seconds": 3.0},
    {"action": "unknown-message", "at_final": 2},
    {"action": "error-message", "at_final": 2},
    {"action": "malformed-json", "at_final": 1},
    {"action": "wrong-types", "at_final": 2},
    {"action": "duplicate", "at_final": 1},
    {"action": "no-metadata"},
)
_VENDOR_HARMFUL: Final[tuple[dict[str, Any], ...]] = (
    {"action": "wrong-types", "at_final": 1, "times": 4},
    {"status": 402, "times": 1},
    {"status": 503, "times": 60},
)
_STREAM: Final[tuple[dict[str, Any], ...]] = (
    {"action": "end", "after": 2, "times": 3},
    {"action": "end", "after": 1, "bytes": 9_000},
    {"action": "break", "after": 1, "bytes": 500, "times": 2},
    {"action": "break"},
    {"action": "stall", "seconds": 5.0, "after": 1},
    {"action": "stall", "seconds": 15.0, "after": 1},
    {"action": "resend", "fragments": 2, "times": 2},
    {"action": "refuse", "code": "ServiceUnavailable", "times": 3},
    {"action": "refuse", "code": "ClientLimitExceededException", "times": 2},
    {"action": "refuse", "code": "ConnectionLimitExceededException"},
    {"action": "refuse", "code": "InvalidArgumentException"},
    {"action": "error", "code": "FRAGMENT_NOT_FOUND", "id": "4000"},
    {"action": "error", "code": "INTERNAL_ERROR", "id": "5000", "after": 1, "times": 2},
    {"action": "error", "code": "KMS_KEY_UNAVAILABLE", "id": "4503", "after": 1},
)
_STREAM_HARMFUL: Final[tuple[dict[str, Any], ...]] = (
    {"action": "refuse", "code": "AccessDeniedException"},
    {"action": "error", "code": "KMS_KEY_DISABLED", "id": "4501", "after": 1},
)
_SHAPES: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"block_ms": 128, "blocks_per_fragment": 8},
    {"block_ms": 128, "blocks_per_fragment": 16},
    {"blocks_per_fragment": 40},
    {"leading_identity": "always"},
    {"leading_identity": "never"},
    {"tagless": frozenset({1, 2, 6})},
    {"known_sizes": True},
)
_TROUBLES: Final[dict[str, tuple[str, ...]]] = {
    "dynamodb": ("throttled", "failing", "slow", "unheard", "unanswered", "conflicting", "refused"),
    "sqs": ("throttled", "failing", "slow", "unheard", "unanswered", "refused"),
    "feed": ("throttled", "failing", "slow", "unheard", "unanswered", "partly"),
    "events": ("throttled", "failing", "unanswered", "refused"),
    "events-entries": ("partly",),
    "secretsmanager": ("throttled", "failing", "slow", "refused"),
    "ssm": ("throttled", "failing", "slow", "refused"),
    "kinesisvideo": ("throttled", "failing", "unanswered"),
    "kinesis-video-media": ("throttled", "failing", "slow", "unheard"),
    "deepgram": ("unheard",),
}


def generate(seed: int) -> History:
    """Return the history of a seed."""
    rng = random.Random(seed)
    calls = _calls(rng)
    streamers = rng.choice((1, 2, 2, 3))
    skewed = rng.random() < 0.4
    history = History(
        seed=seed,
        calls=calls,
        skews=tuple(round(rng.uniform(-4, 4), 2) if skewed else 0.0 for _ in range(streamers)),
        slots=rng.choice((1, 2, 20, 20)),
        lease=rng.choice((4.0, 4.0, 6.0, 10.0, 30.0)),
    )
    # A lease that another clock takes for over is taken over at once: leases stand on clocks that differ by far less.
    most = history.lease / 4
    history = replace(history, skews=tuple(max(-most, min(most, skew)) for skew in history.skews))
    last = max(call.ends for call in calls) + 5
    faults = [_fault(rng, last, history) for _ in range(rng.choice((0, 1, 1, 2, 3, 5)))]
    troubles = [_trouble(rng, last) for _ in range(rng.choice((0, 0, 1, 1, 2, 3)))]
    if streamers > 1 and rng.random() < 0.25:
        lost, again = _partition(rng, last, history.lease)
        troubles, faults = [*troubles, *lost], [*faults, *again]
    return replace(history, faults=tuple(sorted(faults, key=lambda fault: fault.at)), troubles=tuple(troubles))


def _calls(rng: random.Random) -> tuple[Call, ...]:
    calls: list[Call] = []
    begins = 1.0
    for index in range(rng.choice((1, 1, 2, 2, 3))):
        reused = bool(calls) and rng.random() < 0.3
        stream = calls[-1].pieces[-1].stream if reused else f"stream-{index}"
        if reused:
            begins = calls[-1].ends + calls[-1].upload + rng.uniform(0.2, 5.0)
        calls.append(_call(rng, index, begins, stream))
        begins = rng.uniform(1.0, 8.0)
    if rng.random() < 0.25:  # a contact that nobody follows has the stream before or after
        stream = rng.choice(calls).pieces[0].stream
        users = [call for call in calls if any(piece.stream == stream for piece in call.pieces)]
        stranger = _call(rng, len(calls), 0.0, stream)
        stranger = replace(stranger, followed=False, pieces=stranger.pieces[:1], clock_ms=0, upload=0.1)
        if stranger.ends + 1.0 > min(call.begins for call in users) or rng.random() < 0.5:
            stranger = replace(stranger, begins=max(call.ends + call.upload for call in users) + 1.0)
        calls.append(stranger)
    return tuple(calls)


def _call(rng: random.Random, index: int, begins: float, stream: str) -> Call:
    pieces = [_piece(rng, stream)]
    if rng.random() < 0.25:
        pause = rng.choice((3.0, 12.0, 40.0))
        stopped = () if rng.random() < 0.05 else _told(rng, 0.2, within=pause)
        goes_on = stream if rng.random() < 0.6 else f"again-{stream}"
        pieces = [replace(pieces[0], stopped=stopped), replace(_piece(rng, goes_on), pause=pause)]
    lost: tuple[int, ...] = ()
    if rng.random() < 0.12:
        lost = tuple(sorted({rng.randrange(1, 14) for _ in range(rng.choice((1, 2)))}))
    other = rng.random() < 0.15
    clinic = rng.choice(CLINICS)
    return Call(
        index=index,
        clinic=clinic,
        other_clinic=CLINICS[1 - CLINICS.index(clinic)] if other else clinic,
        begins=round(begins, 2),
        pieces=tuple(pieces),
        hung_up=() if rng.random() < 0.06 else _told(rng, 0.5),
        ends_late_ms=rng.choice((0, 100, 500, 1_500, 6_000)) if rng.random() < 0.4 else 100,
        # Of one piece it may differ by more than what is borne: then that is told.
        clock_ms=rng.choice((-900, -300, 300, 900, -3_000, 3_000)[: 8 - 2 * len(pieces)]) if rng.random() < 0.2 else 0,
        upload=rng.choice((0.0, 0.1, 0.1, 0.5, 2.0)),
        lost=lost,
        knows_fragment=rng.random() < 0.8,
        shape=rng.choice(_SHAPES),
    )


def _told(rng: random.Random, usual: float, *, within: float = 40.0) -> tuple[float, ...]:
    """When something is told: mostly once and soon, else late, again, or both. The first time is in time."""
    first = usual * rng.uniform(0.2, 3.0) if rng.random() < 0.85 else rng.uniform(min(5.0, within), within)
    first = min(first, 0.9 * within)
    again = [first + rng.uniform(0.0, 20.0) for _ in range(rng.choice((0, 0, 0, 1, 2)))]
    return tuple(round(at, 3) for at in sorted((first, *again)))


def _piece(rng: random.Random, stream: str) -> Piece:
    turns = tuple(
        tuple((rng.randrange(5, 130), rng.choice((4, 9, 30, 80, 160))) for _ in range(rng.randrange(1, 6)))
        for _ in range(2)
    )
    piece = Piece(turns=(turns[0], turns[1]), stream=stream)
    # A flow waits for its function, eight seconds at most, and stops streaming only then.
    return replace(piece, told=_told(rng, 0.3, within=min(8.0, piece.seconds)))


def _fault(rng: random.Random, last: float, history: History) -> Fault:
    at = round(rng.uniform(0.5, last), 2)
    kind = rng.choices(
        ("kill", "freeze", "cut", "drain", "vendor", "stream", "rotate", "repeat"), (3, 3, 3, 3, 6, 5, 1, 2)
    )[0]
    target, lease = rng.randrange(3), history.lease
    match kind:
        case "freeze" | "cut":
            seconds = rng.choice((0.5, lease / 2, lease + 2, lease + 4, lease + 8, 2 * lease + 20))
        case "kill" | "drain":
            seconds = rng.choice((0.0, 1.0, 5.0, 30.0))
        case _:
            seconds = 0.0
    order: dict[str, Any] = {}
    if kind == "vendor":
        order = dict(rng.choice(_VENDOR if rng.random() < 0.9 else _VENDOR_HARMFUL))
        if "status" not in order and "at_final" not in order and order["action"] not in ("hang", "no-metadata"):
            order["after"] = round(rng.uniform(0.2, 6.0), 1)
    elif kind == "stream":
        order = dict(rng.choice(_STREAM if rng.random() < 0.95 else _STREAM_HARMFUL))
    return Fault(at=at, kind=kind, target=target, seconds=round(seconds, 2), order=order)


def _partition(rng: random.Random, last: float, lease: float) -> tuple[list[Trouble], list[Fault]]:
    """Keep one streamer from the table for longer than its leases last, while another one gets its messages."""
    since = round(rng.uniform(1.0, max(2.0, last - 5)), 2)
    until = round(since + lease + rng.uniform(2.0, 6.0), 2)
    name: Any = f"streamer-{rng.randrange(1, 3)}"
    kind: Any = rng.choice(("throttled", "unheard", "failing"))
    lost = Trouble(service="dynamodb", kind=kind, since=since, until=until, streamer=name)
    return [lost], [Fault(at=round(until - rng.uniform(0.3, 2.0), 2), kind="repeat") for _ in range(3)]


def _trouble(rng: random.Random, last: float) -> Trouble:
    service = rng.choices(list(_TROUBLES), (8, 5, 4, 2, 1, 2, 1, 1, 2, 2))[0]
    since = round(rng.uniform(0.0, last), 2)
    kind: Any = rng.choice(_TROUBLES[service])
    return Trouble(
        service=service,
        kind=kind,
        since=since,
        until=round(since + rng.choice((1.0, 5.0, 20.0, 60.0)), 2),
        share=rng.choice((0.2, 0.5, 1.0)),
        seconds=rng.choice((0.5, 3.0, 9.0, 14.0)),
        streamer=f"streamer-{rng.randrange(1, 3)}" if rng.random() < 0.4 else "",
    )
