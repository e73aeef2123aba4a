"""The console's function behind a small HTTP server, which stands for the HTTP API, its authorizer and the user pool.

What a browser gets is what the function answers. The page has what it imports beside it, as in the functions' asset.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from constructs_lib import _sources
from lambdas.call_console.page_files import FOLDER
from tests.fakes.console_request import console_request

CLIENT: Final = "client"
PROGRAM: Final = "program"
_FORM: Final = """<!doctype html><html lang="en"><title>User pool</title><form method="post" action="/login">
<label>Username <input name="username" required></label>{hidden}<button>Sign in</button></form></html>"""

Answered = tuple[int, dict[str, str], bytes]


def assembled_page(folder: Path) -> Path:
    """The page as it lies in the functions' asset."""
    page = folder / "page"
    shutil.copytree(FOLDER, page)
    (page / "modules").mkdir()
    for file in _sources.FROM_NPM:
        shutil.copyfile(_sources.source(file), page / "modules" / file.name)
    return page


@dataclass(kw_only=True)
class Site:
    """The site as the outside sees it, and what a test may change of it.

    Attributes:
        invoke: Answers an event of the HTTP API.
        groups: Groups of each user, as the API writes the claim; None for a user in no group.
        lifetime: How long a token is good for, in seconds.
        refused: Tokens that are not taken any more.
        asked: Methods and paths of what the page asked the API.
        url: Where the page is.
        tokens: Whose each token is.
        clients: What they signed in to, the page where it is left out.
    """

    invoke: Callable[[dict[str, Any]], dict[str, Any]]
    groups: dict[str, str | None]
    lifetime: int = 300
    refused: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    url: str = ""
    _challenges: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    clients: dict[str, str] = field(default_factory=dict)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def served(self) -> Iterator[Site]:
        """Serve it on a free port of the loopback address."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="site")
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}/"
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            # A request that is under way would have the function of the next test know this one's surroundings.
            with self._one_at_a_time:
                self.invoke = _closed
            server.server_close()

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answered:
        """Answer a request."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        form = dict(parse_qsl(body.decode())) if "urlencoded" in headers.get("content-type", "") else {}
        pool = {
            "/oauth2/authorize": lambda: self._form(query),
            "/login": lambda: self._sign_in(form),
            "/oauth2/token": lambda: self._token(form),
            "/logout": lambda: _redirect(query["logout_uri"]),
        }
        if parts.path in pool:
            return pool[parts.path]()
        groups, user, client = None, "nobody", CLIENT
        if parts.path.startswith("/api/"):
            self.asked.append(f"{method} {parts.path}")
            token = headers.get("authorization", "").removeprefix("Bearer ")
            if token not in self.tokens or token in self.refused:
                return HTTPStatus.UNAUTHORIZED, {"Content-Type": "application/json"}, b'{"message":"Unauthorized"}'
            user = self.tokens[token]
            groups, client = self.groups[user], self.clients.get(token, CLIENT)
        told = json.loads(body) if body and not form else None
        event = console_request(
            parts.path,
            groups=groups,
            user=user,
            client=client,
            method=method,
            query=query or None,
            body=told,
            headers=headers,
        )
        with self._one_at_a_time:
            answer = self.invoke(event)
        content = answer.get("body") or ""
        packed = base64.b64decode(content) if answer.get("isBase64Encoded") else content.encode()
        return answer["statusCode"], dict(answer["headers"]), packed

    def _form(self, query: dict[str, str]) -> Answered:
        assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
        assert query["client_id"] == (CLIENT if query["redirect_uri"] == self.url else PROGRAM)
        kept = {name: query[name] for name in ("client_id", "redirect_uri", "state", "code_challenge")}
        hidden = "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in kept.items())
        return HTTPStatus.OK, {"Content-Type": "text/html"}, _FORM.format(hidden=hidden).encode()

    def _sign_in(self, form: dict[str, str]) -> Answered:
        code = secrets.token_hex(8)
        self._challenges[code] = (form["code_challenge"], form["username"], form["client_id"])
        return _redirect(f"{form['redirect_uri']}?{urlencode({'code': code, 'state': form['state']})}")

    def _token(self, form: dict[str, str]) -> Answered:
        if form["grant_type"] == "authorization_code":
            challenge, user, client = self._challenges.pop(form["code"], ("", "", ""))
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            if (base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), form["client_id"]) != (challenge, client):
                return HTTPStatus.BAD_REQUEST, {"Content-Type": "application/json"}, b'{"error":"invalid_grant"}'
        else:
            user = form["refresh_token"].partition(" ")[2]
        token = secrets.token_hex(8)
        self.tokens[token], self.clients[token] = user, form["client_id"]
        told = {"access_token": token, "refresh_token": f"refresh {user}", "expires_in": self.lifetime}
        return HTTPStatus.OK, {"Content-Type": "application/json"}, json.dumps(told).encode()


def _closed(_: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": HTTPStatus.SERVICE_UNAVAILABLE, "headers": {}}


def _redirect(address: str) -> Answered:
    return HTTPStatus.FOUND, {"Location": address}, b""


def _handler_of(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, sent, content = site.answer(self.command, self.path, headers, body)
            self.send_response(status)
            for name, value in sent.items():
                if name.lower() != "content-length":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = _answer  # noqa: N815

        def log_request(self, *_: object) -> None:
            """Say nothing."""

    return Handler
