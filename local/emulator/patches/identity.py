"""IAM: roles, their policies and session policies are enforced (MiniStack's ``AUTH``), as on AWS.

A missing grant therefore fails here, too. Five things are closed for that:

* AWS is reached by TLS and bucket policies refuse anything else; the emulator speaks plain HTTP to its own machine,
  which counts as TLS.
* ``SendTask*`` is authorised on the state machine on AWS (service authorization reference, "AWS Step Functions");
  MiniStack knows no resource for it, so that only ``*`` would match.
* A batch of messages is authorised as its single messages are (SQS developer guide, "Amazon SQS API permissions");
  MiniStack looks for an action of the batch's own name.
* A policy may name the version of an object (condition key ``s3:VersionId``); MiniStack does not know the key.
* The keys of a function's role are random. MiniStack computes them from the names of function and role, which anybody
  can who knows these.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.core.responses import _account_from_sts_session
from ministack.services import lambda_svc, sts

from local.access.signatures import Refused
from local.emulator.patches.workflows import state_machine_of
from local.emulator.settings import ACCOUNT_ID


def apply() -> None:
    """Apply what this module describes."""
    extract_iam_action = iam_actions.extract_iam_action
    extract_resource_arn = iam_actions.extract_resource_arn
    s3_service_context = iam_actions.s3_service_context

    def pin_secure_origin(source_ip: str, secure_transport: bool) -> None:  # noqa: ARG001
        iam_evaluator.pin_request_origin(source_ip, True)

    def iam_action(service: str, *request: Any) -> str | None:
        action: str | None = extract_iam_action(service, *request)
        return action.removesuffix("Batch") if action and service == "sqs" else action

    def resource_arn(service: str, method: str, path: str, headers: Any, body: bytes, *more: Any) -> str:
        if service == "states" and b"taskToken" in body:
            machine = state_machine_of(json.loads(body)["taskToken"])
            if machine is not None:
                return machine
        return str(extract_resource_arn(service, method, path, headers, body, *more))

    def s3_context(action: str, query: dict[str, Any] | None, *more: Any) -> dict[str, Any]:
        context: dict[str, Any] = s3_service_context(action, query, *more)
        version_ids = (query or {}).get("versionId")
        return {**context, "s3:VersionId": version_ids[0]} if version_ids else context

    for module in (lambda_runtime, lambda_svc):
        module.execution_credentials = execution_credentials
    app.pin_request_origin = pin_secure_origin
    iam_actions.extract_iam_action = iam_action
    iam_actions.extract_resource_arn = resource_arn
    iam_actions.s3_service_context = s3_context


@dataclass(frozen=True, kw_only=True)
class Session:
    """Credentials of a role for a time, all three of them at random."""

    access_key_id: str
    secret_access_key: str
    token: str


def open_session(account_id: str, role_name: str, name: str, *, expires_at: datetime | None = None) -> Session:
    """Give out credentials of a role.

    Args:
        account_id: The role's account.
        role_name: Its name.
        name: The session's name, which the caller's ARN ends in.
        expires_at: When they end. Default: never.
    """
    session = Session(
        access_key_id=f"ASIA{secrets.token_hex(8).upper()}",
        secret_access_key=secrets.token_hex(20),
        token=secrets.token_hex(40),
    )
    known = {
        "Arn": f"arn:aws:sts::{account_id}:assumed-role/{role_name}/{name}",
        "UserId": f"{role_name}:{name}",
        "SecretAccessKey": session.secret_access_key,
        "SessionToken": session.token,
    }
    sts.register_session(
        session.access_key_id, known if expires_at is None else {**known, "Expiration": expires_at.timestamp()}
    )
    return session


def execution_credentials(config: Mapping[str, Any]) -> dict[str, str]:
    """New credentials of a function's role, as variables of its environment.

    Args:
        config: The function's configuration.
    """
    account_id, _ = lambda_runtime._account_region_from_function_config(config)
    role_name = str(config.get("Role", "")).rpartition("/")[2]
    session = open_session(account_id, role_name, str(config["FunctionName"])[:64])
    return {
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
        "AWS_SESSION_TOKEN": session.token,
    }


def secret_of(access_key_id: str, token: str) -> str:
    """The secret half of a key that IAM or STS has given out.

    Raises:
        Refused: The key is unknown, expired, or not used with its token. MiniStack's own notion of an owner's key
            (``test``, the number of an account) is none here.
    """
    if iam_evaluator.is_root_access_key(access_key_id):
        raise Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
    account_id = _account_from_sts_session(access_key_id) or ACCOUNT_ID
    found = iam_evaluator.resolve_credential(access_key_id, account_id, token)
    if isinstance(found, iam_evaluator.CredentialResolutionError):
        raise Refused(found.code, found.message)
    return str(found.secret_access_key)
