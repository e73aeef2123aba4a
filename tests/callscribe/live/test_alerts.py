from callscribe.conversation.flags import load_flag_set
from callscribe.conversation.utterances import Role
from callscribe.live.alerts import AlertWatch
from callscribe.live.call import LiveUtterance


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
    assert raised_by(listening, said(Role.CUSTOMER, "I am seeing flashes in my left eye.", 5.0)) == ("urgent",)
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
    assert raised_by(watch("urgent"), said(Role.CUSTOMER, "I am seeing flashes in my left eye.", 0.0)) == ()


def test_what_an_agent_tells_of_signs_raises_nothing() -> None:
    assert raised_by(watch(), said(Role.AGENT, "Call us at once if you are seeing flashes.", 0.0)) == ()
