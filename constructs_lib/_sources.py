"""Where the runtime code lies that the constructs deploy: inside the wheel, or beside this package in a checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

_HERE = Path(__file__).resolve().parent
_ASSETS = _HERE / "_assets"

ROOT = _ASSETS if _ASSETS.is_dir() else _HERE.parent
"""The folder that holds :data:`PACKAGES`."""

PACKAGES = ("lambdas", "callscribe")
"""The top-level packages of the Lambda asset."""

_ENCODER: Final = Path("callscribe", "encoder")

LOCK = ROOT / "lambdas" / "requirements.txt"
"""The hash-locked dependencies of the Lambda functions."""

ENCODER_LOCK = ROOT / _ENCODER / "requirements.txt"
"""Those of the sentence encoder, beside them."""

_PAGE_MODULES: Final = Path("lambdas", "call_console", "page", "modules")
FROM_NPM: Final = {
    _PAGE_MODULES / "LICENSE-htm.txt": Path("node_modules", "htm", "LICENSE"),
    _PAGE_MODULES / "LICENSE-preact.txt": Path("node_modules", "preact", "LICENSE"),
    _PAGE_MODULES / "hooks.mjs": Path("node_modules", "preact", "hooks", "dist", "hooks.mjs"),
    _PAGE_MODULES / "htm.mjs": Path("node_modules", "htm", "dist", "htm.mjs"),
    _PAGE_MODULES / "preact.mjs": Path("node_modules", "preact", "dist", "preact.mjs"),
}
"""What the console's page imports, by its place in the asset and in a checkout. The wheel has it in place already:
pyproject.toml puts it there."""


def runtime_files(*, encoder: bool = False) -> Iterator[Path]:
    """Yield every file of the asset, by its place there: those of :data:`PACKAGES`, and the page's modules; sorted.

    The sentence encoder is left out unless it is asked for: it needs packages of its own.

    Byte code and requirements files are left out: neither is read at run time, and the interpreter that installs a
    wheel writes byte code of its own beside the sources.
    """
    files = set(FROM_NPM)
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("requirements."):
                files.add(path.relative_to(ROOT))
    yield from sorted(file for file in files if encoder or not file.is_relative_to(_ENCODER))


def source(file: Path) -> Path:
    """Where a file of the asset is to be read.

    Raises:
        RuntimeError: It is one of the page's modules, and this checkout has not installed them.
    """
    if file not in FROM_NPM or ROOT == _ASSETS:
        return ROOT / file
    installed = ROOT / FROM_NPM[file]
    if not installed.is_file():
        raise RuntimeError(
            f"{FROM_NPM[file]} is missing: run `make packages`, which installs what package-lock.json says"
        )
    return installed
