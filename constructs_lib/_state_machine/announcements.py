"""What is told of a transcript, and when: at once where something cannot wait, and in the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aws_cdk import aws_events as events
from aws_cdk import aws_stepfunctions as sfn

from callscribe.contract.events import CALL_TRANSCRIBED, URGENT_CALL
from callscribe.contract.schema import SCHEMA_VERSION
from constructs_lib._state_machine.failures import Failures
from constructs_lib._state_machine.states import States

# Ids, figures and places.
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


class Announcements:
    """The states that tell of a transcript.

    Args:
        states: Makes them.
        failures: Where their failures go.
        bus: Where it is told.
        role_names: What the parties are called where people read the call, by role. Default: as their roles.
        analysed: Whether the call is read by a language model.
        enriched: Whether there is a step of one's own.
    """

    detail: Mapping[str, Any]
    """What is told of a transcript, by what there is to tell of it; the enrichment apart, which gets it."""

    def __init__(
        self,
        states: States,
        failures: Failures,
        bus: events.IEventBus,
        *,
        role_names: Mapping[str, str] | None,
        analysed: bool,
        enriched: bool,
    ) -> None:
        self._states, self._failures, self._bus = states, failures, bus
        self._names = {"role_names": dict(role_names)} if role_names else {}
        self._enrichment = {"enrichment": "{% $enrichment %}"} if enriched else {}
        self.detail = {**_DETAIL, **self._names, **({"analysis": "{% $analysis %}"} if analysed else {})}

    def alert(self, following: sfn.IChainable) -> sfn.IChainable:
        """Tell at once of a call in which something cannot wait, before it is judged, and go on to *following*."""
        state = self._states.put_event("Alert", self._bus, URGENT_CALL, {**_ALERT, **self._names})
        return (
            sfn.Choice.jsonata(self._states.scope, "Urgent?")
            .when(
                # A function of before has told of none.
                sfn.Condition.jsonata("{% $exists($stored.alerts) and $count($stored.alerts) > 0 %}"),
                self._failures.after(state, "Alert").next(following),
            )
            .otherwise(following)
        )

    def announce(self) -> sfn.TaskStateBase:
        """Tell of the transcript."""
        state = self._states.put_event("Announce", self._bus, CALL_TRANSCRIBED, {**self.detail, **self._enrichment})
        return self._failures.after(state, "Announce")
