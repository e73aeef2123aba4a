"""The port that analysts stand behind, and the one that is always there: the rules."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from callscribe.analysis.opinion import (
    Citation,
    CriterionOpinion,
    FlagOpinion,
    Opinion,
    Statement,
    Verdict,
)
from callscribe.analysis.prices import Usage
from callscribe.contract.call_kind import CallKind
from callscribe.conversation.quotes import Quote
from callscribe.foreign import bounded_text
from callscribe.judgement.quality import CriterionScore, Rubric, score
from callscribe.transcript import Transcript

RULES: Final = "rules"
MAX_QUOTE: Final = 200
"""Characters of a quote."""


class AnalystFailed(Exception):
    """An analyst has no opinion about a call. The message names the reason, never words.

    Attributes:
        code: Why, such as `Bedrock.ThrottlingException` or `Bedrock.InvalidAnswer`.
        usage: What it took all the same.
    """

    def __init__(self, code: str, usage: Usage) -> None:
        super().__init__(code)
        self.code = code
        self.usage = usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An opinion and what it took."""

    opinion: Opinion
    usage: Usage = Usage()  # noqa: RUF009 - frozen


class Analyst(Protocol):
    """Reads a call and says what it was about, what is to be done, and how it was handled."""

    def judge(self, transcript: Transcript, rubric: Rubric) -> Judged:
        """Judge a call.

        Raises:
            AnalystFailed: There is no opinion; nobody else's depends on it.
        """


class Rules:
    """The deterministic rules: free, offline, the same for the same call."""

    def judge(self, transcript: Transcript, rubric: Rubric) -> Judged:
        """Write what the transcript and its score say as an opinion."""
        quality = score(transcript, rubric)
        summary = transcript.summary
        return Judged(
            opinion=Opinion(
                source=RULES,
                summary=(Statement(text=summary.text, citations=()),),
                flags=tuple(
                    FlagOpinion(
                        name=flag.name,
                        raised=flag.raised,
                        citations=_cited(found.quote for found in flag.evidence),
                    )
                    for flag in summary.flags
                ),
                rubric=quality.rubric,
                rubric_version=quality.version,
                criteria=tuple(_criterion(criterion) for criterion in quality.criteria),
                score=quality.score,
            )
        )


def unfit(transcript: Transcript) -> str | None:
    """Say why nobody is to be asked about a call; None for a call that can be judged."""
    if transcript.recording.kind is CallKind.IVR:
        return "automated-call"
    reliability = transcript.judged_reliability()
    return None if reliability.usable else reliability.reasons[0].value


def _criterion(judged: CriterionScore) -> CriterionOpinion:
    if not judged.applicable:
        verdict = Verdict.NOT_APPLICABLE
    elif judged.points >= judged.max_points:
        verdict = Verdict.MET
    else:
        verdict = Verdict.PARTLY if judged.points else Verdict.NOT_MET
    return CriterionOpinion(
        criterion=judged.criterion,
        verdict=verdict,
        points=judged.points if judged.applicable else None,
        max_points=judged.max_points,
        reason=judged.reason,
        citations=_cited(judged.quotes),
    )


def _cited(quotes: Iterable[Quote | None]) -> tuple[Citation, ...]:
    return tuple(
        Citation(turn=quote.turn, quote=bounded_text(quote.text, MAX_QUOTE)) for quote in quotes if quote is not None
    )
