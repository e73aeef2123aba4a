"""Deepgram's key: in the secret, well-formed, and taken by Deepgram."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx
from botocore.exceptions import ClientError

from callscribe.deepgram.key import KeyUnusable, key_in, missing

from .findings import Examined, Finding, failed, ok, unknown, warning

_HOSTED: Final = "wss://api.deepgram.com"
_TIMEOUT_SECONDS: Final = 10
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_FILL: Final = "put Deepgram's key into it: docs/how-to/operate.md, 'Fill the secret' ({arn})"


def check_key(examined: Examined) -> Iterator[Finding]:
    """Read the key and show it to Deepgram, nobody else."""
    arn = examined.target.output("DeepgramSecretArn")
    try:
        secret = examined.client("secretsmanager").get_secret_value(SecretId=arn)
        key = key_in(secret.get("SecretString"))
    except KeyUnusable as error:
        yield failed(error.message, _FILL.format(arn=arn))
        return
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        yield failed(missing().message, _FILL.format(arn=arn))
        return
    yield ok("the secret holds a key")
    yield _shown_to_deepgram(key, _address(examined.setting("DEEPGRAM_STREAM_URL") if examined.live else ""))


def _address(stream_url: str) -> str:
    """Address that tells what a key is good for (Deepgram, page "authenticating")."""
    url = urlsplit(stream_url or _HOSTED)
    return urlunsplit(("http" + url.scheme.removeprefix("ws"), url.netloc, "/v1/auth/token", "", ""))


def _shown_to_deepgram(key: str, address: str) -> Finding:
    url = urlsplit(address)
    if url.scheme != "https" and url.hostname not in _LOOPBACK:
        return failed("the endpoint of Deepgram is not encrypted; the key was not sent", "use https for the endpoint")
    try:
        # Redirects are not followed: the key is for this address.
        answer = httpx.get(address, headers={"Authorization": f"Token {key}"}, timeout=_TIMEOUT_SECONDS)
    except httpx.HTTPError as error:
        return unknown(f"Deepgram could not be reached: {type(error).__name__}", "check the way out of this machine")
    if answer.is_success:
        return ok("Deepgram takes the key")
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return failed("Deepgram refuses the key", "make a new key in Deepgram's console and put it into the secret")
    if answer.status_code == httpx.codes.PAYMENT_REQUIRED:
        return failed("Deepgram's project has no credit left", "add credit in Deepgram's console")
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return warning("Deepgram is refusing requests for being too many", "see the alarms on refused requests")
    return unknown(f"Deepgram answered {answer.status_code} when it was shown the key")
