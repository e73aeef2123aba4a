"""Every folder of `lambdas/` is deployed by a construct, which tells it what it reads; neither imports the other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

from constructs_lib import ClinicRules, LiveTranscriptFeed
from tests.conftest import ROOT
from tests.constructs_lib.live_parts import new_streamer
from tests.constructs_lib.parts import new_stack, new_workflow

FUNCTIONS = sorted(path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py"))
SETTING = re.compile(r"""(?:environ\[|environ\.get\(|settings\.[a-z_]+\()\s*"([A-Z_]+)\"""")
SETTINGS = ROOT / "lambdas" / "common" / "settings.py"
HELPERS = {
    node.name: SETTING.findall(ast.unparse(node).replace("'", '"'))
    for node in ast.parse(SETTINGS.read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef)
}
# Lambda's own.
GIVEN = {"AWS_REGION", "AWS_ENDPOINT_URL"}


@pytest.fixture(scope="module")
def deployed() -> dict[str, dict[str, Any]]:
    """The variables of every function that the constructs make, with all that can be set, by its folder."""
    workflows, streamers = new_stack(), new_stack()
    new_workflow(workflows, clinics=ClinicRules(default_clinic_id="main"))
    new_streamer(streamers, feed=LiveTranscriptFeed(streamers, "Feed"), clinics=ClinicRules(default_clinic_id="main"))
    found: dict[str, dict[str, Any]] = {}
    for stack in (workflows, streamers):
        for resource in Template.from_stack(stack).find_resources("AWS::Lambda::Function").values():
            properties = resource["Properties"]
            package, folder, module, function = properties["Handler"].split(".")
            assert (package, module, function) == ("lambdas", "handler", "handle")
            assert folder not in found
            found[folder] = properties["Environment"]["Variables"]
    return found


def test_every_function_is_deployed_and_there_is_no_other(deployed: dict[str, dict[str, Any]]) -> None:
    assert deployed.keys() == {*FUNCTIONS}, "deploy it by a construct, and make that construct in this module"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_setting_that_a_function_reads_is_there(deployed: dict[str, dict[str, Any]], function: str) -> None:
    sources = {*sources_of(f"lambdas.{function}.handler"), *(ROOT / "lambdas" / function).rglob("*.py")}
    texts = [source.read_text(encoding="utf-8") for source in sources if source != SETTINGS]
    read = {name for text in texts for name in SETTING.findall(text)}
    # What a function of `settings` reads by itself is read by who calls it.
    read |= {
        name
        for helper, names in HELPERS.items()
        if any(f"settings.{helper}(" in text for text in texts)
        for name in names
    }
    assert "TABLE_NAME" in read
    assert read - GIVEN - deployed[function].keys() == set()


def sources_of(module: str, seen: set[str] | None = None) -> Iterator[Path]:
    """The module and whatever it imports of ours."""
    seen = {*()} if seen is None else seen
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    if module in seen or not path.exists():
        return
    seen.add(module)
    yield path
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lambdas."):
            for name in (str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)):
                yield from sources_of(name, seen)
