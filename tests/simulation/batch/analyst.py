"""Amazon Bedrock in this process: it answers the analyst's one operation, and counts what it bills.

Source: botocore's service model of `bedrock-runtime` (2023-09-30), operation `Converse`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from callscribe.analysis.question import TOOL
from tests.fakes.bedrock import asked_of, response, script
from tests.simulation.batch.faults import Outage
from tests.simulation.batch.scheduler import Scheduler, Task

MODEL: Final = "amazon.nova-lite-v1:0"
USELESS: Final = ("refusing", "truncated", "invalid", "wordy", "nothing")
"""Answers that are billed and hold no opinion, as `Outage.kind`: declined, cut off, of another form, in words instead
of by the tool, and a body that botocore reads as an empty response."""


@dataclass
class Question:
    """One request that was heard, and is billed.

    Attributes:
        document: Key of the document that it is about.
        by: The process that asked.
        at: When, in seconds since the begin.
        until: When it was answered.
        input_tokens: What it took, as the answer tells.
        output_tokens: What the answer took, as it tells.
        reached: Whether the answer reached who asked.
    """

    document: str
    by: Task
    at: float
    until: float = float("inf")
    input_tokens: int = 0
    output_tokens: int = 0
    reached: bool = False


class Model:
    """The language model.

    Args:
        scheduler: The time.
        outages: When its answers are of no use.
        chance: Draws how long an answer takes, and what it takes.
        before: Called with each request before it is answered.

    Attributes:
        asked: The requests that were heard.
        documents: What each process of the function has read, by the key of the document.
    """

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        outages: tuple[Outage, ...],
        chance: random.Random,
        before: Callable[[Question], None],
    ) -> None:
        self._scheduler = scheduler
        self._outages = outages
        self._chance = chance
        self._before = before
        self.asked: list[Question] = []
        self.documents: dict[Task, str] = {}
        self.hits: Counter[str] = Counter()

    def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request."""
        if operation != "Converse":
            raise NotImplementedError(operation)
        task = self._scheduler.running
        asked = Question(document=self.documents[task], by=task, at=self._scheduler.now)
        self._before(asked)
        self.asked.append(asked)
        fate = self._fate()
        self._scheduler.sleep(self._chance.uniform(1.0, 20.0))
        asked.until = self._scheduler.now
        if fate == "nothing":
            return {}
        # Of no two answers the same, so that one which is counted twice shows.
        asked.input_tokens, asked.output_tokens = (self._chance.randint(100, 9_999) for _ in range(2))
        content, stop = self._opinion(fate, request)
        total = asked.input_tokens + asked.output_tokens
        usage = {"inputTokens": asked.input_tokens, "outputTokens": asked.output_tokens, "totalTokens": total}
        return {**response(content, stop=stop), "usage": usage}

    def note_reached(self, task: Task) -> None:
        """Note that the answer to what a process asked last has reached it."""
        next(question for question in reversed(self.asked) if question.by is task).reached = True

    def _fate(self) -> str:
        for outage in self._outages:
            if outage.begin <= self._scheduler.now < outage.end and self._chance.random() < outage.share:
                self.hits[f"analyst {outage.kind}"] += 1
                return outage.kind
        return ""

    @staticmethod
    def _opinion(fate: str, request: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
        """Return the content of an answer, and why it ended."""
        written: Any = {"summary": 3} if fate == "invalid" else script(asked_of(request))
        use = {"toolUse": {"toolUseId": "use-1", "name": TOOL, "input": written}}
        match fate:
            case "refusing":
                return [{"text": "I cannot help with that."}], "content_filtered"
            case "truncated":
                return [use], "max_tokens"
            case "wordy":
                return [{"text": "They spoke about an appointment."}], "end_turn"
            case _:
                return [use], "tool_use"
