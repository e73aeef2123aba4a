"""Alarms and dashboards for the operators."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from constructs_lib import _keys


class Alarms:
    """Alarms below one construct, by construct id."""

    def __init__(self, scope: Construct) -> None:
        self._scope = scope
        self.by_id: dict[str, cloudwatch.Alarm] = {}

    def add(
        self, construct_id: str, metric: cloudwatch.IMetric, description: str, *, above: float, periods: int = 1
    ) -> None:
        """Add an alarm that goes off after *periods* of *metric* above a threshold."""
        self.by_id[construct_id] = cloudwatch.Alarm(
            self._scope,
            construct_id,
            metric=metric,
            alarm_description=description,
            threshold=above,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def add_silence(self, construct_id: str, metric: cloudwatch.IMetric, description: str, *, periods: int) -> None:
        """Add an alarm that goes off after *periods* in which nobody wrote *metric*."""
        self.by_id[construct_id] = cloudwatch.Alarm(
            self._scope,
            construct_id,
            metric=metric,
            alarm_description=description,
            threshold=1,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            evaluation_periods=periods,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
        )


def create_alarms(
    scope: Construct,
    *,
    failed_calls: cloudwatch.IMetric,
    stranded_calls: cloudwatch.IMetric,
    oldest_waiting_call: cloudwatch.IMetric,
    executions_failed: cloudwatch.IMetric,
    executions_timed_out: cloudwatch.IMetric,
    rate_limited: cloudwatch.IMetric,
    troubled_call_age: cloudwatch.IMetric,
    clinic_conflicts: cloudwatch.IMetric,
    longest_wait: Duration,
    failed_enrichments: cloudwatch.IMetric | None,
    failed_analyses: cloudwatch.IMetric | None,
) -> dict[str, cloudwatch.Alarm]:
    """Create the alarms of a workflow below *scope*, by construct id."""
    alarm = Alarms(scope)
    alarm.add(
        "FailedCalls", failed_calls, "Calls have failed: fix the cause, then repeat them with the redrive", above=0
    )
    alarm.add(
        "StrandedCalls",
        stranded_calls,
        "Failed calls could not be put into their queue for a day: fix the queue or its key, then repeat them",
        above=0,
    )
    alarm.add(
        "OldestWaitingCall",
        oldest_waiting_call,
        "Calls wait too long for Deepgram: raise the limit of parallel requests or find out what holds them up",
        above=longest_wait.to_seconds(),
    )
    alarm.add(
        "ExecutionsFailed", executions_failed, "Executions have failed: see the failed calls for the reasons", above=0
    )
    alarm.add(
        "ExecutionsTimedOut",
        executions_timed_out,
        "Executions ran out of time: their calls are not transcribed",
        above=0,
    )
    alarm.add(
        "RateLimited",
        rate_limited,
        "Deepgram keeps refusing requests: something else uses the project, or its limit is below the configured one",
        above=0,
        periods=3,
    )
    alarm.add(
        "LastingTrouble",
        troubled_call_age,
        "Calls have been tried for long without success: Deepgram is down or out of reach, or something of AWS's is",
        above=longest_wait.to_seconds(),
    )
    add_conflict_alarm(alarm, clinic_conflicts)
    if failed_enrichments is not None:
        alarm.add(
            "FailedEnrichments",
            failed_enrichments,
            "Enrichments have failed and their calls went on without: fix the cause, then repeat the step for them",
            above=0,
        )
    if failed_analyses is not None:
        alarm.add(
            "FailedAnalyses",
            failed_analyses,
            "The language model fails for call after call, which have what the rules say: see the function's log",
            above=0,
            periods=3,
        )
    return alarm.by_id


def add_conflict_alarm(alarms: Alarms, conflicts: cloudwatch.IMetric) -> None:
    """Add the alarm that somebody has to look whose calls these are."""
    alarms.add(
        "ClinicConflicts",
        conflicts,
        "Calls are claimed for two clinics; their words stay with one: list the calls, then fix flow or settings",
        above=0,
    )


def create_alarm_topic(scope: Construct, *, key: kms.IKey) -> sns.Topic:
    """Create the encrypted topic below *scope* that the account's alarms may write to."""
    topic = sns.Topic(scope, "AlarmTopic", master_key=key, enforce_ssl=True)
    _keys.allow_service(
        key, "cloudwatch.amazonaws.com", "kms:Decrypt", "kms:GenerateDataKey", conditions=_keys.same_account()
    )
    topic.add_to_resource_policy(
        iam.PolicyStatement(
            actions=["sns:Publish"],
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            resources=[topic.topic_arn],
            conditions=_keys.same_account(),
        )
    )
    return topic


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
