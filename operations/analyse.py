"""Have stored calls read by the analyst: ``callscribe analyse --environment Dev --clinic ID [--day …]``.

Each call's transcript is read where it is; Deepgram is not asked. A call that the same model was asked about in the
same way is not paid for again, unless ``--again`` says so; a new model or a new prompt is another question.
``--call ID`` takes one call, its automated part included.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from callscribe.contract.events import TranscriptPlace
from callscribe.contract.messages import AnalyseAnswer, AnalyseMessage
from callscribe.contract.outputs import DeploymentOutput

from . import environment, selection
from .call_store import CallStore
from .environment import Environment
from .functions import InvocationFailed, invoke
from .terminal import add_json_argument, output, print_json, reports_errors

# The function may take three times four minutes and one more (constructs_lib, `BedrockAnalyst`).
_LONGEST_SECONDS = 800.0
# Leaves the model's quota to the calls that come in.
_AT_ONCE = 2
_DONE = ("succeeded", "skipped")
_MOST_CALLS = 10_000


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one call.

    Args:
        call_id: The call.
        status: ``succeeded``, ``skipped`` or ``failed``.
        reason: Why there is no analysis.
    """

    call_id: str
    status: str
    reason: str = ""


class Analyse:
    """Has calls of one environment read by its analyst.

    Args:
        target: The environment.
        again: Whether what was asked already is asked again.

    Raises:
        UnusableEnvironment: The environment has no analyst.
    """

    def __init__(self, target: Environment, *, again: bool) -> None:
        self._functions = target.client("lambda", read_timeout_seconds=_LONGEST_SECONDS)
        self._function = target.output("AnalyseFunctionName")
        self._again = again

    def run(self, items: Iterable[dict[str, Any]]) -> Iterator[Result]:
        """Have the transcripts of some items read, a few at once, in their order."""
        with ThreadPoolExecutor(_AT_ONCE) as workers:
            yield from workers.map(self._analyse, items)

    def _analyse(self, item: dict[str, Any]) -> Result:
        call_id = str(item["call_id"])
        message = AnalyseMessage(
            call_id=call_id,
            recording_id=item.get("recording_id"),
            transcript=TranscriptPlace(
                pk=item["PK"], sk=item["SK"], bucket=item["archive_bucket"], key=item["transcript_key"]
            ),
            again=self._again,
        )
        try:
            analysis = invoke(self._functions, self._function, message, AnalyseAnswer).analysis
        except InvocationFailed as failed:
            return Result(call_id=call_id, status="failed", reason=str(failed))
        return Result(call_id=call_id, status=analysis.status, reason=analysis.reason or "")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    environment.add_arguments(parser, DeploymentOutput.TABLE, DeploymentOutput.ANALYSE_FUNCTION)
    selection.add_arguments(parser, of_clinic="the calls of a clinic", of_call="one call")
    parser.add_argument("--again", action="store_true", help="ask, and pay, although the same was asked before")
    add_json_argument(parser)


@reports_errors
def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    selection.check(arguments)
    target = environment.connect(arguments)
    results = Analyse(target, again=arguments.again).run(_items(target, arguments))
    counts = _print_json(results) if arguments.json else _show(output(), results)
    return selection.ended(arguments, counts, what="transcript", done=_DONE)


def _items(target: Environment, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Find the transcripts; each item whole, because lists have figures only."""
    table = target.table()
    store = CallStore(table=table, s3=target.s3())
    if arguments.call:
        found = [item for item in store.of_call(arguments.call) if item["type"] == "transcript"]
    else:
        found = store.of_clinic(arguments.clinic, day=arguments.day, limit=_MOST_CALLS)
    items = (table.get_item(Key={"PK": item["PK"], "SK": item["SK"]}).get("Item") for item in found)
    return [item for item in items if item is not None]


def _print_json(results: Iterator[Result]) -> Counter[str]:
    calls = list(results)
    print_json({"calls": [asdict(result) for result in calls]})
    return Counter(result.status for result in calls)


def _show(console: Console, results: Iterator[Result]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for result in results:
        counts[result.status] += 1
        if result.reason:
            console.print(Text(f"{result.call_id}: {result.status}, {result.reason}"), soft_wrap=True)
    left = counts.total() - sum(counts[status] for status in _DONE)
    console.print(
        f"{counts.total()} calls: {counts['succeeded']} analysed, {counts['skipped']} not to be judged, {left} failed."
    )
    return +counts
