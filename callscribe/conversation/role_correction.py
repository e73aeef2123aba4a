"""Who is who in a call, as a person says who has listened to it: what is computed of the roles gives way to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from callscribe.conversation.roles import REVIEWER, RoleAssignment, SpeakerRole
from callscribe.conversation.turns import Turn
from callscribe.conversation.utterances import Role, Utterance

_SURE: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRole:
    """The role of one speaker in one turn. By its times the turn is found again when turns are told apart anew.

    Attributes:
        speaker: the speaker, as in `Turn.speaker`.
        start: seconds from the beginning of the recording to the first word.
        end: seconds from the beginning of the recording to the end of the last word.
        role: the part that is played in this turn.
    """

    speaker: str
    start: float
    end: float
    role: Role

    def of(self, turn: Turn) -> bool:
        """Whether most of a turn is meant."""
        overlap = min(self.end, turn.end) - max(self.start, turn.start)
        return self.speaker == turn.speaker and overlap >= (turn.end - turn.start) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleCorrection:
    """The roles of one transcript as a person says. It holds whole: what it does not name is as it was computed.

    Attributes:
        number: counts the corrections of the call, from 1.
        author: name in the user pool of who made it.
        corrected_at: when it was made, UTC.
        recording_id: recording of the transcript that was corrected; None for the live transcript.
        request_id: request of that transcript, as in `Transcript.request_id`: the answer to another one may count the
            voices in another way.
        speakers: role by speaker.
        turns: roles of single turns, which go before those of their speakers.
    """

    number: int
    author: str
    corrected_at: datetime
    recording_id: str | None = None
    request_id: str
    speakers: Mapping[str, Role]
    turns: tuple[TurnRole, ...] = ()

    def of_speakers(self, roles: RoleAssignment) -> RoleAssignment:
        """The roles of speakers, corrected."""
        return replace(roles, speakers=tuple(self._of_speaker(speaker) for speaker in roles.speakers))

    def _of_speaker(self, speaker: SpeakerRole) -> SpeakerRole:
        role = self.speakers.get(speaker.speaker)
        if role is None:
            return speaker
        sure = 0.0 if role is Role.UNKNOWN else _SURE
        return SpeakerRole(speaker=speaker.speaker, role=role, confidence=sure, evidence=(REVIEWER,))

    def of_turns(self, turns: Sequence[Turn], computed: RoleAssignment) -> list[Turn]:
        """The turns, corrected.

        Args:
            turns: the turns, with the corrected roles of their speakers.
            computed: the roles of speakers as they were computed. Of a speaker who is no announcement by that, turns
                that are one stay so, unless they are named themselves.
        """
        played = {one.speaker for one in computed.speakers if one.role is Role.ANNOUNCEMENT}
        return [self._of_turn(turn, played) for turn in turns]

    def _of_turn(self, turn: Turn, played: Iterable[str]) -> Turn:
        role = next((one.role for one in self.turns if one.of(turn)), None)
        if role is None and turn.speaker in played:
            role = self.speakers.get(turn.speaker)
        if role is None:
            return turn
        return replace(turn, role=role, role_confidence=0.0 if role is Role.UNKNOWN else _SURE)

    def of_utterances(self, utterances: Sequence[Utterance], turns: Sequence[Turn]) -> tuple[Utterance, ...]:
        """The utterances, those with the roles of their turns that lie in corrected turns.

        Args:
            utterances: the utterances, with the corrected roles of their speakers.
            turns: the corrected turns.
        """
        named: dict[int, set[tuple[Role, float]]] = {}
        for turn in turns:
            by_name = any(one.of(turn) for one in self.turns)
            for utterance in turn.utterances:
                said = turn if by_name else utterances[utterance]
                named.setdefault(utterance, set()).add((said.role, said.role_confidence))
        corrected = list(utterances)
        for index, roles in named.items():
            # What several turns with several roles share has that of the speaker it is filed under.
            if len(roles) == 1:
                [(role, confidence)] = roles
                corrected[index] = replace(corrected[index], role=role, role_confidence=confidence)
        return tuple(corrected)


def newest_of(
    corrections: Iterable[RoleCorrection], *, recording_id: str | None, request_id: str
) -> RoleCorrection | None:
    """The newest of some corrections that was made of a transcript; None where none was.

    Args:
        corrections: the corrections of the call.
        recording_id: recording of the transcript; None for the live transcript.
        request_id: its request.
    """
    made = (one for one in corrections if (one.recording_id, one.request_id) == (recording_id, request_id))
    return max(made, key=lambda one: one.number, default=None)
