"""Look calls up: ``callscribe calls --environment Dev --clinic ID [--day yyyy-mm-dd]``.

``--call ID`` prints what is known about one call, live and recorded, with its transcript; ``--clinic ID --live`` lists
the calls of a day that were, or are, transcribed while they run; ``--failed`` lists the recordings that failed or were
rejected, and counts the live calls that failed, which ``callscribe redrive --live --dry-run`` lists; ``--disputed``
lists the calls of a day that something claimed for another clinic. What is printed are the words of callers: it is for
the terminal of somebody who may read them.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console

from callscribe.contract.outputs import DeploymentOutput
from callscribe.table_values import plain
from callscribe.transcript import LIVE

from . import environment
from .call_store import CallStore
from .exit_status import ExitStatus
from .live_calls import LiveCallStore
from .rendering import calls_table, claims_table, clinics_table, live_calls_table, notes_table, transcript_view
from .role_names import role_names
from .terminal import add_json_argument, complain, output, print_json, reports_errors
from .time_zones import TimeZones, time_zones
from .time_zones import add_argument as add_time_zone

_DEFAULT_MAX = 50
_UNLISTED = (
    "Not all calls of this clinic are in the list: some were stored before the table had one. Add them once: {command}"
)
_LARGEST_MAX = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    environment.add_arguments(parser, DeploymentOutput.TABLE, DeploymentOutput.ARCHIVE)
    add_time_zone(parser)
    wanted = parser.add_mutually_exclusive_group()
    wanted.add_argument(
        "--clinic", metavar="ID", help="the calls of a clinic, newest first; default: the deployment's own"
    )
    wanted.add_argument("--call", metavar="ID", help="all about one call, with its transcript")
    wanted.add_argument("--failed", action="store_true", help="recordings that failed or were rejected, latest first")
    wanted.add_argument(
        "--disputed",
        action="store_true",
        help="calls that something claimed for another clinic than theirs, today unless --day says otherwise",
    )
    parser.add_argument(
        "--day", type=environment.day, metavar="yyyy-mm-dd", help="with --clinic or --disputed: only this day (UTC)"
    )
    parser.add_argument(
        "--live",
        action="store_true",
        help="with --clinic: the calls transcribed while they run, today's unless --day says otherwise",
    )
    parser.add_argument(
        "--max",
        type=environment.count_up_to(_LARGEST_MAX),
        default=_DEFAULT_MAX,
        metavar="N",
        help="most calls to list (default: %(default)s)",
    )
    add_json_argument(parser)


@reports_errors
def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.day and (arguments.call or arguments.failed):
        raise argparse.ArgumentError(None, "--day goes with --clinic or --disputed")
    if arguments.live and (arguments.call or arguments.failed or arguments.disputed):
        raise argparse.ArgumentError(None, "--live goes with --clinic")
    target = environment.connect(arguments)
    if not (arguments.clinic or arguments.call or arguments.failed or arguments.disputed):
        arguments.clinic = target.default_clinic()
    table = target.table()
    store = CallStore(table=table, s3=target.s3())
    items = _find(store, LiveCallStore(table), arguments)
    if arguments.clinic and not arguments.live and store.unlisted(arguments.clinic):
        complain(_UNLISTED.format(command=target.command("backfill")))
    if arguments.failed and (note := _failed_live_calls(target)):
        complain(note)
    if arguments.json:
        print_json({"items": plain(items)})
    elif items or not arguments.call:
        _show(output(), items, arguments, time_zones(target, arguments.time_zone), role_names(target))
    if arguments.call and not items:
        complain("there is no such call")
        return ExitStatus.NOT_FOUND
    if arguments.clinic and not items and not store.knows(arguments.clinic):
        complain(f"no call of clinic {arguments.clinic} is stored: is that its id?")
        return ExitStatus.NOT_FOUND
    return ExitStatus.DONE


def _failed_live_calls(target: environment.Environment) -> str | None:
    """How many live calls failed, which no list has, and how to see them; None where there are none."""
    if DeploymentOutput.FAILED_LIVE_CALLS_QUEUE not in target.outputs:
        return None
    see = target.command("redrive", "--live", "--dry-run")
    try:
        queue = target.sqs().get_queue_attributes(
            QueueUrl=target.output(DeploymentOutput.FAILED_LIVE_CALLS_QUEUE),
            AttributeNames=["ApproximateNumberOfMessages"],
        )
    except ClientError as error:
        return f"Failed live calls could not be counted ({error.response['Error']['Code']}). To see them: {see}"
    count = int(queue["Attributes"]["ApproximateNumberOfMessages"])
    return f"Besides, about {count} live calls failed. To see them: {see}" if count else None


def _find(store: CallStore, live: LiveCallStore, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    day = arguments.day or datetime.now(UTC).date().isoformat()
    if arguments.live:
        return list(islice(live.of_day(arguments.clinic, day), arguments.max))
    if arguments.clinic:
        return store.with_flags(store.of_clinic(arguments.clinic, day=arguments.day, limit=arguments.max))
    if arguments.call:
        live_call, clinic = live.call(arguments.call), store.clinic_of(arguments.call)
        return [
            *(_with_live_score(store, store.whole(item), live_call) for item in store.of_call(arguments.call)),
            *(item for item in (live_call, clinic) if item is not None),
        ]
    if arguments.disputed:
        return store.disputed(day, limit=arguments.max)
    return store.failed(limit=arguments.max)


def _with_live_score(store: CallStore, item: dict[str, Any], live_call: dict[str, Any] | None) -> dict[str, Any]:
    """*item* with the score of the live transcript whose place it has taken, as `live_quality`, where that is known."""
    if live_call is None or item.get("live") is None or item["source"] == LIVE or not item.get("quality"):
        return item
    live_score = store.live_score(item, live_call)
    return item if live_score is None else item | {"live_quality": live_score}


def _show(
    console: Console,
    items: list[dict[str, Any]],
    arguments: argparse.Namespace,
    zones: TimeZones,
    names: Mapping[str, str],
) -> None:
    if not items:
        console.print("Nothing found.")
    elif arguments.live:
        console.print(live_calls_table(items, zones=zones))
    elif arguments.clinic:
        console.print(calls_table(items, zones=zones))
    elif arguments.failed:
        console.print(claims_table(items))
    elif arguments.disputed:
        console.print(clinics_table(items))
    else:
        _show_call(console, items, zones, names)
    if not arguments.call and len(items) == arguments.max:
        console.print(f"The first {arguments.max}; ask for more with --max.")


def _show_call(console: Console, items: list[dict[str, Any]], zones: TimeZones, names: Mapping[str, str]) -> None:
    by_type: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        by_type.setdefault(item["type"], []).append(item)
    for transcript in by_type.get("transcript", []):
        console.print(transcript_view(transcript, zones=zones, names=names))
    kinds = (
        ("clinic-decision", clinics_table),
        ("live-call", partial(live_calls_table, zones=zones)),
        ("claim", claims_table),
    )
    for kind, table in kinds:
        if kind in by_type:
            console.print(table(by_type[kind]))
    if notes := [*by_type.get("correction", ()), *by_type.get("review", ())]:
        console.print(notes_table(notes, zones=zones, names=names))
    if contents := by_type.get("content"):
        console.print(f"Contents of recordings that are noted, to tell copies from new ones: {len(contents)}")
