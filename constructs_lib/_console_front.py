"""CloudFront in front of the console, and what keeps others from going past it."""

from __future__ import annotations

from typing import Final

from aws_cdk import Fn, RemovalPolicy
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_kms as kms
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from callscribe.contract.origin import ORIGIN_HEADER
from constructs_lib import _nag
from constructs_lib.console_domain import MANAGED_RULES, ConsoleDomain

# Of AWS's managed rules (AWS WAF Developer Guide, "AWS Managed Rules rule groups list").
_COMMON: Final = "AWSManagedRulesCommonRuleSet"
_GROUPS: Final = ("AWSManagedRulesAmazonIpReputationList", _COMMON, "AWSManagedRulesKnownBadInputsRuleSet")
# They look for what no page of ours does with what was said: a correction of hundreds of turns has more than 8 KB, and
# words of a call may look like a script. Both are read as what they are, and shown as text.
_COUNTED: Final = ("SizeRestrictions_BODY", "CrossSiteScripting_BODY", "CrossSiteScripting_QUERYARGUMENTS")
# In five minutes from one address, which all people of a clinic may share; a page that follows a call asks every few
# seconds.
_MOST_REQUESTS: Final = 10_000


class ConsoleFront(Construct):
    """Define the distribution that serves an API of the console under a name.

    Args:
        scope: Parent construct.
        construct_id: Identifier, unique in *scope*.
        domain: The name.
        api: What is served.
        key: Encrypts the secret that the distribution shows to the API's function.
    """

    distribution: cloudfront.Distribution
    """Serves the page and the API."""
    secret: secretsmanager.Secret
    """What the distribution shows to the function, and nobody else can."""

    def __init__(
        self, scope: Construct, construct_id: str, *, domain: ConsoleDomain, api: apigateway.HttpApi, key: kms.IKey
    ) -> None:
        super().__init__(scope, construct_id)
        domain.check_region(self)
        self.secret = secretsmanager.Secret(
            self,
            "Secret",
            description="Shown by the console's distribution to its function",
            encryption_key=key,
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=48, exclude_punctuation=True),
            removal_policy=RemovalPolicy.DESTROY,
        )
        _nag.acknowledge(
            self.secret,
            {
                "AwsSolutions-SMG4": "the distribution has it from a deployment, and another one from another",
                "HIPAA.Security-SecretsManagerRotationEnabled": "as above",
            },
        )
        origin = origins.HttpOrigin(
            Fn.select(2, Fn.split("/", api.api_endpoint)),
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
            origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
            # A reference that CloudFormation resolves; the template has no value.
            custom_headers={ORIGIN_HEADER: self.secret.secret_value.unsafe_unwrap()},
        )
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment="CallScribe's console",
            domain_names=[domain.name],
            certificate=domain.certificate,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            web_acl_id=self._managed_rules().attr_arn if domain.web_acl == MANAGED_RULES else domain.web_acl,
            default_behavior=cloudfront.BehaviorOptions(
                origin=origin,
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
                cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
                # The token and all parameters, but not the name that people typed: API Gateway knows its own only.
                origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            ),
            additional_behaviors={
                # Named after their content, so that nobody gets an old one.
                "/page/*": cloudfront.BehaviorOptions(
                    origin=origin,
                    viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                    cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
                )
            },
        )
        _nag.acknowledge(
            self.distribution,
            {
                "AwsSolutions-CFR1": "people look at calls from wherever they are, signed in",
                "AwsSolutions-CFR3": "the API logs every request with its user; logs of CloudFront have the parameters "
                "of addresses, too, which can be words that are searched for",
                **({"AwsSolutions-CFR2": "the app says that there is no web ACL"} if domain.web_acl is None else {}),
            },
        )
        if domain.hosted_zone is not None:
            target = route53.RecordTarget.from_alias(targets.CloudFrontTarget(self.distribution))
            zone, name = domain.hosted_zone, f"{domain.name}."
            route53.ARecord(self, "Address", zone=zone, record_name=name, target=target)
            route53.AaaaRecord(self, "AddressOfVersion6", zone=zone, record_name=name, target=target)

    def _managed_rules(self) -> wafv2.CfnWebACL:
        rules = [
            wafv2.CfnWebACL.RuleProperty(
                name=group,
                priority=priority,
                override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
                statement=wafv2.CfnWebACL.StatementProperty(
                    managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                        vendor_name="AWS",
                        name=group,
                        rule_action_overrides=[
                            wafv2.CfnWebACL.RuleActionOverrideProperty(
                                name=name, action_to_use=wafv2.CfnWebACL.RuleActionProperty(count={})
                            )
                            for name in (_COUNTED if group == _COMMON else ())
                        ],
                    )
                ),
                visibility_config=_visibility(group),
            )
            for priority, group in enumerate(_GROUPS)
        ]
        rules.append(
            wafv2.CfnWebACL.RuleProperty(
                name="Rate",
                priority=len(_GROUPS),
                action=wafv2.CfnWebACL.RuleActionProperty(block={}),
                statement=wafv2.CfnWebACL.StatementProperty(
                    rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
                        aggregate_key_type="IP", limit=_MOST_REQUESTS
                    )
                ),
                visibility_config=_visibility("Rate"),
            )
        )
        acl = wafv2.CfnWebACL(
            self,
            "WebAcl",
            scope="CLOUDFRONT",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            rules=rules,
            visibility_config=_visibility("Console"),
        )
        _nag.acknowledge(
            acl,
            {
                "HIPAA.Security-WAFv2LoggingEnabled": "its log would have the parameters of addresses, which can be "
                "words that are searched for; what it stops is counted"
            },
        )
        return acl


def _visibility(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    # Samples would have the parameters of addresses, which can be words that are searched for.
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )
