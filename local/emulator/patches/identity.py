"""IAM: roles, their policies and session policies are enforced (MiniStack's ``AUTH``), as on AWS.

A missing grant therefore fails here, too. Four things are closed for that:

* AWS is reached by TLS and bucket policies refuse anything else; the emulator speaks plain HTTP to its own machine,
  which counts as TLS.
* ``SendTask*`` is authorised on the state machine on AWS (service authorization reference, "AWS Step Functions");
  MiniStack knows no resource for it, so that only ``*`` would match.
* A batch of messages is authorised as its single messages are (SQS developer guide, "Amazon SQS API permissions");
  MiniStack looks for an action of the batch's own name.
* A policy may name the version of an object (condition key ``s3:VersionId``); MiniStack does not know the key.
"""

import json
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator

from local.emulator.patches.workflows import state_machine_of


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

    app.pin_request_origin = pin_secure_origin
    iam_actions.extract_iam_action = iam_action
    iam_actions.extract_resource_arn = resource_arn
    iam_actions.s3_service_context = s3_context
