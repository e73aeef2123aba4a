"""Whether a request came by the console's distribution, and not past it and its web ACL."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, Final

from callscribe.contract.origin import ORIGIN_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools.utilities.parameters import SecretsProvider

_MAX_AGE_SECONDS: Final = 300


class Origin:
    """What requests must show.

    Args:
        secrets: Cache in front of Secrets Manager.
        secret_arn: The secret that the distribution shows.
    """

    def __init__(self, *, secrets: SecretsProvider, secret_arn: str) -> None:
        self._secrets = secrets
        self._secret_arn = secret_arn

    def sent(self, event: Mapping[str, Any]) -> bool:
        """Whether the distribution sent a request of the HTTP API, whose headers have names in lower case."""
        shown = str(event.get("headers", {}).get(ORIGIN_HEADER, ""))
        secret = str(self._secrets.get(self._secret_arn, max_age=_MAX_AGE_SECONDS))
        return hmac.compare_digest(shown.encode(), secret.encode())
