"""``python -m benchmarks.soak``: exit status 0 when nothing was lost, paid twice or repeated, else 1."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from benchmarks.rig import Rig
from benchmarks.soak import batch, live


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--recordings", type=int, default=100, help="recordings of the burst (default: %(default)s)")
    parser.add_argument("--calls", type=int, default=8, help="live calls (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=80, help="length of a live call (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="what is left to chance (default: %(default)s)")
    options = parser.parse_args()

    console = Console()
    rig = Rig(request_seconds=0.5, emulator_arguments=["--workers-per-function", "3"])
    with rig.session:
        recordings = batch.soak(rig, recordings=options.recordings, seed=options.seed)
        console.print(batch.figures(recordings).for_terminal())
        calls = live.soak(rig, calls=options.calls, seconds=options.seconds, seed=options.seed)
        console.print(live.figures(calls).for_terminal())
    return 0 if recordings.good and calls.good else 1


if __name__ == "__main__":
    sys.exit(main())
