"""What constructs tell functions and streamers is what those read: every variable, and no other."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from aws_cdk.assertions import Template

from callscribe.environments.functions import (
    AdmitRecordingEnvironment,
    EndLiveCallEnvironment,
    FunctionEnvironment,
    ScoreQualityEnvironment,
    StoreTranscriptEnvironment,
    powertools_variables,
)
from callscribe.environments.streamer import StreamerEnvironment
from callscribe.judgement.quality import load_rubric
from callscribe.recordings.clinics import ClinicRules
from constructs_lib import BedrockAnalyst, ClinicUsers, DeepgramOptions, LiveTranscriptFeed
from constructs_lib._functions import RuntimeFunction
from tests.conftest import ROOT
from tests.constructs_lib.live_parts import container, new_streamer, variables
from tests.constructs_lib.parts import new_console, new_stack, new_workflow

STRUCTS = {struct.MODULE: struct for struct in FunctionEnvironment.__subclasses__()}
CLINICS = ClinicRules(clinic_by_prefix={"connect/lakeside/": "lakeside"}, default_clinic_id="main")
OPTIONS = DeepgramOptions(redact=("pci",), tags=("a",), summarize=False, keyterms=("glaucoma",))


class Deployed:
    """Everything that the constructs tell, with something in place of what only a deployment knows."""

    def __init__(self) -> None:
        stack, live_stack, console_stack = new_stack(), new_stack(), new_stack()
        new_workflow(stack, clinics=CLINICS, options=OPTIONS, analyst=BedrockAnalyst(model="amazon.nova-lite-v1:0"))
        live = new_streamer(live_stack, feed=LiveTranscriptFeed(live_stack, "Feed"), options=OPTIONS)
        users = ClinicUsers(console_stack, "Users")
        new_console(
            console_stack, searched=True, users=users, feed=LiveTranscriptFeed(console_stack, "Feed", users=users)
        )
        live_template = Template.from_stack(live_stack)
        self.functions: dict[str, dict[str, str]] = {}
        for template in (Template.from_stack(stack), live_template, Template.from_stack(console_stack)):
            for resource in template.find_resources("AWS::Lambda::Function").values():
                package, folder, module, function = resource["Properties"]["Handler"].split(".")
                assert (package, module, function) == ("lambdas", "handler", "handle")
                assert folder not in self.functions
                self.functions[folder] = told(resource["Properties"]["Environment"]["Variables"])
        self.streamer = told(variables(live_template, live))
        self.health_check: list[str] = container(live_template, live)["HealthCheck"]["Command"]

    def read(self, folder: str) -> Any:
        return STRUCTS[folder].from_variables(self.functions[folder])


def told(values: dict[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else "deployed" for name, value in values.items()}


@pytest.fixture(scope="module")
def deployed() -> Deployed:
    return Deployed()


def test_every_function_has_its_struct_and_is_deployed(deployed: Deployed) -> None:
    folders = {path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py")}
    assert folders == STRUCTS.keys() == deployed.functions.keys()


@pytest.mark.parametrize("folder", sorted(STRUCTS))
def test_a_function_is_told_what_it_reads_and_nothing_else(deployed: Deployed, folder: str) -> None:
    read = deployed.read(folder).to_variables()
    assert deployed.functions[folder].keys() == read.keys() | powertools_variables("").keys()


def test_a_streamer_is_told_what_it_reads_and_nothing_else(deployed: Deployed) -> None:
    read = StreamerEnvironment.from_variables(deployed.streamer)
    assert deployed.streamer.keys() == read.to_variables().keys()
    assert (read.slots, read.lease_seconds, read.max_call_seconds) == (100, 30, 4 * 3600)
    assert (read.deepgram_stream_url, read.retention_days) == ("wss://api.deepgram.com", None)
    assert read.deepgram_options == OPTIONS.of_requests
    assert read.deepgram_options.mip_opt_out


def test_values_are_read_as_they_were_meant(deployed: Deployed) -> None:
    admit: AdmitRecordingEnvironment = deployed.read("admit_recording")
    assert admit.clinics == CLINICS
    store: StoreTranscriptEnvironment = deployed.read("store_transcript")
    assert store.channel_roles == {0: "customer", 1: "agent"}
    assert store.deepgram_options == OPTIONS.of_requests
    for folder in ("store_transcript", "score_quality", "store_live_transcript"):
        assert load_rubric(deployed.read(folder).rubric)


def test_the_health_check_is_a_module_of_the_streamer_and_reads_its_variables(deployed: Deployed) -> None:
    assert importlib.util.find_spec(deployed.health_check[-1])
    assert {"HEALTH_HOST", "HEALTH_PORT"} <= deployed.streamer.keys()


def test_a_function_is_told_nothing_meant_for_another() -> None:
    admit = next(
        part
        for part in new_workflow(new_stack()).node.find_all()
        if isinstance(part, RuntimeFunction) and part.node.id == "Admit"
    )
    with pytest.raises(TypeError, match="Admit reads AdmitRecordingEnvironment, not EndLiveCallEnvironment"):
        admit.configure(EndLiveCallEnvironment(table_name="t"))


def test_a_function_that_was_told_nothing_is_refused() -> None:
    stack = new_stack()
    workflow = new_workflow(stack)
    RuntimeFunction(
        stack,
        "Forgotten",
        workflow._shared,
        reads=ScoreQualityEnvironment,
        description="",
        timeout=workflow.transcription.timeout,
        memory_mib=128,
    )
    with pytest.raises(RuntimeError, match="configure it with ScoreQualityEnvironment"):
        Template.from_stack(stack)
