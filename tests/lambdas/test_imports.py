"""What each function loads when it starts cold: every package here is time that a call waits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py"))
HEAVY = ("deepgram", "httpx", "pydantic", "soundfile", "numpy", "aws_xray_sdk", "moto", "local", "aws_cdk")
NEEDED: dict[str, set[str]] = {
    "admit_recording": {"pydantic", "soundfile"},
    "analyse_call": set(),
    "call_console": set(),
    "update_search": set(),
    "draw_waveform": {"soundfile"},
    "transcribe_call": {"deepgram", "httpx", "pydantic"},
    "store_transcript": set(),
    "score_quality": set(),
    "store_live_transcript": set(),
    "start_live_call": {"pydantic"},
    "end_live_call": {"pydantic"},
}
SCRIPT = """
import importlib, sys
importlib.import_module(f"lambdas.{sys.argv[1]}.handler")
print(*(name for name in sys.argv[2:] if name in sys.modules))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """The heavy packages that are loaded once each handler is imported."""
    environment = {"POWERTOOLS_SERVICE_NAME": "x", "POWERTOOLS_METRICS_NAMESPACE": "x", "PATH": os.environ["PATH"]}
    processes = {
        function: subprocess.Popen(
            [sys.executable, "-c", SCRIPT, function, *HEAVY], cwd=ROOT, env=environment, stdout=subprocess.PIPE
        )
        for function in FUNCTIONS
    }
    return {
        function: set(process.communicate(timeout=PATIENCE_SECONDS)[0].decode().split())
        for function, process in processes.items()
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_loads_only_what_it_needs(loaded: dict[str, set[str]], function: str) -> None:
    assert function in NEEDED, "say in NEEDED which of the heavy packages it may load"
    assert loaded[function] == NEEDED[function]
