"""What the live constructs promise streamers and functions, and what those take it for; neither imports the other."""

import importlib.util
import json

import pytest
from aws_cdk.assertions import Template

from callscribe.judgement.quality import load_rubric
from constructs_lib import ClinicRules, LiveStreamer, LiveTranscriptFeed
from streamer.settings import Settings
from tests.conftest import ROOT
from tests.constructs_lib.live_parts import container, new_streamer, variables
from tests.constructs_lib.parts import environment, new_stack


@pytest.fixture(scope="module")
def deployed() -> tuple[LiveStreamer, Template]:
    stack = new_stack()
    streamer = new_streamer(
        stack, feed=LiveTranscriptFeed(stack, "Feed"), clinics=ClinicRules(default_clinic_id="main")
    )
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


def test_options_are_told_as_recordings_are(deployed: tuple[LiveStreamer, Template]) -> None:
    assert json.loads(told(deployed)["DEEPGRAM_OPTIONS"])["mip_opt_out"] is True
