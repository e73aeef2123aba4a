"""The console's page: static files, and the headers under which a browser may use them."""

import base64
import gzip
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "page"
"""Where the files lie. Its folder `modules` is filled when the functions' asset is made."""

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_INDEX: Final = "index.html"
_IMPORT_MAP: Final = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)
_ALWAYS: Final = {"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
_FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAnswer:
    """A file of the page as it is sent.

    Attributes:
        headers: HTTP headers.
        body: the content, packed where `headers` say so.
    """

    headers: dict[str, str]
    body: bytes


class PageFiles:
    """The files of the page, read once.

    All but the first lie under a name that changes with any of them, so that a browser asks for each once.

    Args:
        connect: Origins that the page talks to beside its own: of the sign-in, and of the feed of live calls.
        media: Origins that recordings are played from.
        folder: Where the files lie.
    """

    def __init__(self, *, connect: Iterable[str], media: Iterable[str], folder: Path = FOLDER) -> None:
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.suffix in _TYPES
        }
        digest = hashlib.sha256()
        for name, content in files.items():
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        self.digest = digest.hexdigest()[:16]
        index = files.pop(_INDEX).decode().replace("{digest}", self.digest)
        first = {
            **_ALWAYS,
            "Cache-Control": "no-cache",
            "Content-Security-Policy": _policy(index, connect=connect, media=media),
            "Cross-Origin-Opener-Policy": "same-origin",
            "Strict-Transport-Security": "max-age=31536000",
        }
        self._answers = {"/": _answer(index.encode(), _INDEX, first)}
        for name, content in files.items():
            path = f"/page/{self.digest}/{name}"
            self._answers[path] = _answer(content, name, {**_ALWAYS, "Cache-Control": _FOR_EVER})

    def answer(self, path: str) -> PageAnswer | None:
        """The file at a path below the page's own, such as `/`; None where there is none."""
        return self._answers.get(path)


def _answer(content: bytes, name: str, headers: dict[str, str]) -> PageAnswer:
    """Every browser that knows import maps unpacks gzip, so that nothing is kept unpacked."""
    packed = gzip.compress(content, mtime=0)
    known = {"Content-Type": _TYPES[Path(name).suffix], "Content-Encoding": "gzip"}
    return PageAnswer(headers=headers | known, body=packed)


def _policy(index: str, *, connect: Iterable[str], media: Iterable[str]) -> str:
    """What the page may load and do: its own scripts, named origins, and nothing written into it."""
    maps = [hashlib.sha256(found.encode()).digest() for found in _IMPORT_MAP.findall(index)]
    hashes = " ".join(f"'sha256-{base64.b64encode(value).decode()}'" for value in maps)
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' {hashes}",
            "style-src 'self'",
            "img-src 'self'",
            " ".join(["connect-src 'self'", *connect]),
            " ".join(["media-src", *media]),
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )
