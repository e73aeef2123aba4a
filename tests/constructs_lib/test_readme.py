"""The README's example of a foreign stack works as it stands there."""

import re
from typing import Any

from aws_cdk import App, Environment
from aws_cdk.assertions import Template

from tests.conftest import REGION, ROOT, new_app

_PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def test_the_example_synthesises() -> None:
    [example] = _PYTHON.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), names)
    app: App = new_app()
    template = Template.from_stack(names["Calls"](app, "Calls", env=Environment(region=REGION)))
    template.resource_count_is("AWS::StepFunctions::StateMachine", 1)
    template.resource_count_is("AWS::SQS::Queue", 4)
    template.has_resource_properties("AWS::Events::Rule", {"EventPattern": {"detail-type": ["Call Transcribed"]}})
