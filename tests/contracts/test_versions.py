"""Whoever writes says in which version."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator

import pytest
from aws_cdk.assertions import Template

from callscribe.contract.schema import SCHEMA_VERSION
from constructs_lib import ClinicRules
from tests.conftest import ROOT
from tests.constructs_lib.parts import new_stack, new_workflow

# What a JSON schema calls the types of values (JSON Schema Validation, 6.1.1); no message is one of them.
_OF_JSON_SCHEMA = {"array", "boolean", "integer", "null", "number", "object", "string"}


def kinds() -> list[tuple[str, str, set[str]]]:
    """Every class and literal with a `type`, such as an item of the table: where it is, what it is and its names."""
    found = []
    for package in ("callscribe", "lambdas", "streamer"):
        for path in sorted((ROOT / package).rglob("*.py")):
            place = path.relative_to(ROOT).as_posix()
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                named = dict(_names(node))
                if isinstance(kind := named.get("type"), ast.Constant) and kind.value not in _OF_JSON_SCHEMA:
                    found.append((place, str(kind.value), {str(name) for name in named}))
    return found


def _names(node: ast.AST) -> Iterator[tuple[object, ast.expr | None]]:
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        yield from ((key.value, value) for key, value in pairs if isinstance(key, ast.Constant))
    elif isinstance(node, ast.ClassDef):
        fields = (part for part in node.body if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name))
        yield from ((field.target.id, field.value) for field in fields)  # type: ignore[union-attr]


@pytest.mark.parametrize(("place", "kind", "names"), kinds(), ids=lambda value: value if isinstance(value, str) else "")
def test_what_has_a_type_has_a_schema_version(place: str, kind: str, names: set[str]) -> None:
    assert "schema_version" in names


def test_the_kinds_are_found() -> None:
    assert {"transcript", "claim", "live-call", "live-utterance", "interim", "final", "state"} <= {
        kind for _, kind, _ in kinds()
    }


def test_messages_events_and_items_of_the_state_machine_state_it() -> None:
    stack = new_stack()
    new_workflow(stack, clinics=ClinicRules(default_clinic_id="main"))
    (machine,) = Template.from_stack(stack).find_resources("AWS::StepFunctions::StateMachine").values()
    parts = machine["Properties"]["DefinitionString"]["Fn::Join"][1]
    definition = json.loads("".join(part if isinstance(part, str) else "deployed" for part in parts))
    arguments = [state["Arguments"] for state in definition["States"].values() if "Arguments" in state]
    written = [
        *(argument["MessageBody"] for argument in arguments if "MessageBody" in argument),
        *(entry["Detail"] for argument in arguments for entry in argument.get("Entries", [])),
    ]
    assert len(written) >= 3
    assert {one["schema_version"] for one in written} == {SCHEMA_VERSION}
    for argument in arguments:
        if "#type" in argument.get("ExpressionAttributeNames", {}):
            assert argument["ExpressionAttributeValues"][":schema_version"] == {"N": str(SCHEMA_VERSION)}
