from typing import Any

import pytest

from callscribe.deepgram.options import TranscriptionOptions
from callscribe.deepgram.prices import DeepgramPrices
from callscribe.environments.functions import (
    AdmitRecordingEnvironment,
    FunctionEnvironment,
    StoreTranscriptEnvironment,
    TranscribeCallEnvironment,
)
from callscribe.environments.streamer import StreamerEnvironment
from callscribe.environments.variables import Environment, InvalidEnvironment
from callscribe.recordings.clinics import ClinicRules

STREAMER = {
    "AWS_REGION": "eu-central-1",
    "TABLE_NAME": "transcripts",
    "CALLS_QUEUE_URL": "https://sqs/calls",
    "FAILED_CALLS_QUEUE_URL": "https://sqs/failed-calls",
    "DEEPGRAM_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key",
    "DEEPGRAM_OPTIONS": '{"model":"nova-3"}',
    "DEEPGRAM_STREAM_URL": "wss://api.deepgram.com",
    "VOCABULARY_PATH": "/vocabulary/",
    "EVENT_BUS_NAME": "bus",
    "FLAGS": "eye-clinic-v1",
    "SERVICE_NAME": "live",
    "SLOTS": "150",
    "LEASE_SECONDS": "30",
    "MAX_CALL_SECONDS": "14400",
    "IDLE_LIMIT_SECONDS": "120",
    "START_WAIT_SECONDS": "60",
    "BUFFER_SECONDS": "60",
    "HEALTH_PORT": "8080",
}

PLACEHOLDER = "${Token[TOKEN.123]}"

ADMIT = AdmitRecordingEnvironment(
    table_name=PLACEHOLDER,
    clinics=ClinicRules(clinic_by_dialled_number={"+493012345678": "lakeside"}, default_clinic_id="main"),
    max_duration_seconds=14_400,
    claim_lease_seconds=90_000,
    on_new_version="keep",
    live_transcripts="when-incomplete",
    live_patience_seconds=900,
    retention_days=30,
)
TRANSCRIBE = TranscribeCallEnvironment(
    table_name="t",
    archive_bucket="a",
    deepgram_secret_arn=PLACEHOLDER,
    deepgram_base_url="https://api.deepgram.com",
    deepgram_options=TranscriptionOptions(
        redact=("ssn",), extra_parameters={"numerals": "true", "search": ("refund", "pain")}
    ),
    vocabulary_path="/v/",
    presigner_role_arn="r",
    presigned_url_seconds=900,
    request_timeout_seconds=660,
    max_attempts=50,
    channel_roles={0: "customer", 1: "agent"},
)
STORE = StoreTranscriptEnvironment(
    table_name="t",
    archive_bucket="a",
    deepgram_options=TranscriptionOptions(),
    deepgram_prices=DeepgramPrices(plan="growth"),
    flags="eye-clinic-v1",
    rubric="clinic-call-v1",
    channel_roles={0: "agent"},
)


@pytest.mark.parametrize("told", [ADMIT, TRANSCRIBE, STORE], ids=lambda told: told.MODULE)
def test_what_is_written_is_what_is_read(told: FunctionEnvironment) -> None:
    variables = told.to_variables()
    assert all(isinstance(value, str) for value in variables.values())
    assert type(told).from_variables(variables | {"PATH": "/bin"}) == told


def test_names_that_only_a_deployment_knows_pass_through() -> None:
    assert ADMIT.to_variables()["TABLE_NAME"] == PLACEHOLDER


def test_what_may_be_left_out_or_empty_has_a_meaning() -> None:
    left_out = StreamerEnvironment.from_variables(STREAMER)
    assert StreamerEnvironment.from_variables(STREAMER | {"FEED_URL": "", "RETENTION_DAYS": ""}) == left_out
    assert (left_out.feed_url, left_out.retention_days) == (None, None)
    assert (left_out.health_host, left_out.log_level) == ("127.0.0.1", "INFO")


def test_all_that_is_wrong_is_named_at_once_and_no_value() -> None:
    wrong = {
        "SLOTS": "0",
        "LEASE_SECONDS": "sooner",
        "DEEPGRAM_OPTIONS": '{"model": "xyzzy", "speakers": "xyzzy"}',
        "LOG_LEVEL": "xyzzy",
        "RETENTION_DAYS": "-1",
        "HEALTH_HOST": "xyzzy",
    }
    environment = {name: value for name, value in STREAMER.items() if name != "TABLE_NAME"} | wrong
    with pytest.raises(InvalidEnvironment) as raised:
        StreamerEnvironment.from_variables(environment)
    problems = str(raised.value).split("; ")
    assert {problem.split()[0].strip(":").split(".")[0] for problem in problems} >= {"TABLE_NAME", "SLOTS", "LOG_LEVEL"}
    assert len(problems) == 1 + len(wrong)
    for name in ("TABLE_NAME", *wrong):
        assert name in str(raised.value)
    assert "xyzzy" not in str(raised.value)
    assert "sooner" not in str(raised.value)


@pytest.mark.parametrize(
    ("struct", "told", "name", "value"),
    [
        # SQS forgets after 12 hours who has a message.
        (StreamerEnvironment, STREAMER, "MAX_CALL_SECONDS", "43200"),
        (AdmitRecordingEnvironment, ADMIT.to_variables(), "ON_NEW_VERSION", "ask"),
        (AdmitRecordingEnvironment, ADMIT.to_variables(), "LIVE_TRANSCRIPTS", "sometimes"),
        (AdmitRecordingEnvironment, ADMIT.to_variables(), "CLINICS", '{"prefixes": {}}'),
        (TranscribeCallEnvironment, TRANSCRIBE.to_variables(), "CHANNEL_ROLES", '{"0": "doctor"}'),
        (TranscribeCallEnvironment, TRANSCRIBE.to_variables(), "MAX_ATTEMPTS", "101"),
        (TranscribeCallEnvironment, TRANSCRIBE.to_variables(), "DEEPGRAM_OPTIONS", '{"custom_vocabulary": ["a"]}'),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(
    struct: type[Environment], told: dict[str, Any], name: str, value: str
) -> None:
    with pytest.raises(InvalidEnvironment, match=name):
        struct.from_variables(told | {name: value})
