"""The console under a name of one's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from aws_cdk import Stack, Token
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from constructs import Construct

from constructs_lib import _checks

# Where CloudFront looks for certificates and web ACLs (Amazon CloudFront Developer Guide, "Requirements for using
# SSL/TLS certificates with CloudFront"; AWS WAF Developer Guide, "Resources that you can protect").
_REGION: Final = "us-east-1"
_NAME: Final = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_WEB_ACL: Final = re.compile(rf"arn:[\w-]+:wafv2:{_REGION}:\d{{12}}:global/webacl/[\w-]+/[\w-]+")

MANAGED_RULES: Final = "managed-rules"
"""A web ACL of the console's own."""


@dataclass(frozen=True, kw_only=True)
class ConsoleDomain:
    """A name under which people find the console, by way of CloudFront and, unless you say otherwise, AWS WAF.

    A distribution costs nothing below a terabyte and ten million requests a month; a web ACL of the console's own some
    9 US dollars a month, and 0.60 for a million requests; what locks the API behind the distribution 0.40 a month (list
    prices of 2026).

    Raises:
        ValueError: If an option cannot be what it is meant to be; the message says what to do.
    """

    name: str
    """The name, such as ``calls.example.com``."""
    certificate: acm.ICertificate
    """Certificate for *name*, in us-east-1: CloudFront takes no other."""
    hosted_zone: route53.IHostedZone | None = None
    """Zone in which *name* is pointed to the distribution. Default: none; you do it, by an alias or a CNAME."""
    web_acl: str | None = MANAGED_RULES
    """ARN of a web ACL for CloudFront; None for none. Default: ``"managed-rules"``, one of the console's own with rules
    that AWS keeps, for which the stack must be in us-east-1."""

    def __post_init__(self) -> None:
        _checks.check_fields(self)
        if not Token.is_unresolved(self.name) and not _NAME.fullmatch(self.name):
            raise ValueError(f"name of {self.name!r} is no domain name: write it as in 'calls.example.com'")
        region = _region_of(self.certificate)
        if region not in (None, _REGION):
            raise ValueError(
                f"certificate is in {region}, and CloudFront takes those of {_REGION} only: request one there, in a "
                "stack with env=Environment(region='us-east-1') and cross_region_references=True"
            )
        brought = self.web_acl not in (None, MANAGED_RULES) and not Token.is_unresolved(self.web_acl)
        if brought and not _WEB_ACL.fullmatch(str(self.web_acl)):
            raise ValueError(
                f"web_acl of {self.web_acl!r} is no web ACL for CloudFront: use the ARN of one of {_REGION} with the "
                "scope CLOUDFRONT, 'managed-rules' or None"
            )

    def check_region(self, scope: Construct) -> None:
        """Refuse a web ACL of the console's own where CloudFront would not find it.

        Raises:
            ValueError: The stack of *scope* is, or may be, in another region.
        """
        region = Stack.of(scope).region
        if self.web_acl == MANAGED_RULES and region != _REGION:
            where = "has no region" if Token.is_unresolved(region) else f"is in {region}"
            raise ValueError(
                f"web_acl of domain: a web ACL for CloudFront must be made in {_REGION}, and the console's stack "
                f"{where}: make one there and pass its ARN, or None for none"
            )


def _region_of(certificate: acm.ICertificate) -> str | None:
    """The region of a certificate; None where only the deployment knows it."""
    if not Token.is_unresolved(certificate.certificate_arn):
        return certificate.certificate_arn.split(":")[3]
    region = certificate.env.region
    return None if Token.is_unresolved(region) else region
