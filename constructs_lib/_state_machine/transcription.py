"""From a claimed recording to its transcript and its score."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

from callscribe.contract.messages import ScoreMessage, StoreMessage, TranscribeMessage, written
from callscribe.contract.schema import SCHEMA_VERSION
from constructs_lib._functions import RuntimeFunction
from constructs_lib._retries import OF_SENDING
from constructs_lib._state_machine.expressions import EXECUTION
from constructs_lib._state_machine.failures import Failures
from constructs_lib._state_machine.states import States


def transcribe(states: States, failures: Failures, queue: sqs.IQueue, max_wait: Duration) -> sfn.TaskStateBase:
    """Build the step that puts the recording into the *queue* and waits for Deepgram's reply."""
    state = tasks.SqsSendMessage.jsonata(
        states.scope,
        "Transcribe",
        queue=queue,
        integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
        message_body=sfn.TaskInput.from_object(
            written(
                TranscribeMessage,
                schema_version=SCHEMA_VERSION,
                task_token="{% $states.context.Task.Token %}",  # noqa: S106
                recording="{% $recording %}",
                execution=EXECUTION,
                # What the function behind the queue paces its tries by.
                waiting_since="{% $states.context.State.EnteredTime %}",
                max_wait_seconds=int(max_wait.to_seconds()),
            )
        ),
        task_timeout=sfn.Timeout.duration(max_wait),
        assign={"transcription": "{% $states.result %}"},
    )
    return failures.after(states.repeated(state, "Transcribe", OF_SENDING), "Transcribe")


def store(states: States, failures: Failures, function: RuntimeFunction) -> sfn.TaskStateBase:
    """Build the step that turns the reply into the transcript."""
    state = states.invoke(
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
    return failures.after(state, "Store")


def unless_superseded(states: States, following: sfn.IChainable) -> sfn.Choice:
    """Build the choice that goes on to *following* unless a newer version of the recording was stored first."""
    return (
        sfn.Choice.jsonata(states.scope, "Superseded?")
        .when(
            sfn.Condition.jsonata("{% $exists($stored.superseded) and $stored.superseded %}"),
            sfn.Succeed.jsonata(
                states.scope, "Superseded", comment="A newer version of the recording was stored first"
            ),
        )
        .otherwise(following)
    )


def score(states: States, failures: Failures, function: RuntimeFunction) -> sfn.TaskStateBase:
    """Build the step that rates the call."""
    state = states.invoke(
        "Score",
        function,
        payload=written(ScoreMessage, recording="{% $recording %}", transcript="{% $stored.transcript %}"),
        assign={"quality": "{% $states.result.Payload %}"},
    )
    return failures.after(state, "Score")
