"""A recording is put where Amazon Connect would leave it, and what comes of it is compared with what was said."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from callscribe.recordings.keys import OWN_FOLDER

from ..call_store import FAILED_STATUSES, IN_PROGRESS, CallStore
from ..checks.findings import Finding, failed, ok, unknown, warning
from ..environment import Environment
from .assumptions import MULTICHANNEL_SENTIMENT, Judged, judged, not_reached
from .sample import Sample
from .waiting import Patience

_ROLES: Final = ("customer", "agent")
# Of the words that were said, this share is understood by every model that fits: less is a wrong language or channel.
_ENOUGH: Final = 0.6
_ENCRYPTED: Final = "aws:kms"


class BatchVerification:
    """One recording's way through an environment.

    Args:
        target: The environment.
        sample: What is recorded.
        clinic_id: Clinic under which it is filed.
        call_id: The call.
        patience: How long to wait.
    """

    def __init__(
        self, target: Environment, *, sample: Sample, clinic_id: str, call_id: str, patience: Patience
    ) -> None:
        self._target = target
        self._sample = sample
        self._call_id = call_id
        self._patience = patience
        self._store = CallStore(table=target.table(), s3=target.s3())
        self._key = f"{OWN_FOLDER}/{clinic_id}/{datetime.now(UTC):%Y-%m-%d}/{call_id}.wav"
        self.item: Mapping[str, Any] | None = None

    def run(self) -> Iterator[Finding]:
        """Put the recording, wait for its transcript, compare; then put it once more, which may cost nothing.

        Raises:
            TookTooLong: Nothing came of it in time.
        """
        began = time.monotonic()
        self._put()
        claim = self._patience.wait_for(
            "the end of the recording's way (do the bucket's events reach the state machine?)", lambda: self._ended(1)
        )[0]
        if claim["status"] in FAILED_STATUSES:
            yield failed(f"the recording failed: {claim.get('error_code', 'without a code')}", "see the failed calls")
            return
        item = self._transcript()
        if item is None:
            yield failed(f"the recording is {claim['status']}, but has no transcript", "read the execution's history")
            return
        self.item = item
        yield ok(f"the recording was transcribed in {time.monotonic() - began:.0f} s")
        yield from compared(self._sample, item["utterances"])
        yield self._archived(item)
        yield from self._put_again()

    def assumptions(self) -> Iterator[Judged]:
        """What the transcript says about what is assumed."""
        if self.item is None or not self._asked_for_sentiment():
            yield not_reached(MULTICHANNEL_SENTIMENT, "no recording was transcribed with sentiment asked for")
            return
        given = self.item.get("sentiment") is not None
        yield judged(
            MULTICHANNEL_SENTIMENT,
            holds=given,
            evidence=f"the recording of two channels has {'a' if given else 'no'} sentiment",
        )

    def _asked_for_sentiment(self) -> bool:
        options = (self.item or {}).get("options")
        return isinstance(options, Mapping) and bool(options.get("sentiment"))

    def _put(self) -> None:
        bucket = self._target.output("RecordingBucketName")
        self._target.s3().put_object(Bucket=bucket, Key=self._key, Body=self._sample.recording)

    def _ended(self, count: int) -> list[dict[str, Any]] | None:
        """The claims on the recording once so many have come to their end."""
        claims = [item for item in self._store.of_call(self._call_id) if item["type"] == "claim"]
        ended = [claim for claim in claims if claim["status"] not in IN_PROGRESS]
        return ended if len(ended) >= count else None

    def _transcript(self) -> dict[str, Any] | None:
        found = [item for item in self._store.of_call(self._call_id) if item["type"] == "transcript"]
        return self._store.whole(found[0]) if found else None

    def _archived(self, item: Mapping[str, Any]) -> Finding:
        head = self._target.s3().head_object(Bucket=item["archive_bucket"], Key=item["transcript_key"])
        encryption = head.get("ServerSideEncryption")
        if encryption != _ENCRYPTED:
            by = encryption or "nothing that S3 names"
            return warning(f"the archived transcript is encrypted by {by}", "give it a key of KMS")
        return ok("the transcript is archived, encrypted with a key of KMS")

    def _put_again(self) -> Iterator[Finding]:
        self._put()
        claims = self._patience.wait_for("the second copy's end", lambda: self._ended(2))
        yield asked_once(claims)


def asked_once(claims: Sequence[Mapping[str, Any]]) -> Finding:
    """Say whether the same recording, put twice, was paid for once, by what its claims say of requests."""
    asked = sum(int(claim.get("deepgram_requests") or 0) for claim in claims)
    if asked > 1:
        return failed(f"the same recording put twice was asked for {asked} times", "is S3's checksum in its event?")
    if asked == 0:
        return unknown("no claim says how often the recording, put twice, was asked for", "see the calls' costs")
    return ok("the same recording put twice was asked for once")


def compared(sample: Sample, utterances: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Hold what was understood against what was said, by channel, and the roles against who said it."""
    for channel, role in enumerate(_ROLES):
        of_channel = [utterance for utterance in utterances if int(utterance.get("channel") or 0) == channel]
        found, said = sample.heard(channel, " ".join(str(utterance["text"]) for utterance in of_channel))
        figures = f"{found} of {said} words of the {role} are there, in order"
        yield ok(figures) if found >= _ENOUGH * said else failed(figures, "do language and model fit English calls?")
        others = {str(utterance["role"]) for utterance in of_channel} - {role}
        if others:
            yield warning(f"who is on channel {channel} is called {', '.join(sorted(others))}", "see channel_roles")
