"""The synthesised application: how long it takes, what is in it, and what its functions weigh and import."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import Figures

ROOT = Path(__file__).resolve().parent.parent
PRODUCT_STAGE = "Dev"

_SYNTH_SECONDS = 180
_IMPORT_SECONDS = 60
_IMPORT_ROUNDS = 5
_MIB = 2**20
_UNKNOWN = "known-after-deployment"

# Measures inside a fresh interpreter, so that its own start does not count.
_IMPORT_PROBE = """
import importlib, json, sys, time
started = time.perf_counter()
importlib.import_module(sys.argv[1])
print(json.dumps({
    "seconds": time.perf_counter() - started,
    "modules": len(sys.modules),
    "deepgram": "deepgram" in sys.modules,
}))
"""


@dataclass(frozen=True, kw_only=True)
class Function:
    """A Lambda function of the project as its template declares it."""

    module: str
    memory_mib: int
    environment: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.module.split(".")[1]


class Assembly:
    """A synthesised cloud assembly."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def synthesise(self) -> float:
        """Run ``cdk synth`` for every environment and return the seconds it took."""
        started = time.perf_counter()
        _run(
            ["cdk", "synth", "--quiet", "--output", str(self._directory)],
            env={**os.environ, "PATH": os.pathsep.join(map(str, _tool_folders())) + os.pathsep + os.environ["PATH"]},
            timeout=_SYNTH_SECONDS,
        )
        return time.perf_counter() - started

    def resources(self, stage: str) -> dict[str, Any]:
        """The resources of every stack of *stage*, by stack and logical id."""
        return {
            f"{path.name.split('.')[0]}.{logical_id}": resource
            for path in sorted(self._directory.glob(f"assembly-{stage}/*.template.json"))
            for logical_id, resource in json.loads(path.read_text())["Resources"].items()
        }

    def functions(self, stage: str) -> tuple[Function, ...]:
        return tuple(
            Function(
                module=properties["Handler"].rpartition(".")[0],
                memory_mib=properties.get("MemorySize", 128),
                environment={
                    name: _text(value) for name, value in properties.get("Environment", {}).get("Variables", {}).items()
                },
            )
            for properties in self._properties(stage, "AWS::Lambda::Function")
            if properties["Handler"].startswith("lambdas.")
        )

    def state_machine(self, stage: str) -> dict[str, Any]:
        """The definition of the stage's state machine; what only a deployment knows is a placeholder."""
        (properties,) = self._properties(stage, "AWS::StepFunctions::StateMachine")
        definition: dict[str, Any] = json.loads(_text(properties["DefinitionString"]))
        return definition

    def bundle(self, stage: str) -> Path:
        """The folder that becomes the code of the stage's functions."""
        candidates: set[Path] = {
            (manifest.parent / asset["source"]["path"]).resolve()
            for manifest in self._directory.glob(f"assembly-{stage}/*.assets.json")
            for asset in json.loads(manifest.read_text())["files"].values()
        }
        (bundle,) = (folder for folder in candidates if (folder / "lambdas").is_dir())
        return bundle

    def stages(self) -> list[str]:
        return [path.name.removeprefix("assembly-") for path in sorted(self._directory.glob("assembly-*"))]

    def _properties(self, stage: str, resource_type: str) -> list[dict[str, Any]]:
        return [
            resource["Properties"] for resource in self.resources(stage).values() if resource["Type"] == resource_type
        ]


def synth_figures(assembly: Assembly) -> Figures:
    """Synthesise twice into the same folder: the second time the Lambda bundle is there already."""
    cold, warm = assembly.synthesise(), assembly.synthesise()
    note = (
        f"`cdk synth`: {cold:.1f} s into an empty folder, {warm:.1f} s with the Lambda bundles in place "
        f"({warm / cold:.2f} of it)."
    )
    counts = {stage: Counter(r["Type"] for r in assembly.resources(stage).values()) for stage in assembly.stages()}
    return Figures(
        name="synth",
        title="Synthesis of every environment",
        columns=("", *counts),
        rows=(
            ("resources", *(str(count.total()) for count in counts.values())),
            ("resource types", *(str(len(count)) for count in counts.values())),
        ),
        notes=(note,),
    )


def bundle_figures(assembly: Assembly, scratch: Path) -> Figures:
    """Weigh the asset that a deployment uploads."""
    bundle = assembly.bundle(PRODUCT_STAGE)
    files = [path for path in bundle.rglob("*") if path.is_file()]
    archive = scratch / "bundle.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in files:
            zipped.write(path, path.relative_to(bundle))
    by_package: Counter[str] = Counter()
    for path in files:
        by_package[_package(path.relative_to(bundle))] += path.stat().st_size
    unzipped = by_package.total()
    return Figures(
        name="bundle",
        title=f"Lambda asset of {PRODUCT_STAGE}",
        columns=("", "MiB", "share"),
        rows=(
            ("zipped", f"{archive.stat().st_size / _MIB:.1f}", ""),
            ("unzipped", f"{unzipped / _MIB:.1f}", "100%"),
            *((name, f"{size / _MIB:.1f}", f"{size / unzipped:.0%}") for name, size in by_package.most_common(5)),
        ),
        notes=("One asset serves all functions. Lambda allows 250 MB unzipped.",),
    )


def _package(path: Path) -> str:
    """The package a file of the bundle belongs to; shared libraries lie in a folder beside it."""
    return path.parts[0].removesuffix(".libs")


def import_figures(assembly: Assembly, python: Path, stage: str) -> Figures:
    """Import each handler in fresh interpreters, from the bundle as it is deployed: without byte code."""
    functions, bundle = assembly.functions(stage), assembly.bundle(stage)
    runs: dict[str, list[dict[str, Any]]] = {function.name: [] for function in functions}
    for _ in range(_IMPORT_ROUNDS):  # in turn, so that whatever disturbs the machine disturbs all alike
        for function in functions:
            runs[function.name].append(_import(function, bundle, python))
    medians = {name: statistics.median(run["seconds"] for run in found) for name, found in runs.items()}
    heaviest = medians["transcribe_call"]
    return Figures(
        name="imports",
        title="Cold import of each handler",
        columns=("handler", "ms", "of transcribe_call", "modules", "imports deepgram"),
        rows=tuple(
            (
                name,
                f"{medians[name] * 1000:.0f}",
                f"{medians[name] / heaviest:.2f}",
                str(found[0]["modules"]),
                "yes" if any(run["deepgram"] for run in found) else "no",
            )
            for name, found in runs.items()
        ),
        notes=(f"Median of {_IMPORT_ROUNDS} fresh interpreters each.",),
    )


def _import(function: Function, bundle: Path, python: Path) -> dict[str, Any]:
    environment = {
        **function.environment,
        "AWS_DEFAULT_REGION": "us-east-1",
        "PYTHONPATH": str(bundle),
    }
    output = _run(
        [str(python), "-B", "-c", _IMPORT_PROBE, function.module],
        env=environment,
        timeout=_IMPORT_SECONDS,
    )
    result: dict[str, Any] = json.loads(output)
    return result


def _run(command: Sequence[str], *, env: Mapping[str, str], timeout: float) -> str:
    """Run a command quietly and return what it printed.

    Raises:
        RuntimeError: It failed; the message carries the end of its errors.
    """
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=env,
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise RuntimeError(f"`{command[0]}` failed:\n{done.stderr[-2000:]}")
    return done.stdout


def _text(value: Any) -> str:
    """Flatten a template's value to text."""
    match value:
        case str():
            return value
        case {"Fn::Join": [delimiter, [*parts]]}:
            return str(delimiter).join(map(_text, parts))
        case _:
            return _UNKNOWN


def _tool_folders() -> tuple[Path, ...]:
    return Path(sys.executable).parent, ROOT / "node_modules" / ".bin"
