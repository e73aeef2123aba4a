"""Alarms and a dashboard for the operators of a workflow."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct


def create_alarms(
    scope: Construct,
    *,
    failed_calls: cloudwatch.IMetric,
    oldest_waiting_call: cloudwatch.IMetric,
    executions_failed: cloudwatch.IMetric,
    executions_timed_out: cloudwatch.IMetric,
    rate_limited: cloudwatch.IMetric,
    longest_wait: Duration,
) -> dict[str, cloudwatch.Alarm]:
    """Create the alarms below *scope*, by construct id."""

    def alarm(
        construct_id: str, metric: cloudwatch.IMetric, description: str, *, above: float, periods: int = 1
    ) -> None:
        alarms[construct_id] = cloudwatch.Alarm(
            scope,
            construct_id,
            metric=metric,
            alarm_description=description,
            threshold=above,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    alarms: dict[str, cloudwatch.Alarm] = {}
    alarm("FailedCalls", failed_calls, "Calls have failed: mend the cause, then repeat them with the redrive", above=0)
    alarm(
        "OldestWaitingCall",
        oldest_waiting_call,
        "Calls wait too long for Deepgram: raise the limit of parallel requests or find out what holds them up",
        above=longest_wait.to_seconds(),
    )
    alarm(
        "ExecutionsFailed", executions_failed, "Executions have failed: see the failed calls for the reasons", above=0
    )
    alarm(
        "ExecutionsTimedOut",
        executions_timed_out,
        "Executions ran out of time: their calls are not transcribed",
        above=0,
    )
    alarm(
        "RateLimited",
        rate_limited,
        "Deepgram keeps refusing requests: something else uses the project, or its limit is below the configured one",
        above=0,
        periods=3,
    )
    return alarms


def create_dashboard(
    scope: Construct, *, graphs: Mapping[str, list[cloudwatch.IMetric]], alarms: Mapping[str, cloudwatch.Alarm]
) -> cloudwatch.Dashboard:
    """Create a dashboard below *scope*: the alarms, then *graphs* by title, two to a row."""
    dashboard = cloudwatch.Dashboard(scope, "Dashboard", period_override=cloudwatch.PeriodOverride.AUTO)
    dashboard.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=[*alarms.values()], width=24, height=3))
    widgets = [cloudwatch.GraphWidget(title=title, left=left, width=12) for title, left in graphs.items()]
    for row in range(0, len(widgets), 2):
        dashboard.add_widgets(*widgets[row : row + 2])
    return dashboard
