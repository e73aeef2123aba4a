"""``python -m local.kinesis_video``: run the service on loopback until it is interrupted.

Nobody but the holder of the session's access key, and of keys that its emulated account has given out, gets anything
from it. Whoever starts it passes a key on, see :mod:`local.access.keys`; by default it makes one and prints it.
"""

from __future__ import annotations

import argparse

import uvicorn

from local.access.keys import AccessKey
from local.kinesis_video.admission import Admission
from local.kinesis_video.app import create_app
from local.kinesis_video.streams import Settings, Streams
from local.server_process import HOST, terminate_with_parent
from local.serving import serve

PORT = 8789
SHUTDOWN_SECONDS = 1


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m local.kinesis_video", description="Kinesis Video Streams simulator, loopback only"
    )
    parser.add_argument("--port", type=int, default=PORT, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--emulator-url", metavar="URL", help="the emulated account whose keys and policies count (default: none)"
    )
    parser.add_argument("--stop-with-parent", action="store_true", help="stop when standard input ends")
    return parser


def main() -> None:
    """Run the server; print one line when it answers."""
    options = arguments().parse_args()
    if options.stop_with_parent:
        terminate_with_parent()
    serve(
        uvicorn.Config(
            create_app(Streams(Settings()), Admission(AccessKey.of_this_process(), emulator_url=options.emulator_url)),
            host=HOST,
            port=options.port,
            http="h11",  # not whichever is installed: httptools takes HTTP/1.1 without a Host
            ws="none",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        ),
        ready="local Kinesis Video Streams ready on {url}",
    )


if __name__ == "__main__":
    main()
