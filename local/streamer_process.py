"""``python -m local.streamer_process``: run the streamer until whoever started it ends, as ECS does with a task."""

import runpy

from local.server_process import terminate_with_parent

if __name__ == "__main__":
    terminate_with_parent()
    runpy.run_module("streamer", run_name="__main__", alter_sys=True)
