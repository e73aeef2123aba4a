"""Replies in the archive: found again, made room for before they are paid for, and kept at any price."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from callscribe.contract.object_keys import reply_key
from lambdas.common.archive import refused
from lambdas.common.errors import SafeError, TransientError, error_code, error_name
from lambdas.common.observability import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lambdas.common.archive import Archive, ArchivedObject

# What stands at a reply's key while the reply is awaited: no transcription, whoever reads it.
_AWAITED = b"{}"
_STATE, _STATE_AWAITED = "state", "awaited"

_BASE_DELAY_SECONDS = 0.2
_MAX_DELAY_SECONDS = 10.0


class ArchiveRefuses(SafeError):
    """The archive would not take a reply; nothing more is asked of the speech service."""


class ReplyNotStored(SafeError):
    """The service has answered and is paid for it, and the reply is lost: the archive did not take it."""


class Clock(Protocol):
    """The time of this process, for as long as it lives."""

    def monotonic(self) -> float:
        """Return the time in seconds."""

    def sleep(self, seconds: float, /) -> None:
        """Let some seconds pass."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the reply to a recording is kept, as it was seen.

    Attributes:
        key: The key in the archive.
        seen: What is there; `None` for nothing.
    """

    key: str
    seen: ArchivedObject | None

    @property
    def reply(self) -> ArchivedObject | None:
        """The reply that is there."""
        return None if self.seen is None or self.seen.metadata.get(_STATE) == _STATE_AWAITED else self.seen


class KeptReplies:
    """The replies in one archive, each under the key of its recording.

    Args:
        archive: The archive.
        clock: The time of this process.
        jitter: Returns a number from 0 to 1.
    """

    def __init__(self, archive: Archive, *, clock: Clock = time, jitter: Callable[[], float] = random.random) -> None:
        self._archive = archive
        self._clock = clock
        self._jitter = jitter

    def look(self, recording_id: str) -> Place:
        """Look for the reply to a recording.

        Raises:
            ArchiveRefuses: The archive lets nobody look.
        """
        key = reply_key(recording_id)
        try:
            return Place(key=key, seen=self._archive.read(key))
        except ClientError as error:
            raise _told_apart(error, "read") from None

    def make_room(self, place: Place) -> None:
        """Prove that the archive takes a reply, by writing to its very place, with the archive's key.

        A reply that is there is written over with itself, so that nothing is lost with it.

        Raises:
            ArchiveRefuses: The archive takes nothing, and will not until somebody fixes it.
            TransientError: Something else is there now: look again.
        """
        content, metadata = (_AWAITED, {_STATE: _STATE_AWAITED})
        if place.reply is not None:
            content, metadata = place.reply.content, dict(place.reply.metadata)
        try:
            written = self._archive.write_over(place.seen, place.key, content, metadata=metadata)
        except ClientError as error:
            raise _told_apart(error, "written") from None
        if not written:
            raise changed()

    def keep(self, recording_id: str, content: bytes, *, metadata: Mapping[str, str]) -> None:
        """Write a reply, whatever is in its place."""
        self._archive.write(reply_key(recording_id), content, metadata=metadata)

    def keep_trying(self, recording_id: str, content: bytes, *, metadata: Mapping[str, str], until: float) -> None:
        """Write a reply that is paid for, again and again until the archive takes it.

        A refusal is no reason to stop: whoever changed a right or a key may change it back in time.

        Args:
            recording_id: The recording.
            content: The reply.
            metadata: What is noted with it.
            until: When this process must stop, by its monotonic clock.

        Raises:
            ReplyNotStored: The archive took nothing until then.
        """
        tries = 0
        while True:
            tries += 1
            left = until - self._clock.monotonic()
            if left <= 0:
                raise lost()
            bound = min(_MAX_DELAY_SECONDS, _BASE_DELAY_SECONDS * 2.0 ** min(tries, 10))
            self._clock.sleep(min(left, bound * (0.5 + self._jitter() / 2)))
            try:
                self.keep(recording_id, content, metadata=metadata)
            except (ClientError, BotoCoreError) as error:
                logger.warning("the reply is held: the archive does not take it", error=error_name(error), tries=tries)
            else:
                return


def changed() -> TransientError:
    """Return the error for something else at the reply's key than was seen there a moment ago."""
    return TransientError("Reply.Changed", "somebody else writes to the place of the reply")


def lost() -> ReplyNotStored:
    """Return the error for a reply that was paid for and is not in the archive."""
    return ReplyNotStored(
        "Reply.NotStored",
        "the service has answered, which is paid for, and the archive did not take the reply: it is lost. Fix the"
        " bucket, its key or the function's permissions; a redrive asks, and pays, again",
    )


def _told_apart(error: ClientError, what: str) -> Exception:
    """Return the error for what lasts, and the same error for what passes."""
    if not refused(error):
        return error
    return ArchiveRefuses(
        "Archive.Refused",
        f"the archive cannot be {what} ({error_code(error)}); no further request is sent. Fix the bucket, its key"
        " or the function's permissions, then redrive",
    )
