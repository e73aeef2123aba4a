"""Modules of the page that need no document, run in Node."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from lambdas.call_console.page_files import FOLDER
from tests.patience import PATIENCE_SECONDS


def run_with(module: str, script: str, argument: Any = None) -> Any:
    """Run a script with a module of the page; returns what it writes, which is JSON.

    Args:
        module: File of the module.
        script: The script, in which `%s` stands for the module's address.
        argument: What it finds as JSON in `process.argv[1]`.
    """
    address = json.dumps((FOLDER / module).as_uri())
    done = subprocess.run(
        [
            Path(sys.executable).with_name("node"),
            *("--input-type=module", "--no-warnings"),
            *("--eval", script % address, json.dumps(argument)),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
