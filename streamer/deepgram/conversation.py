"""What is said to Deepgram over one connection, and when."""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamer.deepgram.connection import MAX_AUDIO_BYTES, ConnectionLost
from streamer.deepgram.hearing import ROUNDING
from streamer.deepgram.messages import (
    CLOSE_STREAM,
    FINALIZE,
    KEEP_ALIVE,
    Error,
    MalformedMessage,
    Metadata,
    Results,
    Unknown,
    decode,
)
from streamer.deepgram.pacing import Pacer
from streamer.media.stereo import FRAME_BYTES
from transcription.live_call import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamer.deepgram.connection import Connection
    from streamer.deepgram.hearing import Hearing
    from streamer.deepgram.replay import ReplayBuffer
    from streamer.deepgram.results import FinalResult, InterimResult
    from transcription.live_call import Gap

_TICK_SECONDS: Final = 1.0
_MAX_SAMPLES: Final = MAX_AUDIO_BYTES // FRAME_BYTES
_MAX_FINALIZES: Final = 3
_NORMAL_CLOSURE: Final = 1000

# By how much the duration that Deepgram reports at the end may fall short of what was sent.
_DURATION_ROUNDING: Final = 10 * ROUNDING

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long Deepgram may take; all in seconds.

    Attributes:
        keep_alive: without audio after which a KeepAlive goes out. Deepgram closes after 10 seconds without either, and
            asks for one every 3 to 5 (docs, "Audio Keep Alive").
        send: until the network must have taken a message.
        silence: without any message although a second of audio or more was sent, after which Deepgram is asked to
            finalise.
        unfinalised: of audio sent that has no final words, from which on Deepgram is asked to finalise.
        answer: until it must have answered that.
        close: until it must have said the last after the last audio.
    """

    keep_alive: float = 4.0
    send: float = 10.0
    silence: float = 10.0
    unfinalised: float = 20.0
    answer: float = 5.0
    close: float = 15.0


@dataclass(slots=True)
class Counts:
    """What went wrong so far.

    Attributes:
        reconnects: connections that broke before everything sent had its final words.
        rate_limited: handshakes refused with status 429.
        stalls: connections given up because nothing came back.
        unknown_messages: messages of types that are not documented.
        malformed_messages: messages that could not be read.
    """

    reconnects: int = 0
    rate_limited: int = 0
    stalls: int = 0
    unknown_messages: int = 0
    malformed_messages: int = 0


class Conversation:
    """Sends one section of a call's audio over one connection and takes the results.

    Time is the event loop's.

    Args:
        connection: open, and not used yet.
        buffer: the call's audio.
        offset: position of the first audio to send.
        hearing: makes results of messages.
        news: set whenever the buffer or `finished` changes.
        finished: whether no more audio will come.
        deliver: takes final results.
        interim: takes passing results.
        answers: told once which model answers; "" where it does not say.
        counts: where to count.
        patience: how long Deepgram may take.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        buffer: ReplayBuffer,
        offset: int,
        hearing: Hearing,
        news: asyncio.Event,
        finished: Callable[[], bool],
        deliver: Callable[[FinalResult, Gap | None], None],
        interim: Callable[[InterimResult], None],
        answers: Callable[[str], None],
        counts: Counts,
        patience: Patience,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._buffer = buffer
        self._offset = offset
        self._position = offset
        self._hearing = hearing
        self._news = news
        self._finished = finished
        self._deliver = deliver
        self._interim = interim
        self._answers = answers
        self._model_told = False
        self._counts = counts
        self._patience = patience
        self._pacer = Pacer(clock=self._loop.time)
        self._closing_since: float | None = None
        self._last_sent = self._loop.time()
        self._sending_since: float | None = None
        self._waiting_since: float | None = None
        self._answered = offset
        self._finalize_due = False
        self._finalized_at = -math.inf
        self._finalizes = 0

    async def run(self) -> None:
        """Return when all of the section has its final words.

        Raises:
            ConnectionLost: the connection ended before.
            ResultMissing: a result could not be read and must be asked for again.
        """
        self._timer = self._loop.call_later(_TICK_SECONDS, self._tick)
        sending = asyncio.create_task(self._send_all())
        # Without a sender the receiver would wait for ever.
        sending.add_done_callback(self._sender_ended)
        try:
            await self._receive_all()
            await self._connection.close()
        finally:
            self._timer.cancel()
            sending.cancel()
            self._connection.abort()
            await asyncio.wait({sending})
            if not sending.cancelled():
                sending.result()

    async def _send_all(self) -> None:
        try:
            while self._closing_since is None:
                self._news.clear()
                await self._send_due()
                await self._news.wait()
        except ConnectionLost:
            return  # the receiver learns of it too, after what has still arrived

    async def _send_due(self) -> None:
        while pcm := self._buffer.read(self._position, _MAX_SAMPLES, silent_until=self._hearing.silent_until):
            samples = len(pcm) // FRAME_BYTES
            delay = self._pacer.delay(samples / SAMPLE_RATE)
            if delay:
                await asyncio.sleep(delay)
            self._position += samples
            if self._waiting_since is None:
                self._waiting_since = self._loop.time()
            await self._send(pcm)
            if self._finalize_due:
                await self._finalize()
        if self._finished() or self._buffer.next_audio(self._position) is not None:
            self._closing_since = self._loop.time()
            await self._send(CLOSE_STREAM)
        elif self._finalize_due:
            await self._finalize()
        elif self._loop.time() - self._last_sent >= self._patience.keep_alive:
            await self._send(KEEP_ALIVE)

    async def _finalize(self) -> None:
        self._finalize_due = False
        await self._send(FINALIZE)

    async def _send(self, message: str | bytes) -> None:
        self._sending_since = self._loop.time()
        await self._connection.send(message)
        self._sending_since = None
        self._last_sent = self._loop.time()

    async def _receive_all(self) -> None:
        while True:
            try:
                data = await self._connection.receive()
            except ConnectionLost as lost:
                if self._closing_since is not None and lost.code == _NORMAL_CLOSURE:
                    self._complete(whole=False)
                    return
                raise
            self._waiting_since, self._answered = None, self._position
            try:
                message = decode(data)
                if isinstance(message, Results):
                    self._take(message)
                elif isinstance(message, Metadata) and self._closing_since is not None:
                    self._complete(whole=self._heard_whole(message))
                    return
                elif isinstance(message, Unknown):
                    self._counts.unknown_messages += 1
                elif isinstance(message, Error):
                    _logger.warning("Deepgram sent an error message", extra={"error": message.name})
            except MalformedMessage as malformed:
                self._counts.malformed_messages += 1
                self._hearing.suspect()
                _logger.warning("a message of Deepgram's could not be read", extra={"reason": str(malformed)})

    def _take(self, results: Results) -> None:
        if not self._model_told:
            self._model_told = True
            self._answers(results.model)
        if not results.is_final:
            interim = self._hearing.interim(results)
            if interim is not None:
                self._interim(interim)
            return
        behind = min(self._hearing.watermarks)
        final, gap = self._hearing.final(results, sent=self._position)
        if min(self._hearing.watermarks) > behind:
            self._finalizes = 0
        if final is not None:
            self._deliver(final, gap)

    def _heard_whole(self, metadata: Metadata) -> bool:
        duration = metadata.duration
        return duration is None or self._offset + duration * SAMPLE_RATE >= self._position - _DURATION_ROUNDING

    def _complete(self, *, whole: bool) -> None:
        for final, gap in self._hearing.rest(self._position, whole=whole):
            self._deliver(final, gap)

    def _tick(self) -> None:
        """Look after everything that is due by time alone."""
        self._timer = self._loop.call_later(_TICK_SECONDS, self._tick)
        now, patience = self._loop.time(), self._patience
        # To less than a second of audio Deepgram need not answer, not even when asked (docs, "Finalize").
        waits = self._position - self._answered >= SAMPLE_RATE
        waiting = _since(self._waiting_since, now) if waits else 0.0
        if (
            _since(self._sending_since, now) > patience.send
            or _since(self._closing_since, now) > patience.close
            or waiting > patience.silence + patience.answer
        ):
            self._give_up()
        elif self._closing_since is None:
            behind = (self._position - min(self._hearing.watermarks)) / SAMPLE_RATE
            if waiting > patience.silence or behind > patience.unfinalised:
                self._ask(now)
            if now - self._last_sent >= patience.keep_alive:
                self._news.set()

    def _ask(self, now: float) -> None:
        """Have Deepgram asked to finalise, unless it has just been; give up when asking does not help."""
        if now - self._finalized_at <= self._patience.answer:
            return
        if self._finalizes == _MAX_FINALIZES:
            self._give_up()
            return
        self._finalizes += 1
        self._finalized_at = now
        self._finalize_due = True
        self._news.set()

    def _give_up(self) -> None:
        self._counts.stalls += 1
        _logger.warning("Deepgram does not answer: the connection is given up")
        self._connection.abort()

    def _sender_ended(self, sending: asyncio.Task[None]) -> None:
        if not sending.cancelled() and sending.exception() is not None:
            self._connection.abort()


def _since(moment: float | None, now: float) -> float:
    """Seconds since something began; 0 while it has not."""
    return 0.0 if moment is None else now - moment
