from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import Mock

import pytest

from callscribe.contract.call_kind import CallKind
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.contract.table_keys import CLINIC_EVIDENCE, claim_key, disputed_clinics_partition, transcript_key
from callscribe.recordings.clinics import ClinicDecision, ClinicEvidence, ClinicSource
from lambdas.common import clinics
from lambdas.common.clinics import Clinics, KnownClinic
from lambdas.common.errors import TransientError
from tests.callscribe.live_calls import live_item
from tests.contracts.golden import Golden, golden
from tests.fakes.together import together
from tests.lambdas.cloud import NOW, AtomicTable, Cloud

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb.service_resource import Table

CALL = "0d3c1f52-9a7e-4b38-8c62-51f0e7d4ab19"
LATER = NOW + timedelta(days=1)


def says(source: ClinicSource, clinic_id: str) -> ClinicEvidence:
    return ClinicEvidence(source=source, clinic_id=clinic_id)


ATTRIBUTE = says(ClinicSource.ATTRIBUTE, "lakeside")
QUEUE = says(ClinicSource.QUEUE, "harbour")
PREFIX = says(ClinicSource.PREFIX, "hilltop")
DEFAULT = says(ClinicSource.DEFAULT, "main")


class Register:
    """The clinics of one deployment."""

    def __init__(self, cloud: Cloud, *, table: Table | None = None, retention: timedelta | None = None) -> None:
        self._cloud = cloud
        self._clinics = Clinics(table=table or cloud.table, retention=retention)

    def settle(self, *evidence: ClinicEvidence, now: datetime = NOW, call_id: str = CALL) -> ClinicDecision | None:
        return self._clinics.settle(call_id, self._clinics.known(call_id), evidence, now=now)

    def settle_as(self, known: KnownClinic, *evidence: ClinicEvidence) -> ClinicDecision | None:
        return self._clinics.settle(CALL, known, evidence, now=NOW)

    def known(self) -> KnownClinic:
        return self._clinics.known(CALL)

    def item(self) -> dict[str, Any]:
        return self._cloud.table.get_item(Key={"PK": f"CALL#{CALL}", "SK": "CLINIC"})["Item"]


@pytest.fixture
def register(cloud: Cloud) -> Register:
    return Register(cloud)


@pytest.fixture(autouse=True)
def metrics(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """The metrics, which nobody flushes here."""
    metrics = Mock()
    monkeypatch.setattr(clinics, "metrics", metrics)
    return metrics


def transcript(cloud: Cloud, clinic_id: str, *, kind: CallKind = CallKind.AGENT, created_at: str = "2026") -> None:
    key = transcript_key(clinic_id, "2026-11-20", CALL, kind)
    words = {"utterances": [{"text": "Good morning"}], "full_transcript": "Good morning"}
    cloud.table.put_item(
        Item={**key.attributes(), "type": "transcript", "clinic_id": clinic_id, "created_at": created_at, **words}
    )


def claim(cloud: Cloud, clinic_id: str, status: str) -> None:
    key = claim_key(f"{clinic_id}-{status}", CALL, CallKind.AGENT)
    cloud.table.put_item(Item={**key.attributes(), "type": "claim", "clinic_id": clinic_id, "status": status})


def test_what_is_looked_up_is_what_may_be_and_no_words(register: Register, cloud: Cloud) -> None:
    asked: list[dict[str, Any]] = []
    cloud.table.meta.client.meta.events.register(
        "provide-client-params.dynamodb.Query", lambda params, **_: asked.append(params)
    )
    transcript(cloud, "lakeside")
    assert register.settle(QUEUE) == ClinicDecision(
        clinic_id="lakeside", source=ClinicSource.RECORDING, contradictions=(QUEUE,)
    )
    assert {query.get("IndexName") for query in asked} == {None, "GSI1"}
    for query in asked:
        assert query["Select"] == "SPECIFIC_ATTRIBUTES"
        names = query["ExpressionAttributeNames"]
        assert {names[name.strip()] for name in query["ProjectionExpression"].split(",")} <= {"SK", *CLINIC_EVIDENCE}


def test_the_first_decision_is_kept_whatever_is_said_later(register: Register) -> None:
    first = register.settle(ATTRIBUTE, DEFAULT)
    assert first == ClinicDecision(clinic_id="lakeside", source=ClinicSource.ATTRIBUTE)
    assert register.settle(says(ClinicSource.PARAMETER, "harbour"), now=LATER) == first
    assert register.settle(now=LATER) == first


def test_a_decision_is_an_item_that_says_what_it_was_made_by(register: Register) -> None:
    register.settle(QUEUE, DEFAULT)
    assert register.item() == {
        "PK": f"CALL#{CALL}",
        "SK": "CLINIC",
        "type": "clinic-decision",
        "schema_version": SCHEMA_VERSION,
        "call_id": CALL,
        "clinic_id": "harbour",
        "clinic_source": "queue",
        "decided_at": NOW.isoformat(),
        "conflicts": {},
    }


def test_nothing_is_decided_without_evidence(cloud: Cloud, register: Register) -> None:
    assert register.settle() is None
    assert cloud.items() == []


def test_what_contradicts_a_decision_is_noted_and_listed_by_the_latest_day(cloud: Cloud, register: Register) -> None:
    register.settle(ATTRIBUTE, PREFIX, DEFAULT)
    register.settle(QUEUE, PREFIX, DEFAULT, now=LATER)
    item = register.item()
    assert item["conflicts"] == {"prefix#hilltop": NOW.isoformat(), "queue#harbour": LATER.isoformat()}
    assert (item["clinic_id"], item["GSI1PK"]) == ("lakeside", disputed_clinics_partition("2026-11-21"))


def test_a_call_without_conflict_is_not_listed_as_disputed(register: Register) -> None:
    register.settle(ATTRIBUTE, DEFAULT)
    register.settle(ATTRIBUTE, says(ClinicSource.PREFIX, "lakeside"), says(ClinicSource.DEFAULT, "hilltop"))
    assert "GSI1PK" not in register.item()
    assert register.item()["conflicts"] == {}


def test_a_conflict_is_counted_once_however_often_it_is_met(register: Register, metrics: Mock) -> None:
    def met(*evidence: ClinicEvidence) -> int:
        metrics.reset_mock()
        register.settle(*evidence)
        return len(metrics.add_metric.mock_calls)

    assert [met(ATTRIBUTE), met(ATTRIBUTE, PREFIX), met(ATTRIBUTE, PREFIX), met(PREFIX), met(QUEUE)] == [0, 1, 0, 0, 1]


def test_so_many_conflicts_of_one_call_are_noted_and_no_more(register: Register, metrics: Mock) -> None:
    for number in range(30):
        register.settle(says(ClinicSource.ATTRIBUTE, f"clinic-{number}"))
    assert len(register.item()["conflicts"]) == len(metrics.add_metric.mock_calls) == 20


def test_a_dispute_names_clinics_and_sources_in_the_log(register: Register, output: Callable[[], str]) -> None:
    register.settle(ATTRIBUTE, PREFIX)
    assert '"clinic_id":"lakeside","named":"hilltop","source":"prefix"' in output()


def test_of_many_at_once_one_decides_for_all(cloud: Cloud) -> None:
    register = Register(cloud, table=cast("Table", AtomicTable(cloud.table)))
    known = register.known()

    def decide(number: int) -> ClinicDecision | None:
        return register.settle_as(known, says(ClinicSource.ATTRIBUTE, f"clinic-{number}"))

    decisions = together(decide)
    assert len({decision and decision.clinic_id for decision in decisions}) == 1
    assert len(register.item()["conflicts"]) == 4


def test_a_live_call_from_before_there_were_decisions_keeps_its_clinic(cloud: Cloud, register: Register) -> None:
    cloud.table.put_item(Item=live_item(call_id=CALL, clinic_id="harbour"))
    transcript(cloud, "main")
    assert register.settle(ATTRIBUTE, DEFAULT) == ClinicDecision(
        clinic_id="harbour",
        source=ClinicSource.LIVE_CALL,
        contradictions=(says(ClinicSource.RECORDING, "main"), ATTRIBUTE),
    )


@pytest.mark.parametrize("kind", CallKind)
def test_words_that_stand_under_a_clinic_stay_there(cloud: Cloud, register: Register, kind: CallKind) -> None:
    transcript(cloud, "hilltop", kind=kind)
    claim(cloud, "harbour", "claimed")
    decision = register.settle(ATTRIBUTE)
    assert decision is not None
    assert (decision.clinic_id, decision.source) == ("hilltop", ClinicSource.RECORDING)


STANDING = [one for kind in ("transcript-item", "claim-item", "live-call-item*") for one in golden(kind)]


@pytest.mark.parametrize("written", STANDING, ids=str)
def test_whatever_an_earlier_version_wrote_of_a_call_says_whose_it_is(cloud: Cloud, written: Golden) -> None:
    item = written.item()
    cloud.table.put_item(Item=item)
    clinics_of = Clinics(table=cloud.table, retention=None)
    known = clinics_of.known(item["call_id"])
    decision = clinics_of.settle(item["call_id"], known, [ATTRIBUTE], now=NOW)
    assert decision is not None
    assert (decision.clinic_id, known.settled) == (item["clinic_id"], True)


def test_of_two_clinics_from_before_the_older_words_decide(cloud: Cloud, register: Register) -> None:
    transcript(cloud, "hilltop", created_at="2026-11-21")
    transcript(cloud, "main", kind=CallKind.IVR, created_at="2026-11-20")
    decision = register.settle(ATTRIBUTE)
    assert decision is not None
    assert decision.clinic_id == "main"
    assert set(register.item()["conflicts"]) == {"recording#hilltop", "attribute#lakeside"}


@pytest.mark.parametrize(
    ("status", "binds"),
    [
        *((status, True) for status in ("claimed", "transcribed", "stored", "completed", "superseded")),
        *((status, False) for status in ("failed", "rejected", "kept", "covered", "of a later version")),
    ],
)
def test_a_recording_binds_its_call_if_it_has_words_or_will(
    cloud: Cloud, register: Register, status: str, *, binds: bool
) -> None:
    claim(cloud, "hilltop", status)
    decision = register.settle(ATTRIBUTE)
    assert decision is not None
    assert decision.clinic_id == ("hilltop" if binds else "lakeside")


def test_a_decision_is_remembered_as_long_as_is_set(cloud: Cloud) -> None:
    register = Register(cloud, retention=timedelta(days=30))
    register.settle(ATTRIBUTE)
    assert register.item()["expires_at"] == int((NOW + timedelta(days=30)).timestamp())


def test_what_is_settled_needs_no_further_evidence(cloud: Cloud, register: Register) -> None:
    assert not register.known().settled
    transcript(cloud, "hilltop")
    assert register.known().settled
    register.settle()
    assert register.known() == KnownClinic(decision=ClinicDecision(clinic_id="hilltop", source=ClinicSource.RECORDING))


def test_a_decision_that_comes_and_goes_is_no_decision(cloud: Cloud) -> None:
    class Forgetting:
        """A table whose items are there when they are written and gone when they are read."""

        def __getattr__(self, name: str) -> Any:
            return getattr(cloud.table, name)

        def put_item(self, **arguments: Any) -> Any:
            cloud.table.put_item(Item={"PK": f"CALL#{CALL}", "SK": "CLINIC"})
            try:
                return cloud.table.put_item(**arguments)
            finally:
                cloud.table.delete_item(Key={"PK": f"CALL#{CALL}", "SK": "CLINIC"})

    with pytest.raises(TransientError, match="came and went"):
        Register(cloud, table=cast("Table", Forgetting())).settle(ATTRIBUTE)


def test_looking_up_reads_no_words(cloud: Cloud) -> None:
    transcript(cloud, "hilltop")
    answers: list[Any] = []

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(cloud.table, name)

        def query(self, **arguments: Any) -> Any:
            answers.append(cloud.table.query(**arguments))
            return answers[-1]

    Register(cloud, table=cast("Table", Watched())).settle()
    assert "hilltop" in str(answers)
    assert "morning" not in str(answers)
