"""The console under a name of one's own: who serves it, who may go past that, and where its parts must be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from aws_cdk.assertions import Template

from constructs_lib import CallConsole, ConsoleDomain
from constructs_lib.policies import Report, enforce
from tests.conftest import REGION, new_app
from tests.constructs_lib.parts import environment, logical_id, new_console, permissions, properties

NAME = "calls.example.com"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0f6c8a34-5d1e-4b7a-9c2f-3e1d5b7a9c2f"
WEB_ACL = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/ours/0f6c8a34-5d1e-4b7a-9c2f-3e1d5b7a9c2f"


def virginia() -> Stack:
    return Stack(new_app(), "Test", env=Environment(region="us-east-1"))


def console(stack: Stack, *, certificate: str = CERTIFICATE, zone: bool = False, **options: Any) -> CallConsole:
    hosted_zone = None
    if zone:
        hosted_zone = route53.HostedZone.from_hosted_zone_attributes(
            stack, "Zone", hosted_zone_id="Z1", zone_name="example.com"
        )
    domain = ConsoleDomain(
        **{
            "name": NAME,
            "certificate": acm.Certificate.from_certificate_arn(stack, "Certificate", certificate),
            "hosted_zone": hosted_zone,
            **options,
        }
    )
    return new_console(stack, domain=domain)


def distribution(template: Template) -> dict[str, Any]:
    [found] = template.find_resources("AWS::CloudFront::Distribution").values()
    config: dict[str, Any] = found["Properties"]["DistributionConfig"]
    return config


def test_people_find_it_under_its_name_and_come_back_there_from_the_sign_in() -> None:
    stack = virginia()
    made = console(stack, zone=True)
    template = Template.from_stack(stack)
    assert made.url == f"https://{NAME}/"
    client = properties(template, made.client)
    assert client["CallbackURLs"] == client["LogoutURLs"] == [made.url]
    served = distribution(template)
    assert served["Aliases"] == [NAME]
    assert served["ViewerCertificate"]["AcmCertificateArn"] == CERTIFICATE
    assert served["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    records = template.find_resources("AWS::Route53::RecordSet").values()
    assert {(record["Properties"]["Name"], record["Properties"]["Type"]) for record in records} == {
        (f"{NAME}.", "A"),
        (f"{NAME}.", "AAAA"),
    }


def test_nothing_but_what_is_named_after_its_content_is_kept_by_cloudfront() -> None:
    stack = virginia()
    console(stack)
    served = distribution(Template.from_stack(stack))
    disabled = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # CloudFront's own policy "CachingDisabled"
    assert served["DefaultCacheBehavior"]["CachePolicyId"] == disabled
    assert [one["PathPattern"] for one in served["CacheBehaviors"]] == ["/page/*"]
    # The token goes on to the API, whose authorizer checks it.
    all_but_host = "b689b0a8-53d0-40ab-baf2-68738e2966ac"  # "AllViewerExceptHostHeader"
    assert served["DefaultCacheBehavior"]["OriginRequestPolicyId"] == all_but_host
    assert "ResponseHeadersPolicyId" not in served["DefaultCacheBehavior"], "the page's headers are the function's"


def test_the_function_answers_the_distribution_alone() -> None:
    stack = virginia()
    made = console(stack)
    template = Template.from_stack(stack)
    [secret] = template.find_resources("AWS::SecretsManager::Secret", {"Properties": {"GenerateSecretString": {}}})
    [origin] = distribution(template)["Origins"]
    [header] = origin["OriginCustomHeaders"]
    assert header["HeaderName"] == "x-callscribe-origin"
    assert "{{resolve:secretsmanager:" in json.dumps(header["HeaderValue"])
    assert environment(template, made.function)["ORIGIN_SECRET_ARN"] == {"Ref": secret}
    assert made.function.role is not None
    [reading] = [
        one for one in permissions(template, made.function.role) if "secretsmanager:GetSecretValue" in one.actions
    ]
    assert reading.resources == {f"<{secret}>"}


def test_a_web_acl_of_its_own_tells_nobody_what_was_searched_for() -> None:
    stack = virginia()
    console(stack)
    template = Template.from_stack(stack)
    [(name, acl)] = template.find_resources("AWS::WAFv2::WebACL").items()
    assert distribution(template)["WebACLId"] == {"Fn::GetAtt": [name, "Arn"]}
    assert acl["Properties"]["Scope"] == "CLOUDFRONT"
    seen = [acl["Properties"]["VisibilityConfig"], *(one["VisibilityConfig"] for one in acl["Properties"]["Rules"])]
    assert not [one for one in seen if one["SampledRequestsEnabled"]]
    assert "Logging" not in distribution(template)


@pytest.mark.parametrize("web_acl", [WEB_ACL, None])
def test_elsewhere_a_web_acl_is_brought_or_left_out(stack: Stack, web_acl: str | None) -> None:
    console(stack, web_acl=web_acl)
    template = Template.from_stack(stack)
    assert distribution(template).get("WebACLId") == web_acl
    template.resource_count_is("AWS::WAFv2::WebACL", 0)


def test_elsewhere_one_of_its_own_would_not_be_found(stack: Stack) -> None:
    with pytest.raises(ValueError, match=f"must be made in us-east-1, and the console's stack is in {REGION}"):
        console(stack)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"certificate": CERTIFICATE.replace("us-east-1", "eu-central-1")}, "certificate is in eu-central-1"),
        ({"name": "https://calls.example.com"}, "is no domain name"),
        ({"name": "Calls.example.com"}, "is no domain name"),
        ({"name": "calls"}, "is no domain name"),
        ({"web_acl": WEB_ACL.replace("us-east-1", "eu-central-1")}, "is no web ACL for CloudFront"),
        ({"web_acl": WEB_ACL.replace("global", "regional")}, "is no web ACL for CloudFront"),
    ],
)
def test_what_cloudfront_would_refuse_is_refused_at_synth(options: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        console(virginia(), **options)  # type: ignore[arg-type]


def test_without_a_name_there_is_no_distribution(stack: Stack) -> None:
    made = new_console(stack)
    template = Template.from_stack(stack)
    assert made.distribution is None
    template.resource_count_is("AWS::CloudFront::Distribution", 0)
    assert environment(template, made.function)["ORIGIN_SECRET_ARN"] == ""
    assert logical_id(made.api) in json.dumps(stack.resolve(made.url))


def test_neither_pack_finds_anything_in_front_of_the_console(make_app: Callable[..., App]) -> None:
    app = make_app()
    enforce(app)
    made = console(Stack(app, "Test", env=Environment(region="us-east-1")))
    report = Report.of(app)
    front = f"{made.node.path}/Front"
    assert not [finding for finding in report.open if front in finding]
    assert not [finding for finding in report.stale if front in finding]
