"""Whose recordings they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from callscribe.contract.call_kind import CallKind
from callscribe.contract.table_keys import transcript_key
from callscribe.recordings.clinics import ClinicRules, ContactFacts
from lambdas.admit_recording import handler
from tests.callscribe.live_calls import live_item
from tests.lambdas.admit_recording.test_admission import Door, outcome
from tests.lambdas.cloud import EXECUTION, OTHER_EXECUTION, Cloud, Context, wav

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from lambdas.admit_recording.contacts import Contacts

CONTEXT = cast("LambdaContext", Context())
CONTACT = "0d3c1f52-9a7e-4b38-8c62-51f0e7d4ab19"
QUEUE = "2f1a7c8e-0001-4000-8000-00000000000a"
NUMBER = "+493012345678"
CHAIN = ClinicRules(
    clinic_by_queue={QUEUE: "lakeside"},
    clinic_by_dialled_number={NUMBER: "hilltop"},
    clinic_by_prefix={"connect/old": "old"},
    default_clinic_id="main",
)


def key_of(contact: str = CONTACT, *, prefix: str = "connect/chain", kind: str = "", at: str = "09:30") -> str:
    return f"{prefix}/CallRecordings/{kind}2026/11/20/{contact}_20261120T{at}_UTC.wav"


class Asked:
    """Amazon Connect, and about whom it was asked."""

    def __init__(self, **known: ContactFacts) -> None:
        self._known = known
        self.asked: list[str] = []

    def facts(self, contact_id: str) -> ContactFacts:
        self.asked.append(contact_id)
        return self._known.get(contact_id, ContactFacts())


def door(cloud: Cloud, connect: Asked | None = None, rules: ClinicRules = CHAIN) -> Door:
    return Door(cloud, rules=rules, contacts=cast("Contacts | None", connect))


def filed(cloud: Cloud, door: Door, key: str, execution: str = EXECUTION) -> tuple[str, str | None]:
    """Clinic of a recording, and what it was decided by; claim and payload agree."""
    # Each execution's recording has other bytes, or they would be one and the same.
    decision = door.decide(cloud.upload(wav(seconds=2 if execution == EXECUTION else 3), key=key), execution)
    assert decision.verdict == "claimed", decision
    claim = cloud.claim(decision.recording["recording_id"])
    assert claim["clinic_id"] == decision.recording["clinic_id"]
    assert claim.get("clinic_source") == decision.recording["clinic_source"]
    return decision.recording["clinic_id"], decision.recording["clinic_source"]


@pytest.mark.parametrize(
    ("facts", "prefix", "expected"),
    [
        (
            ContactFacts(attribute="harbour", queue=QUEUE, dialled_number=NUMBER),
            "connect/old",
            ("harbour", "attribute"),
        ),
        (ContactFacts(queue=QUEUE, dialled_number=NUMBER), "connect/old", ("lakeside", "queue")),
        (ContactFacts(dialled_number=NUMBER), "connect/old", ("hilltop", "dialled-number")),
        (ContactFacts(), "connect/old", ("old", "prefix")),
        (ContactFacts(), "connect/chain", ("main", "default")),
    ],
)
def test_the_most_specific_source_names_the_clinic(
    cloud: Cloud, facts: ContactFacts, prefix: str, expected: tuple[str, str]
) -> None:
    assert filed(cloud, door(cloud, Asked(**{CONTACT: facts})), key_of(prefix=prefix)) == expected


def test_three_clinics_of_one_instance_share_a_prefix(cloud: Cloud) -> None:
    contacts = {f"{number:08x}-0000-4000-8000-000000000000": clinic for number, clinic in enumerate("abc")}
    connect = Asked(**{contact: ContactFacts(attribute=clinic) for contact, clinic in contacts.items()})
    chain = door(cloud, connect)
    for contact, clinic in contacts.items():
        assert filed(cloud, chain, key_of(contact)) == (clinic, "attribute")


def test_a_live_call_takes_its_recordings_with_it_and_connect_is_not_asked(cloud: Cloud) -> None:
    cloud.table.put_item(Item=live_item(call_id=CONTACT, clinic_id="harbour"))
    connect = Asked(**{CONTACT: ContactFacts(attribute="lakeside")})
    chain = door(cloud, connect)
    for key in (key_of(prefix="connect/old"), key_of(kind="ivr/"), key_of(prefix="elsewhere")):
        assert filed(cloud, chain, key) == ("harbour", "live-call")
    assert connect.asked == []


def test_both_parts_of_a_contact_belong_to_the_clinic_of_the_first(cloud: Cloud) -> None:
    assert filed(cloud, door(cloud), key_of(kind="ivr/", prefix="connect/old")) == ("old", "prefix")
    connect = Asked(**{CONTACT: ContactFacts(attribute="lakeside")})
    assert filed(cloud, door(cloud, connect), key_of()) == ("old", "prefix")
    assert connect.asked == []


@pytest.mark.parametrize("kind", CallKind)
def test_another_version_stays_with_the_words_that_are_there(cloud: Cloud, kind: CallKind) -> None:
    item = transcript_key("old", "2026-11-20", CONTACT, kind).attributes()
    cloud.table.put_item(Item={**item, "type": "transcript", "clinic_id": "old", "recording_id": "first"})
    connect = Asked(**{CONTACT: ContactFacts(attribute="lakeside")})
    assert filed(cloud, door(cloud, connect), key_of()) == ("old", "recording")


def test_settings_that_changed_since_move_no_call(cloud: Cloud) -> None:
    assert filed(cloud, door(cloud), key_of(prefix="connect/old")) == ("old", "prefix")
    moved = ClinicRules(clinic_by_prefix={"connect/old": "new"})
    cloud.upload(wav(seconds=3), key=key_of(prefix="connect/old"))
    assert filed(cloud, door(cloud, rules=moved), key_of(prefix="connect/old"), OTHER_EXECUTION) == ("old", "prefix")


def test_a_contact_that_no_setting_knows_is_kept_and_found_once_one_does(cloud: Cloud) -> None:
    event = cloud.upload(wav(), key=key_of())
    assert outcome(door(cloud, rules=ClinicRules()).decide(event)) == ("rejected", "UnknownLayout")
    assert not [item for item in cloud.items() if item["SK"] == "CLINIC"]
    again = door(cloud).decide({**event, "redrive_of": EXECUTION}, OTHER_EXECUTION)
    assert (*outcome(again), again.recording["clinic_id"]) == ("claimed", "new", "main")


def test_without_a_setting_a_live_call_says_whose_its_recording_is(cloud: Cloud) -> None:
    cloud.table.put_item(Item=live_item(call_id=CONTACT, clinic_id="harbour"))
    assert filed(cloud, door(cloud, rules=ClinicRules()), key_of()) == ("harbour", "live-call")


def test_an_attribute_that_names_no_possible_clinic_is_not_passed_over(cloud: Cloud) -> None:
    connect = Asked(**{CONTACT: ContactFacts(attribute="../main", queue=QUEUE)})
    decision = door(cloud, connect).decide(cloud.upload(wav(), key=key_of()))
    assert outcome(decision) == ("rejected", "InvalidClinic")
    assert "main" not in decision.message


def test_a_recording_whose_key_names_its_clinic_needs_nobody(cloud: Cloud) -> None:
    connect = Asked()
    assert filed(cloud, door(cloud, connect), f"recordings/lakeside/2026-11-20/{CONTACT}.wav") == ("lakeside", "key")
    assert connect.asked == []


def test_files_of_two_clinics_may_have_the_same_name(cloud: Cloud) -> None:
    for clinic in ("lakeside", "harbour"):
        assert filed(cloud, door(cloud), f"recordings/{clinic}/2026-11-20/0001.wav") == (clinic, "key")


def test_a_contacts_recording_that_somebody_filed_elsewhere_stays_with_its_clinic(cloud: Cloud) -> None:
    assert filed(cloud, door(cloud), key_of()) == ("main", "default")
    assert filed(cloud, door(cloud), f"recordings/harbour/2026-11-20/{CONTACT}.wav") == ("main", "default")


@pytest.mark.parametrize("prefix", ["connect/chain", "connect/old"])
def test_what_the_prefix_says_against_a_clinic_is_counted_once(
    cloud: Cloud, function_environment: pytest.MonkeyPatch, output: Callable[[], str], prefix: str
) -> None:
    function_environment.setenv(
        "CLINICS", json.dumps({"clinic_by_prefix": {"connect/old": "old"}, "default_clinic_id": "main"})
    )
    cloud.table.put_item(Item=live_item(call_id=CONTACT, clinic_id="harbour"))
    event: dict[str, Any] = {"event": cloud.upload(wav(), key=key_of(prefix=prefix)), "execution": EXECUTION}
    for _ in range(3):
        assert handler.handle(event, CONTEXT)["recording"]["clinic_id"] == "harbour"
    lines = [json.loads(line) for line in output().splitlines()]
    counted = sum(sum(line.get("ClinicConflicts", [])) for line in lines)
    # The default is no statement about a call: it fills in where there is none.
    assert counted == (1 if prefix == "connect/old" else 0)
