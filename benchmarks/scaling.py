"""Simulate how the number of streamers follows the calls of a day: who waits for one, and what stands idle.

A model, not a measurement: there is no AWS here. Settings are the synthesised template's. What a scaling policy does is
taken from Application Auto Scaling's User Guide ("How target tracking scaling for Application Auto Scaling works", "How
step scaling for Application Auto Scaling works"): tasks are raised in proportion to the metric, and while the policy's
cooldown lasts only a larger scale-out counts, to which what the first one added belongs. That target tracking's alarms
take three minutes to scale out and fifteen below nine tenths of the target to scale in is how AWS creates them; the
guide does not promise it. Neither does it say that a policy multiplies the *present* number of tasks by a metric that
may be older: that is assumed, as the worse case. Times and calls are stated below.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.cost import price
from benchmarks.report import Figures

_DAY = 86_400
_MINUTE = 60
_CALL_SECONDS = 240.0
_METRIC_SECONDS = 120
"""From a minute's end until its datapoint is judged: stated. SQS and Container Insights report every minute."""
_START_SECONDS = 60
"""From a task's being wanted until it takes calls, address, image and process: stated, of 30 to 60 seconds."""
_OUT_AFTER, _IN_AFTER, _IN_BELOW = 3, 15, 0.9
_PROTECTED_SECONDS, _RENEWED_SECONDS = 3_600, 3_900
"""As long as a task with calls is protected, and from one protection to the next (streamer/protection.py)."""
_PROFILE = (0, 0, 0, 0, 0, 0, 2, 20, 85, 100, 90, 75, 45, 70, 85, 80, 65, 40, 10, 2, 0, 0, 0, 0)
"""Calls that begin around each hour of a day of clinics, in hundredths of the busiest hour's: stated."""
_SLOTS, _FEWEST, _MOST, _BUSIEST = 100, 2, 1_000, 700
"""Calls of a task, fewest and most tasks, and calls at once of the tables: stated. What AWS and Deepgram allow an
account is left aside."""
_SURGE = (10 * 3_600, 12 * 3_600)
"""When the calls of a surge begin, evenly, with nobody calling before or after: stated."""
_LATE = 5
_STEPS = ((1.0, 100), (1.4, 300), (2.8, 700), (5.6, 1_500))
"""Steps for a comparison: shares of a wanted task's slots, and hundredths by which tasks are raised."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How tasks follow calls.

    Attributes:
        slots: Calls of a task.
        target: Calls of a task that target tracking aims at.
        fewest: Tasks that always run.
        most: Tasks at the most.
        out_cooldown: Seconds from one scaling out to the next.
        in_cooldown: The same, in.
        steps: Calls of a wanted task, and by how many hundredths a single minute of so many, or more, raises the tasks.
    """

    slots: int
    target: float
    fewest: int
    most: int
    out_cooldown: int
    in_cooldown: int
    steps: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Minute:
    """What was there at the end of a minute."""

    waiting: int
    running: int
    wanted: int
    ready: int


@dataclass(frozen=True, kw_only=True)
class Day:
    """What came of a day.

    Attributes:
        waits: Seconds that each call waited for a streamer, in order of length.
        minutes: What was there at the end of each minute.
        task_seconds: Of all tasks, while they run.
        call_seconds: Of all calls, while a streamer has them.
        handed_over: Times that a call changed streamers because its own was stopped.
    """

    waits: Sequence[int]
    minutes: Sequence[Minute]
    task_seconds: int
    call_seconds: int
    handed_over: int

    @property
    def most_tasks(self) -> int:
        return max(minute.wanted for minute in self.minutes)


@dataclass(eq=False)
class _Task:
    ready_at: int
    busy_since: int = -1
    calls: int = 0

    def take(self, now: int) -> None:
        if not self.calls:
            self.busy_since = now
        self.calls += 1

    def is_protected(self, now: int) -> bool:
        return self.calls > 0 and (now - self.busy_since) % _RENEWED_SECONDS < _PROTECTED_SECONDS


def simulate(
    policy: Policy, *, busiest: int, surge: bool = False, metric_seconds: int = _METRIC_SECONDS, seed: int = 1
) -> Day:
    """Play a day, second by second.

    Args:
        policy: How tasks follow calls.
        busiest: Calls at once in the busiest hour.
        surge: Whether, instead of the day's hours, nobody calls until ten and then as many as in the busiest hour: an
            outage that ends, or an advertisement.
        metric_seconds: From a minute's end until its datapoint is judged, in whole minutes.
        seed: Of what is left to chance.
    """
    rng = random.Random(f"{busiest} {seed}")
    rate = busiest / _CALL_SECONDS
    scaler = _Scaler(policy, lag=metric_seconds // _MINUTE)
    tasks = [_Task(ready_at=0) for _ in range(policy.fewest)]
    waiting: deque[tuple[int, int]] = deque()
    running: list[tuple[int, int, _Task]] = []
    waits: list[int] = []
    minutes: list[Minute] = []
    task_seconds = call_seconds = handed_over = demand = 0
    for now in range(_DAY):
        while running and running[0][0] <= now:
            heapq.heappop(running)[2].calls -= 1
        for _ in range(_arrivals(rng, rate * _share(now, surge=surge))):
            waiting.append((now, max(10, round(rng.expovariate(1 / _CALL_SECONDS)))))
        _take(rng, tasks, waiting, running, waits, now, policy.slots)
        task_seconds += len(tasks)
        call_seconds += len(running)
        demand += len(running) + len(waiting)
        if now % _MINUTE == _MINUTE - 1:
            scaler.judge(demand / _MINUTE / scaler.wanted, now)
            demand = 0
            minutes.append(
                Minute(
                    waiting=len(waiting),
                    running=len(running),
                    wanted=scaler.wanted,
                    ready=sum(task.ready_at <= now for task in tasks),
                )
            )
        while len(tasks) < scaler.wanted:
            tasks.append(_Task(ready_at=now + _START_SECONDS))
        if len(tasks) > scaler.wanted:
            for task in [one for one in tasks if not one.is_protected(now)][: len(tasks) - scaler.wanted]:
                tasks.remove(task)
                handed_over += task.calls
                running = [(end, one, _other(tasks, now) if of is task else of) for end, one, of in running]
    return Day(
        waits=sorted(waits),
        minutes=minutes,
        task_seconds=task_seconds,
        call_seconds=call_seconds,
        handed_over=handed_over,
    )


class _Scaler:
    """Application Auto Scaling with CloudWatch's alarms.

    Args:
        policy: What it follows.
        lag: Minutes whose datapoints are not known yet.
    """

    def __init__(self, policy: Policy, *, lag: int) -> None:
        self.wanted = policy.fewest
        self._policy = policy
        self._lag = lag
        self._points: deque[float] = deque(maxlen=_IN_AFTER + lag)
        self._in_at = -_DAY
        self._raised: dict[int, tuple[int, int]] = {}
        """When each of the two rules last raised the tasks, and from how many."""

    def judge(self, calls_per_task: float, now: int) -> None:
        """Add the datapoint of the minute that ends, and do what the known ones ask for."""
        self._points.append(calls_per_task)
        known = list(self._points)[: len(self._points) - self._lag]
        if not known:
            return
        policy = self._policy
        raised = [
            (rule, base, wanted)
            for rule, ask in enumerate((self._tracked, self._stepped))
            if (wanted := min(policy.most, ask(known, base := self._base(rule, now)))) > self.wanted
        ]
        if raised:
            self.wanted = max(wanted for _, _, wanted in raised)
            for rule, base, _ in raised:
                self._raised[rule] = (now, base)
        elif (
            len(known) == _IN_AFTER
            and max(known) < policy.target * _IN_BELOW
            and now - self._in_at >= policy.in_cooldown
        ):
            wanted = max(policy.fewest, math.ceil(self.wanted * known[-1] / policy.target))
            if wanted < self.wanted:
                self.wanted, self._in_at = wanted, now

    def _base(self, rule: int, now: int) -> int:
        """Tasks that *rule* counts from: while its cooldown lasts, those from before it began."""
        at, before = self._raised.get(rule, (-_DAY, 0))
        return before if now - at < self._policy.out_cooldown else self.wanted

    def _tracked(self, known: Sequence[float], base: int) -> int:
        recent = known[-_OUT_AFTER:]
        above = len(recent) == _OUT_AFTER and min(recent) > self._policy.target
        return math.ceil(base * recent[-1] / self._policy.target) if above else 0

    def _stepped(self, known: Sequence[float], base: int) -> int:
        percent = max((percent for bound, percent in self._policy.steps if known[-1] >= bound), default=0)
        return base + max(1, base * percent // 100) if percent else 0


def _take(
    rng: random.Random,
    tasks: Sequence[_Task],
    waiting: deque[tuple[int, int]],
    running: list[tuple[int, int, _Task]],
    waits: list[int],
    now: int,
    slots: int,
) -> None:
    """Give waiting calls to tasks with room, whichever asks first."""
    free = [task for task in tasks if task.ready_at <= now and task.calls < slots] if waiting else []
    while waiting and free:
        task = rng.choice(free)
        came_at, length = waiting.popleft()
        heapq.heappush(running, (now + length, len(waits), task))
        waits.append(now - came_at)
        task.take(now)
        if task.calls == slots:
            free.remove(task)


def _other(tasks: Sequence[_Task], now: int) -> _Task:
    """Take a call over; room is not looked at, as the least busy one nearly always has some."""
    task = min(tasks, key=lambda one: (one.ready_at > now, one.calls))
    task.take(now)
    return task


def _share(now: int, *, surge: bool) -> float:
    if surge:
        return float(_SURGE[0] <= now < _SURGE[1])
    hour, rest = divmod(now, 3_600)
    following = _PROFILE[(hour + 1) % len(_PROFILE)]
    return (_PROFILE[hour] + (following - _PROFILE[hour]) * rest / 3_600) / 100


def _arrivals(rng: random.Random, mean: float) -> int:
    """Draw from a Poisson distribution."""
    if not mean:
        return 0
    bound, count, product = math.exp(-mean), 0, rng.random()
    while product > bound:
        count, product = count + 1, product * rng.random()
    return count


def policy_of(resources: Iterable[Mapping[str, Any]]) -> Policy:
    """Read how the streamers of a template scale.

    Args:
        resources: The template's resources.
    """
    resources = tuple(resources)

    def properties(kind: str) -> Mapping[str, Any]:
        found: Mapping[str, Any]
        [found] = [resource["Properties"] for resource in resources if resource["Type"] == kind]
        return found

    target = properties("AWS::ApplicationAutoScaling::ScalableTarget")
    tracking = properties("AWS::ApplicationAutoScaling::ScalingPolicy")["TargetTrackingScalingPolicyConfiguration"]
    [container] = properties("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    [slots] = [variable["Value"] for variable in container["Environment"] if variable["Name"] == "SLOTS"]
    return Policy(
        slots=int(slots),
        target=float(tracking["TargetValue"]),
        fewest=int(target["MinCapacity"]),
        most=int(target["MaxCapacity"]),
        out_cooldown=int(tracking["ScaleOutCooldown"]),
        in_cooldown=int(tracking["ScaleInCooldown"]),
    )


def figures(template: Policy) -> Iterator[Figures]:
    """Yield what the shipped settings do, and what others would.

    Args:
        template: How the synthesised application scales; its numbers of tasks and slots give way to those stated here.
    """
    share = template.target / template.slots
    shipped = replace(template, slots=_SLOTS, target=_SLOTS * share, fewest=_FEWEST, most=_MOST)
    yield _table("scaling-days", "Scaling: the shipped settings", _days(shipped))
    yield _hours(simulate(shipped, busiest=_BUSIEST))
    yield _surge(shipped)
    yield _table("scaling-settings", f"Scaling: from 0 to {_BUSIEST} calls, other settings", _others(shipped))


def _days(shipped: Policy) -> Iterator[tuple[str, Day]]:
    for busiest in (50, 200, _BUSIEST, 2_000):
        yield f"a day of up to {busiest:,} calls at once", simulate(shipped, busiest=busiest)
    for busiest in (200, _BUSIEST, 2_000):
        yield f"from 0 to {busiest:,} calls", simulate(shipped, busiest=busiest, surge=True)


def _others(shipped: Policy) -> Iterator[tuple[str, Day]]:
    def aim(share: float) -> Policy:
        return replace(shipped, target=_SLOTS * share)

    short = replace(shipped, out_cooldown=_MINUTE)
    for name, policy, metric_seconds in (
        ("as shipped", shipped, _METRIC_SECONDS),
        ("as shipped, metrics a minute earlier", shipped, _METRIC_SECONDS - _MINUTE),
        ("as shipped, metrics a minute later", shipped, _METRIC_SECONDS + _MINUTE),
        ("cooldown of 60 s", short, _METRIC_SECONDS),
        ("cooldown of 60 s, metrics a minute earlier", short, _METRIC_SECONDS - _MINUTE),
        ("cooldown of 60 s, metrics a minute later", short, _METRIC_SECONDS + _MINUTE),
        ("cooldown of 180 s", replace(shipped, out_cooldown=180), _METRIC_SECONDS),
        ("cooldown of 180 s, metrics a minute later", replace(shipped, out_cooldown=180), _METRIC_SECONDS + _MINUTE),
        ("50 % of the slots", aim(0.5), _METRIC_SECONDS),
        ("80 % of the slots", aim(0.8), _METRIC_SECONDS),
        ("1 task at least", replace(shipped, fewest=1), _METRIC_SECONDS),
        ("4 tasks at least", replace(shipped, fewest=4), _METRIC_SECONDS),
        ("10 tasks at least", replace(shipped, fewest=10), _METRIC_SECONDS),
        (
            "with steps after a minute, beside the tracking",
            replace(shipped, steps=tuple((_SLOTS * bound, percent) for bound, percent in _STEPS)),
            _METRIC_SECONDS,
        ),
    ):
        yield name, simulate(policy, busiest=_BUSIEST, surge=True, metric_seconds=metric_seconds)


def _table(name: str, title: str, days: Iterable[tuple[str, Day]]) -> Figures:
    hour = float(price("fargate_vcpu_hour_arm64") + 2 * price("fargate_gb_hour_arm64"))
    rows = []
    for setting, day in days:
        waits = day.waits
        task_hours, busy_hours = day.task_seconds / 3_600, day.call_seconds / _SLOTS / 3_600
        rows.append(
            (
                setting,
                f"{len(waits):,}",
                f"{sum(wait > _LATE for wait in waits) / len(waits):.1%}",
                f"{waits[len(waits) // 2]}",
                f"{waits[len(waits) * 99 // 100]}",
                f"{waits[-1]}",
                f"{day.most_tasks}",
                f"{day.handed_over:,}",
                f"{task_hours * hour:.2f}",
                f"{(task_hours - busy_hours) * hour:.2f}",
            )
        )
    return Figures(
        name=name,
        title=title,
        columns=(
            "",
            "calls",
            f"wait more than {_LATE} s",
            "p50 s",
            "p99 s",
            "longest s",
            "most tasks",
            "hand-overs",
            "tasks, USD a day",
            "of it idle",
        ),
        rows=tuple(rows),
    )


def _hours(day: Day) -> Figures:
    hours = range(6, 24, 2)
    at = [day.minutes[60 * hour] for hour in hours]
    return Figures(
        name="scaling-hours",
        title=f"Scaling: tasks over a day of up to {_BUSIEST} calls at once, as shipped",
        columns=("", *(f"{hour}:00" for hour in hours)),
        rows=(
            ("calls", *(f"{minute.running + minute.waiting}" for minute in at)),
            ("tasks", *(f"{minute.ready}" for minute in at)),
        ),
    )


def _surge(shipped: Policy) -> Figures:
    after = (1, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 30)
    minutes = simulate(shipped, busiest=_BUSIEST, surge=True).minutes
    at = [minutes[_SURGE[0] // _MINUTE + minute - 1] for minute in after]
    return Figures(
        name="scaling-surge",
        title=f"Scaling: from 0 to {_BUSIEST} calls, minute by minute, as shipped",
        columns=("minutes", *(f"{minute}" for minute in after)),
        rows=(
            ("calls that are followed", *(f"{minute.running}" for minute in at)),
            ("calls that wait", *(f"{minute.waiting}" for minute in at)),
            ("tasks that take calls", *(f"{minute.ready}" for minute in at)),
        ),
    )
