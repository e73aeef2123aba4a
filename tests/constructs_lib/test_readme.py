"""The examples of a foreign app work as they stand on the pages."""

import re
from collections.abc import Mapping
from typing import Any

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Template

import constructs_lib
from tests.conftest import NO_ASSETS, REGION, ROOT, new_app

_PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def examples(page: str) -> list[str]:
    return _PYTHON.findall((ROOT / page).read_text(encoding="utf-8"))


def synthesised(example: str, **options: Any) -> Template:
    names: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), names)
    app: App = new_app()
    return Template.from_stack(names["Calls"](app, "Calls", env=Environment(region=REGION), **options))


def without_assets(*, context: Mapping[str, Any]) -> App:
    """An app as an example makes it, which copies no assets and leaves CloudFormation's rules alone."""
    return App(context={**NO_ASSETS, **context}, builtin_cloud_formation_validation=False)


def test_the_examples_of_recordings_and_of_live_calls_synthesise() -> None:
    of_recordings, live = examples("README.md")
    template = synthesised(of_recordings)
    template.resource_count_is("AWS::StepFunctions::StateMachine", 1)
    template.resource_count_is("AWS::SQS::Queue", 4)
    template.has_resource_properties("AWS::Events::Rule", {"EventPattern": {"detail-type": ["Call Transcribed"]}})
    template = synthesised(live, instance_arn=f"arn:aws:connect:{REGION}:111122223333:instance/lakeside")
    template.resource_count_is("AWS::ECS::Service", 1)
    template.resource_count_is("AWS::Connect::ContactFlowModule", 2)


def test_the_example_of_the_package_s_page_synthesises() -> None:
    [example] = examples("docs/package.md")
    synthesised(example).resource_count_is("AWS::StepFunctions::StateMachine", 1)


def test_the_examples_of_a_test_and_of_two_stacks_synthesise() -> None:
    names: dict[str, Any] = {"kms": kms, "env": Environment(region=REGION)}
    names |= {"App": without_assets, "Stack": Stack}
    names |= {name: getattr(constructs_lib, name) for name in constructs_lib.__all__}
    of_tests, of_stacks = examples("docs/how-to/use-in-your-app.md")
    exec(of_tests, names)
    exec(of_stacks, names)
    app: App = names["app"]
    of_calls = Template.from_stack(Stack.of(names["calls"]))
    of_calls.resource_count_is("AWS::KMS::Key", 0)
    of_calls.resource_count_is("AWS::StepFunctions::StateMachine", 1)
    assert app.synth()
