"""An environment with the package as other teams get it: built, and installed away from the checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

from uv import find_uv_bin

from tests.conftest import ROOT

LOCKED: Final = ROOT / "requirements.txt"


def run(*command: str | Path, cwd: Path, seconds: float = 300, **variables: str) -> str:
    """Run a program that knows nothing of the checkout; returns what it prints."""
    of_machine = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        # CloudFormation's built-in rules take seconds, and are looked at elsewhere.
        env={**of_machine, "CDK_VALIDATION": "false", **variables},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def build_wheel(folder: Path) -> Path:
    """Build the wheel into a folder."""
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    [wheel] = folder.glob("*.whl")
    return wheel


def new_environment(folder: Path, python: str = sys.executable) -> Path:
    """Make an empty environment in a folder; returns its Python."""
    run(find_uv_bin(), "venv", "--quiet", "--python", python, folder / "venv", cwd=folder)
    return folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"


def install(python: Path, requirement: str, *, constraints: Path | str = LOCKED) -> None:
    """Install into an environment, with the byte code that this process' environment has of the same files."""
    folder = python.parents[2]
    options = ("--quiet", "--python", python, "--constraint", constraints)
    run(find_uv_bin(), "pip", "install", *options, requirement, cwd=folder)
    _share_byte_code(folder / "venv")


def _share_byte_code(environment: Path) -> None:
    """Spare the environment compiling the CDK, which takes 6 s of CPU.

    Where it has another Python, nothing is shared; and what was compiled from a file of another size or time, Python
    compiles anew.
    """
    packages = Path(sysconfig.get_path("purelib"))
    of_environment = environment / packages.relative_to(sys.prefix)
    for compiled in packages.glob("**/__pycache__/*.pyc"):
        copy = of_environment / compiled.relative_to(packages)
        if copy.parents[1].is_dir() and not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(compiled, copy)
