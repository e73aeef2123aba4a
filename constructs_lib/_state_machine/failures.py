"""Where a call goes that failed: its claim says why, and the failed calls have it."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.contract.table_keys import EXPIRY, FAILED_PARTITION, failed_admission_key
from constructs_lib._state_machine.expressions import EXECUTION, INPUT, failure, filled_in, text
from constructs_lib._state_machine.states import States

UNREACHABLE: Final = "FailedCalls.Unreachable"
"""Error of an execution that failed and could not put its call with the failed ones."""


class Failures:
    """The states that a failure leads to.

    Args:
        states: Makes them.
        failed_calls: Where calls go that failed.
        retain_for: Age at which the record of a failed admission is deleted. Default: never.
    """

    send: sfn.TaskStateBase
    """Puts the call with the failed ones, and ends the execution."""
    record: sfn.TaskStateBase
    """Notes in the claim why the call failed, and goes on to :attr:`send`."""
    record_admission: sfn.TaskStateBase
    """Notes why an admission failed, of which there may be no claim, and goes on to :attr:`send`."""

    def __init__(self, states: States, *, failed_calls: sqs.IQueue, retain_for: Duration | None) -> None:
        self.send = _send(states, failed_calls)
        self.record = self._then_send(_record(states))
        self.record_admission = self._then_send(_record_admission(states, retain_for))

    def after(self, state: sfn.TaskStateBase, step: str) -> sfn.TaskStateBase:
        """Return *state*, the failure of whose *step* is noted and sent."""
        return state.add_catch(self.record, errors=["States.ALL"], assign={"failure": failure(step)})

    def _then_send(self, state: sfn.TaskStateBase) -> sfn.TaskStateBase:
        # A claim that another execution has taken over, or that cannot be written, must not keep the call from the
        # failed ones: `failure` still says why it failed.
        state.add_catch(self.send, errors=["States.ALL"])
        state.next(self.send)
        return state


def _record(states: States) -> sfn.TaskStateBase:
    return states.update_claim(
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


def _record_admission(states: States, retain_for: Duration | None) -> sfn.TaskStateBase:
    created = f"{INPUT}.detail.object"
    expiry = {} if retain_for is None else {EXPIRY: retain_for}
    names = (
        *("type", "schema_version", "status", "bucket", "s3_key", "event", "execution", "updated_at"),
        *("error_code", "error_message", "failed_step", "GSI2PK", "GSI2SK"),
        *expiry,
    )
    string = tasks.DynamoAttributeValue.from_string
    return states.update_item(
        "RecordFailedAdmission",
        # Whatever the execution, one item for each content that was put.
        failed_admission_key(
            filled_in(f"{INPUT}.detail.bucket.name"),
            filled_in(f"{created}.key"),
            filled_in(f"({created}.`version-id` ? {created}.`version-id` : {created}.etag)"),
        ),
        update="SET " + ", ".join(f"#{name} = :{name}" for name in names),
        names=names,
        values={
            ":type": string("failed-admission"),
            ":schema_version": tasks.DynamoAttributeValue.from_number(SCHEMA_VERSION),
            ":status": string("failed"),
            ":bucket": string(text(f"{INPUT}.detail.bucket.name")),
            ":s3_key": string(text(f"{created}.key")),
            ":event": string(f"{{% $string({INPUT}) %}}"),
            ":execution": string(EXECUTION),
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
    )


def _send(states: States, queue: sqs.IQueue) -> sfn.TaskStateBase:
    state = states.send(
        "SendToFailedCalls",
        queue,
        {
            "schema_version": SCHEMA_VERSION,
            "event": f"{{% {INPUT} %}}",
            "execution": EXECUTION,
            "error": "{% $failure.error %}",
            "cause": "{% $failure.cause %}",
            "step": "{% $failure.step %}",
            "recording_id": "{% $exists($recording.recording_id) ? $recording.recording_id : null %}",
            "call_id": "{% $exists($recording.call_id) ? $recording.call_id : null %}",
        },
    )
    # Whoever collects the ends of executions (see the workflow's rule) knows the call by the execution's input.
    state.add_catch(
        sfn.Fail.jsonata(
            states.scope,
            "FailedCallsUnreachable",
            error=UNREACHABLE,
            cause="{% $failure.step & ': ' & $failure.error & ': ' & $failure.cause %}",
        ),
        errors=["States.ALL"],
    )
    state.next(
        sfn.Fail.jsonata(
            states.scope,
            "Failed",
            # Amazon States Language, "Errors": names that begin with "States." are the interpreter's own.
            error="{% $replace($failure.error, 'States.', 'Workflow.', 1) %}",
            cause="{% $failure.cause %}",
        )
    )
    return state
