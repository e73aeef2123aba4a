"""The real CDK command line against the emulator: synthesise once per state of the code, bootstrap, deploy."""

import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from local.server_process import ROOT

STAGE = "Local"

_COMMAND_LINE = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"
_SETTINGS = ("cdk.json", "package-lock.json", "requirements.txt")
_CODE = ("app.py", "stacks", "constructs_lib", "lambdas", "callscribe")
_KEPT_ASSEMBLIES = 3
_TIMEOUT_SECONDS = 300
_REPORTED_LINES = 20


class CdkFailed(RuntimeError):
    """The CDK command line failed; the message carries the end of what it said."""


def assembly_for(directory: Path, context: Mapping[str, str]) -> Path:
    """Where the cloud assembly of the code as it is now belongs; it is there if it was synthesised before.

    Args:
        directory: Where assemblies are kept, the newest few.
        context: CDK context values.
    """
    return directory / _digest(context)


def synthesise(assembly: Path, context: Mapping[str, str]) -> None:
    """Synthesise the stacks of the Local stage into an assembly, unless it is there.

    Args:
        assembly: From :func:`assembly_for`.
        context: CDK context values.

    Raises:
        CdkFailed: The app could not be synthesised.
    """
    if not assembly.exists():
        unfinished = assembly.with_suffix(f".{os.getpid()}")
        values = [argument for name, value in context.items() for argument in ("--context", f"{name}={value}")]
        _run("synth", f"{STAGE}/*", "--exclusively", "--quiet", "--output", str(unfinished), *values)
        with contextlib.suppress(OSError):  # another process was faster with the same
            unfinished.rename(assembly)
        shutil.rmtree(unfinished, ignore_errors=True)
    assembly.touch()
    for old in sorted(assembly.parent.iterdir(), key=lambda path: path.stat().st_mtime)[:-_KEPT_ASSEMBLIES]:
        shutil.rmtree(old, ignore_errors=True)


def bootstrap(account_id: str, region: str, environment: Mapping[str, str]) -> None:
    """Create what every CDK deployment needs in the account.

    Raises:
        CdkFailed: It could not be created.
    """
    _run("bootstrap", f"aws://{account_id}/{region}", "--app", "", environment=environment)


def deploy(assembly: Path, outputs: Path, environment: Mapping[str, str]) -> None:
    """Deploy the stacks of the Local stage and write their outputs to a JSON file.

    Raises:
        CdkFailed: A stack could not be deployed.
    """
    _run(
        *("deploy", f"{STAGE}/*", "--app", str(assembly), "--outputs-file", str(outputs)),
        *("--require-approval", "never", "--method", "direct", "--progress", "events"),
        environment=environment,
    )


def _run(*arguments: str, environment: Mapping[str, str] | None = None) -> None:
    if not _COMMAND_LINE.exists():
        raise CdkFailed("the CDK command line is not installed; run `make install`")
    programs = Path(sys.executable).parent  # node comes from the virtual environment, like python
    variables = {
        # What the shell says about AWS must not lead to a real account.
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        **(environment or {}),
        "PATH": os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)]),
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }
    done = subprocess.run(
        [str(programs / "node"), str(_COMMAND_LINE), *arguments, "--no-notices"],
        cwd=ROOT,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        end = "\n".join(done.stdout.splitlines()[-_REPORTED_LINES:])
        raise CdkFailed(f"`cdk {arguments[0]}` failed:\n{end}")


def _digest(context: Mapping[str, str]) -> str:
    digest = hashlib.sha256(f"{platform.python_version()} {platform.machine()} {sorted(context.items())}".encode())
    for path in _files():
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _files() -> Iterator[Path]:
    for name in (*_SETTINGS, *_CODE):
        path = ROOT / name
        found = [path] if path.is_file() else sorted(path.rglob("*"))
        yield from (file for file in found if file.is_file() and "__pycache__" not in file.parts)
