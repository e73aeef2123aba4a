"""Steps that an app may add between the score and the announcement: an analyst's, and one of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

from callscribe.contract.messages import AnalyseMessage, written
from callscribe.contract.schema import SCHEMA_VERSION
from constructs_lib._functions import RuntimeFunction
from constructs_lib._retries import OF_THROTTLED_FUNCTIONS, Retry
from constructs_lib._state_machine.expressions import ERROR_NAME, EXECUTION
from constructs_lib._state_machine.failures import Failures
from constructs_lib._state_machine.states import States
from constructs_lib.enrichment_step import EnrichmentStep

_TRIES_OF_WHAT_IS_OPTIONAL: Final = 2


def analyse(states: States, function: RuntimeFunction, following: sfn.IChainable) -> sfn.IChainable:
    """Build the step in which a language model reads the call, and go on to *following*.

    The call goes on in any case: the function tells of a model that fails, and of its own failure its error does.
    """
    figures = "{% $merge([$stored, {'figures': $states.result.Payload.figures}]) %}"
    state = states.invoke(
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
        assign={"analysis": {"status": "failed", "reason": ERROR_NAME}},
    )
    return state.next(following)


def enrich(
    states: States,
    failures: Failures,
    step: EnrichmentStep,
    *,
    detail: Mapping[str, Any],
    failed_enrichments: sqs.IQueue | None,
    following: sfn.IChainable,
) -> sfn.IChainable:
    """Build the step of one's own, and go on to *following*.

    Args:
        states: Makes its states.
        failures: Where the call goes that must not go on without it.
        step: The step.
        detail: What it gets.
        failed_enrichments: Where a failed one goes that its call does not wait for.
        following: What follows.
    """
    state: sfn.TaskStateBase | sfn.Parallel
    state = _function_of(states, step, detail) if step.function else _states_of(states, step, detail)
    tries = [Retry(errors=("States.ALL",), attempts=step.max_attempts - 1)]
    if step.function:
        tries.insert(0, OF_THROTTLED_FUNCTIONS)
    states.repeated(state, "Enrich", tries, seconds=int(step.timeout.to_seconds()))
    if step.on_failure == "fail":
        # Without its cause, which may hold what was said: the step is not ours.
        failure = {"error": ERROR_NAME, "cause": "the enrichment failed: see its own log", "step": "Enrich"}
        state.add_catch(failures.record, errors=["States.ALL"], assign={"failure": failure})
    else:
        keep = states.send(
            "KeepFailedEnrichment",
            cast(sqs.IQueue, failed_enrichments),
            {
                "schema_version": SCHEMA_VERSION,
                "call": detail,
                "execution": EXECUTION,
                "error": "{% $enrichment.error %}",
            },
        )
        # The event still tells of it.
        keep.add_catch(following, errors=["States.ALL"])
        keep.next(following)
        state.add_catch(
            keep,
            errors=["States.ALL"],
            assign={"enrichment": {"status": "failed", "error": ERROR_NAME}},
        )
    return state.next(following)


def _function_of(states: States, step: EnrichmentStep, detail: Mapping[str, Any]) -> sfn.TaskStateBase:
    return tasks.LambdaInvoke.jsonata(
        states.scope,
        "Enrich",
        lambda_function=cast(lambda_.IFunction, step.function),
        payload=sfn.TaskInput.from_object(dict(detail)),
        outputs="{% $states.input %}",
        assign={"enrichment": {"status": "succeeded"}},
        retry_on_service_exceptions=False,
        task_timeout=sfn.Timeout.duration(step.timeout),
    )


def _states_of(states: States, step: EnrichmentStep, detail: Mapping[str, Any]) -> sfn.Parallel:
    return sfn.Parallel.jsonata(
        states.scope,
        "Enrich",
        arguments=dict(detail),
        outputs="{% $states.input %}",
        assign={"enrichment": {"status": "succeeded"}},
    ).branch(cast(sfn.IChainable, step.states))
