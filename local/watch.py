"""``make watch``: follow the live calls of the local environment, ``python -m local.watch [CALL_ID]``.

``--environment NAME`` with ``--clinic ID``, as ``callscribe watch`` takes them, follows those of a deployed one.
"""

import argparse
import sys
from collections.abc import Sequence

from local.ring import CLINIC
from operations.command_line import main as callscribe


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status of ``callscribe watch``."""
    parser = argparse.ArgumentParser(
        prog="python -m local.watch",
        description="Follow live calls.",
        epilog="Everything else is passed on to `callscribe watch`.",
    )
    parser.add_argument("call", nargs="?", metavar="CALL_ID", help="one call to its end; default: those of the clinic")
    parser.add_argument("--environment", default="Local", metavar="NAME", help="the stage; default: %(default)s")
    parser.add_argument("--clinic", default=CLINIC, metavar="ID", help="default: %(default)s")
    arguments, more = parser.parse_known_args(argv)
    wanted = ["--call", arguments.call] if arguments.call else ["--clinic", arguments.clinic]
    return callscribe(["watch", "--environment", arguments.environment, *wanted, *more])


if __name__ == "__main__":
    sys.exit(main())
