"""The package as other teams get it: built, installed outside the checkout, used by an app of theirs."""

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any, Final

import pytest
from uv import find_uv_bin

from constructs_lib import _sources
from constructs_lib._python_code import _digest
from constructs_lib._streamer_image import DOCKERFILE
from operations.command_line import COMMANDS
from tests import installed
from tests.conftest import ROOT
from tests.constructs_lib.live_parts import SynthesisedImage
from tests.installed import build_wheel, new_environment, run

FOREIGN_APP = Path(__file__).parent / "foreign_app.py"
MISTAKES = Path(__file__).parent / "mistakes.py"
VERSIONS: Final = os.environ.get("CALLSCRIBE_TEST_VERSIONS", "locked")
"""Versions of what the package needs that it is tried with: locked, lowest or newest, as the workflow does."""


@pytest.fixture(scope="module")
def digest() -> str:
    """Hash of the asset as the checkout makes it."""
    return _digest("3.14", "aarch64-manylinux_2_28")


@pytest.fixture(scope="module")
def image() -> str:
    """Hash of the streamer's image as the checkout makes it."""
    return SynthesisedImage().hash


@pytest.fixture(scope="module")
def wheel(digest: str, image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment with the wheel and what it needs, without extras."""
    python = new_environment(tmp_path_factory.mktemp("foreign"))
    install(python, wheel)
    return python


def install(python: Path, requirement: Path | str) -> None:
    folder = python.parents[2]
    if VERSIONS == "lowest":
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        needed = project["optional-dependencies"]["policies"] if "[policies]" in str(requirement) else []
        named = {one.partition(">")[0]: one.partition(",")[0] for one in [*project["dependencies"], *needed]}
        (folder / "lowest.txt").write_text("\n".join(named.values()).replace(">=", "=="), encoding="utf-8")
    constraints: dict[str, str | Path] = {
        "locked": installed.LOCKED,
        "lowest": folder / "lowest.txt",
        "newest": os.devnull,
    }
    installed.install(python, str(requirement), constraints=constraints[VERSIONS])


@pytest.fixture(scope="module")
def without_extras(python: Path) -> str:
    """What importing the policies says where there is no cdk-nag, and the constructs work."""
    program = (
        "import constructs_lib\n"
        "try:\n"
        "    import constructs_lib.policies\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    return run(python, "-c", program, cwd=python.parents[2])


@pytest.fixture(scope="module")
def foreign(python: Path, wheel: Path, without_extras: str) -> dict[str, Any]:
    """Synthesise a foreign app that holds itself to the policies."""
    install(python, f"{wheel}[policies]")
    found: dict[str, Any] = json.loads(run(python, FOREIGN_APP, cwd=python.parents[2]))
    return found


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_bytes(archive.read(name))


def interpreter(version: str) -> str | None:
    """Python of this version on this machine: where uv looks, or among pyenv's, whichever of those are in use."""
    search = [find_uv_bin(), "python", "find", "--no-project", "--system", "--no-python-downloads", version]
    found = subprocess.run(search, capture_output=True, text=True, check=False)
    if found.returncode == 0:
        return found.stdout.strip()
    of_pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return next((str(path) for path in of_pyenv.glob(f"{version}.*/bin/python")), None)


@pytest.fixture(scope="module", params=["3.11", "3.12", "3.13"])
def any_python(
    request: pytest.FixtureRequest, wheel: Path, python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Python of an environment with the wheel, for each version that is on this machine."""
    if request.param == f"{sys.version_info.major}.{sys.version_info.minor}":
        return python
    found = interpreter(request.param)
    if found is None:
        pytest.skip(f"no Python {request.param} on this machine")
    other = new_environment(tmp_path_factory.mktemp("python"), found)
    install(other, wheel)
    return other


def test_on_every_python_each_kind_of_mistake_is_refused_by_the_name_of_its_option(any_python: Path) -> None:
    told: dict[str, str] = json.loads(run(any_python, MISTAKES, cwd=any_python.parents[2]))
    assert len(told) > 15
    assert {option: message for option, message in told.items() if option not in message or ":" not in message} == {}


def test_on_every_python_it_judges(any_python: Path, tmp_path: Path) -> None:
    (tmp_path / "calls.jsonl").write_text('{"role": "customer", "text": "I would like to make an appointment."}')
    assert "appointment_requested" in run(
        any_python.with_name("callscribe"), "judge", "--jsonl", "calls.jsonl", cwd=tmp_path
    )


def test_the_wheel_installs_constructs_and_core_and_carries_the_functions_code(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"callscribe", "constructs_lib"}
    shipped = {f"constructs_lib/_assets/{file.as_posix()}" for file in _sources.runtime_files(encoder=True)}
    assert shipped <= set(names)
    assert {f"constructs_lib/_assets/{of}/requirements.txt" for of in ("lambdas", "callscribe/encoder")} <= {*names}
    assert {f"constructs_lib/_assets/{DOCKERFILE}{suffix}" for suffix in ("", ".dockerignore")} <= set(names)
    assert "constructs_lib/_live_feed.js" in names
    assert {"callscribe/py.typed", "constructs_lib/py.typed"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_the_source_distribution_has_what_the_wheel_is_built_from_and_nothing_else(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLSCRIBE_REPOSITORY_URL", "https://example.org/callscribe/")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path, ROOT, cwd=tmp_path)
    [source], [from_source] = tmp_path.glob("*.tar.gz"), tmp_path.glob("*.whl")
    with tarfile.open(source) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    code = {"callscribe", "constructs_lib", "lambdas", "operations", "streamer"}
    texts = {"LICENSE", "NOTICE", "docs", "hatch_build.py", "pyproject.toml", "PKG-INFO", ".gitignore"}
    modules = {path.as_posix() for path in _sources.FROM_NPM.values()}
    assert {name for name in names if name.startswith("node_modules/")} == modules
    assert {name.partition("/")[0] for name in names} == code | texts | {"node_modules"}
    assert not [name for name in names if re.search(r"(^|/)(tests?|conftest|test_\w+)(\.py|/)", name)]
    assert zipfile.ZipFile(from_source).namelist() == zipfile.ZipFile(wheel).namelist()
    of_index = metadata(from_source)
    assert "Source, https://example.org/callscribe" in of_index.get_all("Project-URL", [])
    assert of_index.get_all("License-File") == ["LICENSE", "NOTICE"]


def test_the_page_of_the_package_needs_no_checkout(wheel: Path) -> None:
    page = metadata(wheel)
    assert page["Description-Content-Type"] == "text/markdown"
    text = str(page.get_payload())
    assert "pip install" in text
    assert not re.findall(r"\]\((?!https://)[^)]*\)|\bmake \w+", text)
    assert not page.get_all("Project-URL")  # but where the release workflow says which repository it is


def test_the_constructs_come_from_the_wheel(foreign: dict[str, Any]) -> None:
    assert not Path(foreign["constructs_lib"]).is_relative_to(ROOT)


def test_the_policies_need_an_extra_and_say_so(without_extras: str, wheel: Path) -> None:
    assert "install callscribe[policies]" in without_extras
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        needed = [
            line for line in archive.read(name).decode().splitlines() if line.startswith("Requires-Dist: cdk-nag")
        ]
    assert [line.partition("; ")[2] for line in needed] == ["extra == 'policies'"]


@pytest.mark.skipif(VERSIONS == "locked", reason="make check holds the foreign app to the types of the locked versions")
def test_the_types_hold_in_a_foreign_app(foreign: dict[str, Any], python: Path) -> None:
    folder = python.parents[2]
    options = ("--strict", "--config-file", os.devnull, "--cache-dir", folder / "mypy")
    # Without a cache the CDK's own types take a minute of a processor, which a busy machine makes many of.
    command = (sys.executable, "-m", "mypy", *options, "--python-executable", python, FOREIGN_APP)
    run(*command, cwd=folder, seconds=1200)


def test_a_foreign_app_synthesises_two_stacks_for_one_account(foreign: dict[str, Any]) -> None:
    assert foreign["functions"] == {"First": 4, "Second": 4, "Live": 3, "Whole": 7}


def test_the_apps_own_bucket_table_keys_and_network_are_used(foreign: dict[str, Any]) -> None:
    for stack in ("First", "Second", "Live"):
        made = foreign["types"][stack]
        assert "AWS::S3::Bucket" not in made
        assert "AWS::DynamoDB::GlobalTable" not in made
        assert "AWS::KMS::Key" not in made
        assert "AWS::EC2::VPC" not in made
    assert foreign["functions_in_vpc"] == {"First": 4, "Second": 4, "Live": 0, "Whole": 0}


def test_the_two_stacks_share_no_name(foreign: dict[str, Any]) -> None:
    names = foreign["names"]["First"] + foreign["names"]["Second"]
    assert names
    assert len(names) == len(set(names))


def test_the_policies_hold_in_a_foreign_app(foreign: dict[str, Any]) -> None:
    assert foreign["open"] == []
    assert foreign["stale"] == []


def test_the_asset_is_the_one_of_the_checkout(foreign: dict[str, Any], digest: str) -> None:
    assert foreign["digest"] == digest
    assert len(foreign["assets"]) == 1


def test_the_image_is_the_one_of_the_checkout(foreign: dict[str, Any], image: str) -> None:
    assert set(foreign["images"]) == {image}


def test_everything_in_one_statement_makes_one_key_and_one_secret(foreign: dict[str, Any]) -> None:
    made = foreign["counts"]["Whole"]
    assert (made["AWS::KMS::Key"], made["AWS::SecretsManager::Secret"], made["AWS::SNS::Topic"]) == (1, 1, 1)


def test_the_command_judges_without_the_extra_and_names_it_where_it_is_needed(python: Path, tmp_path: Path) -> None:
    callscribe = python.with_name("callscribe")
    (tmp_path / "calls.jsonl").write_text('{"role": "customer", "text": "I would like to make an appointment."}')
    assert "appointment_requested" in run(callscribe, "judge", "--jsonl", "calls.jsonl", cwd=tmp_path)
    assert run(callscribe, "--help", cwd=tmp_path) == run(python, "-m", "callscribe", "--help", cwd=tmp_path)
    refused = subprocess.run(
        [callscribe, "doctor", "--environment", "Dev"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr == "callscribe doctor needs more packages: pip install 'callscribe[operations]'\n"


def test_every_command_works_with_the_extra(wheel: Path, python: Path, tmp_path: Path) -> None:
    install(python, f"callscribe[operations] @ {wheel.as_uri()}")
    program = (
        "import contextlib, sys\n"
        "from callscribe.operations.command_line import main\n"
        "for command in sys.argv[1:]:\n"
        "    with contextlib.suppress(SystemExit):\n"
        "        main([command, '--help'])\n"
    )
    assert run(python, "-c", program, *COMMANDS, cwd=tmp_path).count("exit status:") == len(COMMANDS)
    sample = "from callscribe.operations.verification.sample import Sample; print(Sample.shipped().seconds)"
    assert run(python, "-c", sample, cwd=tmp_path).strip() == "20.0"
