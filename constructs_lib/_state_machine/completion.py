"""What is done once a call is announced."""

from __future__ import annotations

from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

from callscribe.contract.object_keys import REPLIES, reply_key
from constructs_lib._retries import OF_QUICK_CALLS
from constructs_lib._state_machine.expressions import failure, filled_in, joined
from constructs_lib._state_machine.failures import Failures
from constructs_lib._state_machine.states import QUICK_CALL, States


def complete(states: States, failures: Failures) -> sfn.TaskStateBase:
    """Build the step that notes in the claim that the call is transcribed."""
    state = states.update_claim(
        "Complete",
        update="SET #status = :status, #updated_at = :now "
        "REMOVE #error_code, #error_message, #failed_step, #GSI2PK, #GSI2SK",
        names=("status", "updated_at", "error_code", "error_message", "failed_step", "GSI2PK", "GSI2SK"),
        values={":status": "completed"},
    )
    return failures.after(state, "Complete")


def delete_reply(states: States, failures: Failures, archive: s3.IBucket, end: sfn.IChainable) -> sfn.TaskStateBase:
    """Build the step in which a reply goes that is not to be kept, once its call is complete.

    Not earlier: a step that is repeated would have to ask, and pay, again. Where it fails, the claim stays completed:
    whoever repeats the call comes here and to nothing else.
    """
    state = tasks.CallAwsService.jsonata(
        states.scope,
        "DeleteReply",
        service="s3",
        action="deleteObject",
        iam_action="s3:DeleteObject",
        parameters={
            "Bucket": archive.bucket_name,
            "Key": joined(reply_key(filled_in("$recording.recording_id"))),
        },
        iam_resources=[archive.arn_for_objects(f"{REPLIES}*")],
        task_timeout=QUICK_CALL,
    )
    states.repeated(state, "DeleteReply", OF_QUICK_CALLS)
    state.add_catch(failures.send, errors=["States.ALL"], assign={"failure": failure("DeleteReply")})
    state.next(end)
    return state
