"""Erase a call: ``callscribe erase --environment Dev --call ID``.

Everything of it goes: recordings, transcripts, replies, and its items, each in every version. It says what it is
about to erase and asks; ``--yes`` does not ask.

Recordings go first, because one that is deleted cannot be announced again meanwhile, and claims last, because without
them the same recording put again is transcribed, and paid for, again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key

from callscribe.contract.object_keys import REPLIES, TRANSCRIPTS, clinic_transcripts
from callscribe.contract.outputs import DeploymentOutput
from callscribe.contract.table_keys import (
    CLINICS,
    FAILED_PARTITION,
    LISTING_INDEX,
    ItemKey,
    call_partition,
    failed_admission_key,
    transcript_range,
)
from callscribe.recordings.keys import NotACall, UnknownExtension, UnknownLayout, parse_key

from . import environment
from .call_store import FAILED_ADMISSION, CallStore, items_of
from .environment import Environment
from .exit_status import ExitStatus
from .functions import InvocationFailed
from .index import Index
from .terminal import add_json_argument, complain, output, print_json, reports_errors

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3.client import S3Client


@dataclass(frozen=True, kw_only=True)
class CallTraces:
    """What there is of a call.

    Attributes:
        objects: Bucket, key and version id of recordings, transcripts and replies.
        items: The table's items, in the order in which they can go.
    """

    objects: Sequence[tuple[str, str, str]]
    items: Sequence[ItemKey]

    def __bool__(self) -> bool:
        return bool(self.objects or self.items)


def find_traces(target: Environment, call_id: str, *, clinic_id: str | None = None) -> CallTraces:
    """Find everything of a call. An index is a moment behind its table: look again until nothing is found.

    Args:
        target: The environment.
        call_id: The call.
        clinic_id: Look for transcripts of this clinic only. Default: in the whole archive, which takes a while in a
            large one, because a call may have been filed under another clinic before.
    """
    table, s3, archive = target.table(), target.s3(), target.output("ArchiveBucketName")
    of_call = partial(table.query, KeyConditionExpression=Key("PK").eq(call_partition(call_id)))
    items = [*CallStore(table=table, s3=s3).of_call(call_id), *items_of(of_call)]
    claims = [item for item in items if item.get("type") == "claim"]
    recordings = {(claim["bucket"], claim["s3_key"]) for claim in claims}
    prefix = TRANSCRIPTS if clinic_id is None else clinic_transcripts(clinic_id)
    objects = [
        *(found for bucket, key in sorted(recordings) for found in _versions(s3, bucket, key, key.__eq__)),
        *_versions(s3, archive, prefix, lambda key: f"/{call_id}/" in key or f"/{call_id}.ivr/" in key),
        *(
            found
            for claim in claims
            for found in _versions(s3, archive, f"{REPLIES}{claim['recording_id']}", lambda _: True)
        ),
    ]
    primary = [ItemKey(item["PK"], item["SK"]) for item in sorted(items, key=claims.__contains__)]
    return CallTraces(objects=objects, items=[*_failed_admissions(table, claims, call_id), *primary])


def erase(target: Environment, traces: CallTraces) -> None:
    """Delete what was found, in that order, and have its words leave what is searched.

    Raises:
        ClientError: Something could not be deleted; what stands before it is gone.
        InvocationFailed: Everything was deleted, but the words may be searched still, for seconds or until
            ``callscribe index`` is run.
    """
    s3, table = target.s3(), target.table()
    for bucket, key, version in traces.objects:
        s3.delete_object(Bucket=bucket, Key=key, VersionId=version)
    for item in traces.items:
        table.delete_item(Key=item.primary())
    if DeploymentOutput.SEARCH_FUNCTION not in target.outputs:
        return
    # The function follows deletions by itself, moments later: who erases is to know that it is done.
    index, gone = Index(target), [item for item in traces.items if item.sk.startswith(transcript_range())]
    for item in gone:
        index.update(item.pk.removeprefix(CLINICS), (item.sk,))


def _versions(s3: S3Client, bucket: str, prefix: str, wanted: Callable[[str], bool]) -> Iterator[tuple[str, str, str]]:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        versions: list[Any] = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        for version in versions:
            if wanted(version["Key"]):
                yield bucket, version["Key"], version["VersionId"]


def _failed_admissions(table: Table, claims: Sequence[dict[str, Any]], call_id: str) -> Iterator[ItemKey]:
    """What is noted of admissions of the call that failed, whether they came to a claim later or not."""
    contents = {(claim["bucket"], claim["s3_key"], claim.get("version_id", claim.get("etag"))) for claim in claims}
    for bucket, key, content in sorted(contents, key=str):
        noted = failed_admission_key(bucket, key, str(content))
        if "Item" in table.get_item(Key=noted.primary(), ProjectionExpression="PK"):
            yield noted
    failed = partial(table.query, IndexName=LISTING_INDEX, KeyConditionExpression=Key("GSI2PK").eq(FAILED_PARTITION))
    for item in items_of(failed):
        if item["type"] == FAILED_ADMISSION and _is_of(item.get("s3_key", ""), call_id):
            yield ItemKey(item["PK"], item["SK"])


def _is_of(key: str, call_id: str) -> bool:
    try:
        return parse_key(key).call_id == call_id
    except UnknownExtension as unknown:
        return unknown.key.call_id == call_id
    except (NotACall, UnknownLayout):
        return False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    environment.add_arguments(parser, DeploymentOutput.TABLE, DeploymentOutput.ARCHIVE)
    parser.add_argument("--call", required=True, metavar="ID", help="the call")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_json_argument(parser)


@reports_errors
def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.json and not arguments.yes:
        raise argparse.ArgumentError(None, "--json asks no question: --yes must answer it")
    target, console = environment.connect(arguments), output()
    traces = find_traces(target, arguments.call)
    if not traces:
        complain("there is nothing of such a call")
        return ExitStatus.NOT_FOUND
    what = f"{len(traces.objects)} versions of objects and {len(traces.items)} items of call {arguments.call}"
    if not arguments.yes and console.input(f"Erase {what} for good? [yes/no] ", markup=False) != "yes":
        console.print("Nothing was erased.")
        return ExitStatus.INCOMPLETE
    try:
        erase(target, traces)
    except InvocationFailed as failed:
        complain(f"All of it was erased, but its words may be searched still: {failed}. Run callscribe index.")
        return ExitStatus.INCOMPLETE
    if arguments.json:
        print_json({"call_id": arguments.call, "objects": len(traces.objects), "items": len(traces.items)})
    else:
        console.print(f"Erased: {what}.")
    return ExitStatus.DONE
