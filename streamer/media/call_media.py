"""The audio of one contact, out of the bytes of as many GetMedia sessions as it takes.

A stream carries one contact after another, and the tags that say whose audio it was come after the audio. Audio is
therefore given out at once only if it goes on, without a hole, in a producer session (the Segment UID) that is known to
be this contact's; otherwise it is held until a tag decides. Tags of the service: Amazon Kinesis Video Streams Developer
Guide, "GetMedia"; of Amazon Connect: Amazon Connect Administrator Guide, "Access Kinesis Video Streams data".

A fragment is told from others by its number, never by its time: one that was read already comes again, any other is
new. Numbers grow within a stream, and GetMedia sends fragments in their order (Amazon Kinesis Video Streams API
Reference, "Fragment" and "GetMedia").
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from callscribe.live.call import SAMPLE_RATE, EndReason, Gap
from callscribe.live.gaps import merged
from streamer.media.clock import SAMPLES_PER_MS, SMALLEST_GAP, CallClock, ClockState, ClockStep
from streamer.media.matroska import Audio, Cluster, Damage, Demuxer, Document, Segment, Tags
from streamer.media.stereo import SAMPLE_BYTES, StereoAligner, StereoAudio

CHANNELS: Final = {"AUDIO_FROM_CUSTOMER": 0, "Track_audio/L16": 0, "AUDIO_TO_CUSTOMER": 1}
"""Channel of a track by its name. Numbers of tracks, and the tags that repeat them, differ from call to call."""

_BYTES_PER_MS: Final = SAMPLES_PER_MS * SAMPLE_BYTES
_MEDIA_TYPE: Final = "audio/l16"
_MEDIA_PARAMETERS: Final = {"rate": str(SAMPLE_RATE), "channels": "1"}
_MAX_HELD_BYTES: Final = 1 << 20  # half a minute of both tracks; an identity comes with every fragment
_MAX_HELD_BLOCKS: Final = 1 << 12
_MAX_POINTS: Final = 128  # fragments of a second or more: twice as far back as words may be outstanding
_MAX_DIGITS: Final = 128  # of a fragment number (Kinesis Video Streams API Reference, "StartSelector")
_SHOWN: Final = 80
_ALL: Final = sys.maxsize
# The first intervals between a call's blocks, and how many of them a block must not fill for another rate.
_RATE_BLOCKS: Final = 32
_RATE_MISFITS: Final = 30
_RATE_TOLERANCE: Final = 0.25
# Later on: audio in milliseconds, and the share of it within which its blocks follow one another.
_RATE_MS: Final = 20_000
_RATE_SHARE: Final = 0.75


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumePoint:
    """Where another reader can go on: behind a fragment, with the call's clock as it stood there.

    Attributes:
        token: Continuation token from which a session brings everything after the fragment.
        fragment: The fragment's number; "" where it has none.
        clock: The state of the call's clock behind it.
        stream: Name of the stream to which both belong; "" where nobody said.
        segment: UID of the producer session to which the fragment belongs, hexadecimal: later fragments of it may have
            no tags of their own. "" where it is not known.
    """

    token: str
    fragment: str = ""
    clock: ClockState = ClockState()  # noqa: RUF009 - frozen
    stream: str = ""
    segment: str = ""


class _Fragment:
    """The fragment that is being read.

    Attributes:
        name: Its number; something made up as long as it has none.
        number: Its number, to be compared; `None` as long as it has none.
        segment: Segment UID; `None` before it is known.
        mine: Whether its audio is the contact's, as far as is known.
        told: Whether its own tags have said so.
        other: Whether its tags have said that it is another contact's.
        media_type: What its tags say that its audio is.
        cluster_ms: Time of its audio; `None` before that begins.
        blocks: Blocks of the contact's tracks so far.
        passed: How many of them, from the first on, were taken in an earlier session.
        complete: Whether it has come to its end.
    """

    __slots__ = (
        *("blocks", "cluster_ms", "complete", "media_type", "mine", "name", "number"),
        *("other", "passed", "segment", "told"),
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.number: int | None = None
        self.segment: bytes | None = None
        self.mine = self.told = self.other = self.complete = False
        self.media_type: str | None = None
        self.cluster_ms: float | None = None
        self.blocks = 0
        self.passed = 0


class _Block(NamedTuple):
    fragment: _Fragment
    number: int
    channel: int
    ms: float
    pcm: bytes

    @property
    def end_ms(self) -> float:
        return self.ms + len(self.pcm) / _BYTES_PER_MS


class _Unread(NamedTuple):
    """Bytes that could not be read, behind blocks that are held."""

    length: int


class _Before(NamedTuple):
    """How things stood before a fragment."""

    fragment: _Fragment
    clock: ClockState
    ends: tuple[int, ...]
    own_number: int | None
    own_end_ms: float | None


class CallMedia:
    """Reads one contact's audio.

    Args:
        call_id: Contact id. What belongs to other contacts is not given out.
        origin_ms: Time of position 0, milliseconds since 1970, where an earlier reader found it; by default the time
            of the contact's first block.
        position: Where the audio given out begins. A reader with the `origin_ms` and a `resume_point` of another one
            goes on exactly where that one stopped.
        resume: Where the stream is read on. Without it the places of audio follow from their times alone.
        clock_steps: Those that earlier readers found.
        stop_fragment: Number of the contact's last fragment, where it is known.
        resumed_ms: When streaming was started again after a pause, milliseconds since 1970. Until there is audio from
            after that, other contacts are what the stream carried meanwhile.
        stream: Name of the stream that is read, for `resume_point`.
        begun_in: Number of the fragment of it that brought the contact's first audio, where an earlier reader found it:
            others in front of that are no end, whatever their times.

    Attributes:
        continuation_token: Where the next session should begin, so that nothing is read twice or missed.
        behind_now_ms: How far the last complete fragment was behind the stream's end, milliseconds.
        ended: Why there will be no more audio of this contact in this stream; `None` while there may be.
        error: The failure that the service reported in this session's body, which ends after it.
        over: Whether the contact is known to be over. What still comes is given out once its own tags have come.
        first_fragment: Number of the fragment that brought the contact's first audio; "" where an earlier reader found
            that, or it has none.
    """

    def __init__(
        self,
        *,
        call_id: str,
        origin_ms: int | None = None,
        position: int = 0,
        resume: ResumePoint | None = None,
        clock_steps: tuple[ClockStep, ...] = (),
        stop_fragment: str | None = None,
        resumed_ms: int | None = None,
        stream: str = "",
        begun_in: str = "",
    ) -> None:
        self.behind_now_ms = 0
        self.error: StreamError | None = None
        self.first_fragment = ""
        self.over = False
        self._resumed_ms = resumed_ms
        self._call_id = call_id
        self._clock = CallClock(
            origin_ms=origin_ms, position=position, state=None if resume is None else resume.clock, steps=clock_steps
        )
        self._aligner = StereoAligner(position)
        # Audio of a call that goes on in its middle may begin with a hole.
        self._rates = tuple(_ByteRate(begun=origin_ms is not None) for _ in range(2))
        self._points: deque[ResumePoint] = deque(maxlen=_MAX_POINTS)
        self._expected: set[int] = set()
        self._stop_fragment = stop_fragment
        self._read_numbers: dict[str, int | None] = {}
        if resume is not None:
            self._read_numbers[resume.stream] = _decimal(resume.fragment)
        self._elsewhere = resume is not None and resume.stream != stream
        self._begin_stream(stream)
        self._own_number = _decimal(begun_in) if self._read_number is None else self._read_number
        if resume is not None and not self._elsewhere:
            self._recall_session(resume)

    @property
    def origin_ms(self) -> int | None:
        """Time of position 0; `None` before the first audio."""
        return self._clock.origin_ms

    @property
    def position(self) -> int:
        """Position after the audio given out so far."""
        return self._aligner.position

    @property
    def clock_steps(self) -> tuple[ClockStep, ...]:
        """Where the producer's clock was found to have been set, by this reader or an earlier one; the first ones."""
        return tuple(self._clock.steps)

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
        self._judge_number(self._complete_number)

    def time_of(self, position: int) -> float:
        """Return what the producer's clock, as it goes now, shows at a position; milliseconds since 1970."""
        return self._clock.time_of(position)

    def begin_stream(self, name: str, *, resumed_ms: int | None) -> None:
        """Go on in another stream. The numbers of its fragments say nothing about those of the stream before.

        Args:
            name: The stream, for `resume_point`.
            resumed_ms: When streaming was started in it, milliseconds since 1970.
        """
        self._read_numbers[self._stream] = self._read_number
        self._stop_fragment = None
        self._resumed_ms = resumed_ms
        self._elsewhere = True  # until the contact's audio comes here too, others are those before it
        self._begin_stream(name)

    def begin_session(self, *, read_on: bool = False) -> None:
        """Expect the body of a new GetMedia request. What came before stays as it is.

        Args:
            read_on: Whether to read on behind what cannot be read, which is a gap then.
        """
        self.error = None
        self._demuxer = Demuxer(read_on=read_on)
        self._held: deque[_Block | _Unread] = deque()
        self._held_bytes = 0
        self._held_segment = b""
        self._damage = 0
        self._fragment = self._new_fragment()

    def feed(self, data: bytes) -> list[StereoAudio]:
        """Take bytes of the body, however they are cut, and return the audio that they complete.

        Pieces follow one another without a hole, except after a jump: more time without audio than is worth silence.
        After the contact's end nothing more comes.

        Raises:
            MatroskaError: The body cannot be read on; the next session should begin at `continuation_token`. What was
                read until then is returned by `take`, or the next session's first `feed`.
            UnsupportedAudio: The audio cannot be transcribed as it is; `take` returns what came before.
        """
        place = self._audio
        for event in self._demuxer.feed(data):
            if self.ended is not None:
                break
            if self._fragment.complete:
                self._fragment = self._new_fragment()
            if event.__class__ is Audio:  # nearly everything
                place(event)
                continue
            match event:
                case Tags():
                    self._tags(event.values)
                case Cluster():
                    self._begin_cluster(event.ms)
                case Segment():
                    self._begin_segment(event.uid)
                case Document():
                    self._fragment = self._new_fragment()
                case Damage():
                    self._note_damage(event.length)
        return self._aligner.take()

    def take(self) -> list[StereoAudio]:
        """Return the audio that is complete and has not been given out."""
        return self._aligner.take()

    def flush(self) -> list[StereoAudio]:
        """Return what waits for the other track. For the end of the call: what comes later for this time is lost."""
        self._note_unidentified()
        self._settle_held()
        self._clock.finish()
        return self._aligner.flush()

    def take_gaps(self) -> list[Gap]:
        """Return where, since the last call, audio turned out to be missing, of both tracks or of one."""
        gaps, late = self._clock.take_gaps(), self._aligner.take_gaps()
        return list(merged((*gaps, *late))) if late else gaps

    def resume_point(self, position: int) -> ResumePoint | None:
        """Return from where another reader gets everything from `position` on, at the places that it has here.

        That is behind the newest fragment that ends there or earlier, so that it does not matter whether the service
        begins with that fragment or the next. `None` where this reader has seen none.
        """
        return next((point for point in reversed(self._points) if (point.clock.end or 0) <= position), None)

    def resume_token(self, position: int) -> str | None:
        """Return the token of the `resume_point`."""
        point = self.resume_point(position)
        return None if point is None else point.token

    def _begin_stream(self, name: str) -> None:
        self._stream = name
        self.continuation_token: str | None = None
        self.ended: EndReason | None = None
        self._unnamed = 0
        self._own_segment = b""
        self._own_end_ms: float | None = None
        self._before: _Before | None = None
        # Numbers of fragments: the last one read whole; one read in part, and how many blocks of it; the last one with
        # audio of the contact; the last one that was complete.
        self._read_number = self._read_numbers.get(name)
        self._part: tuple[int, int] | None = None
        self._own_number = self._read_number
        self._complete_number: int | None = None
        self.begin_session()

    def _recall_session(self, resume: ResumePoint) -> None:
        """Know the contact's producer session as the reader did that has come to this point."""
        self._own_segment = bytes.fromhex(resume.segment)
        if resume.clock.end is not None:
            self._own_end_ms = self._clock.time_of(resume.clock.end)

    def _new_fragment(self) -> _Fragment:
        self._unnamed += 1
        return _Fragment(f"#{self._unnamed}")

    def _begin_segment(self, uid: bytes) -> None:
        fragment = self._fragment
        if not uid or uid != self._held_segment:
            self._settle_held()
        fragment.segment = self._held_segment = uid
        if fragment.mine:  # said by tags in front of it
            self._claim()
        elif uid and not fragment.other:
            fragment.mine = uid == self._own_segment

    def _begin_cluster(self, ms: float) -> None:
        fragment = self._fragment
        fragment.cluster_ms = ms
        if fragment.segment is None:
            self._begin_segment(b"")
        if fragment.mine and not fragment.told and not fragment.passed and (self.over or self._is_apart(ms)):
            fragment.mine = False
        self._judge_other()

    def _is_apart(self, ms: float) -> bool:
        """Whether audio does not simply go on: only then may it be the next contact's."""
        return self._own_end_ms is not None and abs(ms - self._own_end_ms) >= SMALLEST_GAP / SAMPLES_PER_MS

    def _audio(self, block: Audio) -> None:
        fragment = self._fragment
        channel = CHANNELS.get(block.track)
        if channel is None or fragment.other:
            return
        fragment.blocks = number = fragment.blocks + 1
        if number <= fragment.passed:
            return
        if fragment.mine:
            self._place(fragment, number, channel, block.ms, block.pcm)
        else:
            self._hold(_Block(fragment, number, channel, block.ms, block.pcm), len(block.pcm))

    def _hold(self, what: _Block | _Unread, length: int) -> None:
        self._held.append(what)
        self._held_bytes += length
        while self._held_bytes > _MAX_HELD_BYTES or len(self._held) > _MAX_HELD_BLOCKS:
            dropped = self._held.popleft()
            self._held_bytes -= len(dropped.pcm) if isinstance(dropped, _Block) else 0

    def _place(self, fragment: _Fragment, number: int, channel: int, ms: float, pcm: bytes) -> None:
        if self._before is None or self._before.fragment is not fragment:
            self._begin_placing(fragment)
        size, clock, own_number = len(pcm), self._clock, fragment.number
        length_ms = size / _BYTES_PER_MS
        self._rates[channel].check(ms, length_ms)
        fresh = own_number is not None
        if clock.origin_ms is None and fresh:
            self.first_fragment = fragment.name
        start = clock.place(
            channel,
            ms,
            size // SAMPLE_BYTES,
            fragment=fragment.name,
            fresh=fresh,
            session=fragment.segment or b"",
        )
        self._aligner.push(channel, start, pcm, fresh=fresh)
        self._own_end_ms = ms + length_ms
        if own_number is not None:
            self._own_number = own_number
            self._part = (own_number, number)

    def _begin_placing(self, fragment: _Fragment) -> None:
        self._before = _Before(fragment, self._clock.state, self._aligner.ends, self._own_number, self._own_end_ms)
        self._damage = 0
        self._elsewhere = False
        if self._part is not None and self._part[0] != fragment.number:
            self._note_read(self._part[0])  # no more of it will come
        for channel in self._channels() - self._expected:
            self._expected.add(channel)
            self._aligner.expect(channel)

    def _channels(self) -> set[int]:
        """Channels that the present fragment may have."""
        return {CHANNELS[name] for name in self._demuxer.tracks if name in CHANNELS}

    def _take_back(self) -> None:
        """Undo that the audio of the present fragment was taken for the contact's, as far as it is not given out."""
        before = self._before
        if before is None or before.fragment is not self._fragment:
            return
        self._clock.restore(before.clock)
        self._aligner.cut(before.ends)
        self._own_number, self._own_end_ms = before.own_number, before.own_end_ms
        self._own_segment, self._part = b"", None

    def _tags(self, values: Mapping[str, str]) -> None:
        fragment = self._fragment
        if "AWS_KINESISVIDEO_ERROR_CODE" in values or "AWS_KINESISVIDEO_ERROR_ID" in values:
            self.error = StreamError(*(values.get(f"AWS_KINESISVIDEO_ERROR_{name}", "") for name in ("CODE", "ID")))
            return
        if "AWS_KINESISVIDEO_FRAGMENT_NUMBER" in values:
            self._name(fragment, values["AWS_KINESISVIDEO_FRAGMENT_NUMBER"])
            self._judge_number(fragment.number, beyond=True)
        fragment.media_type = values.get("MimeType", fragment.media_type)
        contact = values.get("ContactId")
        if contact == self._call_id:
            fragment.mine = fragment.told = True
            self._claim()
        elif contact is not None:
            fragment.mine, fragment.other = False, True
            self._take_back()
            self._drop_held()
            self._judge_other()
        if fragment.mine and fragment.media_type is not None:
            _require_supported(fragment.media_type)
        if "AWS_KINESISVIDEO_CONTINUATION_TOKEN" in values:
            self._end_fragment(values)

    def _name(self, fragment: _Fragment, number: str) -> None:
        fragment.number = _decimal(number)
        if fragment.number is None:
            return
        fragment.name = number
        if self._is_read(fragment.number):
            fragment.passed = _ALL
        elif self._part is not None and self._part[0] == fragment.number:
            fragment.passed = self._part[1]

    def _claim(self) -> None:
        """Give out what is held, as soon as it is certain that it is of the same producer session."""
        if self._fragment.segment is None:
            return
        self._own_segment = self._fragment.segment
        self._place_held()

    def _place_held(self) -> None:
        held = list(self._held)
        self._drop_held()
        for one in held:
            if isinstance(one, _Block):
                self._place(*one)
            else:
                self._note_unread(one.length)

    def _settle_held(self) -> None:
        """Decide on what is held when no tag of its session can come any more."""
        if self._held_segment and self._held_segment == self._own_segment:
            self._place_held()
            return
        unread = sum(one.length for one in self._held if isinstance(one, _Unread))
        self._drop_held()
        if unread:  # with what was held in front of it, whoever's that was
            self._note_unread(unread)

    def _drop_held(self) -> None:
        self._held.clear()
        self._held_bytes = 0

    def _end_fragment(self, values: Mapping[str, str]) -> None:
        fragment = self._fragment
        fragment.complete = True
        behind = _decimal(values.get("AWS_KINESISVIDEO_MILLIS_BEHIND_NOW", ""))
        if behind is not None:
            self.behind_now_ms = behind
        if self._held and fragment.segment and fragment.segment == self._own_segment:
            fragment.mine = True  # nobody else's, though it did not simply go on
            self._claim()
        if not self._held:  # otherwise it must come again, should the session end before its owner is known
            self.continuation_token = values["AWS_KINESISVIDEO_CONTINUATION_TOKEN"]
            if fragment.mine and not self._is_read(fragment.number):
                self._note_read(fragment.number)
                self._points.append(
                    ResumePoint(
                        token=self.continuation_token,
                        fragment=fragment.name if fragment.number is not None else "",
                        clock=self._clock.state,
                        stream=self._stream,
                        segment=self._own_segment.hex(),
                    )
                )
        self._complete_number = fragment.number
        self._judge_number(fragment.number)

    def _is_read(self, number: int | None) -> bool:
        return number is not None and self._read_number is not None and number <= self._read_number

    def _note_read(self, number: int | None) -> None:
        if number is not None and not self._is_read(number):
            self._read_number, self._part = number, None

    def _note_damage(self, length: int) -> None:
        fragment = self._fragment
        if fragment.other or fragment.passed == _ALL:
            return
        if self._held:
            self._hold(_Unread(length), 0)
        else:
            self._note_unread(length)

    def _note_unread(self, length: int) -> None:
        if self.origin_ms is not None:  # what is missing in front of all is seen by who knows when the call began
            self._damage += length
            self._clock.note_damage(self._damage // (SAMPLE_BYTES * max(1, len(self._channels()))))

    def _note_unidentified(self) -> None:
        """Note audio behind the contact's of which no tag has said whose it is."""
        damaged = any(isinstance(one, _Unread) for one in self._held)
        held = [one for one in self._held if isinstance(one, _Block) and (one.fragment.complete or damaged)]
        if held and self.origin_ms is not None and self._held_segment != self._own_segment:
            length_ms = max(block.end_ms for block in held) - min(block.ms for block in held)
            self._clock.note_unidentified(round(length_ms * SAMPLES_PER_MS))

    def _judge_other(self) -> None:
        """Another contact's audio ends this one, unless it is what the stream carried before."""
        fragment = self._fragment
        if not fragment.other or fragment.cluster_ms is None or self.origin_ms is None:
            return
        heard_until_ms = self.origin_ms + self._clock.end / SAMPLES_PER_MS
        if self._resumed_ms is not None and heard_until_ms < self._resumed_ms:
            return
        if fragment.number is not None and self._own_number is not None:
            behind = fragment.number > self._own_number
        else:
            behind = not self._elsewhere and fragment.cluster_ms >= self.origin_ms
        if behind:
            self.ended = EndReason.OTHER_CONTACT

    def _judge_number(self, number: int | None, *, beyond: bool = False) -> None:
        stop = _decimal(self._stop_fragment or "")
        if number is not None and stop is not None and (number > stop or (number == stop and not beyond)):
            self.ended = EndReason.STOP_FRAGMENT


class _ByteRate:
    """Compares the length of a track's blocks with the time between them.

    A line that loses blocks, or cuts them short, has too little audio for a while, which other rates have from the
    beginning; too much audio no line can have.

    Args:
        begun: Whether the track's beginning has been judged by another reader.
    """

    def __init__(self, *, begun: bool) -> None:
        self._begun = begun
        self._last_ms: float | None = None
        self._last_length_ms = 0.0
        self._blocks = 0
        self._misfits = 0
        self._length_ms = 0.0
        self._passed_ms = 0.0

    def check(self, ms: float, length_ms: float) -> None:
        last_ms, last_length_ms = self._last_ms, self._last_length_ms
        self._last_ms, self._last_length_ms = ms, length_ms
        if last_ms is None:
            return
        passed_ms, length_ms = ms - last_ms, last_length_ms
        if not self._begun:
            self._judge_beginning(passed_ms - length_ms, length_ms)
        self._length_ms += length_ms
        self._passed_ms += length_ms if passed_ms < 0 else passed_ms  # a clock that was set back tells nothing
        if self._length_ms >= _RATE_MS:
            if self._passed_ms <= self._length_ms * _RATE_SHARE:
                raise _other_rate(f"the blocks of {self._passed_ms / 1000:.0f} seconds")
            self._length_ms = self._passed_ms = 0.0

    def _judge_beginning(self, late_ms: float, length_ms: float) -> None:
        self._blocks += 1
        if abs(late_ms) > 1 + length_ms * _RATE_TOLERANCE:
            self._misfits += 1 if late_ms > 0 else -1  # jitter goes both ways
        if self._blocks == _RATE_BLOCKS:
            if abs(self._misfits) >= _RATE_MISFITS:
                raise _other_rate(f"{abs(self._misfits)} of the first {_RATE_BLOCKS} blocks")
            self._begun = True


def _other_rate(what: str) -> UnsupportedAudio:
    return UnsupportedAudio("byte-rate", f"{what} do not have {SAMPLE_RATE} samples a second")


@lru_cache(maxsize=16)  # every fragment says the same
def _require_supported(media_type: str) -> None:
    kind, *parameters = (part.strip().lower() for part in media_type.split(";"))
    given = dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)
    if kind != _MEDIA_TYPE or any(given.get(name, value) != value for name, value in _MEDIA_PARAMETERS.items()):
        raise UnsupportedAudio("media-type", f"the stream carries {media_type[:_SHOWN]!r}")


def _is_behind(number: int | None, other: str | None) -> bool:
    """Whether one fragment comes after another; not where one of them is unknown."""
    earlier = _decimal(other or "")
    return number is not None and earlier is not None and number > earlier


def _decimal(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= _MAX_DIGITS else None
