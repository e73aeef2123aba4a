"""A flag set and a rubric of the app's own are checked at synth and shipped to whoever judges calls."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from callscribe.conversation.flags import read_flag_set
from callscribe.environments.streamer import StreamerEnvironment
from callscribe.judgement.quality import read_rubric
from callscribe.serialization import decode_json
from constructs_lib import _python_code
from constructs_lib._judgement import Judgement
from tests.callscribe.test_own_data import FLAGS, RUBRIC
from tests.constructs_lib.live_parts import new_streamer
from tests.constructs_lib.parts import environment, new_stack, new_workflow, properties


def code(template: Template, function: lambda_.Function) -> str:
    key: str = properties(template, function)["Code"]["S3Key"]
    return key


def test_the_functions_look_for_a_set_of_the_apps_own_beside_their_code() -> None:
    stack, other = new_stack(), new_stack()
    workflow, usual = new_workflow(stack, flags=FLAGS, rubric=RUBRIC), new_workflow(other)
    template, usual_template = Template.from_stack(stack), Template.from_stack(other)
    told = environment(template, workflow.store_function)
    assert (told["FLAGS"], told["RUBRIC"]) == ("front-desk", "front-desk")
    assert environment(template, workflow.score_function)["RUBRIC"] == "front-desk"
    shipped = {code(template, one) for one in (workflow.store_function, workflow.score_function)}
    assert len(shipped) == 1
    assert shipped != {code(usual_template, usual.store_function)}


def test_the_functions_of_live_calls_get_it_as_well(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_text(json.dumps(FLAGS), encoding="utf-8")
    stack = new_stack()
    streamer = new_streamer(stack, flags=path, rubric=RUBRIC)
    template = Template.from_stack(stack)
    assert environment(template, streamer.store_function)["FLAGS"] == "front-desk"


def test_a_streamer_gets_it_by_its_environment() -> None:
    stack = new_stack()
    new_streamer(stack, flags=FLAGS)
    (task,) = Template.from_stack(stack).find_resources("AWS::ECS::TaskDefinition").values()
    containers = task["Properties"]["ContainerDefinitions"]
    told = {one["Name"]: one["Value"] for container in containers for one in container["Environment"]}
    kind = StreamerEnvironment.__annotations__["own_flags"]
    assert read_flag_set(decode_json(kind, told["OWN_FLAGS"], "flags")).names == ("wants_to_come", "complaint")


def test_what_ships_is_found_where_it_is() -> None:
    judgement = Judgement.checked(flags="eye-clinic-v1", rubric="clinic-call-v1")
    assert (judgement.files, judgement.own_flags) == ({}, None)


def test_the_asset_has_what_the_functions_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = Judgement.checked(flags=FLAGS, rubric=RUBRIC).files
    monkeypatch.setattr(_python_code._UvBundling, "_install", lambda *_: None)
    assert _python_code._UvBundling("3.14", "linux", files).try_bundle(str(tmp_path))
    assert read_flag_set(tmp_path / "callscribe/flag_sets/front-desk.json").file == read_flag_set(FLAGS).file
    assert read_rubric(tmp_path / "callscribe/rubrics/front-desk.json") == read_rubric(RUBRIC)
    assert (tmp_path / "callscribe/flag_sets/eye-clinic-v1.json").is_file()


@pytest.mark.parametrize("make", [new_workflow, new_streamer])
@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("flags", {**FLAGS, "acts": "acts-dentist-en-v1"}, "^flags: acts: there is no lexicon acts-dentist-en-v1"),
        ("flags", "front-desk", "^flags: there is no flag set front-desk"),
        ("flags", Path("nowhere.json"), "^flags: the flag set nowhere.json: No such file"),
        ("rubric", {**RUBRIC, "criteria": []}, "^rubric: the rubric: .*criteria"),
        ("rubric", 5, "^rubric: the rubric of 5 is none: pass a name"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_name_of_the_option(
    make: Callable[..., Any], option: str, value: object, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        make(new_stack(), **{option: value})
