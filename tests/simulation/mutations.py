"""Faults put into the product one at a time, and how many histories find each.

``python -m tests.simulation.mutations --seeds 0-199`` prints the table of docs/reliability.md.
Each is made in a copy of the source in a temporary folder. A fault that no history finds is a rule that nobody checks.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_PACKAGES: Final = ("callscribe", "constructs_lib", "lambdas", "local", "operations", "stacks", "streamer", "tests")
_LONGEST_SECONDS: Final = 1800
_FAILED: Final = re.compile(r"failed: (none|\[.*\])")


@dataclass(frozen=True)
class Mutation:
    """A fault.

    Attributes:
        half: Which histories are to find it, `live` or `batch`.
        what: What is wrong with it.
        path: File of the source.
        old: Text that stands there once.
        new: Text in its place.
    """

    half: str
    what: str
    path: str
    old: str
    new: str


_STORE: Final = "streamer/calls/store.py"
_CALL: Final = "streamer/calls/call.py"
_INTAKE: Final = "streamer/calls/intake.py"
_SESSION: Final = "streamer/deepgram/session.py"

LIVE: Final = (
    Mutation(
        "live",
        "words are stored without the fence of the lease",
        _STORE,
        "checkpoint.attributes() | self._stamp(now), where=_FENCE, given=_fence(lease)",
        'checkpoint.attributes() | self._stamp(now), where="attribute_exists(PK)", given=_fence(lease)',
    ),
    Mutation(
        "live",
        "a call is taken though its lease has not run out",
        _STORE,
        'if status is LiveStatus.STREAMING and item["lease_until"] > self._now():',
        'if status is LiveStatus.STREAMING and item["lease_until"] > self._now() + 3600:',
    ),
    Mutation(
        "live",
        "leases are not renewed",
        _INTAKE,
        "renewed = await self._store.renew([run.lease for run in runs.values()])",
        "renewed = await self._store.renew([])",
    ),
    Mutation(
        "live",
        "messages are not renewed",
        _INTAKE,
        "await self._queue.renew([work.message for work in self._work.values()])",
        "await self._queue.renew([])",
    ),
    Mutation(
        "live",
        "the watermark is set a fifth of a second too far",
        _CALL,
        "watermarks[final.channel] = max(watermarks[final.channel], final.end)",
        "watermarks[final.channel] = max(watermarks[final.channel], final.end + 1_600)",
    ),
    Mutation(
        "live",
        "the watermark stays where it was",
        _CALL,
        "watermarks=(watermarks[0], watermarks[1]),",
        "watermarks=self._checkpoint.watermarks,",
    ),
    Mutation(
        "live",
        "reading goes on behind the faster channel",
        _CALL,
        "resume = self._media.resume_point(reached) or",
        "resume = self._media.resume_point(max(watermarks)) or",
    ),
    Mutation(
        "live",
        "numbers of utterances are given twice",
        _CALL,
        "next_seq=self._checkpoint.next_seq + len(utterances),",
        "next_seq=self._checkpoint.next_seq + min(1, len(utterances)),",
    ),
    Mutation(
        "live",
        "gaps are forgotten",
        _CALL,
        "self._current(gaps=[*gaps, *passed]),",
        "self._current(),",
    ),
    Mutation(
        "live",
        "the words of a replay are heard again on the channel that is ahead",
        "streamer/deepgram/conversation.py",
        "self._buffer.read(self.position, _MAX_SAMPLES, silent_until=self._tracker.silent_until)",
        "self._buffer.read(self.position, _MAX_SAMPLES, silent_until=(0, 0))",
    ),
    Mutation(
        "live",
        "audio is let go of when one channel is stored",
        _SESSION,
        "self._buffer.release(min(self._stored))",
        "self._buffer.release(max(self._stored))",
    ),
    Mutation(
        "live",
        "a rotated key is not asked for",
        _SESSION,
        "newer_key = await self._key.read(refresh=True)",
        "newer_key = await self._key.read()",
    ),
    Mutation(
        "live",
        "audio is sent as fast as it is there",
        "streamer/deepgram/pacing.py",
        "RATE: Final = 1.25",
        "RATE: Final = 125.0",
    ),
    Mutation(
        "live",
        "a call is completed though streaming was started again",
        _STORE,
        "resumed_at_ms <= :ended_at_ms)",
        "resumed_at_ms <= :ended_at_ms OR attribute_exists(resumed_at_ms))",
    ),
    Mutation(
        "live",
        "a stop counts though streaming was started again",
        "streamer/calls/state.py",
        '"stop_fragment" in item and stopped_at_ms >= began_at_ms(item)',
        '"stop_fragment" in item and stopped_at_ms >= 0',
    ),
    Mutation(
        "live",
        "a silent stream is an end",
        "streamer/calls/ending.py",
        "if evidence.heard and asked_again and evidence.silence >= limits.idle:",
        "if evidence.heard and asked_again:",
    ),
    Mutation(
        "live",
        "Connect's word of the end is not waited for",
        "streamer/calls/ending.py",
        "word: float = 15.0",
        "word: float = 0.0",
    ),
    Mutation(
        "live",
        "the message goes before the call is announced",
        _INTAKE,
        "            await self._announcer.announce(to_announce)",
        "            await self._queue.delete(message)\n            await self._announcer.announce(to_announce)",
    ),
    Mutation(
        "live",
        "a completed call is not announced",
        _INTAKE,
        "            await self._announcer.announce(to_announce)",
        "            pass",
    ),
    Mutation(
        "live",
        "the message of a failed call goes before its copy is there",
        "streamer/calls/queue.py",
        "        await self._sqs.send_message(\n            QueueUrl=self._failed_calls_url,",
        "        await self.delete(message)\n        await self._sqs.send_message(\n"
        "            QueueUrl=self._failed_calls_url,",
    ),
    Mutation(
        "live",
        "a slot is not given back",
        _INTAKE,
        "            del self._work[work.message.message_id]\n            self._note_change()",
        "            self._note_change()",
    ),
    Mutation(
        "live",
        "the task stays protected",
        _INTAKE,
        "self._protection.set_busy(bool(self._work))",
        "self._protection.set_busy(True)",
    ),
    Mutation(
        "live",
        "words are told before they are stored",
        _CALL,
        "        await self._services.store.commit(self.lease, utterances, checkpoint)",
        "        self._feed.finals(utterances, reliability)\n"
        "        await self._services.store.commit(self.lease, utterances, checkpoint)",
    ),
    Mutation(
        "live",
        "a word is logged",
        _CALL,
        "        self._feed.finals(utterances, reliability)\n        if self._alerts",
        '        _log.debug("stored", extra={"texts": [final.text for final in finals]})\n'
        "        self._feed.finals(utterances, reliability)\n        if self._alerts",
    ),
)


@contextmanager
def mutated(mutation: Mutation) -> Iterator[Path]:
    """Make a copy of the source with the fault in it.

    Raises:
        ValueError: The text does not stand there, or more than once.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for package in _PACKAGES:
            shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "golden"))
        path = folder / mutation.path
        text = path.read_text(encoding="utf-8")
        if text.count(mutation.old) != 1:
            raise ValueError(f"{mutation.what}: the text to be changed stands {text.count(mutation.old)} times")
        path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
        yield folder


def found_by(mutation: Mutation, seeds: str, *, jobs: int) -> int | None:
    """Return how many histories find a fault; `None` where they do not come to an end."""
    with mutated(mutation) as folder:
        command = [sys.executable, "-m", "tests.simulation", mutation.half, "--seeds", seeds, "--brief"]
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        try:
            ran = subprocess.run(
                [*command, "--jobs", str(jobs)],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=_LONGEST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None
        failed = _FAILED.search(ran.stdout)
        if failed is None:
            raise RuntimeError(ran.stderr)
        return 0 if failed[1] == "none" else len(failed[1].split(","))


def main() -> int:
    """Print a table; return 1 if a fault is found by no history."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutations", description=__doc__)
    parser.add_argument("--seeds", default="0-199")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--only", default="", help="part of what is wrong")
    options = parser.parse_args()
    missed = 0
    for mutation in LIVE:
        if options.only in mutation.what:
            found = found_by(mutation, options.seeds, jobs=options.jobs)
            missed += found == 0
            print(f"| {mutation.half} | {mutation.what} | {'no end' if found is None else found} |", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
