"""``python -m benchmarks.live.relay``: the least that relaying calls can spend, `relay.c`, built and run.

It takes a C compiler and OpenSSL's headers (Debian: `gcc`, `libssl-dev`); without them it ends, and has no figures.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_SOURCE = Path(__file__).with_suffix(".c")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live.relay", description=__doc__)
    parser.add_argument("--services", required=True, help="host and port of the services")
    parser.add_argument("--speech", required=True, help="host and port of Deepgram")
    parser.add_argument("--calls", type=int, required=True)
    options = parser.parse_args()
    ports = [address.rpartition(":")[2] for address in (options.services, options.speech)]
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "relay")
        try:
            subprocess.run(["cc", "-O2", "-o", program, _SOURCE, "-lssl", "-lcrypto"], check=True)
        except (OSError, subprocess.CalledProcessError):
            sys.exit("no C compiler with OpenSSL's headers")
        # Opened, it outlives its folder.
        descriptor = os.open(program, os.O_RDONLY)
    os.execve(descriptor, ["relay", *ports, str(options.calls), os.environ["PACING"]], os.environ)


if __name__ == "__main__":
    main()
