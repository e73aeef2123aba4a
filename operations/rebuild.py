"""Write older documents anew: ``callscribe rebuild --environment Dev --clinic ID [--day yyyy-mm-dd]``.

A document of an earlier schema version gets what came later, above all the times of single words, from the reply in the
archive; nobody is asked, and nothing is paid for. The item that shows the document is written anew as well, with its
score. ``--call ID`` takes the documents of one call, ``--all`` those of the whole archive. It may be
repeated, and run while calls come in: what is up to date, or newer, is left alone.

What cannot be rebuilt is named with the reason: live transcripts, which have no reply; documents whose reply is gone;
and what is no transcript.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from callscribe.contract.messages import RebuildAnswer, RebuildMessage, RebuildRequest
from callscribe.contract.object_keys import TRANSCRIPTS, clinic_transcripts, is_document
from callscribe.contract.outputs import DeploymentOutput

from . import environment, selection
from .call_store import CallStore
from .environment import Environment
from .functions import InvocationFailed, invoke
from .terminal import add_json_argument, output, print_json, reports_errors

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

# The function may take ten minutes with a sentence encoder (constructs_lib, `TranscriptionWorkflow`); a document takes
# a fraction of a second, or seconds.
_LONGEST_SECONDS = 630.0
# Leaves the account's concurrency to the calls that come in.
_AT_ONCE = 4
_DONE = ("rebuilt", "current")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one document.

    Args:
        key: The document in the archive.
        outcome: ``rebuilt``, ``current``, ``impossible``, ``changed`` (by somebody else, at this moment) or ``failed``.
        reason: Why it is not up to date.
    """

    key: str
    outcome: str
    reason: str = ""


class Rebuild:
    """Has older documents of one environment written anew.

    Args:
        target: The environment.
        dry_run: Only say what would be done.

    Raises:
        UnusableEnvironment: The archive or the function is not among the outputs of the stacks.
    """

    def __init__(self, target: Environment, *, dry_run: bool) -> None:
        self._s3: S3Client = target.s3()
        self._functions = target.client("lambda", read_timeout_seconds=_LONGEST_SECONDS)
        self._bucket = target.output("ArchiveBucketName")
        self._function = target.output("StoreFunctionName")
        self._dry_run = dry_run

    def run(self, prefixes: Sequence[str]) -> Iterator[Result]:
        """Rebuild every document below some prefixes of the archive, a few at once; each comes when it is done with.

        Raises:
            ClientError: The archive cannot be listed.
        """
        with ThreadPoolExecutor(_AT_ONCE) as workers:
            for prefix in prefixes:
                for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                    keys = (entry["Key"] for entry in page.get("Contents", []))
                    yield from workers.map(self._rebuild, filter(is_document, keys))

    def _rebuild(self, key: str) -> Result:
        message = RebuildMessage(rebuild=RebuildRequest(key=key, dry_run=self._dry_run))
        try:
            told = invoke(self._functions, self._function, message, RebuildAnswer)
        except InvocationFailed as failed:
            return Result(key=key, outcome="failed", reason=str(failed))
        if not told.outcome:
            return Result(key=key, outcome="failed", reason="the function knows no rebuild: deploy this version first")
        reason = "somebody else wrote it at this moment; repeat this" if told.outcome == "changed" else told.reason
        return Result(key=key, outcome=told.outcome, reason=reason)


def prefixes_of_call(target: Environment, call_id: str) -> list[str]:
    """Where the documents of a call are, those of superseded recordings and of its automated part among them.

    Raises:
        ClientError: The table cannot be read.
    """
    items = CallStore(table=target.table(), s3=target.s3()).of_call(call_id)
    keys = {str(item["transcript_key"]) for item in items if item["type"] == "transcript"}
    return sorted({f"{key.rpartition('/')[0]}/" for key in keys})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    environment.add_arguments(parser, DeploymentOutput.TABLE, DeploymentOutput.ARCHIVE, DeploymentOutput.STORE_FUNCTION)
    selection.add_arguments(
        parser,
        of_clinic="the documents of a clinic",
        of_call="the documents of one call",
        of_all="all documents of the archive",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    add_json_argument(parser)


@reports_errors
def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    selection.check(arguments)
    target = environment.connect(arguments)
    results = Rebuild(target, dry_run=arguments.dry_run).run(_prefixes(target, arguments))
    counts = _print_json(results, arguments) if arguments.json else _show(output(), results, dry_run=arguments.dry_run)
    return selection.ended(arguments, counts, what="document", done=_DONE)


def _prefixes(target: Environment, arguments: argparse.Namespace) -> list[str]:
    if arguments.call:
        return prefixes_of_call(target, arguments.call)
    if arguments.all:
        return [TRANSCRIPTS]
    clinic = clinic_transcripts(arguments.clinic)
    return [f"{clinic}{arguments.day}/" if arguments.day else clinic]


def _print_json(results: Iterator[Result], arguments: argparse.Namespace) -> Counter[str]:
    documents = list(results)
    print_json({"dry_run": arguments.dry_run, "documents": [asdict(result) for result in documents]})
    return Counter(result.outcome for result in documents)


def _show(console: Console, results: Iterator[Result], *, dry_run: bool) -> Counter[str]:
    counts: Counter[str] = Counter()
    for result in results:
        counts[result.outcome] += 1
        if result.outcome not in _DONE:
            console.print(Text(f"{result.key}: {result.reason}"), soft_wrap=True)
    left = counts.total() - sum(counts[outcome] for outcome in _DONE)
    console.print(
        f"{counts.total()} documents: {counts['rebuilt']} {'would be' if dry_run else 'were'} rebuilt, "
        f"{counts['current']} are up to date, {left} are as they were."
    )
    return +counts
