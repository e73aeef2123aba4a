"""Who may do what: the signature of every request is checked, and of others than the session's owner the policies.

The session's own key is known here. What other keys there are, and what they may do, the emulated account knows, where
streamers got theirs: it is asked, once for each request, which for ``GetMedia`` means once for each body.
"""

from __future__ import annotations

import asyncio
import json
import urllib.request
from dataclasses import asdict
from typing import Final

from local.access.keys import AccessKey
from local.access.signatures import Claim, Refused, SignedRequest, check, signed
from local.emulator.gateway import AUTHORISATIONS_PATH, Authorisation
from local.kinesis_video.errors import ServiceError

_TIMEOUT_SECONDS: Final = 10


class Admission:
    """Lets requests in.

    Args:
        key: The session's own key.
        emulator_url: Where the emulated account is. Default: there is none, and so no other key.
    """

    def __init__(self, key: AccessKey, *, emulator_url: str | None = None) -> None:
        self._key = key
        self._emulator_url = emulator_url

    async def admit(self, request: SignedRequest, *, action: str, resource: str) -> None:
        """Let an operation of the service in.

        Args:
            request: The request.
            action: What it does, as in ``GetMedia``.
            resource: ARN of the stream that it does it to.

        Raises:
            ServiceError: Nobody who is known has signed it, or no policy allows it.
        """
        try:
            if self._emulator_url is None or Claim.of(request).access_key_id == self._key.access_key_id:
                check(request, self._secret_of)
            else:
                wanted = Authorisation(request=request, action=f"kinesisvideo:{action}", resource=resource)
                await asyncio.to_thread(self._ask, self._emulator_url + AUTHORISATIONS_PATH, wanted)
        except Refused as refused:
            raise ServiceError(refused.code, refused.message) from None

    def admit_owner(self, request: SignedRequest) -> None:
        """Let in what only the session's owner may do.

        Raises:
            ServiceError: It is not signed with the session's own key.
        """
        try:
            check(request, self._secret_of)
        except Refused as refused:
            raise ServiceError(refused.code, refused.message) from None

    def _secret_of(self, claim: Claim) -> str:
        if claim.access_key_id != self._key.access_key_id or claim.token:
            raise Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
        return self._key.secret_access_key

    def _ask(self, url: str, wanted: Authorisation) -> None:
        request = signed("POST", url, json.dumps(asdict(wanted)).encode(), self._key.credentials)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
                refused = json.load(answer)
        except (OSError, ValueError) as error:
            raise ServiceError("ServiceUnavailable", f"the account cannot be asked: {type(error).__name__}") from error
        if refused is not None:
            raise Refused(refused["code"], refused["message"])
