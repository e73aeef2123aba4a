"""Put what was stored before the table had its list into it: ``callscribe backfill --environment Dev``.

Transcripts are then listed by the begin of their calls, and the claims on recordings that failed by the time they did.
The whole table is read, and billed, once. It may run while calls come in, and may be repeated.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr

from callscribe.contract.call_kind import CallKind
from callscribe.contract.outputs import DeploymentOutput
from callscribe.contract.table_keys import failed_listing, transcript_listing

from . import environment
from .call_store import FAILED_STATUSES, items_of
from .exit_status import ExitStatus
from .terminal import add_json_argument, complain, output, print_json, reports_errors

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


@dataclass(frozen=True, kw_only=True)
class Backfilled:
    """What was done.

    Attributes:
        listed: Items that are in the list now.
        unreadable: Items that lack what the list needs.
    """

    listed: int
    unreadable: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    environment.add_arguments(parser, DeploymentOutput.TABLE)
    parser.add_argument("--dry-run", action="store_true", help="only count")
    add_json_argument(parser)


@reports_errors
def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    done = backfill(environment.connect(arguments).table(), dry_run=arguments.dry_run)
    if arguments.json:
        print_json({"dry_run": arguments.dry_run, **asdict(done)})
    else:
        output().print(f"{done.listed} items {'would be' if arguments.dry_run else 'were'} added to the list.")
    if done.unreadable:
        complain(f"{done.unreadable} items lack a clinic, a call or a time and cannot be listed.")
    return ExitStatus.INCOMPLETE if done.unreadable else ExitStatus.DONE


def backfill(table: Table, *, dry_run: bool) -> Backfilled:
    """List the transcripts and failed claims of *table* that are not.

    Raises:
        ClientError: The table cannot be read or written.
    """
    wanted = Attr("GSI2PK").not_exists() & (
        Attr("type").eq("transcript") | (Attr("type").eq("claim") & Attr("status").is_in([*FAILED_STATUSES]))
    )
    listed = unreadable = 0
    for item in items_of(lambda **start: table.scan(FilterExpression=wanted, **start)):
        try:
            listing, unchanged = _listing(item)
        except (KeyError, ValueError):
            unreadable += 1
            continue
        if dry_run or _list(table, item, listing, unchanged):
            listed += 1
    return Backfilled(listed=listed, unreadable=unreadable)


def _listing(item: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """Attributes that list an item, and the attribute that must not have changed meanwhile."""
    if item["type"] == "claim":
        return failed_listing(item["recording_id"], datetime.fromisoformat(item["updated_at"])), "updated_at"
    started_at = datetime.fromisoformat(item["started_at"])
    return transcript_listing(item["clinic_id"], started_at, item["call_id"], CallKind(item["kind"])), "started_at"


def _list(table: Table, item: Mapping[str, Any], listing: Mapping[str, str], unchanged: str) -> bool:
    try:
        table.update_item(
            Key={"PK": item["PK"], "SK": item["SK"]},
            UpdateExpression="SET GSI2PK = :pk, GSI2SK = :sk",
            ConditionExpression="#unchanged = :value AND attribute_not_exists(GSI2PK)",
            ExpressionAttributeNames={"#unchanged": unchanged},
            ExpressionAttributeValues={
                ":pk": listing["GSI2PK"],
                ":sk": listing["GSI2SK"],
                ":value": item[unchanged],
            },
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return False  # whoever changed it has listed it
    return True
