"""``python -m local.emulator --runtime-python PATH``: run the emulator until Ctrl-C.

Nobody but the holder of the session's access key gets anything from it. Whoever starts it passes a key on, see
:mod:`local.access.keys`; by default it makes one and prints it.
"""

import argparse
from pathlib import Path

from local.access.keys import AccessKey
from local.emulator.server import run
from local.emulator.settings import EmulatorSettings


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m local.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--state-directory", type=Path, default=Path(".local/emulator"))
    parser.add_argument("--runtime-python", type=Path, required=True, help="the Python that runs Lambda functions")
    parser.add_argument("--workers-per-function", type=int, default=4)
    parser.add_argument(
        "--workers-of",
        type=_number_of,
        action="append",
        default=[],
        metavar="FUNCTION=N",
        help="another number for one function",
    )
    parser.add_argument(
        "--wait-scale", type=float, default=1.0, metavar="FACTOR", help="factor for what state machines wait for"
    )
    parser.add_argument("--kinesis-video-url", metavar="URL", help="where the Kinesis Video simulator is")
    parser.add_argument("--stop-with-parent", action="store_true", help="stop when standard input ends")
    options = vars(parser.parse_args())
    key = AccessKey.of_this_process()
    run(EmulatorSettings(**{**options, "key": key, "workers_of": dict(options["workers_of"])}))


def _number_of(argument: str) -> tuple[str, int]:
    function, _, number = argument.partition("=")
    return function, int(number)


if __name__ == "__main__":
    main()
