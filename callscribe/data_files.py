"""The data files of the package: lexicons, rubrics and prices."""

import json
from importlib import resources
from typing import Any


def load(folder: str, name: str) -> Any:
    """Read a JSON data file of the package.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not JSON.
    """
    return json.loads((resources.files("callscribe") / folder / f"{name}.json").read_text(encoding="utf-8"))
