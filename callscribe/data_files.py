"""The data files of the package, lexicons, rubrics, flag sets and prices, and those of whoever deploys it."""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar, cast

import msgspec

from callscribe.serialization import InvalidData, decode_json

_T = TypeVar("_T")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")

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


class Named(Protocol):
    """Data that knows its own name."""

    @property
    def name(self) -> str:
        """What it is called by."""


_N = TypeVar("_N", bound=Named)


@dataclass(frozen=True, kw_only=True)
class NamedData(Generic[_N]):
    """One kind of data of which some ships, by name, and some is somebody's own.

    Attributes:
        what: what a message calls it.
        folder: where the package has it.
        kind: what stands in a file.
        error: what is raised where there is none, or it does not fit.
    """

    what: str
    folder: str
    kind: type[_N]
    error: type[ValueError]

    def shipped(self, name: str) -> _N:
        """Read what ships by a name.

        Raises:
            error: there is no such file, or it does not fit the schema.
        """
        # The name comes from configuration and must not lead out of the folder.
        self.check_name(name)
        try:
            found = load(self.kind, self.folder, name)
        except FileNotFoundError:
            raise self.error(unknown(self.what, name, names(self.folder))) from None
        except InvalidData as error:
            raise self.error(str(error)) from None
        if found.name != name:
            raise self.error(f"{name}: the name inside is {found.name}")
        return found

    def own(self, source: OwnSource | _N) -> _N:
        """Read what is somebody's own.

        Raises:
            error: there is none, or it does not fit the schema.
        """
        if isinstance(source, self.kind):
            return source
        try:
            return load_own(self.kind, cast(OwnSource, source), f"the {self.what}")
        except InvalidOwnData as error:
            raise self.error(str(error)) from None

    def check_name(self, name: str) -> None:
        """Check that data may be called so.

        Raises:
            error: it may not.
        """
        if not _NAME.fullmatch(name):
            raise self.error(f"a {self.what}'s name has small letters, digits and hyphens only")

    def check_own_name(self, own: _N) -> None:
        """Check the name of what is somebody's own: results name it, and must not name something else by it.

        Raises:
            error: it cannot be one, or is that of something else that ships.
        """
        self.check_name(own.name)
        if own.name in names(self.folder) and own != self.shipped(own.name):
            raise self.error(f"the name {own.name} is that of a {self.what} that ships: give yours one of its own")


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Say that there is nothing of this name, and what may be meant."""
    near = difflib.get_close_matches(name, [*known], n=1)
    return f"there is no {what} {name}" + (f": did you mean {near[0]}?" if near else "")


def names(folder: str) -> list[str]:
    """Return the names of the files of a folder, sorted."""
    files = (resources.files("callscribe") / folder).iterdir()
    return sorted(file.name.removesuffix(".json") for file in files if file.name.endswith(".json"))
