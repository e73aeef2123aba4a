"""Histories in which several things meet that meet by chance in one of hundreds, each aimed at one rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.simulation.batch import faults as f
from tests.simulation.batch.faults import Fault, Outage
from tests.simulation.batch.histories import DAY, HOUR, Again, Delete, History, Live, Put, Redrive, Stop


def _puts(*times: float, content: int = 0, call: int = 0) -> tuple[Put, ...]:
    return tuple(Put(at=at, call=call, content=content) for at in times)


def _refused(by: str, of: str, code: str, *, begin: float = 0.0, seconds: float) -> Fault:
    return Fault(kind=f.REFUSE, by=by, of=of, code=code, begin=begin, seconds=seconds)


def _back(deployment: str = "supersede") -> History:
    """A content, another one, and the first again, each after the one before is done with."""
    return History(
        seed=1,
        deployment=deployment,
        puts=(*_puts(0.0), *_puts(600.0, content=1), *_puts(1200.0)),
    )


_NOT_STORED: Final = _refused("store_transcript", "s3.PutObject", "AccessDenied", seconds=290.0)
_LIVE: Final = Live(call=1, begins=0.0, ends=15.0, outcome="complete", stored=1.0)

AIMED: Final[Mapping[str, History]] = {
    "one event five times": History(seed=1, puts=(Put(at=0.0, call=0, content=0, told=(0.5, 0.5, 0.6, 2.0, 120.0)),)),
    "the same bytes twice at once": History(seed=1, puts=_puts(0.0, 0.5)),
    "the same bytes twice at once, of which the first fails": History(
        seed=1, puts=_puts(0.0, 0.5), faults=(_NOT_STORED,)
    ),
    "an execution that is stopped": History(seed=1, puts=_puts(0.0), stops=(Stop(at=5.0),)),
    "a second delivery while the first one asks": History(seed=1, puts=_puts(0.0), again=(Again(at=8.0),)),
    "the same bytes after the first failed behind its reply": History(
        seed=1, puts=_puts(0.0, 300.0), faults=(_NOT_STORED,)
    ),
    "copies of which one failed behind its reply, and two before they asked": History(
        seed=1,
        puts=_puts(0.0, 300.0, 400.0, 500.0),
        faults=(
            _NOT_STORED,
            _refused("transcribe_call", "s3.GetObject", "AccessDenied", begin=300.0, seconds=190.0),
        ),
    ),
    "a content that comes back": _back(),
    "a version between two with one content, stored last": History(
        seed=1,
        puts=(*_puts(0.0), *_puts(20.0, content=1), *_puts(60.0)),
        outages=(Outage(kind="503", begin=20.0, seconds=200.0),),
    ),
    "an older version, stored last": History(
        seed=1, puts=(*_puts(0.0), *_puts(201.0, content=1)), outages=(Outage(kind="503", begin=0.0, seconds=200.0),)
    ),
    "a copy that failed behind the storing of it, after which the first was repeated": History(
        seed=1,
        puts=_puts(0.0, 300.0),
        redrives=(Redrive(at=400.0, claims=False),),
        faults=(_NOT_STORED, _refused("machine", "events.", "ThrottlingException", begin=300.0, seconds=3 * HOUR)),
    ),
    "a call of which nobody hears that it is completed, and the same bytes again": History(
        seed=1,
        puts=_puts(0.0, 33.0),
        faults=(Fault(kind=f.SLOW, by="machine", of="dynamodb.", begin=5.0, seconds=HOUR, delay=30.0),),
    ),
    "a recording that is deleted when its transcript is stored, and not announced": History(
        seed=1,
        puts=_puts(0.0),
        deletes=(Delete(at=300.0, call=0),),
        faults=(_refused("machine", "events.", "ThrottlingException", seconds=3 * HOUR),),
    ),
    "an execution that is stopped, and whose repetition fails before it can claim the recording": History(
        seed=1,
        puts=_puts(0.0),
        stops=(Stop(at=5.0),),
        redrives=(Redrive(at=20.0, claims=False),),
        faults=(Fault(kind=f.CUT, by="admit_recording", of="s3.", begin=10.0, seconds=3 * HOUR),),
    ),
    "a recording that waits for its live transcript, told again, and neither can be admitted any more": History(
        seed=1,
        deployment="keep",
        puts=(Put(at=145.0, call=1, content=3, told=(1.0, 120.0)),),
        lives=(Live(call=1, begins=45.0, ends=1245.0, outcome="complete", stored=1800.0),),
        faults=(_refused("admit_recording", "dynamodb.", "ThrottlingException", begin=153.0, seconds=600.0),),
    ),
    "another version where the first is kept": _back("keep"),
    "a recording that failed, and is repeated when another one is to be kept": History(
        seed=1, deployment="keep", puts=(*_puts(0.0), *_puts(300.0, content=1)), faults=(_NOT_STORED,)
    ),
    "an archive that takes no reply for a minute": History(
        seed=1,
        puts=_puts(0.0),
        faults=(_refused("transcribe_call", "s3.PutObject", "AccessDenied", begin=5.0, seconds=60.0),),
    ),
    "a place of a reply to which somebody else always writes": History(
        seed=1,
        puts=_puts(0.0),
        faults=(_refused("transcribe_call", "s3.PutObject", "ConditionalRequestConflict", seconds=3 * DAY),),
    ),
    "a second delivery that looks before the reply and makes room after it": History(
        seed=1,
        puts=_puts(0.0),
        again=(Again(at=6.0),),
        faults=(Fault(kind=f.SLOW, by="transcribe_call", of="s3.HeadObject", begin=6.0, seconds=HOUR, delay=9.0),),
    ),
    "a speech service that is out for a while": History(
        seed=1, puts=_puts(0.0), outages=(Outage(kind="503", begin=0.0, seconds=120.0),)
    ),
    "a failure of which nobody can be told": History(
        seed=1,
        puts=_puts(0.0, content=-1),
        faults=(_refused("machine", "sqs.", "AccessDenied", seconds=3 * HOUR),),
    ),
    "a live transcript that stands for the recording": History(
        seed=1, deployment="sparing", puts=_puts(60.0, content=3, call=1), lives=(_LIVE,)
    ),
    "a live transcript of a part of the recording": History(
        seed=1,
        deployment="sparing",
        puts=_puts(60.0, content=3, call=1),
        lives=(Live(call=1, begins=0.0, ends=15.0, outcome="partial", stored=1.0),),
    ),
    "a recording that is wanted although a live transcript stands for it": History(
        seed=1,
        deployment="sparing",
        puts=_puts(60.0, content=3, call=1),
        lives=(_LIVE,),
        redrives=(Redrive(at=600.0, claims=False, covered=1),),
    ),
    "a copy of a recording that is wanted although a live transcript stands for it": History(
        seed=1,
        deployment="sparing",
        puts=tuple(
            put for at, content in ((60.0, 3), (120.0, 4), (180.0, 3)) for put in _puts(at, content=content, call=1)
        ),
        lives=(_LIVE,),
        redrives=(Redrive(at=600.0, claims=False, covered=1),),
    ),
    "a recording that nobody wants, of a live call that failed": History(
        seed=1,
        deployment="never",
        puts=_puts(60.0, content=3, call=1),
        lives=(Live(call=1, begins=0.0, ends=15.0, outcome="failed", stored=1.0),),
    ),
    "a recording that somebody wants after all, of a live call that failed": History(
        seed=1,
        deployment="never",
        puts=_puts(60.0, content=3, call=1),
        lives=(Live(call=1, begins=0.0, ends=15.0, outcome="failed", stored=1.0),),
        redrives=(Redrive(at=600.0, claims=False, covered=1),),
    ),
    "a live transcript that is waited for": History(
        seed=1, deployment="sparing", puts=_puts(5.0, content=3, call=1), lives=(_LIVE,)
    ),
    "an older recording, stored when the live transcript stands for a newer one": History(
        seed=1,
        deployment="sparing",
        puts=(*_puts(0.0, content=4, call=1), *_puts(120.0, content=3, call=1)),
        lives=(Live(call=1, begins=60.0, ends=75.0, outcome="complete", stored=1.0),),
        outages=(Outage(kind="503", begin=0.0, seconds=600.0),),
    ),
    "a reply that is not to be kept": History(seed=1, deployment="deleting", puts=_puts(0.0)),
    "a reply that is not to be kept, and cannot be deleted": History(
        seed=1,
        deployment="deleting",
        puts=_puts(0.0),
        faults=(_refused("machine", "s3.DeleteObject", "AccessDenied", seconds=HOUR),),
    ),
    "the same bytes after their reply was deleted": History(seed=1, deployment="deleting", puts=_puts(0.0, 600.0)),
    "an analysis whose function ends before the answer is stored": History(
        seed=1,
        deployment="analysed",
        puts=_puts(0.0),
        faults=(Fault(kind=f.KILL, by="analyse_call", of="s3.PutObject", seconds=HOUR, times=1),),
    ),
    "an analysis that the archive does not take": History(
        seed=1,
        deployment="analysed",
        puts=_puts(0.0),
        faults=(_refused("analyse_call", "s3.PutObject", "AccessDenied", seconds=HOUR),),
    ),
    "an analysis whose function ends when it is shown": History(
        seed=1,
        deployment="analysed",
        puts=_puts(0.0),
        faults=(Fault(kind=f.KILL_AFTER, by="analyse_call", of="dynamodb.UpdateItem", seconds=HOUR, times=1),),
    ),
    "an analysis that two functions make at once": History(
        seed=1,
        deployment="analysed",
        puts=_puts(0.0),
        faults=(Fault(kind=f.LOSE, by="machine", of="lambda.", about="Analyse", seconds=HOUR, times=1),),
    ),
    "an analysis that cannot be shown, and is then": History(
        seed=1,
        deployment="analysed",
        puts=_puts(0.0),
        faults=(Fault(kind=f.CUT, by="analyse_call", of="dynamodb.UpdateItem", seconds=HOUR, times=4),),
    ),
    "a model whose first answers are of no use, and one of them gets lost": History(
        seed=1,
        deployment="analysed",
        puts=_puts(0.0),
        faults=(Fault(kind=f.LOSE, by="analyse_call", of="bedrock-runtime.", begin=25.0, seconds=HOUR, times=1),),
        analyst=(Outage(kind="invalid", begin=0.0, seconds=25.0),),
    ),
    "a model that declines, and a repetition that it answers": History(
        seed=1,
        deployment="analysed",
        puts=_puts(0.0),
        faults=(_refused("machine", "events.", "ThrottlingException", seconds=3 * HOUR),),
        analyst=(Outage(kind="refusing", begin=0.0, seconds=300.0),),
    ),
    "a function of analyses that always ends": History(
        seed=1,
        deployment="analysed",
        puts=_puts(0.0),
        faults=(Fault(kind=f.KILL, by="analyse_call", seconds=HOUR),),
    ),
    "a newer recording, stored while the older one is analysed": History(
        seed=1,
        deployment="analysed",
        puts=(*_puts(0.0), *_puts(0.0, content=1)),
        faults=(Fault(kind=f.SLOW, by="analyse_call", of="bedrock-runtime.", seconds=HOUR, times=1, delay=50.0),),
    ),
    "a new recording of a call that had a recording before its live transcript": History(
        seed=1,
        deployment="sparing",
        puts=(*_puts(0.0, content=3, call=1), *_puts(1300.0, content=4, call=1)),
        lives=(Live(call=1, begins=120.0, ends=1200.0, outcome="complete", stored=1.0),),
    ),
}
"""By what meets."""
