"""An analysis as it is kept: whole beside the transcript's document, and in short on the transcript's item."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from callscribe.analysis.opinion import Opinion, Urgency
from callscribe.analysis.prices import Usage
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.foreign import bounded_text
from callscribe.serialization import OpenEnum

MAX_SUMMARY_CHARACTERS: Final = 1_000
"""Most of an analyst's summary that an item holds."""


class AnalysisStatus(OpenEnum):
    """What became of an analysis.

    `succeeded`: there is an opinion. `failed`: there is none. `skipped`: nobody was asked, as the call is not to be
    judged, or too long. Whatever it is, what the rules say stands.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What an analyst and the rules say about the same document, side by side.

    Attributes:
        type: `analysis`.
        schema_version: version of the code that wrote it.
        created_at: when it was made, UTC.
        document: key of the transcript's document in the archive.
        rules: what the rules say.
        analyst: what the analyst says.
        usage: what that took.
    """

    type: Literal["analysis"] = "analysis"
    schema_version: int = SCHEMA_VERSION
    created_at: datetime
    document: str
    rules: Opinion
    analyst: Opinion
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisItem:
    """An analysis in short.

    Attributes:
        status: what became of it.
        reason: why there is none; None where there is.
        source: who was asked, such as `bedrock`.
        model: the model that was asked.
        prompt: name and version of what it was asked with; "" where nobody was.
        created_at: when it was made, UTC.
        key: where all of it is in the archive; None where there is none.
        summary: what the call was about; None where that is not known.
        urgency: how urgent the call is; None where that is not known.
        flags: whether each flag is raised, by name; one that is not among them is not known.
        score: 0 to 100; None where it is not known.
        dropped: answers and citations that were left out because what they cite was not said, or they fit no question.
        spent: what was paid for analyses of the document, those that failed and those of other models among them, by
            the model that is priced; None where that was not noted.
    """

    status: AnalysisStatus
    reason: str | None = None
    source: str
    model: str
    prompt: str = ""
    created_at: datetime
    key: str | None = None
    summary: str | None = None
    urgency: Urgency | None = None
    flags: Mapping[str, bool] | None = None
    score: int | None = None
    dropped: int = 0
    spent: Mapping[str, Usage] | None = None


def in_short(analysis: Analysis, *, key: str) -> AnalysisItem:
    """Return what the item shows of an analysis that is kept under *key*."""
    opinion = analysis.analyst
    text = " ".join(statement.text for statement in opinion.summary)
    return AnalysisItem(
        status=AnalysisStatus.SUCCEEDED,
        source=opinion.source,
        model=opinion.model,
        prompt=opinion.prompt,
        created_at=analysis.created_at,
        key=key,
        summary=bounded_text(text, MAX_SUMMARY_CHARACTERS) if text else None,
        urgency=None if opinion.urgency is None else opinion.urgency.level,
        flags={flag.name: flag.raised for flag in opinion.flags},
        score=opinion.score,
        dropped=opinion.dropped,
    )
