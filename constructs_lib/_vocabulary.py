"""The vocabularies of clinics in Parameter Store: where constructs put them, and functions and streamers find them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from callscribe.vocabulary import DEFAULT_NAME
from constructs_lib import _checks, _nag
from constructs_lib._names import account_wide_name
from constructs_lib.deepgram_options import DeepgramOptions, check_vocabulary

# A standard parameter (AWS: "Managing parameter tiers").
_PARAMETER_BYTES = 4096


def vocabulary_path(scope: Construct) -> str:
    """Path of the vocabularies of *scope*, unique in the account."""
    return f"/callscribe/{account_wide_name(scope, max_length=80)}/vocabulary/"


def add_vocabulary(
    scope: Construct, path: str, vocabulary: Mapping[str, Sequence[str]], *, options: DeepgramOptions
) -> None:
    """Create a parameter below *path* for each clinic, and one for all others, as far as there are words for them.

    Raises:
        ValueError: If a vocabulary is not one Deepgram takes, or too long for a parameter.
    """
    common, vocabulary = options.keyterms, _checks.vocabularies(vocabulary)
    if DEFAULT_NAME in vocabulary:
        raise ValueError(f"{DEFAULT_NAME!r} is not a clinic: pass the words of all clinics as options.keyterms")
    by_clinic = {DEFAULT_NAME: common} if common else {}
    by_clinic |= {clinic: tuple(dict.fromkeys((*common, *terms))) for clinic, terms in vocabulary.items() if terms}
    for clinic, terms in by_clinic.items():
        try:
            check_vocabulary(terms, model=options.model)
        except ValueError as error:
            raise ValueError(f"vocabulary of clinic {clinic!r}: {error}") from error
        value = json.dumps(terms, ensure_ascii=False, separators=(",", ":"))
        if len(value.encode()) > _PARAMETER_BYTES:
            raise ValueError(
                f"vocabulary of clinic {clinic!r} takes {len(value.encode())} bytes: a parameter holds "
                f"{_PARAMETER_BYTES}; drop or shorten some terms"
            )
        ssm.StringParameter(
            scope,
            f"Vocabulary-{_checks.check_clinic_id(clinic)}",
            parameter_name=path + clinic,
            description="Words Deepgram should expect in this clinic's calls, a JSON array",
            string_value=value,
        )


def allow_vocabulary(role: iam.Role, path: str) -> None:
    """Allow *role* to read the vocabularies below *path*, which begins with a slash."""
    parameters = Stack.of(role).format_arn(
        service="ssm",
        resource=f"parameter{path}*",
        arn_format=ArnFormat.NO_RESOURCE_NAME,
    )
    iam.Grant.add_to_principal(grantee=role, actions=["ssm:GetParameter"], resource_arns=[parameters])
    _nag.acknowledge_wildcards(
        role, {parameters: "a clinic is known by its calls only; one without a vocabulary must read as not found"}
    )
