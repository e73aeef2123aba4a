from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.conversation.reliability import Reason, Reliability, ReliabilityLevel
from callscribe.live.call import CHANNEL_ROLES, LiveUtterance
from callscribe.live_reliability import LATEST_RESULTS, RunningReliability

CUSTOMER, AGENT = 0, 1
SHORT = Reliability(level=ReliabilityLevel.DOUBTFUL, reasons=(Reason.SHORT,))
HIGH = Reliability(level=ReliabilityLevel.HIGH)
TALK = (
    (AGENT, "Eye clinic, this is Sam speaking, how can I help you?"),
    (CUSTOMER, "Hello, I would like to make an appointment with the doctor, please."),
    (AGENT, "Of course. We have an opening on Tuesday at ten in the morning."),
    (CUSTOMER, "Tuesday is fine with me, thank you very much for that."),
)
GERMAN = (
    "Guten Tag, ich habe seit gestern große Schmerzen am rechten Auge und sehe kaum noch etwas. "
    "Können Sie mir bitte noch heute einen Termin geben? Vielen Dank, das ist sehr freundlich von Ihnen."
)


def said(lines: Sequence[tuple[int, str]], *, confidence: float = 0.9, first: int = 1) -> list[LiveUtterance]:
    def results() -> Iterator[LiveUtterance]:
        start = first * 5.0
        for seq, (channel, text) in enumerate(lines, first):
            words = len(text.split())
            yield LiveUtterance(
                seq=seq,
                channel=channel,
                role=CHANNEL_ROLES[channel],
                text=text,
                start=start,
                end=start + words / 3,
                confidence=confidence,
                word_count=words,
                speech_final=True,
            )
            start += words / 3 + 0.5

    return list(results())


def test_a_call_of_a_few_words_is_doubtful_so_far() -> None:
    assert RunningReliability().heard(said(TALK[:1])) == SHORT


def test_before_anybody_has_said_a_word_nothing_is_sure() -> None:
    assert RunningReliability().now() == SHORT
    menu = "Your call may be recorded for quality purposes. Please listen to the following options."
    assert RunningReliability().heard(said([(AGENT, menu)])) == SHORT


def test_nobody_who_may_still_speak_is_missed_until_the_call_is_over() -> None:
    monologue = said([(CUSTOMER, f"{TALK[1][1]} {TALK[3][1]} {TALK[1][1]}")])
    reliability = RunningReliability()
    assert reliability.heard(monologue) == HIGH
    over = reliability.over(incomplete=False)
    assert (over.level, over.reasons[0]) == (ReliabilityLevel.UNUSABLE, Reason.NOBODY_ELSE_SPOKE)


def test_a_conversation_becomes_sure() -> None:
    reliability = RunningReliability()
    levels = [reliability.heard([final]).level for final in said(TALK)]
    assert (levels[0], levels[-1]) == (ReliabilityLevel.DOUBTFUL, ReliabilityLevel.HIGH)
    assert reliability.over(incomplete=False) == HIGH


@pytest.mark.parametrize(
    ("finals", "reason"),
    [
        (said(TALK, confidence=0.3), Reason.LOW_CONFIDENCE),
        (said([(CUSTOMER, GERMAN), (AGENT, GERMAN)]), Reason.OTHER_LANGUAGE),
        (said([*TALK, (AGENT, "No, you have the wrong number. Bye.")]), Reason.WRONG_NUMBER),
    ],
)
def test_nothing_is_concluded_from_a_call_while_it_shows_why(finals: list[LiveUtterance], reason: Reason) -> None:
    reliability = RunningReliability()
    reliability.heard(finals)
    found = reliability.now()
    assert (found.level, found.reasons[0]) == (ReliabilityLevel.UNUSABLE, reason)


def test_the_language_that_was_asked_for_is_one() -> None:
    found = RunningReliability(language="es").heard(said(TALK))
    assert (found.level, found.reasons) == (ReliabilityLevel.UNUSABLE, (Reason.OTHER_LANGUAGE,))


def test_a_gap_that_is_found_makes_the_call_doubtful_at_once_and_for_good() -> None:
    reliability = RunningReliability()
    assert reliability.heard(said(TALK)) == HIGH
    gap = Reliability(level=ReliabilityLevel.DOUBTFUL, reasons=(Reason.GAPS,))
    assert reliability.heard([], gaps=True) == gap
    assert reliability.heard(said(TALK, first=5)) == gap


def test_an_end_that_is_not_proven_is_doubted_when_the_call_is_over() -> None:
    reliability = RunningReliability()
    reliability.heard(said(TALK))
    assert reliability.over(incomplete=True).reasons == (Reason.GAPS,)


def test_a_call_without_a_word_is_unusable_when_it_is_over() -> None:
    assert RunningReliability().over(incomplete=False).reasons == (Reason.NO_SPEECH,)


def test_what_was_true_of_the_call_stays_so_when_its_words_are_long_ago() -> None:
    reliability = RunningReliability()
    interpreter = (AGENT, "I have the interpreter on the line, so please go ahead.")
    reliability.heard(said([interpreter, *TALK]))
    for first in range(6, 6 + 2 * LATEST_RESULTS, len(TALK)):
        reliability.heard(said(TALK, first=first))
    assert reliability.now() == Reliability(level=ReliabilityLevel.DOUBTFUL, reasons=(Reason.INTERPRETER,))


def test_what_an_earlier_streamer_knew_stays_so() -> None:
    known = Reliability(level=ReliabilityLevel.DOUBTFUL, reasons=(Reason.LOW_CONFIDENCE, Reason.SEVERAL_VOICES))
    taken_over = RunningReliability(known=known)
    taken_over.heard(said(TALK, first=500))
    # How well the words are heard is a matter of the latest ones.
    assert taken_over.now() == Reliability(level=ReliabilityLevel.DOUBTFUL, reasons=(Reason.SEVERAL_VOICES,))


def test_a_long_call_is_judged_by_its_latest_words_only(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[int] = []
    judge = RunningReliability._judge

    def counted(self: RunningReliability, *, running: bool, incomplete: bool) -> Reliability:
        judged.append(len(self._said))
        return judge(self, running=running, incomplete=incomplete)

    monkeypatch.setattr(RunningReliability, "_judge", counted)
    reliability = RunningReliability()
    finals = said(TALK * 100)
    for final in finals:
        reliability.heard([final])
    assert max(judged) == LATEST_RESULTS
    assert len(judged) < len(finals) / 3


@given(
    st.lists(
        st.tuples(
            st.sampled_from((CUSTOMER, AGENT)),
            st.sampled_from(
                (
                    *(text for _, text in TALK),
                    *GERMAN.split(". "),
                    "Yes.",
                    "No, you have the wrong number. Bye.",
                    "I have the interpreter on the line, so please go ahead.",
                    "At the tone, please record your message.",
                )
            ),
        ),
        max_size=LATEST_RESULTS,
    ),
    st.sampled_from((0.3, 0.6, 0.9)),
)
def test_at_each_point_a_call_is_judged_as_if_all_of_it_were_heard_at_once(
    lines: list[tuple[int, str]], confidence: float
) -> None:
    finals = said(lines, confidence=confidence)
    running = RunningReliability()
    for heard in range(1, len(finals) + 1):
        running.heard([finals[heard - 1]])
        at_once = RunningReliability()
        at_once.heard(finals[:heard])
        assert running.now() == at_once.now()
        assert running.over(incomplete=False) == at_once.over(incomplete=False)
