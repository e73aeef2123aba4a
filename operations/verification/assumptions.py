"""What is assumed of services that nobody could ask while this was written, and what a verification found of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Verdict(StrEnum):
    """What was found of an assumption."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    NOT_REACHED = "not reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """Something that is built upon and not known.

    Attributes:
        name: What it is called in reports and in docs/how-to/verify.md.
        statement: What is assumed.
        out_of_reach: Why a verification cannot tell, and what would; "" where it can.
    """

    name: str
    statement: str
    out_of_reach: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An assumption and what was found of it.

    Attributes:
        assumption: The assumption.
        verdict: What was found.
        evidence: What speaks for the verdict, or why there is none.
    """

    assumption: Assumption
    verdict: Verdict
    evidence: str


EMPTY_SECRET: Final = Assumption(
    name="empty-secret", statement="the stacks deploy while Deepgram's secret is still without a key"
)
TIME_SELECTOR: Final = Assumption(
    name="time-selector",
    statement="GetMedia from PRODUCER_TIMESTAMP begins with the fragment that holds the time or the one after it",
)
TOKEN_SELECTOR: Final = Assumption(
    name="token-selector",
    statement="GetMedia from CONTINUATION_TOKEN begins with the token's fragment or the next one; both are dealt with",
)
CATCHING_UP: Final = Assumption(
    name="catching-up", statement="GetMedia sends what a stream keeps faster than it was spoken"
)
SILENT_FINALIZE: Final = Assumption(
    name="silent-finalize",
    statement="Deepgram may leave Finalize unanswered for a channel on which nobody spoke; it is not waited for",
)
MULAW: Final = Assumption(
    name="mulaw", statement="Deepgram takes encoding=mulaw, and the words come back as with linear16"
)
MULTICHANNEL_SENTIMENT: Final = Assumption(
    name="multichannel-sentiment", statement="Deepgram rates the mood of recordings of two channels too"
)

QUOTA_NAMES: Final = Assumption(
    name="quota-names",
    statement="Service Quotas names the quotas of calls, streams and vCPUs as the doctor looks for them",
)

_CONNECT: Final = "takes a call through Amazon Connect: "
ASSUMPTIONS: Final = (
    EMPTY_SECRET,
    TIME_SELECTOR,
    TOKEN_SELECTOR,
    CATCHING_UP,
    SILENT_FINALIZE,
    MULAW,
    MULTICHANNEL_SENTIMENT,
    Assumption(
        name="retry-after",
        statement="Deepgram's 429 says how long to wait; without it the pauses grow by themselves",
        out_of_reach="Deepgram refuses nothing on request: look at its answers in the journal of a busy hour",
    ),
    Assumption(
        name="module-answer",
        statement="a flow module reads the answer of the function it invoked",
        out_of_reach=_CONNECT + "announce one with a clinic id that is not valid, and look at the flow's log",
    ),
    Assumption(
        name="second-start",
        statement="streaming that is started again has a later StartTimestamp",
        out_of_reach=_CONNECT + "stop and start streaming in a flow, and look at the call's starts_ms",
    ),
    Assumption(
        name="first-audio",
        statement="a call's first audio begins within two seconds of StartTimestamp",
        out_of_reach=_CONNECT + "a call that lacks its beginning says beginning-missing",
    ),
    Assumption(
        name="last-audio",
        statement="the last audio before a pause ends less than half a second before StopTimestamp",
        out_of_reach=_CONNECT + "stop streaming in a flow, start it again, and look for a gap right before the pause",
    ),
    Assumption(
        name="agent-joined",
        statement="the DISCONNECTED event has agentInfo.connectedToAgentTimestamp",
        out_of_reach=_CONNECT + "look at the live call's agent_joined_at",
    ),
    QUOTA_NAMES,
    Assumption(
        name="contact-attributes",
        statement="DescribeContact tells a contact's attributes itself",
        out_of_reach=_CONNECT + "count the requests for GetContactAttributes in CloudTrail",
    ),
    Assumption(
        name="transferred-attributes",
        statement="GetContactAttributes wants the initial contact's id for a transferred contact",
        out_of_reach=_CONNECT + "transfer one whose flow names its clinic by an attribute",
    ),
    Assumption(
        name="outbound-whisper",
        statement="an outbound whisper flow can stream and announce a call as an inbound flow does",
        out_of_reach=_CONNECT + "make an outbound one with the module in its whisper flow",
    ),
)
"""All of them, in the order of reports."""


def judged(assumption: Assumption, *, holds: bool, evidence: str) -> Judged:
    """What was seen speaks for an assumption or against it."""
    verdict = Verdict.CONFIRMED if holds else Verdict.REFUTED
    return Judged(assumption=assumption, verdict=verdict, evidence=evidence)


def not_reached(assumption: Assumption, why: str) -> Judged:
    """Nothing was seen of an assumption."""
    return Judged(assumption=assumption, verdict=Verdict.NOT_REACHED, evidence=why)


def completed(found: dict[str, Judged]) -> tuple[Judged, ...]:
    """Every assumption in order: what was found of it, or why nothing was."""
    return tuple(
        found.get(assumption.name)
        or not_reached(assumption, assumption.out_of_reach or "the verification did not come so far")
        for assumption in ASSUMPTIONS
    )
