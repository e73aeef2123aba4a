"""Which state follows which."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from constructs_lib._functions import RuntimeFunction
from constructs_lib._state_machine.additions import analyse, enrich
from constructs_lib._state_machine.admission import admit, decide
from constructs_lib._state_machine.announcements import Announcements
from constructs_lib._state_machine.completion import complete, delete_reply
from constructs_lib._state_machine.failures import Failures
from constructs_lib._state_machine.states import States
from constructs_lib._state_machine.transcription import score, store, transcribe, unless_superseded
from constructs_lib.enrichment_step import EnrichmentStep


class Definition:
    """Build the states.

    Every state that can fail leads, after its retries, to the failed calls; nothing of what was said on the phone
    passes through a state, only ids, names of objects and figures.

    Errors that pass (throttling, faults and timeouts of AWS) are retried for minutes in every state; what would not
    pass fails at once.

    Args:
        scope: Parent construct of the states.
        admit_function: Decides whether the recording is to be transcribed, and claims it.
        store_function: Turns Deepgram's reply into the transcript.
        score_function: Rates the call.
        queue: Where the transcribing function takes its work from.
        failed_calls: Where calls go that failed.
        bus: Where transcripts are announced.
        table: Holds the claims.
        max_wait: Longest wait for a transcription, including the wait in *queue*.
        retain_for: Age at which the record of a failed admission is deleted. Default: never.
        delete_replies_in: Archive whose reply about a recording is deleted in the end. Default: it is kept.
        analyse_function: Has the call read by a language model. Default: nobody reads it.
        enrichment: A step of one's own. Default: none.
        failed_enrichments: Where failed enrichments go that their calls do not wait for.
        role_names: What the parties are called where people read the call, by role. Default: as their roles.
    """

    start: sfn.IChainable
    """The first state."""

    def __init__(
        self,
        scope: Construct,
        *,
        admit_function: RuntimeFunction,
        store_function: RuntimeFunction,
        score_function: RuntimeFunction,
        queue: sqs.IQueue,
        failed_calls: sqs.IQueue,
        bus: events.IEventBus,
        table: dynamodb.ITable,
        max_wait: Duration,
        retain_for: Duration | None = None,
        delete_replies_in: s3.IBucket | None = None,
        analyse_function: RuntimeFunction | None = None,
        enrichment: EnrichmentStep | None = None,
        failed_enrichments: sqs.IQueue | None = None,
        role_names: Mapping[str, str] | None = None,
    ) -> None:
        states = self._states = States(scope, table=table)
        failures = Failures(states, failed_calls=failed_calls, retain_for=retain_for)
        told = Announcements(
            states,
            failures,
            bus,
            role_names=role_names,
            analysed=analyse_function is not None,
            enriched=enrichment is not None,
        )
        end = sfn.Succeed.jsonata(scope, "Transcribed")
        deletion = None if delete_replies_in is None else delete_reply(states, failures, delete_replies_in, end)
        admission = admit(states, failures, admit_function)
        transcription = transcribe(states, failures, queue, max_wait).next(store(states, failures, store_function))
        rating = score(states, failures, score_function)
        rest: sfn.IChainable = told.announce().next(complete(states, failures)).next(deletion or end)
        if enrichment is not None:
            rest = enrich(
                states,
                failures,
                enrichment,
                detail=told.detail,
                failed_enrichments=failed_enrichments,
                following=rest,
            )
        if analyse_function is not None:
            rest = analyse(states, analyse_function, rest)
        self.start = admission.next(
            decide(
                states,
                failures,
                admission,
                claimed=transcription.next(unless_superseded(states, told.alert(rating.next(rest)))),
                already_transcribed=deletion,
            )
        )

    @property
    def longest_steps(self) -> Duration:
        """Time that all steps take together at most, with all their tries: each once, without waiting.

        The wait for a transcription and that for a live transcript come on top.
        """
        return self._states.longest
