"""Sign in to a console from this machine: authorization code with PKCE, whose code comes back on the loopback address.

As RFC 8252 ("OAuth 2.0 for Native Apps") has it: the person signs in in their own browser, and this program sees no
password. The tokens stay in memory.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import threading
import time
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx

from .terminal import complain

LOOPBACK: Final = "127.0.0.1"
WAIT_SECONDS: Final = 45.0
"""How long whoever needs a token waits for a person: less than the minute after which clients of models give up."""
_OPEN_SECONDS: Final = 600.0
_SPARE_SECONDS: Final = 30.0
_REQUEST_SECONDS: Final = 5.0
_ERROR: Final = re.compile(r"[a-z_]{1,40}", re.ASCII)


class Refused(Exception):
    """The console refuses, or cannot be reached; the message says why, without words of a call."""


def is_safe(url: str) -> bool:
    """Whether a token may be sent there: by TLS, or to this machine."""
    parts = httpx.URL(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.host in (LOOPBACK, "localhost", "::1"))


@dataclass(frozen=True, kw_only=True)
class _Endpoints:
    """How programs sign in, as the console tells it."""

    authorize: str
    token: str
    client_id: str
    redirect_uris: Sequence[str]
    scope: str


class SignIn:
    """The access token of whoever signs in in the browser of this machine.

    Args:
        client: Asks the console, by paths relative to its address.
        browse: Opens an address in a browser; tells whether it could.
        clock: Seconds that never go back.
        wait_seconds: How long to wait for a person at once.
    """

    def __init__(
        self,
        client: httpx.Client,
        *,
        browse: Callable[[str], bool] = webbrowser.open,
        clock: Callable[[], float] = time.monotonic,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._client = client
        self._browse = browse
        self._clock = clock
        self._wait_seconds = wait_seconds
        self._access: tuple[str, float] | None = None
        self._refresh: str | None = None
        self._pending: _Pending | None = None

    def token(self) -> str:
        """Return a token that is good still; a person is asked where none can be had without.

        Raises:
            Refused: Nobody has signed in yet, or it cannot be done; the message says what to do.
        """
        if self._access is not None and self._clock() < self._access[1]:
            return self._access[0]
        endpoints = self._endpoints()
        if self._refresh is not None:
            renewed = self._exchange(endpoints, grant_type="refresh_token", refresh_token=self._refresh)
            if renewed is not None:
                return renewed
            self._refresh = None
        return self._signed_in(endpoints)

    def close(self) -> None:
        """Wait for nobody any more."""
        if self._pending is not None:
            self._pending.listener.close()
        self._pending = None

    def rejected(self) -> None:
        """Note that the console does not take the token any more."""
        self._access = None

    def _endpoints(self) -> _Endpoints:
        try:
            answer = self._client.get("config.json")
            told = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise Refused(f"the console cannot be reached ({type(error).__name__})") from None
        program = told.get("program") if isinstance(told, dict) else None
        if not program:
            raise Refused(
                "no program can sign in to this console: deploy it with program_access=True, or hand over a token with "
                "--token-file"
            )
        place = str(self._client.base_url)
        # Where people sign in at the console's own host, the addresses have none.
        authorize, token = (urljoin(place, str(told["sign_in"][name])) for name in ("authorize", "token"))
        if not (is_safe(authorize) and is_safe(token)):
            raise Refused("the console names a place to sign in that is not reached by TLS")
        return _Endpoints(
            authorize=authorize,
            token=token,
            client_id=str(program["client_id"]),
            redirect_uris=[str(uri) for uri in program["redirect_uris"]],
            scope=" ".join(program["scopes"]),
        )

    def _signed_in(self, endpoints: _Endpoints) -> str:
        pending = self._pending
        if pending is None or self._clock() >= pending.ends_at:
            self.close()
            pending = self._pending = self._asked(endpoints)
        if not pending.listener.answered.wait(self._wait_seconds):
            raise Refused(f"nobody has signed in yet: open {pending.url} in a browser on this machine, then ask again")
        self.close()
        code = pending.listener.code
        if code is None:
            raise Refused(f"the sign-in was refused ({pending.listener.error}): ask again to begin anew")
        token = self._exchange(
            endpoints,
            grant_type="authorization_code",
            code=code,
            code_verifier=pending.verifier,
            redirect_uri=pending.listener.redirect_uri,
        )
        if token is None:
            raise Refused("the sign-in was refused: ask again to begin anew")
        return token

    def _asked(self, endpoints: _Endpoints) -> _Pending:
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        listener = _listening(endpoints.redirect_uris, state)
        asked = {
            "response_type": "code",
            "client_id": endpoints.client_id,
            "redirect_uri": listener.redirect_uri,
            "scope": endpoints.scope,
            "state": state,
            "code_challenge": _base64url(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        url = f"{endpoints.authorize}?{urlencode(asked)}"
        complain(f"Sign in to the console in your browser: {url}")
        self._browse(url)
        return _Pending(listener=listener, verifier=verifier, url=url, ends_at=self._clock() + _OPEN_SECONDS)

    def _exchange(self, endpoints: _Endpoints, **grant: str) -> str | None:
        """Exchange a grant for tokens; None where it is not taken any more."""
        asked_at = self._clock()
        try:
            answer = self._client.post(endpoints.token, data={"client_id": endpoints.client_id, **grant})
            # RFC 6749, 5.2: a grant that is no good, among others, is answered with 400.
            if answer.status_code == HTTPStatus.BAD_REQUEST:
                return None
            told: dict[str, Any] = answer.raise_for_status().json()
            token, lasts = str(told["access_token"]), float(told["expires_in"])
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise Refused(f"tokens cannot be had ({type(error).__name__})") from None
        self._refresh = told.get("refresh_token", self._refresh)
        self._access = (token, asked_at + max(lasts - _SPARE_SECONDS, 0))
        return token


@dataclass(frozen=True, kw_only=True)
class _Pending:
    """A person was asked to sign in."""

    listener: _Listener
    verifier: str
    url: str
    ends_at: float


class _Listener:
    """Waits on the loopback address for the code of one sign-in.

    Attributes:
        redirect_uri: Where it comes.
        answered: Set once it, or an error, has come.
        code: The code; None for an error.
        error: Name of the error.
    """

    def __init__(self, redirect_uri: str, state: str) -> None:
        parts = urlsplit(redirect_uri)
        self.redirect_uri = redirect_uri
        self.answered = threading.Event()
        self.code: str | None = None
        self.error = "unknown"
        self._path = parts.path
        self._state = state
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer((LOOPBACK, parts.port or 0), _handler_of(self))
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="sign-in", daemon=True
        ).start()

    def take(self, target: str) -> bool:
        """Take what a browser brings; whether it is the answer to this sign-in."""
        parts = urlsplit(target)
        told = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path != self._path or not secrets.compare_digest(told.get("state", "").encode(), self._state.encode()):
            return False
        with self._lock:
            if not self.answered.is_set():
                self.code = told.get("code")
                self.error = told.get("error", "") if _ERROR.fullmatch(told.get("error", "")) else "unknown"
                self.answered.set()
        return True

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def _listening(redirect_uris: Sequence[str], state: str) -> _Listener:
    for uri in redirect_uris:
        if urlsplit(uri).hostname != LOOPBACK:
            continue
        try:
            return _Listener(uri, state)
        except OSError:  # another program has the port
            continue
    raise Refused("the ports to which a sign-in leads back are taken: end the other program that waits for one")


def _handler_of(listener: _Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_SECONDS

        def do_GET(self) -> None:
            taken = listener.take(self.path)
            body = (_DONE if taken else _NOT_OURS).encode()
            self.send_response(HTTPStatus.OK if taken else HTTPStatus.BAD_REQUEST)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", "default-src 'none'")
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: the address has the code."""

    return Handler


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


_PAGE: Final = '<!doctype html><html lang="en"><title>CallScribe</title><p>{}</p></html>'
_DONE: Final = _PAGE.format("You can close this tab, and go back to the program that asked you to sign in.")
_NOT_OURS: Final = _PAGE.format("Nobody asked for this sign-in.")
