"""Verify a deployed environment with two calls: ``callscribe verify --environment Dev``.

It plays a short sample call through both halves with the real services: puts its recording into the bucket, streams it
into a Kinesis video stream of its own and announces it as a contact flow does, follows it live, compares what comes out
with what was said, asks services what their documentation leaves open, and takes everything away again. Both calls are
of a clinic of their own; who listens to the environment's events hears of them.

It takes some minutes and costs some cents: Deepgram bills the sample's 20 seconds on two channels, twice, and a few
seconds more. The report has no word of a call and no name of an account.
"""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from callscribe.contract.identifiers import CHANNEL_SEGMENT, CHANNEL_SEGMENT_RULE

from .checks import deepgram, failures
from .checks.findings import (
    STATE_STYLES,
    Check,
    Examined,
    Finding,
    State,
    add_target_arguments,
    examine,
    examined,
    failed,
    ok,
    skipped,
)
from .environment import Environment
from .erase import erase, find_traces
from .exit_status import ExitStatus
from .functions import InvocationFailed
from .rendering import table_of
from .terminal import output, reports_errors
from .verification import probes
from .verification.assumptions import Verdict
from .verification.batch import BatchVerification
from .verification.live import LiveVerification
from .verification.put_media import PutFailed
from .verification.report import Report
from .verification.sample import Sample
from .verification.waiting import Patience, TookTooLong

CLINIC: Final = "callscribe-verify"
_NO_INSTANCE: Final = "arn:aws:connect:us-east-1:000000000000:instance/00000000-0000-0000-0000-000000000000"
_LONGEST_SECONDS: Final = 15 * 60
_CLEANING_SECONDS: Final = 120
_QUIET_LOOKS: Final = 5

_VERDICT_STYLES: Final = {
    Verdict.CONFIRMED: "green",
    Verdict.REFUTED: "bold red",
    Verdict.NOT_REACHED: "dim",
}

Tell = Callable[[str, Finding], None]


class Verification:
    """One verification of an environment.

    Args:
        examined: The environment.
        sample: The call that is played.
        clinic_id: Clinic that both calls are of.
        stream_key: Key of KMS of the Kinesis video stream. Default: AWS's own.
        patience: How long it may take.
        tell: Told of each finding, with its part, as it is made.
    """

    def __init__(
        self,
        examined: Examined,
        *,
        sample: Sample,
        clinic_id: str,
        stream_key: str | None,
        patience: Patience,
        tell: Tell = lambda _, __: None,
    ) -> None:
        target = examined.target
        self.report = Report(
            region=str(target.session.region_name),
            on_aws=target.endpoint_url is None,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self._examined = examined
        self._target: Environment = target
        self._sample = sample
        self._tell = tell
        self._clinic_id = clinic_id
        self._patience = patience
        self._recorded_id, self._live_id = (f"verify-{uuid.uuid4()}" for _ in range(2))
        self._batch = BatchVerification(
            target, sample=sample, clinic_id=clinic_id, call_id=self._recorded_id, patience=patience
        )
        self._live = LiveVerification(
            target,
            sample=sample,
            clinic_id=clinic_id,
            call_id=self._live_id,
            stream_prefix=examined.stream_prefix,
            stream_key=stream_key,
            instance_arn=examined.instance_arn or _NO_INSTANCE,
            patience=patience,
        )

    def run(self, *, keep: bool = False) -> Report:
        """Verify, and take away what was left behind unless it is to be kept."""
        try:
            self._note("Key", examine(deepgram.check_key, self._examined))
            failed_before = examine(failures.check_failed_calls, self._examined)
            self._step("Recording", lambda _: self._batch.run())
            if self._examined.live:
                self._step("Live call", lambda _: self._live.run())
            else:
                self._note("Live call", [skipped("running calls are not transcribed in this environment")])
            self._probe()
            self._note("Failed calls", self._as_before(failed_before))
            self._note("Alarms", examine(failures.check_alarms, self._examined))
            self.report.add_cost(self._batch.item)
            if self._examined.live:
                self.report.add_cost(self._live.item)
        finally:
            if keep:
                self._note("Cleaning up", [skipped("what was made is kept")])
            else:
                self._step("Cleaning up", lambda _: self._clean_up())
        return self.report

    def _step(self, part: str, check: Check) -> None:
        def with_ends(examined: Examined) -> Iterator[Finding]:
            try:
                yield from check(examined)
            except (TookTooLong, PutFailed, InvocationFailed) as error:
                yield failed(str(error), "the logs of functions and streamers say more")

        self._note(part, examine(with_ends, self._examined))

    def _note(self, part: str, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.report.add(part, finding)
            self._tell(part, finding)

    def _probe(self) -> None:
        """Reach what can be reached of the assumptions; what keeps one from it does not keep the others."""
        target, judge = self._target, self.report.judge
        stream_url, options = (
            self._examined.setting(name) if self._examined.live else ""
            for name in ("DEEPGRAM_STREAM_URL", "DEEPGRAM_OPTIONS")
        )
        reaching: list[Callable[[], None]] = [
            lambda: judge(*self._batch.assumptions()),
            lambda: judge(probes.secret_assumption(target)),
            lambda: judge(probes.quota_assumption(self._examined)),
            lambda: judge(*probes.stream_assumptions(self._live, target)),
            lambda: judge(*probes.deepgram_assumptions(target, stream_url, options, self._sample)),
        ]
        for reach in reaching:
            self._note("Assumptions", examine(_finding_nothing(reach), self._examined))
        reached = [one for one in self.report.assumptions if one.verdict is not Verdict.NOT_REACHED]
        self._note("Assumptions", [ok(f"{len(reached)} of {len(self.report.assumptions)} were reached")])

    def _as_before(self, before: Sequence[Finding]) -> Iterator[Finding]:
        after = examine(failures.check_failed_calls, self._examined)
        if after == before and not any(finding.state is State.UNKNOWN for finding in after):
            yield ok("no call failed meanwhile")
        else:
            yield from after

    def _clean_up(self) -> Iterator[Finding]:
        """Delete the stream and everything of both calls.

        An index is a moment behind its table, and what a claim causes may still come: it is looked for until nothing
        was found several times.
        """
        stream = "the stream, " if self._live.delete_stream() else ""
        objects = items = quiet = 0
        for _ in Patience.of(seconds=_CLEANING_SECONDS).looks("the end of cleaning up"):
            traces = [
                find_traces(self._target, call, clinic_id=self._clinic_id)
                for call in (self._recorded_id, self._live_id)
            ]
            for found in traces:
                erase(self._target, found)
                objects, items = objects + len(found.objects), items + len(found.items)
            quiet = 0 if any(traces) else quiet + 1
            if quiet == _QUIET_LOOKS:
                break
        yield ok(f"{stream}{objects} versions of objects and {items} items are gone")


def _finding_nothing(act: Callable[[], None]) -> Check:
    """A check that finds nothing but what keeps it from its end."""

    def check(_: Examined) -> Iterator[Finding]:
        act()
        return iter(())

    return check


def _show(console: Console, report: Report) -> None:
    table = table_of("Assumption", "Verdict", "Evidence")
    for judged in report.assumptions:
        table.add_row(
            Text(f"{judged.assumption.name}: {judged.assumption.statement}"),
            Text(judged.verdict, style=_VERDICT_STYLES[judged.verdict]),
            Text(judged.evidence),
        )
    console.print(table)
    cost = "unknown" if report.cost_usd is None else f"${report.cost_usd:.4f}"
    least = "at least " if report.cost_is_lower_bound and report.cost_usd is not None else ""
    console.print(f"Deepgram, by the transcripts' own estimates: {least}{cost}.")
    if not report.on_aws:
        console.print("This was an emulator: what is confirmed or refuted is so of it, and says nothing about AWS.")
    console.print(_conclusion(report))


def _conclusion(report: Report) -> str:
    if not report.passed:
        return "Something is not as it should be: see above."
    if report.unseen:
        return f"Nothing that was looked at is broken; what could not be looked at: {report.unseen}, see above."
    return "All is well."


def _teller(console: Console) -> Tell:
    def tell(part: str, finding: Finding) -> None:
        line = Text.assemble(f"{part}: ", (f"{finding.state}", STATE_STYLES[finding.state]), f"  {finding.what}")
        if finding.remedy:
            line.append(f" ({finding.remedy})", "dim")
        console.print(line, soft_wrap=True)

    return tell


def _clinic(text: str) -> str:
    if not CHANNEL_SEGMENT.fullmatch(text):
        raise argparse.ArgumentTypeError(f"must be {CHANNEL_SEGMENT_RULE}")
    return text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_target_arguments(parser)
    parser.add_argument("--clinic", type=_clinic, default=CLINIC, metavar="ID", help="default: %(default)s")
    parser.add_argument("--stream-key", metavar="ARN", help="key of KMS for the stream; default: AWS's own")
    parser.add_argument("--keep", action="store_true", help="take nothing away")
    parser.add_argument("--json", action="store_true", help="print the report as JSON, and nothing else")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report, as JSON, to a file too")


@reports_errors
def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    console = output()
    verification = Verification(
        examined(arguments),
        sample=Sample.shipped(),
        clinic_id=arguments.clinic,
        stream_key=arguments.stream_key,
        patience=Patience.of(seconds=_LONGEST_SECONDS),
        tell=_teller(Console(stderr=True, highlight=False) if arguments.json else console),
    )
    report = verification.run(keep=arguments.keep)
    written = json.dumps(report.to_json(), indent=2) + "\n"
    if arguments.report is not None:
        arguments.report.write_text(written, encoding="utf-8")
    if arguments.json:
        sys.stdout.write(written)
    else:
        _show(console, report)
    return ExitStatus.DONE if report.passed else ExitStatus.INCOMPLETE
