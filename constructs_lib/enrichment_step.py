"""A step of one's own in the workflow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib._checks import check_fields, integer, one_of, seconds_within

OnFailure = Literal["continue", "fail"]
"""What a failed enrichment does to its call."""

_MOST_ATTEMPTS = 10


@dataclass(frozen=True, kw_only=True)
class EnrichmentStep:
    """A step of your own for each transcribed recording: after it is stored and scored, before it is announced.

    It gets what the event ``Call Transcribed`` says in its ``detail``: ids, figures, and where item and document are,
    never words. To read the words it needs :meth:`TranscriptionWorkflow.grant_read_transcripts`. What it returns is
    dropped, but Step Functions keeps it in the history of the execution, so return nothing that was said.

    It may run more than once for a call: each attempt, a redrive, and a new version of the recording begin it anew. A
    transcript that is superseded by a newer one is not enriched.

    Raises:
        ValueError: If neither or both of *function* and *states* are given, or an option is unknown or out of range.
    """

    function: lambda_.IFunction | None = None
    """Invoked with the detail as its event."""
    states: sfn.IChainable | None = None
    """States of your own instead, written in JSONata, whose first gets the detail as its input. Each task among them
    needs a timeout; what the workflow's role then may do, CDK grants by the states themselves."""
    on_failure: OnFailure = "continue"
    """What becomes of a call whose last attempt failed. ``"continue"``: it is announced and completed, the event says
    ``"enrichment": {"status": "failed"}``, and :attr:`TranscriptionWorkflow.failed_enrichments` has what repeats the
    step. ``"fail"``: it ends among the failed calls without being announced, and a redrive comes back to this step
    without asking Deepgram again. Default: it goes on."""
    timeout: Duration = field(default_factory=lambda: Duration.minutes(1))
    """Longest attempt, up to an hour. That of a function is ended then; that of *states* is bounded by their own
    timeouts, and the execution ends when all steps have taken as long as they may. Default: a minute."""
    max_attempts: int = 3
    """Attempts at most, up to 10, with growing, jittered pauses between them. Default: 3."""

    def __post_init__(self) -> None:
        """Check the options."""
        check_fields(self)
        if (self.function is None) == (self.states is None):
            raise ValueError("function or states: give an enrichment one of them")
        one_of("on_failure", self.on_failure, get_args(OnFailure))
        seconds_within("timeout", self.timeout, at_least=Duration.seconds(1), at_most=Duration.hours(1))
        if not 1 <= integer("max_attempts", self.max_attempts) <= _MOST_ATTEMPTS:
            raise ValueError(f"max_attempts of {self.max_attempts} is out of range: choose 1 to {_MOST_ATTEMPTS}")
