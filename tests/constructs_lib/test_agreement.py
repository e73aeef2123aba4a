"""What the constructs promise the functions, and what the functions take it for; neither imports the other."""

import json
from typing import get_args

import pytest
from aws_cdk.assertions import Template
from jsonata.jsonata import Jsonata

from callscribe.contract.table_keys import failed_admission_key
from callscribe.deepgram import options as core_options
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.judgement.quality import load_rubric
from callscribe.recordings.clinics import ClinicRules
from callscribe.transcript import Role
from constructs_lib import DeepgramOptions, TranscriptionWorkflow, _nag
from constructs_lib.deepgram_options import MAX_TERM_TOKENS, MAX_TERMS, estimated_tokens
from constructs_lib.recording_limits import LiveTranscripts
from lambdas.admit_recording import live_policy
from lambdas.admit_recording.object_created import ObjectCreated
from tests.constructs_lib.parts import environment, new_stack, new_workflow, properties


@pytest.fixture(scope="module")
def deployed() -> tuple[TranscriptionWorkflow, Template]:
    stack = new_stack()
    workflow = new_workflow(
        stack, clinics=ClinicRules(clinic_by_prefix={"connect/lakeside/": "lakeside"}, default_clinic_id="main")
    )
    return workflow, Template.from_stack(stack)


def test_options_are_read_as_they_are_written() -> None:
    options = DeepgramOptions(redact=("pci",), tags=("a",), summarize=False)
    read = TranscriptionOptions.from_json(options.to_json())
    assert (read.redact, read.tags, read.summarize, read.model) == (("pci",), ("a",), False, "nova-3")


def test_settings_are_read_as_they_are_written(deployed: tuple[TranscriptionWorkflow, Template]) -> None:
    workflow, template = deployed
    admit = environment(template, workflow.admit_function)
    assert ClinicRules.from_json(admit["CLINICS"]) == ClinicRules(
        clinic_by_prefix={"connect/lakeside/": "lakeside"}, default_clinic_id="main"
    )
    store = environment(template, workflow.store_function)
    assert [Role(role) for role in json.loads(store["CHANNEL_ROLES"]).values()] == [Role.CUSTOMER, Role.AGENT]
    assert load_rubric(environment(template, workflow.score_function)["RUBRIC"])


def test_the_vocabulary_is_checked_at_least_as_strictly_as_it_is_used() -> None:
    assert (MAX_TERMS, MAX_TERM_TOKENS) == (core_options.MAX_VOCABULARY_TERMS, core_options.MAX_KEYTERM_TOKENS)
    for term in ("a b c", "glaucoma", "Höhenmesser", "OCT scan", "hydroxychloroquine"):
        assert estimated_tokens([term]) >= core_options.estimated_tokens(term)


def test_the_live_setting_is_known_on_both_sides() -> None:
    assert set(get_args(LiveTranscripts)) == {setting.value for setting in live_policy.LiveTranscripts}


@pytest.mark.parametrize(
    ("announced", "content"),
    [
        ({"key": "a/b c.wav", "version-id": "v1", "etag": "e1"}, "v1"),
        ({"key": "a.wav", "version-id": "", "etag": "e1"}, "e1"),
        ({"key": "ä/+.wav", "etag": "e1"}, "e1"),
    ],
)
def test_a_failed_admission_is_found_where_the_workflow_notes_it(
    deployed: tuple[TranscriptionWorkflow, Template], announced: dict[str, str], content: str
) -> None:
    workflow, template = deployed
    machine = json.loads(_nag.flat(properties(template, workflow.state_machine)["DefinitionString"]))
    key = machine["States"]["RecordFailedAdmission"]["Arguments"]["Key"]
    event = {"detail": {"bucket": {"name": "recordings"}, "object": announced}}
    expression = key["PK"]["S"].removeprefix("{%").removesuffix("%}").replace("$states", "states")
    written = Jsonata(expression).evaluate({"states": {"context": {"Execution": {"Input": event}}}})
    found = failed_admission_key("recordings", announced["key"], content)
    assert (found.pk, found.sk) == (written, key["SK"]["S"])
    assert ObjectCreated.model_validate(event | {"redrive_of": "arn"}).content == content
