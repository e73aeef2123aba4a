"""Names that are unique in the account and its region, also where one app is deployed under several stack names."""

from __future__ import annotations

import hashlib

from aws_cdk import Names, Stack
from constructs import Construct


def account_wide_name(scope: Construct, *, max_length: int) -> str:
    """Return a name for *scope*, made of its stack's name and its path.

    A nested stack has its name from CloudFormation, so that CDK makes the name of the path alone: there the name of the
    stack around it is part of what ends the name.

    Args:
        scope: What is named.
        max_length: Most characters.
    """
    outer = stack = Stack.of(scope)
    while outer.nested_stack_parent is not None:
        outer = outer.nested_stack_parent
    if outer is stack:
        return Names.unique_resource_name(scope, separator="-", max_length=max_length)
    digest = hashlib.sha256(outer.stack_name.encode()).hexdigest()[:8].upper()
    return f"{Names.unique_resource_name(scope, separator='-', max_length=max_length - 9)}-{digest}"
