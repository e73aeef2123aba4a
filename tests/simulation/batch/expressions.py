"""JSONata as Step Functions evaluates it, by a kept implementation, each expression parsed once.

Source: AWS Step Functions Developer Guide, "Transforming data with JSONata in Step Functions".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from unittest.mock import patch

from jsonata.jexception import JException
from jsonata.jsonata import Jsonata
from jsonata.timebox import Timebox
from jsonata.utils import Utils


class QueryFailed(Exception):
    """An expression cannot be evaluated, or has no value: `States.QueryEvaluationError`."""


def evaluated(template: Any, variables: Mapping[str, Any], *, epoch: Callable[[], float]) -> Any:
    """Return a value of a definition with its expressions evaluated.

    Args:
        template: The value.
        variables: What the expressions may name, `states` among it.
        epoch: Returns the time in seconds since the epoch, for `$now` and `$millis`.

    Raises:
        QueryFailed: An expression fails or has no value.
    """
    if isinstance(template, dict):
        return {name: evaluated(value, variables, epoch=epoch) for name, value in template.items()}
    if isinstance(template, list):
        return [evaluated(value, variables, epoch=epoch) for value in template]
    if not (isinstance(template, str) and template.startswith("{%") and template.endswith("%}")):
        return template
    expression = _parsed(template[2:-2].strip())
    # Functions that tell the time ask the expression that was made last in this thread.
    Jsonata.CURRENT.jsonata = expression
    # The library has no other way to tell it the time.
    with patch.object(Timebox, "current_milli_time", lambda: round(epoch() * 1000)):
        try:
            value = expression.evaluate(None, variables)
        except JException as error:
            raise QueryFailed(f"{template}: {error}") from None
    if value is None:
        raise QueryFailed(f"{template} has no value")
    # Through JSON, because the evaluator's lists and numbers are of types of its own.
    return json.loads(json.dumps(Utils.convert_nulls(value)))


@cache
def _parsed(text: str) -> Jsonata:
    expression = Jsonata(text)
    expression.set_output_convert_nulls(False)
    # What is handed in went through JSON.
    expression.set_validate_input(False)
    return expression
