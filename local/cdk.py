"""The real CDK command line against the emulator: synthesise once per state of the code, bootstrap, deploy."""

import hashlib
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from local.programs import ProgramFailed, finished, make_once, run
from local.server_process import ROOT

STAGE = "Local"

_COMMAND_LINE = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"
_SETTINGS = ("cdk.json", "package-lock.json", "requirements.txt")
_CODE = ("app.py", "stacks", "constructs_lib", "lambdas", "callscribe")
_KEPT_ASSEMBLIES = 3
_DEPLOYED = re.compile(r"\s*✅\s+(\S+)")
_TIMEOUT_SECONDS = 900  # a busy machine takes minutes for what others do in one


def assembly_for(directory: Path, context: Mapping[str, str]) -> Path:
    """Where the cloud assembly of the code as it is now belongs; it is there if it was synthesised before.

    Args:
        directory: Where assemblies are kept, the newest few.
        context: CDK context values.
    """
    return directory / _digest(context)


def synthesise(assembly: Path, context: Mapping[str, str]) -> None:
    """Synthesise the stacks of the Local stage into an assembly, unless it is there.

    What an earlier assembly has bundled from the same files is taken from there, so that it needs no network.

    Args:
        assembly: From :func:`assembly_for`.
        context: CDK context values.

    Raises:
        ProgramFailed: The app could not be synthesised.
    """
    values = [argument for name, value in context.items() for argument in ("--context", f"{name}={value}")]

    def make(unfinished: Path) -> None:
        for earlier in finished(assembly.parent)[-1:]:
            for asset in (path for path in earlier.glob("asset.*") if path.is_dir()):
                shutil.copytree(asset, unfinished / asset.name)
        _run("synth", f"{STAGE}/*", "--exclusively", "--quiet", "--output", str(unfinished), *values)

    make_once(assembly, make)
    assembly.touch()
    for old in finished(assembly.parent)[:-_KEPT_ASSEMBLIES]:
        shutil.rmtree(old, ignore_errors=True)


def bootstrap(account_id: str, region: str, environment: Mapping[str, str]) -> None:
    """Create what every CDK deployment needs in the account.

    Raises:
        ProgramFailed: It could not be created.
    """
    _run("bootstrap", f"aws://{account_id}/{region}", "--app", "", environment=environment)


def deploy(
    assembly: Path, outputs: Path, environment: Mapping[str, str], *, report: Callable[[str], None] = lambda _: None
) -> None:
    """Deploy the stacks of the Local stage and write their outputs to a JSON file.

    Args:
        assembly: From :func:`synthesise`.
        outputs: The file.
        environment: Variables that lead to the account.
        report: Told the name of each stack that is deployed.

    Raises:
        ProgramFailed: A stack could not be deployed.
    """
    _run(
        *("deploy", f"{STAGE}/*", "--app", str(assembly), "--outputs-file", str(outputs)),
        *("--require-approval", "never", "--method", "direct", "--progress", "events"),
        environment=environment,
        on_line=lambda line: report(done[1]) if (done := _DEPLOYED.match(line)) else None,
    )


def _run(
    *arguments: str, environment: Mapping[str, str] | None = None, on_line: Callable[[str], None] = lambda _: None
) -> None:
    if not _COMMAND_LINE.exists():
        raise ProgramFailed("the CDK command line is not installed; run `make install`")
    programs = Path(sys.executable).parent  # node comes from the virtual environment, like python
    variables = {
        # What the shell says about AWS must not lead to a real account.
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        **(environment or {}),
        "PATH": os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)]),
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }
    run(
        f"`cdk {arguments[0]}`",
        [str(programs / "node"), str(_COMMAND_LINE), *arguments, "--no-notices"],
        timeout_seconds=_TIMEOUT_SECONDS,
        environment=variables,
        directory=ROOT,
        on_line=on_line,
    )


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
