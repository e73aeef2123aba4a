"""The how-to's stack synthesises as it stands there; its function runs in tests/workflow."""

import re
from pathlib import Path
from typing import Any

from aws_cdk import Environment
from aws_cdk.assertions import Match, Template

from tests.conftest import REGION, ROOT, new_app

PAGE = ROOT / "docs" / "how-to" / "enrichment-step.md"


def test_the_example_synthesises(tmp_path: Path) -> None:
    code, stack = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / "index.py").write_text(code, encoding="utf-8")
    assert stack.count('"enrichment"') == 1
    stack = stack.replace('"enrichment"', repr(str(tmp_path)))
    names: dict[str, Any] = {}
    exec(compile(stack, PAGE.name, "exec"), names)
    template = Template.from_stack(names["Calls"](new_app(), "Calls", env=Environment(region=REGION)))
    template.resource_count_is("AWS::SQS::Queue", 5)
    template.has_resource_properties(
        "AWS::Events::Rule", {"EventPattern": {"detail-type": ["Call Transcribed"], "detail": {"source": ["live"]}}}
    )
    template.has_resource_properties("AWS::Lambda::EventSourceMapping", {"Enabled": False})
    for function in ("Enrich", "RepeatEnrichment"):
        template.has_resource_properties(
            "AWS::IAM::Policy",
            {
                "PolicyDocument": {
                    "Statement": Match.array_with([Match.object_like({"Action": "s3:GetObject", "Effect": "Allow"})])
                },
                "Roles": [{"Ref": Match.string_like_regexp(f"^{function}ServiceRole")}],
            },
        )
