"""The calls of one clinic that run: where they stand, and what was said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.conditions import Key

from callscribe.console.live import LiveRow, LiveWords, live_row, live_words
from callscribe.contract.identifiers import CHANNEL_SEGMENT, feed_channel
from callscribe.contract.table_keys import (
    CALL_INDEX,
    call_partition,
    live_call_key,
    live_calls_partition,
    utterance_key,
    utterance_range,
)
from lambdas.call_console.errors import BadRequest, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lambdas.call_console.sessions import ClinicSession, ClinicSessions

_MOST_CALLS: Final = 500
"""Most calls of a day that a request looks at, ended ones included."""
_MOST_UTTERANCES: Final = 500
_BEHIND_EVERY_NUMBER: Final = "~"
_LATEST_SEQ: Final = 99_999_999  # as many digits as a key has


@dataclass(frozen=True, kw_only=True)
class RunningCalls:
    """Calls that run.

    Attributes:
        calls: The calls, the newest first.
        complete: Whether all of them are there: at most so many calls of a day are looked at.
    """

    calls: tuple[LiveRow, ...]
    complete: bool


@dataclass(frozen=True, kw_only=True)
class LiveCallWords:
    """What a call says.

    Attributes:
        call: Where it stands; at least as new as the words.
        channel: Channel of the feed.
        utterances: What was said behind the number that was asked for, in order.
        more: Whether there is more already, to be asked for behind the last of them.
    """

    call: LiveRow
    channel: str
    utterances: tuple[LiveWords, ...]
    more: bool


class ClinicLiveCalls:
    """Reads the live calls of one clinic.

    Args:
        session: What is the clinic's.
        sessions: Opens sessions for what stands by call.
        now: The time.
    """

    def __init__(self, session: ClinicSession, sessions: ClinicSessions, *, now: datetime) -> None:
        self._session = session
        self._sessions = sessions
        self._now = now

    def running(self) -> RunningCalls:
        """The calls that have not ended; those that began before yesterday (UTC) are left out."""
        days = [(self._now - timedelta(days=back)).date().isoformat() for back in (0, 1)]
        read = [self._of_day(day) for day in days]
        rows = [live_row(item, now=self._now) for items, _ in read for item in items]
        running = sorted((row for row in rows if not row.over), key=lambda row: row.started_at, reverse=True)
        return RunningCalls(calls=tuple(running), complete=all(complete for _, complete in read))

    def _of_day(self, day: str) -> tuple[list[Mapping[str, Any]], bool]:
        items: list[Mapping[str, Any]] = []
        start: dict[str, Any] = {}
        while len(items) < _MOST_CALLS:
            answer = self._session.table.query(
                IndexName=CALL_INDEX,
                KeyConditionExpression=Key("GSI1PK").eq(live_calls_partition(self._session.clinic_id, day)),
                Limit=_MOST_CALLS - len(items),
                **start,
            )
            items += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return items, True
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        return items, False

    def words(self, call_id: str, *, after: str | None) -> LiveCallWords:
        """What a call has said behind an utterance, whether or not it still runs.

        Args:
            call_id: The call.
            after: Number of the utterance, as text; None for everything.

        Raises:
            NotFound: There is no such live call of the clinic.
            BadRequest: The number is none.
        """
        if not CHANNEL_SEGMENT.fullmatch(call_id):
            raise NotFound
        behind = _number(after)
        table = self._sessions.of_call(self._session, call_id).table
        first, last = utterance_key(call_id, behind + 1).sk, utterance_range() + _BEHIND_EVERY_NUMBER
        answer = table.query(
            KeyConditionExpression=Key("PK").eq(call_partition(call_id)) & Key("SK").between(first, last),
            ConsistentRead=True,
            Limit=_MOST_UTTERANCES,
        )
        # Read last: what it counts and calls complete was stored before.
        item = table.get_item(Key=live_call_key(call_id).primary(), ConsistentRead=True).get("Item")
        if item is None or item["clinic_id"] != self._session.clinic_id:
            raise NotFound
        return LiveCallWords(
            call=live_row(item, now=self._now),
            channel=feed_channel(self._session.clinic_id, call_id),
            utterances=tuple(live_words(one) for one in answer["Items"]),
            more="LastEvaluatedKey" in answer,
        )


def _number(text: str | None) -> int:
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and int(text) < _LATEST_SEQ):
        raise BadRequest("after is no number of an utterance")
    return int(text)
