"""States that call a service, with their retries and timeouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from callscribe.contract.events import EVENT_SOURCE
from callscribe.contract.table_keys import ItemKey, claim_key
from constructs_lib._functions import RuntimeFunction
from constructs_lib._retries import OF_FUNCTIONS, OF_QUICK_CALLS, OF_THE_TABLE, Retry
from constructs_lib._state_machine.expressions import EXECUTION, filled_in, key

_QUICK_SECONDS: Final = 30
QUICK_CALL: Final = sfn.Timeout.duration(Duration.seconds(_QUICK_SECONDS))
"""Longest call of a service that answers at once."""
# What an invocation takes beyond the function's own run: Lambda makes an environment for it.
_STARTUP = Duration.seconds(15)


State = TypeVar("State", bound=sfn.TaskStateBase | sfn.Parallel)


class States:
    """Makes the states that call services, and knows how long they take together.

    Args:
        scope: Parent construct of the states.
        table: Holds the claims.
    """

    def __init__(self, scope: Construct, *, table: dynamodb.ITable) -> None:
        self.scope = scope
        self._table = table
        self._longest_seconds: dict[str, int] = {}

    @property
    def longest(self) -> Duration:
        """Time that all states take together at most, with all their tries."""
        return Duration.seconds(sum(self._longest_seconds.values()))

    def invoke(
        self,
        name: str,
        function: RuntimeFunction,
        *,
        payload: Mapping[str, Any],
        assign: Mapping[str, str],
        retries: Sequence[Retry] = OF_FUNCTIONS,
    ) -> sfn.TaskStateBase:
        """Make a state that invokes a *function*, whose answer is its output."""
        timeout = function.timeout.plus(_STARTUP)
        state = tasks.LambdaInvoke.jsonata(
            self.scope,
            name,
            lambda_function=function.function,
            payload=sfn.TaskInput.from_object(dict(payload)),
            outputs="{% $states.result.Payload %}",
            assign=dict(assign),
            retry_on_service_exceptions=False,
            task_timeout=sfn.Timeout.duration(timeout),
        )
        return self.repeated(state, name, retries, seconds=int(timeout.to_seconds()))

    def send(self, name: str, queue: sqs.IQueue, message: Mapping[str, Any]) -> sfn.TaskStateBase:
        """Make a state that puts a *message* into a queue."""
        state = tasks.SqsSendMessage.jsonata(
            self.scope,
            name,
            queue=queue,
            message_body=sfn.TaskInput.from_object(dict(message)),
            task_timeout=QUICK_CALL,
        )
        return self.repeated(state, name, OF_QUICK_CALLS)

    def put_event(
        self, name: str, bus: events.IEventBus, detail_type: str, detail: Mapping[str, Any]
    ) -> sfn.TaskStateBase:
        """Make a state that puts an event on a *bus*."""
        state = tasks.EventBridgePutEvents.jsonata(
            self.scope,
            name,
            entries=[
                tasks.EventBridgePutEventsEntry(
                    event_bus=bus,
                    source=EVENT_SOURCE,
                    detail_type=detail_type,
                    detail=sfn.TaskInput.from_object(dict(detail)),
                )
            ],
            task_timeout=QUICK_CALL,
        )
        return self.repeated(state, name, OF_QUICK_CALLS)

    def update_item(
        self,
        name: str,
        item: ItemKey,
        *,
        update: str,
        names: Sequence[str],
        values: Mapping[str, tasks.DynamoAttributeValue],
        condition: str | None = None,
    ) -> sfn.TaskStateBase:
        """Make a state that changes an item of the table.

        Args:
            name: Its name.
            item: The item, with :func:`filled_in` parts.
            update: What it changes.
            names: Attributes that it names.
            values: Values that it names.
            condition: What must be so. Default: anything.
        """
        state = tasks.DynamoUpdateItem.jsonata(
            self.scope,
            name,
            table=self._table,
            key=key(item),
            update_expression=update,
            condition_expression=condition,
            expression_attribute_names={f"#{attribute}": attribute for attribute in names},
            expression_attribute_values=dict(values),
            task_timeout=QUICK_CALL,
        )
        return self.repeated(state, name, OF_THE_TABLE)

    def update_claim(
        self, name: str, *, update: str, names: Sequence[str], values: Mapping[str, str], unless: str | None = None
    ) -> sfn.TaskStateBase:
        """Make a state that changes the claim, provided that this execution still holds it.

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
        return self.update_item(
            name,
            claim_key(filled_in("$recording.recording_id"), None, None),
            update=update,
            names=(*names, "execution"),
            values={
                ":now": string("{% $now() %}"),
                ":execution": string(EXECUTION),
                **{name: string(value) for name, value in values.items()},
            },
            condition=condition,
        )

    def repeated(self, state: State, name: str, retries: Sequence[Retry], *, seconds: int = _QUICK_SECONDS) -> State:
        """Have a state tried again, and note how long that takes at most if each try takes so many seconds."""
        tries = 1 + sum(retry.attempts for retry in retries)
        pauses = sum(retry.longest_pauses for retry in retries)
        self._longest_seconds[name] = tries * seconds + pauses
        for retry in retries:
            retry.add_to(state)
        return state
