"""The keys under which the local commands upload recordings are keys that the product understands."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from callscribe.recordings.clinics import ClinicRules, decide
from callscribe.recordings.keys import parse_key
from local import calls, drop
from local.calls import STEPS, Call, CallFailed, NotTranscribed, UnusableRecording, connect_key, own_key, watch
from stacks.environments import local


def test_a_recording_in_connects_layout_is_the_clinics_call() -> None:
    rules = ClinicRules(clinic_by_prefix=local().clinics.rules.clinic_by_prefix)
    started = datetime(2026, 11, 20, 1, 30, tzinfo=timezone(timedelta(hours=2)))

    call = parse_key(connect_key("connect/demo-clinic", "contact-1", started))

    clinic = decide(call.evidence(rules))
    assert clinic is not None
    assert (clinic.clinic_id, call.call_id, call.layout) == ("demo-clinic", "contact-1", "connect")
    assert call.started_at == datetime(2026, 11, 19, 23, 30, tzinfo=UTC)


def test_a_recording_in_the_projects_layout_names_clinic_day_and_call() -> None:
    call = parse_key(own_key("west", date(2026, 11, 20), "call-1", ".mp3"))

    assert (call.clinic_id, call.started_at.date(), call.call_id) == ("west", date(2026, 11, 20), "call-1")


@pytest.mark.parametrize(
    ("clinic", "call", "suffix", "reason"),
    [
        ("west", "call-1", ".txt", r"no recording is named with \.txt.*\.wav, \.mp3"),
        ("west", "call-1", "", r"no known extension"),
        ("west", "call-1", ".aiff", r"\.aiff are not read: convert it"),
        ("my clinic", "call-1", ".wav", r"the clinic id must be 1 to 64 letters.*'my clinic'"),
        ("west/east", "call-1", ".wav", r"the clinic id must be"),
        ("", "call-1", ".wav", r"the clinic id must be"),
        ("west", "call/1", ".wav", r"must not contain '/'"),
        ("west", "call#1", ".wav", r"the call id must be printable text without '#'"),
        ("west", "_call", ".txt", r"no recording is named"),
    ],
)
def test_what_the_product_would_not_take_is_refused_with_the_reason(
    clinic: str, call: str, suffix: str, reason: str
) -> None:
    with pytest.raises(UnusableRecording, match=reason):
        own_key(clinic, date(2026, 11, 20), call, suffix)


@pytest.mark.parametrize(
    "arguments", [["notes.txt"], ["call.wav", "--clinic", "my clinic"], ["call.wav", "--call", "a#b"]]
)
def test_a_drop_that_would_not_be_taken_fails_before_anything_is_asked(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert drop.main(arguments) == 1
    assert "must be" in (said := capsys.readouterr().err) or "is named with" in said


CALL = Call(call_id="call-1", key="recordings/west/2026-11-20/call-1.wav", version_id="two")


def steps_of(claims: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(calls, "_items", lambda *_: [{"type": "claim", **claim} for claim in claims])
    environment: Any = None
    return [step for _, step in watch(environment, [CALL], timeout_seconds=60)]


def test_a_rejected_recording_is_shown_with_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = {"status": "rejected", "version_id": "two", "error_code": "NotAudio", "error_message": "no audio"}
    with pytest.raises(CallFailed, match=r"^recordings/west/2026-11-20/call-1\.wav rejected: NotAudio: no audio$"):
        steps_of([claim], monkeypatch)


@pytest.mark.parametrize("status", ["duplicate", "kept", "covered", "superseded"])
def test_a_recording_that_needs_no_transcript_is_not_waited_for(status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier, this = {"status": "completed", "version_id": "one"}, {"status": status, "version_id": "two"}
    with pytest.raises(NotTranscribed, match="call-1 is not transcribed again: "):
        steps_of([earlier, this], monkeypatch)


def test_an_earlier_version_is_not_taken_for_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    earlier, this = {"status": "failed", "version_id": "one"}, {"status": "completed", "version_id": "two"}
    assert steps_of([earlier, this], monkeypatch) == list(STEPS)
