"""Random histories in simulated time: ``python -m tests.simulation live --seeds 0-199``."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from typing import Any


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def main() -> int:
    """Run histories; return 1 if something did not hold in one."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("half", choices=("live", "batch"))
    parser.add_argument("--seeds", type=_seeds, required=True, help="one, or the first and the last: 0-199")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--brief", action="store_true", help="only tell which failed")
    parser.add_argument("--log", action="store_true", help="print what was logged")
    options = parser.parse_args()
    half: Any = importlib.import_module(f"tests.simulation.{options.half}.runner")
    met: Counter[str] = Counter()
    began, failed, simulated = time.perf_counter(), [], 0.0
    with ProcessPoolExecutor(options.jobs) as pool:
        outcomes = (
            pool.map(half.run_seed, options.seeds, chunksize=8)
            if options.jobs > 1
            else map(half.run_seed, options.seeds)
        )
        for outcome in outcomes:
            met.update(outcome.met)
            simulated += outcome.simulated
            if options.log:
                print(outcome.log)
            if outcome.violations:
                failed.append(outcome.history.seed)
                if options.brief:
                    broken = sorted({violation.what for violation in outcome.violations})
                    print(f"{options.half} {outcome.history.seed}: {', '.join(broken)}", flush=True)
                else:
                    print(half.reproduction(outcome), flush=True)
    took = time.perf_counter() - began
    print(f"{len(options.seeds)} histories, {simulated / 3600:.1f} hours, in {took:.0f} s; failed: {failed or 'none'}")
    for what, times in sorted(met.items()):
        print(f"  {times:6} {what}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
