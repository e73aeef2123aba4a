"""``make install``, its last step: what the local environment needs, so that it later starts without a network.

That is the Python environment that functions run in, and the stacks as they are deployed here, with the functions'
dependencies in them.
"""

import argparse
import sys
from collections.abc import Sequence

from local import cdk
from local.emulator.runtime import install_runtime
from local.ports import SPEECH_PORT
from local.server_process import HOST
from local.session import DIRECTORY, FAILURES, local_context
from operations.terminal import complain, output


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare what is not there yet; returns the exit status."""
    argparse.ArgumentParser(
        prog="python -m local.prepare", description="Have what the local environment needs here, before it is started."
    ).parse_args(argv)
    console = output()
    try:
        context = local_context(f"http://{HOST}:{SPEECH_PORT.number()}")
        assembly = cdk.assembly_for(DIRECTORY / "assemblies", context)
        install_runtime(DIRECTORY)
        if not assembly.exists():
            console.print("Preparing the local environment, so that it starts without a network: half a minute …")
            cdk.synthesise(assembly, context)
    except FAILURES as error:
        complain(f"The local environment could not be prepared: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
