"""Whose call it is, decided once for each contact and kept in the table.

The decision is an item of its own, so that one conditional write settles it, whoever comes first: the contact flow, the
recording of the automated part, or that of the agent's. Calls from before there were such items are decided by what
they left behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit
from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from callscribe.contract.metrics import FunctionMetric
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.contract.table_keys import (
    CALL_INDEX,
    CLINIC_EVIDENCE,
    EXPIRY,
    call_partition,
    clinic_key,
    live_call_key,
)
from callscribe.recordings.clinics import (
    ClinicDecision,
    ClinicEvidence,
    ClinicSource,
    contradictions,
    decide,
    known_source,
)
from lambdas.common.claims import ClaimStatus
from lambdas.common.errors import TransientError, error_code
from lambdas.common.observability import logger, metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime, timedelta

    from mypy_boto3_dynamodb.service_resource import Table

# So many different statements about one call are noted. More would tell nobody more.
_MOST_CONFLICTS = 20
# A lost conditional write means that the decision is there, unless it expired in that moment.
_MAX_ROUNDS = 3

# IAM allows the functions that decide no other attributes (`constructs_lib._clinics`).
_READ = ("SK", *CLINIC_EVIDENCE)
_EVIDENCE: dict[str, Any] = {
    "ProjectionExpression": ", ".join(f"#{name}" for name in _READ),
    "ExpressionAttributeNames": {f"#{name}": name for name in _READ},
    "Select": "SPECIFIC_ATTRIBUTES",
}
# Claims of recordings that have words, or will have: with any other nothing stands under its clinic.
_BINDING_CLAIMS = frozenset(
    {ClaimStatus.CLAIMED, ClaimStatus.TRANSCRIBED, ClaimStatus.STORED, ClaimStatus.COMPLETED, ClaimStatus.SUPERSEDED}
)


@dataclass(frozen=True, kw_only=True)
class KnownClinic:
    """What the table holds about whose call it is.

    Attributes:
        decision: The decision; `None` before there is one.
        earlier: What a call without a decision has left behind.
    """

    decision: ClinicDecision | None
    earlier: tuple[ClinicEvidence, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether no further evidence can change whose call it is."""
        return self.decision is not None or bool(self.earlier)

    def with_evidence(self, evidence: Iterable[ClinicEvidence]) -> ClinicDecision | None:
        """Return the decision, or what it would be by this evidence; `None` if nothing names a clinic."""
        return self.decision or decide((*self.earlier, *evidence))


class Clinics:
    """The clinics of the calls in one table.

    Args:
        table: The table of transcripts and live calls.
        retention: How long a decision is remembered; `None` keeps it for ever. After it the call's own items, as long
            as there are any, go on telling.
    """

    def __init__(self, *, table: Table, retention: timedelta | None) -> None:
        self._table = table
        self._retention = retention

    def known(self, call_id: str) -> KnownClinic:
        """Return what is known of a contact's call (strongly consistent, but for recordings without a decision)."""
        decision, live = self._decision_and_live_call(call_id)
        if decision is not None:
            return KnownClinic(decision=_decision(decision))
        return KnownClinic(
            decision=None, earlier=(*_evidence(ClinicSource.LIVE_CALL, live), *self._recordings(call_id))
        )

    def settle(
        self, call_id: str, known: KnownClinic, evidence: Iterable[ClinicEvidence], *, now: datetime
    ) -> ClinicDecision | None:
        """Decide whose call it is, unless that is decided, and note and count what speaks against it.

        Args:
            call_id: Connect's id of the contact.
            known: What `known` returned for it.
            evidence: What else there is.
            now: The time.

        Returns:
            The decision; `None` if nothing names a clinic.

        Raises:
            TransientError: Others kept changing the decision.
        """
        evidence = (*known.earlier, *evidence)
        decision = known.decision
        made = decide(evidence)
        for _ in range(_MAX_ROUNDS):
            if decision is not None:
                disputed = contradictions(decision.clinic_id, evidence)
                _count(decision.clinic_id, [one for one in disputed if self._note_conflict(call_id, one, now=now)])
                return decision
            if made is None:
                return None
            if self._create(call_id, made, now=now):
                _count(made.clinic_id, made.contradictions)
                return made
            item, _ = self._decision_and_live_call(call_id)
            decision = None if item is None else _decision(item)
        raise TransientError("Clinic.Contention", "the decision whose call it is came and went")

    def _decision_and_live_call(self, call_id: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        first, last = clinic_key(call_id).sk, live_call_key(call_id).sk
        found = self._table.query(
            KeyConditionExpression=Key("PK").eq(call_partition(call_id)) & Key("SK").between(first, last),
            ConsistentRead=True,
            **_EVIDENCE,
        )["Items"]
        items = {str(item["SK"]): item for item in found}
        return items.get(first), items.get(last)

    def _recordings(self, call_id: str) -> tuple[ClinicEvidence, ...]:
        """Return the clinics under which recordings of the contact stand: transcripts first, then the oldest."""
        items = [item for item in self._of_call(call_id) if _binds(item)]
        items.sort(key=lambda item: (item["type"] != "transcript", str(item.get("created_at", ""))))
        return tuple(dict.fromkeys(one for item in items for one in _evidence(ClinicSource.RECORDING, item)))

    def _of_call(self, call_id: str) -> Iterator[dict[str, Any]]:
        start: dict[str, Any] = {}
        while True:
            page = self._table.query(
                IndexName=CALL_INDEX,
                KeyConditionExpression=Key("GSI1PK").eq(call_partition(call_id)),
                **_EVIDENCE,
                **start,
            )
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _create(self, call_id: str, decision: ClinicDecision, *, now: datetime) -> bool:
        disputed = decision.contradictions
        item: dict[str, Any] = {
            **clinic_key(call_id, disputed_on=now.date().isoformat() if disputed else None).attributes(),
            "type": "clinic-decision",
            "schema_version": SCHEMA_VERSION,
            "call_id": call_id,
            "clinic_id": decision.clinic_id,
            "decided_at": now.isoformat(),
            "conflicts": {_name(statement): now.isoformat() for statement in disputed},
        }
        if decision.source is not None:
            item["clinic_source"] = decision.source
        if self._retention is not None:
            item[EXPIRY] = int((now + self._retention).timestamp())
        try:
            self._table.put_item(Item=item, ConditionExpression="attribute_not_exists(PK)")
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _note_conflict(self, call_id: str, statement: ClinicEvidence, *, now: datetime) -> bool:
        """Note evidence against the decision; False if that is known, or too much is."""
        key = clinic_key(call_id, disputed_on=now.date().isoformat())
        try:
            self._table.update_item(
                Key=key.primary(),
                UpdateExpression="SET conflicts.#statement = :now, GSI1PK = :listed, GSI1SK = :call",
                ConditionExpression="attribute_exists(PK) AND attribute_not_exists(conflicts.#statement)"
                " AND size(conflicts) < :most",
                ExpressionAttributeNames={"#statement": _name(statement)},
                ExpressionAttributeValues={
                    ":now": now.isoformat(),
                    ":listed": key.gsi1pk,
                    ":call": key.gsi1sk,
                    ":most": _MOST_CONFLICTS,
                },
            )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _binds(item: dict[str, Any]) -> bool:
    return item.get("type") == "transcript" or (item.get("type") == "claim" and item.get("status") in _BINDING_CLAIMS)


def _evidence(source: ClinicSource, item: dict[str, Any] | None) -> Iterator[ClinicEvidence]:
    if item is not None and item.get("clinic_id"):
        yield ClinicEvidence(source=source, clinic_id=str(item["clinic_id"]))


def _decision(item: dict[str, Any]) -> ClinicDecision:
    return ClinicDecision(clinic_id=str(item["clinic_id"]), source=known_source(item.get("clinic_source")))


def _name(statement: ClinicEvidence) -> str:
    return f"{statement.source}#{statement.clinic_id}"


def _count(clinic_id: str, disputed: Iterable[ClinicEvidence]) -> None:
    for statement in disputed:
        metrics.add_metric(name=FunctionMetric.CLINIC_CONFLICTS, unit=MetricUnit.Count, value=1)
        logger.warning(
            "the clinic is disputed", clinic_id=clinic_id, named=statement.clinic_id, source=statement.source.value
        )
