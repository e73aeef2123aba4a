import pytest

from callscribe.conversation.roles import RoleAssignment, RoleMethod, assign_roles
from callscribe.conversation.turns import speakers_heard, turns_heard
from callscribe.conversation.utterances import Role
from callscribe.deepgram.reply import parse_reply
from tests.callscribe.replies import (
    AGENT,
    APPOINTMENT,
    BILLING,
    CUSTOMER,
    URGENT,
    Turn,
    body,
    mono,
    silent,
    stereo,
    talk,
)

CHANNEL_ROLES = {0: Role.CUSTOMER, 1: Role.AGENT}


def assigned(reply: object, channel_roles: dict[int, Role] | None = None) -> RoleAssignment:
    recognition = parse_reply(body(reply))
    return assign_roles(
        turns_heard(recognition.utterances, speakers_heard(recognition)),
        separate_channels=recognition.channel_count > 1,
        channel_roles=CHANNEL_ROLES if channel_roles is None else channel_roles,
    )


def test_channels_leave_no_doubt() -> None:
    roles = assigned(stereo(APPOINTMENT))
    assert roles.method is RoleMethod.CHANNEL
    assert {(found.speaker, found.role, found.confidence) for found in roles.speakers} == {
        ("channel-0", Role.CUSTOMER, 1.0),
        ("channel-1", Role.AGENT, 1.0),
    }


def test_the_channel_map_is_configuration() -> None:
    roles = assigned(stereo(APPOINTMENT), {0: Role.AGENT, 1: Role.CUSTOMER})
    assert roles.of("channel-0").role is Role.AGENT


def test_a_channel_nobody_mapped_is_unknown() -> None:
    found = assigned(stereo(APPOINTMENT), {1: Role.AGENT}).of("channel-0")
    assert (found.role, found.confidence, found.evidence) == (Role.UNKNOWN, 0.0, ("channel-not-mapped",))


@pytest.mark.parametrize("turns", [APPOINTMENT, BILLING, URGENT])
@pytest.mark.parametrize("agent_speaker", [0, 1])
def test_voices_are_judged_by_what_they_say(turns: list[Turn], agent_speaker: int) -> None:
    named = [Turn(agent_speaker if t.speaker == AGENT else 1 - agent_speaker, t.text, t.start, t.end) for t in turns]
    roles = assigned(mono(named))
    assert roles.method is RoleMethod.RULE
    agent, customer = roles.of(f"speaker-{agent_speaker}"), roles.of(f"speaker-{1 - agent_speaker}")
    assert (agent.role, customer.role) == (Role.AGENT, Role.CUSTOMER)
    assert 0.8 <= agent.confidence <= 0.95
    assert "offers-help" in agent.evidence


def test_the_customer_may_speak_first() -> None:
    turns = talk(
        (0, "Hello? I would like to make an appointment."),
        (1, "Of course. Can I have your last name, please?"),
        (0, "My last name is Miller."),
    )
    roles = assigned(mono(turns))
    assert (roles.of("speaker-0").role, roles.of("speaker-1").role) == (Role.CUSTOMER, Role.AGENT)


def test_speaking_first_alone_decides_nothing() -> None:
    roles = assigned(mono(talk((0, "Nice weather today."), (1, "Yes it is nice."), (0, "Very nice indeed."))))
    assert [found.role for found in roles.speakers] == [Role.UNKNOWN, Role.UNKNOWN]
    assert all(found.confidence == 0.0 and "too-close" in found.evidence for found in roles.speakers)


def test_after_a_transfer_each_voice_is_judged_by_itself() -> None:
    turns = talk(
        (0, "Thank you for calling the eye clinic. How can I help you?"),
        (1, "I got a bill and I need to ask about my insurance."),
        (0, "Please hold, let me transfer you."),
        (2, "Billing department, this is Sam speaking. Can I have your account number?"),
        (1, "My account number is five."),
        (2, "We can send the claim again."),
        (3, "Mom."),
    )
    roles = assigned(mono(turns))
    assert [found.role for found in roles.speakers] == [Role.AGENT, Role.CUSTOMER, Role.AGENT, Role.UNKNOWN]
    assert roles.of("speaker-3").evidence[-1] == "too-few-words"


def test_a_single_voice_stays_unknown() -> None:
    for diarized in (True, False):
        roles = assigned(mono(talk((0, "Thank you for calling the eye clinic.")), diarized=diarized))
        assert roles.method is RoleMethod.SINGLE_SPEAKER
        assert [(found.role, found.confidence) for found in roles.speakers] == [(Role.UNKNOWN, 0.0)]


def test_two_voices_of_which_one_hardly_speaks_stay_unknown() -> None:
    roles = assigned(mono(talk((0, "Thank you for calling, how can I help you?"), (1, "Hm."))))
    assert {found.role for found in roles.speakers} == {Role.UNKNOWN}


def test_nobody_speaks() -> None:
    assert assigned(silent()) == RoleAssignment(method=RoleMethod.NO_SPEECH, speakers=())


def test_a_speaker_who_was_not_heard_has_no_role() -> None:
    with pytest.raises(KeyError):
        assigned(stereo(talk((CUSTOMER, "Hello.")))).of("channel-1")


def test_whoever_calls_for_the_clinic_is_the_agent() -> None:
    roles = assigned(
        mono(
            talk(
                (0, "Hello?"),
                (1, "Hi, this is Omar, I'm calling from Birch Eye Clinic to confirm your visit on Monday."),
                (0, "Oh yes, this is she. My daughter will drive me."),
                (1, "Wonderful, please bring your glasses."),
            )
        )
    )
    assert (roles.of("speaker-0").role, roles.of("speaker-1").role) == (Role.CUSTOMER, Role.AGENT)
    assert "calls-from-business" in roles.of("speaker-1").evidence


def test_whoever_calls_from_elsewhere_is_no_agent() -> None:
    roles = assigned(
        mono(
            talk(
                (0, "Thank you for calling Birch Eye Clinic, how can I help you?"),
                (1, "Hi, I'm calling from Corner Pharmacy about a prescription for one of your patients."),
                (0, "Sure. What is the patient's name?"),
                (1, "It is Okafor, with a K."),
            )
        )
    )
    assert (roles.of("speaker-0").role, roles.of("speaker-1").role) == (Role.AGENT, Role.CUSTOMER)


def test_an_announcement_is_nobodys_part() -> None:
    roles = assigned(
        mono(
            talk(
                (0, "Thank you for calling Birch Vision. For appointments, press one. For billing, press two."),
                (1, "Birch Vision, this is Omar. How can I help you?"),
                (2, "I need to order more contact lenses, my last box is open."),
                (1, "What is your date of birth, please?"),
            )
        )
    )
    assert [found.role for found in roles.speakers] == [Role.ANNOUNCEMENT, Role.AGENT, Role.CUSTOMER]


@pytest.mark.parametrize(
    "lines",
    [
        ((0, "I can't make it on Friday, my car broke down."), (1, "Would you like another day?"), (0, "Not yet, no.")),
        ((0, "My lenses tore and I need some more."), (1, "Which pharmacy do you use?"), (0, "None, I order online.")),
        ((0, "When will my frames be ready?"), (1, "I'll check with the lab, one moment."), (0, "All right then.")),
        ((0, "hello is this the optical place"), (1, "yes birch vision this is omar"), (0, "how late are you open")),
    ],
)
def test_whoever_asks_for_something_is_the_customer_whoever_begins(lines: tuple[tuple[int, str], ...]) -> None:
    for asking in (0, 1):
        voices = tuple((speaker if asking == 0 else 1 - speaker, text) for speaker, text in lines)
        roles = assigned(mono(talk(*voices)))
        assert roles.of(f"speaker-{asking}").role is Role.CUSTOMER
        assert roles.of(f"speaker-{1 - asking}").role is Role.AGENT


def test_who_asks_more_and_begins_decides_nothing_without_words_that_tell() -> None:
    roles = assigned(mono(talk((0, "And the coating?"), (1, "That comes with it."), (0, "Both sides?"), (1, "Both."))))
    assert {found.role for found in roles.speakers} == {Role.UNKNOWN}
