"""A user of the console: signs in as a browser does, by authorization code with PKCE, and asks the API."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
import secrets
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from tests.patience import PATIENCE_SECONDS


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: Status of HTTP.
        headers: Headers.
        body: Content, unpacked.
    """

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        """The content as JSON."""
        return json.loads(self.body)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow no redirection: it leads back to the page, with the code."""


_OPENER = urllib.request.build_opener(_Stay)


def request(
    url: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    form: dict[str, str] | None = None,
    sent: Any = None,
) -> Answer:
    """Send a request without a signature, as a browser does: a form, or something as JSON."""
    data = None if form is None else urlencode(form).encode()
    data = data if sent is None else json.dumps(sent).encode()
    asked = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
    try:
        with _OPENER.open(asked, timeout=PATIENCE_SECONDS) as response:
            return _answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error.headers, error.read())


def _answer(status: int, headers: Message, body: bytes) -> Answer:
    packed = headers.get("content-encoding") == "gzip"
    return Answer(status=status, headers=headers, body=gzip.decompress(body) if packed else body)


class ConsoleClient:
    """Somebody's browser.

    Args:
        url: The console's address.
        sign_in: Where people sign in, as the page is told it; by default as this one is.
        redirect_uri: Where a sign-in leads back to; by default to the page.
    """

    def __init__(self, url: str, sign_in: dict[str, Any] | None = None, redirect_uri: str | None = None) -> None:
        self.url = url
        self.tokens: dict[str, Any] = {}
        self._redirect_uri = redirect_uri or url
        self._sign_in = sign_in or request(f"{url}config.json").json["sign_in"]

    def sign_in(self, name: str, password: str) -> None:
        """Go through the sign-in pages."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "client_id": self._sign_in["client_id"],
            "response_type": "code",
            "redirect_uri": self._redirect_uri,
            "scope": " ".join(self._sign_in["scopes"]),
            "state": "state",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        page = request(f"{self._at('authorize')}?{urlencode(asked)}")
        fields = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.body.decode())
        form = {field: html.unescape(value) for field, value in fields}
        back = request(
            urljoin(self.url, "/login"), method="POST", form={**form, "username": name, "password": password}
        )
        [code] = parse_qs(urlsplit(back.headers["location"]).query)["code"]
        self._exchange({"grant_type": "authorization_code", "code": code, "code_verifier": verifier})

    def renew(self) -> None:
        """Get new tokens, as the page does when the old ones are about to expire."""
        self._exchange({"grant_type": "refresh_token", "refresh_token": self.tokens["refresh_token"]})

    def get(self, path: str, *, token: str | None = None) -> Answer:
        """Ask the API.

        Args:
            path: Path below the console's address.
            token: A token instead of one's own; "" for none.
        """
        return self.ask("GET", path, token=token)

    def ask(self, method: str, path: str, *, token: str | None = None) -> Answer:
        """Send the API a request without a body, as `get` does."""
        return request(f"{self.url}{path}", method=method, headers=self._headers(token))

    def put(self, path: str, sent: Any, *, token: str | None = None, method: str = "PUT") -> Answer:
        """Tell the API something, as JSON.

        Args:
            path: Path below the console's address.
            sent: What is told.
            token: As with `get`.
            method: Method of HTTP.
        """
        headers = {**self._headers(token), "Content-Type": "application/json"}
        return request(f"{self.url}{path}", method=method, headers=headers, sent=sent)

    def _headers(self, token: str | None) -> dict[str, str]:
        token = self.tokens["access_token"] if token is None else token
        return {"Accept-Encoding": "gzip", **({"Authorization": f"Bearer {token}"} if token else {})}

    def _exchange(self, grant: dict[str, str]) -> None:
        form = {"client_id": self._sign_in["client_id"], "redirect_uri": self._redirect_uri, **grant}
        answer = request(self._at("token"), method="POST", form=form)
        assert answer.status == 200, answer.body
        self.tokens |= answer.json

    def _at(self, name: str) -> str:
        return urljoin(self.url, str(self._sign_in[name]))
