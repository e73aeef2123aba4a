"""The README's examples of a foreign stack work as they stand there."""

import re
from typing import Any

from aws_cdk import App, Environment
from aws_cdk.assertions import Template

from tests.conftest import REGION, ROOT, new_app

_PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def synthesised(example: str, **options: Any) -> Template:
    names: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), names)
    app: App = new_app()
    return Template.from_stack(names["Calls"](app, "Calls", env=Environment(region=REGION), **options))


def test_the_examples_of_recordings_and_of_live_calls_synthesise() -> None:
    of_recordings, live = _PYTHON.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    template = synthesised(of_recordings)
    template.resource_count_is("AWS::StepFunctions::StateMachine", 1)
    template.resource_count_is("AWS::SQS::Queue", 4)
    template.has_resource_properties("AWS::Events::Rule", {"EventPattern": {"detail-type": ["Call Transcribed"]}})
    template = synthesised(live, instance_arn=f"arn:aws:connect:{REGION}:111122223333:instance/lakeside")
    template.resource_count_is("AWS::ECS::Service", 1)
    template.resource_count_is("AWS::Connect::ContactFlowModule", 2)
