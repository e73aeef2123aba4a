"""A deployment in moto, and handlers that start cold in each test."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import TYPE_CHECKING

import boto3
import pytest

# Powertools reads these when the handlers' modules are imported.
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "callscribe-tests")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "CallScribe")

from tests.fakes.bedrock import FakeBedrock
from tests.fakes.deepgram import FakeDeepgram
from tests.fakes.lean_moto import lean_aws
from tests.lambdas.cloud import AUDIO_ROLE, PRESIGNER_ROLE, READER_ROLE, REGION, WRITER_ROLE, Cloud

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# One for all tests: a session reads the descriptions of its services anew, which takes longer than the tests do.
_SESSION = boto3.Session()


@pytest.fixture(autouse=True)
def _aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


@pytest.fixture
def cloud(_aws_environment: None) -> Iterator[Cloud]:
    with lean_aws():
        boto3.DEFAULT_SESSION = _SESSION  # moto has each test make a new one
        yield Cloud()


@pytest.fixture(scope="session")
def _deepgram_server() -> Iterator[FakeDeepgram]:
    with FakeDeepgram().running() as server:
        yield server


@pytest.fixture
def deepgram(_deepgram_server: FakeDeepgram) -> FakeDeepgram:
    _deepgram_server.reset()
    return _deepgram_server


@pytest.fixture(scope="session")
def _bedrock_server() -> Iterator[FakeBedrock]:
    with FakeBedrock().running() as server:
        yield server


@pytest.fixture
def bedrock(_bedrock_server: FakeBedrock) -> FakeBedrock:
    _bedrock_server.reset()
    return _bedrock_server


@pytest.fixture
def function_environment(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The functions' environment variables, and handlers that have read none of them yet."""
    from lambdas.admit_recording import handler as admit
    from lambdas.call_console import handler as console
    from lambdas.draw_waveform import handler as draw
    from lambdas.score_quality import handler as score
    from lambdas.store_transcript import handler as store
    from lambdas.transcribe_call import handler as transcribe
    from lambdas.update_search import handler as update_search

    for name, value in {
        "TABLE_NAME": "transcripts",
        "ARCHIVE_BUCKET": "archive",
        "CLINICS": json.dumps({"clinic_by_prefix": {"connect/harbour": "harbour"}, "default_clinic_id": None}),
        "MAX_DURATION_SECONDS": "14400",
        "CLAIM_LEASE_SECONDS": "90000",
        "ON_NEW_VERSION": "supersede",
        "LIVE_TRANSCRIPTS": "always",
        "LIVE_PATIENCE_SECONDS": "900",
        "RETENTION_DAYS": "",
        "DEEPGRAM_OPTIONS": "{}",
        "DEEPGRAM_PRICES": "{}",
        "VOCABULARY_PATH": "/callscribe/vocabulary/",
        "PRESIGNER_ROLE_ARN": PRESIGNER_ROLE,
        "PRESIGNED_URL_SECONDS": "900",
        "REQUEST_TIMEOUT_SECONDS": "60",
        "MAX_ATTEMPTS": "4",
        "MAX_RETRY_DELAY_SECONDS": "60",
        "CHANNEL_ROLES": json.dumps({"0": "customer", "1": "agent"}),
        "TRANSCRIPT_RETENTION_DAYS": "",
        "RUBRIC": "clinic-call-v1",
        "FLAGS": "eye-clinic-v1",
        "RECORDING_BUCKET": "recordings",
        "READER_ROLE_ARN": READER_ROLE,
        "WRITER_ROLE_ARN": WRITER_ROLE,
        "STORE_FUNCTION": "store",
        "LIVE_STORE_FUNCTION": "live-store",
        "AUDIO_ROLE_ARN": AUDIO_ROLE,
        "CLIENT_ID": "client",
        "CALLS_SCOPE": "callscribe/calls",
        "PROGRAM_CLIENT_ID": "program",
        "SIGN_IN_URL": "https://sign-in.example.com",
        "TIME_ZONES": json.dumps({"harbour": "Europe/Berlin"}),
        "ROLE_NAMES": json.dumps({"customer": "patient"}),
        "SEARCH_BUCKET": "search",
        "LIVE_CALLS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/live-calls",
        "WAVEFORM_FUNCTION": "waveforms",
        "STATE_MACHINE_ARN": "arn:aws:states:eu-central-1:123456789012:stateMachine:workflow",
        "FEED_HTTP_URL": "https://feed.example.com/event",
        "FEED_REALTIME_URL": "wss://feed.example.com/event/realtime",
    }.items():
        monkeypatch.setenv(name, value)
    caches = (
        admit._admission,
        transcribe._environment,
        transcribe._worker,
        store._environment,
        store._store,
        store._rebuilder,
        score._scoring,
        console._console,
        update_search._shards,
        draw._drawing,
    )
    for cache in caches:
        cache.cache_clear()
    yield monkeypatch
    for cache in caches:
        cache.cache_clear()


class _WhateverStdoutIs(io.TextIOBase):
    """Standard output as it is at the moment of writing; pytest changes it between the phases of a test."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)


@pytest.fixture(autouse=True)
def output(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """What the functions have written: logs and metrics, as Lambda would send them to CloudWatch."""
    from lambdas.common.observability import logger, metrics

    metrics.clear_metrics()  # those of a test that entered behind the handler
    monkeypatch.setattr(logger.registered_handler, "stream", _WhateverStdoutIs())
    return lambda: "".join(capsys.readouterr())
