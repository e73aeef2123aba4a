"""Who is told at once of calls in which something cannot wait."""

from __future__ import annotations

from aws_cdk import aws_events as events
from constructs import Construct

from callscribe.contract.events import EVENT_SOURCE, URGENT_CALL
from constructs_lib import _checks


def on_urgent_call(
    scope: Construct, construct_id: str, *, bus: events.IEventBus, target: events.IRuleTarget
) -> events.Rule:
    """Send *target* one event for each call on *bus* in which something cannot wait."""
    _checks.check_target(scope, target)
    return events.Rule(
        scope,
        construct_id,
        event_bus=bus,
        event_pattern=events.EventPattern(source=[EVENT_SOURCE], detail_type=[URGENT_CALL]),
        targets=[target],
    )
