"""Amazon Bedrock as an analyst: one forced tool use by the Converse API, asked again within bounds.

Source: botocore's service model of `bedrock-runtime` (2023-09-30), operation `Converse`: `toolConfig` with
`toolChoice`, the stop reasons and the errors. The words of a call go to the endpoint of the function's own region and
nowhere else; Amazon Bedrock stores none of them (same place).
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from callscribe.analysis.analyst import AnalystFailed, Judged
from callscribe.analysis.answer import InvalidAnswer, read_answer
from callscribe.analysis.prices import Usage
from callscribe.analysis.question import TOOL, ask
from callscribe.contract.metrics import FunctionMetric
from lambdas.common.errors import error_code, error_name, is_transient
from lambdas.common.observability import logger, metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from callscribe.analysis.question import Question
    from callscribe.analysis.settings import AnalystSettings
    from callscribe.conversation.flags import FlagSet
    from callscribe.judgement.quality import Rubric
    from callscribe.transcript import Transcript
    from lambdas.common.aws import Converse

BEDROCK: Final = "bedrock"

# Beside those of every AWS service: the model is loading, busy or stumbled.
_PASSING: Final = frozenset(
    {"ModelNotReadyException", "ModelTimeoutException", "ModelErrorException", "ServiceUnavailableException"}
)
_REFUSALS: Final = frozenset({"content_filtered", "guardrail_intervened"})
_TRUNCATED: Final = frozenset({"max_tokens", "model_context_window_exceeded"})

_BASE_DELAY_SECONDS: Final = 1.0
MAX_DELAY_SECONDS: Final = 10.0
"""Longest pause between two requests about a call."""


class BedrockAnalyst:
    """Asks a model of Amazon Bedrock about calls.

    Args:
        client: Of Amazon Bedrock, without retries of its own and with a timeout.
        settings: How the model is asked.
        flag_set: What the flags mean; `None` takes the default set.
        sleep: Waits for some seconds.
        jitter: Returns a number from 0 to 1.
    """

    def __init__(
        self,
        *,
        client: Converse,
        settings: AnalystSettings,
        flag_set: FlagSet | None = None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._settings = settings
        self._flag_set = flag_set
        self._sleep = sleep
        self._jitter = jitter

    def judge(self, transcript: Transcript, rubric: Rubric) -> Judged:
        """Ask about a call, again where that may help, and check the answer.

        Raises:
            AnalystFailed: There is no answer that has the form asked for, within the bounds on requests and tokens.
        """
        question = ask(transcript, rubric, self._flag_set)
        usage, failure = Usage(), ""
        for attempt in range(self._settings.max_attempts):
            if attempt:
                bound = min(MAX_DELAY_SECONDS, _BASE_DELAY_SECONDS * 2.0**attempt)
                self._sleep(self._jitter() * bound)
            metrics.add_metric(name=FunctionMetric.ANALYST_REQUESTS, unit=MetricUnit.Count, value=1)
            try:
                response = self._client.converse(**self._request(question))
            except (ClientError, BotoCoreError) as error:
                usage += Usage(requests=1, unanswered=_may_be_billed(error))
                failure = f"Bedrock.{error_name(error)}"
                if not _passes(error):
                    raise AnalystFailed(failure, usage) from None
                logger.warning("the analyst is asked again", error_code=failure, attempt=attempt + 1)
                continue
            usage += _usage(response)
            try:
                value = _tool_input(response)
                opinion = read_answer(
                    value,
                    transcript=transcript,
                    rubric=rubric,
                    source=BEDROCK,
                    model=self._settings.model,
                    prompt=question.prompt,
                )
            except _NoUse as unusable:
                raise AnalystFailed(str(unusable), usage) from None
            except InvalidAnswer as invalid:
                failure = "Bedrock.InvalidAnswer"
                logger.warning("the analyst is asked again", error_code=failure, reason=str(invalid))
            else:
                return Judged(opinion=opinion, usage=usage)
        raise AnalystFailed(failure, usage)

    def _request(self, question: Question) -> dict[str, Any]:
        tool = {
            "name": TOOL,
            "description": "Records the analysis of the call.",
            "inputSchema": {"json": question.schema},
        }
        return {
            "modelId": self._settings.model,
            "system": [{"text": question.system}],
            "messages": [{"role": "user", "content": [{"text": question.content}]}],
            "inferenceConfig": {"maxTokens": self._settings.max_output_tokens},
            # The one tool, by a choice that the service model restricts to no models, as it does that of a named tool.
            "toolConfig": {"tools": [{"toolSpec": tool}], "toolChoice": {"any": {}}},
        }


class _NoUse(Exception):
    """The same question would get the same answer, which is none; the text is the failure's code."""


def _tool_input(response: Mapping[str, Any]) -> Any:
    """Return what the model has put into the tool; None where it has not used it."""
    reason = response.get("stopReason")
    if reason in _REFUSALS:
        raise _NoUse("Bedrock.Refused")
    if reason in _TRUNCATED:
        raise _NoUse("Bedrock.Truncated")
    content = response.get("output", {}).get("message", {}).get("content", [])
    uses = (block["toolUse"] for block in content if "toolUse" in block)
    return next((use["input"] for use in uses if use["name"] == TOOL), None)


def _usage(response: Mapping[str, Any]) -> Usage:
    told = response.get("usage")
    if not told:
        # botocore reads a body that is no JSON as an empty response.
        return Usage(requests=1, unanswered=1)
    return Usage(requests=1, input_tokens=told["inputTokens"], output_tokens=told["outputTokens"])


def _passes(error: Exception) -> bool:
    return is_transient(error) or (isinstance(error, ClientError) and error_code(error) in _PASSING)


def _may_be_billed(error: Exception) -> bool:
    """Whether the model may have worked on a request that failed: what was refused or never got there is free."""
    return not isinstance(error, ClientError | ConnectTimeoutError | EndpointConnectionError)
