"""Alarms and dashboards for the operators."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from constructs_lib import _checks, _keys
from constructs_lib.alarm_settings import AlarmSettings


class Alarms:
    """Alarms below one construct, by construct id, as far as they are wanted."""

    def __init__(self, scope: Construct, settings: AlarmSettings) -> None:
        self._scope, self._settings = scope, settings
        self._known: list[str] = []
        self._silent: list[str] = []
        self._by_id: dict[str, cloudwatch.Alarm] = {}

    def add(
        self, construct_id: str, metric: cloudwatch.IMetric | None, description: str, *, above: float, periods: int = 1
    ) -> None:
        """Add an alarm that goes off after *periods* of *metric* above a threshold; none without a metric."""
        if not self._wanted(construct_id) or metric is None:
            return
        self._by_id[construct_id] = cloudwatch.Alarm(
            self._scope,
            construct_id,
            metric=metric,
            alarm_description=description,
            threshold=self._settings.thresholds.get(construct_id, above),
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def add_silence(self, construct_id: str, metric: cloudwatch.IMetric, description: str, *, periods: int) -> None:
        """Add an alarm that goes off after *periods* in which nobody wrote *metric*."""
        self._silent.append(construct_id)
        if not self._wanted(construct_id):
            return
        self._by_id[construct_id] = cloudwatch.Alarm(
            self._scope,
            construct_id,
            metric=metric,
            alarm_description=description,
            threshold=1,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            evaluation_periods=periods,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
        )

    def _wanted(self, construct_id: str) -> bool:
        self._known.append(construct_id)
        return self._settings.enabled and construct_id not in self._settings.without

    def checked(self) -> dict[str, cloudwatch.Alarm]:
        """Return the alarms that were added.

        Raises:
            ValueError: If the settings name another one, or want a threshold where there can be none.
        """
        for name in (*self._settings.without, *self._settings.thresholds):
            _checks.one_of("alarm", name, self._known)
            if name in self._silent and name in self._settings.thresholds:
                raise ValueError(f"alarm {name!r} goes off when nothing is heard and has no threshold: drop it")
        return self._by_id


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
    settings: AlarmSettings,
) -> dict[str, cloudwatch.Alarm]:
    """Create the alarms of a workflow below *scope*, by construct id."""
    alarm = Alarms(scope, settings)
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
    alarm.add(
        "FailedEnrichments",
        failed_enrichments,
        "Enrichments have failed and their calls went on without: fix the cause, then repeat the step for them",
        above=0,
    )
    alarm.add(
        "FailedAnalyses",
        failed_analyses,
        "The language model fails for call after call, which have what the rules say: see the function's log",
        above=0,
        periods=3,
    )
    return alarm.checked()


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
    """Create a dashboard below *scope*: the alarms, if there are any, then *graphs* by title, two to a row."""
    dashboard = cloudwatch.Dashboard(scope, "Dashboard", period_override=cloudwatch.PeriodOverride.AUTO)
    if alarms:
        status = cloudwatch.AlarmStatusWidget(title="Alarms", alarms=[*alarms.values()], width=24, height=3)
        dashboard.add_widgets(status)
    widgets = [cloudwatch.GraphWidget(title=title, left=left, width=12) for title, left in graphs.items()]
    for row in range(0, len(widgets), 2):
        dashboard.add_widgets(*widgets[row : row + 2])
    return dashboard
