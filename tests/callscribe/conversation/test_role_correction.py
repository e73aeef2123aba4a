"""A person has said who is who: roles, flags, summary, score and reliability follow."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from callscribe.conversation.reliability import Reason
from callscribe.conversation.role_correction import RoleCorrection, TurnRole, newest_of
from callscribe.conversation.roles import RoleMethod
from callscribe.conversation.utterances import Role
from callscribe.judgement.quality import load_rubric, score
from callscribe.transcript import Transcript
from tests.callscribe.replies import AGENT, APPOINTMENT, CUSTOMER, PROVENANCE, mono, stereo, talk, transcript_of

OF_CHANNELS = {"channel-0": Role.AGENT, "channel-1": Role.CUSTOMER}
# The agent is on the customer's channel.
SWAPPED = [replace(turn, speaker=1 - turn.speaker) for turn in APPOINTMENT]


def correction(of: Transcript, **said: Any) -> RoleCorrection:
    return RoleCorrection(
        **{
            "number": 1,
            "author": "ann",
            "corrected_at": datetime(2026, 11, 21, tzinfo=UTC),
            "recording_id": PROVENANCE.recording_id,
            "request_id": of.request_id,
            "speakers": {},
            **said,
        }
    )


def corrected(reply: dict[str, Any], **said: Any) -> Transcript:
    return transcript_of(reply, corrections=(correction(transcript_of(reply), **said),))


def test_swapped_channels_are_put_right_and_all_that_follows_from_them() -> None:
    right, wrong = transcript_of(stereo(APPOINTMENT)), transcript_of(stereo(SWAPPED))
    assert wrong.summary.raised != right.summary.raised
    assert wrong.reliability is not None
    assert Reason.SWAPPED_ROLES in wrong.reliability.reasons
    put_right = corrected(stereo(SWAPPED), speakers=OF_CHANNELS)
    assert put_right.summary == right.summary
    assert put_right.reliability == right.reliability
    assert score(put_right, load_rubric()).score == score(right, load_rubric()).score
    assert put_right.full_transcript == right.full_transcript
    assert [said.role for said in put_right.utterances] == [said.role for said in right.utterances]
    assert {(one.role, one.confidence, one.evidence) for one in put_right.roles.speakers} == {
        (Role.AGENT, 1.0, ("reviewer",)),
        (Role.CUSTOMER, 1.0, ("reviewer",)),
    }
    assert put_right.role_correction is not None


def test_a_person_who_confirms_odd_roles_ends_the_doubt_of_them() -> None:
    said = {"channel-0": Role.CUSTOMER, "channel-1": Role.AGENT}
    confirmed = corrected(stereo(SWAPPED), speakers=said)
    assert confirmed.reliability is not None
    assert Reason.SWAPPED_ROLES not in confirmed.reliability.reasons
    half = corrected(stereo(SWAPPED), speakers={"channel-0": Role.CUSTOMER})
    assert half.reliability is not None
    assert Reason.SWAPPED_ROLES in half.reliability.reasons


def test_an_empty_correction_is_what_was_computed() -> None:
    computed = transcript_of(stereo(APPOINTMENT))
    assert replace(corrected(stereo(APPOINTMENT)), role_correction=None) == computed


def test_voices_of_one_channel_get_their_roles() -> None:
    named = corrected(mono(APPOINTMENT), speakers={"speaker-1": Role.CUSTOMER, "speaker-0": Role.AGENT})
    assert {(said.speaker, said.role) for said in named.turns or ()} == {
        ("speaker-1", Role.CUSTOMER),
        ("speaker-0", Role.AGENT),
    }


def test_a_voice_of_which_nobody_knows_is_unknown() -> None:
    named = corrected(stereo(APPOINTMENT), speakers={"channel-1": Role.UNKNOWN})
    assert {(said.role, said.role_confidence) for said in named.utterances if said.speaker == "channel-1"} == {
        (Role.UNKNOWN, 0.0)
    }
    assert score(named, load_rubric()).score is None


def test_a_turn_can_be_somebody_elses_than_its_voice_says() -> None:
    computed = transcript_of(stereo(APPOINTMENT))
    turn = (computed.turns or ())[1]
    named = corrected(
        stereo(APPOINTMENT),
        turns=(TurnRole(speaker=turn.speaker, start=turn.start, end=turn.end, role=Role.UNKNOWN),),
    )
    assert [said.role for said in named.turns or ()].count(Role.UNKNOWN) == 1
    assert (named.turns or ())[1].role is Role.UNKNOWN
    assert named.utterances[turn.pieces[0].utterance].role is Role.UNKNOWN


def test_a_turn_is_found_again_where_it_has_moved_a_little() -> None:
    turn = (transcript_of(stereo(APPOINTMENT)).turns or ())[1]
    third = (turn.end - turn.start) / 3
    for shift, found in ((third, True), (2 * third, False)):
        moved = TurnRole(speaker=turn.speaker, start=turn.start + shift, end=turn.end + shift, role=Role.AGENT)
        named = corrected(stereo(APPOINTMENT), turns=(moved,))
        assert ((named.turns or ())[1].role is Role.AGENT) is found


def test_two_people_of_one_voice_can_be_told_apart_by_their_turns() -> None:
    reply = mono(talk(*((0, turn.text) for turn in APPOINTMENT), pause=3.0), diarized=False)
    computed = transcript_of(reply)
    assert computed.roles.method is RoleMethod.SINGLE_SPEAKER
    assert computed.reliability is not None
    assert Reason.ONE_VOICE in computed.reliability.reasons
    turns = tuple(
        TurnRole(
            speaker=turn.speaker,
            start=turn.start,
            end=turn.end,
            role=Role.AGENT if index % 2 == 0 else Role.CUSTOMER,
        )
        for index, turn in enumerate(computed.turns or ())
    )
    assert len(turns) > 3
    named = corrected(reply, turns=turns)
    assert named.reliability is not None
    assert Reason.ONE_VOICE not in named.reliability.reasons
    assert named.summary.flags


def test_what_is_played_can_be_said_to_be_spoken() -> None:
    reply = stereo(
        talk(
            (AGENT, "Thank you for calling. This call may be recorded for quality and training purposes."),
            (CUSTOMER, "Hello?"),
            (AGENT, "Eye clinic, Karen speaking."),
        )
    )
    computed = transcript_of(reply)
    played = next(turn for turn in computed.turns or () if turn.role is Role.ANNOUNCEMENT)
    kept = corrected(reply, speakers={"channel-1": Role.AGENT})
    assert Role.ANNOUNCEMENT in {turn.role for turn in kept.turns or ()}
    said = TurnRole(speaker=played.speaker, start=played.start, end=played.end, role=Role.AGENT)
    assert Role.ANNOUNCEMENT not in {turn.role for turn in corrected(reply, turns=(said,)).turns or ()}


@pytest.mark.parametrize("other", [{"recording_id": "f" * 64}, {"recording_id": None}, {"request_id": "another"}])
def test_a_correction_is_of_the_transcript_that_it_was_made_of(other: dict[str, Any]) -> None:
    computed = transcript_of(stereo(APPOINTMENT))
    assert corrected(stereo(APPOINTMENT), speakers=OF_CHANNELS, **other) == computed


def test_the_newest_correction_holds_whole() -> None:
    of = transcript_of(stereo(APPOINTMENT))
    first = correction(of, speakers=OF_CHANNELS)
    later = correction(of, number=2, speakers={"channel-0": Role.UNKNOWN})
    found = newest_of((later, first), recording_id=PROVENANCE.recording_id, request_id=of.request_id)
    assert found == later
    assert newest_of((), recording_id=None, request_id="") is None
