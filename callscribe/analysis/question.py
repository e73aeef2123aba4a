"""What an analyst that reads is asked: instructions, the call as data, and the form of the answer."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from callscribe.analysis.opinion import Urgency, Verdict
from callscribe.conversation.flags import FlagSet, load_flag_set
from callscribe.data_files import load
from callscribe.judgement.quality import Rubric
from callscribe.serialization import encode
from callscribe.transcript import Transcript

PROMPT: Final = "analyst-v1"
TOOL: Final = "record_analysis"
MOST_STATEMENTS: Final = 6
MOST_CITATIONS: Final = 5
MAX_TEXT: Final = 400
"""Characters of a sentence or reason."""

_CHARACTERS_PER_TOKEN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt as its file has it.

    Attributes:
        name: name of the prompt.
        version: counted up with every change.
        instructions: what the analyst is told, in paragraphs.
    """

    name: str
    version: int
    instructions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What an analyst is asked about one call.

    Attributes:
        prompt: name and version of the prompt.
        system: the instructions.
        content: the call and the questions about it, as JSON between two tags. What was said cannot end them, for no
            "<" of it is left.
        schema: JSON schema of the answer.
    """

    prompt: str
    system: str
    content: str
    schema: Mapping[str, Any]

    @property
    def estimated_tokens(self) -> int:
        """How many tokens it has, rather too many than too few: English has about four characters to a token."""
        characters = len(self.system) + len(self.content) + len(json.dumps(self.schema))
        return -(-characters // _CHARACTERS_PER_TOKEN)

    def fingerprint(self, model: str) -> str:
        """Identity of the question to a model: everything that the answer depends on, in hexadecimal digits."""
        parts = (model, self.prompt, self.system, self.content, json.dumps(self.schema, sort_keys=True))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@cache
def load_prompt(name: str = PROMPT) -> Prompt:
    """Read `prompts/{name}.json`."""
    return load(Prompt, "prompts", name)


def ask(transcript: Transcript, rubric: Rubric, flag_set: FlagSet | None = None) -> Question:
    """Write the question about a call; the same call, rubric and flag set give the same question.

    Args:
        transcript: the call, with the flags that the rules looked for.
        rubric: its criteria are asked about.
        flag_set: what the flags mean; one that it does not have goes by its name. None takes the default set.
    """
    flag_set = flag_set or load_flag_set()
    prompt = load_prompt()
    flags = [flag.name for flag in transcript.summary.flags]
    data = {
        "call": {"language": transcript.language, "seconds": round(transcript.duration_seconds)},
        "turns": [
            {
                "turn": number,
                "speaker": turn.role,
                "from": round(turn.start, 1),
                "to": round(turn.end, 1),
                "text": turn.text,
            }
            for number, turn in enumerate(transcript.turns_spoken())
        ],
        "flags": [{"name": name, "definition": flag_set.definition(name)} for name in flags],
        "criteria": [{"id": criterion.id, "title": criterion.title} for criterion in rubric.criteria],
    }
    # Outside of texts JSON has no "<", and within them an escape means the same.
    text = json.dumps(encode(data), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return Question(
        prompt=f"{prompt.name}-v{prompt.version}",
        system="\n\n".join(prompt.instructions),
        content=f"<data>{text}</data>",
        schema=_schema(flags, [criterion.id for criterion in rubric.criteria]),
    )


def _schema(flags: list[str], criteria: list[str]) -> dict[str, Any]:
    citation = _object(turn={"type": "integer", "minimum": 0}, quote={"type": "string"})
    citations = {"type": "array", "items": citation, "maxItems": MOST_CITATIONS}
    text = {"type": "string", "maxLength": MAX_TEXT}
    return _object(
        summary={
            "type": "array",
            "maxItems": MOST_STATEMENTS,
            "items": _object(text=text, citations=citations),
        },
        urgency=_object(level={"type": "string", "enum": [*Urgency]}, citations=citations),
        flags={
            "type": "array",
            "items": _object(name={"type": "string", "enum": flags}, raised={"type": "boolean"}, citations=citations),
        },
        criteria={
            "type": "array",
            "items": _object(
                id={"type": "string", "enum": criteria},
                verdict={"type": "string", "enum": [*Verdict]},
                reason=text,
                citations=citations,
            ),
        },
    )


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}
