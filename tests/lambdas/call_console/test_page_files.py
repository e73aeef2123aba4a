"""How the console's page is sent: what a browser may do with it, and what it keeps."""

import base64
import gzip
import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest

from lambdas.call_console.page_files import FOLDER, PageAnswer, PageFiles

SIGN_IN = "https://sign-in.example.com"
RECORDINGS = "https://recordings.s3.eu-central-1.amazonaws.com"


@pytest.fixture
def files() -> PageFiles:
    return PageFiles(connect=[SIGN_IN], media=[RECORDINGS])


def sent(files: PageFiles, path: str) -> PageAnswer:
    answer = files.answer(path)
    assert answer is not None
    return answer


def text(answer: PageAnswer) -> str:
    assert answer.headers["Content-Encoding"] == "gzip"
    return gzip.decompress(answer.body).decode()


def policy(files: PageFiles) -> dict[str, list[str]]:
    written = sent(files, "/").headers["Content-Security-Policy"]
    return {name: values for name, *values in (part.split() for part in written.split("; "))}


def test_nothing_unsafe_is_allowed_and_only_the_origins_that_were_named(files: PageFiles) -> None:
    allowed = policy(files)
    assert "unsafe" not in json.dumps(allowed)
    assert allowed["default-src"] == ["'none'"]
    assert allowed["connect-src"] == ["'self'", SIGN_IN]
    assert allowed["media-src"] == [RECORDINGS]
    assert allowed["style-src"] == allowed["img-src"] == ["'self'"]
    assert allowed["frame-ancestors"] == allowed["base-uri"] == allowed["form-action"] == ["'none'"]


def test_the_one_inline_script_is_the_import_map_and_allowed_by_its_hash(files: PageFiles) -> None:
    scripts = re.findall(r"<script[^>]*>(.+?)</script>", text(sent(files, "/")), re.DOTALL)
    [written] = scripts
    expected = base64.b64encode(hashlib.sha256(written.encode()).digest()).decode()
    assert policy(files)["script-src"] == ["'self'", f"'sha256-{expected}'"]
    assert set(json.loads(written)["imports"]) == {"preact", "preact/hooks", "htm"}


def test_no_file_has_styles_or_handlers_that_the_policy_would_refuse() -> None:
    for path in FOLDER.glob("*.*"):
        written = path.read_text(encoding="utf-8")
        assert not re.search(r"""\sstyle=|\son[a-z]+=["']|dangerouslySetInnerHTML|innerHTML|\beval\(""", written), (
            path.name
        )


def test_every_file_but_the_first_is_kept_for_ever_under_a_name_that_changes_with_any_of_them(
    files: PageFiles, tmp_path: Path
) -> None:
    first = sent(files, "/")
    assert first.headers["Cache-Control"] == "no-cache"
    assert f'src="page/{files.digest}/main.js"' in text(first)
    assert "immutable" in sent(files, f"/page/{files.digest}/main.js").headers["Cache-Control"]

    changed = tmp_path / "page"
    shutil.copytree(FOLDER, changed)
    (changed / "strings.js").write_text("export const text = {}", encoding="utf-8")
    other = PageFiles(connect=[], media=[], folder=changed)
    assert other.digest != files.digest
    assert other.answer(f"/page/{files.digest}/main.js") is None


@pytest.mark.parametrize(
    "path", ["/index.html", "/page/main.js", "/page/../page_files.py", "/page/0/main.js", "", "//"]
)
def test_there_is_nothing_else(path: str, files: PageFiles) -> None:
    assert files.answer(path) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [("main.js", "text/javascript"), ("style.css", "text/css"), ("icon.svg", "image/svg+xml")],
)
def test_browsers_are_told_what_a_file_is(name: str, kind: str, files: PageFiles) -> None:
    headers = sent(files, f"/page/{files.digest}/{name}").headers
    assert headers["Content-Type"].partition(";")[0] == kind
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
