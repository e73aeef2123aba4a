"""The emulated account as the gateway sees it: whose keys it knows, what they may do, and what happens in it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import new_uuid
from ministack.services.cloudformation import custom_resource
from starlette.types import Scope

from local.access.keys import AccessKey
from local.access.signatures import Claim, Refused, SignedRequest
from local.emulator.gateway import Answer
from local.emulator.patches import events, functions, http_apis, identity, live_feed, tasks
from local.emulator.settings import REGION

_CUSTOM_RESOURCE_PATH = "/_ministack/cfn-response/"


class EmulatedAccount:
    """Implements :class:`local.emulator.gateway.Account` on MiniStack.

    Args:
        key: The session's own key, whose holder owns the account.
    """

    def __init__(self, key: AccessKey) -> None:
        self._key = key

    def secret_of(self, claim: Claim) -> str:
        """The secret half of the session's own key, or of one that IAM or STS has given out.

        Raises:
            Refused: The key is unknown, expired, or not used with its session token.
        """
        if claim.access_key_id == self._key.access_key_id and not claim.token:
            return self._key.secret_access_key
        return identity.secret_of(claim.access_key_id, claim.token)

    def refusal(self, request: SignedRequest, refused: Refused) -> Answer:
        """The answer to a request that is refused, in the protocol of its service."""
        headers = dict(request.headers)
        service = app.detect_service(request.method, unquote(request.path), headers, parse_qs(request.query))
        error = iam_evaluator.AuthError(refused.code, refused.message)
        answer: Answer = app._credential_failure(service, "", new_uuid(), error, headers)
        return answer

    def judge(self, access_key_id: str, action: str, resource: str) -> None:
        """Ask the policies of whoever has this key.

        Raises:
            Refused: They do not allow it.
        """
        denied = iam_evaluator.enforce(access_key_id, action, action.partition(":")[0], REGION, resource_arn=resource)
        if denied is not None:
            raise Refused("AccessDeniedException", f"{action} is not allowed on {resource}.")

    def handshake(self, scope: Scope) -> SignedRequest | None:
        """What is signed where a WebSocket is opened: the live feed's is signed in its own way, or brings a token."""
        if live_feed.brings_token(scope):
            return None
        return live_feed.handshake(scope) or SignedRequest.of(scope)

    def awaits(self, scope: Scope) -> bool:
        """Whether a request is the answer that a custom resource waits for."""
        token = scope["path"].removeprefix(_CUSTOM_RESOURCE_PATH)
        return scope["method"] == "PUT" and token != scope["path"] and token in custom_resource._pending

    def public(self, scope: Scope) -> Scope | None:
        """A request that is for everybody, with what it needs; None for any other."""
        return http_apis.public(scope) if http_apis.is_public(scope) else None

    def task_credentials(self, role_name: str) -> Mapping[str, str] | None:
        """The credentials of a role's tasks, if the role has tasks."""
        return tasks.credentials(role_name)

    def workers(self) -> list[dict[str, Any]]:
        """The Lambda worker processes."""
        return functions.workers()

    def send_event(self, event: dict[str, Any]) -> None:
        """Put an event of an AWS service on the default bus."""
        events.send_as_service(event)
