"""``python -m local.emulator --runtime-python PATH``: run the emulator until Ctrl-C."""

import argparse
from pathlib import Path

from local.emulator.server import EmulatorSettings, run


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m local.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--state-directory", type=Path, default=Path(".local/emulator"))
    parser.add_argument("--runtime-python", type=Path, required=True, help="the Python that runs Lambda functions")
    parser.add_argument("--workers-per-function", type=int, default=4)
    parser.add_argument("--stop-with-parent", action="store_true", help="stop when standard input ends")
    run(EmulatorSettings(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
