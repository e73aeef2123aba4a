"""``python -m local.streamer_process``: run the streamer until whoever started it ends, as ECS does with a task."""

import argparse
import runpy

from local.server_process import terminate_with_parent

if __name__ == "__main__":
    argparse.ArgumentParser(
        prog="python -m local.streamer_process",
        description="Run the streamer with the variables of a task, until stdin ends.",
    ).parse_args()
    terminate_with_parent()
    runpy.run_module("streamer", run_name="__main__", alter_sys=True)
