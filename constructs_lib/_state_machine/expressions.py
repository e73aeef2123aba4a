"""What only an execution knows, as the states write it: expressions in JSONata."""

from __future__ import annotations

import re
from typing import Any, Final

from aws_cdk import aws_stepfunctions_tasks as tasks

from callscribe.contract.table_keys import ItemKey

INPUT: Final = "$states.context.Execution.Input"
EXECUTION: Final = "{% $states.context.Execution.Id %}"
LONGEST_CAUSE: Final = 1000  # characters

_LONGEST_ERROR: Final = 200  # characters
ERROR_NAME: Final = f"{{% $substring($states.errorOutput.Error, 0, {_LONGEST_ERROR}) %}}"
"""What a failure is called where it is told and not repeated by."""

_FILLED_IN: Final = re.compile("<<(.*?)>>")


def filled_in(expression: str) -> str:
    """Stand in for the value of a JSONata *expression* where the core puts a key together (:func:`key`)."""
    return f"<<{expression}>>"


def key(of: ItemKey) -> dict[str, tasks.DynamoAttributeValue]:
    """Return the primary key of an item, whose parts that only an execution knows are filled in by it."""
    return {name: tasks.DynamoAttributeValue.from_string(joined(value)) for name, value in of.primary().items()}


def joined(text: str) -> str:
    """Return *text* as an expression, if parts of it are filled in."""
    texts_and_expressions = _FILLED_IN.split(text)
    if len(texts_and_expressions) == 1:
        return text
    parts = [part if place % 2 else f"'{part}'" for place, part in enumerate(texts_and_expressions) if part]
    return f"{{% {' & '.join(parts)} %}}"


def text(value: str) -> str:
    """Return the expression for a text, which is empty where *value* is none."""
    return f"{{% $exists({value}) ? {value} : '' %}}"


def failure(step: str) -> dict[str, Any]:
    """Return what is noted of the failure of a *step*."""
    cause = "$states.errorOutput.Cause"
    return {
        "error": "{% $states.errorOutput.Error %}",
        "cause": f"{{% $exists({cause}) ? $substring({cause}, 0, {LONGEST_CAUSE}) : '' %}}",
        "step": step,
    }
