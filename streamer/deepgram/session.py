"""One call's transcription by Deepgram, over as many connections as it takes.

Nothing is lost: audio is kept until its final words are stored, and sent again over a new connection when one breaks.
Nothing comes twice: each channel has a *watermark*, the position on the call's clock up to which its words are final.
A new connection begins at the lower watermark of the two, and the other channel is silent there up to its own.

What Deepgram has shown and then leaves out of its final results is asked for again in the same way, within bounds, and
told as a gap where it stays out (`streamer.deepgram.result_tracker`).

Nothing is dropped either: when the buffer is full, `DeepgramSession.send` says so, and the audio stays in the stream.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol

from callscribe.deepgram.errors import AUDIO_REFUSED, ERROR_PREFIX, RATE_LIMITED
from callscribe.live.call import SAMPLE_RATE
from streamer.deepgram.connection import ConnectionLost, HandshakeFailed, KeyRefused, open_connection
from streamer.deepgram.conversation import Conversation, Patience
from streamer.deepgram.encoding import ENCODINGS
from streamer.deepgram.failures import DeepgramRefused, DeepgramUnavailable
from streamer.deepgram.replay import ReplayBuffer
from streamer.deepgram.result_tracker import Evidence, ResultMissing, ResultTracker
from streamer.speech import Counts, SessionOver

if TYPE_CHECKING:
    from collections.abc import Callable

    from callscribe.deepgram.options import StreamEncoding
    from callscribe.live.call import Gap
    from streamer.deepgram.connection import Connection
    from streamer.media.stereo import StereoAudio
    from streamer.redaction import ResultRedactor
    from streamer.speech import FinalResult, InterimResult, Sink

MAX_COMMIT: Final = 50
"""Most final results in one commit: each is an item of a transaction, which takes 100."""

_GATHER_SECONDS: Final = 0.15
"""How long words wait to be stored with those that come with them, mostly the other channel's, in one transaction."""

_GATHER_SILENCE_SECONDS: Final = 2.0
"""The same for results without words, which only move a watermark."""

_BACK_OFF_SECONDS: Final = 0.5
_MAX_BACK_OFF_SECONDS: Final = 10.0
_MAX_REPLAYS: Final = 2
# How much audio may be sent again because results are missing: so many seconds, and this share of what has its final
# words. Each time counts for five seconds at least, so that connections are bounded too.
_REPLAYED_SECONDS: Final = 60.0
_REPLAYED_SHARE: Final = 0.25
_SHORTEST_REPLAY: Final = 5.0
_MAX_STRETCH: Final = 8.0
_MAX_REJECTIONS: Final = 3
_HALF_A_WORD: Final = SAMPLE_RATE // 2

_logger = logging.getLogger(__name__)


class ApiKey(Protocol):
    """Deepgram's API key."""

    async def read(self, *, refresh: bool = False) -> str:
        """Return the key; with `refresh` as it is now, whatever was read before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How much and how long; all in seconds.

    Attributes:
        buffer: of audio that may wait for its final words to be stored.
        outage: without a new final word after which a call is given up, counted from the first failure.
        healthy: that a connection must have lasted for the back-off to begin anew after it.
        abandon: that results still to be stored may take when a call is handed over.
        patience: how long Deepgram may take on a connection.
    """

    buffer: float = 60.0
    outage: float = 300.0
    healthy: float = 10.0
    abandon: float = 5.0
    patience: Patience = field(default_factory=Patience)


class DeepgramSession:
    """Sends a call's audio to Deepgram and hands on each final word once.

    `run` must run as a task of its own while the other methods are used. It waits by the event loop's time.

    Args:
        url: of the stream, with its query (`streamer.deepgram.connection.listen_url`).
        encoding: how the audio is sent, as that says.
        key: Deepgram's API key; asked for a fresh one when Deepgram refuses it.
        sink: where results go.
        watermarks: position of each channel before which its final words are stored already.
        limits: how much and how long.
        redactor: redacts results before they are handed on; None hands them on as they are.
        jitter: returns a number from 0 to 1.
        clock: returns seconds since 1970, for what Deepgram dates.

    Attributes:
        counts: what went wrong so far.
        model: name of the model that answers; "" before it has said so.
    """

    def __init__(
        self,
        *,
        url: str,
        encoding: StreamEncoding,
        key: ApiKey,
        sink: Sink,
        watermarks: tuple[int, int] = (0, 0),
        limits: SessionLimits | None = None,
        redactor: ResultRedactor | None = None,
        jitter: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = url
        self._key = key
        self._sink = sink
        self._limits = limits or SessionLimits()
        self._redactor = redactor
        self._jitter = jitter
        self._clock = clock
        self._buffer = ReplayBuffer(round(self._limits.buffer * SAMPLE_RATE), ENCODINGS[encoding])
        self._heard = list(watermarks)
        self._stored = list(watermarks)
        self._results: list[tuple[FinalResult, Gap | None]] = []
        self._news, self._results_news, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._over = asyncio.Event()
        self._finished = self._heard_all = self._abandoned = self._cut = False
        # Of each channel whose audio breaks off: where its words before that end.
        self._whole_until: dict[int, int] = {}
        self._failure: BaseException | None = None
        self._conversation: Conversation | None = None
        self._transcribing: asyncio.Task[None] | None = None
        self._committing: asyncio.Task[None] | None = None
        self._attempts = 0
        self._trouble_since: float | None = None
        self._rejections = 0
        self._first = min(watermarks)
        self._patience = self._limits.patience.within(self._limits.buffer)
        self._evidence = Evidence()
        self._asked: Counter[tuple[int, int]] = Counter()
        self._replayed = 0.0
        # Channels of which a stretch was given up, and nothing was heard since.
        self._vain: set[int] = set()
        self._fruitless = 0
        self.counts = Counts()
        self.model = ""

    @property
    def watermarks(self) -> tuple[int, int]:
        """Position of each channel before which its final words are stored."""
        return self._stored[0], self._stored[1]

    @property
    def buffered_seconds(self) -> float:
        """Length of the audio whose final words are not stored yet."""
        return self._buffer.held / SAMPLE_RATE

    def send(self, audio: StereoAudio) -> bool:
        """Take the next audio, and return whether there is room for more; what is sent all the same is kept too.

        Raises:
            SessionOver: the session has been abandoned or cancelled.
            Exception: what ended `run`.
        """
        self._raise_if_over()
        self._buffer.append(audio)
        self._tell_news()
        return not self._buffer.full

    async def room(self) -> None:
        """Wait until the buffer has room.

        Raises:
            SessionOver: the session has been abandoned or cancelled.
            Exception: what ended `run`.
        """
        while self._buffer.full and not self._over.is_set():
            self._room.clear()
            self._results_news.set()
            await self._room.wait()
        self._raise_if_over()

    def _raise_if_over(self) -> None:
        if self._over.is_set():
            raise self._failure or SessionOver("the session is over")

    async def finish(self, *, cut: bool = False) -> None:
        """Return when everything sent has its final words, and they are stored; no audio may follow.

        It ends in any case: each connection that gets no further counts towards the limit of an outage.

        Args:
            cut: whether the audio breaks off though the call goes on. What ends within half a second of there may be
                half a word: it is left out, and the watermark stays before it.

        Raises:
            Exception: what ended `run`.
        """
        self._finished, self._cut = True, cut
        self._tell_news()
        self._results_news.set()
        await self._over.wait()
        if self._failure is not None:
            raise self._failure

    async def abandon(self) -> None:
        """Stop at once, and store what is final already, for as long as the limit allows.

        Deepgram is not asked for final words: it would cut the word being spoken in two. Whoever takes the call over
        sends everything from the watermarks on again.
        """
        self._abandoned = True
        if self._transcribing is None or self._committing is None:
            return
        self._transcribing.cancel()
        try:
            async with asyncio.timeout(self._limits.abandon):
                await self._over.wait()
        except TimeoutError:
            self._committing.cancel()
            await self._over.wait()

    async def run(self) -> None:
        """Transcribe until `finish` or `abandon` is through.

        Raises:
            DeepgramRefused: Deepgram will not transcribe this call.
            DeepgramUnavailable: there was no new final word for longer than the limit.
            Exception: what the sink's `commit` raised, or the reading of the key.
        """
        tasks = (asyncio.create_task(self._transcribe()), asyncio.create_task(self._commit_results()))
        transcribing, committing = self._transcribing, self._committing = tasks
        try:
            if not self._abandoned:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if transcribing.done():
                # Also when it failed: what is final by then is not to be lost.
                self._heard_all = True
                self._results_news.set()
                await asyncio.wait({committing})
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            failures = [task.exception() for task in reversed(tasks) if not task.cancelled()]
            self._failure = next((failure for failure in failures if failure is not None), None)
            self._over.set()
            self._room.set()
        if self._failure is not None:
            raise self._failure

    async def _transcribe(self) -> None:
        while True:
            offset = self._buffer.next_audio(min(self._heard))
            if offset is not None:
                await self._converse(offset)
            elif self._finished:
                return
            else:
                # What was wrong before a pause says nothing about the time after it.
                self._trouble_since = None
                self._news.clear()
                await self._news.wait()

    async def _converse(self, offset: int) -> None:
        """Get one section of the audio transcribed, or as much of it as one connection lasts for."""
        try:
            connection = await self._open()
        except HandshakeFailed as failed:
            if failed.status == RATE_LIMITED:
                self.counts.rate_limited += 1
            await self._pause(str(failed), retry_after=failed.retry_after)
            return
        opened, before = asyncio.get_running_loop().time(), tuple(self._heard)
        tracker = ResultTracker(
            offset=offset,
            watermarks=self._heard,
            evidence=self._evidence,
            audio=self._buffer,
            given_up=self._is_given_up,
        )
        conversation = self._conversation = Conversation(
            connection,
            buffer=self._buffer,
            offset=offset,
            tracker=tracker,
            finished=lambda: self._finished,
            deliver=self._deliver,
            interim=self._interim,
            answers=self._note_model,
            counts=self.counts,
            patience=self._patience,
            stretch=self._stretch(),
        )
        try:
            await conversation.run()
        except ResultMissing as missing:
            self._asked[missing.channel, missing.position] += 1
            self._replayed += max((conversation.position - min(self._heard)) / SAMPLE_RATE, _SHORTEST_REPLAY)
            self._attempts = 0  # the connection was well, and how often this may be is bounded
            reason = "a result is missing"
        except ConnectionLost as lost:
            reason = str(lost)
            if lost.code == AUDIO_REFUSED and before == tuple(self._heard):
                self._note_rejection(lost)
        else:
            self._trouble_since, self._attempts = None, 0
            return
        finally:
            self._conversation = None
        self.counts.reconnects += 1
        if not conversation.gave_up:
            self._fruitless = 0
        elif min(self._heard) == min(before):
            self._fruitless += 1
        if asyncio.get_running_loop().time() - opened >= self._limits.healthy:
            self._attempts = 0
        await self._pause(reason)

    def _tell_news(self) -> None:
        if self._conversation is None:
            self._news.set()
        else:
            self._conversation.send_due()

    def _note_rejection(self, lost: ConnectionLost) -> None:
        self._rejections += 1
        if self._rejections == _MAX_REJECTIONS:
            raise DeepgramRefused(
                f"{ERROR_PREFIX}.{lost.reason or lost.code}", f"the audio was refused {_MAX_REJECTIONS} times"
            ) from None

    def _note_model(self, name: str) -> None:
        self.model = name or self.model

    async def _open(self) -> Connection:
        key = await self._key.read()
        try:
            return await open_connection(self._url, key=key, clock=self._clock)
        except KeyRefused:
            newer_key = await self._key.read(refresh=True)
            if newer_key == key:
                raise
            _logger.info("asking again: the key was rotated")
            return await open_connection(self._url, key=newer_key, clock=self._clock)

    async def _pause(self, reason: str, *, retry_after: float | None = None) -> None:
        """Wait before the next connection ("full jitter": AWS Architecture Blog, "Exponential Backoff And Jitter")."""
        now = asyncio.get_running_loop().time()
        if self._trouble_since is None:
            self._trouble_since = now
        remaining = self._trouble_since + self._limits.outage - now
        if remaining <= 0:
            raise DeepgramUnavailable(
                f"{ERROR_PREFIX}.Unavailable",
                f"no new words for {self._limits.outage:.0f} s; the last reason: {reason}",
            )
        bound = min(_MAX_BACK_OFF_SECONDS, _BACK_OFF_SECONDS * 2.0**self._attempts)
        self._attempts = min(self._attempts + 1, 10)
        delay = min(remaining, (retry_after or 0.0) + self._jitter() * bound)
        _logger.warning("connecting to Deepgram again", extra={"reason": reason, "delay_seconds": round(delay, 3)})
        await asyncio.sleep(delay)

    def _stretch(self) -> float:
        """By which factor Deepgram may take longer than usual: more after each connection that brought nothing."""
        now = asyncio.get_running_loop().time()
        remaining = self._limits.outage - (0.0 if self._trouble_since is None else now - self._trouble_since)
        longest = remaining / (self._patience.silence + self._patience.answer)
        return max(1.0, min(2.0**self._fruitless, _MAX_STRETCH, longest))

    def _is_given_up(self, channel: int, position: int) -> bool:
        heard = (min(self._heard) - self._first) / SAMPLE_RATE
        return (
            self._asked[channel, position] >= _MAX_REPLAYS
            or channel in self._vain
            or self._replayed >= _REPLAYED_SECONDS + _REPLAYED_SHARE * heard
        )

    def _interim(self, result: InterimResult) -> None:
        self._sink.interim(result if self._redactor is None else self._redactor.interim(result))

    def _deliver(self, final: FinalResult, gap: Gap | None, *, heard: bool) -> None:
        """Queue a result for storing.

        The queue needs no bound of its own: each result moves a watermark on within the audio of the buffer, and that
        is let go of only once the result is stored.
        """
        heard_before = self._heard[final.channel]
        self._heard[final.channel] = max(heard_before, final.end)
        if self._cut:
            whole = self._before_cut(final)
            if whole is None:
                return
            final = whole
        if self._redactor is not None and final.text:
            final = self._redactor.final(final, late=final.start < heard_before)
        if gap is not None and not final.text:
            self._vain.add(final.channel)
        elif heard:
            self._vain.discard(final.channel)
        if heard:
            self._trouble_since, self._rejections = None, 0
        self._results.append((final, gap))
        self._results_news.set()

    def _before_cut(self, final: FinalResult) -> FinalResult | None:
        """Return a result without what may be half a word where the audio breaks off; `None` if nothing is left."""
        whole_until = self._whole_until.get(final.channel)
        if whole_until is not None:
            return final if final.end <= whole_until else None
        cut_at = self._buffer.end - _HALF_A_WORD
        if final.end <= cut_at:
            return final
        words = tuple(word for word in final.words or () if word.end * SAMPLE_RATE <= cut_at)
        # A millisecond less: the times of words are rounded to one, and the next one may begin there.
        end = max(final.start, int((words[-1].end - 0.001) * SAMPLE_RATE)) if words else final.start
        self._whole_until[final.channel] = end
        if not words:
            return None
        return replace(
            final,
            end=end,
            text=" ".join(word.text for word in words),
            words_end=words[-1].end,
            word_count=len(words),
            speech_final=False,
            words=words,
        )

    async def _commit_results(self) -> None:
        while True:
            while self._results:
                await self._gather()
                batch = self._results[:MAX_COMMIT]
                del self._results[:MAX_COMMIT]
                await self._sink.commit([final for final, _ in batch], [gap for _, gap in batch if gap is not None])
                for final, _ in batch:
                    self._stored[final.channel] = max(self._stored[final.channel], final.end)
                self._buffer.release(min(self._stored))
                self._room.set()
            if self._heard_all:
                return
            self._results_news.clear()
            await self._results_news.wait()

    async def _gather(self) -> None:
        """Wait for more results, unless no more will come or the buffer has no room."""
        clock = asyncio.get_running_loop().time
        until, words_since = clock() + _GATHER_SILENCE_SECONDS, False
        while not (self._heard_all or self._finished or self._buffer.full or len(self._results) >= MAX_COMMIT):
            if not words_since and any(final.text or gap for final, gap in self._results):
                until, words_since = min(until, clock() + _GATHER_SECONDS), True
            self._results_news.clear()
            try:
                async with asyncio.timeout_at(until):
                    await self._results_news.wait()
            except TimeoutError:
                return
