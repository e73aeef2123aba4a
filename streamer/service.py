"""The streamer as a whole: one process, one event loop, as many calls as it has slots."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TextIO

from aiobotocore.session import AioSession

from callscribe.conversation.flags import read_flag_set
from callscribe.environments.streamer import StreamerEnvironment
from streamer.announcer import Announcer
from streamer.aws import Signer, config
from streamer.calls.call import Services
from streamer.calls.ending import EndLimits
from streamer.calls.intake import Intake
from streamer.calls.queue import LONG_POLL_SECONDS, CallQueue
from streamer.calls.store import CallStore
from streamer.deepgram.key import DeepgramKey
from streamer.deepgram.service import DeepgramStreams
from streamer.deepgram.session import SessionLimits
from streamer.feed import AppSyncPublisher
from streamer.http import HttpClient
from streamer.kinesis_video import KinesisVideo
from streamer.liveness import DEAD_SECONDS, Health
from streamer.metrics import Metrics
from streamer.protection import TaskProtection
from streamer.table import TableRequests
from streamer.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from streamer.speech import SpeechService


class Service:
    """A streamer; to be made while its event loop runs, by whose clock it waits.

    Args:
        environment: What it is told.
        ecs_agent_uri: ECS agent of the task; "" protects nothing.
        session: aiobotocore's session; by default one of its own.
        http: Asks the table, the live feed and the ECS agent; by default one of its own, which ends with it.
        end_limits: When calls are over; by default as *environment* says.
        session_limits: How much audio may wait for Deepgram, and how long; by default as *environment* says.
        speech: What transcribes; by default Deepgram, as *environment* says.
        metrics_stream: Where metrics are written.
        clock: Returns seconds since 1970.

    Attributes:
        health: Whether it lives.
        ready: Set once it takes calls.
        intake: Its calls; usable once it is ready.
        health_port: Where the health check is answered, once it is ready.
    """

    intake: Intake
    health_port: int

    def __init__(
        self,
        environment: StreamerEnvironment,
        *,
        ecs_agent_uri: str = "",
        session: AioSession | None = None,
        http: HttpClient | None = None,
        end_limits: EndLimits | None = None,
        session_limits: SessionLimits | None = None,
        speech: SpeechService | None = None,
        metrics_stream: TextIO = sys.stdout,
        clock: Callable[[], float] = time.time,
    ) -> None:
        # A loop waits for the renewal of leases at the most.
        self.health = Health(
            dead_seconds=max(DEAD_SECONDS, environment.lease_seconds), clock=asyncio.get_running_loop().time
        )
        self.ready = asyncio.Event()
        self._environment = environment
        self._ecs_agent_uri = ecs_agent_uri
        self._session: Any = session or AioSession()  # type: ignore[no-untyped-call]
        self._http = http
        self._clock = clock
        self._end_limits = end_limits or EndLimits(
            idle=environment.idle_limit_seconds,
            start_wait=environment.start_wait_seconds,
            call=environment.max_call_seconds,
        )
        self._session_limits = session_limits or replace(SessionLimits(), buffer=environment.buffer_seconds)
        self._speech = speech
        self._metrics = Metrics(
            service=environment.service_name, slots=environment.slots, stream=metrics_stream, clock=clock
        )
        self._drain_asked = False

    def drain(self) -> None:
        """Hand over all calls and end."""
        self._drain_asked = True
        self.health.draining = True
        if self.ready.is_set():
            self.intake.drain()

    async def run(self) -> None:
        """Serve until drained."""
        environment = self._environment
        async with AsyncExitStack() as stack:
            http = self._http
            if http is None:
                http = await stack.enter_async_context(HttpClient())
            protection = TaskProtection(agent_uri=self._ecs_agent_uri, http=http)
            self.intake = await self._intake(stack, http, protection)
            answering = self.health.serve(environment.health_host, environment.health_port)
            self.health_port = await stack.enter_async_context(answering)
            async with asyncio.TaskGroup() as tasks:
                beside = (tasks.create_task(self._metrics.run()), tasks.create_task(protection.run()))
                self.ready.set()
                if self._drain_asked:
                    self.intake.drain()
                await self.intake.run()
                for task in beside:
                    task.cancel()

    async def _intake(self, stack: AsyncExitStack, http: HttpClient, protection: TaskProtection) -> Intake:
        environment = self._environment
        signer = Signer(self._session, region=environment.aws_region, clock=self._clock)
        lease, days = timedelta(seconds=environment.lease_seconds), environment.retention_days

        async def client(name: str, **options: Any) -> Any:
            return await stack.enter_async_context(
                self._session.create_client(name, region_name=environment.aws_region, config=config(**options))
            )

        store = CallStore(
            dynamodb=TableRequests(await client("dynamodb"), signer=signer, http=http),
            table=environment.table_name,
            streamer=f"{socket.gethostname()}-{os.getpid()}",
            lease=lease,
            retention=None if days is None else timedelta(days=days),
            clock=lambda: datetime.fromtimestamp(self._clock(), UTC),
        )
        streams = await stack.enter_async_context(
            KinesisVideo(session=self._session, region=environment.aws_region, signer=signer)
        )
        announcer = Announcer(
            events=await client("events"), bus_name=environment.event_bus_name, role_names=environment.role_names
        )
        services = Services(
            store=store,
            streams=streams,
            speech=self._speech or await self._deepgram(client),
            vocabulary=Vocabulary(
                ssm=await client("ssm"), path=environment.vocabulary_path, clock=asyncio.get_running_loop().time
            ),
            publisher=AppSyncPublisher(url=environment.feed_url, signer=signer, http=http)
            if environment.feed_url
            else None,
            metrics=self._metrics,
            end_limits=self._end_limits,
            announcer=announcer,
            flag_set=read_flag_set(environment.own_flags or environment.flags),
        )
        return Intake(
            queue=CallQueue(
                sqs=await client("sqs", attempts=2, read_timeout=LONG_POLL_SECONDS + 10),
                url=environment.calls_queue_url,
                failed_calls_url=environment.failed_calls_queue_url,
                lease=lease,
            ),
            services=services,
            announcer=announcer,
            health=self.health,
            protection=protection,
            slots=environment.slots,
            lease=lease,
            clock=self._clock,
        )

    async def _deepgram(self, client: Callable[[str], Awaitable[Any]]) -> DeepgramStreams:
        environment = self._environment
        return DeepgramStreams(
            url=environment.deepgram_stream_url,
            key=DeepgramKey(
                secrets=await client("secretsmanager"),
                secret_arn=environment.deepgram_secret_arn,
                clock=asyncio.get_running_loop().time,
            ),
            options=environment.deepgram_options,
            limits=self._session_limits,
            clock=self._clock,
        )
