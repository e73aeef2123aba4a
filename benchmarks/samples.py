"""What engines of wordings learn from, and how far they are believed against the rules.

It reads the parts of the labelled corpus that engines are built with, never the one that is held out: what customers
say in single sentences, and in dialogues as far as their labels tell which words they are for; and the sentences that
stand beside the rules of the acts.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.agreement import CORPUS, Labelled, corpus
from callscribe.conversation.acts import Conversation
from callscribe.conversation.flags import DEFAULT_FLAG_SET, FlagSet, load_flag_set
from callscribe.conversation.utterances import Role
from callscribe.conversation.wording import LEAST_WORDS, Threshold, pieces_of
from callscribe.written_calls import transcript_of

Figures: TypeAlias = NDArray[np.floating[Any]]

_FRESH: Final = "fresh"
_BUILT_WITH: Final = ("development", "earlier", _FRESH)
_ADD: Final = tuple(step / 4 for step in range(16, 1, -1))
_VETO: Final = (None, *(-step / 4 for step in range(16, 1, -1)))


class Sample(NamedTuple):
    """Something that customers say.

    Attributes:
        text: the words.
        raised: for each flag 1 where it is meant, else 0.
        known: for each flag 1 where the label tells which.
        ruled: for each flag whether the rules alone raise it.
        against: for each flag whether the rules find its act with something that speaks against it.
        single: whether it is a sentence by itself.
        fresh: whether the rules have not been worked over with it.
        plain: whether it is a call of the corpus that is plainly worded.
    """

    text: str
    raised: tuple[int, ...]
    known: tuple[int, ...]
    ruled: tuple[bool, ...]
    against: tuple[bool, ...]
    single: bool
    fresh: bool
    plain: bool


class _Said(NamedTuple):
    role: Role
    text: str


def rules_alone() -> FlagSet:
    """The default flag set without the wording that it names."""
    shipped = load_flag_set(DEFAULT_FLAG_SET)
    return FlagSet(msgspec.structs.replace(shipped.file, wording=None), shipped.acts)


def samples() -> Iterator[Sample]:
    """What customers say in the parts of the corpus that engines are built with, and beside the rules."""
    rules = rules_alone()
    yield from _beside_rules(rules)
    for file in sorted(CORPUS.glob("*.jsonl")):
        if file.stem.startswith(_BUILT_WITH):
            for call in corpus([file]):
                yield from _samples_of(call, rules, fresh=file.stem.startswith(_FRESH))


def _beside_rules(rules: FlagSet) -> Iterator[Sample]:
    nothing = (False,) * len(rules.names)
    for index, flag in enumerate(rules.file.flags.values()):
        acts = (rules.acts.file.acts[act] for act in flag.acts)
        for rule in (rule for act in acts if act.by != "agent" for rule in act.rules.values()):
            for text, raised in (*((text, 1) for text in rule.finds), *((text, 0) for text in rule.leaves)):
                yield Sample(
                    text=text,
                    raised=tuple(raised * int(index == place) for place in range(len(nothing))),
                    known=tuple(int(index == place) for place in range(len(nothing))),
                    ruled=nothing,
                    against=nothing,
                    single=True,
                    fresh=False,
                    plain=False,
                )


def _samples_of(call: Labelled, rules: FlagSet, *, fresh: bool) -> Iterator[Sample]:
    if call.flags is None or call.channels == 1:
        return
    said = [
        piece.text
        for line in (call.lines or call.spoken()[1:2])
        if line.role == "customer"
        for piece in pieces_of(line.text)
        if len(piece.text.split()) >= LEAST_WORDS
    ]
    # Of several, a label does not tell which of them it is for; one that is not there is there for none of them.
    alone = len(said) == 1
    raised = tuple(int(flag in call.flags) for flag in rules.names)
    found = {flag.name for flag in transcript_of(call, flag_set=rules).summary.flags if flag.raised}
    for text in said:
        heard = Conversation([_Said(Role.CUSTOMER, text)], rules.acts)
        yield Sample(
            text=text,
            raised=raised if alone else (0,) * len(raised),
            known=tuple(int(alone or not flag) for flag in raised),
            ruled=tuple(alone and flag in found for flag in rules.names),
            against=tuple(
                any(not one.stands for act in flag.acts for one in heard.find(act))
                for flag in rules.file.flags.values()
            ),
            single=call.text is not None,
            fresh=fresh,
            plain=call.kind == "plain",
        )


def compared_with(heard: Sequence[Sample]) -> NDArray[np.bool_]:
    """Which of some samples thresholds are chosen with.

    Single sentences that the rules have not been worked over with, most of which are hard; and all plain ones, others
    of which rules know nearly as well (docs/judgement.md, held out).
    """
    return np.array([sample.single and (sample.fresh or sample.plain) for sample in heard])


def column(heard: Sequence[Sample], name: str) -> NDArray[np.bool_]:
    """One attribute of samples that has a value for each flag."""
    return np.array([getattr(sample, name) for sample in heard], bool)


def chosen(flags: Sequence[str], heard: Sequence[Sample], scores: Figures) -> Mapping[str, Threshold]:
    """For each flag the threshold with which rules and engine do best, in what is hard and in what is plain alike.

    Precision counts twice as much as recall. Of thresholds that are as good it is the one that speaks against the rules
    least, and then the one that adds least.

    Args:
        flags: names of the flags, in order.
        heard: what `compared_with` tells, none of which the engine has learnt from.
        scores: what the engine says of it.
    """
    meant, plain = column(heard, "raised"), np.array([sample.plain for sample in heard])
    halves = [half for half in (plain, ~plain) if half.any()]

    def goodness(threshold: Threshold, index: int) -> float:
        found = together(heard, scores, {flags[index]: threshold}, [flags[index]], index)[:, 0]
        return sum(_half_f(found[half], meant[half, index]) for half in halves) / len(halves)

    possible = [Threshold(add=add, veto=veto) for veto in _VETO for add in _ADD]
    return {flag: max(possible, key=lambda threshold: goodness(threshold, index)) for index, flag in enumerate(flags)}


def together(
    heard: Sequence[Sample],
    scores: Figures,
    thresholds: Mapping[str, Threshold],
    flags: Sequence[str],
    first: int = 0,
) -> NDArray[np.bool_]:
    """Which flags rules and engine together raise, a column for each of *flags*, the first of which is at *first*."""
    ruled, against = column(heard, "ruled"), column(heard, "against")
    raised = []
    for index, flag in enumerate(flags, first):
        threshold = thresholds[flag]
        kept = ruled[:, index]
        if threshold.veto is not None:
            kept = kept & (scores[:, index] >= threshold.veto)
        raised.append(kept | (~against[:, index] & (scores[:, index] > threshold.add)))
    return np.array(raised).T


def _half_f(found: NDArray[np.bool_], meant: NDArray[np.bool_]) -> float:
    precision, recall = precision_and_recall(found, meant)
    return 1.25 * precision * recall / (0.25 * precision + recall) if precision and recall else 0.0


def precision_and_recall(found: NDArray[np.bool_], meant: NDArray[np.bool_]) -> tuple[float, float]:
    """Shares of what is raised that should be, and of what should be raised that is."""
    right = float((found & meant).sum())
    return right / max(float(found.sum()), 1.0), right / max(float(meant.sum()), 1.0)


def tell(flags: Sequence[str], heard: Sequence[Sample], scores: Figures, thresholds: Mapping[str, Threshold]) -> None:
    """Print precision and recall of rules, engine and both together."""
    meant = column(heard, "raised")
    engines = {
        "rules": column(heard, "ruled"),
        "engine from 0": scores > 0,
        "together": together(heard, scores, thresholds, flags),
    }
    for name, found in engines.items():
        shares = [precision_and_recall(found, meant)] + [
            precision_and_recall(found[:, index], meant[:, index]) for index in range(len(flags))
        ]
        told = ", ".join(f"{flag} {p:.2f}/{r:.2f}" for flag, (p, r) in zip(("all", *flags), shares, strict=True))
        print(f"{name}: {told}", flush=True)
