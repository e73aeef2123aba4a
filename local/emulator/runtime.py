"""The Python environment that Lambda functions run in: what AWS's managed runtime brings, and nothing else."""

import hashlib
import platform
import shutil
import sys
from pathlib import Path

import uv

from local.programs import finished, make_once, run

REQUIREMENTS = Path(__file__).with_name("runtime.txt")
_NAME = "lambda-runtime-"
_KEPT = 3
_TIMEOUT_SECONDS = 300


def install_runtime(directory: Path) -> Path:
    """Install the runtime unless it is there already.

    Args:
        directory: Where environments are kept, the newest few; each Python version and each lock file has its own.

    Returns:
        The Python of the environment.

    Raises:
        ProgramFailed: uv could not install it.
    """
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    environment = directory / f"{_NAME}{platform.python_version()}-{digest}"
    make_once(environment, _install)
    environment.touch()
    for old in [path for path in finished(directory) if path.name.startswith(_NAME)][:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return _python(environment).absolute()


def _install(environment: Path) -> None:
    _uv("venv", "--clear", "--relocatable", "--python", sys.executable, str(environment))
    _uv("pip", "sync", "--require-hashes", "--python", str(_python(environment)), str(REQUIREMENTS))


def _python(environment: Path) -> Path:
    return environment / "bin" / "python"


def _uv(*arguments: str) -> None:
    name = f"`uv {' '.join(word for word in arguments[:2] if not word.startswith('-'))}`"
    run(
        f"{name} for the functions' Python",
        [uv.find_uv_bin(), "--color", "never", *arguments],
        timeout_seconds=_TIMEOUT_SECONDS,
    )
