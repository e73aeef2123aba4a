"""Synthesis is done once per state of the code; a failing command line is quoted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local import cdk
from local.programs import ProgramFailed

URL = {"callscribe:local-speech-url": "http://127.0.0.1:8787"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one file of code, and a command line that only notes what it is asked to synthesise."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "stack.py").write_text("one = 1\n")
    monkeypatch.setattr(cdk, "ROOT", tmp_path)
    monkeypatch.setattr(cdk, "_SETTINGS", ())
    monkeypatch.setattr(cdk, "_CODE", ("stacks",))

    def synth(*arguments: str, **_: Any) -> None:
        output = Path(arguments[arguments.index("--output") + 1])
        output.mkdir(parents=True, exist_ok=True)
        (output / "arguments").write_text(" ".join(arguments))

    monkeypatch.setattr(cdk, "_run", synth)
    return tmp_path


def synthesised(project: Path, context: dict[str, str] | None = None) -> Path:
    assembly = cdk.assembly_for(project / "assemblies", context or URL)
    cdk.synthesise(assembly, context or URL)
    return assembly


def assemblies(project: Path) -> list[Path]:
    return list((project / "assemblies").iterdir())


def test_the_same_code_is_synthesised_once(project: Path) -> None:
    first = synthesised(project)
    (first / "arguments").write_text("kept")

    second = synthesised(project)

    assert first == second
    assert (second / "arguments").read_text() == "kept"


def test_only_the_local_stage_is_bundled_for_the_speech_server_in_use(project: Path) -> None:
    arguments = (synthesised(project) / "arguments").read_text()

    assert arguments.startswith("synth Local/* --exclusively")
    assert arguments.endswith("--context callscribe:local-speech-url=http://127.0.0.1:8787")


@pytest.mark.parametrize("change", ["content", "name"])
def test_changed_code_is_synthesised_anew(project: Path, change: str) -> None:
    before = synthesised(project)
    code = project / "stacks" / "stack.py"
    if change == "content":
        code.write_text("one = 2\n")
    else:
        code.rename(code.with_name("renamed.py"))

    assert synthesised(project) != before


def test_compiled_code_does_not_count(project: Path) -> None:
    before = synthesised(project)
    (project / "stacks" / "__pycache__").mkdir()
    (project / "stacks" / "__pycache__" / "stack.pyc").write_bytes(b"compiled")

    assert synthesised(project) == before


def test_another_speech_server_is_another_assembly(project: Path) -> None:
    before = synthesised(project)

    assert synthesised(project, {"callscribe:local-speech-url": "http://127.0.0.1:1"}) != before


def test_old_assemblies_are_removed(project: Path) -> None:
    for number in range(6):
        newest = synthesised(project, {"number": str(number)})

    assert newest in assemblies(project)
    assert len(assemblies(project)) == 3


def test_what_was_bundled_before_is_taken_along(project: Path) -> None:
    bundled = synthesised(project) / "asset.1234"
    bundled.mkdir()
    (bundled / "code.py").write_text("bundled\n")
    (bundled.parent / "asset.1234.json").write_text("no folder")

    assert (synthesised(project, {"other": "context"}) / "asset.1234" / "code.py").read_text() == "bundled\n"


def test_each_stack_is_reported_as_soon_as_it_is_deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, on_line: Callable[[str], None], **__: Any) -> None:
        for line in ("Local-Storage: deploying... [1/3]", "", " ✅  Local-Storage (Local/Storage)", "Outputs:"):
            on_line(line)

    monkeypatch.setattr(cdk, "run", run)
    reports: list[str] = []

    cdk.deploy(tmp_path, tmp_path / "outputs.json", {}, report=reports.append)

    assert reports == ["Local-Storage"]


def test_a_failing_command_line_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(ProgramFailed, match=r"(?s)`cdk deploy` failed \(exit status 1\):.*nothing-here"):
        cdk.deploy(tmp_path / "nothing-here", tmp_path / "outputs.json", {})


def test_a_missing_command_line_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cdk, "_COMMAND_LINE", tmp_path / "cdk")

    with pytest.raises(ProgramFailed, match="make install"):
        cdk.bootstrap("000000000000", "us-east-1", {})


def test_the_shells_own_aws_settings_never_reach_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}

    def run(*_: Any, environment: dict[str, str], **__: Any) -> None:
        seen.update(environment)

    monkeypatch.setattr(cdk, "run", run)
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")

    cdk.bootstrap("000000000000", "us-east-1", {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"})

    assert {name for name in seen if name.startswith("AWS_")} == {"AWS_ENDPOINT_URL"}
