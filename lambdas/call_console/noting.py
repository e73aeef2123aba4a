"""What people say of a call: who is who, and what they would have given for its criteria.

It is written down once and never changed; what was said before stands below it.

A transcript is not written here. Who has corrected the roles has it judged anew by the function that stored it, from
the words that are stored, and by the corrections that are in the table: whatever judges it later finds them, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from boto3.dynamodb.conditions import Key
from botocore.exceptions import BotoCoreError, ClientError

from callscribe.console.corrections import RolesAsked, says_the_same
from callscribe.console.reviews import Review, ReviewAsked, ReviewItem, agreements
from callscribe.contract.messages import (
    LiveRebuildMessage,
    LiveRebuildRequest,
    RebuildAnswer,
    RebuildMessage,
    RebuildRequest,
)
from callscribe.contract.table_keys import EXPIRY, review_days, review_range
from callscribe.corrections import CorrectionItem
from callscribe.documents import from_document
from callscribe.judgement.quality import QualityScore
from callscribe.serialization import InvalidData, decode, decode_json, encode_json, shared
from callscribe.table_values import plain
from callscribe.transcript import LIVE
from lambdas.call_console.calls import item_of
from lambdas.call_console.errors import BadRequest, Conflict, Impossible, NotFound, Unavailable
from lambdas.common.corrections import corrections_at, items_of_clinic
from lambdas.common.errors import describe, error_code
from lambdas.common.observability import logger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from boto3.dynamodb.conditions import ConditionBase
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_lambda import LambdaClient

    from callscribe.console.reviews import Agreement
    from callscribe.conversation.role_correction import RoleCorrection
    from callscribe.transcript import Transcript
    from lambdas.call_console.calls import CallAddress
    from lambdas.call_console.sessions import ClinicSession

JUDGE_SECONDS: Final = 12.0
"""Longest wait for a transcript to be judged anew; it is asked for twice within the API's 30 seconds."""
_MOST_ROUNDS: Final = 3
_KEPT: Final = "the correction is kept, but the call is not judged by it yet: save it again"

_Noted = TypeVar("_Noted", CorrectionItem, ReviewItem)


class Judges:
    """Has transcripts judged anew.

    Args:
        client: Of Lambda.
        recordings: Name of the function for transcripts of recordings; None where there is none.
        live: Name of the function for live transcripts; None where there is none.
    """

    def __init__(self, *, client: LambdaClient, recordings: str | None, live: str | None) -> None:
        self._client = client
        self._functions = {False: recordings, True: live}

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources of transcripts that can be judged anew."""
        return tuple(name for name, live in (("batch", False), ("live", True)) if self._functions[live] is not None)

    def judge(self, item: Mapping[str, Any], *, dry_run: bool = False) -> RebuildAnswer:
        """Have the transcript that an item shows judged anew.

        Args:
            item: The transcript's item.
            dry_run: Only ask whether it could be.

        Raises:
            Impossible: There is nobody to ask.
            Unavailable: There was no answer in time.
        """
        live = item["source"] == LIVE
        function = self._functions[live]
        if function is None:
            raise Impossible("roles of such a transcript cannot be corrected in this deployment")
        message: RebuildMessage | LiveRebuildMessage
        if live:
            message = LiveRebuildMessage(
                rebuild=LiveRebuildRequest(
                    call_id=item["call_id"], clinic_id=item["clinic_id"], day=item["day"], dry_run=dry_run
                )
            )
        else:
            message = RebuildMessage(rebuild=RebuildRequest(key=item["transcript_key"], dry_run=dry_run, again=dry_run))
        try:
            response = self._client.invoke(FunctionName=function, Payload=encode_json(message))
            told = response["Payload"].read()
            if "FunctionError" in response:
                raise Unavailable
            return decode_json(RebuildAnswer, told, "the answer")
        except (ClientError, BotoCoreError, InvalidData) as error:
            logger.warning("not judged anew", error=describe(error))
            raise Unavailable from None


_NOTED: Final = frozenset(
    {"clinic_id", "call_id", "kind", "day", "source", "recording_id", "transcript_key", "quality", EXPIRY}
)


class Noting:
    """Writes down what people say of one clinic's calls.

    Args:
        session: What is the clinic's, to read.
        judges: Judge transcripts anew.
    """

    def __init__(self, session: ClinicSession, judges: Judges) -> None:
        self._session = session
        self._judges = judges

    def correct(
        self,
        address: CallAddress,
        asked: RolesAsked,
        *,
        writer: Table,
        author: str,
        now: datetime,
    ) -> None:
        """Write down who is who in a call, and have it judged by that at once. Repeating it changes nothing.

        Args:
            address: The call.
            asked: Who is who.
            writer: The table as it can be written to.
            author: Who says so.
            now: The time.

        Raises:
            NotFound: There is no such call.
            Conflict: Somebody else has said something, or another transcript is shown, since.
            Impossible: It cannot be judged anew.
            Unavailable: It is written down, but not judged yet.
        """
        item = self._item(address, asked.version)
        transcript = self._transcript(item)
        known = self.corrections(address)
        correction = asked.correction_of(transcript, known, author=author, now=now)
        newest = known[-1] if known else None
        repeated = newest is not None and newest.author == author and says_the_same(newest, correction)
        if not repeated:
            if asked.replaces != correction.number - 1:
                raise Conflict("somebody has corrected the roles of this call since it was loaded: load it again")
            self._check(self._judges.judge(item, dry_run=True))
            noted = _item_of(CorrectionItem, correction, item)
            if not _put(writer, noted.attributes()):
                raise Conflict("somebody has corrected the roles of this call at this moment: load it again")
        self._judge(item)

    def _judge(self, item: Mapping[str, Any]) -> None:
        for _ in range(_MOST_ROUNDS):
            try:
                answer = self._judges.judge(item)
            except Unavailable:
                raise Unavailable(_KEPT) from None
            if answer.outcome in ("rebuilt", "current"):
                return
            # Somebody else has written it at this moment.
            if answer.outcome != "changed":
                self._check(answer)
        raise Unavailable(_KEPT)

    def _check(self, answer: RebuildAnswer) -> None:
        if answer.outcome not in ("rebuilt", "current", "changed"):
            # The reason names no words, and what of the call is not there any more.
            raise Impossible(f"the call cannot be judged anew: {answer.reason or answer.outcome}")

    def review(
        self,
        address: CallAddress,
        asked: ReviewAsked,
        *,
        writer: Table,
        author: str,
        now: datetime,
    ) -> None:
        """Write down what somebody would have given for the criteria of a call, beside what was computed.

        Args:
            address: The call.
            asked: What they say.
            writer: The table as it can be written to.
            author: Who says so.
            now: The time.

        Raises:
            NotFound: There is no such call.
            Conflict: They have said something else, or another transcript is shown, since.
            BadRequest: The call has no score, or none of the criteria.
        """
        item = self._item(address, asked.version)
        if item.get("quality") is None:
            raise BadRequest("the call has no score yet: there is nothing to review")
        quality = decode(QualityScore, item["quality"], "the score")
        scores = asked.beside(quality)
        for _ in range(_MOST_ROUNDS):
            known = self.reviews(address)
            if asked.replaces != max((one.number for one in known if one.author == author), default=0):
                raise Conflict("you have saved another review of this call since it was loaded: load it again")
            review = Review(
                number=max((one.number for one in known), default=0) + 1,
                author=author,
                reviewed_at=now,
                recording_id=item.get("recording_id"),
                rubric=quality.rubric,
                rubric_version=quality.version,
                reliability=None if quality.reliability is None else quality.reliability.level,
                scores=scores,
            )
            if _put(writer, _item_of(ReviewItem, review, item).attributes()):
                return
            # Another person's review has taken the number.
        raise Unavailable

    def corrections(self, address: CallAddress) -> tuple[RoleCorrection, ...]:
        """Return all corrections of a call's roles, the oldest first."""
        clinic = self._session.clinic_id
        return corrections_at(self._session.table, clinic, address.day, address.call_id, address.kind)

    def reviews(self, address: CallAddress) -> tuple[ReviewItem, ...]:
        """Return all reviews of a call, the oldest first."""
        return self._reviews(Key("SK").begins_with(review_range(address.day, address.call_id, address.kind)))

    def calibration(self, first: str | None, last: str | None) -> list[Agreement]:
        """Return how well people and the computed scores agree on the calls of some days.

        Args:
            first: First day, UTC, as yyyy-mm-dd; None for any.
            last: Last day; None for any.
        """
        return agreements(self._reviews(Key("SK").between(*review_days(first, last))))

    def _reviews(self, sort_keys: ConditionBase) -> tuple[ReviewItem, ...]:
        items = items_of_clinic(self._session.table, self._session.clinic_id, sort_keys)
        return tuple(decode(ReviewItem, item, "the review") for item in items)

    def _item(self, address: CallAddress, version: str) -> dict[str, Any]:
        item: dict[str, Any] = plain(item_of(self._session, address, _NOTED))
        if version != (item.get("recording_id") or LIVE):
            raise Conflict("another transcript of the call is shown since it was loaded: load it again")
        return item

    def _transcript(self, item: Mapping[str, Any]) -> Transcript:
        document = self._session.archive.read(item["transcript_key"])
        if document is None:
            raise NotFound
        return from_document(document.content)


def _item_of(kind: type[_Noted], said: RoleCorrection | Review, item: Mapping[str, Any]) -> _Noted:
    """What was said of a call, as an item that lasts as long as the transcript."""
    about = {name: item[name] for name in ("clinic_id", "call_id", "kind", "day")}
    return kind(**shared(type(said), said), **about, expires_at=item.get(EXPIRY))


def _put(table: Table, item: dict[str, Any]) -> bool:
    """Write an item, unless there is one in its place."""
    try:
        table.put_item(Item=item, ConditionExpression="attribute_not_exists(PK)")
    except ClientError as error:
        if error_code(error) == "ConditionalCheckFailedException":
            return False
        raise
    return True
