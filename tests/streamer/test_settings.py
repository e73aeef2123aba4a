from datetime import timedelta

import pytest

from streamer.settings import InvalidSettings, Settings

ENVIRONMENT = {
    "AWS_REGION": "eu-central-1",
    "TABLE_NAME": "transcripts",
    "CALLS_QUEUE_URL": "https://sqs/calls",
    "FAILED_CALLS_QUEUE_URL": "https://sqs/failed-calls",
    "DEEPGRAM_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key",
    "DEEPGRAM_OPTIONS": '{"model":"nova-3"}',
    "DEEPGRAM_STREAM_URL": "wss://api.deepgram.com/",
    "VOCABULARY_PATH": "/vocabulary/",
    "FEED_URL": "",
    "EVENT_BUS_NAME": "bus",
    "SERVICE_NAME": "live",
    "SLOTS": "150",
    "LEASE_SECONDS": "30",
    "MAX_CALL_SECONDS": "14400",
    "IDLE_LIMIT_SECONDS": "120",
    "START_WAIT_SECONDS": "60",
    "BUFFER_SECONDS": "60",
    "RETENTION_DAYS": "",
    "LOG_LEVEL": "INFO",
    "HEALTH_PORT": "8080",
}


def test_the_environment_becomes_settings() -> None:
    settings = Settings.from_environment(ENVIRONMENT | {"RETENTION_DAYS": "30"})
    assert settings.slots == 150
    assert settings.lease == timedelta(seconds=30)
    assert settings.retention == timedelta(days=30)
    assert settings.deepgram_options.model == "nova-3"
    assert settings.deepgram_stream_url == "wss://api.deepgram.com"


def test_what_may_be_left_out_has_a_meaning() -> None:
    settings = Settings.from_environment(
        {k: v for k, v in ENVIRONMENT.items() if k not in {"FEED_URL", "RETENTION_DAYS"}}
    )
    assert (settings.feed_url, settings.retention, settings.ecs_agent_uri) == ("", None, "")
    assert settings.health_host == "127.0.0.1"


def test_all_that_is_wrong_is_named_at_once() -> None:
    wrong = {
        "SLOTS": "0",
        "LEASE_SECONDS": "soon",
        "DEEPGRAM_OPTIONS": "{",
        "LOG_LEVEL": "loud",
        "RETENTION_DAYS": "-1",
        "HEALTH_HOST": "somewhere",
    }
    environment = {k: v for k, v in ENVIRONMENT.items() if k != "TABLE_NAME"} | wrong
    with pytest.raises(InvalidSettings) as raised:
        Settings.from_environment(environment)
    for name in ("TABLE_NAME", *wrong):
        assert name in str(raised.value)


def test_a_call_must_end_before_sqs_forgets_who_has_its_message() -> None:
    with pytest.raises(InvalidSettings, match="MAX_CALL_SECONDS"):
        Settings.from_environment(ENVIRONMENT | {"MAX_CALL_SECONDS": "43200"})
