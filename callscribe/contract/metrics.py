"""Names of the metrics that functions and streamers write and that alarms and dashboards read."""

from enum import StrEnum
from typing import Final

NAMESPACE: Final = "CallScribe"
"""CloudWatch namespace of all metrics."""

SERVICE_DIMENSION: Final = "service"
"""The one dimension of every metric: the name under which a function or a streamer writes. Powertools calls it so for
the functions (Powertools for AWS Lambda (Python), "Metrics")."""


class FunctionMetric(StrEnum):
    """What functions count.

    `RATE_LIMITED`: the service's refusals for too many requests. `REQUESTS`: requests sent to it, refused and failed
    ones included. `AUDIO_SECONDS`: audio transcribed, whatever its channels. `TROUBLED_CALL_AGE`: how long a call has
    waited that could not be transcribed once more. `CLINIC_CONFLICTS`: what named another clinic than the call's, once
    for each. `CONTACTS_UNKNOWN`: calls of which Amazon Connect told neither agent nor queue. `ANALYST_REQUESTS`:
    requests sent to a language model. `ANALYSES_FAILED`: calls of which it has no opinion. `ANSWERS_DROPPED`: answers
    and citations of it that were left out because what they cite was not said, or they fit no question.
    `CONSOLE_REQUESTS`: requests to the console. `CALLS_VIEWED`: calls whose words, or recording, somebody asked the
    console for. `CALLS_INDEXED`: calls that were looked at anew for the search. `CALLS_WITHOUT_WORDS`: those of them
    whose document is not there or cannot be read. `WAVEFORMS_DRAWN`: waveforms of recordings. `WAVEFORMS_IMPOSSIBLE`:
    recordings that can have none.
    """

    RATE_LIMITED = "DeepgramRateLimited"
    REQUESTS = "DeepgramRequests"
    FAILURES = "DeepgramFailures"
    REQUEST_MILLISECONDS = "RequestMilliseconds"
    AUDIO_SECONDS = "AudioSeconds"
    REPLIES_HELD = "RepliesHeld"
    TROUBLED_CALL_AGE = "TroubledCallAge"
    MESSAGES_DROPPED = "MessagesDropped"
    MESSAGES_REFUSED = "MessagesRefused"
    MESSAGES_RETURNED = "MessagesReturned"
    CLINIC_CONFLICTS = "ClinicConflicts"
    CONTACTS_UNKNOWN = "ContactsUnknown"
    ANALYST_REQUESTS = "AnalystRequests"
    ANALYSES_FAILED = "AnalysesFailed"
    ANSWERS_DROPPED = "AnswersDropped"
    CONSOLE_REQUESTS = "ConsoleRequests"
    CALLS_VIEWED = "CallsViewed"
    CALLS_INDEXED = "CallsIndexed"
    CALLS_WITHOUT_WORDS = "CallsWithoutWords"
    WAVEFORMS_DRAWN = "WaveformsDrawn"
    WAVEFORMS_IMPOSSIBLE = "WaveformsImpossible"


class StreamerCount(StrEnum):
    """What streamers count."""

    CALLS_STARTED = "CallsStarted"
    CALLS_COMPLETED = "CallsCompleted"
    CALLS_INCOMPLETE = "CallsIncomplete"
    CALLS_FAILED = "CallsFailed"
    HAND_OVERS = "HandOvers"
    RECONNECTS = "Reconnects"
    GAPS = "Gaps"
    GAP_SECONDS = "GapSeconds"
    CLOCK_STEPS = "ClockSteps"
    RATE_LIMITED = "RateLimited"
    STALLS = "Stalls"
    UNKNOWN_MESSAGES = "UnknownMessages"
    UNREADABLE_MESSAGES = "UnreadableMessages"
    ODD_MESSAGES = "OddMessages"
    UTTERANCES_COMMITTED = "UtterancesCommitted"
    FEED_DROPPED = "FeedDropped"
    LEASES_LOST = "LeasesLost"
    MESSAGES_REFUSED = "MessagesRefused"


class StreamerMaximum(StrEnum):
    """What streamers measure and write the largest of."""

    BEHIND_LIVE_MS = "BehindLiveMs"
    WAITED_MS = "WaitedMs"


class StreamerGauge(StrEnum):
    """What streamers tell of themselves with every line."""

    SLOTS_USED = "SlotsUsed"
    SLOTS_TOTAL = "SlotsTotal"
