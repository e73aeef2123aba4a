"""Whether what is concluded from a call that runs can be relied on, as far as it is known.

What is said is judged by the rules of a finished call (`callscribe.conversation.reliability`), over the latest results:
how long a call lasts then costs nothing. Nothing is held against it that only its end can show: that nobody else
spoke, or that it is not proven to be whole.
"""

from collections import deque
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from callscribe.contract.call_kind import CallKind
from callscribe.conversation.echo import same_words_on_both_channels
from callscribe.conversation.reliability import Circumstances, Reason, Reliability, ReliabilityLevel, reliability_of
from callscribe.conversation.roles import assign_roles, signs_in
from callscribe.conversation.turns import speakers_heard, turns_heard, with_role
from callscribe.conversation.utterances import mean_confidence
from callscribe.live.call import CHANNEL_ROLES, LiveUtterance
from callscribe.live_transcript import heard_of

LATEST_RESULTS: Final = 40
"""Results that are judged: two to three minutes of talk."""

STALE_SECONDS: Final = 30.0
"""How far a call goes on before it is judged again."""

# What stays true of a call when the words that showed it are none of the latest any more.
_LASTING: Final = frozenset(
    {
        Reason.SEVERAL_LANGUAGES,
        Reason.SWAPPED_ROLES,
        Reason.SAME_WORDS,
        Reason.SEVERAL_VOICES,
        Reason.INTERPRETER,
        Reason.GAPS,
    }
)


class RunningReliability:
    """Judges one call from its final results.

    Args:
        known: what an earlier streamer knew of the call.
        language: the language that was asked for, as a BCP 47 tag; "" where that is not known.
    """

    def __init__(self, *, known: Reliability | None = None, language: str = "") -> None:
        self._known = known
        self._language = language
        reasons = frozenset(() if known is None else known.reasons)
        self._lasting = reasons & _LASTING
        self._gaps = Reason.GAPS in reasons
        self._said: deque[LiveUtterance] = deque(maxlen=LATEST_RESULTS)
        self._unjudged = True
        self._judged_until = 0.0
        # Most turns are those of the judgement before. What is remembered of them goes with the call.
        self._signs = lru_cache(LATEST_RESULTS)(signs_in)

    def heard(self, finals: Iterable[LiveUtterance], *, gaps: bool = False) -> Reliability:
        """Take final results, and say how reliable the call is so far: by all of them, or by those of seconds ago.

        Args:
            finals: the results, in the order of their numbers.
            gaps: whether something of the call is known not to be transcribed.
        """
        news = tuple(finals)
        self._said.extend(news)
        self._unjudged |= bool(news) or gaps > self._gaps
        young = self._known is None or Reason.SHORT in self._known.reasons
        stale = gaps > self._gaps or self._reached - self._judged_until >= STALE_SECONDS
        self._gaps |= gaps
        return self.now() if self._known is None or young or stale else self._known

    def now(self) -> Reliability:
        """Say how reliable the call is so far, by all that was heard."""
        if self._known is None or self._unjudged:
            self._known = self._judge(running=True, incomplete=self._gaps)
            self._unjudged, self._judged_until = False, self._reached
        return self._known

    def over(self, *, incomplete: bool) -> Reliability:
        """Say how reliable the call is, now that it is over.

        Args:
            incomplete: whether it is not proven that all of it was heard.
        """
        return self._judge(running=False, incomplete=incomplete or self._gaps)

    @property
    def _reached(self) -> float:
        return max((one.end for one in self._said), default=0.0)

    def _judge(self, *, running: bool, incomplete: bool) -> Reliability:
        recognition = heard_of(self._said)
        turns = turns_heard(recognition.utterances, speakers_heard(recognition))
        roles = assign_roles(
            turns, separate_channels=True, channel_roles=dict(enumerate(CHANNEL_ROLES)), automated=False
        )
        by_speaker = {assigned.speaker: assigned for assigned in roles.speakers}
        turns = [
            with_role(turn, by_speaker[turn.speaker].role, by_speaker[turn.speaker].confidence, sentiment=None)
            for turn in turns
        ]
        judged = reliability_of(
            turns,
            Circumstances(
                kind=CallKind.AGENT,
                roles=roles,
                confidence=mean_confidence((one.confidence, one.word_count) for one in self._said),
                language=self._language,
                languages=recognition.languages or None,
                incomplete=incomplete,
                echoes=same_words_on_both_channels(turns),
                running=running,
            ),
            signs=self._signs,
        )
        # Results are numbered from 1: as long as the first one is among the latest, nothing else was said.
        if not self._said or self._said[0].seq == 1:
            self._lasting = _LASTING.intersection(judged.reasons)
            return judged
        self._lasting |= _LASTING.intersection(judged.reasons)
        reasons = (*judged.reasons, *(reason for reason in Reason if reason in self._lasting - {*judged.reasons}))
        doubtful = bool(reasons) and judged.level is ReliabilityLevel.HIGH
        return Reliability(level=ReliabilityLevel.DOUBTFUL if doubtful else judged.level, reasons=reasons)
