"""What earlier versions wrote; see tests/golden/README.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from tests.conftest import ROOT

FOLDER = ROOT / "tests" / "golden"


@dataclass(frozen=True)
class Golden:
    """One file.

    Args:
        path: Where it is.
    """

    path: Path

    def __str__(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem}"

    @property
    def version(self) -> int:
        """Schema version of the code that wrote it."""
        return int(self.path.parent.name.removeprefix("v"))

    @property
    def text(self) -> str:
        """What was written."""
        return self.path.read_text(encoding="utf-8").rstrip("\n")

    def json(self) -> Any:
        """What was written, read."""
        return json.loads(self.text)

    def item(self) -> dict[str, Any]:
        """An item as boto3's table resource returns it."""
        read = TypeDeserializer().deserialize
        return {name: read(value) for name, value in self.json().items()}

    def beside(self, name: str) -> Golden:
        """Another file of the same version."""
        return Golden(self.path.with_name(f"{name}.json"))

    def sha256(self) -> str:
        """Its digest."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def golden(pattern: str = "*") -> list[Golden]:
    """The files of all versions whose names fit the pattern, without their ending."""
    return [Golden(path) for path in sorted(FOLDER.glob(f"v*/{pattern}.json"))]


def places(value: Any, place: str = "") -> Iterator[str]:
    """Every place in a value of JSON that holds something; the parts of a list are one place."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from places(part, f"{place}.{name}")
    elif isinstance(value, list):
        for part in value:
            yield from places(part, f"{place}[]")
    else:
        yield place
