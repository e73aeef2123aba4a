"""Where the runtime code lies that the constructs deploy: inside the wheel, or beside this package in a checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_ASSETS = _HERE / "_assets"

ROOT = _ASSETS if _ASSETS.is_dir() else _HERE.parent
"""The folder that holds :data:`PACKAGES`."""

PACKAGES = ("lambdas", "callscribe")
"""The top-level packages of the Lambda asset."""

LOCK = ROOT / "lambdas" / "requirements.txt"
"""The hash-locked dependencies of the Lambda functions."""


def runtime_files() -> Iterator[Path]:
    """Yield every file of :data:`PACKAGES` that belongs in the asset, relative to :data:`ROOT`, sorted.

    Byte code and requirements files are left out: neither is read at run time, and the interpreter that installs a
    wheel writes byte code of its own beside the sources.
    """
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("requirements."):
                yield path.relative_to(ROOT)
