"""The data files of the package: lexicons, rubrics and prices."""

from importlib import resources
from typing import TypeVar

from callscribe.serialization import decode_json

_T = TypeVar("_T")


def load(kind: type[_T], folder: str, name: str) -> _T:
    """Read a JSON data file of the package.

    Raises:
        FileNotFoundError: there is no such file.
        InvalidData: it does not fit; the message names the place.
    """
    return decode_json(kind, (resources.files("callscribe") / folder / f"{name}.json").read_bytes(), name)


def names(folder: str) -> list[str]:
    """Return the names of the files of a folder, sorted."""
    files = (resources.files("callscribe") / folder).iterdir()
    return sorted(file.name.removesuffix(".json") for file in files if file.name.endswith(".json"))
