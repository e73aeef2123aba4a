"""What operators of a live streamer look at."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from callscribe.contract.metrics import NAMESPACE, SERVICE_DIMENSION, StreamerCount, StreamerGauge, StreamerMaximum
from constructs_lib._monitoring import Alarms, add_conflict_alarm, create_dashboard
from constructs_lib.alarm_settings import AlarmSettings

_MINUTE = Duration.minutes(1)
_MOSTLY_TAKEN_PERCENT = 90
_FAR_BEHIND_MS = 10_000
_LONG_WAIT_MS = 15_000
# Some reconnections are daily business (GetMedia ends after 45 minutes at the latest); a storm of them is not.
_MANY_RECONNECTS = 50


class LiveMetrics:
    """The metrics that streamers write, and those of their queues.

    Args:
        service: Name under which the streamers write.
        queue: Calls waiting and running.
        failed_calls: Calls that failed.
    """

    def __init__(self, *, service: str, queue: sqs.IQueue, failed_calls: sqs.IQueue) -> None:
        self._service, self._queue, self._failed_calls = service, queue, failed_calls

    def of_streamers(self, name: str, *, statistic: str = "Sum", period: Duration = _MINUTE) -> cloudwatch.Metric:
        """Read a metric that all streamers of the service write."""
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map={SERVICE_DIMENSION: self._service},
            period=period,
            statistic=statistic,
        )

    def failed_calls(self) -> cloudwatch.Metric:
        return self._failed_calls.metric_approximate_number_of_messages_visible(period=_MINUTE, statistic="Maximum")

    def waiting_calls(self) -> cloudwatch.Metric:
        return self._queue.metric_approximate_number_of_messages_visible(period=_MINUTE, statistic="Minimum")

    def running_calls(self) -> cloudwatch.Metric:
        return self._queue.metric_approximate_number_of_messages_not_visible(period=_MINUTE, statistic="Maximum")

    def slots_taken(self) -> cloudwatch.MathExpression:
        return cloudwatch.MathExpression(
            expression="100 * used / total",
            using_metrics={
                "used": self.of_streamers(StreamerGauge.SLOTS_USED, statistic="Average"),
                "total": self.of_streamers(StreamerGauge.SLOTS_TOTAL, statistic="Average"),
            },
            label="Slots taken (%)",
            period=_MINUTE,
        )


def create_live_alarms(
    scope: Construct,
    metrics: LiveMetrics,
    *,
    start_function: lambda_.IFunction,
    clinic_conflicts: cloudwatch.IMetric,
    settings: AlarmSettings,
) -> dict[str, cloudwatch.Alarm]:
    """Create the alarms of a streamer below *scope*, by construct id."""
    alarms = Alarms(scope, settings)
    five_minutes = Duration.minutes(5)
    # The contact flow goes on without transcription, so that nobody else would notice.
    alarms.add(
        "StartErrors",
        start_function.metric_errors(period=five_minutes),
        "Calls could not be registered and are not transcribed while they run: see the function's log",
        above=0,
    )
    alarms.add(
        "FailedCalls",
        metrics.failed_calls(),
        "Live calls have failed: fix the cause, then repeat them while their streams still hold the audio",
        above=0,
    )
    # Not the age of the oldest message: a call stays in the queue while it runs, and the age counts those too. So one
    # alarm looks at calls that nobody takes, and one at how long calls have waited that were taken.
    alarms.add(
        "WaitingCalls",
        metrics.waiting_calls(),
        "Calls wait for a streamer: all slots are taken, or no streamer takes calls",
        above=0,
        periods=2,
    )
    alarms.add(
        "LongWait",
        metrics.of_streamers(StreamerMaximum.WAITED_MS, statistic="Maximum"),
        "New calls wait long for a streamer, and their first words come late: more tasks are needed sooner",
        above=_LONG_WAIT_MS,
    )
    alarms.add(
        "SlotsExhausted",
        metrics.slots_taken(),
        "Nearly every slot is taken and scaling does not keep up: raise max_tasks, and Deepgram's limit with it",
        above=_MOSTLY_TAKEN_PERCENT,
        periods=3,
    )
    alarms.add(
        "Reconnects",
        metrics.of_streamers(StreamerCount.RECONNECTS, period=five_minutes),
        "Connections to Deepgram or Kinesis Video Streams break again and again: see the streamers' logs for the codes",
        above=_MANY_RECONNECTS,
    )
    alarms.add(
        "Gaps",
        metrics.of_streamers(StreamerCount.GAPS, period=five_minutes),
        "Pieces of calls are missing in their transcripts: the streams lack audio, or Deepgram's results were unusable",
        above=0,
    )
    alarms.add(
        "BehindLive",
        metrics.of_streamers(StreamerMaximum.BEHIND_LIVE_MS, statistic="Maximum"),
        "Transcripts lag behind their calls: Deepgram is slow or out of reach, or the tasks are overloaded",
        above=_FAR_BEHIND_MS,
        periods=3,
    )
    alarms.add(
        "RateLimited",
        metrics.of_streamers(StreamerCount.RATE_LIMITED, period=five_minutes),
        "Deepgram keeps refusing streams: something else uses the project, or its limit is below max_tasks x slots",
        above=0,
        periods=3,
    )
    alarms.add_silence(
        "NoStreamer",
        metrics.of_streamers(StreamerGauge.SLOTS_TOTAL, statistic="SampleCount"),
        "No streamer is running: see the service's events and the logs of its last tasks",
        periods=3,
    )
    add_conflict_alarm(alarms, clinic_conflicts)
    return alarms.checked()


def create_live_dashboard(
    scope: Construct, metrics: LiveMetrics, *, tasks: cloudwatch.IMetric, alarms: Mapping[str, cloudwatch.Alarm]
) -> cloudwatch.Dashboard:
    """Create the dashboard of a streamer below *scope*."""
    sums = metrics.of_streamers
    return create_dashboard(
        scope,
        graphs={
            "Calls": [metrics.waiting_calls(), metrics.running_calls()],
            "Streamers": [tasks, metrics.slots_taken()],
            "Ends": [
                sums(name)
                for name in (
                    StreamerCount.CALLS_STARTED,
                    StreamerCount.CALLS_COMPLETED,
                    StreamerCount.CALLS_INCOMPLETE,
                    StreamerCount.CALLS_FAILED,
                )
            ],
            "Behind live, waited (ms)": [
                sums(name, statistic="Maximum") for name in (StreamerMaximum.BEHIND_LIVE_MS, StreamerMaximum.WAITED_MS)
            ],
            "Trouble": [
                sums(name)
                for name in (
                    StreamerCount.RECONNECTS,
                    StreamerCount.RATE_LIMITED,
                    StreamerCount.GAPS,
                    StreamerCount.HAND_OVERS,
                    StreamerCount.LEASES_LOST,
                )
            ],
            "Words": [sums(StreamerCount.UTTERANCES_COMMITTED), sums(StreamerCount.FEED_DROPPED)],
        },
        alarms=alarms,
    )
