"""Settings of the streamer, from its environment."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Final, TypeVar

from callscribe.deepgram.options import InvalidOptions, TranscriptionOptions
from streamer import health

_MAX_SLOTS: Final = 1_000
_LONGEST_CALL: Final = timedelta(hours=11, minutes=45)
"""SQS hides a message for 12 hours at most, counted from its receipt (SQS Developer Guide, "Amazon SQS visibility
timeout"). A call must be over before."""

_T = TypeVar("_T")


class InvalidSettings(Exception):
    """The environment does not describe a streamer; the message names every variable that is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a streamer is told by its environment.

    Attributes:
        region: AWS region.
        table_name: Table of live calls and utterances.
        calls_queue_url: Queue of announced calls.
        failed_calls_queue_url: Its dead-letter queue.
        deepgram_secret_arn: Secret with Deepgram's key.
        deepgram_options: What Deepgram is asked for.
        deepgram_stream_url: Where Deepgram's streaming API is, without a path.
        vocabulary_path: Parameter Store path of the clinics' vocabularies.
        feed_url: AppSync Events' HTTP endpoint; "" publishes nothing.
        event_bus_name: Where finished calls are announced.
        service_name: Dimension of the metrics, and on every log line.
        slots: Calls at once.
        lease: How long a call stays with a streamer that has stopped renewing.
        max_call: Longest call.
        idle_limit: Silence of the stream after which a call counts as over though nothing proves it.
        start_wait: How long a stream may take to bring the first audio.
        buffer: Audio of a call that may wait for Deepgram's final results.
        retention: How long states and utterances are kept; `None` is for ever.
        log_level: Name of the lowest level logged.
        health_host: IP address on which the health check is answered. By default only the container itself reaches it,
            from where ECS asks (`streamer.health`).
        health_port: TCP port of the health check; 0 takes a free one.
        ecs_agent_uri: ECS agent of the task; "" protects nothing.
    """

    region: str
    table_name: str
    calls_queue_url: str
    failed_calls_queue_url: str
    deepgram_secret_arn: str
    deepgram_options: TranscriptionOptions
    deepgram_stream_url: str
    vocabulary_path: str
    feed_url: str
    event_bus_name: str
    service_name: str
    slots: int
    lease: timedelta
    max_call: timedelta
    idle_limit: timedelta
    start_wait: timedelta
    buffer: timedelta
    retention: timedelta | None
    log_level: str
    health_host: str
    health_port: int
    ecs_agent_uri: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings.

        Raises:
            InvalidSettings: A variable is missing or has no usable value.
        """
        read = _Reader(environment)
        settings = cls(
            region=read.text("AWS_REGION"),
            table_name=read.text("TABLE_NAME"),
            calls_queue_url=read.text("CALLS_QUEUE_URL"),
            failed_calls_queue_url=read.text("FAILED_CALLS_QUEUE_URL"),
            deepgram_secret_arn=read.text("DEEPGRAM_SECRET_ARN"),
            deepgram_options=read.value("DEEPGRAM_OPTIONS", TranscriptionOptions.from_json, TranscriptionOptions()),
            deepgram_stream_url=read.text("DEEPGRAM_STREAM_URL").rstrip("/"),
            vocabulary_path=read.text("VOCABULARY_PATH"),
            feed_url=environment.get("FEED_URL", ""),
            event_bus_name=read.text("EVENT_BUS_NAME"),
            service_name=read.text("SERVICE_NAME"),
            slots=read.whole("SLOTS", at_least=1, at_most=_MAX_SLOTS),
            lease=read.seconds("LEASE_SECONDS", at_least=3, at_most=300),
            max_call=read.seconds("MAX_CALL_SECONDS", at_least=1, at_most=_LONGEST_CALL.total_seconds()),
            idle_limit=read.seconds("IDLE_LIMIT_SECONDS", at_least=1, at_most=3_600),
            start_wait=read.seconds("START_WAIT_SECONDS", at_least=1, at_most=3_600),
            buffer=read.seconds("BUFFER_SECONDS", at_least=5, at_most=600),
            retention=read.days("RETENTION_DAYS"),
            log_level=read.value("LOG_LEVEL", _log_level, "INFO"),
            health_host=read.address("HEALTH_HOST", otherwise=health.HOST),
            health_port=read.whole("HEALTH_PORT", at_least=0, at_most=65_535),
            ecs_agent_uri=environment.get("ECS_AGENT_URI", ""),
        )
        read.raise_errors()
        return settings


def _log_level(name: str) -> str:
    if name not in logging.getLevelNamesMapping():
        raise ValueError("is no level of Python's logging")
    return name


class _Reader:
    """Reads variables and collects what is wrong with them, so that one start shows all of it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._errors: list[str] = []

    def value(self, name: str, parse: Callable[[str], _T], otherwise: _T) -> _T:
        text = self._environment.get(name, "")
        if not text:
            self._errors.append(f"{name} is missing")
            return otherwise
        try:
            return parse(text)
        except InvalidOptions as error:
            self._errors.append(f"{name}: {error}")
        except ValueError as error:
            self._errors.append(f"{name} {error}")
        return otherwise

    def text(self, name: str) -> str:
        return self.value(name, str, "")

    def whole(self, name: str, *, at_least: int, at_most: int) -> int:
        def parse(text: str) -> int:
            if not (text.isdecimal() and at_least <= int(text) <= at_most):
                raise ValueError(f"must be a whole number from {at_least} to {at_most}")
            return int(text)

        return self.value(name, parse, at_least)

    def seconds(self, name: str, *, at_least: float, at_most: float) -> timedelta:
        def parse(text: str) -> timedelta:
            try:
                number = float(text)
            except ValueError:
                number = -1.0
            if not at_least <= number <= at_most:
                raise ValueError(f"must be seconds from {at_least:g} to {at_most:g}")
            return timedelta(seconds=number)

        return self.value(name, parse, timedelta(seconds=at_least))

    def days(self, name: str) -> timedelta | None:
        text = self._environment.get(name, "")
        if text and not (text.isdecimal() and int(text) > 0):
            self._errors.append(f"{name} must be a number of days, or empty")
            return None
        return timedelta(days=int(text)) if text else None

    def address(self, name: str, *, otherwise: str) -> str:
        text = self._environment.get(name, "") or otherwise
        try:
            ip_address(text)
        except ValueError:
            self._errors.append(f"{name} must be an IP address, or empty for {otherwise}")
        return text

    def raise_errors(self) -> None:
        if self._errors:
            raise InvalidSettings("; ".join(self._errors))
