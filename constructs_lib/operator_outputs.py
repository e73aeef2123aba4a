"""Outputs of a stack by which the command `callscribe` finds what a deployment consists of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from aws_cdk import CfnOutput
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from callscribe.contract.outputs import SCOPE, DeploymentOutput
from constructs_lib import _checks
from constructs_lib.connect_wiring import ConnectWiring
from constructs_lib.live_streamer import LiveStreamer
from constructs_lib.live_transcript_feed import LiveTranscriptFeed
from constructs_lib.transcript_search import TranscriptSearch
from constructs_lib.transcription_workflow import TranscriptionWorkflow


def export_for_operators(
    scope: Construct,
    *,
    recordings: s3.IBucket | None = None,
    table: dynamodb.ITable | None = None,
    archive: s3.IBucket | None = None,
    secret: secretsmanager.ISecret | None = None,
    workflow: TranscriptionWorkflow | None = None,
    streamer: LiveStreamer | None = None,
    feed: LiveTranscriptFeed | None = None,
    wiring: ConnectWiring | None = None,
    search: TranscriptSearch | None = None,
    default_clinic_id: str | None = None,
    time_zones: Mapping[str, str] | None = None,
    role_names: Mapping[str, str] | None = None,
) -> None:
    """Name parts in the outputs of their stack, so that ``callscribe … --stack NAME`` works on them.

    :class:`CallTranscription` does so itself. This is for apps that put the parts together: call it once in each stack,
    with the parts that are there, or once in one of them with all.

    Args:
        scope: Where the outputs are defined, below the id ``CallScribe``. Its path names the deployment where a stack
            has several.
        recordings: Bucket of the recordings.
        table: Table of transcripts, claims and live calls.
        archive: Bucket of replies and transcripts.
        secret: Deepgram's API key; its ARN is named, never its value.
        workflow: What transcribes recordings.
        streamer: What transcribes calls while they run.
        feed: Where their words can be followed.
        wiring: The Amazon Connect instance.
        search: What makes words of calls searchable.
        default_clinic_id: Whose calls are shown where the operator names no clinic.
        time_zones: Time zones in which operators are shown times, by clinic id, ``*`` for all others, as in
            ``{"*": "America/Chicago"}``. Default: UTC.
        role_names: What parties of a call are called where people read it, by role (``customer``, ``agent``,
            ``announcement``), as in ``{"customer": "patient"}``. Default: as the roles.

    Raises:
        ValueError: If *time_zones* names a zone, or *role_names* a role, that there is not.
    """
    below = Construct(scope, SCOPE)
    named: dict[DeploymentOutput, str] = {}
    if recordings is not None:
        named[DeploymentOutput.RECORDINGS] = recordings.bucket_name
    if table is not None:
        named[DeploymentOutput.TABLE] = table.table_name
    if archive is not None:
        named[DeploymentOutput.ARCHIVE] = archive.bucket_name
    if secret is not None:
        named[DeploymentOutput.DEEPGRAM_SECRET] = secret.secret_arn
    if feed is not None:
        named |= {DeploymentOutput.FEED_HTTP: feed.http_url, DeploymentOutput.FEED_REALTIME: feed.realtime_url}
    if default_clinic_id is not None:
        named[DeploymentOutput.DEFAULT_CLINIC] = default_clinic_id
    if zones := _checks.time_zones(time_zones):
        named[DeploymentOutput.TIME_ZONES] = json.dumps(zones)
    if names := _checks.role_names(role_names):
        named[DeploymentOutput.ROLE_NAMES] = json.dumps(names)
    named |= {
        **dict(_workflow(workflow)),
        **dict(_streamer(streamer)),
        **dict(_wiring(wiring)),
        **dict(_search(search)),
    }
    for name, value in named.items():
        CfnOutput(below, name, value=value, description="Read by the command callscribe")


def _workflow(workflow: TranscriptionWorkflow | None) -> Iterator[tuple[DeploymentOutput, str]]:
    if workflow is None:
        return
    yield DeploymentOutput.STATE_MACHINE, workflow.state_machine.state_machine_arn
    yield DeploymentOutput.WORK_QUEUE, workflow.queue.queue_url
    yield DeploymentOutput.FAILED_CALLS_QUEUE, workflow.failed_calls.queue_url
    yield DeploymentOutput.STRANDED_CALLS_QUEUE, workflow.stranded_calls.queue_url
    yield DeploymentOutput.STORE_FUNCTION, workflow.store_function.function_name
    yield DeploymentOutput.EVENT_BUS, workflow.bus.event_bus_name
    if workflow.analyse_function is not None:
        yield DeploymentOutput.ANALYSE_FUNCTION, workflow.analyse_function.function_name


def _streamer(streamer: LiveStreamer | None) -> Iterator[tuple[DeploymentOutput, str]]:
    if streamer is None:
        return
    yield DeploymentOutput.LIVE_CALLS_QUEUE, streamer.queue.queue_url
    yield DeploymentOutput.FAILED_LIVE_CALLS_QUEUE, streamer.failed_calls.queue_url
    yield DeploymentOutput.START_LIVE_CALL_FUNCTION, streamer.start_function.function_name
    yield DeploymentOutput.END_LIVE_CALL_FUNCTION, streamer.end_function.function_name
    yield DeploymentOutput.STREAMER_TASK_DEFINITION, streamer.task_definition.task_definition_arn
    yield DeploymentOutput.STREAMER_CLUSTER, streamer.cluster.cluster_name
    yield DeploymentOutput.STREAMER_SERVICE, streamer.service.service_name
    yield DeploymentOutput.MEDIA_STREAM_PREFIX, streamer.stream_prefix


def _search(search: TranscriptSearch | None) -> Iterator[tuple[DeploymentOutput, str]]:
    if search is not None:
        yield DeploymentOutput.SEARCH_FUNCTION, search.function.function_name
        yield DeploymentOutput.SEARCH_BUCKET, search.bucket.bucket_name


def _wiring(wiring: ConnectWiring | None) -> Iterator[tuple[DeploymentOutput, str]]:
    if wiring is not None:
        yield DeploymentOutput.CONNECT_INSTANCE, wiring.instance_arn
