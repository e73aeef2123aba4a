from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any
from unittest.mock import patch

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from streamer.aws import Signer

_WORD = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_.", min_size=1, max_size=20)
_VALUE = st.text("abcXYZ019-_./;=, ", min_size=1, max_size=30).filter(str.strip)


class Session:
    """aiobotocore's, as far as it is asked for credentials."""

    def __init__(self, credentials: Any) -> None:
        self.credentials = credentials

    async def get_credentials(self) -> Session:
        return self

    async def get_frozen_credentials(self) -> Any:
        return self.credentials


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
    signer = Signer(session, region=region)
    ours = asyncio.run(signer.sign(service=service, url=url, headers=headers, body=body))
    now = datetime.strptime(ours["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    request = AWSRequest("POST", url, headers=headers, data=body)
    with patch("botocore.auth.get_current_datetime", lambda: now):
        SigV4Auth(ReadOnlyCredentials(*keys), service, region).add_auth(request)
    assert ours["Authorization"] == request.headers["Authorization"]
    assert ours.get("X-Amz-Security-Token") == request.headers.get("X-Amz-Security-Token")


async def signed_by(signer: Signer) -> tuple[dict[str, str], float]:
    """Sign a request; returns its headers, and the time in them."""
    headers = await signer.sign(service="dynamodb", url="https://aws", headers={}, body=b"")
    at = datetime.strptime(headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return headers, at.timestamp()


async def test_a_host_whose_clock_is_wrong_signs_by_the_clock_of_who_refused_until_its_own_is_set() -> None:
    now, ahead = time.time(), 3600.0
    date = formatdate(now, usegmt=True)
    signer = Signer(Session(ReadOnlyCredentials("AKID", "secret", None)), region="r", clock=lambda: now + ahead)
    first, second = (await signed_by(signer))[0], (await signed_by(signer))[0]
    assert signer.refused(first, date=date)
    headers, at = await signed_by(signer)
    assert at == pytest.approx(now, abs=1)
    assert signer.refused(second, date=date)  # it was under way when the first one was refused
    assert not signer.refused(headers, date=date)  # time is not why it refuses again
    ahead = 0.0
    headers, _ = await signed_by(signer)
    assert signer.refused(headers, date=date)
    assert (await signed_by(signer))[1] == pytest.approx(now, abs=1)


@pytest.mark.parametrize("date", [None, "", "yesterday", formatdate(1_800_000_030, usegmt=True)])
async def test_a_refusal_that_tells_no_other_time_changes_nothing(date: str | None) -> None:
    credentials = ReadOnlyCredentials("AKID", "secret", None)
    signer = Signer(Session(credentials), region="r", clock=lambda: 1_800_000_000)
    headers, at = await signed_by(signer)
    assert not signer.refused(headers, date=date)
    assert (await signed_by(signer))[1] == at == 1_800_000_000


async def test_each_request_is_signed_with_the_credentials_of_its_moment() -> None:
    session = Session(ReadOnlyCredentials("AKIDONE", "secret", "token of one"))
    signer = Signer(session, region="r")
    for name in ("ONE", "TWO"):
        session.credentials = ReadOnlyCredentials(f"AKID{name}", f"secret of {name}", f"token of {name}")
        headers = await signer.sign(service="dynamodb", url="https://aws", headers={}, body=b"")
        assert f"Credential=AKID{name}/" in headers["Authorization"]
        assert headers["X-Amz-Security-Token"] == f"token of {name}"
