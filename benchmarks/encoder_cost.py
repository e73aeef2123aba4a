"""``python -m benchmarks.encoder_cost --weights FOLDER``: what a sentence encoder costs the functions that have it.

It prints, and with ``--write`` puts into docs/benchmarks.md, how large their asset becomes, and what a process takes
that judges: to import the handler, to load the encoder, and for a call, in time of one core and in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from rich.console import Console

from benchmarks.encoder_process import LONG, SHORT
from benchmarks.report import Figures, refresh
from constructs_lib import FunctionSettings, SentenceEncoder, TranscriptionWorkflow, TranscriptTable

_DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "benchmarks.md"
_ROUNDS: Final = 3
_SECONDS: Final = 900
_MIB: Final = 2**20
# One processor, as the functions have.
_ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}


def asset_figures(weights: Path, scratch: Path) -> Figures:
    """Weigh the assets that a deployment uploads, without an encoder and with one."""
    rows = []
    for architecture in (lambda_.Architecture.ARM_64, lambda_.Architecture.X86_64):
        folder = scratch / architecture.name
        app = App(outdir=str(folder), builtin_cloud_formation_validation=False)
        stack = Stack(app, "Calls", env=Environment(region="us-east-1"))
        TranscriptionWorkflow(
            stack,
            "Workflow",
            recordings=s3.Bucket(stack, "Recordings", event_bridge_enabled=True),
            table=TranscriptTable(stack, "Transcripts").table,
            archive=s3.Bucket(stack, "Archive"),
            encoder=SentenceEncoder(weights=weights),
            functions=FunctionSettings(architecture=architecture),
        )
        app.synth()
        for bundle in sorted(folder.glob("asset.*"), key=lambda path: (path / "encoder").is_dir()):
            name = "with an encoder" if (bundle / "encoder").is_dir() else "without"
            rows.append((f"{architecture.name}, {name}", *_sizes(bundle, scratch)))
    return Figures(
        name="encoder-asset",
        title="Lambda assets with a sentence encoder, MiB",
        columns=("", "unzipped", "of it weights and packages", "zipped"),
        rows=tuple(rows),
        notes=("Only the functions that store transcripts have the larger one. Lambda allows 250 MiB unzipped.",),
    )


def _sizes(bundle: Path, scratch: Path) -> tuple[str, str, str]:
    files = [path for path in bundle.rglob("*") if path.is_file()]
    archive = scratch / "bundle.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in files:
            zipped.write(path, path.relative_to(bundle))
    whole = sum(path.stat().st_size for path in files)
    its = {"encoder", "numpy", "numpy.libs", "safetensors", "tokenizers"}
    of_encoder = sum(path.stat().st_size for path in files if path.relative_to(bundle).parts[0] in its)
    return f"{whole / _MIB:.0f}", f"{of_encoder / _MIB:.0f}", f"{archive.stat().st_size / _MIB:.0f}"


def process_figures(weights: Path) -> Figures:
    """Judge by rules alone and together, in processes of their own, several times."""
    runs = [[_run(*arguments) for _ in range(_ROUNDS)] for arguments in ((), (str(weights),))]
    rows = [
        (title, *(f"{statistics.median(run[name] for run in of_engine):.{digits}f}" for of_engine in runs))
        for title, name, digits in (
            ("importing the handler, s", "imported", 2),
            ("loading the encoder, s", "loaded", 2),
            (f"{SHORT.name}, the first one, s", "first", 2),
            (f"{SHORT.name}, s", "short", 2),
            (f"{LONG.name}, s", "long", 1),
            ("memory in all for short calls, MiB", "short_mib", 0),
            ("memory in all with the long one, MiB", "long_mib", 0),
        )
    ]
    return Figures(
        name="encoder-process",
        title="What it takes to make a transcript",
        columns=("processor time of one core, and memory", "rules", "rules and encoder"),
        rows=tuple(rows),
        notes=(f"Medians of {_ROUNDS} processes each, with one thread.",),
    )


def _run(*arguments: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.encoder_process", *arguments],
        cwd=_DOCUMENT.parent.parent,
        env={**os.environ, **_ONE_THREAD},
        check=True,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; with ``--write`` put the figures into the document."""
    parser = argparse.ArgumentParser(prog="benchmarks.encoder_cost", description="What a sentence encoder costs.")
    parser.add_argument("--weights", type=Path, required=True, metavar="FOLDER", help="the files of all-MiniLM-L6-v2")
    parser.add_argument("--write", action="store_true", help=f"put the figures into {_DOCUMENT.name}")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        results = [asset_figures(options.weights, Path(scratch)), process_figures(options.weights)]
    for figures in results:
        Console().print(figures.for_terminal())
    if options.write:
        _DOCUMENT.write_text(refresh(_DOCUMENT.read_text("utf-8"), results), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
