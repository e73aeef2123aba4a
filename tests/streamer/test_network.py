"""A way out that the streamer does not go is refused when it starts, not passed by without a word."""

from __future__ import annotations

import os

import pytest

from callscribe.environments.variables import InvalidEnvironment
from streamer.__main__ import main
from streamer.network import check_network
from tests.simulation.live.surroundings import streamer_environment

PROXY = "http://user:hush@proxy.example:3128"
TOLD = {
    "table_name": "calls",
    "failed_calls_queue_url": "https://sqs.eu-central-1.amazonaws.com/123456789012/failed",
    "deepgram_secret_arn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:deepgram",
    "event_bus_name": "calls",
}
PLACES = {
    **TOLD,
    "aws_region": "eu-central-1",
    "deepgram_stream_url": "wss://api.deepgram.com",
    "calls_queue_url": "https://sqs.eu-central-1.amazonaws.com/123456789012/calls",
    "feed_url": "https://abc.appsync-api.eu-central-1.amazonaws.com/event",
}
LOCAL = {
    **TOLD,
    "aws_region": "eu-central-1",
    "deepgram_stream_url": "ws://127.0.0.1:8080",
    "calls_queue_url": "http://127.0.0.1:4566/calls",
    "feed_url": None,
}


@pytest.fixture(autouse=True)
def no_proxy_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_is_refused_by_its_name_and_without_its_password(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, PROXY)
    with pytest.raises(InvalidEnvironment, match=f"^{name.upper()}: .*NAT gateway.*api.deepgram.com") as refused:
        check_network(streamer_environment(**PLACES))
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("left_out", ["api.deepgram.com", ".amazonaws.com"])
def test_a_proxy_for_some_of_the_places_is_refused_for_these(left_out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", left_out)
    with pytest.raises(InvalidEnvironment) as refused:
        check_network(streamer_environment(**PLACES))
    assert left_out not in str(refused.value)


def test_a_proxy_for_none_of_the_places_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    check_network(streamer_environment(**PLACES))
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    check_network(streamer_environment(**LOCAL))
    monkeypatch.setenv("NO_PROXY", "api.deepgram.com,.amazonaws.com")
    check_network(streamer_environment(**PLACES))


@pytest.mark.parametrize("name", ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"])
def test_endpoints_that_getmedia_does_not_have_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "false")
    check_network(streamer_environment(**PLACES))
    monkeypatch.setenv(name, "True")
    with pytest.raises(InvalidEnvironment, match=f"^{name}: "):
        check_network(streamer_environment(**PLACES))


def test_the_streamer_does_not_start_then(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    for name, value in streamer_environment(**PLACES).to_variables().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setattr("streamer.logs.configure", lambda **_: None)  # what other tests log is theirs
    assert main() == os.EX_CONFIG
    assert "HTTPS_PROXY: " in caplog.text
    assert "hush" not in caplog.text
