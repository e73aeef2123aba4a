"""The JSON Schemas of the reference describe what is written, and what earlier versions wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from aws_cdk.assertions import Template

from callscribe.contract.events import CALL_TRANSCRIBED, CallTranscribed
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.documents import ArchivePointers, quality_attribute, to_document, to_item
from callscribe.judgement.quality import QualityScore
from callscribe.table_values import plain
from callscribe.transcript import Transcript
from constructs_lib import ClinicRules
from docs.reference import generate_schemas
from tests.constructs_lib.parts import new_stack, new_workflow
from tests.contracts.fields import filled
from tests.contracts.golden import Golden, golden

SCHEMAS = {name: json.loads(text) for name, text in generate_schemas.schemas().items()}
BY_FILE = {
    "document": "transcript-document",
    "live-document": "transcript-document",
    "transcript-item": "transcript-item",
    "live-transcript-item": "transcript-item",
    "call-transcribed-event": "call-transcribed",
    "call-transcribed-event-live": "call-transcribed",
    "live-call-transcribed-event": "live-call-transcribed",
    "urgent-call-event": "urgent-call",
}


def written(file: Golden) -> Iterator[tuple[str, Any]]:
    """What a file holds, each with the name of its schema."""
    name = file.path.stem
    if name == "feed-events":
        yield from ((f"feed-{message['type']}", message) for message in file.json())
    elif name.startswith(("live-call-item", "live-utterance-item")):
        yield "-".join(name.split("-")[:3]), plain(file.item())
    elif name.endswith("item"):
        yield BY_FILE[name], plain(file.item())
    elif name.endswith(("event", "event-live")):
        yield BY_FILE[name], file.json()["detail"]
    else:
        yield BY_FILE[name], file.json()


FILES = [
    file
    for pattern in (
        "*document",
        "*transcript-item",
        "*transcribed-event*",
        "urgent-call-event",
        "live-call-item*",
        "live-utterance*",
        "feed*",
    )
    for file in golden(pattern)
]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_what_any_version_wrote_is_as_its_schema_says(file: Golden) -> None:
    for name, value in written(file):
        jsonschema.validate(value, SCHEMAS[name])


def test_every_schema_has_its_files() -> None:
    assert {name for file in FILES if file.version == SCHEMA_VERSION for name, _ in written(file)} == {*SCHEMAS}


def unknown(value: Any, schema: dict[str, Any], whole: dict[str, Any], place: str = "") -> Iterator[str]:
    """Places of a value of which a schema says nothing."""
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        schema = next(part for part in schema["anyOf"] if part.get("type") != "null")
        yield from unknown(value, schema, whole, place)
    elif isinstance(value, dict) and "properties" in schema:
        for name, part in value.items():
            if name in schema["properties"]:
                yield from unknown(part, schema["properties"][name], whole, f"{place}.{name}")
            else:
                yield f"{place}.{name}"
    elif isinstance(value, list) and "items" in schema:
        for part in value:
            yield from unknown(part, schema["items"], whole, f"{place}[]")


KEYS = {".PK", ".SK", ".GSI1PK", ".GSI1SK", ".GSI2PK", ".GSI2SK"}


def test_a_schema_speaks_of_whatever_is_written() -> None:
    transcript = filled(Transcript)
    document, schema = to_document(transcript), SCHEMAS["transcript-document"]
    assert {*unknown(json.loads(json.dumps(document)), schema, schema)} == set()
    item = {**to_item(transcript, archive=filled(ArchivePointers)), "quality": quality_attribute(filled(QualityScore))}
    item |= {"expires_at": Decimal(1)}
    schema = SCHEMAS["transcript-item"]
    assert {*unknown(plain(item), schema, schema)} - KEYS == set()


@pytest.mark.parametrize("file", [file for file in FILES if file.version == SCHEMA_VERSION], ids=str)
def test_a_schema_speaks_of_whatever_is_sent(file: Golden) -> None:
    for name, value in written(file):
        if not name.endswith("call-item") and name != "live-utterance-item":
            assert {*unknown(value, SCHEMAS[name], SCHEMAS[name])} - KEYS == set()


def test_the_state_machine_tells_what_the_event_has() -> None:
    stack = new_stack()
    new_workflow(stack, clinics=ClinicRules(default_clinic_id="main"), role_names={"customer": "patient"})
    (machine,) = Template.from_stack(stack).find_resources("AWS::StepFunctions::StateMachine").values()
    parts = machine["Properties"]["DefinitionString"]["Fn::Join"][1]
    definition = json.loads("".join(part if isinstance(part, str) else "deployed" for part in parts))
    (entry,) = (
        entry
        for state in definition["States"].values()
        for entry in state.get("Arguments", {}).get("Entries", [])
        if entry["DetailType"] == CALL_TRANSCRIBED
    )
    assert entry["Detail"]["role_names"] == {"customer": "patient"}
    # A recording's transcript has no live figures.
    assert entry["Detail"].keys() == {field.name for field in fields(CallTranscribed)} - {
        "live",
        "enrichment",
        "analysis",
    }
