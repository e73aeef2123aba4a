import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from constructs_lib import FunctionSettings, _python_code, _sources
from tests.conftest import FLAGS, REGION
from tests.constructs_lib.parts import new_function, new_stack, properties

UNZIPPED_LIMIT = 250 * 1024 * 1024  # bytes (AWS: "Lambda quotas")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small copy of what is shipped, in another folder."""
    _python_code._inputs.cache_clear()
    for file, text in {
        "lambdas/__init__.py": "",
        "lambdas/requirements.txt": "anyio==1\n",
        "lambdas/requirements.in": "anyio\n",
        "lambdas/admit_recording/handler.py": "def handle(): ...\n",
        "callscribe/rubrics/one.json": "{}",
        **{path.as_posix(): "" for path in _sources.FROM_NPM.values()},
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text, encoding="utf-8")
    monkeypatch.setattr(_sources, "ROOT", tmp_path)
    monkeypatch.setattr(_sources, "LOCK", tmp_path / "lambdas" / "requirements.txt")
    yield tmp_path
    _python_code._inputs.cache_clear()


def asset_hash(
    runtime: lambda_.Runtime = lambda_.Runtime.PYTHON_3_14,
    architecture: lambda_.Architecture = lambda_.Architecture.ARM_64,
    platform: str | None = None,
) -> str:
    _python_code._inputs.cache_clear()  # as in another process
    stack = new_stack()
    transcription = new_function(
        stack,
        functions=FunctionSettings(runtime=runtime, architecture=architecture, bundling_platform=platform),
    )
    key: str = properties(Template.from_stack(stack), transcription.function)["Code"]["S3Key"]
    return key


def test_the_hash_is_the_same_after_the_interpreter_left_its_byte_code(checkout: Path) -> None:
    before = asset_hash()
    (checkout / "lambdas" / "__pycache__").mkdir()
    (checkout / "lambdas" / "__pycache__" / "handler.cpython-311.pyc").write_bytes(b"\0")
    (checkout / "lambdas" / "__init__.py").touch()
    assert asset_hash() == before


def test_the_hash_is_the_same_from_another_folder(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = asset_hash()
    moved = checkout / "moved"
    shutil.copytree(checkout / "lambdas", moved / "lambdas")
    shutil.copytree(checkout / "callscribe", moved / "callscribe")
    shutil.copytree(checkout / "node_modules", moved / "node_modules")
    monkeypatch.setattr(_sources, "ROOT", moved)
    assert asset_hash() == before


@pytest.mark.parametrize(
    "file",
    [
        *("lambdas/admit_recording/handler.py", "lambdas/requirements.txt", "callscribe/rubrics/one.json"),
        "node_modules/preact/dist/preact.mjs",
    ],
)
def test_the_hash_follows_sources_data_and_lock(checkout: Path, file: str) -> None:
    before = asset_hash()
    (checkout / file).write_text("changed", encoding="utf-8")
    assert asset_hash() != before


def test_a_checkout_without_the_pages_modules_says_what_installs_them(checkout: Path) -> None:
    (checkout / "node_modules" / "htm" / "dist" / "htm.mjs").unlink()
    with pytest.raises(RuntimeError, match="make packages"):
        asset_hash()


def test_the_hash_follows_python_processor_and_platform(checkout: Path) -> None:
    hashes = {
        asset_hash(),
        asset_hash(runtime=lambda_.Runtime.PYTHON_3_13),
        asset_hash(architecture=lambda_.Architecture.X86_64),
        asset_hash(platform="aarch64-apple-darwin"),
    }
    assert len(hashes) == 4


def test_the_hash_does_not_follow_what_is_not_shipped(checkout: Path) -> None:
    before = asset_hash()
    (checkout / "lambdas" / "requirements.in").write_text("changed", encoding="utf-8")
    (checkout / "README.md").write_text("changed", encoding="utf-8")
    assert asset_hash() == before


# What an importing app may have set for its own packages, and what would keep ours from being installed.
THEIR_SETTINGS = """
[tool.uv]
exclude-newer = "2015-01-01T00:00:00Z"
no-binary = true
no-binary-package = ["numpy"]
constraint-dependencies = ["numpy<1"]
override-dependencies = ["httpx<0.1"]
required-version = "==0.0.1"
[tool.uv.pip]
prefix = "elsewhere"
no-verify-hashes = true
"""
THEIR_VARIABLES = {
    "UV_EXCLUDE_NEWER": "2015-01-01T00:00:00Z",
    "UV_NO_BINARY": "1",
    "UV_CONSTRAINT": "there-is-none.txt",
    "UV_PYTHON_PLATFORM": "windows",
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The asset as a synthesis with bundling makes it in an app with uv settings of its own."""
    folder = tmp_path_factory.mktemp("their app")
    (folder / "pyproject.toml").write_text(THEIR_SETTINGS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in THEIR_VARIABLES.items():
            patch.setenv(name, value)
        app = App(context=FLAGS, builtin_cloud_formation_validation=False)
        new_function(Stack(app, "Test", env=Environment(region=REGION)))
        app.synth()
    [asset] = Path(app.outdir).glob("asset.*")
    return asset


def test_the_sentence_encoder_whose_packages_no_function_has_is_not_shipped() -> None:
    assert not [file for file in _sources.runtime_files() if "encoder" in file.parts]


def test_the_bundle_holds_the_code_and_wheels_for_the_target(bundle: Path) -> None:
    files = [path.relative_to(bundle) for path in bundle.rglob("*") if path.is_file()]
    names = {path.as_posix() for path in files}
    for module in ("admit_recording", "transcribe_call", "store_transcript", "score_quality"):
        assert f"lambdas/{module}/handler.py" in names
    assert "callscribe/rubrics/clinic-call-v1.json" in names
    assert {path.parts[0] for path in files} >= {"deepgram", "aws_lambda_powertools", "soundfile.py"}
    assert not {"numpy", "pycparser", "aws_xray_sdk", "boto3"} & {path.parts[0] for path in files}
    native = [name for name in names if name.endswith(".so") and "cpython" in name]
    assert native
    assert all("cpython-314-aarch64-linux-gnu" in name for name in native)


def test_the_bundle_holds_what_the_page_imports_with_the_licences(bundle: Path) -> None:
    modules = bundle / "lambdas" / "call_console" / "page" / "modules"
    assert {path.name for path in modules.iterdir()} == {
        *("preact.mjs", "hooks.mjs", "htm.mjs"),
        *("LICENSE-preact.txt", "LICENSE-htm.txt"),
    }


def test_the_bundle_holds_nothing_superfluous(bundle: Path) -> None:
    files = [path.relative_to(bundle) for path in bundle.rglob("*") if path.is_file()]
    assert not {path.parts[0] for path in files} & {"boto3", "botocore", "bin", ".lock"}
    assert not [path for path in files if "__pycache__" in path.parts or path.name.startswith("requirements.")]
    assert sum((bundle / path).stat().st_size for path in files) < UNZIPPED_LIMIT / 2


def test_a_bundle_that_cannot_be_installed_fails_the_synthesis_with_what_uv_says(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    (checkout / "lambdas" / "requirements.txt").write_text(
        "anyio==0.0.0 --hash=sha256:" + 64 * "0" + "\n", encoding="utf-8"
    )
    app = App(context=FLAGS, builtin_cloud_formation_validation=False)
    with pytest.raises(RuntimeError) as failed:
        new_function(Stack(app, "Test", env=Environment(region=REGION)))
    message = str(failed.value)
    assert re.match(r"the functions' packages could not be installed: uv says: .*anyio", message)
    assert message.isprintable()  # in one line, and without colours
    assert failed.value.__suppress_context__


@pytest.mark.parametrize(("cached", "asked"), [(True, ["offline"]), (False, ["offline", "online"])])
def test_the_network_is_asked_for_what_the_cache_has_not(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, cached: bool, asked: list[str]
) -> None:
    calls, program = checkout / "calls", checkout / "uv"
    program.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *--offline*) echo offline >> {calls}; exit {0 if cached else 1};; esac\necho online >> {calls}\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(_python_code, "find_uv_bin", lambda: str(program))
    new_function(
        Stack(App(context=FLAGS, builtin_cloud_formation_validation=False), "Test", env=Environment(region=REGION))
    )
    assert calls.read_text().split() == asked


def test_an_error_of_the_cdk_stays_as_it_is() -> None:
    stack = new_stack()
    new_function(stack)
    with pytest.raises(RuntimeError, match="There is already a Construct"):
        new_function(stack)
