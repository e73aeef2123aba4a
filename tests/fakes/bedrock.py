"""A stand-in for Amazon Bedrock's Converse API: scripted answers and faults over HTTP, for the real boto3 client.

It is no model and does not pretend to be one: an answer is what a test wrote, or a script that cites by rule.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from callscribe.analysis.question import TOOL
from tests.fakes.scripted_api import Answer, Request, ScriptedApi

INPUT_TOKENS, OUTPUT_TOKENS = 2_000, 500
"""What every answer is said to have taken."""

SAYING = "The caller asked for something."
"""What the usual script writes for a summary."""


def asked_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the parameters of a request ask about: turns, flags and criteria."""
    (block,) = body["messages"][0]["content"]
    data: dict[str, Any] = json.loads(block["text"].removeprefix("<data>").removesuffix("</data>"))
    return data


def call_in(request: Request) -> dict[str, Any]:
    """Return what a request asks about."""
    return asked_of(request.body)


def model_of(request: Request) -> str:
    """Return the model that a request names."""
    return unquote(request.path.split("/")[2])


def cited(turn: dict[str, Any]) -> dict[str, Any]:
    """Cite a turn whole."""
    return {"turn": turn["turn"], "quote": turn["text"]}


def script(data: dict[str, Any]) -> dict[str, Any]:
    """Write a valid answer: every flag not raised, every criterion met, by the first turn of the right speaker."""
    turns = data["turns"]
    agent = next((turn for turn in turns if turn["speaker"] == "agent"), turns[0])
    return {
        "summary": [{"text": SAYING, "citations": [cited(turns[-1])]}],
        "urgency": {"level": "routine", "citations": []},
        "flags": [{"name": flag["name"], "raised": False, "citations": []} for flag in data["flags"]],
        "criteria": [
            {"id": one["id"], "verdict": "met", "reason": "It was said.", "citations": [cited(agent)]}
            for one in data["criteria"]
        ],
    }


def answering(write: Callable[[dict[str, Any]], Any] = script, *, stop: str = "tool_use") -> Answer:
    """Return an answer by the tool, made of what is asked."""

    def body(request: Request) -> dict[str, Any]:
        use = {"toolUse": {"toolUseId": "use-1", "name": TOOL, "input": write(call_in(request))}}
        return response([use], stop=stop)

    return Answer(body=body)


def saying(text: str, *, stop: str = "end_turn") -> Answer:
    """Return an answer in words instead of by the tool."""
    return Answer(body=response([{"text": text}], stop=stop))


def response(content: list[dict[str, Any]], *, stop: str) -> dict[str, Any]:
    """Write a response of the Converse API (botocore, service model of `bedrock-runtime`, "ConverseResponse")."""
    tokens = {"inputTokens": INPUT_TOKENS, "outputTokens": OUTPUT_TOKENS, "totalTokens": INPUT_TOKENS + OUTPUT_TOKENS}
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop,
        "usage": tokens,
        "metrics": {"latencyMs": 1},
    }


def fault(status: int, code: str) -> Answer:
    """Return an error of AWS's, in the form of its REST services with JSON."""
    return Answer(status=status, body={"message": "a fault of the test"}, headers={"x-amzn-ErrorType": code})


THROTTLED = fault(429, "ThrottlingException")
DENIED = fault(403, "AccessDeniedException")
NO_JSON = Answer(body=b'{"output": {"message":')
REFUSED = saying("I cannot help with that.", stop="content_filtered")
TRUNCATED = answering(stop="max_tokens")
INVENTED = answering(
    lambda data: {
        **script(data),
        "summary": [{"text": "They spoke of the moon.", "citations": [{"turn": 0, "quote": "the moon is made of"}]}],
    }
)
"""A valid answer but for one sentence, whose quote nobody said."""


class FakeBedrock(ScriptedApi):
    """The server, on a port of its own on loopback."""

    def usual_answer(self) -> Answer:
        """Return a valid answer."""
        return answering()
