"""Score a stored transcript and put the score on its item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from callscribe.documents import from_document, quality_attribute
from callscribe.judgement.quality import QualityScore, Rubric, score
from lambdas.common.archive import document_in
from lambdas.common.errors import error_code
from lambdas.common.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

    from lambdas.common.archive import Archive


class Scoring:
    """Scores transcripts by one rubric.

    Args:
        table: The table of transcripts and claims.
        archive: Where the full documents are kept.
        rubric: The rubric.
    """

    def __init__(self, *, table: Table, archive: Archive, rubric: Rubric) -> None:
        self._table = table
        self._archive = archive
        self._rubric = rubric

    def score(self, *, pk: str, sk: str, document_key: str, recording_id: str) -> QualityScore:
        """Score the transcript in a document; the same document and rubric give the same score.

        The item gets the score only while it shows this recording: a newer one is scored by its own execution.

        Raises:
            TranscriptMissing: There is no such document.
        """
        quality = score(from_document(document_in(self._archive, document_key)), self._rubric)
        try:
            self._table.update_item(
                Key={"PK": pk, "SK": sk},
                UpdateExpression="SET quality = :quality",
                ConditionExpression="recording_id = :recording_id",
                ExpressionAttributeValues={
                    ":quality": quality_attribute(quality),
                    ":recording_id": recording_id,
                },
            )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            logger.info("not noted: the item shows another recording of the call")
        return quality
