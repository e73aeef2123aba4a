"""Flow modules of Amazon Connect, in its flow language.

Source: Amazon Connect API Reference, "Amazon Connect Flow language" (version 2019-10-30), with a page for each action.
A module's ``Settings`` and the positions in ``Metadata``, which the flow designer draws by, are as the designer exports
them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

VERSION: Final = "2019-10-30"
"""Version of the flow language."""

LAMBDA_SECONDS: Final = 8
"""Longest time that Connect waits for a function ("InvokeLambdaFunction")."""

_RETURN: Final = "return"
_NO_MATCHING_ERROR: Final = "NoMatchingError"
_IDENTIFIER: Final = re.compile(r"[^%:(\\/)=$,;\[\]{}]{1,50}")
_COLUMN, _ROW = 260, 200


@dataclass(frozen=True, kw_only=True)
class Action:
    """A block of a module.

    Attributes:
        name: Its identifier in the module.
        kind: Its type in the flow language.
        parameters: What it does.
        then: The block that follows; none after a block that ends the module.
        errors: The block that follows an error, by the error's type.
        conditions: The block that follows when the compared value equals a text, by that text.
    """

    name: str
    kind: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    then: str | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _IDENTIFIER.fullmatch(self.name):
            raise ValueError(f"{self.name!r} cannot identify a block of a flow")

    def to_json(self) -> dict[str, Any]:
        """Return the block in the flow language."""
        transitions: dict[str, Any] = {}
        if self.then is not None:
            transitions = {
                "NextAction": self.then,
                "Errors": [{"NextAction": target, "ErrorType": error} for error, target in self.errors.items()],
                "Conditions": [
                    {"NextAction": target, "Condition": {"Operator": "Equals", "Operands": [text]}}
                    for text, target in self.conditions.items()
                ],
            }
        return {
            "Identifier": self.name,
            "Type": self.kind,
            "Parameters": dict(self.parameters),
            "Transitions": transitions,
        }


def start_module(function_arn: str) -> dict[str, Any]:
    """Return the module that starts streaming and registers the call.

    Whatever goes wrong, the module returns to the flow that invoked it as if nothing had happened. Streaming goes on
    unless the call was refused or could not be registered; it does when the answer cannot be read.
    """
    return _module(
        _streaming("start-streaming", enabled=True, then="announce", on_error=_RETURN),
        _invoke("announce", function_arn, then="check-answer", on_error="stop-streaming"),
        Action(
            name="check-answer",
            kind="Compare",
            parameters={"ComparisonValue": "$.External.live_transcription"},
            then=_RETURN,
            errors={"NoMatchingCondition": _RETURN},
            conditions={"refused": "stop-streaming"},
        ),
        _streaming("stop-streaming", enabled=False, then=_RETURN, on_error=_RETURN),
        Action(name=_RETURN, kind="EndFlowModuleExecution"),
    )


def stop_module(function_arn: str) -> dict[str, Any]:
    """Return the module that stops streaming and notes where the call's audio ends."""
    return _module(
        _streaming("stop-streaming", enabled=False, then="note-end", on_error=_RETURN),
        _invoke("note-end", function_arn, then=_RETURN, on_error=_RETURN),
        Action(name=_RETURN, kind="EndFlowModuleExecution"),
    )


def _streaming(name: str, *, enabled: bool, then: str, on_error: str) -> Action:
    return Action(
        name=name,
        kind="UpdateContactMediaStreamingBehavior",
        parameters={
            "MediaStreamingState": "Enabled" if enabled else "Disabled",
            "MediaStreamType": "Audio",
            "Participants": [{"ParticipantType": "Customer", "MediaDirections": ["To", "From"]}],
        },
        then=then,
        errors={_NO_MATCHING_ERROR: on_error},
    )


def _invoke(name: str, function_arn: str, *, then: str, on_error: str) -> Action:
    return Action(
        name=name,
        kind="InvokeLambdaFunction",
        parameters={
            "LambdaFunctionARN": function_arn,
            "InvocationTimeLimitSeconds": str(LAMBDA_SECONDS),
            "ResponseValidation": {"ResponseType": "STRING_MAP"},
        },
        then=then,
        errors={_NO_MATCHING_ERROR: on_error},
    )


def _module(*actions: Action) -> dict[str, Any]:
    return {
        "Version": VERSION,
        "StartAction": actions[0].name,
        "Metadata": _layout(actions),
        "Actions": [action.to_json() for action in actions],
        "Settings": {
            "InputParameters": [],
            "OutputParameters": [],
            "Transitions": [
                {"DisplayName": name, "ReferenceName": name, "Description": ""} for name in ("Success", "Error")
            ],
        },
    }


def _layout(actions: Sequence[Action]) -> dict[str, Any]:
    """Draw the blocks from left to right, every other one lower."""
    return {
        "entryPointPosition": {"x": 20, "y": 20},
        "ActionMetadata": {
            action.name: {"position": {"x": 180 + _COLUMN * number, "y": 20 + _ROW * (number % 2)}}
            for number, action in enumerate(actions)
        },
    }
