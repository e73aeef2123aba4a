"""How the transcript of a live call that has ended is stored."""

from __future__ import annotations

from dataclasses import replace

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from callscribe.contract.events import EVENT_SOURCE, LIVE_CALL_TRANSCRIBED
from callscribe.contract.object_keys import TRANSCRIPTS
from callscribe.contract.table_keys import CLINICS
from callscribe.environments.functions import StoreLiveTranscriptEnvironment
from constructs_lib import _checks, _grants, _nag
from constructs_lib._functions import RuntimeFunction, SharedByFunctions
from constructs_lib._judgement import Judgement
from constructs_lib._live_grants import allow_events, allow_live_items, leading_keys
from constructs_lib.deepgram_options import DeepgramOptions


def on_live_call_transcribed(
    scope: Construct, construct_id: str, *, bus: events.IEventBus, target: events.IRuleTarget
) -> events.Rule:
    """Send *target* one event for each live call that has ended."""
    _checks.check_target(scope, target)
    return events.Rule(
        scope,
        construct_id,
        event_bus=bus,
        event_pattern=events.EventPattern(source=[EVENT_SOURCE], detail_type=[LIVE_CALL_TRANSCRIBED]),
        targets=[target],
    )


class LiveStore:
    """The function that stores the transcript of each live call that has ended, and the rule that invokes it.

    Args:
        scope: Parent construct.
        shared: What the functions have in common.
        archive: Bucket for the transcripts.
        options: What Deepgram is asked for.
        bus: Where ends of calls, and then their transcripts, are announced.
        failed_calls: Where the ends of calls go that could not be stored.
        judgement: What calls are judged by.
        retention_days: Age at which transcripts are deleted from the table; None for never.
        role_names: What the parties are called where people read the call, by role; None where as their roles.
    """

    def __init__(
        self,
        scope: Construct,
        shared: SharedByFunctions,
        *,
        archive: s3.IBucket,
        options: DeepgramOptions,
        bus: events.IEventBus,
        failed_calls: sqs.IQueue,
        judgement: Judgement,
        retention_days: int | None,
        role_names: dict[str, str] | None,
    ) -> None:
        shared = replace(shared, encoder=judgement.encoder)
        store = RuntimeFunction(
            scope,
            "Store",
            shared,
            reads=StoreLiveTranscriptEnvironment,
            description="Stores the transcript of a live call that has ended",
            timeout=judgement.timeout,
            memory_mib=judgement.memory_mib,
            failed_events=failed_calls,
        )
        store.configure(
            StoreLiveTranscriptEnvironment(
                table_name=shared.table.table_name,
                archive_bucket=archive.bucket_name,
                deepgram_options=options.of_requests,
                deepgram_prices=options.prices,
                flags=judgement.flag_set.file.name,
                encoder_weights=shared.encoder_weights,
                rubric=judgement.rubric.name,
                retention_days=retention_days,
                event_bus_name=bus.event_bus_name,
                failed_calls_queue_url=failed_calls.queue_url,
                role_names=role_names,
            )
        )
        role = store.role
        allow_live_items(role, shared.table, "dynamodb:Query", write=False)
        _grants.allow_items(role, shared.table, "dynamodb:GetItem", "dynamodb:PutItem")
        # What people have corrected stands beside the transcripts.
        _grants.allow_items(role, shared.table, "dynamodb:Query", write=False, conditions=leading_keys(CLINICS))
        _grants.allow_objects(role, archive, "s3:PutObject", prefix=TRANSCRIPTS, write=True)
        allow_events(role, bus)
        _nag.acknowledge_wildcards(
            role, {archive.arn_for_objects(f"{TRANSCRIPTS}*"): "transcripts are named by clinic, day and call"}
        )
        on_live_call_transcribed(
            scope,
            "LiveCallTranscribed",
            bus=bus,
            target=targets.LambdaFunction(store.function, dead_letter_queue=failed_calls),
        )
        self.function = store.function
