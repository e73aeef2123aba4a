"""What the live constructs promise streamers and functions, and what those take it for; neither imports the other."""

import importlib.util
import json
from typing import Any

import pytest
from aws_cdk.assertions import Template

from callscribe.contract.table_keys import live_call_key, live_calls_partition, utterance_key
from callscribe.judgement.quality import load_rubric
from callscribe.live.call import InvalidLiveCall, LiveCall, feed_channel
from constructs_lib import LiveStreamer, LiveTranscriptFeed, _checks, _live_monitoring, _metrics
from constructs_lib._state_machine import EVENT_SOURCE
from constructs_lib.live_streamer import LIVE_CALL_TRANSCRIBED
from constructs_lib.live_transcript_feed import NAMESPACE
from streamer import announcer, metrics
from streamer.settings import Settings
from tests.conftest import ROOT
from tests.constructs_lib.live_parts import container, new_streamer, variables
from tests.constructs_lib.parts import environment, new_stack


@pytest.fixture(scope="module")
def deployed() -> tuple[LiveStreamer, Template]:
    stack = new_stack()
    streamer = new_streamer(stack, feed=LiveTranscriptFeed(stack, "Feed"), default_clinic_id="main")
    return streamer, Template.from_stack(stack)


def told(deployed: tuple[LiveStreamer, Template]) -> dict[str, str]:
    """The streamer's variables, with something in place of what only a deployment knows."""
    streamer, template = deployed
    return {
        name: value if isinstance(value, str) else "deployed" for name, value in variables(template, streamer).items()
    }


def test_the_streamer_understands_what_it_is_told(deployed: tuple[LiveStreamer, Template]) -> None:
    settings = Settings.from_environment(told(deployed))
    assert settings.slots == 100
    assert (settings.lease.total_seconds(), settings.max_call.total_seconds()) == (30, 4 * 3600)
    assert settings.deepgram_stream_url == "wss://api.deepgram.com"
    assert settings.retention is None


def test_the_streamer_is_told_nothing_that_it_does_not_read(deployed: tuple[LiveStreamer, Template]) -> None:
    source = (ROOT / "streamer" / "settings.py").read_text(encoding="utf-8")
    assert {name for name in told(deployed) if f'"{name}"' not in source} == set()


def test_the_health_check_is_a_module_of_the_streamer(deployed: tuple[LiveStreamer, Template]) -> None:
    streamer, template = deployed
    command = container(template, streamer)["HealthCheck"]["Command"]
    assert importlib.util.find_spec(command[-1])


def test_the_rubric_is_one_that_ships(deployed: tuple[LiveStreamer, Template]) -> None:
    streamer, template = deployed
    assert load_rubric(environment(template, streamer.store_function)["RUBRIC"])


WRITTEN = {name: value for name, value in vars(_live_monitoring).items() if name.isupper() and isinstance(value, str)}


@pytest.mark.parametrize("name", sorted(WRITTEN.values()))
def test_metrics_are_written_under_the_name_they_are_read_by(name: str) -> None:
    source = (ROOT / "streamer" / "metrics.py").read_text(encoding="utf-8")
    assert f'"{name}"' in source
    assert metrics.NAMESPACE == _metrics.METRICS_NAMESPACE


def test_ends_of_calls_are_announced_under_the_name_that_is_listened_for() -> None:
    assert (announcer.SOURCE, announcer.DETAIL_TYPE) == (EVENT_SOURCE, LIVE_CALL_TRANSCRIBED)


def test_a_calls_channel_lies_in_the_namespace_below_its_clinic() -> None:
    assert feed_channel("lakeside", "call-1").split("/") == ["", NAMESPACE, "lakeside", "call-1"]


@pytest.mark.parametrize("clinic", ["lakeside", "Lake-2", "a", "x" * 50, "", "-a", "a-", "a_b", "a.b", "x" * 51])
def test_whoever_is_granted_a_clinic_is_granted_one_that_calls_can_have(clinic: str) -> None:
    arn = "arn:aws:kinesisvideo:eu-central-1:111122223333:stream/callscribe/1"

    def accepted() -> bool:
        try:
            LiveCall(call_id="c", clinic_id=clinic, stream_arn=arn, start_fragment="", started_at_ms=1)
        except InvalidLiveCall:
            return False
        return True

    assert accepted() == bool(_checks.CHANNEL_SEGMENT.fullmatch(clinic))


def test_the_items_of_calls_are_those_that_streamers_may_touch() -> None:
    keys: list[Any] = [live_call_key("1"), utterance_key("1", 1)]
    assert all(key.pk.startswith("CALL#") for key in keys)
    assert live_calls_partition("lakeside", "2026-11-22").startswith("LIVE#")


def test_options_are_told_as_recordings_are(deployed: tuple[LiveStreamer, Template]) -> None:
    assert json.loads(told(deployed)["DEEPGRAM_OPTIONS"])["mip_opt_out"] is True
