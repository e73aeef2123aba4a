"""Whose calls they are: what is disputed, and whether the settings name what the Amazon Connect instance has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from callscribe.contract.table_keys import CALL_INDEX, disputed_clinics_partition
from callscribe.recordings.clinics import ClinicRules, queue_id
from callscribe.serialization import decode_json

from .findings import Examined, Finding, ok, skipped, warning

_GUIDE: Final = "see docs/how-to/add-a-clinic.md, “Whose call it is”"


def check_disputes(examined: Examined) -> Iterator[Finding]:
    """Count the calls that something claimed for another clinic than theirs, yesterday and today."""
    today = datetime.now(UTC).date()
    for name, day in (("yesterday", today - timedelta(days=1)), ("today", today)):
        count = _disputed(examined, day.isoformat())
        if count:
            yield warning(
                f"{count} calls were claimed for another clinic {name}: their words stay with the first",
                f"{examined.target.command('calls', '--disputed', '--day', day.isoformat())}; {_GUIDE}",
            )
        else:
            yield ok(f"no call was claimed for another clinic {name}")


def check_settings(examined: Examined) -> Iterator[Finding]:
    """See whether the queues and numbers that the settings name are in the instance."""
    if not examined.live or examined.instance_arn is None:
        yield skipped("no Amazon Connect instance was named, or running calls are not transcribed")
        return
    rules = _rules(examined)
    connect = examined.client("connect")
    yield from _compared(
        "queues",
        {queue_id(queue) for queue in rules.clinic_by_queue},
        lambda: (
            queue["Id"]
            for page in connect.get_paginator("list_queues").paginate(
                InstanceId=examined.instance_arn, QueueTypes=["STANDARD"]
            )
            for queue in page["QueueSummaryList"]
        ),
    )
    yield from _compared(
        "dialled numbers",
        {*rules.clinic_by_dialled_number},
        lambda: (
            number["PhoneNumber"]
            for page in connect.get_paginator("list_phone_numbers_v2").paginate(TargetArn=examined.instance_arn)
            for number in page["ListPhoneNumbersSummaryList"]
        ),
    )


def _disputed(examined: Examined, day: str) -> int:
    pages = examined.client("dynamodb").get_paginator("query")
    return sum(
        page["Count"]
        for page in pages.paginate(
            TableName=examined.target.output("TableName"),
            IndexName=CALL_INDEX,
            Select="COUNT",
            KeyConditionExpression="GSI1PK = :day",
            ExpressionAttributeValues={":day": {"S": disputed_clinics_partition(day)}},
        )
    )


def _rules(examined: Examined) -> ClinicRules:
    name = examined.target.output("StartLiveCallFunctionName")
    configuration: dict[str, Any] = examined.client("lambda").get_function_configuration(FunctionName=name)
    return decode_json(ClinicRules, configuration["Environment"]["Variables"]["CLINICS"], "CLINICS")


def _compared(what: str, named: set[str], listed: Callable[[], Iterable[str]]) -> Iterator[Finding]:
    """Hold what the settings name against what there is. Only counts are told: numbers do not belong in a report."""
    if not named:
        yield ok(f"no clinic is named by {what}")
        return
    found = set(listed())
    if missing := len(named - found):
        yield warning(
            f"{missing} of {len(named)} {what} in the settings are not in the instance",
            f"no call finds its clinic by them: compare the settings with the instance; {_GUIDE}",
        )
    else:
        yield ok(f"all {len(named)} {what} in the settings are in the instance")
    if unnamed := len(found - named):
        yield ok(f"{unnamed} {what} of the instance name no clinic: flow or default name it")
