"""ECS: a task's program gets the credentials of the task's role.

MiniStack records services and task definitions and runs nothing. The programs run beside it as processes, and ask
:func:`credentials` as a container asks ECS's agent (ECS developer guide, "Amazon ECS task IAM role"): what the role may
not do fails here as on AWS.
"""

import json
from datetime import UTC, datetime, timedelta

from ministack.services import iam

from local.emulator.patches.identity import open_session
from local.emulator.settings import ACCOUNT_ID

_PRINCIPAL = "ecs-tasks.amazonaws.com"
_VALID_FOR = timedelta(hours=6)


def credentials(role_name: str) -> dict[str, str] | None:
    """Credentials of a role, as ECS's agent answers; None for a role that is missing or does not trust tasks."""
    role = iam._roles.get_scoped(ACCOUNT_ID, None, role_name)
    if role is None or _PRINCIPAL not in json.dumps(role["AssumeRolePolicyDocument"]):
        return None
    expires_at = datetime.now(UTC) + _VALID_FOR
    session = open_session(ACCOUNT_ID, role_name, "task", expires_at=expires_at)
    return {
        "RoleArn": role["Arn"],
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "Token": session.token,
        "Expiration": expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
