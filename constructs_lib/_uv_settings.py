"""What of the importing app's uv settings applies to the bundle: where packages come from, and nothing else.

The functions' packages are locked, and what an app sets for its own (``exclude-newer``, ``no-binary``, constraints,
overrides) would keep them from being installed, or change them. Its indexes, credentials, certificates and caches are
how it reaches packages at all. uv can take a setting from a file or leave all files out, but not tell the two apart, so
it is given a file of ours with the settings of theirs that are about sources. Files are looked for, and go before each
other, as uv does it (uv: "Configuration files", "Environment variables").
"""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

_SOURCES: Final = (
    *("index", "index-url", "extra-index-url", "find-links", "no-index", "index-strategy", "keyring-provider"),
    *(
        "allow-insecure-host",
        "native-tls",
        "system-certs",
        "http-proxy",
        "https-proxy",
        "no-proxy",
        "offline",
        "cache-dir",
    ),
)
"""Settings that say where packages come from, and how they are reached."""
_PATHS: Final = ("find-links", "cache-dir")
"""Those that may be a path, relative to the file that has it."""
_COLOURS: Final = ("FORCE_COLOR", "CLICOLOR_FORCE")
"""Variables that have a program colour what goes to no terminal."""
_VARIABLES: Final = (
    *("UV_INDEX", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX", "UV_KEYRING_PROVIDER"),
    *("UV_INSECURE_HOST", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_OFFLINE", "UV_CACHE_DIR", "UV_CREDENTIALS_DIR"),
    *("UV_HTTP_", "UV_REQUEST_TIMEOUT", "UV_CONCURRENT_", "UV_NO_CACHE", "UV_LOCK_TIMEOUT"),
)
"""How the names of uv's variables begin that say the same."""


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for uv: *variables* without those that set what is resolved, and how.

    Nor those that colour what is no terminal: what uv says becomes part of an error.
    """
    kept = {
        name: value
        for name, value in variables.items()
        if name not in _COLOURS and (not name.startswith("UV_") or name.startswith(_VARIABLES))
    }
    return {**kept, "NO_COLOR": "1"}


def configuration(folder: Path, variables: Mapping[str, str]) -> str:
    """Return what uv's configuration file is to hold for a process in *folder* with the environment *variables*."""
    merged: dict[str, Any] = {}
    for file, settings in _discovered(folder, variables):
        for of in (settings, settings.get("pip", {})):
            for name in _SOURCES:
                if name in of:
                    value = _absolute(of[name], file.parent) if name in _PATHS else of[name]
                    found = merged.setdefault(name, value)
                    if found is not value and isinstance(found, list):
                        merged[name] = [*found, *value]
    return "".join(f"{name} = {_toml(value)}\n" for name, value in merged.items())


def _discovered(folder: Path, variables: Mapping[str, str]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield the files that uv would read and their settings, what goes before the others first."""
    if variables.get("UV_NO_CONFIG"):
        return
    if chosen := variables.get("UV_CONFIG_FILE"):
        yield Path(chosen).absolute(), _read(Path(chosen))
        return
    of_project = (found for around in (folder, *folder.parents) if (found := _of_folder(around)) is not None)
    yield from _first(of_project)
    home = Path(variables.get("HOME") or Path.home())
    if sys.platform == "win32":
        of_user, of_system = Path(variables.get("APPDATA", "")), [Path(variables.get("PROGRAMDATA", "C:/ProgramData"))]
    else:
        of_user = Path(variables.get("XDG_CONFIG_HOME") or home / ".config")
        of_system = [*map(Path, (variables.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)), Path("/etc")]
    for folders in ([of_user], of_system):
        files = (path for one in folders if (path := one / "uv" / "uv.toml").is_file())
        yield from _first((path, _read(path)) for path in files)


def _first(found: Iterator[tuple[Path, Mapping[str, Any]]]) -> list[tuple[Path, Mapping[str, Any]]]:
    one = next(found, None)
    return [] if one is None else [one]


def _of_folder(folder: Path) -> tuple[Path, Mapping[str, Any]] | None:
    own, project = folder / "uv.toml", folder / "pyproject.toml"
    if own.is_file():
        return own, _read(own)
    settings = _read(project).get("tool", {}).get("uv") if project.is_file() else None
    return None if settings is None else (project, settings)


def _read(path: Path) -> Mapping[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _absolute(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_absolute(one, folder) for one in value]
    return value if "://" in value else str(folder / value)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {_toml(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)
