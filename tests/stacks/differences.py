"""How the template of one environment differs from another's, short enough to be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from constructs_lib._nag import flat

_ABSENT = "absent"


def differences(ours: dict[str, Any], theirs: dict[str, Any], *, stage: str, other: str) -> dict[str, list[str]]:
    """Return what is different: ``{"type path: ours -> theirs": [logical ids]}``. Names of the stage are alike.

    Args:
        ours: Template of *stage*.
        theirs: Template of *other*.
        stage: Name of the one stage.
        other: Name of the other.
    """
    ours, theirs = _neutral(ours, stage), _neutral(theirs, other)
    found: dict[str, list[str]] = {}
    for section in sorted({*ours, *theirs}):
        parts, others = ours.get(section, {}), theirs.get(section, {})
        for name in sorted({*parts, *others}):
            for path, mine, yours in _different(parts.get(name, _ABSENT), others.get(name, _ABSENT), ()):
                kind = next((part["Type"] for part in (parts.get(name), others.get(name)) if _typed(part)), section)
                found.setdefault(f"{kind} {'.'.join(path)}: {_short(mine)} -> {_short(yours)}", []).append(name)
    return found


def _neutral(template: dict[str, Any], stage: str) -> dict[str, Any]:
    """Write one word for the stage, and for the hash that CDK makes of it, in every name."""
    text = json.dumps(_opened(template))
    text = re.sub(rf'"{stage.lower()}"', '"<stage>"', text)
    text = re.sub(rf"{stage}(?=-|/|Storage|Batch|Live)", "<stage>", text)
    text = re.sub(r"(<stage>[\w<>-]*?)-?[0-9A-F]{8,16}\b", r"\1<hash>", text)
    neutral: dict[str, Any] = json.loads(text)
    return neutral


def _opened(value: Any) -> Any:
    """Read the JSON texts inside a template: definitions of state machines, dashboards, options."""
    match value:
        case {"Fn::Join": ["", [str(first), *rest]]} if first.startswith("{"):
            # References are quoted another way, so that they fit into the text around them.
            return _opened("".join([first, *(part if isinstance(part, str) else _quotable(part) for part in rest)]))
        case [{"Name": _, "Value": _}, *_]:
            return {variable["Name"]: _opened(variable["Value"]) for variable in value}
        case dict():
            return {key: _opened(inner) for key, inner in value.items()}
        case list():
            return [_opened(inner) for inner in value]
        case str() if value.startswith("{"):
            parsed = _parsed(value)
            return parsed if parsed is value else _opened(parsed)
        case _:
            return value


def _quotable(reference: Any) -> str:
    return flat(reference).replace('"', "'")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _different(ours: Any, theirs: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}):
            yield from _different(ours.get(key, _ABSENT), theirs.get(key, _ABSENT), (*path, key))
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (mine, yours) in enumerate(zip(ours, theirs, strict=True)):
            yield from _different(mine, yours, (*path, str(index)))
    elif ours != theirs:
        yield path, ours, theirs


def _typed(part: Any) -> bool:
    return isinstance(part, dict) and "Type" in part


def _short(value: Any) -> str:
    """Write a value; of a whole resource, only that it is there."""
    return "present" if _typed(value) else value if value is _ABSENT else json.dumps(value, sort_keys=True)
