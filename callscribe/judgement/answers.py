"""What an agent does about a caller's matter: commits, arranges, instructs, informs, hands over, gets help at once."""

from collections.abc import Iterator
from typing import Final

from callscribe.judgement.heard import Call, Place
from callscribe.judgement.sentences import Sentence, said

_DEEDS: Final = ("arranged", "offers-time", "commits", "instructs", "informs")
_LEAST_WORDS: Final = 4


def answers(call: Call) -> Iterator[Place]:
    """Where the agent answers, the plainest kinds of answers first."""
    for name in _DEEDS:
        pattern = call.cues[name]
        for turn in call.agent:
            for sentence in call.sentences(turn):
                if sentence.question and name not in ("offers-time", "commits"):
                    continue
                for match in sentence.affirmed(pattern):
                    if not _hollow(sentence, match.start(), call):
                        yield Place(turn, sentence.place(match))
    yield from _replies(call)


def _hollow(sentence: Sentence, offset: int, call: Call) -> bool:
    """Whether a clause only sounds like an answer: "we'll see", "I can hear you"."""
    clause = sentence.clause_at(offset)
    return any(call.cues[name].search(clause) is not None for name in ("no-answer", "hears"))


def _replies(call: Call) -> Iterator[Place]:
    """What an agent states in reply to a question of the customer's, unless it is a refusal, a doubt or a courtesy."""
    for index in call.customer:
        asked = [sentence for sentence in call.sentences(index) if sentence.question]
        if not asked:
            continue
        open_question = said(asked[-1], call.cues["open-question"])
        for turn in call.agent_after(index, 1):
            for sentence in call.sentences(turn):
                agrees = not open_question and _agrees(sentence, asked[-1], call)
                if not sentence.question and (agrees or _states(sentence, call, open_question=open_question)):
                    yield Place(turn, sentence.whole)


def _agrees(sentence: Sentence, asked: Sentence, call: Call) -> bool:
    """Whether a plain "yes" answers, as it does where somebody asked for more than to be heard."""
    return said(sentence, call.cues["plain-yes"]) and not said(asked, call.cues["not-asked"])


def _states(sentence: Sentence, call: Call, *, open_question: bool) -> bool:
    cues = call.cues
    if said(sentence, cues["hears"]):
        return False
    if said(sentence, cues["yes-we-do"]):
        return True
    if any(said(sentence, cues[name]) for name in ("no-answer", "refuses-help", "holds", "kind")):
        return False
    if len(sentence.words) >= _LEAST_WORDS or said(sentence, cues["when-alone"]):
        return True
    return open_question and len(sentence.words) > 1 and not said(sentence, cues["no-matter"])


def escalations(call: Call) -> Iterator[Place]:
    """Where the agent gets help at once for somebody in danger."""
    cues = call.cues
    for turn in call.agent:
        for sentence in call.sentences(turn):
            for name in ("escalates-visit", "escalates-clinician", "escalates-emergency"):
                for match in sentence.affirmed(cues[name]):
                    clause = sentence.clause_at(match.start())
                    later = cues["escalation-later"].search(clause) is not None and name != "escalates-emergency"
                    if not later and not cues["only-if"].search(sentence.text[: match.start()]):
                        yield Place(turn, sentence.place(match))
