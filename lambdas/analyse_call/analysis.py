"""Have a stored transcript read, keep what comes of it beside the document, and show it on the item.

The same question to the same model is asked once: its analysis is found under its own name. Whatever fails, the rules
have said what they say, and the item tells why there is no more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from callscribe.analysis.analyst import AnalystFailed, Rules, unfit
from callscribe.analysis.prices import Usage, with_analysis
from callscribe.analysis.question import ask
from callscribe.analysis.stored import Analysis, AnalysisItem, AnalysisStatus, in_short
from callscribe.contract.object_keys import analysis_key
from callscribe.documents import analysis_attributes, from_document
from callscribe.recordings.calls import CallDirection
from callscribe.serialization import InvalidData, decode, decode_json, encode_json
from callscribe.table_values import plain
from lambdas.common.archive import document_in
from lambdas.common.errors import error_code, error_name
from lambdas.common.observability import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table

    from callscribe.analysis.analyst import Analyst
    from callscribe.analysis.opinion import Opinion
    from callscribe.analysis.settings import AnalystSettings
    from callscribe.contract.events import TranscriptPlace
    from callscribe.conversation.flags import FlagSet
    from callscribe.cost import Cost
    from callscribe.judgement.quality import Rubric
    from callscribe.transcript import Transcript
    from lambdas.common.archive import Archive

INTERRUPTED: Final = "interrupted"
"""Why there is no analysis while one is asked for, and where the function ended before the answer was kept."""


@dataclass(frozen=True, kw_only=True)
class Analysed:
    """What became of an analysis.

    Attributes:
        transcript: The transcript.
        shown: What the item shows of the analysis.
        cost: What the call cost with it.
        found: Whether the analysis was there already.
    """

    transcript: Transcript
    shown: AnalysisItem
    cost: Cost
    found: bool = False


class Analysing:
    """Has transcripts read by one analyst.

    Args:
        table: The table of transcripts.
        archive: Where documents and analyses are kept.
        analyst: Who reads.
        source: Name of the analyst.
        settings: How the model is asked.
        rubric: By which calls are judged.
        flag_set: What the flags mean; `None` takes the default set.
        now: Returns the time, UTC.
    """

    def __init__(
        self,
        *,
        table: Table,
        archive: Archive,
        analyst: Analyst,
        source: str,
        settings: AnalystSettings,
        rubric: Rubric,
        flag_set: FlagSet | None = None,
        now: Callable[[], datetime],
    ) -> None:
        self._table = table
        self._archive = archive
        self._analyst = analyst
        self._source = source
        self._settings = settings
        self._rubric = rubric
        self._flag_set = flag_set
        self._now = now

    def analyse(self, place: TranscriptPlace, *, again: bool = False) -> Analysed:
        """Have a transcript read, unless it was; what comes of it is shown on the item of that very document.

        Args:
            place: Where the transcript is.
            again: Whether to ask although there is an analysis of the same question.

        Raises:
            TranscriptMissing: There is no such document.
        """
        transcript = from_document(document_in(self._archive, place.key))
        rules = Rules().judge(transcript, self._rubric).opinion
        # The analyst is asked about the criteria that the rules judged by, which depend on who called whom.
        outgoing = self._rubric.of(CallDirection.OUTGOING)
        rubric = outgoing if rules.rubric == outgoing.name else self._rubric
        question = ask(transcript, rubric, self._flag_set)
        key = analysis_key(place.key, question.fingerprint(self._settings.model))
        kept, before = self._kept(key), self._shown(place)
        spent = dict(before.spent or {}) if before is not None else {}
        if kept is not None and not again:
            paid = max(kept.usage, spent.get(self._model, Usage()), key=lambda usage: usage.requests)
            analysed = self._analysed(transcript, in_short(kept, key=key), spent | {self._model: paid}, found=True)
        elif (reason := unfit(transcript)) is not None:
            analysed = self._without(transcript, AnalysisStatus.SKIPPED, reason, spent)
        elif question.estimated_tokens > self._settings.max_input_tokens:
            analysed = self._without(transcript, AnalysisStatus.SKIPPED, "too-long", spent)
        else:
            if kept is not None and self._model not in spent:
                spent = spent | {self._model: kept.usage}
            self._note_request(place, transcript, before, spent)
            analysed = self._asked(transcript, rubric, rules=rules, document=place.key, key=key, spent=spent)
        self._show(place, analysed)
        return analysed

    def _kept(self, key: str) -> Analysis | None:
        archived = self._archive.read(key)
        if archived is None:
            return None
        try:
            return decode_json(Analysis, archived.content, "the analysis")
        except InvalidData as error:
            logger.error("an analysis is unreadable and made anew", error_message=str(error))
            return None

    @property
    def _model(self) -> str:
        return self._settings.price_model

    def _shown(self, place: TranscriptPlace) -> AnalysisItem | None:
        """What the item shows of an earlier analysis of this document, with what was paid for those so far."""
        key = {"PK": place.pk, "SK": place.sk}
        answer = self._table.get_item(Key=key, ProjectionExpression="analysis, transcript_key", ConsistentRead=True)
        item = plain(answer.get("Item", {}))
        if item.get("transcript_key") != place.key or "analysis" not in item:
            return None
        try:
            return decode(AnalysisItem, item["analysis"], "the analysis")
        except InvalidData as error:
            logger.error("what an earlier analysis took is unreadable", error_message=str(error))
            # Something may have been paid for; that nothing was is not known.
            unknown = {self._model: Usage(requests=1, unanswered=1)}
            return replace(self._nothing(AnalysisStatus.FAILED, "unreadable"), spent=unknown)

    def _note_request(
        self,
        place: TranscriptPlace,
        transcript: Transcript,
        before: AnalysisItem | None,
        spent: Mapping[str, Usage],
    ) -> None:
        """Put on the bill, before the analyst is asked, that it may be billed; whoever ends here cannot do it later."""
        may_be_billed = {**spent, self._model: spent.get(self._model, Usage()) + Usage(requests=1, unanswered=1)}
        if before is None:
            self._show(place, self._without(transcript, AnalysisStatus.FAILED, INTERRUPTED, may_be_billed))
        else:
            self._show(place, self._analysed(transcript, before, may_be_billed))

    def _asked(
        self,
        transcript: Transcript,
        rubric: Rubric,
        *,
        rules: Opinion,
        document: str,
        key: str,
        spent: Mapping[str, Usage],
    ) -> Analysed:
        """Ask the analyst, and keep its opinion beside that of the rules."""
        # What earlier answers took is paid for as well, also those that were of no use.
        earlier = spent.get(self._model, Usage())
        try:
            judged = self._analyst.judge(transcript, rubric)
        except AnalystFailed as failed:
            logger.error("no analysis", error_code=failed.code)
            return self._without(
                transcript, AnalysisStatus.FAILED, failed.code, {**spent, self._model: earlier + failed.usage}
            )
        analysis = Analysis(
            created_at=self._now(),
            document=document,
            rules=rules,
            analyst=judged.opinion,
            usage=earlier + judged.usage,
        )
        try:
            self._archive.write(key, encode_json(analysis))
        except (ClientError, BotoCoreError) as error:
            # Raised, it would have the step repeated: asked, and paid for, again, with this answer on no bill.
            code = f"Archive.{error_name(error)}"
            logger.error("the archive does not take the analysis", error_code=code)
            return self._without(transcript, AnalysisStatus.FAILED, code, {**spent, self._model: analysis.usage})
        return self._analysed(transcript, in_short(analysis, key=key), {**spent, self._model: analysis.usage})

    def _without(
        self, transcript: Transcript, status: AnalysisStatus, reason: str, spent: Mapping[str, Usage]
    ) -> Analysed:
        return self._analysed(transcript, self._nothing(status, reason), spent)

    def _nothing(self, status: AnalysisStatus, reason: str) -> AnalysisItem:
        return AnalysisItem(
            status=status, reason=reason, source=self._source, model=self._settings.model, created_at=self._now()
        )

    def _analysed(
        self, transcript: Transcript, shown: AnalysisItem, spent: Mapping[str, Usage], *, found: bool = False
    ) -> Analysed:
        cost = transcript.cost
        for model, usage in spent.items():
            cost = with_analysis(cost, model, usage, self._settings.prices)
        return Analysed(transcript=transcript, shown=replace(shown, spent=spent or None), cost=cost, found=found)

    def _show(self, place: TranscriptPlace, analysed: Analysed) -> None:
        """Put the analysis on the item, while that shows the document which was read."""
        written = analysis_attributes(analysed.shown, analysed.cost)
        try:
            self._table.update_item(
                Key={"PK": place.pk, "SK": place.sk},
                UpdateExpression="SET analysis = :analysis, cost = :cost",
                ConditionExpression="transcript_key = :key",
                ExpressionAttributeValues={
                    ":analysis": written["analysis"],
                    ":cost": written["cost"],
                    ":key": place.key,
                },
            )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            logger.info("not noted: the item shows another transcript of the call")
