"""Histories in which several things meet that meet by chance in one of hundreds, each aimed at one operation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from tests.simulation.live.histories import Call, Fault, History, Piece, Turns
from tests.simulation.live.network import Trouble

_TALK: Final[tuple[Turns, Turns]] = (
    ((120, 9), (80, 80), (100, 30), (90, 160), (110, 9), (60, 4)),
    ((20, 160), (99, 30), (40, 80), (120, 30), (70, 9), (55, 4)),
)
_LONG: Final[tuple[Turns, Turns]] = tuple(turns * 2 for turns in _TALK)  # type: ignore[assignment]
"""Half a minute."""


def _call(*pieces: Piece, index: int = 0, begins: float = 1.0, **options: Any) -> Call:
    return Call(
        index=index,
        clinic="harbour",
        other_clinic="harbour",
        begins=begins,
        pieces=pieces or (Piece(turns=_LONG, stream="one"),),
        **options,
    )


def _history(*calls: Call, streamers: int = 2, lease: float = 4.0, **options: Any) -> History:
    options = {"slots": 20, "faults": (), "troubles": (), **options}
    return History(seed=1, calls=calls or (_call(),), skews=(0.0,) * streamers, lease=lease, **options)


def _faults(kind: str, *times: float, **options: Any) -> tuple[Fault, ...]:
    return tuple(Fault(at=at, kind=kind, **options) for at in times)


def _each(name: str, history: History, trouble: Trouble) -> dict[str, History]:
    """With a trouble of one streamer and of the other: chance decides which of them has the call."""
    return {
        f"{name} ({streamer})": replace(history, troubles=(replace(trouble, streamer=streamer),))
        for streamer in ("streamer-1", "streamer-2")
    }


_STOPPED: Final = _call(
    Piece(turns=_TALK, stream="one", stopped=(0.2,)),
    Piece(turns=_TALK, stream="one", pause=12.0),
)
_REFUSED: Final = Fault(
    at=0.5, kind="stream", order={"action": "error", "code": "KMS_KEY_DISABLED", "id": "4501", "after": 3}
)
_UNSENT: Final = Trouble(service="sqs", kind="failing", since=0.0, until=60.0, operation="send_message")

AIMED: Final[Mapping[str, History]] = {
    "a call to which nothing happens": _history(),
    "a call that is stopped and started again": _history(_STOPPED),
    "a call that goes on in another stream": _history(
        _call(
            Piece(turns=_TALK, stream="one", stopped=(0.2,)),
            Piece(turns=_TALK, stream="two", pause=3.0),
        )
    ),
    "the last fragment before a stop never arrives, and is shorter than half a second": _history(
        _call(
            Piece(turns=(((120, 9), (80, 15)), ((20, 160), (40, 4))), stream="one", stopped=(0.2,)),
            Piece(turns=_TALK, stream="one", pause=12.0),
            lost=(4,),
        )
    ),
    "the message of a call comes again and again": _history(faults=_faults("repeat", 5.5, 8.0, 10.5, 14.0, 17.5, 21.0)),
    "streamers that are killed one after the other": _history(faults=_faults("kill", 4.3, 12.1, 20.7, seconds=1.0)),
    "streamers that hand over in turn": _history(faults=_faults("drain", 3.9, 7.2, 11.1, 16.6, 21.3)),
    "connections to Deepgram that break": _history(
        faults=_faults("vendor", 1.0, 4.0, 7.0, 10.0, 13.0, 16.0, order={"action": "reset", "after": 2.3})
    ),
    "a key that is rotated before connections break": _history(
        faults=(
            *_faults("vendor", 0.5, order={"action": "close", "code": 1011, "after": 4.0, "times": 4}),
            *_faults("rotate", 3.0),
        ),
    ),
    "a stream that brings nothing for longer than a body lasts": _history(_call(lost=tuple(range(6, 15)))),
    "a stream that brings a quarter of a minute at once": _history(
        faults=_faults("stream", 0.5, order={"action": "stall", "seconds": 15.0, "after": 1})
    ),
    "the event of the end comes after the next contact": _history(
        _call(Piece(turns=_TALK, stream="one"), hung_up=(8.0,)),
        _call(Piece(turns=_TALK, stream="one"), index=1, begins=18.6, followed=False),
    ),
    "calls that are over cannot be announced": _history(
        troubles=(Trouble(service="events", kind="failing", since=0.0, until=70.0),)
    ),
    "a call that failed cannot be put aside": _history(faults=(_REFUSED,), troubles=(_UNSENT,)),
    "words that take long to store": _history(
        troubles=(
            Trouble(
                service="dynamodb", kind="slow", since=3.0, until=20.0, seconds=1.5, operation="transact_write_items"
            ),
        )
    ),
    **_each(
        "the end cannot be stored until streaming has been started again",
        _history(_STOPPED, lease=30.0),
        Trouble(
            service="dynamodb",
            kind="throttled",
            since=_STOPPED.piece_begins(0) + _STOPPED.pieces[0].seconds + 0.5,
            until=_STOPPED.piece_begins(1) + 3.0,
            operation="update_item",
        ),
    ),
    **_each(
        "a lease runs out while the words of its streamer are on their way",
        _history(lease=4.0, faults=_faults("repeat", 10.2, 11.0, 11.8, 12.6)),
        Trouble(service="dynamodb", kind="throttled", since=6.0, until=12.5),
    ),
    **_each(
        "leases cannot be renewed, and words can be stored",
        _history(lease=4.0, faults=_faults("repeat", 8.2, 10.2, 12.2, 14.2)),
        Trouble(service="dynamodb", kind="unheard", since=3.0, until=16.0, operation="update_item"),
    ),
    # Found by chance.
    "streaming goes on in another stream before anything of the first one is heard": History(
        seed=104,
        calls=(
            Call(
                index=0,
                clinic="harbour",
                other_clinic="harbour",
                begins=1.0,
                pieces=(
                    Piece(turns=(((98, 9), (55, 30)), ((96, 9),)), stream="one", stopped=(0.2,)),
                    Piece(turns=(((37, 80), (46, 160)), ((36, 30), (128, 9))), stream="two", pause=3.0),
                ),
                upload=2.0,
            ),
        ),
        skews=(0.0,),
        slots=2,
        lease=4.0,
        faults=(Fault(at=0.75, kind="stream", order={"action": "refuse", "code": "ServiceUnavailable", "times": 3}),),
        troubles=(Trouble(service="secretsmanager", kind="throttled", since=0.0, until=60.0),),
    ),
    "a streamer is killed before a whole fragment is stored, and streaming was stopped and started": History(
        seed=144,
        calls=(
            Call(
                index=0,
                clinic="lakeside",
                other_clinic="lakeside",
                begins=1.0,
                pieces=(
                    Piece(turns=(((63, 4),), ((108, 80), (16, 80))), stream="one", stopped=(2.7,)),
                    Piece(turns=(((10, 80), (92, 4)), ((84, 9), (96, 160))), stream="one", pause=3.0, told=(0.1,)),
                ),
                shape={"blocks_per_fragment": 40},
            ),
        ),
        skews=(0.0,),
        slots=1,
        lease=10.0,
        faults=(Fault(at=10.12, kind="kill", seconds=5.0),),
    ),
    "a streamer that is stopped gets a message that another has by then": History(
        seed=605,
        calls=(
            Call(
                index=0,
                clinic="harbour",
                other_clinic="harbour",
                begins=1.0,
                pieces=(
                    Piece(
                        turns=(((122, 80), (74, 80), (17, 4), (51, 9), (65, 160)), ((82, 80), (14, 4))),
                        stream="stream-0",
                        told=(0.118, 3.747, 8.993),
                    ),
                ),
                hung_up=(0.305,),
                upload=0.5,
            ),
        ),
        skews=(0.0,),
        slots=20,
        lease=10.0,
        faults=(Fault(at=10.84, kind="drain"),),
        troubles=(Trouble(service="sqs", kind="unanswered", since=3.94, until=63.94, share=0.5, seconds=14.0),),
    ),
    "a call fails in the middle of a word, and is repeated": History(
        seed=530,
        calls=(
            Call(
                index=0,
                clinic="harbour",
                other_clinic="harbour",
                begins=1.0,
                pieces=(Piece(turns=(((100, 160),), ((106, 160), (67, 4))), stream="one", told=(0.387,)),),
                upload=0.5,
            ),
        ),
        skews=(0.0,),
        slots=20,
        lease=30.0,
        faults=(
            Fault(
                at=0.6,
                kind="stream",
                order={"action": "error", "code": "KMS_KEY_DISABLED", "id": "4501", "after": 1},
            ),
        ),
    ),
    "the table does not answer while a short call arrives and is over": History(
        seed=739948044,
        calls=(
            Call(
                index=0,
                clinic="lakeside",
                other_clinic="lakeside",
                begins=1.0,
                pieces=(Piece(turns=(((19, 80), (115, 4)), ((75, 9), (84, 4), (17, 9))), stream="one", told=(0.7,)),),
                hung_up=(1.438,),
                ends_late_ms=500,
                upload=2.0,
                shape={"blocks_per_fragment": 40},
            ),
        ),
        skews=(0.0,),
        slots=1,
        lease=30.0,
        troubles=(Trouble(service="dynamodb", kind="failing", since=3.0, until=35.19),),
    ),
    "what is lost on both sides of a pause, and the producer's clock is ahead of Connect's": History(
        seed=7495,
        calls=(
            Call(
                index=0,
                clinic="harbour",
                other_clinic="harbour",
                begins=7.0,
                pieces=(
                    Piece(
                        turns=(((39, 160), (108, 30), (63, 160)), ((34, 160), (117, 4), (36, 160), (5, 4))),
                        stream="one",
                        told=(0.474,),
                        stopped=(0.124,),
                    ),
                    Piece(
                        turns=(((128, 30),), ((28, 4), (85, 80), (96, 30), (44, 160))),
                        stream="two",
                        pause=12.0,
                        told=(0.67,),
                    ),
                ),
                hung_up=(0.88,),
                clock_ms=900,
                lost=(10, 11),
            ),
        ),
        skews=(0.0,),
        slots=20,
        lease=30.0,
    ),
    "a token is refused, and streaming was stopped behind it and started again": History(
        seed=2851,
        calls=(
            Call(
                index=0,
                clinic="lakeside",
                other_clinic="lakeside",
                begins=1.0,
                pieces=(
                    Piece(
                        turns=(((94, 4), (101, 160)), ((113, 4), (81, 9), (16, 9), (72, 4))),
                        stream="one",
                        told=(5.406,),
                        stopped=(7.501,),
                    ),
                    Piece(
                        turns=(((59, 4), (8, 80), (37, 9), (96, 30)), ((30, 4),)),
                        stream="one",
                        pause=12.0,
                        told=(0.19,),
                    ),
                ),
                hung_up=(0.53,),
                upload=2.0,
            ),
        ),
        skews=(0.0,),
        slots=20,
        lease=30.0,
        faults=(
            Fault(at=13.64, kind="freeze", seconds=38.0),
            Fault(at=14.21, kind="stream", order={"action": "error", "code": "FRAGMENT_NOT_FOUND", "id": "4000"}),
        ),
    ),
    "a streamer is given the message that it gives back before it knows that it has": History(
        seed=3341,
        calls=(
            Call(
                index=0,
                clinic="harbour",
                other_clinic="harbour",
                begins=1.0,
                pieces=(
                    Piece(
                        turns=(((20, 30), (72, 30)), ((56, 4), (109, 160), (108, 4), (98, 80), (115, 9))),
                        stream="one",
                        told=(6.429,),
                        stopped=(0.587,),
                    ),
                    Piece(
                        turns=(((112, 30),), ((111, 4), (75, 80), (39, 80))),
                        stream="one",
                        pause=12.0,
                        told=(0.644,),
                    ),
                ),
                hung_up=(5.461,),
                upload=0.0,
            ),
        ),
        skews=(0.0,),
        slots=20,
        lease=4.0,
        faults=(Fault(at=5.54, kind="vendor", order={"action": "stall", "seconds": None, "after": 3.3}),),
    ),
}
"""By what happens."""
