"""``python -m benchmarks``: measure, print, and with ``--write`` put the figures into docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from benchmarks import (
    analyst,
    assembly,
    burst,
    console,
    cost,
    growth,
    judgement,
    latency,
    machine,
    plain,
    scaling,
    usage,
)
from benchmarks.live import figures as live
from benchmarks.live import handover, size
from benchmarks.report import Figures, refresh
from benchmarks.rig import Rig
from local.cdk import STAGE
from local.emulator.runtime import install_runtime
from local.session import DIRECTORY

_DOCUMENT = assembly.ROOT / "docs" / "benchmarks.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"put the figures into {_DOCUMENT.name}")
    parser.add_argument("--live", action="store_true", help="measure a streamer's live calls alone")
    options = parser.parse_args()

    terminal = Console()
    started = time.perf_counter()
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        for figures in (measure_live if options.live else measure)(Path(scratch)):
            terminal.print(figures.for_terminal())
            results.append(figures)
    terminal.print(f"{time.perf_counter() - started:.0f} s in all")
    if options.write:
        _DOCUMENT.write_text(refresh(_DOCUMENT.read_text("utf-8"), results), "utf-8")


def measure(scratch: Path) -> Iterator[Figures]:
    """Take every figure, one after the other: nothing else runs meanwhile."""
    yield machine.describe()
    application = assembly.Assembly(scratch / "cdk.out")
    yield assembly.synth_figures(application)
    yield assembly.bundle_figures(application, scratch)
    yield assembly.import_figures(application, install_runtime(DIRECTORY), STAGE)

    yield judgement.figures()
    yield from console.figures()
    yield from measure_live(scratch)

    os.environ["LAMBDA_ASYNC_RETRY_BASE_SECONDS"] = str(plain.RETRY_SECONDS)  # read by the emulator
    variants = plain.variants()
    rig = Rig(
        request_seconds=latency.REQUEST_SECONDS,
        emulator_arguments=[f"--workers-of={variant.function}={variant.copies}" for variant in variants],
    )
    with rig.session:
        yield latency.figures(rig)
        call = usage.one_call(rig, application)
        rig.change_request_seconds(burst.REQUEST_SECONDS)
        code = plain.package(application.bundle(STAGE), scratch)
        systems: tuple[burst.System, ...] = (
            burst.CallScribe(rig),
            *(plain.PlainHandler(rig, code, variant) for variant in variants),
        )
        yield handover.figures(rig)
        yield burst.figures({system.name: burst.measure(rig, system) for system in systems})

    resources = application.resources(assembly.PRODUCT_STAGE).values()
    lines = cost.bill(call)
    yield cost.comparison_figures(lines, call.deepgram_usd)
    yield cost.aws_figures(lines)
    yield growth.batch_figures(lines)
    yield from scaling.figures(scaling.policy_of(resources))
    yield analyst.figures()
    yield cost.monthly_figures(resources)


def measure_live(scratch: Path) -> Iterator[Figures]:
    """Take the figures of live calls through one streamer."""
    yield machine.describe(name="live-machine", title="Live calls: machine")
    yield live.demuxer_figures()
    loads = live.measurements(scratch)
    yield live.cost_figures(loads)
    yield live.latency_figures(loads)
    typical = live.typical(loads)
    yield from size.figures(typical)
    yield growth.live_figures(typical.requests)


if __name__ == "__main__":
    main()
