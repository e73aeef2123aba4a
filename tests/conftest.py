"""What tests of several folders share: CDK apps as the command line makes them, and readable snapshots."""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:  # else imported where it is used: the CDK takes seconds to load, and most tests have no use for it
    from aws_cdk import App, Stack
    from aws_cdk.assertions import Template

ROOT = Path(__file__).resolve().parents[1]
FLAGS: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
REGION = "eu-central-1"
NO_ASSETS: dict[str, Any] = {"aws:cdk:bundling-stacks": [], "aws:cdk:disable-asset-staging": True}
"""Context by which the CDK neither bundles nor copies assets, which takes long; the templates are the same."""

# Folders whose tests share something that takes long to make, and files that take long: each group stays in one of the
# processes of `pytest -n`, the longest first, and before everything else: what is short fills up the end.
_TOGETHER = (
    ("tests/emulator",),
    ("tests/simulation/test_daily.py",),
    ("tests/workflow",),
    ("tests/streamer/deepgram/test_vendors.py",),
    ("tests/packaging",),
    ("tests/simulation/batch", "tests/simulation/test_wall_clock.py"),
    ("tests/simulation/live",),
    ("tests/local/emulator", "tests/local/access"),
    ("tests/local/speech",),
    ("tests/stacks",),
)
_GROUP_BY_FOLDER = {folder: folders[0] for folders in _TOGETHER for folder in folders}

# Hypothesis tries the same examples on every run, without a time limit that a busy machine could break.
settings.register_profile("callscribe", derandomize=True, deadline=None)
settings.load_profile("callscribe")

_LEFT_BEHIND = pytest.StashKey[str]()

os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "1")


def pytest_configure(config: pytest.Config) -> None:
    """Give child processes, above all the CDK's, a folder for what they leave behind; Python's own stays as it is.

    No garbage is collected while the tests are: what they import stays.
    """
    gc.disable()
    tempfile.gettempdir()  # from here on it is known
    config.stash[_LEFT_BEHIND] = os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="callscribe-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove that folder."""
    shutil.rmtree(config.stash[_LEFT_BEHIND], ignore_errors=True)


def _group(file: str) -> str:
    """The first folder of the group that *file* belongs to, or else *file*."""
    return next((group for folder, group in _GROUP_BY_FOLDER.items() if f"{file}/".startswith(f"{folder}/")), file)


class _OneProcessForEach(LoadScopeScheduling):
    """Keeps tests that share a server, or a module's fixtures, in one process.

    What xdist's own ``--dist loadgroup`` is for, whose groups pytest 9.2 does not pass on.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid.partition("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    config.option.loadscopereorder = False  # by number of tests, which would let the long ones begin last
    return _OneProcessForEach(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the long ones begin first."""
    groups = [folders[0] for folders in _TOGETHER]
    items.sort(key=lambda item: groups.index(group) if (group := _group(_file(item))) in groups else len(groups))


def pytest_collection_finish() -> None:
    """Spare what was imported for all tests from garbage collection, which else takes a tenth of the whole time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def _file(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT).as_posix()


def new_app(*, rules: bool = False, context: dict[str, Any] | None = None, outdir: str | None = None) -> App:
    """Make an app with the feature flags of cdk.json (a bare ``App()`` has none), which bundles and copies no assets.

    ``rules=True`` runs CloudFormation's built-in rules too; loading them costs the process about 3 s, once.
    """
    from aws_cdk import App

    return App(
        context={**FLAGS, **NO_ASSETS, **(context or {})},
        builtin_cloud_formation_validation=rules,
        outdir=outdir,
        # What the command line and the console show beside the templates, and takes a tenth of a test's time.
        stack_traces=False,
        tree_metadata=False,
    )


@pytest.fixture
def make_app() -> Callable[..., App]:
    return new_app


@pytest.fixture
def stack() -> Stack:
    from aws_cdk import Environment, Stack

    return Stack(new_app(), "Test", env=Environment(region=REGION))


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(JSONSnapshotExtension)


def normalised(template: Template) -> Any:
    """Return a template without the hashes of assets, which change with every line of the functions' code."""
    return json.loads(re.sub(r"\b[0-9a-f]{64}\b", "<hash>", json.dumps(template.to_json(), sort_keys=True)))
