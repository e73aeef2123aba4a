"""``python -m docs.reference.generate_schemas``: write what is stored and sent as JSON Schemas and as a page of tables.

Both come from the classes that the code writes with, and their docstrings. A test holds them against the classes, so
that they are always those of the code beside them.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

import msgspec
from griffe import Docstring, DocstringSectionAttributes, DocstringSectionText, Parser

from callscribe.contract.events import CallTranscribed, LiveCallTranscribed, UrgentCall
from callscribe.documents import DocumentHead, TranscriptItem
from callscribe.live.call import LiveUtterance
from callscribe.live.feed import FinalMessage, InterimMessage, StateMessage
from callscribe.live.state import LiveItem
from callscribe.serialization import OpenEnum
from callscribe.transcript import Transcript

PAGE: Final = Path(__file__).with_name("data.md")
SCHEMAS: Final = Path(__file__).with_name("schemas")

# Of several classes a value has the fields of all.
_SHAPES: Final[Mapping[str, tuple[str, tuple[type, ...]]]] = {
    "transcript-item": ("Transcript item", (TranscriptItem,)),
    "transcript-document": ("Transcript document", (DocumentHead, Transcript)),
    "call-transcribed": ('Event "Call Transcribed"', (CallTranscribed,)),
    "live-call-transcribed": ('Event "Live Call Transcribed"', (LiveCallTranscribed,)),
    "urgent-call": ('Event "Urgent Call"', (UrgentCall,)),
    "live-call-item": ("Live call item", (LiveItem,)),
    "live-utterance-item": ("Live utterance item", (LiveUtterance,)),
    "feed-interim": ('Feed message "interim"', (InterimMessage,)),
    "feed-final": ('Feed message "final"', (FinalMessage,)),
    "feed-state": ('Feed message "state"', (StateMessage,)),
}
_HEAD: Final = """\
# Data

What CallScribe stores and sends, field by field. Written by `make reference` from the classes that the code writes
with; each shape is also a [JSON Schema](schemas). The names of tables, keys and indexes are in
[architecture](../explanation/architecture.md).

- Items are shown as JSON; DynamoDB has decimals where JSON has numbers, and no attribute where a value is null.
- A field without default is always there. Readers ignore fields that they do not know: later versions add some. Nothing
  is renamed or removed; `schema_version` says which version wrote.
- An open name is one of those listed, or one that a later version knows.
- Times are ISO 8601 with their offset. Confidences and shares lie between 0 and 1.
"""

_Schema = dict[str, Any]


def schemas() -> dict[str, str]:
    """Return the JSON Schemas by name."""
    return {name: json.dumps(_schema(name), indent=2) + "\n" for name in _SHAPES}


def render() -> str:
    """Return the page."""
    index = "\n".join(f"- [{title}](#{_anchor(title)})" for title, _ in _SHAPES.values())
    parts: dict[str, _Schema] = {}
    sections = [_HEAD, index]
    for name, (title, _) in _SHAPES.items():
        schema = _schema(name)
        parts |= schema.get("$defs", {})
        sections += [f"\n## {title}\n", f"{schema['description']} [Schema](schemas/{name}.json)\n", *_table(schema)]
    sections.append("\n## Parts\n")
    for part, schema in sorted(parts.items()):
        sections += [f"### {part}\n", f"{schema.get('description', '')}\n", *_rows(schema)]
    return "\n".join(sections) + "\n"


def _schema(name: str) -> _Schema:
    title, kinds = _SHAPES[name]
    (*_,), components = msgspec.json.schema_components(kinds)
    found = {kind.__name__: kind for whole in kinds for kind in _classes(whole)}
    described = {name: _described(schema, found[name]) for name, schema in components.items()}
    whole: _Schema = {"description": "", "type": "object", "properties": {}, "required": []}
    for kind in kinds:
        part = described.pop(kind.__name__)
        whole["description"] = part["description"]
        whole["properties"] |= part["properties"]
        whole["required"] += part["required"]
    if name.endswith("item"):
        for part in (whole, *described.values()):
            _omit_nulls(part)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **whole,
        **({"$defs": dict(sorted(described.items()))} if described else {}),
    }


def _omit_nulls(schema: _Schema) -> None:
    """The table has no attribute where a value is null."""
    if "required" in schema:
        nullable = {name for name, field in schema["properties"].items() if {"type": "null"} in field.get("anyOf", ())}
        schema["required"] = [name for name in schema["required"] if name not in nullable]


def _classes(kind: Any) -> Iterator[type]:
    """The classes in a type, however deep."""
    if isinstance(kind, type) and kind.__module__.startswith("callscribe"):
        yield kind
        if not issubclass(kind, Enum):
            for hint in get_type_hints(kind).values():
                yield from _classes(hint)
    for part in get_args(kind):
        yield from _classes(part)


def _described(schema: _Schema, kind: type) -> _Schema:
    """A schema as msgspec makes it, with what the docstring says of each field."""
    summary, fields = _docstring(kind)
    described = {**_numbers(schema), "description": summary}
    if issubclass(kind, OpenEnum):
        del described["enum"]
        return {**described, "type": "string", "examples": [member.value for member in kind]}
    if "prefixItems" in schema:
        parts = zip(get_type_hints(kind), described["prefixItems"], strict=True)
        described["prefixItems"] = [{"title": name, **part, "description": fields[name]} for name, part in parts]
    properties = described.get("properties", {})
    if unsaid := properties.keys() - fields.keys():
        raise ValueError(f"the docstring of {kind.__name__} says nothing of {', '.join(sorted(unsaid))}")
    if properties:
        hints = get_type_hints(kind)
        described["properties"] = {
            name: {**_times(properties[name], hints[name]), "description": fields[name]} for name in hints
        }
    return described


def _times(schema: _Schema, hint: Any) -> _Schema:
    """Times are texts to msgspec's schema, unless they must state their offset to be read."""
    if hint is datetime:
        return {**schema, "format": "date-time"}
    if datetime in get_args(hint):
        parts = [_times(part, datetime) if part["type"] == "string" else part for part in schema["anyOf"]]
        return {**schema, "anyOf": parts}
    return schema


def _docstring(kind: type) -> tuple[str, dict[str, str]]:
    """The text of a class's docstring, and of its attributes and those of the classes it extends."""
    fields: dict[str, str] = {}
    summary = ""
    for base in reversed(inspect.getmro(kind)):
        if not base.__module__.startswith("callscribe"):
            continue
        for section in Docstring(inspect.cleandoc(base.__doc__ or ""), parser=Parser.google).parsed:
            if isinstance(section, DocstringSectionText):
                summary = _line(section.value)
            elif isinstance(section, DocstringSectionAttributes):
                fields |= {attribute.name: _sentence(attribute.description) for attribute in section.value}
    return summary, fields


def _line(text: str) -> str:
    return " ".join(text.split()).replace("None", "null").replace("``", "`")


def _sentence(text: str) -> str:
    line = _line(text)
    return f"{line[0].upper()}{line[1:]}"


def _numbers(schema: Any) -> Any:
    """Amounts of money are written as numbers, which msgspec's schema cannot know."""
    if isinstance(schema, dict):
        if schema.get("format") == "decimal":
            return {name: value for name, value in schema.items() if name != "format"} | {"type": "number"}
        return {name: _numbers(value) for name, value in schema.items()}
    return [_numbers(value) for value in schema] if isinstance(schema, list) else schema


def _rows(schema: _Schema) -> Iterator[str]:
    if "properties" in schema:
        yield from _table(schema)
    elif "prefixItems" in schema:
        yield "A list of:\n\n| | type | |\n|---|---|---|"
        for part in schema["prefixItems"]:
            yield f"| {part['title']} | {_type(part)} | {_cell(part['description'])} |"
        yield ""
    else:
        names = schema.get("enum") or schema["examples"]
        kind = "One of" if "enum" in schema else "An open name:"
        yield f"{kind} {', '.join(f'`{name}`' for name in names)}.\n"


def _table(schema: _Schema) -> Iterator[str]:
    yield "| field | type | default | |\n|---|---|---|---|"
    for name, field in schema["properties"].items():
        yield f"| `{name}` | {_type(field)} | {_default(name, schema)} | {_cell(field['description'])} |"
    yield ""


def _default(name: str, schema: _Schema) -> str:
    if name in schema["required"]:
        return ""
    field = schema["properties"][name]
    return f"`{json.dumps(field['default'])}`" if "default" in field else "absent"


def _type(schema: _Schema) -> str:
    """The type of a field in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{_anchor(name)})"
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{name}`" for name in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if schema.get("type") == "object" and isinstance(values := schema.get("additionalProperties"), dict):
        return f"object of {_type(values)}"
    if schema.get("format") == "date-time":
        return "time"
    kind = str(schema.get("type", "any"))
    return "text" if kind == "string" else kind


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9-]", "", title.lower().replace(" ", "-"))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write the page and the schemas, and delete schemas that are none any more."""
    PAGE.write_text(render(), encoding="utf-8")
    SCHEMAS.mkdir(exist_ok=True)
    written = schemas()
    for path in SCHEMAS.glob("*.json"):
        if path.stem not in written:
            path.unlink()
    for name, text in written.items():
        (SCHEMAS / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
