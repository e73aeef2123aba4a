"""Read one contact's audio from its stream, over as many GetMedia bodies as it takes, until the call is over."""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Final, Protocol

from callscribe.failures import SafeError
from callscribe.live.call import SAMPLE_RATE, EndReason
from streamer.calls.ending import EndLimits, Evidence, end_of, has_brought_nothing, never_started
from streamer.kinesis_video import (
    FromTime,
    FromToken,
    StreamNotFound,
    StreamUnavailable,
    TokenRefused,
    reported,
)
from streamer.media.call_media import UnsupportedAudio
from streamer.media.matroska import MatroskaError

if TYPE_CHECKING:
    from streamer.calls.state import EndHints
    from streamer.kinesis_video import Body
    from streamer.media.call_media import CallMedia
    from streamer.media.stereo import StereoAudio

_START_SLACK_MS: Final = 2_000
"""Before a wanted time, so that the fragment in which it lies is read too; `CallMedia` drops what is too much."""

_OPEN_INTERVAL: Final = 0.5
"""Seconds from one GetMedia to the next; the service takes five a second for a stream, which two calls may share."""

_LONGEST_DELAY: Final = 10.0
_OUTAGE_SECONDS: Final = 300.0
_ASK_INTERVAL: Final = 1.0

_LOOK_INTERVAL: Final = 1.0
"""Seconds, on the clock and of audio, from one look at what speaks for an end to the next, while audio arrives."""

_TRIES: Final = 3
"""Bodies that end in damage at the same place, after which the next one is read on behind it."""

_log = logging.getLogger(__name__)


class StreamNeverStarted(SafeError):
    """The stream brought no audio of the contact in the time it had."""


class Streams(Protocol):
    """Opens bodies of GetMedia: `KinesisVideo`."""

    def media(self, stream_arn: str, start: FromTime | FromToken) -> AbstractAsyncContextManager[Body]:
        """Open a body."""


class StreamReader:
    """Reads one call.

    Args:
        streams: Opens bodies.
        stream_arn: The call's stream, or where it was streamed until it went on elsewhere.
        media: Takes the call's audio out of the bytes.
        began_at_ms: When streaming began, milliseconds since 1970.
        resume_token: Where an earlier streamer has come to.
        token_stream: The stream of which that is known to be a token; `None` where nobody noted it.
        hints: Asks what Connect has said about the end, and about where the call goes on; only asked where a body has
            ended, which it does while the stream is silent.
        take: Takes the audio, and returns whether there is room for more.
        room: Waits until there is.
        behind: Told how far behind the present the audio is, milliseconds, once a second while some arrives.
        limits: When the call is over.
        outage_seconds: How long failures to read are borne.
        jitter: Returns a number from 0 to 1.
    """

    def __init__(
        self,
        *,
        streams: Streams,
        stream_arn: str,
        media: CallMedia,
        began_at_ms: int,
        resume_token: str | None,
        token_stream: str | None = None,
        hints: Callable[[], Awaitable[EndHints]],
        take: Callable[[StereoAudio], bool],
        room: Callable[[], Awaitable[None]],
        behind: Callable[[int], None],
        limits: EndLimits,
        outage_seconds: float = _OUTAGE_SECONDS,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._streams = streams
        self._stream_arn = stream_arn
        self._media = media
        self._began_at_ms = began_at_ms
        self._hints: EndHints | None = None
        # Streaming that was started again after a pause may use another stream, to which the token does not belong.
        resumed = media.origin_ms is not None and media.time_of(media.position) < began_at_ms
        belongs = not resumed if token_stream is None else token_stream == stream_arn
        self._token = resume_token if belongs else None
        self._refused_token: str | None = None
        self._followed = False
        self._damaged_at: FromTime | FromToken | None = None
        self._tries = 0
        self._ask = hints
        self._take = take
        self._room = room
        self._behind = behind
        self._limits = limits
        self._outage_seconds = outage_seconds
        self._jitter = jitter
        self._clock = asyncio.get_running_loop().time
        self._began = self._silent_since = self._observed_at = self._clock()
        self._silent_bodies = 0
        self._told_news = False
        self._waiting_since: float | None = None
        self._trouble_since: float | None = None
        self._failures = 0
        self._look_at, self._look_position = -math.inf, 0
        self._end: EndReason | None = None
        self._raised: Exception | None = None
        self._asked_at = -_ASK_INTERVAL
        self._opened_at = -_OPEN_INTERVAL

    def apply_hints(self, hints: EndHints) -> None:
        """Take what Connect has said about the end, and about where the call goes on."""
        knew = self._told
        self._hints = hints
        if self._told != knew:
            # Bodies that began before cannot show that nothing came since.
            self._silent_bodies, self._told_news = 0, True
        self._media.over = hints.disconnected
        # Where the call goes on in another stream, the stop would be in that one.
        if not self._goes_on_elsewhere and hints.stop_fragment != self._media.stop_fragment:
            self._media.stop_fragment = hints.stop_fragment

    def report_lag(self) -> None:
        """Tell how far behind the present the audio is while reading waits, and nothing arrives that would tell it."""
        if self._waiting_since is not None:
            self._behind(self._media.behind_now_ms + round(1000 * (self._clock() - self._waiting_since)))

    async def read(self) -> EndReason:
        """Read until the call is over, and return why it is.

        Raises:
            StreamNeverStarted: The stream has brought no audio of the contact.
            StreamNotFound: There is no stream, even after the time it may take to start.
            StreamRefused: It may not be read.
            StreamUnavailable: It could not be read for too long.
            UnsupportedAudio: Its audio cannot be transcribed.
            Exception: What `take` or `room` raised.
        """
        while True:
            await self._pace()
            end = await self._read_body()
            if end is None:
                if not self._failures:
                    await self._ask_if_due()
                end = end_of(self._evidence(), self._limits)
            if self._is_through and end is not EndReason.LIMIT:
                self._follow()
                continue
            if end is not None:
                await self._take_all(self._media.flush())
                return end
            if never_started(self._evidence(), self._limits):
                raise StreamNeverStarted("StreamNeverStarted", "the stream brought no audio of the contact")

    @property
    def _told(self) -> tuple[bool, bool]:
        """What Connect has said: whether the contact is over, and whether it goes on in another stream."""
        return self._hints is not None and self._hints.disconnected, self._goes_on_elsewhere

    @property
    def _goes_on_elsewhere(self) -> bool:
        """Whether another stream than this one was announced since."""
        return self._hints is not None and self._hints.stream_arn not in (None, self._stream_arn)

    @property
    def _is_through(self) -> bool:
        """Whether the call goes on in another stream, and this one has brought all it has of it."""
        return self._goes_on_elsewhere and (self._media.ended is not None or self._silent_bodies > 0)

    def _follow(self) -> None:
        """Go on in the stream that was announced since."""
        hints = self._hints
        if hints is None or hints.stream_arn is None:
            return
        _log.info("the call goes on in another stream")
        self._stream_arn, self._token, self._followed = hints.stream_arn, None, True
        self._began_at_ms = hints.resumed_at_ms or self._began_at_ms
        self._media.begin_stream(hints.stream_arn, resumed_ms=hints.resumed_at_ms)
        self._silent_since = self._observed_at = self._clock()
        self._silent_bodies = 0
        self._trouble_since, self._failures = None, 0
        self.apply_hints(hints)

    async def _read_body(self) -> EndReason | None:
        start = self._start()
        try:
            async with self._streams.media(self._stream_arn, start) as body:
                end = await self._take_body(body, start)
            if end is None and self._media.error is not None:
                raise reported(self._media.error.code, self._media.error.id, start)
        except StreamNotFound as error:
            if self._goes_on_elsewhere:
                self._follow()
            else:  # the announcement may be faster than the stream
                self._failed(error, give_up_after=self._limits.start_wait)
        except TokenRefused:
            _log.warning("the stream is read on from a time, not from the token")
            self._refused_token = start.token if isinstance(start, FromToken) else None
            self._failures += 1
        except StreamUnavailable as error:
            self._failed(error, give_up_after=self._outage_seconds)
        except MatroskaError:
            await self._take_all(self._media.take())
            self._note_damage(start)
        except UnsupportedAudio:
            await self._take_all(self._media.take())
            raise
        else:
            self._trouble_since, self._failures = None, 0
            return end
        return None

    async def _take_body(self, body: Body, start: FromTime | FromToken) -> EndReason | None:
        self._media.begin_session(read_on=self._tries >= _TRIES and start == self._damaged_at)
        position, self._told_news = self._media.position, False
        self._end, self._raised, self._look_at = None, None, -math.inf
        self._look_position = position
        while await body.read(self._hear):
            if self._raised is not None:
                raise self._raised
            if self._end is not None:
                return self._end
            if has_brought_nothing(self._evidence(), self._limits):  # the stream carries other contacts only
                break
            await self._wait_for_room()
        if self._media.error is None:
            self._observed_at = self._clock()
            if self._media.position == position and not self._told_news:
                self._silent_bodies += 1
        return None

    def _hear(self, data: bytes) -> bool:
        """Take what has arrived, and return whether more may come now."""
        try:
            has_room = self._hand_on(self._media.feed(data))
            now = self._observed_at = self._clock()
            media = self._media
            if has_room and now < self._look_at and media.position < self._look_position and media.ended is None:
                return True
            self._look_at, self._look_position = now + _LOOK_INTERVAL, media.position + SAMPLE_RATE
            self._behind(media.behind_now_ms)
            evidence = self._evidence()
            self._end = end_of(evidence, self._limits)
            return has_room and self._end is None and not has_brought_nothing(evidence, self._limits)
        except Exception as error:  # noqa: BLE001 - raised by whoever reads
            self._raised = error
            return False

    def _hand_on(self, pieces: list[StereoAudio]) -> bool:
        """Hand on audio, and return whether there is room for more."""
        has_room = True
        for audio in pieces:
            has_room = self._take(audio)
        if pieces:
            self._silent_since = self._observed_at = self._clock()
            self._silent_bodies = 0
            self._trouble_since = None
        return has_room

    async def _wait_for_room(self) -> None:
        self._waiting_since = self._clock()
        await self._room()
        self._waiting_since = None

    def _note_damage(self, start: FromTime | FromToken) -> None:
        """Count the bodies that end in damage at the same place: it may come of the way, or be in the stream."""
        place = self._start()
        self._tries = self._tries + 1 if place in (start, self._damaged_at) else 1
        self._damaged_at = place
        if self._tries == _TRIES:
            _log.warning("the stream is read on behind what cannot be read")
        error = StreamUnavailable("KinesisVideo.Unreadable", "the stream's bytes cannot be understood")
        self._failed(error, give_up_after=self._outage_seconds)

    async def _take_all(self, pieces: list[StereoAudio]) -> None:
        if not self._hand_on(pieces):
            await self._wait_for_room()

    def _start(self) -> FromTime | FromToken:
        token = self._media.continuation_token or self._token
        if token is not None and token != self._refused_token:
            return FromToken(token)
        wanted: float = self._began_at_ms
        # Streaming that was started again after a pause has nothing before, and in another stream nothing was read yet.
        if self._media.origin_ms is not None and not (self._followed and token is None):
            wanted = max(wanted, self._media.time_of(self._media.position))
        return FromTime(round(wanted) - _START_SLACK_MS)

    def _failed(self, error: SafeError, *, give_up_after: float) -> None:
        now = self._clock()
        if self._trouble_since is None:
            self._trouble_since = now
        if now - self._trouble_since >= give_up_after:
            raise error
        _log.warning("the stream is read again", extra={"error_code": error.code})
        self._failures += 1
        self._silent_bodies = 0

    async def _pace(self) -> None:
        delay = self._opened_at + _OPEN_INTERVAL - self._clock()
        if self._failures:
            delay += self._jitter() * min(_LONGEST_DELAY, _OPEN_INTERVAL * 2.0 ** min(self._failures, 10))
        if delay > 0:
            await asyncio.sleep(delay)
        self._opened_at = self._clock()

    async def _ask_if_due(self) -> None:
        if self._clock() - self._asked_at >= _ASK_INTERVAL:
            self._asked_at = self._clock()
            self.apply_hints(await self._ask())

    def _evidence(self) -> Evidence:
        now = self._clock()
        return Evidence(
            stream=self._media.ended,
            disconnected=self._told[0],
            heard=self._media.origin_ms is not None,
            silence=self._observed_at - self._silent_since,
            silent_bodies=self._silent_bodies,
            length=max(self._media.position / SAMPLE_RATE, now - self._began),
            troubled=self._trouble_since is not None,
        )
