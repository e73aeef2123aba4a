"""Docker-free Lambda packaging: ``uv`` installs wheels for the target, CDK stages the result.

All functions share one asset. Its hash is computed from the inputs (sources, lock file, target and this recipe), never
from the installed output, so it is the same on every machine and in the wheel, and costs nothing when CDK has already
staged it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final

import jsii
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_
from uv import find_uv_bin

from callscribe.encoder.files import FILES
from constructs_lib import _sources, _uv_settings
from constructs_lib.sentence_encoder import SentenceEncoder

DEFAULT_RUNTIME = lambda_.Runtime.PYTHON_3_14
DEFAULT_ARCHITECTURE = lambda_.Architecture.ARM_64

_LINUX = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
_INSTALL_TIMEOUT_SECONDS = 300
# What uv says last is what went wrong.
_LAST_LINES = 8
# Of code and layers, unpacked (AWS: "Lambda quotas").
_MOST_BYTES: Final = 250 * 2**20
ENCODER_WEIGHTS: Final = "encoder"
"""Folder of the encoder's weights in the asset."""
# Left behind by the installer or shipped by a wheel, and read by nothing at run time.
_SUPERFLUOUS = ("bin", ".lock")


@jsii.implements(ILocalBundling)
class _UvBundling:
    failure: str | None = None
    """Why the last bundling failed."""

    def __init__(
        self, python: str, platform: str, files: Mapping[str, bytes], encoder: SentenceEncoder | None = None
    ) -> None:
        self._python, self._platform, self._files, self._encoder = python, platform, files, encoder

    def try_bundle(self, output_dir: str, options: BundlingOptions | None = None, **_: object) -> bool:  # noqa: ARG002
        out = Path(output_dir)
        try:
            self._install(out)
        except RuntimeError as error:
            self.failure = str(error)
            raise
        self._copy(out)
        size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
        if size > _MOST_BYTES:
            self.failure = (
                f"the functions' code has {size / 2**20:.0f} MiB, and Lambda takes {_MOST_BYTES / 2**20:.0f}: "
                "leave out encoder, or files that are not needed"
            )
            raise RuntimeError(self.failure)
        return True

    def _copy(self, out: Path) -> None:
        for pattern in _SUPERFLUOUS:
            for path in list(out.glob(pattern)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for file in _sources.runtime_files(encoder=self._encoder is not None):
            target = out / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_sources.source(file), target)
        for name, content in self._files.items():
            (out / name).write_bytes(content)
        if self._encoder is not None:
            (out / ENCODER_WEIGHTS).mkdir()
            for name in FILES:
                shutil.copyfile(self._encoder.folder / name, out / ENCODER_WEIGHTS / name)

    def _install(self, out: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            settings = Path(folder) / "uv.toml"
            settings.write_text(_uv_settings.configuration(Path.cwd(), os.environ), encoding="utf-8")
            command = [
                *(find_uv_bin(), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(out)),
                *("--config-file", str(settings)),
                *("--python-platform", self._platform, "--python-version", self._python),
                # The lock leaves out what the Lambda runtime brings (boto3 and what it needs), hence --no-deps.
                *("--no-deps", "--require-hashes", "--only-binary", ":all:"),
                *("--no-compile-bytecode", "--link-mode", "copy"),
                *("-r", str(_sources.LOCK)),
                *(() if self._encoder is None else ("-r", str(_sources.ENCODER_LOCK))),
            ]
            # What the lock names is the same wherever it comes from: the cache needs no network, and is asked first.
            failure = _failure_of([*command, "--offline"], folder) and _failure_of(command, folder)
            if failure is not None:
                raise RuntimeError(_explained(failure))


def _failure_of(command: list[str], folder: str) -> str | None:
    """Run uv, and return what it says where it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=_uv_settings.environment(os.environ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            timeout=_INSTALL_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"it took longer than {_INSTALL_TIMEOUT_SECONDS} s"
    return (done.stderr.strip() or f"it ended with {done.returncode}") if done.returncode else None


def _explained(reason: str) -> str:
    last = " ".join(line.strip(" │╰─▶×") for line in reason.splitlines()[-_LAST_LINES:])
    return f"the functions' packages could not be installed: uv says: {last}"


@cache
def _inputs(*, encoder: bool) -> bytes:
    """Digest of recipe, lock files and sources: several hundred files, which are read once in a process."""
    sha = hashlib.sha256(Path(__file__).read_bytes() + _sources.LOCK.read_bytes())
    if encoder:
        sha.update(_sources.ENCODER_LOCK.read_bytes())
    for file in _sources.runtime_files(encoder=encoder):
        sha.update(file.as_posix().encode() + b"\0" + _sources.source(file).read_bytes() + b"\0")
    return sha.digest()


def _digest(
    *target: str, files: Mapping[str, bytes] = MappingProxyType({}), encoder: SentenceEncoder | None = None
) -> str:
    sha = hashlib.sha256("\0".join(target).encode())
    sha.update(_inputs(encoder=encoder is not None))
    if encoder is not None:
        sha.update(encoder.digest.encode())
    for path, content in sorted(files.items()):
        sha.update(path.encode() + b"\0" + content + b"\0")
    return sha.hexdigest()


@dataclass(frozen=True, kw_only=True)
class RuntimeCode:
    """The runtime code and its locked dependencies, for all functions of a construct."""

    runtime: lambda_.Runtime
    """Python version the wheels are chosen for."""
    architecture: lambda_.Architecture
    """Processor the wheels are chosen for."""
    platform: str | None = None
    """Platform the wheels are chosen for, as ``uv --python-platform`` names it. Default: the Linux of Lambda on
    *architecture*. Another one is for functions that run elsewhere, such as on an emulator."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What lies beside the code as well, by path in folders that it has. Default: nothing."""
    encoder: SentenceEncoder | None = None
    """Encoder that lies beside it, with its packages and weights. Default: none."""

    @contextmanager
    def packaged(self) -> Iterator[lambda_.AssetCode]:
        """Package it; to be used by a function that is defined inside.

        Raises:
            RuntimeError: If the dependencies cannot be installed; the message has uv's last lines.
        """
        bundling = _UvBundling(self._python, self._wheels, self.files, self.encoder)
        code = lambda_.Code.from_asset(
            str(_sources.ROOT / "lambdas"),
            asset_hash_type=AssetHashType.CUSTOM,
            asset_hash=self._hash,
            bundling=BundlingOptions(image=DockerImage.from_registry("docker-is-never-used"), local=bundling),
        )
        try:
            yield code
        except RuntimeError:
            if bundling.failure is None:
                raise
            # The CDK's own error wraps this one in the stack of its JavaScript.
            raise RuntimeError(bundling.failure) from None

    @cached_property
    def _hash(self) -> str:
        return _digest(self._python, self._wheels, files=self.files, encoder=self.encoder)

    @cached_property
    def _python(self) -> str:
        return self.runtime.name.removeprefix("python")

    @cached_property
    def _wheels(self) -> str:
        return self.platform or _LINUX[self.architecture.name]
