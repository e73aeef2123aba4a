"""What the streamer is told by its environment."""

from typing import Annotated, Literal

from msgspec import Meta

from callscribe.contract.limits import LONGEST_IDLE_SECONDS, LONGEST_LEASE_SECONDS, LONGEST_LIVE_CALL_SECONDS
from callscribe.conversation.flags import FlagSetFile
from callscribe.deepgram.options import TranscriptionOptions
from callscribe.environments.variables import Days, Environment


class StreamerEnvironment(Environment, frozen=True, kw_only=True):
    """What a streamer is told.

    Attributes:
        aws_region: AWS Region.
        table_name: Table of live calls and utterances.
        calls_queue_url: Queue of announced calls.
        failed_calls_queue_url: Its dead-letter queue.
        deepgram_secret_arn: Secret with Deepgram's key.
        deepgram_options: What Deepgram is asked for.
        deepgram_stream_url: Where Deepgram's streaming API is, without path or trailing slash.
        vocabulary_path: Parameter Store path of the clinics' vocabularies.
        feed_url: AppSync Events' HTTP endpoint; None publishes nothing.
        event_bus_name: Where finished calls are announced, and urgent ones at once.
        flags: Name of the flag set.
        own_flags: The flag set itself, where it is none that ships.
        role_names: What the parties are called where people read the call, by role; None where as their roles.
        service_name: Dimension of the metrics, and on every log line.
        slots: Calls at once.
        lease_seconds: How long a call stays with a streamer that has stopped renewing.
        max_call_seconds: Longest call.
        idle_limit_seconds: Silence of the stream after which a call counts as over though nothing proves it.
        start_wait_seconds: How long a stream may take to bring the first audio.
        buffer_seconds: Audio of a call that may wait for Deepgram's final results.
        retention_days: How long states and utterances are kept; None is for ever.
        log_level: Name of the lowest level logged.
        health_host: IP address on which the health check is answered. By default only the container itself reaches it,
            from where ECS asks (`streamer.health`).
        health_port: TCP port of the health check; 0 takes a free one.
    """

    aws_region: str
    table_name: str
    calls_queue_url: str
    failed_calls_queue_url: str
    deepgram_secret_arn: str
    deepgram_options: TranscriptionOptions
    deepgram_stream_url: str
    vocabulary_path: str
    feed_url: str | None = None
    event_bus_name: str
    flags: str
    own_flags: FlagSetFile | None = None
    role_names: dict[str, str] | None = None
    service_name: str
    slots: Annotated[int, Meta(ge=1, le=1_000)]
    lease_seconds: Annotated[float, Meta(ge=3, le=LONGEST_LEASE_SECONDS)]
    max_call_seconds: Annotated[float, Meta(ge=1, le=LONGEST_LIVE_CALL_SECONDS)]
    idle_limit_seconds: Annotated[float, Meta(ge=1, le=LONGEST_IDLE_SECONDS)]
    start_wait_seconds: Annotated[float, Meta(ge=1, le=LONGEST_IDLE_SECONDS)]
    buffer_seconds: Annotated[float, Meta(ge=5, le=600)]
    retention_days: Days | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    health_host: Annotated[str, Meta(pattern="^[0-9a-fA-F.:]+$")] = "127.0.0.1"
    health_port: Annotated[int, Meta(ge=0, le=65_535)]
