"""Whose calls they are: the settings that both halves decide by, and the permission to keep what was decided."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec
from aws_cdk import Duration, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam

from callscribe.contract import metrics
from callscribe.contract.table_keys import CALL_INDEX, CALLS, CLINIC_EVIDENCE
from callscribe.recordings.clinics import ClinicRules
from callscribe.serialization import encode_json
from constructs_lib import _grants, _nag
from constructs_lib._functions import RuntimeFunction

_QUEUE_ARN: Final = re.compile(r"(?P<instance>arn:[\w-]+:connect:[\w-]+:\d{12}:instance/[\w-]+)/queue/(?P<id>[\w-]+)")
# ITU-T Recommendation E.164: up to 15 digits, the country code first, which never begins with 0.
_E164: Final = re.compile(r"\+[1-9][0-9]{1,14}")
# Bytes. All variables of a function together may take 4 KB (AWS: "Lambda quotas"); the others need less than the rest.
_LONGEST: Final = 3072


def checked_rules(rules: ClinicRules, *, instance_arn: str | None, check: Callable[[str], str]) -> ClinicRules:
    """Return *rules* as the functions read them, with the ids of queues for their ARNs.

    Args:
        rules: Whose calls they are.
        instance_arn: The instance that the queues must be of, as far as that is known.
        check: Refuses what cannot be a clinic id.

    Raises:
        ValueError: If something in *rules* cannot be what it is meant to be, or they are too long for a function.
    """
    for option, clinics in (
        ("clinic_by_queue", rules.clinic_by_queue.values()),
        ("clinic_by_dialled_number", rules.clinic_by_dialled_number.values()),
        ("clinic_by_prefix", rules.clinic_by_prefix.values()),
        ("default_clinic_id", () if rules.default_clinic_id is None else (rules.default_clinic_id,)),
    ):
        for clinic in clinics:
            try:
                check(clinic)
            except ValueError as refused:
                raise ValueError(f"{option}: {refused}") from None
    for number in rules.clinic_by_dialled_number:
        if not Token.is_unresolved(number) and not _E164.fullmatch(number):
            raise ValueError(
                f"clinic_by_dialled_number: {number!r} is no number in E.164 form: write '+', the country code and the "
                "number, digits only, as in '+493012345678'"
            )
    queues = {_queue(arn, instance_arn): clinic for arn, clinic in rules.clinic_by_queue.items()}
    rules = msgspec.structs.replace(rules, clinic_by_queue=queues)
    size = len(encode_json(rules))
    if size > _LONGEST:
        raise ValueError(
            f"{len(rules.clinic_by_queue)} queues, {len(rules.clinic_by_dialled_number)} numbers and "
            f"{len(rules.clinic_by_prefix)} prefixes of clinics take {size} bytes: a function's "
            f"environment has room for {_LONGEST}; let the contact's attribute clinic_id name the clinic, use shorter "
            "prefixes or clinic ids, or a workflow for each part"
        )
    return rules


def allow_decisions(role: iam.Role, table: dynamodb.ITable) -> None:
    """Allow *role* to look up and keep whose calls they are, and to note calls; it reads no words for that."""
    calls = {"dynamodb:LeadingKeys": [f"{CALLS}*"]}
    _grants.allow_items(
        role, table, "dynamodb:PutItem", "dynamodb:UpdateItem", conditions={"ForAllValues:StringLike": calls}
    )
    iam.Grant.add_to_principal(
        grantee=role,
        actions=["dynamodb:Query"],
        resource_arns=[table.table_arn, f"{table.table_arn}/index/{CALL_INDEX}"],
        # DynamoDB Developer Guide, "Using IAM policy conditions for fine-grained access control".
        conditions={
            "ForAllValues:StringLike": calls,
            "ForAllValues:StringEquals": {"dynamodb:Attributes": ["PK", "SK", "GSI1PK", "GSI1SK", *CLINIC_EVIDENCE]},
            "StringEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
        },
    )


def allow_contacts(role: iam.Role, instance_arn: str) -> None:
    """Allow *role* to ask Amazon Connect about the contacts of an instance."""
    contacts = f"{instance_arn}/contact/*"
    iam.Grant.add_to_principal(
        grantee=role, actions=["connect:DescribeContact", "connect:GetContactAttributes"], resource_arns=[contacts]
    )
    _nag.acknowledge_wildcards(role, {contacts: "each call is a contact with an id that Amazon Connect makes"})


def metric_conflicts(function: RuntimeFunction) -> cloudwatch.Metric:
    """Count what named another clinic than the call's, once for each call and statement; the sum of 5 minutes."""
    return cloudwatch.Metric(
        namespace=metrics.NAMESPACE,
        metric_name=metrics.FunctionMetric.CLINIC_CONFLICTS,
        dimensions_map={metrics.SERVICE_DIMENSION: function.service},
        period=Duration.minutes(5),
        statistic="Sum",
    )


def _queue(arn: str, instance_arn: str | None) -> str:
    """Return what the functions know a queue by: its id, or the whole ARN that only the deployment knows."""
    if Token.is_unresolved(arn):
        return arn
    found = _QUEUE_ARN.fullmatch(arn)
    if not found:
        raise ValueError(
            f"clinic_by_queue: {arn!r} is not the ARN of a queue: names change, so use "
            "arn:aws:connect:{region}:{account}:instance/{instance id}/queue/{queue id}, as the queue's additional "
            "information in the console shows it"
        )
    if instance_arn is not None and not Token.is_unresolved(instance_arn) and found["instance"] != instance_arn:
        raise ValueError(
            f"clinic_by_queue: the queue {found['id']!r} is not of the instance {instance_arn}: no call of the "
            "instance is ever in it; use the ARNs of the instance's own queues"
        )
    return found["id"]
