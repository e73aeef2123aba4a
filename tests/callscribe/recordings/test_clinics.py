from __future__ import annotations

import json
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.recordings.clinics import (
    ClinicDecision,
    ClinicEvidence,
    ClinicRules,
    ClinicSource,
    ContactFacts,
    InvalidClinic,
    contradictions,
    decide,
    known_source,
)

QUEUE = "arn:aws:connect:eu-central-1:123456789012:instance/c8c0e68d/queue/2f1a-77"
NUMBER = "+493012345678"
RULES = ClinicRules(
    clinic_by_queue={QUEUE: "by-queue"},
    clinic_by_dialled_number={NUMBER: "by-number"},
    clinic_by_prefix={"connect/chain": "by-prefix"},
    default_clinic_id="by-default",
)
FACTS = ContactFacts(parameter="by-parameter", attribute="by-attribute", queue=QUEUE, dialled_number=NUMBER)


def says(source: ClinicSource, clinic_id: str) -> ClinicEvidence:
    return ClinicEvidence(source=source, clinic_id=clinic_id)


EVIDENCE = st.lists(
    st.builds(ClinicEvidence, source=st.sampled_from(ClinicSource), clinic_id=st.sampled_from(["lakeside", "harbour"]))
)


@given(EVIDENCE, st.randoms())
def test_the_most_specific_evidence_decides_in_whatever_order_it_comes(
    evidence: list[ClinicEvidence], random: Random
) -> None:
    unique = list({statement.source: statement for statement in evidence}.values())
    shuffled = unique.copy()
    random.shuffle(shuffled)
    decision = decide(shuffled)
    if not unique:
        assert decision is None
        return
    best = min(unique, key=lambda statement: list(ClinicSource).index(statement.source))
    assert decision is not None
    assert (decision.clinic_id, decision.source) == (best.clinic_id, best.source)


@given(EVIDENCE)
def test_what_contradicts_is_all_that_names_another_clinic_but_the_default(evidence: list[ClinicEvidence]) -> None:
    decision = decide(evidence)
    against = {
        (statement.source, statement.clinic_id)
        for statement in evidence
        if decision and statement.clinic_id != decision.clinic_id and statement.source != "default"
    }
    found = decision.contradictions if decision else ()
    assert {(statement.source, statement.clinic_id) for statement in found} == against
    assert len(found) == len(against)


def test_of_equally_specific_evidence_the_first_decides() -> None:
    first, second = says(ClinicSource.RECORDING, "lakeside"), says(ClinicSource.RECORDING, "harbour")
    assert decide([first, second]) == ClinicDecision(
        clinic_id="lakeside", source=ClinicSource.RECORDING, contradictions=(second,)
    )


def test_the_default_never_speaks_against_a_clinic() -> None:
    assert contradictions("lakeside", [says(ClinicSource.DEFAULT, "main")]) == ()


@pytest.mark.parametrize(
    ("facts", "clinic"),
    [
        (FACTS, "by-parameter"),
        (ContactFacts(attribute="by-attribute", queue=QUEUE, dialled_number=NUMBER), "by-attribute"),
        (ContactFacts(attribute="", parameter="", queue=QUEUE, dialled_number=NUMBER), "by-queue"),
        (ContactFacts(queue="another", dialled_number=NUMBER), "by-number"),
        (ContactFacts(dialled_number="+4930"), None),
        (ContactFacts(queue="", dialled_number=""), None),
        (ContactFacts(), None),
    ],
)
def test_a_contact_is_known_by_flow_queue_and_number(facts: ContactFacts, clinic: str | None) -> None:
    found = decide(RULES.by_contact(facts))
    assert (found and found.clinic_id) == clinic


def test_a_queue_is_known_by_its_arn_and_by_its_id() -> None:
    by_id = ClinicRules(clinic_by_queue={"2f1a-77": "lakeside"})
    for rules in (by_id, ClinicRules(clinic_by_queue={QUEUE: "lakeside"})):
        for queue in (QUEUE, "2f1a-77"):
            [found] = rules.by_contact(ContactFacts(queue=queue))
            assert found == says(ClinicSource.QUEUE, "lakeside")


@pytest.mark.parametrize("clinic", ["lake side", "a/b", "../harbour", "a#b", "-a", "a" * 65, "Zürich", "a\n", " a"])
@pytest.mark.parametrize("where", ["parameter", "attribute"])
def test_a_flow_that_names_no_possible_clinic_is_not_passed_over(where: str, clinic: str) -> None:
    with pytest.raises(
        InvalidClinic, match=f"^the {where} clinic_id must be 1 to 64 letters, digits, '.', '_' and '-', beg"
    ):
        RULES.by_contact(ContactFacts(**{where: clinic}))


def test_numbers_do_not_show() -> None:
    assert NUMBER not in repr(RULES) + repr(FACTS)


def test_rules_are_read_from_json() -> None:
    written = {
        "clinic_by_queue": {QUEUE: "by-queue"},
        "clinic_by_dialled_number": {NUMBER: "by-number"},
        "clinic_by_prefix": {"connect/chain": "by-prefix"},
        "default_clinic_id": "by-default",
    }
    assert msgspec.json.decode(json.dumps(written), type=ClinicRules) == RULES
    assert msgspec.json.decode("{}", type=ClinicRules) == ClinicRules()


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "nonsense",
        '{"prefixes": {}}',
        '{"clinic_by_prefix": ["a"]}',
        '{"clinic_by_queue": "a"}',
        '{"clinic_by_prefix": {"a": 1}}',
        '{"clinic_by_prefix": {"/": "b"}}',
        '{"clinic_by_queue": {"": "b"}}',
        '{"clinic_by_dialled_number": {"": "b"}}',
        '{"clinic_by_dialled_number": {"+4930": "b/c"}}',
        '{"clinic_by_prefix": {"a": "x#y"}}',
        '{"default_clinic_id": ""}',
    ],
)
def test_rules_that_cannot_be_meant_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"clinic|JSON|Expected|prefix|queue"):
        msgspec.json.decode(text, type=ClinicRules)


@pytest.mark.parametrize(("stored", "read"), [("queue", ClinicSource.QUEUE), (None, None), (7, None), ("", None)])
def test_a_stored_source_is_read_back(stored: object, read: ClinicSource | None) -> None:
    assert known_source(stored) is read


def test_a_source_of_a_later_version_is_kept() -> None:
    assert known_source("crystal-ball") == "crystal-ball"
