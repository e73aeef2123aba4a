"""What the console is told of who is who in a call, and the correction that becomes of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final

import msgspec

from callscribe.console.listing import InvalidQuery
from callscribe.conversation.role_correction import RoleCorrection, TurnRole
from callscribe.conversation.utterances import Role
from callscribe.transcript import Transcript

MOST_TURNS: Final = 500
"""Most turns that have a role of their own; who needs more names the voice."""

_ROLES: Final = (Role.AGENT, Role.CUSTOMER, Role.ANNOUNCEMENT, Role.UNKNOWN)
_Number = Annotated[int, msgspec.Meta(ge=0)]


class _Turn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    turn: _Number
    role: str


class RolesAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is who, as somebody says.

    Attributes:
        version: the transcript they looked at: a recording's id, or `live`.
        replaces: number of the correction they looked at, 0 for none.
        speakers: role by speaker.
        turns: roles of single turns, by their places in the document.
    """

    version: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    replaces: _Number
    speakers: Annotated[Mapping[str, str], msgspec.Meta(max_length=64)]
    turns: Annotated[tuple[_Turn, ...], msgspec.Meta(max_length=MOST_TURNS)] = ()

    def correction_of(
        self, transcript: Transcript, known: Sequence[RoleCorrection], *, author: str, now: datetime
    ) -> RoleCorrection:
        """The correction that it is of a transcript.

        Args:
            transcript: the transcript.
            known: the corrections there are of the call.
            author: who says so.
            now: the time, UTC.

        Raises:
            InvalidQuery: a speaker, a turn or a role is none; the message names the place.
        """
        turns = transcript.turns_spoken()
        names = {speaker.speaker for speaker in transcript.roles.speakers}
        if unknown := [index for index, name in enumerate(self.speakers) if name not in names]:
            raise InvalidQuery(f"speakers: number {unknown[0] + 1} does not speak in this transcript")
        meant: dict[int, Role] = {}
        for index, one in enumerate(self.turns):
            if one.turn >= len(turns):
                raise InvalidQuery(f"turns[{index}].turn: the transcript has {len(turns)} turns")
            meant[one.turn] = _role(one.role, f"turns[{index}].role")
        return RoleCorrection(
            number=max((one.number for one in known), default=0) + 1,
            author=author,
            corrected_at=now,
            recording_id=None if transcript.provenance is None else transcript.provenance.recording_id,
            request_id=transcript.request_id,
            speakers={name: _role(role, "speakers") for name, role in self.speakers.items()},
            turns=tuple(
                TurnRole(speaker=turns[index].speaker, start=turns[index].start, end=turns[index].end, role=role)
                for index, role in sorted(meant.items())
            ),
        )


def says_the_same(one: RoleCorrection, other: RoleCorrection) -> bool:
    """Whether two corrections are of the same transcript and make the same of it."""
    return _content(one) == _content(other)


def _content(one: RoleCorrection) -> tuple[object, ...]:
    return one.recording_id, one.request_id, one.speakers, one.turns


def _role(name: str, place: str) -> Role:
    if name not in _ROLES:
        raise InvalidQuery(f"{place}: a role is one of {', '.join(_ROLES)}")
    return Role(name)
