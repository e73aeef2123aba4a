import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.assembly import Assembly, bundle_figures


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def assembly(tmp_path: Path) -> Assembly:
    definition = {"Fn::Join": ["", ['{"StartAt":"', {"Ref": "Name"}, '"}']]}
    resources = {
        "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"DefinitionString": definition}},
        "Admit": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Handler": "lambdas.admit_recording.handler.handle",
                "MemorySize": 1024,
                "Environment": {"Variables": {"TABLE_NAME": {"Ref": "Table"}}},
            },
        },
        "Provider": {"Type": "AWS::Lambda::Function", "Properties": {"Handler": "index.handler"}},
    }
    stage = tmp_path / "assembly-Dev"
    _write(stage / "DevBatch.template.json", {"Resources": resources})
    _write(stage / "DevBatch.assets.json", {"files": {"a": {"source": {"path": "../asset.a"}}}})
    _write(tmp_path / "asset.a" / "lambdas" / "__init__.py", "")
    _write(tmp_path / "asset.a" / "numpy" / "core.py", "x" * 1000)
    _write(tmp_path / "asset.a" / "numpy.libs" / "blas.so", "x" * 3000)
    return Assembly(tmp_path)


def test_only_the_projects_own_functions_are_measured(assembly: Assembly) -> None:
    (function,) = assembly.functions("Dev")

    assert (function.name, function.module, function.memory_mib) == (
        "admit_recording",
        "lambdas.admit_recording.handler",
        1024,
    )
    assert function.environment == {"TABLE_NAME": "known-after-deployment"}


def test_a_definition_is_read_with_placeholders_for_what_a_deployment_decides(assembly: Assembly) -> None:
    assert assembly.state_machine("Dev") == {"StartAt": "known-after-deployment"}


def test_a_package_and_its_shared_libraries_are_weighed_together(assembly: Assembly, tmp_path: Path) -> None:
    rows = {row[0]: row[1:] for row in bundle_figures(assembly, tmp_path).rows}

    assert rows["numpy"][1] == "100%"
    assert "numpy.libs" not in rows
