"""The data files of the package, lexicons, rubrics, flag sets and prices, and those of whoever deploys it."""

import difflib
import os
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from callscribe.serialization import decode_json

_T = TypeVar("_T")

MAX_OWN_BYTES: Final = 32 * 1024
"""Longest file of somebody's own: a streamer gets it by its task definition, which has 64 KB (Amazon ECS Developer
Guide, "Amazon ECS service quotas")."""

OwnSource: TypeAlias = str | os.PathLike[str] | Mapping[str, Any]
"""Data of somebody's own: the path of a JSON file, or what stands in one."""


class InvalidOwnData(ValueError):
    """Data of somebody's own does not fit; the message names the place."""


def load(kind: type[_T], folder: str, name: str) -> _T:
    """Read a JSON data file of the package.

    Raises:
        FileNotFoundError: there is no such file.
        InvalidData: it does not fit; the message names the place.
    """
    return decode_json(kind, (resources.files("callscribe") / folder / f"{name}.json").read_bytes(), name)


def is_own(source: object) -> bool:
    """Whether *source* is data of somebody's own, not the name of what the package has: a path has ".json"."""
    return not isinstance(source, str) or source.endswith(".json")


def load_own(kind: type[_T], source: OwnSource, place: str) -> _T:
    """Read data of somebody's own.

    Args:
        kind: what it is.
        source: the data.
        place: what a message calls it.

    Raises:
        InvalidOwnData: there is no such file, or it does not fit. Unlike with data of calls, the message may say what
            stands there.
    """
    if isinstance(source, Mapping):
        content = msgspec.json.encode(source)
    elif isinstance(source, str | os.PathLike):
        try:
            content = Path(source).read_bytes()
        except OSError as error:
            raise InvalidOwnData(f"{place} {os.fspath(source)}: {error.strerror}") from None
        place = f"{place} {os.fspath(source)}"
    else:
        raise InvalidOwnData(f"{place} of {source!r} is none: pass a name, the path of a JSON file or a mapping")
    if len(content) > MAX_OWN_BYTES:
        raise InvalidOwnData(f"{place} has more than {MAX_OWN_BYTES} bytes")
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise InvalidOwnData(f"{place}: {error}") from None


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Say that there is nothing of this name, and what may be meant."""
    near = difflib.get_close_matches(name, [*known], n=1)
    return f"there is no {what} {name}" + (f": did you mean {near[0]}?" if near else "")


def names(folder: str) -> list[str]:
    """Return the names of the files of a folder, sorted."""
    files = (resources.files("callscribe") / folder).iterdir()
    return sorted(file.name.removesuffix(".json") for file in files if file.name.endswith(".json"))
