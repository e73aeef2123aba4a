"""How a call begins: who called whom, and what the agent says before the matter is taken up."""

from collections.abc import Iterator, Sequence

from callscribe.conversation.utterances import Role
from callscribe.judgement.cues import named
from callscribe.judgement.heard import Call, Place
from callscribe.judgement.identity import is_name

_MOST_OPENING_TURNS = 4
_DIRECTION_TURNS = 4
_MATTER_WORDS = 3
_MOST_NAMES = 2


def outgoing(call: Call) -> bool | None:
    """Whether the clinic called, by what is said at the beginning; None where nothing tells."""
    first = call.agent[:_DIRECTION_TURNS]
    if any(call.find(first, call.cues["incoming"])):
        return False
    if any(call.find(first, call.cues["outgoing"])):
        return True
    if any(call.find(call.customer[:_DIRECTION_TURNS], call.cues["customer-calls"])):
        return False
    return None


def openings(call: Call) -> Iterator[Sequence[int]]:
    """The agent's turns in which a greeting has its place: at the beginning, and after each handover.

    The beginning ends where the matter is on the table. Whoever speaks first after a handover has one turn.
    """
    yield _beginning(call)
    handed_over = False
    for index in call.agent:
        if handed_over:
            yield [index]
        handed_over = any(call.find([index], call.cues["takes-over"]))


def _beginning(call: Call) -> list[int]:
    found: list[int] = []
    matter = False
    for index, turn in enumerate(call.turns):
        if turn.role is Role.AGENT:
            if found and (matter or len(found) == _MOST_OPENING_TURNS):
                break
            found.append(index)
        elif turn.role is not Role.ANNOUNCEMENT:
            matter = matter or _is_matter(call, index)
    return found


def _is_matter(call: Call, turn: int) -> bool:
    said = [sentence for sentence in call.sentences(turn) if call.cues["no-matter"].search(sentence.text) is None]
    return sum(len(sentence.words) for sentence in said) >= _MATTER_WORDS


def agent_names(call: Call, turns: Sequence[int]) -> Iterator[Place]:
    """Where the agent says a name that can be the agent's own: "this is Sam", "Sam speaking", "Eye clinic, Sam"."""
    for turn in turns:
        words = call.turns[turn].text.split()
        for sentence in call.sentences(turn):
            for match in call.cues["agent-name"].finditer(sentence.text):
                group = named(match)
                if group is not None and is_name(sentence.written(match, group), call.cues):
                    yield Place(turn, sentence.place(match))
            if call.cues["business-name"].search(sentence.text) is None:
                continue
            for part in sentence.parts():
                written = words[part.first : part.last + 1]
                if _names_only(written, call):
                    yield Place(turn, part)


def _names_only(written: Sequence[str], call: Call) -> bool:
    """Whether words are somebody's name and nothing else, and not that of a department."""
    return len(written) <= _MOST_NAMES and all(
        word[:1].isupper()
        and is_name([word], call.cues)
        and call.cues["business-name"].fullmatch(word.strip(".,").casefold()) is None
        for word in written
    )
