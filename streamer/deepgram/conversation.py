"""What is said to Deepgram over one connection, and when."""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from callscribe.deepgram.messages import (
    CLOSE_STREAM,
    FINALIZE,
    FINALIZE_CHANNEL,
    KEEP_ALIVE,
    Error,
    MalformedMessage,
    Metadata,
    Repaired,
    Results,
    Unknown,
    decode,
)
from callscribe.live.call import SAMPLE_RATE
from streamer.deepgram.connection import ConnectionLost
from streamer.deepgram.pacing import Pacer
from streamer.deepgram.result_tracker import CHANNELS, ROUNDING, ResultMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from callscribe.live.call import Gap
    from streamer.deepgram.connection import Connection
    from streamer.deepgram.replay import ReplayBuffer
    from streamer.deepgram.result_tracker import FinalOrGap, ResultTracker
    from streamer.speech import Counts, FinalResult, InterimResult

_TICK_SECONDS: Final = 1.0
_MAX_SAMPLES: Final = SAMPLE_RATE // 4
"""Most audio in a message: a quarter of a second, so that one never holds up what must go out between two."""
_MAX_FINALIZES: Final = 3
_NORMAL_CLOSURE: Final = 1000

# Silence that is sent again before what is said after it, should another connection begin there.
_LEAD: Final = SAMPLE_RATE // 4

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
        silence: without any message although a second of audio or more was sent that is not digital silence, after
            which Deepgram is asked to finalise.
        quiet: of audio sent that has no final words, from which on digital silence at its beginning is passed over.
        unfinalised: of audio sent that has no final words, from which on Deepgram is asked to finalise.
        answer: until it must have answered that.
        late: for a final result to come after one behind it.
        close: until it must have said more after the last audio.
    """

    keep_alive: float = 4.0
    send: float = 10.0
    silence: float = 10.0
    quiet: float = 10.0
    unfinalised: float = 20.0
    answer: float = 5.0
    late: float = 2.0
    close: float = 15.0

    def stretched(self, factor: float) -> Patience:
        """Return a patience with which a slower Deepgram may answer."""
        return replace(
            self,
            send=self.send * factor,
            silence=self.silence * factor,
            answer=self.answer * factor,
            close=self.close * factor,
        )

    def within(self, buffer: float) -> Patience:
        """Return a patience that ends before so many seconds of audio wait for their final words."""
        return replace(self, quiet=min(self.quiet, buffer / 2), unfinalised=min(self.unfinalised, buffer / 2))


class Deliver(Protocol):
    """Takes what is new."""

    def __call__(self, final: FinalResult, gap: Gap | None, *, heard: bool) -> None:
        """Take a piece of a channel, and the gap before it; `heard` tells whether Deepgram has said so itself."""


class Conversation:
    """Sends one section of a call's audio over one connection and takes the results.

    Time is the event loop's.

    Args:
        connection: open, and not used yet.
        buffer: the call's audio.
        offset: position of the first audio to send.
        tracker: makes results of messages.
        finished: whether no more audio will come.
        deliver: takes final results.
        interim: takes interim results.
        answers: told once which model answers; "" where it does not say.
        counts: where to count.
        patience: how long Deepgram may take.
        stretch: by which factor it may take longer, unless it turns out to be as fast as usual.

    Attributes:
        position: position after the audio sent so far.
        gave_up: whether the connection was given up because Deepgram did not answer.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        buffer: ReplayBuffer,
        offset: int,
        tracker: ResultTracker,
        finished: Callable[[], bool],
        deliver: Deliver,
        interim: Callable[[InterimResult], None],
        answers: Callable[[str], None],
        counts: Counts,
        patience: Patience,
        stretch: float = 1.0,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._buffer = buffer
        self._offset = offset
        self.position = offset
        self._tracker = tracker
        self._finished = finished
        self._deliver = deliver
        self._interim = interim
        self._answers = answers
        self._model_told = False
        self._counts = counts
        self._usual = patience
        self._patience = patience.stretched(stretch)
        self._pacer = Pacer(clock=self._loop.time)
        self._closing_since: float | None = None
        self._last_sent = self._loop.time()
        self._blocked_since: float | None = None
        self._paced: asyncio.TimerHandle | None = None
        self._waiting_since: float | None = None
        self._answered = self._listened_to = offset
        self._finalize_due = ""
        self._finalized_at = -math.inf
        self._finalizes = 0
        self._asked_to = offset
        self._behind = min(tracker.watermarks)
        self._opened_at = self._loop.time()
        # When the lower watermark last moved, and when results, interim ones too, last reached further: of each channel
        # without a hole, and of any.
        self._moved_at = self._heard_at = self._loop.time()
        self._reached_at = [self._moved_at] * CHANNELS
        self._held_since: list[float | None] = [None] * CHANNELS
        self._over = asyncio.Event()
        self._failure: Exception | None = None
        self.gave_up = False

    async def run(self) -> None:
        """Return when all of the section has its final words.

        Raises:
            ConnectionLost: the connection ended before.
            ResultMissing: a result must be asked for again.
        """
        self._timer = self._loop.call_later(_TICK_SECONDS, self._tick)
        try:
            self._connection.listen(self)
            self.send_due()
            await self._over.wait()
            if self._failure is not None:
                raise self._failure
            await self._connection.close()
        finally:
            self._timer.cancel()
            if self._paced is not None:
                self._paced.cancel()
            self._connection.abort()

    def send_due(self) -> None:
        """Send what is due, as far as the network and the pace allow; to be called when the buffer has more."""
        if self._closing_since is None and self._paced is None:
            self._do(self._send_due)

    def _send_due(self) -> None:
        buffer = self._buffer
        while self._writable():
            if self.position >= buffer.end:
                break
            audio = buffer.read(self.position, _MAX_SAMPLES, silent_until=self._tracker.silent_until)
            if not audio:
                break
            delay = self._pacer.delay(len(audio) // buffer.frame_bytes / SAMPLE_RATE)
            if delay:
                self._paced = self._loop.call_later(delay, self._send_paced, audio)
                return
            self._send_audio(audio)
        else:
            return
        if self._finished() or buffer.next_audio(self.position) is not None:
            self._closing_since = self._loop.time()
            self._send(CLOSE_STREAM)
        elif self._finalize_due:
            self._finalize()
        elif self._loop.time() - self._last_sent >= self._patience.keep_alive:
            self._send(KEEP_ALIVE)

    def _send_paced(self, audio: bytes) -> None:
        self._paced = None
        self._do(self._send_audio, audio)
        self.send_due()

    def _send_audio(self, audio: bytes) -> None:
        self.position += len(audio) // self._buffer.frame_bytes
        self._send(audio)
        if self._finalize_due:
            self._finalize()

    def _finalize(self) -> None:
        message, self._finalize_due = self._finalize_due, ""
        self._send(message)

    def _send(self, message: str | bytes) -> None:
        self._connection.send(message)
        self._last_sent = self._loop.time()

    def _writable(self) -> bool:
        if self._connection.writable:
            self._blocked_since = None
            return True
        if self._blocked_since is None:
            self._blocked_since = self._loop.time()
        return False

    # What the connection tells.

    def resume(self) -> None:
        """Go on sending."""
        self.send_due()

    def lose(self, lost: ConnectionLost) -> None:
        """End, with what there is if Deepgram has ended it as it was asked to."""
        if self._closing_since is not None and lost.code == _NORMAL_CLOSURE:
            self._do(self._end_without_metadata)
        else:
            self._end(lost)

    def receive(self, message: bytes) -> None:
        """Take a message."""
        self._do(self._understand, message)

    def _understand(self, data: bytes) -> None:
        self._waiting_since, self._answered = None, self.position
        self._listened_to = self.position
        try:
            message = decode(data)
            if isinstance(message, Repaired):
                self._counts.odd_messages += 1
            if isinstance(message, Results):
                self._take(message)
            elif isinstance(message, Metadata) and self._closing_since is not None:
                self._complete(whole=self._heard_whole(message))
                self._end()
            elif isinstance(message, Unknown):
                self._counts.unknown_messages += 1
            elif isinstance(message, Error):
                _logger.warning("Deepgram sent an error message", extra={"error": message.name})
        except MalformedMessage as malformed:
            self._counts.malformed_messages += 1
            self._tracker.suspect()
            _logger.warning("a message of Deepgram's could not be read", extra={"reason": str(malformed)})

    def _end_without_metadata(self) -> None:
        self._complete(whole=False)
        self._end()

    def _do(self, work: Callable[..., None], *arguments: Any) -> None:
        """Do something unless it is over. What goes wrong is raised by `run`, not to whoever has brought news."""
        if self._over.is_set():
            return
        try:
            work(*arguments)
        except ConnectionLost:
            return  # `lose` is told as well, after what has still arrived
        except Exception as error:  # noqa: BLE001 - raised by `run`
            self._end(error)

    def _end(self, failure: Exception | None = None) -> None:
        if not self._over.is_set():
            self._failure = failure
            self._over.set()

    def _take(self, results: Results) -> None:
        if not self._model_told:
            self._model_told = True
            self._answers(results.model)
        reached, heard_to = tuple(self._tracker.reached), self._tracker.heard_to
        if results.is_final:
            self._hand_on(self._tracker.final(results, sent=self.position), heard=True)
        elif (interim := self._tracker.interim(results, sent=self.position)) is not None:
            self._interim(interim)
        if self._tracker.heard_to > heard_to:
            self._heard_at = self._loop.time()
        for channel, before in enumerate(reached):
            if self._tracker.reached[channel] > before:
                self._reached_at[channel] = self._loop.time()

    def _hand_on(self, pieces: Iterable[FinalOrGap], *, heard: bool) -> None:
        for final, gap in pieces:
            self._deliver(final, gap, heard=heard)
        behind = min(self._tracker.watermarks)
        if behind > self._behind:
            self._behind, self._moved_at = behind, self._loop.time()
            self._finalizes = 0
            if self._loop.time() - self._opened_at <= self._usual.silence:
                self._patience = self._usual

    def _heard_whole(self, metadata: Metadata) -> bool:
        duration = metadata.duration
        return duration is None or self._offset + duration * SAMPLE_RATE >= self.position - _DURATION_ROUNDING

    def _complete(self, *, whole: bool) -> None:
        self._hand_on(self._tracker.rest(self.position, whole=whole), heard=True)

    def _tick(self) -> None:
        """Look after everything that is due by time alone."""
        self._timer = self._loop.call_later(_TICK_SECONDS, self._tick)
        self._do(self._look_after, self._loop.time())

    def _look_after(self, now: float) -> None:
        self._settle(now)
        self._pass_over_silence()
        patience = self._patience
        waiting = self._waiting(now)
        if (
            _since(self._blocked_since, now) > patience.send
            or self._closes_too_long(now)
            or waiting > patience.silence + patience.answer
        ):
            self._give_up()
        elif self._closing_since is None:
            behind = (self.position - self._behind) / SAMPLE_RATE
            stands = now - self._moved_at >= patience.answer
            if waiting > patience.silence or (behind > patience.unfinalised and stands):
                self._ask(now)
            if now - self._last_sent >= patience.keep_alive:
                self.send_due()

    def _waiting(self, now: float) -> float:
        """Return since when there should be an answer, in seconds.

        To less than a second of audio Deepgram need not answer, not even when asked (docs, "Finalize"), nor to silence.
        """
        if self._waiting_since is None and self.position - self._answered >= SAMPLE_RATE:
            audible = (
                self._buffer.sound(channel, max(self._listened_to, silent_until), self.position) is not None
                for channel, silent_until in enumerate(self._tracker.silent_until)
            )
            if any(audible):
                self._waiting_since = now
            self._listened_to = self.position
        return _since(self._waiting_since, now)

    def _closes_too_long(self, now: float) -> bool:
        closing = self._closing_since
        return closing is not None and now - max(closing, self._heard_at) > self._patience.close

    def _settle(self, now: float) -> None:
        """Have it judged what is missing before final results that were held back for long enough."""
        for channel in range(CHANNELS):
            since = self._held_since[channel]
            if not self._tracker.holds(channel):
                self._held_since[channel] = None
            elif since is None:
                self._held_since[channel] = now
            elif now - since >= self._patience.late:
                self._hand_on(self._tracker.settle(channel), heard=True)

    def _pass_over_silence(self) -> None:
        """Go on behind digital silence: nothing can be said there, and Deepgram may never say that nothing was."""
        for channel, watermark in enumerate(self._tracker.watermarks):
            if self.position - watermark > self._patience.quiet * SAMPLE_RATE:
                sound = self._buffer.sound(channel, watermark, self.position)
                end = (self.position if sound is None else sound) - _LEAD
                if end - watermark > SAMPLE_RATE:
                    self._hand_on([self._tracker.pass_over(channel, end)], heard=False)

    def _ask(self, now: float) -> None:
        """Have Deepgram asked to finalise, unless it has just been; see what to do when asking does not help."""
        if now - self._finalized_at <= self._patience.answer:
            return
        lagging = [
            channel
            for channel, watermark in enumerate(self._tracker.watermarks)
            if self.position - watermark > self._patience.unfinalised * SAMPLE_RATE
        ]
        if self._finalizes and self._pass_over_nothing(lagging):
            return
        if self._finalizes == _MAX_FINALIZES:
            self._go_on_without(lagging, now)
            return
        if not self._finalizes:
            self._asked_to = self.position
        self._finalizes += 1
        self._finalized_at = now
        # At first of one channel only, where that is enough: it may cut the word in two that is being said.
        self._finalize_due = FINALIZE_CHANNEL[lagging[0]] if len(lagging) == self._finalizes == 1 else FINALIZE
        self.send_due()

    def _pass_over_nothing(self, lagging: list[int]) -> bool:
        """Go on behind audio in which nothing is said, as far as Deepgram tells without final results."""
        passed = False
        for channel in lagging:
            end = min(self._tracker.quiet_to(channel), self.position)
            if end > self._tracker.watermarks[channel]:
                self._hand_on([self._tracker.pass_over(channel, end)], heard=False)
                passed = True
        return passed

    def _go_on_without(self, lagging: list[int], now: float) -> None:
        """Ask another connection, or at last go on, where Deepgram speaks of later audio but not of a channel's."""
        heard_to = min(self._tracker.heard_to, self.position)
        passed_over = [channel for channel in lagging if heard_to - self._tracker.watermarks[channel] > SAMPLE_RATE]
        if not passed_over and not self._is_slow(heard_to, self._heard_at, now):
            self._give_up()
        for channel in passed_over:
            if self._is_slow(self._tracker.reached[channel], self._reached_at[channel], now):
                continue
            try:
                self._hand_on([self._tracker.give_up(channel, heard_to)], heard=False)
                self._patience = self._usual  # it does speak, but not of this
            except ResultMissing:
                self._note_stall()
                raise

    def _is_slow(self, reached: int, at: float, now: float) -> bool:
        """Whether Deepgram cannot have answered yet: its results have not come to where it was asked, but go on."""
        return reached < self._asked_to - SAMPLE_RATE and now - at <= self._patience.answer

    def _give_up(self) -> None:
        self._note_stall()
        self._connection.abort()

    def _note_stall(self) -> None:
        self.gave_up = True
        self._counts.stalls += 1
        _logger.warning("Deepgram does not answer: the connection is given up")


def _since(moment: float | None, now: float) -> float:
    """Seconds since something began; 0 while it has not."""
    return 0.0 if moment is None else now - moment
