from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from callscribe.conversation.flags import alerts_of, load_flag_set
from callscribe.conversation.utterances import Role
from callscribe.live.alerts import LINES, AlertWatch
from callscribe.live.call import LiveUtterance

FLASHES = "I am seeing flashes in my left eye."
CALM = ("Hi, good morning.", "One moment please, I will look for it.", "Yes, I am.", "No, not at all.")


def said(role: Role, text: str, start: float) -> LiveUtterance:
    words = len(text.split())
    return LiveUtterance(
        seq=1,
        channel=0 if role is Role.CUSTOMER else 1,
        role=role,
        text=text,
        start=start,
        end=start + words / 3,
        confidence=0.9,
        word_count=words,
        speech_final=True,
    )


def raised_by(listening: AlertWatch, *finals: LiveUtterance) -> tuple[str, ...]:
    alerts = listening.heard(finals)
    listening.told(alert.flag for alert in alerts)
    return tuple(alert.flag for alert in alerts)


def watch(*told: str) -> AlertWatch:
    return AlertWatch(load_flag_set(), told=told)


def test_a_sign_that_cannot_wait_is_raised_once() -> None:
    listening = watch()
    assert raised_by(listening, said(Role.CUSTOMER, "Hi, good morning.", 0.0)) == ()
    assert raised_by(listening, said(Role.CUSTOMER, FLASHES, 5.0)) == ("urgent",)
    assert raised_by(listening, said(Role.CUSTOMER, "They are bright flashes, really.", 9.0)) == ()


def test_a_sign_that_comes_in_two_results_is_heard_as_one() -> None:
    listening = watch()
    assert raised_by(listening, said(Role.CUSTOMER, "My husband has been seeing", 0.0)) == ()
    assert raised_by(listening, said(Role.CUSTOMER, "flashing lights since last night.", 2.0)) == ("urgent",)


def test_a_question_of_the_agents_counts_with_its_answer() -> None:
    listening = watch()
    assert raised_by(listening, said(Role.AGENT, "Are you seeing any flashes or floaters?", 0.0)) == ()
    assert raised_by(listening, said(Role.CUSTOMER, "Yes, I am.", 4.0)) == ("urgent",)


def test_nobody_is_told_twice_after_another_streamer_has_taken_over() -> None:
    assert raised_by(watch("urgent"), said(Role.CUSTOMER, FLASHES, 0.0)) == ()


def test_what_an_agent_tells_of_signs_raises_nothing() -> None:
    assert raised_by(watch(), said(Role.AGENT, "Call us at once if you are seeing flashes.", 0.0)) == ()


def small_talk(lines: int, *, first: float) -> list[LiveUtterance]:
    return [said((Role.AGENT, Role.CUSTOMER)[line % 2], CALM[line % 2], first + 9.0 * line) for line in range(lines)]


def test_what_is_raised_is_held_until_somebody_is_told_however_much_is_said_meanwhile() -> None:
    listening = watch()
    (alert,) = listening.heard([said(Role.CUSTOMER, FLASHES, 0.0)])
    for final in small_talk(5 * LINES, first=10.0):
        assert listening.heard([final]) == (alert,)
    assert listening.heard([]) == (alert,)
    listening.told(["urgent"])
    assert listening.heard(small_talk(1, first=900.0)) == ()


def test_what_is_raised_at_the_beginning_of_many_results_is_heard() -> None:
    assert raised_by(watch(), said(Role.CUSTOMER, FLASHES, 0.0), *small_talk(5 * LINES, first=10.0)) == ("urgent",)


@dataclass(frozen=True)
class Line:
    role: Role
    text: str


@given(
    st.lists(
        st.sampled_from((*CALM, FLASHES, "Are you seeing any flashes or floaters?", "Have you got your card there?")),
        max_size=3 * LINES,
    )
)
def test_at_each_point_a_running_call_raises_what_all_its_lines_raise(texts: list[str]) -> None:
    lines = [Line((Role.AGENT, Role.CUSTOMER)[index % 2], text) for index, text in enumerate(texts)]
    listening, flag_set = watch(), load_flag_set()
    for index, line in enumerate(lines):
        held = listening.heard([said(line.role, line.text, 9.0 * index)])
        assert [alert.flag for alert in held] == list(alerts_of(lines[: index + 1], flag_set))
