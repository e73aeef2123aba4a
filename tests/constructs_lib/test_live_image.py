"""What Docker would build the streamer's image from, as far as that can be told without Docker."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import aws_lambda as lambda_
from uv import find_uv_bin

from constructs_lib import _sources
from constructs_lib._streamer_image import DOCKERFILE, context_rules
from tests.conftest import ROOT
from tests.constructs_lib.live_parts import SynthesisedImage

LOCK = ROOT / "streamer" / "requirements.txt"
TIMEOUT_SECONDS = 300


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions and their arguments."""
    text = (ROOT / DOCKERFILE).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines if line and not line.startswith("#")]


def arguments(instruction: str) -> list[str]:
    return [rest for name, rest in instructions() if name == instruction]


def python_version() -> str:
    """The Python that the image has."""
    [base] = arguments("ARG")
    match = re.fullmatch(r"PYTHON_IMAGE=\S+/python:(3\.\d+)-slim", base)
    assert match
    return match[1]


@pytest.fixture(scope="module")
def synthesised() -> SynthesisedImage:
    return SynthesisedImage()


def test_the_image_is_built_for_the_tasks_processor(synthesised: SynthesisedImage) -> None:
    assert synthesised.source["dockerFile"] == "streamer/Dockerfile"
    assert synthesised.source["platform"] == "linux/arm64"
    assert SynthesisedImage(architecture=lambda_.Architecture.X86_64).source["platform"] == "linux/amd64"


def test_the_base_can_be_named_by_its_digest(synthesised: SynthesisedImage) -> None:
    base = f"public.ecr.aws/docker/library/python@sha256:{'0' * 64}"
    pinned = SynthesisedImage(base_image=base)
    assert pinned.source["dockerBuildArgs"] == {"PYTHON_IMAGE": base}
    assert pinned.hash != synthesised.hash


def test_the_build_context_holds_sources_lock_and_recipe_and_nothing_else(synthesised: SynthesisedImage) -> None:
    sources = {
        path.relative_to(ROOT).as_posix()
        for package in ("streamer", "callscribe")
        for path in (ROOT / package).rglob("*")
        if path.is_file()
        and path.suffix in (".py", ".json")
        and not path.is_relative_to(ROOT / "callscribe" / "encoder")
    }
    assert synthesised.files() == sources | {DOCKERFILE, "streamer/requirements.txt"}


def test_everything_that_is_copied_is_in_the_build_context(synthesised: SynthesisedImage) -> None:
    copied = [rest.split()[:-1] for rest in arguments("COPY") if "--from=" not in rest]
    assert copied
    for sources in copied:
        for source in sources:
            assert (synthesised.context / source).exists()


def test_the_hash_is_the_same_from_another_folder_full_of_other_things(
    synthesised: SynthesisedImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in (*synthesised.files(), f"{DOCKERFILE}.dockerignore"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, tmp_path / file)
    for file in ("lambdas/handler.py", "streamer/__pycache__/x.cpython-314.pyc", ".venv/bin/python", "cdk.json"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(b"\0")
    monkeypatch.setattr(_sources, "ROOT", tmp_path)
    assert SynthesisedImage().hash == synthesised.hash
    (tmp_path / "streamer" / "__init__.py").write_text("changed = True\n")
    assert SynthesisedImage().hash != synthesised.hash


def test_the_rules_are_read_without_their_comments() -> None:
    assert context_rules()[0] == "*"
    assert not [rule for rule in context_rules() if rule.startswith("#")]


def test_the_last_stage_runs_the_streamer_as_nobody() -> None:
    names = [name for name, _ in instructions()]
    last = instructions()[len(names) - 1 - names[::-1].index("FROM") :]
    assert [rest for name, rest in last if name == "USER"] == ["10001:10001"]
    assert [json.loads(rest) for name, rest in last if name == "CMD"] == [["python", "-m", "streamer"]]
    assert not [rest for name, rest in last if name == "RUN"]
    assert all("--from=build" in rest for name, rest in last if name == "COPY")
    assert [json.loads(rest) for name, rest in last if name == "VOLUME"] == [["/tmp"]]


def test_packages_are_installed_as_wheels_by_their_hashes() -> None:
    [install] = [rest for rest in arguments("RUN") if " install " in rest]
    assert "--require-hashes" in install
    assert "--only-binary :all:" in install
    assert install.endswith("-r requirements.txt")


def uv(*command: str | Path, offline_is_fine: bool = True) -> None:
    done = subprocess.run(
        [find_uv_bin(), *map(str, command)], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, cwd=ROOT
    )
    if done.returncode and offline_is_fine and re.search(r"dns error|Connection|error sending request", done.stderr):
        pytest.skip("no package index within reach")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("processor", ["aarch64", "x86_64"])
def test_there_are_wheels_for_the_images_python_and_processor(processor: str, tmp_path: Path) -> None:
    uv(
        *("pip", "install", "--dry-run", "--quiet", "--python", sys.executable, "--target", tmp_path),
        *("--python-platform", f"{processor}-manylinux_2_28", "--python-version", python_version()),
        *("--require-hashes", "--only-binary", ":all:", "-r", LOCK),
    )


def test_the_streamer_starts_with_nothing_but_its_requirements(synthesised: SynthesisedImage, tmp_path: Path) -> None:
    """Up to its settings, of which there are none here."""
    packages = tmp_path / "packages"
    uv(
        *("pip", "install", "--quiet", "--python", sys.executable, "--target", packages),
        *("--require-hashes", "--only-binary", ":all:", "--link-mode", "symlink", "-r", LOCK),
    )
    program = "import runpy, sys; sys.path[:0] = sys.argv[1:3]; runpy.run_module('streamer', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, synthesised.context, packages],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode != 0
    assert "TABLE_NAME" in done.stdout + done.stderr
    assert "ModuleNotFoundError" not in done.stderr
