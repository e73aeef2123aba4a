"""``make demo``: three sample calls go through the deployed stacks while you watch, and then you read the result.

The AWS account is emulated on this machine and nothing leaves it; speech is recognised for real, by pocketsphinx.
"""

import contextlib
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from local.calls import STEPS, Call, CallFailed, TooSlow, connect_key, put_recording, transcript_item, watch
from local.cdk import CdkFailed
from local.server_process import ROOT, ServerDidNotStart
from local.session import LocalSession, emulator_port, speech_port
from operations.rendering import transcript_view

_CONNECT_PREFIX = "connect/demo-clinic"  # the clinic's, see stacks/clinics
_SAMPLES = ROOT / "local" / "samples"
_TIMEOUT_SECONDS = 300
_BETWEEN_CALLS = timedelta(minutes=7)


class Timings:
    """When each call took each step, in seconds from its upload."""

    def __init__(self, calls: dict[str, Call]) -> None:
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
        table = Table("call", *STEPS, box=None, padding=(0, 2), header_style="bold")
        for call_id, name in self._names.items():
            cells = (self._seconds[call_id].get(step) for step in STEPS)
            table.add_row(name, *("·" if seconds is None else f"{seconds:.1f} s" for seconds in cells))
        return table


def main() -> int:
    """Run the demo; returns the exit status."""
    console = Console(highlight=False)
    started = time.monotonic()
    try:
        with _session(console) as session:
            console.print(f"  ready after {time.monotonic() - started:.1f} s\n")
            calls = _upload(session)
            timings = Timings(calls)
            _follow(console, session, list(calls.values()), timings)
            for call in calls.values():
                console.print()
                console.print(_report(transcript_item(session.environment, call), timings.of(call)))
    except (ServerDidNotStart, CdkFailed, CallFailed, TooSlow) as error:
        Console(stderr=True, highlight=False).print(Text(f"The demo stopped: {error}", style="red"))
        return 1
    except KeyboardInterrupt:
        Console(stderr=True).print("Stopped.")
        return 130
    console.print(_next_steps(time.monotonic() - started))
    return 0


@contextlib.contextmanager
def _session(console: Console) -> Iterator[LocalSession]:
    console.print(Text("CallScribe: an AWS account on this machine, and three telephone calls", style="bold"))
    session = LocalSession(
        emulator_port=emulator_port(),
        speech_port=speech_port(),
        report=lambda text: console.print(f"  {text} …"),
    )
    with session:
        console.print("  set Deepgram's key in its secret, as an operator does")
        yield session


def _upload(session: LocalSession) -> dict[str, Call]:
    """Put the sample calls where Amazon Connect would; returns the calls by name."""
    calls: dict[str, Call] = {}
    started_at = datetime.now(UTC) - timedelta(hours=1)
    for number, recording in enumerate(sorted(_SAMPLES.glob("*.wav"))):
        contact_id = str(uuid.uuid4())
        key = connect_key(_CONNECT_PREFIX, contact_id, started_at + number * _BETWEEN_CALLS)
        put_recording(session.environment, recording, key)
        calls[recording.stem] = Call(call_id=contact_id, key=key)
    return calls


def _follow(console: Console, session: LocalSession, calls: list[Call], timings: Timings) -> None:
    steps = watch(session.environment, calls, timeout_seconds=_TIMEOUT_SECONDS)
    if not console.is_terminal:
        for call, step in steps:
            console.print(timings.note(call, step))
        return
    spinner = Spinner("dots", "recognising speech takes about a third of the calls' length on one core")
    with Live(console=console, refresh_per_second=8) as live:
        for call, step in steps:
            timings.note(call, step)
            live.update(Group(timings.table(), spinner))
        live.update(timings.table())


def _report(item: dict[str, Any], seconds: dict[str, float]) -> RenderableType:
    cost = item["cost"]
    lines = ", ".join(f"{line['item']} ${line['amount_usd']:.4f}" for line in cost["lines"])
    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in (
        ("Timing", ", ".join(f"{step} {seconds[step]:.1f} s" for step in STEPS[1:]) + " after the upload"),
        ("Bill", f"{lines} ({cost['billed_seconds']} s on {cost['channels']} channels, {cost['plan']})"),
        ("Item", f"{item['PK']}  {item['SK']}"),
        ("Document", f"s3://{item['archive_bucket']}/{item['transcript_key']}"),
    ):
        facts.add_row(Text(name, style="bold"), Text(value))
    return Group(transcript_view(item), facts)


def _next_steps(seconds: float) -> RenderableType:
    return Group(
        Text(),
        Text(f"Three calls, from nothing to here in {seconds:.0f} s.", style="bold"),
        Text("The words are pocketsphinx's, which knows telephone speech far less well than Deepgram does."),
        Text("Next: `make local` keeps the environment running for recordings of your own."),
    )


if __name__ == "__main__":
    sys.exit(main())
