"""Whether a recording is to be transcribed, and by whom."""

from __future__ import annotations

from typing import Final

from aws_cdk import aws_stepfunctions as sfn

from callscribe.contract.messages import AdmitMessage, written
from constructs_lib._functions import RuntimeFunction
from constructs_lib._state_machine.expressions import EXECUTION, INPUT, LONGEST_CAUSE, failure
from constructs_lib._state_machine.failures import Failures
from constructs_lib._state_machine.states import States

_SHORTEST_WAIT: Final = 30  # seconds, where the admission names none


def admit(states: States, failures: Failures, function: RuntimeFunction) -> sfn.TaskStateBase:
    """Build the step that decides whether a recording is to be transcribed, and claims it."""
    state = states.invoke(
        "Admit",
        function,
        payload=written(
            AdmitMessage,
            event=f"{{% {INPUT} %}}",
            execution=EXECUTION,
            started_at="{% $states.context.Execution.StartTime %}",
        ),
        assign={"recording": "{% $states.result.Payload.recording %}"},
    )
    # Whether the recording was claimed is not known: its claim, if any, ends with its lease.
    state.add_catch(
        failures.record_admission,
        errors=["States.ALL"],
        assign={"failure": failure("Admit"), "recording": {}},
    )
    return state


def decide(
    states: States,
    failures: Failures,
    admission: sfn.IChainable,
    *,
    claimed: sfn.IChainable,
    already_transcribed: sfn.IChainable | None,
) -> sfn.Choice:
    """Build the choice that follows the *admission*.

    Args:
        states: Makes its states.
        failures: Where rejected recordings go.
        admission: What is asked again where something has to be waited for.
        claimed: What transcribes the recording.
        already_transcribed: What is left to be done of a call that failed behind its completion. Default: nothing.
    """
    scope = states.scope
    choice = sfn.Choice.jsonata(scope, "Decision")
    if already_transcribed is not None:
        done = "$states.input.decision = 'duplicate' and $states.input.reason = 'already-transcribed'"
        choice.when(sfn.Condition.jsonata(f"{{% {done} %}}"), already_transcribed)
    return (
        choice.when(sfn.Condition.jsonata("{% $states.input.decision = 'claimed' %}"), claimed)
        .when(
            sfn.Condition.jsonata("{% $states.input.decision in ['duplicate', 'ignored'] %}"),
            sfn.Succeed.jsonata(scope, "NothingToDo"),
        )
        .when(
            sfn.Condition.jsonata("{% $states.input.decision = 'covered' %}"),
            sfn.Succeed.jsonata(scope, "CoveredByLive", comment="The call was transcribed while it ran"),
        )
        .when(
            sfn.Condition.jsonata("{% $states.input.decision = 'wait' %}"),
            sfn.Wait.jsonata(
                scope,
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
                scope,
                "Rejected",
                assign={
                    "failure": {
                        "error": "{% $states.input.reason %}",
                        "cause": f"{{% $substring($states.input.message, 0, {LONGEST_CAUSE}) %}}",
                        "step": "Admit",
                    }
                },
            ).next(failures.send)
        )
    )
