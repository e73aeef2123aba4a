"""The audio of one contact, out of the bytes of as many GetMedia sessions as it takes.

A stream carries one contact after another, and the tags that say whose audio it was come after the audio. Audio is
therefore given out at once only if its producer session (the Segment UID) is known to be this contact's; otherwise it
is held until a tag decides. Tags of the service: Amazon Kinesis Video Streams Developer Guide, "GetMedia"; of Amazon
Connect: Amazon Connect Administrator Guide, "Access Kinesis Video Streams data".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from streamer.media.matroska import Audio, Cluster, Demuxer, Document, MatroskaError, Segment, Tags
from streamer.media.stereo import SAMPLE_BYTES, StereoAligner, StereoAudio
from transcription.live_call import SAMPLE_RATE, EndReason, Gap

CHANNELS: Final = {"AUDIO_FROM_CUSTOMER": 0, "Track_audio/L16": 0, "AUDIO_TO_CUSTOMER": 1}
"""Channel of a track by its name. Numbers of tracks, and the tags that repeat them, differ from call to call."""

_SAMPLES_PER_MS: Final = SAMPLE_RATE / 1000
_BYTES_PER_MS: Final = _SAMPLES_PER_MS * SAMPLE_BYTES
_MEDIA_TYPE: Final = "audio/l16"
_MEDIA_PARAMETERS: Final = {"rate": str(SAMPLE_RATE), "channels": "1"}
_MAX_HELD_BYTES: Final = 1 << 20  # half a minute of both tracks; an identity comes with every fragment
_MAX_HELD_BLOCKS: Final = 1 << 12
_MAX_TOKENS: Final = 128  # fragments of a second or more: twice as far back as words may be outstanding
_MAX_DIGITS: Final = 128  # of a fragment number (Kinesis Video Streams API Reference, "StartSelector")
_SHOWN: Final = 80
_MAX_CALL_MS: Final = 48 * 3_600_000
# Blocks of a track in a row of which three quarters must last about as long as it takes until the next one.
_RATE_BLOCKS: Final = 32
_RATE_MISFITS: Final = 24
_RATE_TOLERANCE: Final = 0.25


class UnsupportedAudio(Exception):
    """The stream's audio is not 16-bit PCM with 8,000 samples a second and one channel in each track.

    Attributes:
        code: ``media-type`` where the stream says so itself, ``byte-rate`` where its times say so.
        message: What was found.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class StreamError:
    """What an error document in the body says.

    Attributes:
        code: For example ``FRAGMENT_NOT_FOUND``.
        id: Its number, which is not always the documented one.
    """

    code: str
    id: str


class _Held(NamedTuple):
    channel: int
    ms: float
    pcm: bytes
    fragment: int


class CallMedia:
    """Reads one contact's audio.

    Args:
        call_id: Contact id. What belongs to other contacts is not given out.
        origin_ms: Time of position 0, milliseconds since 1970, where an earlier reader found it; by default the time
            of the contact's first block.
        position: Where the audio given out begins. A reader with the `origin_ms` of another one goes on exactly where
            that one stopped, if the stream is read from one of its `resume_token`.
        stop_fragment: Number of the contact's last fragment, where it is known.
        resumed_ms: When streaming was started again after a pause, milliseconds since 1970. Until there is audio from
            after that, other contacts are what the stream carried meanwhile.

    Attributes:
        origin_ms: Time of position 0; `None` before the first audio.
        continuation_token: Where the next session should begin, so that nothing is read twice or missed.
        behind_now_ms: How far the last complete fragment was behind the stream's end, milliseconds.
        ended: Why there will be no more audio of this contact; `None` while there may be.
        error: The failure that the service reported in this session's body, which ends after it.
    """

    def __init__(
        self,
        *,
        call_id: str,
        origin_ms: int | None = None,
        position: int = 0,
        stop_fragment: str | None = None,
        resumed_ms: int | None = None,
    ) -> None:
        self.origin_ms = origin_ms
        self.continuation_token: str | None = None
        self.behind_now_ms = 0
        self.ended: EndReason | None = None
        self.error: StreamError | None = None
        self._call_id = call_id
        self._resumed_ms = resumed_ms
        self._aligner = StereoAligner(position)
        self._rates = (_ByteRate(), _ByteRate())
        self._tokens: deque[tuple[int, str]] = deque(maxlen=_MAX_TOKENS)
        self._own_segment = b""
        self._own_number = ""
        self._fragment = 0
        self._number = ""
        self._complete = ""
        self._stop_fragment = stop_fragment
        self.begin_session()

    @property
    def stop_fragment(self) -> str | None:
        """Number of the contact's last fragment; may be set at any time, even after that has passed.

        It is not taken where audio of the contact came in a later fragment already.
        """
        return self._stop_fragment

    @stop_fragment.setter
    def stop_fragment(self, number: str | None) -> None:
        # Audio from behind it came because streaming was started again: the announcement of that is under way.
        self._stop_fragment = None if _is_behind(self._own_number, number) else number
        self._judge_number(self._complete)

    @property
    def position(self) -> int:
        """Position after the audio given out so far."""
        return self._aligner.position

    def begin_session(self) -> None:
        """Expect the body of a new GetMedia request. What came before stays as it is."""
        self.error = None
        self._demuxer = Demuxer()
        self._held: deque[_Held] = deque()
        self._held_bytes = 0
        self._held_segment = b""
        self._end = self._aligner.position
        self._begin_fragment()

    def feed(self, data: bytes) -> list[StereoAudio]:
        """Take bytes of the body, however they are cut, and return the audio that they complete.

        Pieces follow one another without a hole, except after a jump: more time without audio than is worth silence.
        After the contact's end nothing more comes.

        Raises:
            MatroskaError: The body cannot be read on; the next session should begin at `continuation_token`. What was
                read until then is returned by the next session's first `feed`, or `flush`.
            UnsupportedAudio: The audio cannot be transcribed as it is.
        """
        for event in self._demuxer.feed(data):
            if self.ended is not None:
                break
            match event:
                case Audio():
                    self._audio(event)
                case Tags():
                    self._tags(event.values)
                case Cluster():
                    self._begin_cluster(event.ms)
                case Segment():
                    self._begin_segment(event.uid)
                case Document():
                    self._begin_fragment()
        return self._aligner.take()

    def flush(self) -> list[StereoAudio]:
        """Return what waits for the other track. For the end of the call: what comes later for this time is lost."""
        return self._aligner.flush()

    def take_gaps(self) -> list[Gap]:
        """Return where, since the last call, the stream turned out to have no audio of either track."""
        return self._aligner.take_gaps()

    def resume_token(self, position: int) -> str | None:
        """Return the token from which a session brings everything from `position` on.

        That is the one of the newest fragment that ends there or earlier, so that it does not matter whether the
        service begins with that fragment or the next. `None` where this reader has seen none.
        """
        return next((token for end, token in reversed(self._tokens) if end <= position), None)

    def _begin_fragment(self) -> None:
        self._fragment += 1
        self._number = ""
        self._segment: bytes | None = None
        self._mine = False
        self._other = False
        self._media_type: str | None = None
        self._cluster_ms: float | None = None

    def _begin_segment(self, uid: bytes) -> None:
        if not uid or uid != self._held_segment:
            self._drop_held()
        self._segment = self._held_segment = uid
        if self._mine:  # said by tags in front of it
            self._claim()
        elif uid and not self._other:
            self._mine = uid == self._own_segment

    def _begin_cluster(self, ms: float) -> None:
        self._cluster_ms = ms
        if self._segment is None:
            self._begin_segment(b"")
        self._judge_other()

    def _audio(self, block: Audio) -> None:
        track, ms, pcm = block
        channel = CHANNELS.get(track)
        if channel is None or self._other:
            return
        if self._mine:
            self._place(channel, ms, pcm, self._fragment)
            return
        self._held.append(_Held(channel, ms, pcm, self._fragment))
        self._held_bytes += len(pcm)
        while self._held_bytes > _MAX_HELD_BYTES or len(self._held) > _MAX_HELD_BLOCKS:
            self._held_bytes -= len(self._held.popleft().pcm)

    def _place(self, channel: int, ms: float, pcm: bytes, fragment: int) -> None:
        if self.origin_ms is None:
            self.origin_ms = round(ms)
        since_origin = ms - self.origin_ms
        if abs(since_origin) > _MAX_CALL_MS:
            raise MatroskaError("a block is days away from the call")
        self._rates[channel].check(ms, pcm)
        self._own_number = self._number
        end = self._aligner.push(channel, round(since_origin * _SAMPLES_PER_MS), pcm, fragment)
        self._end = max(self._end, end)

    def _tags(self, values: Mapping[str, str]) -> None:
        if "AWS_KINESISVIDEO_ERROR_CODE" in values:
            self.error = StreamError(values["AWS_KINESISVIDEO_ERROR_CODE"], values.get("AWS_KINESISVIDEO_ERROR_ID", ""))
            return
        if "AWS_KINESISVIDEO_FRAGMENT_NUMBER" in values:
            self._number = values["AWS_KINESISVIDEO_FRAGMENT_NUMBER"]
            self._judge_number(self._number, beyond=True)
        self._media_type = values.get("MimeType", self._media_type)
        contact = values.get("ContactId")
        if contact == self._call_id:
            self._mine = True
            self._claim()
        elif contact is not None:
            self._mine, self._other = False, True
            self._drop_held()
            self._judge_other()
        if self._mine and self._media_type is not None:
            _require_supported(self._media_type)
        if "AWS_KINESISVIDEO_CONTINUATION_TOKEN" in values:
            self._end_fragment(values)

    def _claim(self) -> None:
        """Give out what is held, as soon as it is certain that it is of the same producer session."""
        if self._segment is None:
            return
        self._own_segment = self._segment
        held = list(self._held)
        self._drop_held()
        for block in held:
            self._place(*block)

    def _drop_held(self) -> None:
        self._held.clear()
        self._held_bytes = 0

    def _end_fragment(self, values: Mapping[str, str]) -> None:
        behind = _decimal(values.get("AWS_KINESISVIDEO_MILLIS_BEHIND_NOW", ""))
        if behind is not None:
            self.behind_now_ms = behind
        if not self._held:  # otherwise it must come again, should the session end before its owner is known
            self.continuation_token = values["AWS_KINESISVIDEO_CONTINUATION_TOKEN"]
            if self._mine:
                self._tokens.append((self._end, self.continuation_token))
        self._complete = self._number
        self._judge_number(self._complete)

    def _judge_other(self) -> None:
        """Another contact's audio ends this one, unless it is what the stream carried before."""
        if not self._other or self._cluster_ms is None or self.origin_ms is None:
            return
        heard_until_ms = self.origin_ms + self._end / _SAMPLES_PER_MS
        if self._resumed_ms is not None and heard_until_ms < self._resumed_ms:
            return
        if self._cluster_ms >= self.origin_ms:
            self.ended = EndReason.OTHER_CONTACT

    def _judge_number(self, number: str, *, beyond: bool = False) -> None:
        if _is_behind(number, self._stop_fragment) or (not beyond and number and number == self._stop_fragment):
            self.ended = EndReason.STOP_FRAGMENT


class _ByteRate:
    """Compares the length of a track's blocks with the time between them."""

    def __init__(self) -> None:
        self._due_ms: float | None = None
        self._tolerance_ms = 0.0
        self._blocks = 0
        self._misfits = 0

    def check(self, ms: float, pcm: bytes) -> None:
        length_ms = len(pcm) / _BYTES_PER_MS
        if self._due_ms is not None:
            self._blocks += 1
            late_ms = ms - self._due_ms
            if not -self._tolerance_ms <= late_ms <= self._tolerance_ms:
                self._misfits += 1 if late_ms > 0 else -1  # jitter goes both ways
                if abs(self._misfits) >= _RATE_MISFITS:
                    raise UnsupportedAudio(
                        "byte-rate",
                        f"{abs(self._misfits)} of {self._blocks} blocks do not have {SAMPLE_RATE} samples a second",
                    )
            if self._blocks == _RATE_BLOCKS:
                self._blocks = self._misfits = 0
        self._due_ms = ms + length_ms
        self._tolerance_ms = 1 + length_ms * _RATE_TOLERANCE


@lru_cache(maxsize=16)  # every fragment says the same
def _require_supported(media_type: str) -> None:
    kind, *parameters = (part.strip().lower() for part in media_type.split(";"))
    given = dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)
    if kind != _MEDIA_TYPE or any(given.get(name, value) != value for name, value in _MEDIA_PARAMETERS.items()):
        raise UnsupportedAudio("media-type", f"the stream carries {media_type[:_SHOWN]!r}")


def _is_behind(number: str, other: str | None) -> bool:
    """Whether one fragment comes after another; not where one of them is unknown."""
    later, earlier = _decimal(number), _decimal(other or "")
    return later is not None and earlier is not None and later > earlier


def _decimal(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= _MAX_DIGITS else None
