"""The Python environment that Lambda functions run in: what AWS's managed runtime brings, and nothing else."""

import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import uv

REQUIREMENTS = Path(__file__).with_name("runtime.txt")


def install_runtime(directory: Path) -> Path:
    """Install the runtime unless it is there already.

    Args:
        directory: Where environments are kept; each Python version and each lock file has its own.

    Returns:
        The Python of the environment.

    Raises:
        subprocess.CalledProcessError: uv could not install it.
    """
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    environment = directory / f"lambda-runtime-{platform.python_version()}-{digest}"
    if not environment.exists():
        unfinished = environment.with_name(f"{environment.name}.{os.getpid()}")
        _uv("venv", "--clear", "--relocatable", "--python", sys.executable, str(unfinished))
        _uv("pip", "sync", "--require-hashes", "--python", str(_python(unfinished)), str(REQUIREMENTS))
        with contextlib.suppress(OSError):  # another process was faster
            unfinished.rename(environment)
        shutil.rmtree(unfinished, ignore_errors=True)
    return _python(environment).absolute()


def _python(environment: Path) -> Path:
    return environment / "bin" / "python"


def _uv(*arguments: str) -> None:
    subprocess.run([uv.find_uv_bin(), *arguments], check=True, capture_output=True, timeout=300)
