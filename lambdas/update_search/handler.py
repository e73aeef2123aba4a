"""Update: bring what is searched to what the table has."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aws_lambda_powertools.metrics import MetricUnit

from callscribe.contract.messages import IndexAnswer, IndexMessage, IndexRequest
from callscribe.contract.metrics import FunctionMetric
from callscribe.contract.table_keys import CLINICS
from callscribe.environments.functions import UpdateSearchEnvironment
from callscribe.search.shards import CallKey
from callscribe.serialization import decode, encode
from lambdas.common import aws
from lambdas.common.archive import Archive
from lambdas.common.observability import entry_point, logger, metrics
from lambdas.update_search.shards import Shards, Updated

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Some seconds of reading documents.
_MOST_CALLS: Final = 500


class _Text(msgspec.Struct, frozen=True):
    S: str


class _Keys(msgspec.Struct, frozen=True):
    PK: _Text
    SK: _Text


class _Change(msgspec.Struct, frozen=True, rename={"keys": "Keys"}):
    keys: _Keys


class _Record(msgspec.Struct, frozen=True):
    dynamodb: _Change


class StreamEvent(msgspec.Struct, frozen=True, rename={"records": "Records"}):
    """What a stream of DynamoDB sends, as far as it is read."""

    records: tuple[_Record, ...]


@cache
def _shards() -> Shards:
    environment = UpdateSearchEnvironment.from_variables(os.environ)
    shards = Shards(
        table=aws.table(environment.table_name),
        archive=Archive(s3=aws.s3(), bucket=environment.archive_bucket),
        shards=Archive(s3=aws.s3(), bucket=environment.search_bucket),
        s3=aws.s3(),
    )
    shards.begin(now=datetime.now(UTC))
    return shards


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Look at some calls anew.

    Args:
        event: Changes of the table by its stream, which sends them again until they are done; or from an operator an
            `IndexMessage`.
        context: Lambda's context.

    Returns:
        An `IndexAnswer`.
    """
    if "Records" in event:
        done, after = _follow(decode(StreamEvent, event, "the event")), None
    else:
        message = decode(IndexMessage, event, "the message")
        done, after = (Updated(), None) if message.index is None else _look_at(message.index)
        if message.whole:
            _shards().complete(now=datetime.now(UTC))
    metrics.add_metric(name=FunctionMetric.CALLS_INDEXED, unit=MetricUnit.Count, value=done.calls)
    metrics.add_metric(name=FunctionMetric.CALLS_WITHOUT_WORDS, unit=MetricUnit.Count, value=done.without_words)
    logger.info("updated", calls=done.calls, without_words=done.without_words)
    answer: dict[str, Any] = encode(IndexAnswer(calls=done.calls, without_words=done.without_words, after=after))
    return answer


def _follow(event: StreamEvent) -> Updated:
    changed: dict[str, set[CallKey]] = {}
    for record in event.records:
        keys = record.dynamodb.keys
        key = CallKey.of_sort_key(keys.SK.S)
        if key is not None and keys.PK.S.startswith(CLINICS):
            changed.setdefault(keys.PK.S.removeprefix(CLINICS), set()).add(key)
    return sum((_shards().update(clinic, sorted(changed[clinic])) for clinic in sorted(changed)), Updated())


def _look_at(request: IndexRequest) -> tuple[Updated, str | None]:
    if request.month is not None:
        return _shards().update_month(request.clinic_id, request.month, after=request.after, most=_MOST_CALLS)
    keys = [key for key in map(CallKey.of_sort_key, request.sort_keys) if key is not None]
    return _shards().update(request.clinic_id, keys), None
