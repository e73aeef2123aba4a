"""Which objects are recordings: the rule that starts an execution for each, and the one that collects what broke."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final
from weakref import WeakKeyDictionary

import jsii
from aws_cdk import Annotations, Duration, Stack, Stage, Token
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.interfaces.aws_events import IRuleRef
from constructs import Construct

from callscribe.recordings.keys import AUDIO_EXTENSIONS, CONNECT_FOLDER, OWN_FOLDER
from constructs_lib import _keys, _nag
from constructs_lib._checks import quoted, texts
from constructs_lib._state_machine.failures import UNREACHABLE

_OWN_LAYOUT: Final = f"{OWN_FOLDER}/"
_CONNECTS_LAYOUT: Final = f"{CONNECT_FOLDER}/"

# Errors of executions that are not among the failed calls. States.ALL does not catch the first two (AWS: "Handling
# errors in Step Functions workflows").
_SILENT = ["States.DataLimitExceeded", "States.Runtime", UNREACHABLE]
# The most that EventBridge offers (AWS: "How EventBridge retries delivering events").
_MOST_DELIVERIES = 185
_LONGEST_DELIVERY = Duration.hours(24)
_STARTED_FOR: Final[WeakKeyDictionary[Construct, tuple[str, tuple[str, ...]]]] = WeakKeyDictionary()
"""Bucket and prefixes for which executions are started, by the construct that starts them; of all apps."""
_LONGEST_PATTERN = 2048  # characters (AWS: "Amazon EventBridge quotas")


def start_on_recordings(
    scope: Construct,
    *,
    recordings: s3.IBucket,
    key_prefixes: Sequence[str],
    state_machine: sfn.IStateMachine,
    failed_calls: sqs.IQueue,
) -> events.Rule:
    """Start an execution of *state_machine* for each new recording.

    Args:
        scope: Parent construct.
        recordings: Where they are.
        key_prefixes: Prefixes of their keys; none for any key.
        state_machine: What is started.
        failed_calls: Where an event goes that it cannot be started for.

    Raises:
        ValueError: If a prefix is none, or they are too many for a rule.
    """
    _warn_of_events_elsewhere(scope, recordings)
    _warn_of_others(scope, recordings, texts("key_prefixes", key_prefixes))
    rule = events.Rule(
        scope,
        "NewRecording",
        description="Starts the transcription of each new recording",
        event_pattern=events.EventPattern(
            source=["aws.s3"],
            detail_type=["Object Created"],
            detail={"bucket": {"name": [recordings.bucket_name]}, "object": {"key": _key_patterns(key_prefixes)}},
        ),
    )
    role = iam.Role(scope, "RuleRole", assumed_by=iam.ServicePrincipal("events.amazonaws.com"))
    rule.add_target(
        targets.SfnStateMachine(
            state_machine,
            role=role,
            dead_letter_queue=failed_calls,
            retry_attempts=_MOST_DELIVERIES,
            max_event_age=_LONGEST_DELIVERY,
        )
    )
    _nag.acknowledge(role, _nag.INLINE_POLICY)
    return rule


def _warn_of_events_elsewhere(scope: Construct, recordings: s3.IBucket) -> None:
    """Warn of a bucket whose events do not come here by themselves."""
    here, there = Stack.of(scope), recordings.env
    for what, ours, theirs in (("region", here.region, there.region), ("account", here.account, there.account)):
        if ours != theirs and not Token.is_unresolved(ours) and not Token.is_unresolved(theirs):
            Annotations.of(scope).add_warning_v2(
                f"callscribe:recordings-{what}",
                f"the recordings are in {what} {theirs} and this stack in {ours}: S3 tells the event bus of its own "
                f"{what} alone, so nothing is transcribed until a rule there sends its events here",
            )


def _warn_of_others(scope: Construct, recordings: s3.IBucket, prefixes: tuple[str, ...]) -> None:
    """Warn of two workflows of one stage that are started for the same recording."""
    for other, (bucket, others) in _STARTED_FOR.items():
        if (
            bucket == recordings.bucket_name
            and Stage.of(other) is Stage.of(scope)
            and any(
                ours.startswith(theirs) or theirs.startswith(ours) for ours in prefixes or [""] for theirs in others
            )
        ):
            Annotations.of(scope).add_warning_v2(
                "callscribe:sameRecordings",
                f"{other.node.path} transcribes the same recordings: with tables of their own each is paid for "
                "twice, with one table whichever comes first takes it; tell them apart by key_prefixes, or drop one",
            )
    _STARTED_FOR[scope] = (recordings.bucket_name, prefixes or ("",))


def collect_silent_ends(
    scope: Construct, *, state_machine: sfn.IStateMachine, failed_calls: sqs.IQueue, stranded_calls: sqs.IQueue
) -> None:
    """Send executions to the failed calls that ended without being able to do so themselves."""
    events.Rule(
        scope,
        "SilentEnd",
        description="Keeps the calls of executions that were stopped, ran out of time or broke",
        event_pattern=events.EventPattern(
            source=["aws.states"],
            detail_type=["Step Functions Execution Status Change"],
            detail={
                "stateMachineArn": [state_machine.state_machine_arn],
                "$or": [{"status": ["ABORTED", "TIMED_OUT"]}, {"status": ["FAILED"], "error": _SILENT}],
            },
        ),
        targets=[_FailedCalls(failed_calls, stranded_calls)],
    )


@jsii.implements(events.IRuleTarget)
class _FailedCalls:
    """A queue as a rule's target, which only that rule may write to.

    CDK's own leaves an encrypted queue open to EventBridge of every account where the app has not set the feature flag
    ``@aws-cdk/aws-events:eventsTargetQueueSameAccount``, and the key with it.
    """

    def __init__(self, queue: sqs.IQueue, dead_letters: sqs.IQueue) -> None:
        self._queue, self._dead_letters = queue, dead_letters

    def bind(self, rule: IRuleRef, id: str | None = None) -> events.RuleTargetConfig:  # noqa: A002, ARG002
        for queue in (self._queue, self._dead_letters):
            queue.add_to_resource_policy(
                iam.PolicyStatement(
                    actions=["sqs:SendMessage"],
                    principals=[iam.ServicePrincipal("events.amazonaws.com")],
                    resources=[queue.queue_arn],
                    conditions={**_keys.same_account(), "ArnEquals": {"aws:SourceArn": rule.rule_ref.rule_arn}},
                )
            )
        return events.RuleTargetConfig(
            arn=self._queue.queue_arn,
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self._dead_letters.queue_arn),
            retry_policy=events.CfnRule.RetryPolicyProperty(
                maximum_event_age_in_seconds=int(_LONGEST_DELIVERY.to_seconds()),
                maximum_retry_attempts=_MOST_DELIVERIES,
            ),
        )


def _key_patterns(key_prefixes: Sequence[str]) -> list[dict[str, str]]:
    if wild := [prefix for prefix in texts("key_prefixes", key_prefixes) if "*" in prefix]:
        raise ValueError(f"key_prefixes {quoted(wild)} are not prefixes: name them without '*'")
    keys = [key for prefix in key_prefixes or [""] for key in _keys_of_recordings(prefix)]
    if len(json.dumps(keys)) > _LONGEST_PATTERN - 300:
        raise ValueError(
            f"{len(key_prefixes)} key_prefixes make an event pattern longer than EventBridge takes "
            f"({_LONGEST_PATTERN} characters): use fewer or shorter ones"
        )
    return keys


def _keys_of_recordings(prefix: str) -> list[dict[str, str]]:
    """Event patterns for what may be a recording below a prefix.

    Where recordings belong, every object counts, so that one in another format fails where somebody sees it; elsewhere
    the names of audio files do.
    """
    if prefix.startswith(_OWN_LAYOUT) or _CONNECTS_LAYOUT in prefix:
        return [{"prefix": prefix}]
    own = [{"prefix": _OWN_LAYOUT}] if _OWN_LAYOUT.startswith(prefix) else []
    suffixes = [case for extension in AUDIO_EXTENSIONS for case in (f".{extension}", f".{extension.upper()}")]
    elsewhere = [{"wildcard": f"{prefix}*{suffix}"} if prefix else {"suffix": suffix} for suffix in suffixes]
    return [*own, {"wildcard": f"{prefix}*{_CONNECTS_LAYOUT}*"}, *elsewhere]
