"""The steps from a recording's arrival to its transcript, as a state machine in JSONata."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from callscribe.contract.events import CALL_TRANSCRIBED, EVENT_SOURCE, URGENT_CALL
from callscribe.contract.messages import (
    AdmitMessage,
    AnalyseMessage,
    ScoreMessage,
    StoreMessage,
    TranscribeMessage,
    written,
)
from callscribe.contract.object_keys import REPLIES, reply_key
from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.contract.table_keys import EXPIRY, FAILED_PARTITION, ItemKey, claim_key, failed_admission_key
from constructs_lib._functions import RuntimeFunction
from constructs_lib._retries import (
    OF_FUNCTIONS,
    OF_QUICK_CALLS,
    OF_SENDING,
    OF_THE_TABLE,
    OF_THROTTLED_FUNCTIONS,
    Retry,
)
from constructs_lib.enrichment_step import EnrichmentStep

UNREACHABLE: Final = "FailedCalls.Unreachable"
"""Error of an execution that failed and could not put its call with the failed ones."""

_FILLED_IN: Final = re.compile("<<(.*?)>>")
_INPUT: Final = "$states.context.Execution.Input"
_EXECUTION: Final = "{% $states.context.Execution.Id %}"
# What an invocation takes beyond the function's own run: Lambda makes an environment for it.
_STARTUP = Duration.seconds(15)
_QUICK_CALL = Duration.seconds(30)
_LONGEST_CAUSE = 1000  # characters
_LONGEST_ERROR = 200  # characters
_ERROR_NAME: Final = f"{{% $substring($states.errorOutput.Error, 0, {_LONGEST_ERROR}) %}}"
_TRIES_OF_WHAT_IS_OPTIONAL: Final = 2
_SHORTEST_WAIT: Final = 30  # seconds, where the admission names none

# What is told of a transcript: ids, figures and places.
_DETAIL: Final[Mapping[str, Any]] = {
    "version": "1",
    "schema_version": SCHEMA_VERSION,
    "call_id": "{% $recording.call_id %}",
    "clinic_id": "{% $recording.clinic_id %}",
    "kind": "{% $recording.kind %}",
    "day": "{% $recording.day %}",
    "recording_id": "{% $recording.recording_id %}",
    "source": "batch",
    "transcript": "{% $stored.transcript %}",
    "figures": "{% $stored.figures %}",
    "quality": {"score": "{% $quality.score %}", "rubric": "{% $quality.rubric %}"},
}

_ALERT: Final[Mapping[str, Any]] = {
    **{name: _DETAIL[name] for name in ("schema_version", "call_id", "clinic_id", "day", "source", "transcript")},
    "flags": "{% $stored.alerts %}",
    # A function of before has told of neither.
    "reliability": "{% $exists($stored.figures.reliability) ? $stored.figures.reliability : null %}",
    "evidence": "{% $exists($stored.alert_evidence) ? $stored.alert_evidence : [] %}",
}


class Definition:
    """Build the states.

    Every state that can fail leads, after its retries, to the failed calls; nothing of what was said on the phone
    passes through a state, only ids, names of objects and figures.

    Errors that pass (throttling, faults and timeouts of AWS) are retried for minutes in every state; what would not
    pass fails at once.

    Args:
        scope: Parent construct of the states.
        admit: Decides whether the recording is to be transcribed, and claims it.
        store: Turns Deepgram's reply into the transcript.
        score: Rates the call.
        queue: Where the transcribing function takes its work from.
        failed_calls: Where calls go that failed.
        bus: Where transcripts are announced.
        table: Holds the claims.
        max_wait: Longest wait for a transcription, including the wait in *queue*.
        retain_for: Age at which the record of a failed admission is deleted. Default: never.
        delete_replies_in: Archive whose reply about a recording is deleted in the end. Default: it is kept.
        analyse: Has the call read by a language model. Default: nobody reads it.
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
        admit: RuntimeFunction,
        store: RuntimeFunction,
        score: RuntimeFunction,
        queue: sqs.IQueue,
        failed_calls: sqs.IQueue,
        bus: events.IEventBus,
        table: dynamodb.ITable,
        max_wait: Duration,
        retain_for: Duration | None = None,
        delete_replies_in: s3.IBucket | None = None,
        analyse: RuntimeFunction | None = None,
        enrichment: EnrichmentStep | None = None,
        failed_enrichments: sqs.IQueue | None = None,
        role_names: Mapping[str, str] | None = None,
    ) -> None:
        self._scope, self._table = scope, table
        self._analyse = analyse
        self._names = {"role_names": dict(role_names)} if role_names else {}
        self._enrichment, self._failed_enrichments = enrichment, failed_enrichments
        self._longest_seconds: dict[str, int] = {}
        self._send_to_failed_calls = self._build_send_to_failed_calls(failed_calls)
        self._record_failure = self._build_record_failure()
        self._end = sfn.Succeed.jsonata(scope, "Transcribed")
        self._delete_reply = None if delete_replies_in is None else self._build_delete_reply(delete_replies_in)
        admission = self._build_admit(admit, self._build_record_failed_admission(retain_for))
        self.start = admission.next(
            self._build_decision(
                admission,
                claimed=self._build_transcribe(queue, max_wait)
                .next(self._build_store(store))
                .next(
                    sfn.Choice.jsonata(scope, "Superseded?")
                    .when(
                        sfn.Condition.jsonata("{% $exists($stored.superseded) and $stored.superseded %}"),
                        sfn.Succeed.jsonata(
                            scope, "Superseded", comment="A newer version of the recording was stored first"
                        ),
                    )
                    .otherwise(
                        self._build_alert(
                            bus,
                            self._build_score(score).next(
                                self._build_analysis(
                                    self._build_enrichment(
                                        self._build_announce(bus)
                                        .next(self._build_complete())
                                        .next(self._delete_reply or self._end)
                                    )
                                )
                            ),
                        )
                    )
                ),
            )
        )

    @property
    def longest_steps(self) -> Duration:
        """Time that all steps take together at most, with all their tries: each once, without waiting.

        The wait for a transcription and that for a live transcript come on top.
        """
        return Duration.seconds(sum(self._longest_seconds.values()))

    def _build_admit(self, function: RuntimeFunction, record_failure: sfn.IChainable) -> sfn.TaskStateBase:
        state = self._invoke(
            "Admit",
            function,
            payload=written(
                AdmitMessage,
                event="{% $states.context.Execution.Input %}",
                execution=_EXECUTION,
                started_at="{% $states.context.Execution.StartTime %}",
            ),
            assign={"recording": "{% $states.result.Payload.recording %}"},
        )
        # Whether the recording was claimed is not known: its claim, if any, ends with its lease.
        state.add_catch(
            record_failure,
            errors=["States.ALL"],
            assign={"failure": _failure("Admit"), "recording": {}},
        )
        return state

    def _build_decision(self, admission: sfn.IChainable, *, claimed: sfn.IChainable) -> sfn.Choice:
        choice = sfn.Choice.jsonata(self._scope, "Decision")
        if self._delete_reply is not None:
            # Of a call that failed behind its completion nothing else is left to be done.
            done = "$states.input.decision = 'duplicate' and $states.input.reason = 'already-transcribed'"
            choice.when(sfn.Condition.jsonata(f"{{% {done} %}}"), self._delete_reply)
        return (
            choice.when(sfn.Condition.jsonata("{% $states.input.decision = 'claimed' %}"), claimed)
            .when(
                sfn.Condition.jsonata("{% $states.input.decision in ['duplicate', 'ignored'] %}"),
                sfn.Succeed.jsonata(self._scope, "NothingToDo"),
            )
            .when(
                sfn.Condition.jsonata("{% $states.input.decision = 'covered' %}"),
                sfn.Succeed.jsonata(self._scope, "CoveredByLive", comment="The call was transcribed while it ran"),
            )
            .when(
                sfn.Condition.jsonata("{% $states.input.decision = 'wait' %}"),
                sfn.Wait.jsonata(
                    self._scope,
                    "AwaitLive",
                    # For how long, the admission decides: ever longer, so that the history stays within its limit.
                    time=sfn.WaitTime.seconds(
                        f"{{% $exists($states.input.wait_seconds) ? $states.input.wait_seconds : {_SHORTEST_WAIT} %}}"
                    ),
                    comment="The call is still being transcribed live, or another recording with the same content is",
                ).next(admission),
            )
            .otherwise(
                sfn.Pass.jsonata(
                    self._scope,
                    "Rejected",
                    assign={
                        "failure": {
                            "error": "{% $states.input.reason %}",
                            "cause": f"{{% $substring($states.input.message, 0, {_LONGEST_CAUSE}) %}}",
                            "step": "Admit",
                        }
                    },
                ).next(self._send_to_failed_calls)
            )
        )

    def _build_transcribe(self, queue: sqs.IQueue, max_wait: Duration) -> sfn.TaskStateBase:
        state = tasks.SqsSendMessage.jsonata(
            self._scope,
            "Transcribe",
            queue=queue,
            integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
            message_body=sfn.TaskInput.from_object(
                written(
                    TranscribeMessage,
                    schema_version=SCHEMA_VERSION,
                    task_token="{% $states.context.Task.Token %}",  # noqa: S106
                    recording="{% $recording %}",
                    execution=_EXECUTION,
                    # What the function behind the queue paces its tries by.
                    waiting_since="{% $states.context.State.EnteredTime %}",
                    max_wait_seconds=int(max_wait.to_seconds()),
                )
            ),
            task_timeout=sfn.Timeout.duration(max_wait),
            assign={"transcription": "{% $states.result %}"},
        )
        self._repeat(state, "Transcribe", OF_SENDING, timeout=_QUICK_CALL)
        return self._or_record_failure(state, "Transcribe")

    def _build_store(self, function: RuntimeFunction) -> sfn.TaskStateBase:
        state = self._invoke(
            "Store",
            function,
            payload=written(
                StoreMessage,
                recording="{% $recording %}",
                reply="{% $transcription.reply %}",
                deepgram_requests="{% $transcription.deepgram_requests %}",
            ),
            assign={"stored": "{% $states.result.Payload %}"},
        )
        return self._or_record_failure(state, "Store")

    def _build_alert(self, bus: events.IEventBus, rest: sfn.IChainable) -> sfn.IChainable:
        """Tell at once of a call in which something cannot wait, before it is judged and announced."""
        state = tasks.EventBridgePutEvents.jsonata(
            self._scope,
            "Alert",
            entries=[
                tasks.EventBridgePutEventsEntry(
                    event_bus=bus,
                    source=EVENT_SOURCE,
                    detail_type=URGENT_CALL,
                    detail=sfn.TaskInput.from_object({**_ALERT, **self._names}),
                )
            ],
            task_timeout=sfn.Timeout.duration(_QUICK_CALL),
        )
        self._repeat(state, "Alert", OF_QUICK_CALLS, timeout=_QUICK_CALL)
        return (
            sfn.Choice.jsonata(self._scope, "Urgent?")
            .when(
                # A function of before has told of none.
                sfn.Condition.jsonata("{% $exists($stored.alerts) and $count($stored.alerts) > 0 %}"),
                self._or_record_failure(state, "Alert").next(rest),
            )
            .otherwise(rest)
        )

    def _build_score(self, function: RuntimeFunction) -> sfn.TaskStateBase:
        state = self._invoke(
            "Score",
            function,
            payload=written(ScoreMessage, recording="{% $recording %}", transcript="{% $stored.transcript %}"),
            assign={"quality": "{% $states.result.Payload %}"},
        )
        return self._or_record_failure(state, "Score")

    @property
    def _detail(self) -> dict[str, Any]:
        """What is told of a transcript, by what there is to tell of it."""
        return {**_DETAIL, **self._names, **({"analysis": "{% $analysis %}"} if self._analyse else {})}

    def _build_analysis(self, following: sfn.IChainable) -> sfn.IChainable:
        """Build the step in which a language model reads the call, if there is one, and go on to *following*.

        The call goes on in any case: the function tells of a model that fails, and of its own failure its error does.
        """
        function = self._analyse
        if function is None:
            return following
        figures = "{% $merge([$stored, {'figures': $states.result.Payload.figures}]) %}"
        state = self._invoke(
            "Analyse",
            function,
            payload=written(
                AnalyseMessage,
                call_id="{% $recording.call_id %}",
                recording_id="{% $recording.recording_id %}",
                transcript="{% $stored.transcript %}",
                again=False,
            ),
            assign={"analysis": "{% $states.result.Payload.analysis %}", "stored": figures},
            # The call need not wait for long for what it can go on without.
            retries=(OF_THROTTLED_FUNCTIONS, Retry(errors=("States.ALL",), attempts=_TRIES_OF_WHAT_IS_OPTIONAL)),
        )
        state.add_catch(
            following,
            errors=["States.ALL"],
            assign={"analysis": {"status": "failed", "reason": _ERROR_NAME}},
        )
        return state.next(following)

    def _build_enrichment(self, announcement: sfn.IChainable) -> sfn.IChainable:
        """Build the step of one's own, if there is one, and go on to *announcement*."""
        step = self._enrichment
        if step is None:
            return announcement
        state = self._build_function_of(step) if step.function else self._build_states_of(step)
        tries = [Retry(errors=("States.ALL",), attempts=step.max_attempts - 1)]
        if step.function:
            tries.insert(0, OF_THROTTLED_FUNCTIONS)
        self._repeat(state, "Enrich", tries, timeout=step.timeout)
        if step.on_failure == "fail":
            # Without its cause, which may hold what was said: the step is not ours.
            failure = {"error": _ERROR_NAME, "cause": "the enrichment failed: see its own log", "step": "Enrich"}
            state.add_catch(self._record_failure, errors=["States.ALL"], assign={"failure": failure})
        else:
            state.add_catch(
                self._build_keep_failed_enrichment(announcement),
                errors=["States.ALL"],
                assign={"enrichment": {"status": "failed", "error": _ERROR_NAME}},
            )
        return state.next(announcement)

    def _build_function_of(self, step: EnrichmentStep) -> sfn.TaskStateBase:
        return tasks.LambdaInvoke.jsonata(
            self._scope,
            "Enrich",
            lambda_function=cast(lambda_.IFunction, step.function),
            payload=sfn.TaskInput.from_object(self._detail),
            outputs="{% $states.input %}",
            assign={"enrichment": {"status": "succeeded"}},
            retry_on_service_exceptions=False,
            task_timeout=sfn.Timeout.duration(step.timeout),
        )

    def _build_states_of(self, step: EnrichmentStep) -> sfn.Parallel:
        return sfn.Parallel.jsonata(
            self._scope,
            "Enrich",
            arguments=self._detail,
            outputs="{% $states.input %}",
            assign={"enrichment": {"status": "succeeded"}},
        ).branch(cast(sfn.IChainable, step.states))

    def _build_keep_failed_enrichment(self, announcement: sfn.IChainable) -> sfn.TaskStateBase:
        state = tasks.SqsSendMessage.jsonata(
            self._scope,
            "KeepFailedEnrichment",
            queue=cast(sqs.IQueue, self._failed_enrichments),
            message_body=sfn.TaskInput.from_object(
                {
                    "schema_version": SCHEMA_VERSION,
                    "call": self._detail,
                    "execution": _EXECUTION,
                    "error": "{% $enrichment.error %}",
                }
            ),
            task_timeout=sfn.Timeout.duration(_QUICK_CALL),
        )
        self._repeat(state, "KeepFailedEnrichment", OF_QUICK_CALLS, timeout=_QUICK_CALL)
        # The event still tells of it.
        state.add_catch(announcement, errors=["States.ALL"])
        state.next(announcement)
        return state

    def _build_announce(self, bus: events.IEventBus) -> sfn.TaskStateBase:
        state = tasks.EventBridgePutEvents.jsonata(
            self._scope,
            "Announce",
            entries=[
                tasks.EventBridgePutEventsEntry(
                    event_bus=bus,
                    source=EVENT_SOURCE,
                    detail_type=CALL_TRANSCRIBED,
                    detail=sfn.TaskInput.from_object(
                        {**self._detail, **({"enrichment": "{% $enrichment %}"} if self._enrichment else {})}
                    ),
                )
            ],
            task_timeout=sfn.Timeout.duration(_QUICK_CALL),
        )
        self._repeat(state, "Announce", OF_QUICK_CALLS, timeout=_QUICK_CALL)
        return self._or_record_failure(state, "Announce")

    def _build_complete(self) -> sfn.TaskStateBase:
        state = self._update_claim(
            "Complete",
            update="SET #status = :status, #updated_at = :now "
            "REMOVE #error_code, #error_message, #failed_step, #GSI2PK, #GSI2SK",
            names=("status", "updated_at", "error_code", "error_message", "failed_step", "GSI2PK", "GSI2SK"),
            values={":status": "completed"},
        )
        return self._or_record_failure(state, "Complete")

    def _build_delete_reply(self, archive: s3.IBucket) -> sfn.TaskStateBase:
        """Build the step in which a reply goes that is not to be kept, once its call is complete.

        Not earlier: a step that is repeated would have to ask, and pay, again. Where it fails, the claim stays
        completed: whoever repeats the call comes here and to nothing else.
        """
        state = tasks.CallAwsService.jsonata(
            self._scope,
            "DeleteReply",
            service="s3",
            action="deleteObject",
            iam_action="s3:DeleteObject",
            parameters={
                "Bucket": archive.bucket_name,
                "Key": _joined(reply_key(_filled_in("$recording.recording_id"))),
            },
            iam_resources=[archive.arn_for_objects(f"{REPLIES}*")],
            task_timeout=sfn.Timeout.duration(_QUICK_CALL),
        )
        self._repeat(state, "DeleteReply", OF_QUICK_CALLS, timeout=_QUICK_CALL)
        state.add_catch(self._send_to_failed_calls, errors=["States.ALL"], assign={"failure": _failure("DeleteReply")})
        state.next(self._end)
        return state

    def _build_record_failure(self) -> sfn.TaskStateBase:
        state = self._update_claim(
            "RecordFailure",
            update="SET #status = :status, #updated_at = :now, #error_code = :error_code, "
            "#error_message = :error_message, #failed_step = :failed_step, #GSI2PK = :list, #GSI2SK = :place",
            names=("status", "updated_at", "error_code", "error_message", "failed_step", "GSI2PK", "GSI2SK"),
            values={
                ":list": FAILED_PARTITION,
                ":place": "{% $now() & '#' & $recording.recording_id %}",
                ":status": "failed",
                ":error_code": "{% $failure.error %}",
                ":error_message": "{% $failure.cause %}",
                ":failed_step": "{% $failure.step %}",
            },
            # The step that failed may be its completion, of which only the answer was lost.
            unless="completed",
        )
        return self._then_send_to_failed_calls(state)

    def _build_record_failed_admission(self, retain_for: Duration | None) -> sfn.TaskStateBase:
        """Note the failure of an admission, which may not have come to write a claim."""
        created = f"{_INPUT}.detail.object"
        expiry = {} if retain_for is None else {EXPIRY: retain_for}
        names = (
            *("type", "schema_version", "status", "bucket", "s3_key", "event", "execution", "updated_at"),
            *("error_code", "error_message", "failed_step", "GSI2PK", "GSI2SK"),
        )
        string = tasks.DynamoAttributeValue.from_string
        state = tasks.DynamoUpdateItem.jsonata(
            self._scope,
            "RecordFailedAdmission",
            table=self._table,
            # Whatever the execution, one item for each content that was put.
            key=_key(
                failed_admission_key(
                    _filled_in(f"{_INPUT}.detail.bucket.name"),
                    _filled_in(f"{created}.key"),
                    _filled_in(f"({created}.`version-id` ? {created}.`version-id` : {created}.etag)"),
                )
            ),
            update_expression="SET " + ", ".join(f"#{name} = :{name}" for name in (*names, *expiry)),
            expression_attribute_names={f"#{name}": name for name in (*names, *expiry)},
            expression_attribute_values={
                ":type": string("failed-admission"),
                ":schema_version": tasks.DynamoAttributeValue.from_number(SCHEMA_VERSION),
                ":status": string("failed"),
                ":bucket": string(_text(f"{_INPUT}.detail.bucket.name")),
                ":s3_key": string(_text(f"{created}.key")),
                ":event": string(f"{{% $string({_INPUT}) %}}"),
                ":execution": string(_EXECUTION),
                ":updated_at": string("{% $now() %}"),
                ":error_code": string("{% $failure.error %}"),
                ":error_message": string("{% $failure.cause %}"),
                ":failed_step": string("{% $failure.step %}"),
                ":GSI2PK": string(FAILED_PARTITION),
                ":GSI2SK": string(f"{{% $now() & '#' & {created}.key %}}"),
                **{
                    f":{name}": tasks.DynamoAttributeValue.number_from_string(
                        f"{{% $string($floor($millis() / 1000) + {int(age.to_seconds())}) %}}"
                    )
                    for name, age in expiry.items()
                },
            },
            task_timeout=sfn.Timeout.duration(_QUICK_CALL),
        )
        self._repeat(state, "RecordFailedAdmission", OF_THE_TABLE, timeout=_QUICK_CALL)
        return self._then_send_to_failed_calls(state)

    def _then_send_to_failed_calls(self, state: sfn.TaskStateBase) -> sfn.TaskStateBase:
        # A claim that another execution has taken over, or that cannot be written, must not keep the call from the
        # failed ones: `failure` still says why it failed.
        state.add_catch(self._send_to_failed_calls, errors=["States.ALL"])
        state.next(self._send_to_failed_calls)
        return state

    def _build_send_to_failed_calls(self, queue: sqs.IQueue) -> sfn.TaskStateBase:
        state = tasks.SqsSendMessage.jsonata(
            self._scope,
            "SendToFailedCalls",
            queue=queue,
            message_body=sfn.TaskInput.from_object(
                {
                    "schema_version": SCHEMA_VERSION,
                    "event": "{% $states.context.Execution.Input %}",
                    "execution": _EXECUTION,
                    "error": "{% $failure.error %}",
                    "cause": "{% $failure.cause %}",
                    "step": "{% $failure.step %}",
                    "recording_id": "{% $exists($recording.recording_id) ? $recording.recording_id : null %}",
                    "call_id": "{% $exists($recording.call_id) ? $recording.call_id : null %}",
                }
            ),
            task_timeout=sfn.Timeout.duration(_QUICK_CALL),
        )
        self._repeat(state, "SendToFailedCalls", OF_QUICK_CALLS, timeout=_QUICK_CALL)
        # Whoever collects the ends of executions (see the workflow's rule) knows the call by the execution's input.
        state.add_catch(
            sfn.Fail.jsonata(
                self._scope,
                "FailedCallsUnreachable",
                error=UNREACHABLE,
                cause="{% $failure.step & ': ' & $failure.error & ': ' & $failure.cause %}",
            ),
            errors=["States.ALL"],
        )
        state.next(
            sfn.Fail.jsonata(
                self._scope,
                "Failed",
                # Amazon States Language, "Errors": names that begin with "States." are the interpreter's own.
                error="{% $replace($failure.error, 'States.', 'Workflow.', 1) %}",
                cause="{% $failure.cause %}",
            )
        )
        return state

    def _invoke(
        self,
        name: str,
        function: RuntimeFunction,
        *,
        payload: Mapping[str, Any],
        assign: Mapping[str, str],
        retries: Sequence[Retry] = OF_FUNCTIONS,
    ) -> sfn.TaskStateBase:
        state = tasks.LambdaInvoke.jsonata(
            self._scope,
            name,
            lambda_function=function.function,
            payload=sfn.TaskInput.from_object(dict(payload)),
            outputs="{% $states.result.Payload %}",
            assign=dict(assign),
            retry_on_service_exceptions=False,
            task_timeout=sfn.Timeout.duration(function.timeout.plus(_STARTUP)),
        )
        self._repeat(state, name, retries, timeout=function.timeout.plus(_STARTUP))
        return state

    def _update_claim(
        self, name: str, *, update: str, names: tuple[str, ...], values: Mapping[str, str], unless: str | None = None
    ) -> sfn.TaskStateBase:
        """Build a state that changes the claim, provided that this execution still holds it.

        Args:
            name: Its name.
            update: What it changes.
            names: Attributes that it names.
            values: Values that it names.
            unless: Status of a claim that it leaves alone.
        """
        string = tasks.DynamoAttributeValue.from_string
        condition = "#execution = :execution"
        if unless is not None:
            condition, values = f"{condition} AND #status <> :unless", {**values, ":unless": unless}
        state = tasks.DynamoUpdateItem.jsonata(
            self._scope,
            name,
            table=self._table,
            key=_key(claim_key(_filled_in("$recording.recording_id"), None, None)),
            update_expression=update,
            condition_expression=condition,
            expression_attribute_names={f"#{attribute}": attribute for attribute in (*names, "execution")},
            expression_attribute_values={
                ":now": string("{% $now() %}"),
                ":execution": string(_EXECUTION),
                **{key: string(value) for key, value in values.items()},
            },
            task_timeout=sfn.Timeout.duration(_QUICK_CALL),
        )
        self._repeat(state, name, OF_THE_TABLE, timeout=_QUICK_CALL)
        return state

    def _repeat(
        self, state: sfn.TaskStateBase | sfn.Parallel, name: str, retries: Sequence[Retry], *, timeout: Duration
    ) -> None:
        """Have a state tried again, and note how long that takes at most if each try takes as long as *timeout*."""
        tries = 1 + sum(retry.attempts for retry in retries)
        pauses = sum(retry.longest_pauses for retry in retries)
        self._longest_seconds[name] = tries * int(timeout.to_seconds()) + pauses
        for retry in retries:
            retry.add_to(state)

    def _or_record_failure(self, state: sfn.TaskStateBase, step: str) -> sfn.TaskStateBase:
        return state.add_catch(self._record_failure, errors=["States.ALL"], assign={"failure": _failure(step)})


def _filled_in(expression: str) -> str:
    """Stand in for the value of a JSONata *expression* where the core puts a key together (:func:`_key`)."""
    return f"<<{expression}>>"


def _key(key: ItemKey) -> dict[str, tasks.DynamoAttributeValue]:
    """The primary key of an item, whose parts that only an execution knows are filled in by it."""
    return {name: tasks.DynamoAttributeValue.from_string(_joined(value)) for name, value in key.primary().items()}


def _joined(text: str) -> str:
    texts_and_expressions = _FILLED_IN.split(text)
    if len(texts_and_expressions) == 1:
        return text
    parts = [part if place % 2 else f"'{part}'" for place, part in enumerate(texts_and_expressions) if part]
    return f"{{% {' & '.join(parts)} %}}"


def _text(value: str) -> str:
    """The expression for a text, which is empty where *value* is none."""
    return f"{{% $exists({value}) ? {value} : '' %}}"


def _failure(step: str) -> dict[str, Any]:
    cause = "$states.errorOutput.Cause"
    return {
        "error": "{% $states.errorOutput.Error %}",
        "cause": f"{{% $exists({cause}) ? $substring({cause}, 0, {_LONGEST_CAUSE}) : '' %}}",
        "step": step,
    }
