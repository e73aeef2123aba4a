from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from streamer.aws import signed

_WORD = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_.", min_size=1, max_size=20)
_VALUE = st.text("abcXYZ019-_./;=, ", min_size=1, max_size=30).filter(str.strip)


class Session:
    """aiobotocore's, as far as it is asked for credentials."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    async def get_credentials(self) -> Session:
        return self

    async def get_frozen_credentials(self) -> Any:
        return self._credentials


@given(
    service=st.sampled_from(["dynamodb", "appsync", "kinesisvideo"]),
    region=_WORD,
    url=st.builds(
        "https://{}{}/{}".format,
        _WORD,
        st.sampled_from(["", ":443", ":8443"]),
        st.sampled_from(["", "event", "getMedia", "an odd/path~"]),
    ),
    values=st.tuples(_VALUE, _VALUE),
    body=st.binary(max_size=200),
    keys=st.tuples(_WORD, _WORD, st.one_of(st.none(), _WORD)),
)
def test_a_request_is_signed_as_botocore_signs_it(
    service: str,
    region: str,
    url: str,
    values: tuple[str, str],
    body: bytes,
    keys: tuple[str, str, str | None],
) -> None:
    url = url.replace(":443", "")  # botocore leaves the usual port out, and so do we ask
    session = Session(ReadOnlyCredentials(*keys))
    headers = {"Content-Type": values[0].strip(), "X-Amz-Target": values[1], "User-Agent": "streamer"}
    ours = asyncio.run(signed(session, service=service, region=region, url=url, headers=headers, body=body))
    now = datetime.strptime(ours["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    request = AWSRequest("POST", url, headers=headers, data=body)
    with patch("botocore.auth.get_current_datetime", lambda: now):
        SigV4Auth(ReadOnlyCredentials(*keys), service, region).add_auth(request)
    assert ours["Authorization"] == request.headers["Authorization"]
    assert ours.get("X-Amz-Security-Token") == request.headers.get("X-Amz-Security-Token")
