"""What whoever follows a live call receives on its channel while it runs.

Messages can be missed; what is stored of a call, its utterances and its state, is in the table.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from msgspec import UNSET, UnsetType

from callscribe.contract.schema import SCHEMA_VERSION
from callscribe.conversation.reliability import Reliability
from callscribe.conversation.utterances import Role
from callscribe.live.call import LiveStatus, LiveText


@dataclass(frozen=True, slots=True, kw_only=True)
class InterimMessage:
    """What somebody is saying at the moment, as far as the service has understood it.

    The next message about the same channel replaces it.

    Attributes:
        type: `interim`.
        schema_version: version of the code that wrote it.
        channel: 0 the customer, 1 the agent.
        role: the part the speaker plays.
        text: the words.
        start: seconds from the origin of the call to the first word.
        end: seconds from the origin of the call to the end of the last word.
    """

    type: Literal["interim"] = "interim"
    schema_version: int = SCHEMA_VERSION
    channel: int
    role: Role
    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalMessage(LiveText):
    """Words that will not change any more and are in the table.

    Attributes:
        type: `final`.
        schema_version: version of the code that wrote it.
        reliability: whether what is concluded from the call can be relied on, as far as it is known so far; what is
            said later can change it. None where nobody has asked.
    """

    type: Literal["final"] = "final"
    schema_version: int = SCHEMA_VERSION
    reliability: Reliability | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateMessage:
    """Where the call stands now.

    Attributes:
        type: `state`.
        schema_version: version of the code that wrote it.
        status: where it stands.
        complete: whether it is proven that nothing of the call is missing; only in the message of its end.
        reliability: whether what is concluded from the call can be relied on, by what was said last; only in the
            message of its end. That of the whole call is in its transcript.
    """

    type: Literal["state"] = "state"
    schema_version: int = SCHEMA_VERSION
    status: LiveStatus
    complete: bool | UnsetType = UNSET
    reliability: Reliability | UnsetType = UNSET


FeedMessage: TypeAlias = InterimMessage | FinalMessage | StateMessage
