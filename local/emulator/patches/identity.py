"""IAM: the loopback connection counts as TLS.

Roles, their policies and session policies are enforced (MiniStack's ``AUTH``), so a missing grant fails here as on
AWS. AWS is reached by TLS and bucket policies refuse anything else; the emulator speaks plain HTTP to its own machine.
"""

from ministack import app
from ministack.core import iam_evaluator


def apply() -> None:
    """Apply what this module describes."""

    def pin_secure_origin(source_ip: str, secure_transport: bool) -> None:  # noqa: ARG001
        iam_evaluator.pin_request_origin(source_ip, True)

    app.pin_request_origin = pin_secure_origin
