"""Docker-free Lambda packaging: ``uv`` installs wheels for the target, CDK stages the result.

All functions share one asset. Its hash is computed from the inputs (sources, lock file, target and this recipe), never
from the installed output, so it is the same on every machine and in the wheel, and costs nothing when CDK has already
staged it.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import jsii
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_
from uv import find_uv_bin

from constructs_lib import _sources

DEFAULT_RUNTIME = lambda_.Runtime.PYTHON_3_14
DEFAULT_ARCHITECTURE = lambda_.Architecture.ARM_64

_LINUX = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
_INSTALL_TIMEOUT_SECONDS = 300
# Left behind by the installer or shipped by a wheel, and read by nothing at run time.
_SUPERFLUOUS = ("bin", ".lock", "numpy/**/tests")


@jsii.implements(ILocalBundling)
class _UvBundling:
    def __init__(self, python: str, platform: str) -> None:
        self._python, self._platform = python, platform

    def try_bundle(self, output_dir: str, options: BundlingOptions | None = None, **_: object) -> bool:  # noqa: ARG002
        out = Path(output_dir)
        subprocess.run(
            [
                *(find_uv_bin(), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(out)),
                *("--python-platform", self._platform, "--python-version", self._python),
                # The lock leaves out what the Lambda runtime brings (boto3 and what it needs), hence --no-deps.
                *("--no-deps", "--require-hashes", "--only-binary", ":all:"),
                *("--no-compile-bytecode", "--link-mode", "copy"),
                *("-r", str(_sources.LOCK)),
            ],
            check=True,
            timeout=_INSTALL_TIMEOUT_SECONDS,
        )
        for pattern in _SUPERFLUOUS:
            for path in list(out.glob(pattern)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for file in _sources.runtime_files():
            target = out / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_sources.ROOT / file, target)
        return True


def _digest(*target: str) -> str:
    sha = hashlib.sha256("\0".join(target).encode())
    sha.update(Path(__file__).read_bytes() + _sources.LOCK.read_bytes())
    for file in _sources.runtime_files():
        sha.update(file.as_posix().encode() + b"\0" + (_sources.ROOT / file).read_bytes() + b"\0")
    return sha.hexdigest()


def runtime_code(
    *, runtime: lambda_.Runtime, architecture: lambda_.Architecture, platform: str | None = None
) -> lambda_.AssetCode:
    """Package the runtime code and its locked dependencies.

    Args:
        runtime: Python version the wheels are chosen for.
        architecture: Processor the wheels are chosen for.
        platform: Platform the wheels are chosen for, as ``uv --python-platform`` names it. Default: the Linux of
            Lambda on *architecture*. Another one is for functions that run elsewhere, such as on an emulator.
    """
    python, wheels = runtime.name.removeprefix("python"), platform or _LINUX[architecture.name]
    return lambda_.Code.from_asset(
        str(_sources.ROOT / "lambdas"),
        asset_hash_type=AssetHashType.CUSTOM,
        asset_hash=_digest(python, wheels),
        bundling=BundlingOptions(
            image=DockerImage.from_registry("docker-is-never-used"),
            local=_UvBundling(python, wheels),
        ),
    )
