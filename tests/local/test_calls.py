"""The keys under which the local commands upload recordings are keys that the product understands."""

from datetime import UTC, date, datetime, timedelta, timezone

from callscribe.recordings.clinics import ClinicRules, decide
from callscribe.recordings.keys import parse_key
from local.calls import connect_key, own_key
from stacks.environments import Clinics


def test_a_recording_in_connects_layout_is_the_clinics_call() -> None:
    rules = ClinicRules(clinic_by_prefix=Clinics.load().rules.clinic_by_prefix)
    started = datetime(2026, 11, 20, 1, 30, tzinfo=timezone(timedelta(hours=2)))

    call = parse_key(connect_key("connect/demo-clinic", "contact-1", started))

    clinic = decide(call.evidence(rules))
    assert clinic is not None
    assert (clinic.clinic_id, call.call_id, call.layout) == ("demo-clinic", "contact-1", "connect")
    assert call.started_at == datetime(2026, 11, 19, 23, 30, tzinfo=UTC)


def test_a_recording_in_the_projects_layout_names_clinic_day_and_call() -> None:
    call = parse_key(own_key("west", date(2026, 11, 20), "call-1", ".mp3"))

    assert (call.clinic_id, call.started_at.date(), call.call_id) == ("west", date(2026, 11, 20), "call-1")
