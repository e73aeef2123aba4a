"""A history: what is put, told, broken and repeated, and when. It is drawn from a seed, and can be made smaller."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from tests.simulation.batch import faults as f
from tests.simulation.batch.analyst import USELESS
from tests.simulation.batch.deployment import SETUPS, USUAL
from tests.simulation.batch.faults import Fault, Outage
from tests.simulation.batch.templates import ENRICH

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR

_FUNCTIONS: Final = ("admit_recording", "transcribe_call", "store_transcript", "score_quality")
_CODES: Final = {
    "dynamodb.": ("ThrottlingException", "ProvisionedThroughputExceededException", "InternalServerError"),
    "dynamodb.TransactWriteItems": ("TransactionCanceledException", "ThrottlingException"),
    "s3.": ("SlowDown", "InternalError", "ServiceUnavailable"),
    "s3.PutObject": ("AccessDenied", "KMS.DisabledException", "SlowDown", "ConditionalRequestConflict"),
    "s3.GetObject": ("AccessDenied", "SlowDown"),
    "sqs.": ("RequestThrottled", "ServiceUnavailable"),
    "stepfunctions.": ("ThrottlingException",),
    "secretsmanager.": ("ThrottlingException", "InternalServiceError"),
    "ssm.": ("ThrottlingException",),
    "sts.": ("Throttling",),
    "events.": ("ThrottlingException", "InternalFailure"),
    "lambda.": ("TooManyRequestsException", "ServiceException"),
    "bedrock-runtime.": (
        *("ThrottlingException", "ThrottlingException", "ModelNotReadyException", "ModelErrorException"),
        *("ServiceUnavailableException", "AccessDeniedException"),
    ),
}
_REACHED_BY: Final = {
    "machine": ("lambda.", "dynamodb.", "sqs.", "events."),
    "admit_recording": ("dynamodb.", "s3.", "dynamodb.TransactWriteItems"),
    "transcribe_call": (
        *("dynamodb.", "s3.PutObject", "s3.GetObject", "s3.", "sqs.", "stepfunctions.", "secretsmanager."),
        *("ssm.", "sts."),
    ),
    "store_transcript": ("dynamodb.", "dynamodb.TransactWriteItems", "s3.PutObject", "s3.GetObject"),
    "score_quality": ("dynamodb.", "s3.GetObject"),
    "analyse_call": ("bedrock-runtime.", "bedrock-runtime.", "dynamodb.", "s3.PutObject", "s3.GetObject"),
    "rule": ("stepfunctions.", "sqs."),
}


@dataclass(frozen=True, kw_only=True)
class Put:
    """An object is put.

    Attributes:
        at: When.
        call: Number of its call.
        content: Number of its content; -1 for what is no audio.
        key: Which of the call's keys: 0, or 1 for the same recording under another extension.
        told: After how many seconds each of its events arrives.
    """

    at: float
    call: int
    content: int
    key: int = 0
    told: tuple[float, ...] = (1.0,)


@dataclass(frozen=True, kw_only=True)
class Delete:
    """A recording is deleted."""

    at: float
    call: int


@dataclass(frozen=True, kw_only=True)
class Redrive:
    """An operator repeats what failed.

    Attributes:
        at: When.
        claims: Whether by the table.
        covered: The call whose recordings are to be transcribed although its live transcript stands for them, instead.
    """

    at: float
    claims: bool
    covered: int | None = None


@dataclass(frozen=True, kw_only=True)
class Stop:
    """An operator stops the execution that runs for the longest."""

    at: float


@dataclass(frozen=True, kw_only=True)
class Idle:
    """Nobody takes messages from the work queue, as when other functions use up the account's concurrency."""

    at: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Again:
    """A message of the work queue is delivered although it is being worked on, as SQS may."""

    at: float


@dataclass(frozen=True, kw_only=True)
class Live:
    """A call is transcribed while it runs.

    Attributes:
        call: Number of the call.
        begins: When it is announced.
        ends: When its end is noted; `None` if nobody ever does.
        outcome: `complete`, `incomplete` (by its own word), `partial` (proven for a part of the time), `failed`.
        stored: How long after its end its transcript is stored.
    """

    call: int
    begins: float
    ends: float | None
    outcome: str
    stored: float


@dataclass(frozen=True, kw_only=True)
class Rebuild:
    """What is stored by then counts as stored by an earlier version, and an operator has it written anew."""

    at: float


@dataclass(frozen=True, kw_only=True)
class History:
    """What happens.

    Attributes:
        seed: What the rest was drawn from, and how long everything takes.
        deployment: Where, of `deployment.SETUPS`.
    """

    seed: int
    deployment: str = USUAL
    puts: tuple[Put, ...] = ()
    deletes: tuple[Delete, ...] = ()
    redrives: tuple[Redrive, ...] = ()
    stops: tuple[Stop, ...] = ()
    idle: tuple[Idle, ...] = ()
    again: tuple[Again, ...] = ()
    lives: tuple[Live, ...] = ()
    rebuilds: tuple[Rebuild, ...] = ()
    faults: tuple[Fault, ...] = ()
    outages: tuple[Outage, ...] = ()
    analyst: tuple[Outage, ...] = ()

    @property
    def calm(self) -> float:
        """When nothing more goes wrong."""
        ends = [0.0, *(fault.end for fault in self.faults), *(outage.end for outage in (*self.outages, *self.analyst))]
        for events in (self.puts, self.deletes, self.redrives, self.stops, self.again, self.rebuilds):
            ends += [event.at for event in events]
        ends += [live.begins if live.ends is None else live.ends + live.stored for live in self.lives]
        return max(ends + [idle.at + idle.seconds for idle in self.idle])

    def smaller(self) -> Iterator[History]:
        """Yield the history with one thing less each."""
        if self.deployment != USUAL:
            yield replace(self, deployment=USUAL)
        for place in fields(self):
            events = getattr(self, place.name)
            if isinstance(events, tuple):
                for number in range(len(events)):
                    fewer: Any = {place.name: events[:number] + events[number + 1 :]}
                    yield replace(self, **fewer)
        for number, put in enumerate(self.puts):
            if len(put.told) > 1:
                told = replace(put, told=put.told[:1])
                yield replace(self, puts=(*self.puts[:number], told, *self.puts[number + 1 :]))

    def lines(self) -> list[str]:
        """Write it down, a line for each thing that happens."""
        happening = [getattr(self, place.name) for place in fields(self)]
        where = [] if self.deployment == USUAL else [f"  deployed as {self.deployment}"]
        return where + [f"  {event}" for events in happening if isinstance(events, tuple) for event in events]


def generate(seed: int) -> History:
    """Draw a history."""
    chance = random.Random(f"batch {seed}")
    # Most of what can happen happens within minutes; some of it takes a day.
    span = chance.choice((60.0, 600.0, 600.0, 4 * HOUR))
    puts = _puts(chance, span)
    troubled = chance.random()
    other = random.Random(f"batch {seed}, other than by default")
    deployment = other.choice((USUAL, USUAL, USUAL, "keep", "sparing", "sparing", "enriched"))
    history = History(
        seed=seed,
        deployment=deployment,
        lives=_lives(other, span, puts, deployment),
        rebuilds=tuple(Rebuild(at=other.uniform(0, 2 * span)) for _ in range(1) if other.random() < 0.15),
        puts=puts,
        deletes=tuple(Delete(at=chance.uniform(0, span), call=put.call) for put in puts[:1] if chance.random() < 0.05),
        redrives=tuple(
            Redrive(at=chance.uniform(0, 2 * span), claims=chance.random() < 0.5)
            for _ in range(chance.choice((0, 0, 1, 2)))
        ),
        stops=tuple(Stop(at=chance.uniform(0, span)) for _ in range(1) if chance.random() < 0.08),
        idle=tuple(
            Idle(at=chance.uniform(0, span), seconds=chance.choice((60.0, HOUR, 25 * HOUR)))
            for _ in range(1)
            if chance.random() < 0.08
        ),
        again=tuple(Again(at=chance.uniform(0, span)) for _ in range(chance.choice((0, 0, 0, 1, 3)))),
        faults=(
            *(_fault(chance, span) for _ in range(chance.choice((1, 2, 3, 5)) if troubled > 0.1 else 0)),
            *(_fault_of_enrichment(other, span) for _ in range(1) if troubled > 0.1 and SETUPS[deployment].enrichment),
        ),
        outages=tuple(_outage(chance, span) for _ in range(chance.choice((0, 0, 1, 1, 2)))),
    )
    uncovered = (
        Redrive(at=other.uniform(0, 4 * span), claims=False, covered=live.call)
        for live in history.lives
        if other.random() < 0.3
    )
    return _with_the_rest(replace(history, redrives=(*history.redrives, *uncovered)), span, troubled=troubled > 0.1)


def _with_the_rest(history: History, span: float, *, troubled: bool) -> History:
    """Deploy some of the usual histories with an analyst, without replies that are kept, or with all there is."""
    chance = random.Random(f"batch {history.seed}, with the rest")
    if history.deployment != USUAL or chance.random() < 0.4:
        return history
    deployment = chance.choice(("analysed", "analysed", "deleting", "all"))
    if not (troubled and SETUPS[deployment].analyst):
        return replace(history, deployment=deployment)
    faults = [_fault_of_analysis(chance, span) for _ in range(chance.choice((0, 1, 1, 2)))]
    return replace(
        history,
        deployment=deployment,
        faults=(*history.faults, *faults),
        analyst=tuple(
            Outage(
                kind=chance.choice(USELESS),
                begin=chance.uniform(0, span),
                seconds=chance.choice((30.0, 300.0, HOUR)),
                share=chance.choice((1.0, 0.5)),
            )
            for _ in range(chance.choice((0, 0, 1, 2)))
        ),
    )


def _puts(chance: random.Random, span: float) -> tuple[Put, ...]:
    calls = chance.choice((1, 1, 2, 3))
    puts: list[Put] = []
    for call in range(calls):
        versions = chance.choice((1, 1, 1, 2, 3))
        own = [3 * call + number for number in range(3)]
        for _ in range(versions):
            content = chance.choice(own) if chance.random() > 0.04 else -1
            told = [chance.choice((0.5, 1.0, 30.0))]
            while chance.random() < 0.3 and len(told) < 5:
                told.append(chance.choice((0.5, 0.5, 2.0, 120.0, 2 * HOUR)))
            puts.append(
                Put(
                    at=round(chance.uniform(0, span / 2), 1),
                    call=call,
                    content=content,
                    key=int(chance.random() < 0.2),
                    told=tuple(told),
                )
            )
    return tuple(sorted(puts, key=lambda put: put.at))


def _lives(chance: random.Random, span: float, puts: tuple[Put, ...], deployment: str) -> tuple[Live, ...]:
    share = 0.2 if deployment == USUAL else 0.7
    lives = []
    for call in sorted({put.call for put in puts}):
        if chance.random() > share:
            continue
        begins = chance.uniform(0, span / 4)
        lasts = chance.choice((1.0, 30.0, 300.0, 1200.0, None))
        lives.append(
            Live(
                call=call,
                begins=begins,
                ends=None if lasts is None else begins + lasts,
                outcome=chance.choice(("complete", "complete", "complete", "incomplete", "partial", "failed")),
                stored=chance.choice((0.5, 2.0, 60.0, 1800.0)),
            )
        )
    return tuple(lives)


def _fault_of_enrichment(chance: random.Random, span: float) -> Fault:
    kind = chance.choice((f.KILL, f.KILL_AFTER, f.CUT, f.REFUSE, f.REFUSE, f.SLOW))
    seconds, times = chance.choice((60.0, 600.0, HOUR)), chance.choice((1, 2, 10**6))
    code = "AccessDenied" if kind == f.REFUSE else ""
    return Fault(
        kind=kind, by=ENRICH, begin=chance.uniform(0, span), seconds=seconds, times=times, code=code, delay=9.0
    )


def _fault_of_analysis(chance: random.Random, span: float) -> Fault:
    kind = chance.choice((f.KILL, f.KILL_AFTER, f.LOSE, f.LOSE, f.CUT, f.REFUSE, f.REFUSE, f.SLOW))
    by, times = "analyse_call", chance.choice((1, 1, 2, 10))
    if kind in (f.KILL, f.KILL_AFTER):
        return Fault(kind=kind, by=by, seconds=4 * span, at_call=chance.randint(1, 8), times=times)
    of = chance.choice(_REACHED_BY[by])
    return Fault(
        kind=kind,
        by=by,
        of=of,
        begin=chance.uniform(0, span),
        seconds=chance.choice((60.0, 600.0, HOUR)),
        times=times,
        code=chance.choice(_CODES[of]) if kind == f.REFUSE else "",
        delay=chance.choice((9.0, 90.0)),
    )


def _fault(chance: random.Random, span: float) -> Fault:
    begin = chance.uniform(0, span)
    kind = chance.choice((f.KILL, f.KILL, f.KILL_AFTER, f.LOSE, f.LOSE, f.CUT, f.REFUSE, f.REFUSE, f.REFUSE, f.SLOW))
    if kind in (f.KILL, f.KILL_AFTER):
        by = chance.choice((*_FUNCTIONS, "transcribe_call", "operator"))
        # At any of the calls that it makes, in this process or in whatever follows it.
        return Fault(
            kind=kind,
            by=by,
            seconds=2 * span,
            at_call=chance.randint(1, 16),
            times=chance.choice((1, 1, 2, 4)),
        )
    by = chance.choice(("machine", "machine", *_FUNCTIONS, "transcribe_call", "transcribe_call", "rule"))
    of = chance.choice(_REACHED_BY[by])
    seconds = chance.choice((5.0, 60.0, 600.0, 600.0, HOUR)) if by != "rule" else chance.choice((60.0, HOUR, 26 * HOUR))
    share = chance.choice((1.0, 1.0, 0.5, 0.2))
    if kind == f.LOSE:
        times = chance.choice((1, 1, 2, 4, 8))
        return Fault(kind=kind, by=by, of=of, begin=begin, seconds=seconds, share=share, times=times)
    if kind == f.SLOW:
        delay = chance.choice((2.0, 9.0, 30.0))
        return Fault(kind=kind, by=by, of=of, begin=begin, seconds=seconds, share=share, delay=delay)
    code = chance.choice(_CODES[of]) if kind == f.REFUSE else ""
    return Fault(kind=kind, by=by, of=of, begin=begin, seconds=seconds, share=share, code=code)


def _outage(chance: random.Random, span: float) -> Outage:
    kind = chance.choice(("429", "429", "500", "503", "503", "408", "402", "cut", "lost", "slow", "garbage"))
    seconds = chance.choice((30.0, 300.0, 1800.0, 1800.0, 6 * HOUR))
    if kind in ("402", "garbage", "lost"):
        seconds = min(seconds, 300.0)
    return Outage(kind=kind, begin=chance.uniform(0, span), seconds=seconds, share=chance.choice((1.0, 1.0, 0.5)))
