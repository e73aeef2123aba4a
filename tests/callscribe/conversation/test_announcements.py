"""What is played is told from what is said."""

import pytest

from callscribe.conversation.announcements import of_voicemail, stretches


def played(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[part.first : part.after]) for part in stretches(words) if part.played]


@pytest.mark.parametrize(
    "text",
    [
        "Welcome to Birch Vision. To book an exam, press one. To reach the optical shop, press two.",
        "All of our schedulers are helping other patients. Your call is important to us.",
        "for prescription refills press three for all other questions stay on the line",
        "You are caller four in line. The estimated wait time is six minutes.",
        "If this is a medical emergency, please hang up and dial nine one one.",
        "Please hold for the next available representative.",
        "If you know your party's extension, dial it at any time. Otherwise please hold for an operator.",
        "This call may be monitored for quality assurance.",
        "Para español, oprima el dos.",
        "Hi, you've reached Priya. I can't come to the phone, so please leave your name and number.",
        "The person you are trying to reach is not available. Please record your message after the tone.",
        "The mailbox is full and cannot accept any messages.",
    ],
)
def test_menus_queues_disclosures_and_greetings_are_played(text: str) -> None:
    assert played(text) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "I have to press three every time I call you people.",
        "You'll want to press two for the optical shop next time.",
        "Birch Vision, this is Omar on a recorded line, and this call may be recorded. How can I help you?",
        "Could you leave a message with the nurse for me?",
        "Just leave a message on my machine if I don't pick up.",
        "Please stay on the line while I find the doctor.",
        "Listen carefully, I want my money back.",
        "Our hours are eight to five.",
        "One moment, please.",
    ],
)
def test_people_are_not_played(text: str) -> None:
    assert played(text) == []


def test_an_agent_behind_an_announcement_speaks_for_themselves() -> None:
    menu = "Thank you for calling Birch Vision. For appointments, press one."
    assert played(f"{menu} Good morning, this is Omar. What can I do for you?") == [menu]


def test_the_end_of_an_announcement_belongs_to_it() -> None:
    whole = "Leave a message after the tone. Thank you."
    assert played(whole) == [whole]


def test_greetings_of_voicemails_are_known() -> None:
    assert of_voicemail("You've reached the voicemail of Dr. Chen.")
    assert not of_voicemail("For appointments, press one.")
