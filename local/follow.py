"""Show on a terminal how calls make their way, and what comes out."""

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from local.calls import STEPS, Call, transcript_item, watch
from operations.environment import Environment
from operations.rendering import calls_table, transcript_view
from operations.time_zones import TimeZones, time_zones

_TIMEOUT_SECONDS = 600
VERBOSE = "show, too, where a call is stored and what makes up its cost"
"""What the option of the commands does."""
_NOTHING = "$0.0000"


class _Timings:
    """When each call took each step, in seconds from the upload."""

    def __init__(self, calls: Mapping[str, Call]) -> None:
        self._names = {call.call_id: name for name, call in calls.items()}
        self._started = time.monotonic()
        self._seconds: dict[str, dict[str, float]] = {call_id: {} for call_id in self._names}

    def note(self, call: Call, step: str) -> str:
        """Remember a step, and put it in words."""
        seconds = time.monotonic() - self._started
        self._seconds[call.call_id][step] = seconds
        return f"{seconds:5.1f} s  {self._names[call.call_id]}: {step}"

    def of(self, call: Call) -> dict[str, float]:
        """Seconds by step."""
        return self._seconds[call.call_id]

    def table(self) -> Table:
        """All of them; a step that a call has not taken yet is a dot."""
        table = Table("call", *STEPS, box=None, padding=(0, 2, 0, 0), header_style="bold")
        for call_id, name in self._names.items():
            cells = (self._seconds[call_id].get(step) for step in STEPS)
            table.add_row(Text(name), *("·" if seconds is None else f"{seconds:.1f} s" for seconds in cells))
        return table


def follow(console: Console, environment: Environment, calls: Mapping[str, Call], *, verbose: bool = False) -> None:
    """Show each step of the calls, then the first transcript whole and the others in one line each.

    Args:
        console: Where to show it. On a terminal a table fills up, elsewhere each step is a line.
        environment: The deployed environment.
        calls: Calls whose recordings were just uploaded, by the name to show.
        verbose: Show, too, where the first one is stored, and what makes up its cost.

    Raises:
        CallFailed: A call failed or was rejected.
        NotTranscribed: A recording needs no transcript of its own.
        TooSlow: A call was not done within ten minutes.
    """
    timings = _Timings(calls)
    steps = watch(environment, list(calls.values()), timeout_seconds=_TIMEOUT_SECONDS)
    if console.is_terminal:
        with Live(console=console, refresh_per_second=8) as live:
            for call, step in steps:
                timings.note(call, step)
                live.update(Group(timings.table(), Spinner("dots", "listening")))
            live.update(timings.table())
    else:
        for call, step in steps:
            console.print(timings.note(call, step))
    first, *others = calls.values()
    zones = time_zones(environment)
    console.print()
    console.print(_report(transcript_item(environment, first), timings.of(first), zones, verbose=verbose))
    if others:
        console.print()
        console.print(calls_table((transcript_item(environment, call) for call in others), zones=zones))


def _report(
    item: Mapping[str, Any], seconds: Mapping[str, float], zones: TimeZones, *, verbose: bool
) -> RenderableType:
    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    timing = ", ".join(f"{step} {seconds[step]:.1f} s" for step in STEPS[1:])
    lines = [("Timing", f"{timing} after the upload")]
    if verbose:
        lines += [
            ("Bill", _bill(item["cost"])),
            ("Item", f"{item['PK']}  {item['SK']}"),
            ("Document", f"s3://{item['archive_bucket']}/{item['transcript_key']}"),
        ]
    for name, value in lines:
        facts.add_row(Text(name, style="bold"), Text(value, overflow="fold"))
    return Group(transcript_view(item, zones=zones), facts)


def _bill(cost: Mapping[str, Any]) -> str:
    amounts = [(line["item"], f"${line['amount_usd']:.4f}") for line in cost["lines"]]
    lines = ", ".join(f"{item} {amount}" for item, amount in amounts if amount != _NOTHING)
    return f"{lines} for {cost['billed_seconds']} s on {cost['channels']} channel(s), {cost['plan']}"
