from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callscribe.contract.call_kind import CallKind
from callscribe.recordings.calls import CallRecording, StartSource, with_start
from callscribe.recordings.clinics import ClinicDecision, ClinicEvidence, ClinicRules, ClinicSource, decide
from callscribe.recordings.keys import NotACall, RecordingKey, UnknownExtension, UnknownLayout, parse_key

DAY = datetime(2026, 3, 2, tzinfo=UTC)
DOWNTOWN = ClinicDecision(clinic_id="downtown", source=None)
RULES = ClinicRules(
    clinic_by_prefix={
        "connect/downtown-eye": "downtown",
        "connect/downtown-eye/north/": "north",
        "uptown-eye": "uptown",
    }
)
CONTACT = "1c7c4d8e-6b1d-4f8e-9b7a-3f0f7e1b2a3c"


def connect_key(
    prefix: str = "connect/downtown-eye", path: str = "2026/03/02", name: str = f"{CONTACT}_20260302T14:05_UTC.wav"
) -> str:
    return f"{prefix}/CallRecordings/{path}/{name}"


def refused(key: str) -> str:
    with pytest.raises(UnknownLayout) as error:
        parse_key(key)
    return error.value.reason


def passed_over(key: str) -> str:
    with pytest.raises(NotACall) as error:
        parse_key(key)
    return error.value.reason


def test_the_own_layout_names_clinic_day_and_call() -> None:
    assert parse_key("recordings/downtown/2026-03-02/c-1.wav") == RecordingKey(
        clinic_id="downtown",
        call_id="c-1",
        kind=CallKind.AGENT,
        started_at=datetime(2026, 3, 2, tzinfo=UTC),
        layout="callscribe",
        started_at_source=StartSource.KEY_DAY,
    )


@pytest.mark.parametrize(
    ("told", "last_modified", "started_at", "source"),
    [
        ("2026-03-02T14:05:09Z", DAY + timedelta(hours=15), "14:05:09", "metadata"),
        ("2026-03-02T15:05:09+01:00", DAY + timedelta(hours=15), "14:05:09", "metadata"),
        ("2026-03-02T14:05:09", DAY + timedelta(hours=15), "14:05:09", "metadata"),
        ("", DAY + timedelta(hours=15), "14:58:00", "last-modified"),
        ("yesterday", DAY + timedelta(hours=15), "14:58:00", "last-modified"),
        ("2026-03-03T14:05:09Z", DAY + timedelta(hours=15), "14:58:00", "last-modified"),
        ("9999-12-31T23:59:59-23:59", DAY + timedelta(hours=15), "14:58:00", "last-modified"),
        ("", DAY + timedelta(days=1, hours=9), "00:00:00", "key-day"),
        ("", DAY + timedelta(days=1, seconds=60), "23:59:00", "last-modified"),
    ],
)
def test_the_begin_of_a_call_comes_from_metadata_else_from_when_its_recording_was_stored(
    told: str, last_modified: datetime, started_at: str, source: str
) -> None:
    call = with_start(
        parse_key("recordings/downtown/2026-03-02/c-1.wav").of(DOWNTOWN),
        metadata={"started-at": told},
        last_modified=last_modified,
        duration_seconds=120.0,
    )
    assert (f"{call.started_at:%H:%M:%S}", call.started_at_source, call.day) == (started_at, source, "2026-03-02")


def test_connects_minute_is_not_replaced_by_a_guess() -> None:
    call = parse_key(connect_key()).of(DOWNTOWN)
    assert with_start(call, metadata={}, last_modified=DAY, duration_seconds=1.0) == call


def test_a_day_has_the_same_form_in_any_century() -> None:
    recording = parse_key("recordings/downtown/0987-03-02/c-1.wav")
    assert recording.of(DOWNTOWN).day == "0987-03-02"


@pytest.mark.parametrize("colon", [":", "%3A", "%3a"])
def test_connects_layout_names_contact_and_minute(colon: str) -> None:
    recording = parse_key(connect_key(name=f"{CONTACT}_20260302T14{colon}05_UTC.wav"))
    assert (recording.clinic_id, recording.call_id, recording.kind) == (None, CONTACT, CallKind.AGENT)
    assert recording.folders == ("connect", "downtown-eye")
    assert recording.started_at == datetime(2026, 3, 2, 14, 5, tzinfo=UTC)
    assert recording.layout == "connect"


def test_the_automated_part_of_a_contact_is_told_apart() -> None:
    recording = parse_key(connect_key(path="ivr/2026/03/02"))
    assert (recording.call_id, recording.kind) == (CONTACT, CallKind.IVR)


@pytest.mark.parametrize(
    ("prefix", "clinic"),
    [
        ("connect/downtown-eye", "downtown"),
        ("connect/downtown-eye/north", "north"),
        ("any/where/uptown-eye", "uptown"),
        ("connect/downtown-eye-2", None),
    ],
)
def test_the_longest_prefix_of_whole_folders_names_the_clinic_else_the_instance_alias(
    prefix: str, clinic: str | None
) -> None:
    found = decide(parse_key(connect_key(prefix)).evidence(RULES))
    assert found == (clinic and ClinicDecision(clinic_id=clinic, source=ClinicSource.PREFIX))


@pytest.mark.parametrize("key", [connect_key("elsewhere"), connect_key("x").removeprefix("x/")])
def test_a_default_clinic_takes_what_no_prefix_does(key: str) -> None:
    found = decide(parse_key(key).evidence(ClinicRules(default_clinic_id="main")))
    assert found == ClinicDecision(clinic_id="main", source=ClinicSource.DEFAULT)


def test_no_setting_speaks_against_a_key_that_names_its_clinic() -> None:
    rules = ClinicRules(clinic_by_prefix={"recordings/downtown": "uptown"}, default_clinic_id="main")
    found = parse_key("recordings/downtown/2026-03-02/c-1.wav").evidence(rules)
    assert found == (ClinicEvidence(source=ClinicSource.KEY, clinic_id="downtown"),)


@pytest.mark.parametrize(
    ("key", "of_contact"),
    [
        (connect_key(), True),
        (connect_key(name="0001_20260302T14:05_UTC.wav"), True),
        (f"recordings/downtown/2026-03-02/{CONTACT}.wav", True),
        (f"recordings/downtown/2026-03-02/{CONTACT.upper()}.mp3", True),
        ("recordings/downtown/2026-03-02/0001.wav", False),
        (f"recordings/downtown/2026-03-02/{CONTACT}-2.wav", False),
    ],
)
def test_a_files_name_stands_for_a_contact_only_if_it_looks_like_one(key: str, of_contact: bool) -> None:
    assert parse_key(key).of_contact == of_contact


def test_a_call_is_filed_with_what_its_clinic_was_decided_by() -> None:
    clinic = ClinicDecision(clinic_id="north", source=ClinicSource.QUEUE)
    assert parse_key(connect_key(path="ivr/2026/03/02")).of(clinic) == CallRecording(
        clinic_id="north",
        clinic_source=ClinicSource.QUEUE,
        call_id=CONTACT,
        kind=CallKind.IVR,
        started_at=datetime(2026, 3, 2, 14, 5, tzinfo=UTC),
        started_at_source=StartSource.KEY_MINUTE,
        layout="connect",
    )


@pytest.mark.parametrize("call_id", ["a b", "a+b", "a%20b", "Zoë 电话", "a.b", "a%2Fb"])
def test_keys_are_taken_as_they_are(call_id: str) -> None:
    assert parse_key(f"recordings/downtown/2026-03-02/{call_id}.wav").call_id == call_id


@pytest.mark.parametrize("extension", ["wav", "WAV", "mp3", "flac", "ogg", "opus", "m4a"])
def test_every_kind_of_audio_is_a_call(extension: str) -> None:
    assert parse_key(f"recordings/downtown/2026-03-02/c.{extension}").call_id == "c"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("recordings/downtown/2026-03-02/", "folder"),
        ("", "folder"),
        ("recordings/downtown/2026-03-02/c-1.json", "not-audio"),
        ("recordings/downtown/2026-03-02/.DS_Store", "not-audio"),
        ("recordings/downtown/2026-03-02/_SUCCESS", "not-audio"),
        ("uploads/c.amr", "not-audio"),
        ("connect/downtown-eye/ChatTranscripts/2026/03/02/chat.json", "chat-transcript"),
        ("connect/downtown-eye/Attachments/chat/2026/03/02/voice-note.wav", "attachment"),
        ("connect/downtown-eye/Attachments/chat/2026/03/02/x_form.pdf", "attachment"),
        ("connect/downtown-eye/ScreenRecordings/2026/03/02/screen.mp4", "screen-recording"),
        (connect_key(name=f"{CONTACT}.json"), "not-audio"),
        (f"Analysis/Voice/2026/03/02/{CONTACT}_analysis_2026-03-02T14:05:00Z.json", "analysis-file"),
        (f"Analysis/Voice/Redacted/2026/03/02/{CONTACT}_call_recording_redacted_2026-03-02.wav", "redacted-copy"),
        (f"x/Analysis/Voice/Redacted/CallRecordings/2026/03/02/{CONTACT}_20260302T14:05_UTC.wav", "redacted-copy"),
    ],
)
def test_other_objects_are_passed_over(key: str, reason: str) -> None:
    assert passed_over(key) == reason


@pytest.mark.parametrize("extension", ["amr", "AAC", "webm", "mp4", "gsm", "vox", "3gp", "unheard-of"])
def test_a_file_of_another_format_where_recordings_belong_is_refused_with_its_call(extension: str) -> None:
    own, connects = f"recordings/downtown/2026-03-02/c.{extension}", connect_key().replace(".wav", f".{extension}")
    for key, call_id in ((own, "c"), (connects, CONTACT)):
        with pytest.raises(UnknownExtension, match=r"convert it to WAV") as error:
            parse_key(key)
        assert error.value.key.call_id == call_id


def test_a_file_without_an_extension_is_not_passed_over() -> None:
    with pytest.raises(UnknownExtension, match="no known extension"):
        parse_key("recordings/downtown/2026-03-02/call-7")


@pytest.mark.parametrize(
    "key",
    [
        "call.wav",
        "recordings/call.wav",
        "recordings/downtown/call.wav",
        "recordings/downtown/2026-3-2/c.wav",
        "recordings/downtown/2026-03-02/more/c.wav",
        "recordings/downtown/٢٠٢٦-03-02/c.wav",
        "other/downtown/2026-03-02/c.wav",
        connect_key(path="2026/03"),
        connect_key(path="chat/2026/03/02"),
        connect_key(name=f"{CONTACT}.wav"),
        connect_key(name=f"{CONTACT}_20260302T14:05.wav"),
        connect_key(name="_20260302T14:05_UTC.wav"),
    ],
)
def test_a_recording_of_no_known_layout_is_refused(key: str) -> None:
    assert refused(key) == "unknown-layout"


@pytest.mark.parametrize(
    "key",
    [
        "recordings/downtown/2026-02-30/c.wav",
        "recordings/downtown/2026-13-01/c.wav",
        "recordings/downtown/0000-01-01/c.wav",
        connect_key(path="2026/02/31"),
        connect_key(name=f"{CONTACT}_20261301T14:05_UTC.wav"),
        connect_key(name=f"{CONTACT}_20260302T24:05_UTC.wav"),
    ],
)
def test_a_day_that_does_not_exist_is_refused(key: str) -> None:
    assert refused(key) == "impossible-date"


@pytest.mark.parametrize("name", ["a#b", "a\nb", "a\x00b", "\ud800", "", " ", ".", "..", "x" * 257, " a", "a\u202eb"])
def test_an_id_that_cannot_stand_in_a_table_key_is_refused(name: str) -> None:
    assert refused(f"recordings/downtown/2026-03-02/{name}.wav") == "bad-id"
    assert refused(f"recordings/{name}/2026-03-02/c.wav") == "bad-id"


def test_a_refusal_does_not_quote_the_key() -> None:
    with pytest.raises(UnknownLayout) as error:
        parse_key("recordings/downtown/+15551234567.wav")
    assert "555" not in str(error.value)


PARTS = st.sampled_from(["recordings", "CallRecordings", "ivr", "Analysis", "2026", "2026-03-02", "a.wav"])


@given(st.text() | st.lists(PARTS | st.text(max_size=5)).map("/".join))
@example("recordings/\ud800/2026-03-02/a.wav")
def test_no_key_ends_in_an_undeclared_error(key: str) -> None:
    try:
        recording = parse_key(key)
    except (NotACall, UnknownExtension, UnknownLayout):
        return
    assert "#" not in recording.call_id + (recording.clinic_id or "")


IDS = st.text(st.characters(exclude_characters="#/", exclude_categories=["C", "Z"]), min_size=1, max_size=60).filter(
    lambda text: text.isprintable() and text not in (".", "..") and len(text.encode()) <= 256
)


@given(IDS | st.sampled_from(["Analysis", "CallRecordings"]), st.dates(), IDS, st.sampled_from(["wav", "mp3", "flac"]))
def test_every_key_of_the_own_layout_is_read_back(clinic: str, day: date, call: str, extension: str) -> None:
    recording = parse_key(f"recordings/{clinic}/{day.isoformat()}/{call}.{extension}")
    if call != "CallRecordings":
        assert (recording.clinic_id, recording.call_id) == (clinic, call)
        assert recording.started_at.date() == day


@given(IDS, st.datetimes(min_value=datetime(1900, 1, 1)), st.sampled_from(["", "ivr/"]))
def test_every_key_of_connects_layout_is_read_back(contact: str, moment: datetime, part: str) -> None:
    name = f"{contact}_{moment:%Y%m%dT%H:%M}_UTC.wav"
    recording = parse_key(f"connect/downtown-eye/CallRecordings/{part}{moment:%Y/%m/%d}/{name}")
    assert recording.call_id == contact
    assert recording.started_at == moment.replace(second=0, microsecond=0, tzinfo=UTC)
