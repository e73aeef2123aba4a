"""What one four-minute call does in AWS, counted on the emulator."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from benchmarks.assembly import PRODUCT_STAGE, Assembly
from benchmarks.cost import LAMBDA_SECONDS, CallUsage, happy_path, item_size, write_units
from benchmarks.rig import Rig, wait_for
from local.access.signatures import signed

_CALL = "four-minutes"
_TIMEOUT_SECONDS = 60
# CloudTrail shows so many at once, and the emulator has no further pages.
_MOST_EVENTS = 50


def one_call(rig: Rig, assembly: Assembly) -> CallUsage:
    """Run one call of four minutes and count."""
    logged_before = _log_bytes(rig)
    rig.forget_requests()
    _record_requests(rig, on=True)
    event = rig.put(_CALL, rig.four_minutes)
    wait_for(lambda: bool(rig.requests()), _TIMEOUT_SECONDS, "the four-minute call")
    rig.wait_until_idle(poll_seconds=1)  # seldom: these requests are recorded, too
    _record_requests(rig, on=False)
    requests = list(_requests(rig))
    items = _items(rig)
    sizes = {kind: item_size(item) for kind, item in items.items()}
    return CallUsage(
        path=happy_path(assembly.state_machine(PRODUCT_STAGE)),
        memory_mib={
            function.name: function.memory_mib
            for function in assembly.functions(PRODUCT_STAGE)
            if function.name in LAMBDA_SECONDS
        },
        requests=Counter(f"{service}:{action}" for service, action, _ in requests),
        write_units=sum(_write_units(action, body, sizes) for _, action, body in requests),
        claim_bytes=sizes["claim"],
        transcript_bytes=sizes["transcript"],
        archive_bytes=_archive_bytes(rig),
        recording_bytes=event["detail"]["object"]["size"],
        log_bytes=_log_bytes(rig) - logged_before,
        deepgram_usd=Decimal(items["transcript"]["cost"]["M"]["total_usd"]["N"]),
    )


def _record_requests(rig: Rig, *, on: bool) -> None:
    """Have the emulator's CloudTrail keep every request, or stop it."""
    body = json.dumps({"cloudtrail._recording_enabled": str(on).lower()}).encode()
    url = f"{rig.session.emulator.url}/_ministack/config"
    request = signed("POST", url, body, rig.session.access_key.credentials)
    with urllib.request.urlopen(request, timeout=10):
        pass


def _requests(rig: Rig) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield service, action and parameters of every request that a function sent, and of Deepgram's for the audio."""
    events = rig.client("cloudtrail").lookup_events()["Events"]
    if len(events) == _MOST_EVENTS:
        raise RuntimeError("the emulator's CloudTrail shows only the newest requests: the count would be too low")
    for event in events:
        # Requests of this benchmark itself have the session's own key; functions have credentials of their own.
        if event["Username"] != rig.session.access_key.access_key_id:
            record = json.loads(event["CloudTrailEvent"])
            yield event["EventSource"].split(".")[0], event["EventName"], record["requestParameters"] or {}


def _write_units(action: str, body: Mapping[str, Any], sizes: Mapping[str, int]) -> int:
    match action:
        case "PutItem":
            return write_units(sizes[_kind(body["Item"])])
        case "UpdateItem":
            return write_units(sizes[_kind(body["Key"])])
        case "TransactWriteItems":
            writes = [write for item in body["TransactItems"] for write in item.values()]
            return sum(
                write_units(sizes[_kind(write.get("Item") or write["Key"])], transactional=True) for write in writes
            )
        case _:
            return 0


def _kind(key: Mapping[str, Any]) -> str:
    return "claim" if key["SK"]["S"] == "CLAIM" else "transcript"


def _items(rig: Rig) -> dict[str, Mapping[str, Any]]:
    """The call's two items in DynamoDB's JSON."""
    found = rig.client("dynamodb").query(
        TableName=rig.session.environment.output("TableName"),
        IndexName="GSI1",
        KeyConditionExpression="GSI1PK = :call",
        ExpressionAttributeValues={":call": {"S": f"CALL#{_CALL}"}},
    )
    return {_kind(item): item for item in found["Items"]}


def _archive_bytes(rig: Rig) -> int:
    """Size of the largest reply and the largest transcript in the archive: those of the four-minute call."""
    bucket = rig.session.environment.output("ArchiveBucketName")
    client = rig.client("s3")
    return sum(
        max(stored["Size"] for stored in client.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"])
        for prefix in ("replies/", "transcripts/")
    )


def _log_bytes(rig: Rig) -> int:
    logs = rig.client("logs")
    pages = logs.get_paginator("describe_log_groups").paginate()
    groups = [group["logGroupName"] for page in pages for group in page["logGroups"]]
    return sum(
        len(event["message"].encode())
        for group in groups
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        for event in page["events"]
    )
