"""Bring what is searched to what is stored: ``callscribe index --environment Dev --all``.

Calls that were stored before there was a search become searchable, and what is no longer stored leaves the shards.
``--clinic ID`` does so for one clinic, ``--month yyyy-mm`` for one month of it. It may be repeated, and run while calls
come in: only documents of calls that have changed are read again. Once ``--all`` has been done, the console no longer
says that calls of earlier times may be missing.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from callscribe.contract.messages import IndexAnswer, IndexMessage, IndexRequest
from callscribe.contract.object_keys import SEARCH, TRANSCRIPTS, clinic_shards, clinic_transcripts
from callscribe.contract.outputs import DeploymentOutput

from . import environment
from .environment import Environment
from .exit_status import ExitStatus
from .functions import InvocationFailed, invoke
from .terminal import add_json_argument, complain, output, print_json, reports_errors

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

# The function may take two minutes (constructs_lib, `TranscriptSearch`).
_LONGEST_SECONDS = 150.0
_MONTH = re.compile(r"\d{4}-\d{2}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Indexed:
    """What became of a month of a clinic.

    Args:
        clinic_id: The clinic.
        month: The month.
        calls: Calls that were looked at.
        without_words: Those of them whose document is not there or cannot be read: nobody finds them.
        failed: Why not all of them were; "" where they were.
    """

    clinic_id: str
    month: str
    calls: int
    without_words: int
    failed: str = ""


class Index:
    """Brings what is searched of one environment to what is stored.

    Args:
        target: The environment.

    Raises:
        UnusableEnvironment: The archive, the function or the shards are not among the outputs of the stacks.
    """

    def __init__(self, target: Environment) -> None:
        self._s3: S3Client = target.s3()
        self._functions = target.client("lambda", read_timeout_seconds=_LONGEST_SECONDS)
        self._archive = target.output(DeploymentOutput.ARCHIVE)
        self._shards = target.output(DeploymentOutput.SEARCH_BUCKET)
        self._function = target.output(DeploymentOutput.SEARCH_FUNCTION)

    def clinics(self) -> list[str]:
        """Return all clinics of which anything is stored or searched.

        Raises:
            ClientError: A bucket cannot be listed.
        """
        stored, searched = self._folders(self._archive, TRANSCRIPTS), self._folders(self._shards, SEARCH)
        return sorted({*stored, *searched})

    def months(self, clinic_id: str) -> list[str]:
        """Return all months of which anything of a clinic is stored or searched.

        Raises:
            ClientError: A bucket cannot be listed.
        """
        stored = {day[: len("yyyy-mm")] for day in self._folders(self._archive, clinic_transcripts(clinic_id))}
        return sorted(filter(_MONTH.fullmatch, {*stored, *self._folders(self._shards, clinic_shards(clinic_id))}))

    def run(self, clinic_id: str, month: str) -> Indexed:
        """Bring a month of a clinic to what is stored."""
        done, after = IndexAnswer(), None
        while True:
            request = IndexRequest(clinic_id=clinic_id, month=month, after=after)
            failed = ""
            try:
                told = invoke(self._functions, self._function, IndexMessage(index=request), IndexAnswer)
                done = IndexAnswer(calls=done.calls + told.calls, without_words=done.without_words + told.without_words)
                after = told.after
            except InvocationFailed as error:
                failed = str(error)
            if failed or after is None:
                return Indexed(
                    clinic_id=clinic_id,
                    month=month,
                    calls=done.calls,
                    without_words=done.without_words,
                    failed=failed,
                )

    def complete(self) -> None:
        """Note that nothing is left of what was stored before changes were followed.

        Raises:
            InvocationFailed: It could not be noted.
        """
        invoke(self._functions, self._function, IndexMessage(whole=True), IndexAnswer)

    def update(self, clinic_id: str, sort_keys: tuple[str, ...]) -> None:
        """Bring single calls of a clinic to what is stored, those that are gone among them.

        Args:
            clinic_id: The clinic.
            sort_keys: SKs of the items of their transcripts.

        Raises:
            InvocationFailed: It could not be done.
        """
        message = IndexMessage(index=IndexRequest(clinic_id=clinic_id, sort_keys=sort_keys))
        invoke(self._functions, self._function, message, IndexAnswer)

    def _folders(self, bucket: str, prefix: str) -> Iterator[str]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/"):
            for folder in page.get("CommonPrefixes", []):
                yield folder["Prefix"].removeprefix(prefix).removesuffix("/")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    environment.add_arguments(
        parser, DeploymentOutput.ARCHIVE, DeploymentOutput.SEARCH_BUCKET, DeploymentOutput.SEARCH_FUNCTION
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--clinic", metavar="ID", help="the calls of a clinic")
    which.add_argument("--all", action="store_true", help="all calls")
    parser.add_argument("--month", metavar="yyyy-mm", help="with --clinic: only this month (UTC)")
    add_json_argument(parser)


@reports_errors
def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.month and not arguments.clinic:
        raise argparse.ArgumentError(None, "--month goes with --clinic")
    if arguments.month and not _MONTH.fullmatch(arguments.month):
        raise argparse.ArgumentError(None, "--month is no month (yyyy-mm)")
    index = Index(environment.connect(arguments))
    clinics = [arguments.clinic] if arguments.clinic else index.clinics()
    months = {clinic: [arguments.month] if arguments.month else index.months(clinic) for clinic in clinics}
    done = [index.run(clinic, month) for clinic in clinics for month in months[clinic]]
    if arguments.clinic and not any(months.values()):
        complain(f"nothing is stored of clinic {arguments.clinic}")
        return ExitStatus.NOT_FOUND
    failed = [one for one in done if one.failed]
    if arguments.all and not failed:
        index.complete()
    if arguments.json:
        print_json({"months": [asdict(one) for one in done]})
    else:
        calls, without = sum(one.calls for one in done), sum(one.without_words for one in done)
        output().print(f"{calls} calls of {len(done)} months were looked at; {without} of them have no words to find.")
    for one in failed:
        complain(f"{one.clinic_id}, {one.month}: {one.failed}")
    return ExitStatus.INCOMPLETE if failed else ExitStatus.DONE
