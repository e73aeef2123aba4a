"""Histories in which something once went wrong, as small as they were when they still did."""

import pytest

from tests.simulation.live import runner
from tests.simulation.live.histories import Call, Fault, History, Piece
from tests.simulation.live.network import Trouble

CASES = {
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
}


@pytest.mark.parametrize("what", CASES)
def test_nothing_is_lost_although(what: str) -> None:
    outcome = runner.run(CASES[what])
    assert outcome.violations == []
