"""The Python environment that Lambda functions run in: what AWS's managed runtime brings, and nothing else."""

import hashlib
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
    python = environment / "bin" / "python"
    installed = environment / ".installed"
    if not installed.exists():
        shutil.rmtree(environment, ignore_errors=True)
        _uv("venv", "--python", sys.executable, str(environment))
        _uv("pip", "sync", "--require-hashes", "--python", str(python), str(REQUIREMENTS))
        installed.touch()
    return python.absolute()


def _uv(*arguments: str) -> None:
    subprocess.run([uv.find_uv_bin(), *arguments], check=True, capture_output=True, timeout=300)
